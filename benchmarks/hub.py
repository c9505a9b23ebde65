"""Events a second from shops to a hub's store, on one machine: ``python benchmarks/hub.py STORE``.

STORE is a URL as of ``aeras hub --store``, or ``chdb:FOLDER``. Spools are filled first; then the
hub is started and the clock runs until every event is stored. Edges, NATS server, hub and
database share the machine.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from aeras.fleet.credentials import context
from aeras.fleet.passes import Passes
from aeras.fleet.sender import Sender
from aeras.fleet.spool import Spool
from aeras.lab.chdb import served
from aeras.lab.load import _shop
from aeras.lab.simulate import simulate
from aeras.store.opening import open_events

PORT = 14222
START_S = 60.0


def main() -> None:
    """Fills, sends, prints one line of JSON."""
    ask = argparse.ArgumentParser()
    ask.add_argument("store")
    ask.add_argument("--events", type=int, default=400_000)
    ask.add_argument("--shops", type=int, default=4)
    given = ask.parse_args()
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aeras-hub-")))
        url = given.store
        if url.startswith("chdb:"):
            url = stack.enter_context(served(Path(url.removeprefix("chdb:"))))
        print(json.dumps(measure(room, url, given.events, given.shops)))


def measure(room: Path, url: str, events: int, shops: int) -> dict[str, object]:
    """See the module."""
    site = room / "hub.yaml"
    site.write_text(f"site: {{name: Load}}\nhub: {{host: 127.0.0.1, port: {PORT}}}\n")
    (room / "data").mkdir()
    passes = Passes(room / "data" / "hub")
    made = simulate(_shop(), 10, seed=7, now=datetime.now(UTC)).events
    rng = np.random.default_rng(7)
    senders = []
    for number in range(shops):
        shop = f"shop-{number}"
        (room / shop).write_bytes(passes.add(shop))
        spool = Spool(room / f"{shop}.sqlite", shop)
        for start in range(0, events // shops, 500):
            part = [made[(start + k) % len(made)] for k in range(500)]
            spool.put([replace(e, id=rng.bytes(16).hex(), site=shop) for e in part])
        senders.append(
            (spool, Sender(f"tls://localhost:{PORT}", shop, spool, tls=context(room / shop)))
        )
    wanted = sum(spool.waiting for spool, _ in senders)
    command = [sys.executable, "-m", "aeras.cli", "hub", str(site), "--store", url, "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as hub:
        try:
            assert hub.stderr is not None
            hub.stderr.readline()  # shops may send
            began = time.perf_counter()
            for _, sender in senders:
                sender.start()
            while sum(spool.waiting for spool, _ in senders):
                time.sleep(0.1)
            sent_s = time.perf_counter() - began
            store = open_events(url)
            while store.count() < wanted:
                time.sleep(0.1)
            took = time.perf_counter() - began
            stored = store.count()
            store.close()
        finally:
            hub.send_signal(signal.SIGTERM)
            for _, sender in senders:
                sender.stop()
    return {
        "events": wanted,
        "stored": stored,
        "shops": shops,
        "sent_s": round(sent_s, 1),
        "seconds": round(took, 1),
        "events_per_s": round(wanted / took),
    }


if __name__ == "__main__":
    main()

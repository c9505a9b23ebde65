"""How fast sales come in: `python benchmarks/connectors.py csv MB` and `... webhook N`."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

from aeras.config import load_site
from aeras.connect.folder import FolderOptions
from aeras.connect.intake import Place
from aeras.connect.port import Context
from aeras.connect.sync import Feed, Stores
from aeras.domain.ports import utc_now
from aeras.domain.shop import Item, Shop
from aeras.domain.signing import signed_headers
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.runtime import Runtime
from aeras.wiring.scaffold import write_example
from aeras.wiring.web import bind, make_web

KEY = b"k" * 32
ITEMS = 500


def write_export(path: Path, megabytes: int) -> int:
    """A till's export: two lines a receipt, about 170 bytes a line. How many lines."""
    note, rows, size = "n" * 120, 0, 0
    with path.open("w") as file:
        file.write("receipt,at,sku,quantity,amount,cashier,note,customer\n")
        while size < megabytes * 1_000_000:
            for _ in range(10_000):
                rows += 1
                at = f"2026-11-{1 + rows % 20:02d} {rows % 24:02d}:15:00"
                size += file.write(
                    f"{rows // 2},{at},item-{rows % ITEMS},1,1.29,till-{rows % 9},{note},none\n"
                )
    os.utime(path, (1.7e9, 1.7e9))
    return rows


def read_csv(folder: Path, megabytes: int) -> dict[str, object]:
    """Reads one export into fresh stores."""
    (folder / "exports").mkdir()
    rows = write_export(folder / "exports" / "till.csv", megabytes)
    items = tuple(Item(f"item-{n}", f"Item {n}", price=129) for n in range(ITEMS))
    store, control = DuckEvents(folder / "events.duckdb"), Control(folder / "control.sqlite")
    options = FolderOptions(id="till", path="exports")
    before = _rss_mb()
    feed = Feed(
        options,
        options.build(Context(folder, utc_now, "Europe/Berlin", "EUR")),
        stores=Stores(control, store),
        shop=Shop("shop", "Shop", "Europe/Berlin", items, (), ()),
        place=Place("shop", "EUR", timedelta(minutes=15)),
        clock=utc_now,
        rng=random.Random(0),  # noqa: S311 - spreads pauses
    )
    started, cpu = time.monotonic(), time.process_time()
    state = feed.run()
    sold = sum(store.sold(datetime(2026, 1, 1, tzinfo=UTC), utc_now()).values())
    store.close()
    control.close()
    return {
        "rows": rows,
        "status": state.status.value,
        "sold": sold,
        "seconds": round(time.monotonic() - started),
        "cpu_s": round(time.process_time() - cpu),
        "rss_before_mb": before,
        "rss_peak_mb": _rss_mb(),
    }


def send_webhooks(folder: Path, count: int) -> dict[str, object]:
    """From sending a webhook to a running shop until its sale is counted."""
    os.environ["POS_SECRET"] = "whsec_" + base64.b64encode(KEY).decode()
    path = write_example(folder / "shop")
    more = '\nconnectors:\n  - {id: pos, kind: webhook, secret: "${POS_SECRET}"}\n'
    path.write_text(path.read_text() + more)
    runtime = Runtime(load_site(path), cameras=False)
    sock = bind("127.0.0.1", 0)
    web, port = make_web(runtime, sock), sock.getsockname()[1]
    waits = []
    with web.running():
        runtime.start()
        for number in range(count):
            started = time.monotonic()
            _send(port, number)
            since = utc_now() - timedelta(days=1)
            while runtime.store.sold(since, utc_now()).get("oat-milk", 0) <= number:
                time.sleep(0.005)
            waits.append(time.monotonic() - started)
    runtime.stop()
    waits.sort()
    return {
        "sent": count,
        "median_s": round(statistics.median(waits), 3),
        "p95_s": round(waits[int(count * 0.95)], 3),
        "max_s": round(waits[-1], 3),
    }


def _send(port: int, number: int) -> None:
    now = utc_now()
    line = {"sku": "oat-milk", "quantity": 1, "amount": "1.99"}
    sale = {"id": f"R{number}", "at": now.isoformat(), "currency": "EUR", "lines": [line]}
    body = json.dumps({"sales": [sale]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = signed_headers(KEY, f"m{number}", body, now)
    connection.request("POST", "/api/public/hooks/pos", body, headers)
    assert connection.getresponse().status == HTTPStatus.NO_CONTENT
    connection.close()


def _rss_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    what, amount = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        run = {"csv": read_csv, "webhook": send_webhooks}[what]
        sys.stdout.write(json.dumps(run(Path(folder), amount)) + "\n")

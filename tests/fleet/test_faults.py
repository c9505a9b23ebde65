"""Everything that can be killed, cut, filled up or set wrong, while a shop sends to its hub.

Short here; ``make soak`` (AERAS_SOAK=1) sends 100,000 events in each case and cuts the network for
ten minutes.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cut_wire import Wire
from hubs import RealHub, until
from records import event
from servers import fresh, postgres, start_again
from small_disks import fill

from aeras.fleet.sender import Sender
from aeras.fleet.spool import Spool, read_clocks
from aeras.store.opening import open_events

SOAK = bool(os.environ.get("AERAS_SOAK"))
EVENTS = 100_000 if SOAK else 6_000
CUT_S = float(os.environ.get("AERAS_CUT_S", "600" if SOAK else "3"))
PATIENCE_S = 900 if SOAK else 90
pytestmark = pytest.mark.timeout(3600 if SOAK else 300)


@dataclass
class Feed(threading.Thread):
    """A shop's keeper: puts events into the spool, again if that fails; counts what was taken."""

    spool: Spool
    count: int
    put: int = 0
    stop: bool = False

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        while self.put < self.count:
            size = min(100, self.count - self.put)
            self.spool.put([event(id=secrets.token_hex(16), at=now) for _ in range(size)])
            self.put += size
            time.sleep(0.02)


@contextmanager
def feeding(hub: RealHub, spool: Spool, sender: Sender, count: int = EVENTS) -> Iterator[Feed]:
    """A shop that sends while something happens; ends when the hub has stored everything."""
    feed = Feed(spool, count)
    hub.start()
    sender.start()
    feed.start()
    until(lambda: sender.sent > count // 10, timeout_s=PATIENCE_S)
    yield feed
    feed.join(PATIENCE_S)
    until(lambda: spool.waiting == 0, timeout_s=PATIENCE_S)
    sender.stop()
    spool.close()
    hub.drain(timeout_s=PATIENCE_S)
    assert feed.put == count


def kept(hub: RealHub) -> tuple[int, int]:
    """Stored events, and how many different ones they are; those set aside."""
    hub.stop()
    store = open_events(hub.store)
    [(rows, ids)] = store._run("SELECT count(*), count(DISTINCT id) FROM events")
    aside = sum(store.aside().values())
    store.close()
    assert rows == ids
    return rows, aside


@pytest.fixture
def hub(tmp_path) -> Iterator[RealHub]:
    made = RealHub(tmp_path, str(tmp_path / "hub.duckdb"))
    yield made
    made.stop()


def test_the_hub_is_killed_again_and_again(hub):
    spool, sender = hub.shop("corner")
    with feeding(hub, spool, sender):
        for _ in range(3):
            hub.kill()
            time.sleep(0.3)
            hub.start()
            time.sleep(0.5)
    assert kept(hub) == (EVENTS, 0)


def test_the_nats_server_is_killed_again_and_again(hub):
    spool, sender = hub.shop("corner")
    with feeding(hub, spool, sender):
        for _ in range(3):
            pid = hub.nats_pid()
            os.kill(pid, signal.SIGKILL)
            until(lambda was=pid: hub.nats_pid() not in {0, was})
            time.sleep(0.5)
    assert kept(hub) == (EVENTS, 0)


def test_postgresql_is_killed_and_stays_away_for_a_while(tmp_path):
    with postgres() as (url, folder):
        hub = RealHub(tmp_path / "hub", fresh(url))
        spool, sender = hub.shop("corner")
        try:
            with feeding(hub, spool, sender):
                for _ in range(2):
                    restart = killed(folder)
                    time.sleep(1)
                    restart()
                    time.sleep(0.5)
            assert kept(hub) == (EVENTS, 0)
        finally:
            hub.stop()


def killed(folder: Path) -> Callable[[], None]:
    """Kills the server of a data folder; how to start it again."""
    pid = int((folder / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())
    return lambda: start_again(folder)


# nats-py leaves a connection that it could not open to the garbage collector, which closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_network_is_cut(hub):
    wire = Wire(("127.0.0.1", hub.port))
    spool, sender = hub.shop("corner", url=f"tls://localhost:{wire.port}")
    with feeding(hub, spool, sender) as feed:
        wire.cut()  # silently: no end of the connection is told
        feed.join(PATIENCE_S)
        time.sleep(CUT_S)
        assert spool.waiting > 0
        wire.mend()
        mended = time.monotonic()
        sent = sender.sent
        until(lambda: sender.sent > sent, timeout_s=60)
        assert time.monotonic() - mended < 30
    wire.close()
    assert kept(hub) == (EVENTS, 0)


def test_the_hubs_disk_is_full(tmp_path, small_disk):
    hub = RealHub(tmp_path, str(tmp_path / "hub.duckdb"), data=small_disk / "data")
    spool, sender = hub.shop("corner")
    try:
        with feeding(hub, spool, sender):
            ballast = fill(small_disk, 0)
            time.sleep(3)
            assert spool.waiting > 0
            ballast.unlink()
        assert kept(hub) == (EVENTS, 0)
    finally:
        hub.stop()


def test_the_shops_clock_jumps_an_hour_back_and_forth(hub):
    shift = [0.0]

    def clocks():
        now = read_clocks()
        return replace(now, wall=now.wall + shift[0])

    spool, sender = hub.shop("corner", clocks=clocks)
    sender._clocks = clocks
    with feeding(hub, spool, sender) as feed:
        for jump in (3600.0, -3600.0, 0.0):
            shift[0] = jump
            put = feed.put
            until(lambda was=put: feed.put > was or not feed.is_alive())
            time.sleep(0.3)
    stored, aside = kept(hub)
    assert stored + aside == EVENTS
    assert aside > 0

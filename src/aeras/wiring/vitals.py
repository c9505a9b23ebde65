"""How a running shop is doing: gathered for health, readiness, metrics and the watchdog."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

from aeras.domain.errors import StoreError
from aeras.domain.kept import Event, FirstOf
from aeras.domain.vitals import Delays, FeedVital, Vitals, Waiting

if TYPE_CHECKING:
    from aeras.wiring.runtime import Runtime

log = structlog.get_logger(__name__)


class Paced:
    """Counts events; what it shows moves only when k more visits have come.

    A counter that moved with every event would tell whoever scrapes it when a single shopper did
    something.

    Args:
        k: Visits to a step.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._visits = 0
        self._now = self.shown = (0, Delays())

    def add(self, events: Sequence[Event], delay_s: float) -> None:
        """Takes the events of one frame, and how long they took from picture to store (s)."""
        count, delays = self._now
        self._now = count + len(events), delays.plus(delay_s) if events else delays
        self._visits += sum(e.first_of >= FirstOf.SITE and not e.kind.beside for e in events)
        if self._visits >= self._k:
            self._visits = 0
            self.shown = self._now


def in_steps(count: int, k: int) -> int:
    """Rounded up to a multiple of k."""
    return -(-count // k) * k


def vitals_of(runtime: Runtime) -> Vitals:
    """What holds now; asks the databases, and takes a few milliseconds."""
    k = runtime.site.privacy.k
    stores, outbox, feeds = _stores(runtime, k)
    events, event_delays = runtime.paced.shown
    disk = shutil.disk_usage(runtime.site.data)
    return Vitals(
        alive=runtime.alive,
        reading=runtime.halted or "on",
        stores=stores,
        workers=runtime.workers[0],
        workers_wanted=runtime.workers[1],
        ended=runtime.ended,
        frames=dict(runtime.frames_of),
        frame_delays=dict(runtime.frame_delays),
        events=events,
        event_delays=event_delays,
        held_up=bool(runtime.keeper.trouble),
        events_waiting=in_steps(runtime.keeper.waiting, k),
        events_lost=in_steps(runtime.keeper.lost, k),
        triggers=runtime.counts["triggers"],
        disk_free=disk.free,
        disk_size=disk.total,
        outbox=outbox,
        feeds=feeds,
        hub=_hub(runtime, k),
    )


def _stores(
    runtime: Runtime, k: int
) -> tuple[dict[str, bool], dict[str, Waiting], dict[str, FeedVital]]:
    """Whether the databases answer, and what they tell of queues; nothing of one that does not."""
    up = {"events": True, "control": True}
    now = runtime.clock()
    outbox, feeds = {}, {}
    try:
        for name, n in runtime.control.channel_counts().items():
            oldest_s = (now - n.oldest).total_seconds() if n.oldest else 0.0
            outbox[name] = Waiting(in_steps(n.waiting, k), in_steps(n.dead, k), max(0.0, oldest_s))
        for row in runtime.connect.feeds():
            fine = row.state.status in {"new", "fine"}
            feeds[row.id] = FeedVital(fine, row.lag_s, in_steps(row.held, k))
    except StoreError as error:
        log.warning("store_down", store="control", reason=str(error))
        up["control"] = False
    try:
        runtime.store.ping()
    except StoreError as error:
        log.warning("store_down", store="events", reason=str(error))
        up["events"] = False
    return up, outbox, feeds


def _hub(runtime: Runtime, k: int) -> Waiting | None:
    spool = runtime.spool
    if spool is None:
        return None
    try:
        return Waiting(in_steps(spool.waiting, k), in_steps(spool.lost, k))
    except StoreError as error:
        log.warning("store_down", store="spool", reason=str(error))
        return None


# --- the service manager -----------------------------------------------------------------------


def notify(state: str) -> bool:
    """Tells the service manager (sd_notify(3)); False where there is none."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.connect(address)
            sock.sendall(state.encode())
    except OSError as error:
        log.warning("service_manager_away", reason=str(error))
        return False
    return True


@contextmanager
def told(alive: Callable[[], bool]) -> Iterator[None]:
    """Tells the service manager that the shop is ready, that it lives while it does, and that it
    is going to stop. What does not live any more is restarted by the manager's watchdog.
    """
    if not notify("READY=1"):
        yield
        return
    stop = threading.Event()
    every_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 2e6

    def watch() -> None:
        while not stop.wait(every_s):
            if alive():
                notify("WATCHDOG=1")

    thread = threading.Thread(target=watch, name="watchdog", daemon=True)
    if every_s > 0:
        thread.start()
    try:
        yield
    finally:
        notify("STOPPING=1")
        stop.set()

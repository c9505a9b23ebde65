"""How a running shop is doing, for those who operate it: nothing of what shoppers did."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

EDGES_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the classes of delays; a last class is open."""


@dataclass(frozen=True, slots=True)
class Delays:
    """A histogram of delays: how many in each class of `EDGES_S`, and their sum in seconds."""

    counts: tuple[int, ...] = (0,) * (len(EDGES_S) + 1)
    sum_s: float = 0.0

    def plus(self, delay_s: float) -> Delays:
        """With one more."""
        counts = list(self.counts)
        counts[bisect_left(EDGES_S, delay_s)] += 1
        return Delays(tuple(counts), self.sum_s + max(0.0, delay_s))


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in a queue, what was given up, and for how long (s) the oldest has waited."""

    waiting: int
    dead: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True)
class FeedVital:
    """A connector: whether it works, seconds since it was last up to date (None: never), and
    records in quarantine.
    """

    fine: bool
    lag_s: float | None
    held: int


@dataclass(frozen=True, slots=True)
class Vitals:
    """State of a running shop. Counts that a single visit could move are given in steps of at
    least the site's k; what is kept back is rounded up, so that nothing lost looks like none.

    Attributes:
        alive: The threads that everything rests on run; if not, only a restart helps.
        reading: ``on``, ``stopped`` or ``closed`` (outside opening hours).
        stores: By name, whether each database answers.
        workers, workers_wanted: Processes that run, and that should.
        ended: By camera, how often its worker ended unasked.
        frames: By camera, frames analysed since its worker started.
        frame_delays: By camera, from the picture to the end of its analysis, since then.
        events: Events taken, as of the last step.
        event_delays: From picture to stored event, as of the last step.
        held_up: The event store refuses, so that events wait in memory.
        events_waiting, events_lost: There, and given up because too many did.
        triggers: Opened since the start.
        disk_free, disk_size: Bytes, where the databases are.
        outbox: By channel.
        feeds: By connector.
        hub: Events that wait for the chain's hub, those given up as dead; None without a hub.
    """

    alive: bool
    reading: str
    stores: Mapping[str, bool]
    workers: int
    workers_wanted: int
    ended: Mapping[str, int]
    frames: Mapping[str, int]
    frame_delays: Mapping[str, Delays]
    events: int
    event_delays: Delays
    held_up: bool
    events_waiting: int
    events_lost: int
    triggers: int
    disk_free: int
    disk_size: int
    outbox: Mapping[str, Waiting] = field(default_factory=dict)
    feeds: Mapping[str, FeedVital] = field(default_factory=dict)
    hub: Waiting | None = None

    @property
    def unready(self) -> tuple[str, ...]:
        """Why it is not ready to serve, as names; empty if it is. A stopped or closed shop is."""
        reasons = [f"store:{name}" for name, up in self.stores.items() if not up]
        if not self.alive:
            reasons.append("threads")
        if self.reading == "on" and self.workers_wanted and not self.workers:
            reasons.append("workers")
        return tuple(reasons)

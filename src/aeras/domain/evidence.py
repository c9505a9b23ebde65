"""What a rate rule looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from aeras.domain.published import Rate


class Watched(StrEnum):
    """Which share of an item's handlings a rate rule watches."""

    REJECTION = "rejection"
    HESITATION = "hesitation"
    PUT_BACK = "put_back"


@dataclass(frozen=True, slots=True)
class HourOfItem:
    """Handlings of one item that began in one hour.

    Attributes:
        item: Item id.
        at: Start of the hour, UTC.
        handled: Handlings, as in `aeras.domain.kept.Tally`.
        rejected, hesitant, put_backs: Of these.
        visits: Visits behind them.
        simulated: Events of them that come from a simulation.
    """

    item: str
    at: datetime
    handled: int
    rejected: int
    hesitant: int
    put_backs: int
    visits: int
    simulated: int

    def hits(self, measure: Watched) -> int:
        """Handlings that count for a measure."""
        return {
            Watched.REJECTION: self.rejected,
            Watched.HESITATION: self.hesitant,
            Watched.PUT_BACK: self.put_backs,
        }[measure]


@dataclass(frozen=True, slots=True)
class Aside:
    """A time, [since, until) in UTC, in which what happens to an item does not count: ``why`` is
    ``empty``, ``restocked``, ``misplaced`` or ``promoted``.
    """

    item: str
    since: datetime
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says of one item.

    Attributes:
        item: Item id.
        rate: The item's share, drawn towards its category, with a 95 % credible interval; ``n`` is
            the item's handlings.
        hits: Handlings that counted, of ``rate.n``.
        baseline: Share of the category's other items, with its 95 % interval.
        e_value: Evidence that the rate is more than margin x baseline; 1 is none.
        needed: E-value that opens a trigger at present.
        found: Whether it is reached, over all items together.
    """

    item: str
    rate: Rate
    hits: int
    baseline: Rate
    e_value: float
    needed: float
    found: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What a rate rule asks.

    Attributes:
        measure: Which share.
        margin: The rate is expected to be at most this times that of the category's others; >= 1.
        fdr: False discovery rate over all items that are judged.
        judged: Ids of the items that are judged; the others only serve as comparison.
        min_handled: Handlings of an item below which it is not found.
    """

    measure: Watched
    margin: float
    fdr: float
    judged: frozenset[str]
    min_handled: int


Weigh = Callable[[Sequence[HourOfItem], Mapping[str, str], Question], dict[str, Finding]]
"""Weighs hours, by the category of each item."""

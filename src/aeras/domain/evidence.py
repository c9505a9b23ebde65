"""What rules look at, and what they find."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aeras.domain.published import Rate


class Watched(StrEnum):
    """Which share of an item's trials a rule watches, and how many trials there are.

    Handlings whose reading was unclear are evidence neither way: they are no trials of rejection,
    hesitation or positive reactions.
    """

    REJECTION = "rejection"
    """Rejected, of the handlings that could be read."""
    HESITATION = "hesitation"
    """Hesitated over, of the same."""
    PUT_BACK_RATE = "put_back_rate"
    """Put back, of all handlings."""
    DWELL_WITHOUT_TAKE = "dwell_without_take"
    """Visits of the item less its takes, of its visits."""
    POSITIVE_WITHOUT_PURCHASE = "positive_without_purchase"
    """Positive handlings less units sold, of the positive handlings; nothing without a till."""

    @classmethod
    def _missing_(cls, value: object) -> Watched | None:
        return cls.PUT_BACK_RATE if value == "put_back" else None  # its name in earlier site files

    @property
    def needs_sales(self) -> bool:
        """Whether it can be told only with records of a till."""
        return self is Watched.POSITIVE_WITHOUT_PURCHASE


@dataclass(frozen=True, slots=True)
class HourOfItem:
    """What happened with one item in one block of time.

    Attributes:
        item: Item id.
        at: Start of the block, UTC.
        handled: Handlings, as in `aeras.domain.kept.Tally`.
        rejected, hesitant, positive, unclear, put_backs: Of these.
        visits: Visits of the item.
        takes: Times it was taken.
        simulated: Events of them that come from a simulation.
        sold: Units sold, None where no till tells.
    """

    item: str
    at: datetime
    handled: int
    rejected: int
    hesitant: int
    put_backs: int
    visits: int
    simulated: int
    positive: int = 0
    unclear: int = 0
    takes: int = 0
    sold: float | None = None

    def trials(self, measure: Watched) -> int:
        """What a measure is a share of."""
        if measure is Watched.PUT_BACK_RATE:
            return self.handled
        if measure is Watched.DWELL_WITHOUT_TAKE:
            return self.visits
        if measure is Watched.POSITIVE_WITHOUT_PURCHASE:
            return 0 if self.sold is None else self.positive
        return self.handled - self.unclear

    def hits(self, measure: Watched) -> int:
        """Trials that count for a measure."""
        if measure is Watched.DWELL_WITHOUT_TAKE:
            return max(0, self.visits - self.takes)
        if measure is Watched.POSITIVE_WITHOUT_PURCHASE:
            return 0 if self.sold is None else max(0, self.positive - math.ceil(self.sold))
        return {
            Watched.REJECTION: self.rejected,
            Watched.HESITATION: self.hesitant,
            Watched.PUT_BACK_RATE: self.put_backs,
        }[measure]


@dataclass(frozen=True, slots=True)
class Aside:
    """A time, [since, until) in UTC, in which what happens to an item does not count: ``why`` is
    ``empty``, ``restocked``, ``misplaced``, ``promoted`` or ``low_coverage``.
    """

    item: str
    since: datetime
    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Changed:
    """Something about an item changed at a moment (UTC): ``why`` is ``planogram``, ``price`` or
    ``date``.
    """

    item: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence says of one item.

    Attributes:
        item: Item id.
        rate: The item's share with a 95 % confidence sequence, which holds however often it is
            looked at; ``n`` is its trials.
        hits: Trials that counted, of ``rate.n``.
        baseline: What is expected of it, with a 95 % interval: the share of the category's other
            items, drawn towards the shop's as far as categories are alike; in ``change`` its own
            share before, moved as its controls moved.
        e_value: Evidence that the rate is more than margin x baseline; 1 is none.
        needed: E-value that opens a trigger at present.
        found: Whether it is reached, over all items together.
        handled, unclear: Handlings in the time, and those that could not be told.
        visits: Visits behind them.
        away: Further trials at the baseline after which the evidence would have faded; None if that
            cannot be said.
        more: Further numbers by name.
    """

    item: str
    rate: Rate
    hits: int
    baseline: Rate
    e_value: float
    needed: float
    found: bool
    handled: int = 0
    unclear: int = 0
    visits: int = 0
    away: int | None = None
    more: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Question:
    """What a rule asks.

    Attributes:
        measure: Which share.
        margin: The rate is expected to be at most this times the baseline; >= 1.
        fdr: False discovery rate over all items that are judged.
        judged: Ids of the items that are judged; the others only serve as comparison.
        min_handled: Trials of an item below which it is not found.
        min_visits: The same for visits.
    """

    measure: Watched
    margin: float
    fdr: float
    judged: frozenset[str]
    min_handled: int
    min_visits: int = 0


Weigh = Callable[[Sequence[HourOfItem], Mapping[str, str], Question], dict[str, Finding]]
"""Weighs blocks, by the category of each item."""

WeighChange = Callable[
    [Sequence[HourOfItem], Mapping[str, str], Question, Mapping[str, datetime]], dict[str, Finding]
]
"""The same for items that changed at a moment, from blocks before and after it."""

FirstFound = Callable[
    [Sequence[HourOfItem], Mapping[str, str], Question], dict[str, tuple[datetime, int]]
]
"""When each item would have been found first, looking after every block, and its visits by then."""

"""What a manager acts on: funnels, ranks, sales beside reactions. All of it may be shown: it is
made of published numbers, and of the till's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from aeras.domain.published import Rate


@dataclass(frozen=True, slots=True)
class Moved:
    """What a change of price or place did to an item's sales, as a share of them.

    Attributes:
        change: With its 95 % interval; ``n`` are the item's units before and after.
        controls: How many items it was compared with.
        placebo: The same between the halves of the time before, where nothing was done: its
            interval should hold 0. None if there was too little.
    """

    change: Rate
    controls: int
    placebo: Rate | None


class Step(StrEnum):
    """A step of the funnel, in its order."""

    PASSED = "passed"
    STOPPED = "stopped"
    REACHED = "reached"
    TOOK = "took"
    PUT_BACK = "put_back"
    BOUGHT = "bought"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of a funnel.

    Attributes:
        step: Which.
        count: How many; None if below k, or not measured.
        of: Share of what it is a part of, with its interval; None where it cannot be told.
        base: What it is a part of.
        why: Key of the reason that there is no count or share, "" if there are both:
            ``unmeasured`` (no camera, or no till, tells it), ``withheld`` (below k), ``apart`` (not
            the same is counted: more than the step before, or people once at each fixture).
    """

    step: Step
    count: int | None
    of: Rate | None = None
    base: Step | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far shoppers came with an item, at a fixture, or in an hour of the day.

    Attributes:
        key: Item or fixture id, or the hour (0 to 23, local).
        stages: In the order of `Step`.
        coverage: Share of the time in which a face could be read; None below k.
        simulated: Share of what is counted that comes from a simulation.
        watched: Share of the time in which a camera saw who passes; None where that is not
            measured, or below k.
    """

    key: str
    stages: tuple[Stage, ...]
    coverage: float | None
    simulated: float
    watched: float | None = None

    def stage(self, step: Step) -> Stage:
        """The stage of that step."""
        return next(one for one in self.stages if one.step is step)


@dataclass(frozen=True, slots=True)
class Ranked:
    """An item's rejection rate beside the others'.

    Attributes:
        item, name, category: Of the item.
        raw: Its own share with its interval.
        rate: Drawn to its category's as far as items are alike there, with a 95 % credible
            interval; ``n`` are the handlings.
        in_worst: Probability that it is among the worst (``worst`` many).
        rank: 90 % interval of its rank, 1 is the highest rate.
        unclear: Share of handlings in which the system could not tell.
    """

    item: str
    name: str
    category: str
    raw: Rate
    rate: Rate
    in_worst: float
    rank: tuple[int, int]
    unclear: float


@dataclass(frozen=True, slots=True)
class Report:
    """All items' rejection rates, most surely among the worst first."""

    rows: tuple[Ranked, ...]
    worst: int
    withheld: int
    simulated: float


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an item: what was sold, and the share of handlings that were rejections.

    Attributes:
        day: Local.
        units: Sold; None where the till was not heard.
        share: None below k handlings.
        promoted, out: Shares of the open time.
    """

    day: date
    units: float | None
    share: Rate | None
    promoted: float = 0.0
    out: float = 0.0


@dataclass(frozen=True, slots=True)
class SalesLink:
    """What sales and rejections of an item have to do with each other.

    Attributes:
        change: Change of sales with ten points more of rejection, all else that is known being
            equal, with its 95 % interval (``n``: days); None if it cannot be told.
        found: Among the discoveries over all items.
        tested: How many items were tested.
        naive: Plain correlation of units and share, None without.
        why: Key of the reason if it cannot be told, else "": ``no_till``, ``few_days``,
            ``short_memory`` (there will always be too few, because sales are deleted before) or
            ``few_sales`` (of the item, or of days with k handlings).
    """

    change: Rate | None
    found: bool
    tested: int
    naive: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class ChangeOfItem:
    """A change of an item (``price``, ``planogram``), and what it did, None if nobody can tell."""

    at: datetime
    what: str
    moved: Moved | None


class Insight(Protocol):
    """Statistics for pages. Times are UTC, periods half-open."""

    def funnel(self, item: str, since: datetime, until: datetime) -> Funnel:
        """How far shoppers came with an item."""

    def funnels(self, by: str, since: datetime, until: datetime) -> list[Funnel]:
        """The same of each ``item``, ``fixture`` or ``hour``."""

    def report(self, since: datetime, until: datetime) -> Report:
        """The items' rejection rates with what is known of their order."""

    def days(self, item: str, until: datetime) -> list[Day]:
        """Sales and reactions of an item by day, oldest first, of as long as is kept."""

    def link(self, item: str, until: datetime) -> SalesLink:
        """What these have to do with each other."""

    def changes(self, item: str, until: datetime) -> Sequence[ChangeOfItem]:
        """Changes of the item and what they did to its sales, newest first."""

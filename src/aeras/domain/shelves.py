"""What pages may show of the shelves themselves: what is empty, for how long, what lies wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aeras.domain.kept import Origin, StockLevel
from aeras.domain.ports import ShelfSpan


@dataclass(frozen=True, slots=True)
class OnShelf:
    """On-shelf availability of an item or facing.

    Attributes:
        key: Item or facing id.
        value: Share of the told time in which it was not empty; None if nothing could be told.
        low, high: What it would be if all the time that could not be told had been empty, or not.
        told_h: Hours for which it could be told.
        coverage: Share of the open time, since its first record in the period, that this is.
        simulated: Share of the records that come from a simulation.
    """

    key: str
    value: float | None
    low: float
    high: float
    told_h: float
    coverage: float
    simulated: float


@dataclass(frozen=True, slots=True)
class ShelfRow:
    """A facing that is empty or low now; ``since`` and ``seen`` are starts of time grains (UTC)."""

    facing: str
    fixture: str
    fixture_name: str
    item: str
    item_name: str
    level: StockLevel
    since: datetime
    seen: datetime
    origin: Origin


@dataclass(frozen=True, slots=True)
class MisplacedRow:
    """How often an item was put down at other items' facings, and at which of them most; the
    facing is None where fewer than k visits did so at any one.
    """

    item: str
    item_name: str
    count: int
    facing: str | None
    fixture_name: str


class Shelves(Protocol):
    """The state of the shelves, for pages. Times are UTC, periods half-open."""

    @property
    def watched(self) -> bool:
        """Whether levels are told at all at this site."""

    def now(self) -> list[ShelfRow]:
        """Facings that are empty, then those that are low, longest first."""

    def of_items(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of each item that was told of, lowest first."""

    def of_facings(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of each facing that was told of, lowest first."""

    def misplaced(self, since: datetime, until: datetime) -> list[MisplacedRow]:
        """Items that k visits or more have misplaced, most first."""


def joined(spans: Iterable[ShelfSpan]) -> list[ShelfSpan]:
    """Spans of one item and reason that touch or overlap, as one; by item and reason, then time."""
    found: list[ShelfSpan] = []
    for one in sorted(spans, key=lambda one: (one.item, one.why, one.since)):
        last = found[-1] if found else None
        if last and (last.item, last.why) == (one.item, one.why) and one.since <= last.until:
            found[-1] = ShelfSpan(one.item, last.since, max(last.until, one.until), one.why)
        else:
            found.append(one)
    return found

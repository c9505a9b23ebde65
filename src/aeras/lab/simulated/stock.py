"""Units on the shelf, deliveries, stock-outs and what the till says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from aeras.domain.kept import Origin, Sale
from aeras.domain.shop import Shop
from aeras.lab.simulated.shoppers import KEPT, Handlings, Ints, Shelf, moment

SALE_OF_KEPT = 0.93
"""Share of kept takes that reach the till."""
UNSEEN_SALES = 0.05
"""Sales that no camera saw, as a share of the kept takes that reach the till."""
DELIVERED = 0.9
"""Share of mornings on which an item is filled up to its par level."""


@dataclass(frozen=True, slots=True)
class StockOut:
    """An item that could not be handled from one moment to another (UTC)."""

    item: str
    since: datetime
    until: datetime


@dataclass(slots=True)
class Depot:
    """Stock kept during the simulation: sold (Unix s, item, units), levels, outs, par by item."""

    par: list[int] = field(default_factory=list)
    sold: list[tuple[float, int, int]] = field(default_factory=list)
    levels: list[tuple[float, str, float]] = field(default_factory=list)
    outs: list[StockOut] = field(default_factory=list)


def mornings(timezone: str, since: datetime, until: datetime) -> list[float]:
    """Unix times at which shelves are filled: the start, then 7:00 local of each day."""
    zone = ZoneInfo(timezone)
    day = since.astimezone(zone).date()
    times = [since.timestamp()]
    while True:
        day += timedelta(days=1)
        moment = datetime(day.year, day.month, day.day, 7, tzinfo=zone).timestamp()
        if moment >= until.timestamp():
            return times
        times.append(moment)


def keep_in_stock(
    handlings: Handlings,
    shelf: Shelf,
    bounds: Sequence[float],
    rng: np.random.Generator,
) -> tuple[Handlings, Depot]:
    """Takes units off the shelf, and drops the handlings of items that are gone.

    Args:
        handlings: In order of time.
        shelf: The shop.
        bounds: Unix times of the mornings and of the end.
        rng: Draws.
    """
    depot = Depot()
    keep = np.ones(len(handlings.item), dtype=np.bool_)
    for number, item in enumerate(shelf.items):
        own = np.flatnonzero(handlings.item == number)
        pairs = rng.choice([1, 2], len(own), p=[0.9, 0.1])
        units = np.where(handlings.act[own] == KEPT, pairs, 0)
        bay = _Bay(item, number, par=_par(units, len(bounds) - 1, rng), depot=depot)
        day = np.searchsorted(bounds, handlings.at_s[own], side="right") - 1
        for morning in range(len(bounds) - 1):
            today = day == morning
            bay.open(bounds[morning], delivered=bool(rng.random() < DELIVERED))
            sold = [
                bay.handle(at, n)
                for at, n in zip(
                    handlings.at_s[own[today]].tolist(), units[today].tolist(), strict=True
                )
            ]
            keep[own[today]] = sold
            bay.close(bounds[morning + 1])
        bay.end(bounds[-1])
    depot.levels.sort()
    return handlings.where(keep), depot


def _par(units: Ints, days: int, rng: np.random.Generator) -> int:
    """Units an item is filled up to: ample, but one item in seven is ordered too tightly."""
    factor = 1.1 if rng.random() < 0.15 else 2.5  # noqa: PLR2004 - one in seven
    return int(units.sum() / days * factor) + 3


@dataclass(slots=True)
class _Bay:
    """The stock of one item as its days go by; times are Unix seconds."""

    item: str
    number: int
    par: int
    depot: Depot
    level: int = 0
    out_s: float | None = None

    def __post_init__(self) -> None:
        self.level = self.par
        self.depot.par.append(self.par)

    def open(self, at_s: float, *, delivered: bool) -> None:
        """A morning; what ran out is always delivered."""
        if delivered or self.level == 0:
            self.level = self.par
        self.end(at_s)
        self._note(at_s)

    def handle(self, at_s: float, units: int) -> bool:
        """A handling that takes units along (0 for none); False if the item was gone."""
        if self.level == 0:
            return False
        taken = min(self.level, units)
        if taken:
            self.level -= taken
            self.depot.sold.append((at_s, self.number, taken))
        if self.level == 0:
            self.out_s = at_s
            self._note(at_s)
        return True

    def close(self, at_s: float) -> None:
        """The end of a day; an item that is gone was noted when it went."""
        if self.level:
            self._note(at_s - 1)

    def end(self, at_s: float) -> None:
        """Closes a stock-out."""
        if self.out_s is not None:
            self.depot.outs.append(StockOut(self.item, moment(self.out_s), moment(at_s)))
            self.out_s = None

    def _note(self, at_s: float) -> None:
        self.depot.levels.append((at_s, self.item, float(self.level)))


def sales_of(shop: Shop, shelf: Shelf, depot: Depot, rng: np.random.Generator) -> list[Sale]:
    """Till lines some minutes after the kept takes, and a few that no camera saw."""
    lines = []
    for at_s, item, units in sorted(depot.sold):
        copies = int(rng.random() < SALE_OF_KEPT) + int(rng.random() < SALE_OF_KEPT * UNSEEN_SALES)
        for _ in range(copies):
            lines.append((at_s + float(rng.uniform(120, 840)), item, units))
    return [
        Sale(
            id=rng.bytes(16).hex(),
            at=moment(at_s).replace(microsecond=0),
            site=shop.id,
            item=shelf.items[item],
            quantity=float(units),
            amount=int(shelf.price[item]) * units,
            currency=shop.currency,
            origin=Origin.SIMULATED,
        )
        for at_s, item, units in sorted(lines)
    ]

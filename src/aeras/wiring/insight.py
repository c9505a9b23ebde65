"""Funnels, ranks and sales beside reactions: published blocks and the till's sums, by day."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from aeras.config import Site, reads_faces
from aeras.domain.errors import InputError
from aeras.domain.evidence import Aside, Changed
from aeras.domain.insight import ChangeOfItem, Day, Funnel, Moved, Report, SalesLink
from aeras.domain.kept import Tally
from aeras.domain.ports import Apart, Clock, EventStore, PassageBook, PassedSum
from aeras.domain.published import Rate
from aeras.insight import ranks
from aeras.insight.correlation import FEWEST_CELLS, SOLD_OUT, Links, Panel, links
from aeras.insight.funnel import funnel
from aeras.insight.rates import share
from aeras.insight.sales_change import sales_change
from aeras.privacy.publish import Publisher
from aeras.store.quick import QuickEvents
from aeras.wiring.board import nothing, summed
from aeras.wiring.passing import past_of

Floats = NDArray[np.float64]

MOST_DAYS = 120
"""Over which sales and reactions are compared."""
AROUND = 28
"""Days before and after a change that are compared."""
MOST_CHANGES = 5


class Book(EventStore, PassageBook, Protocol):
    """Events and passages of one site."""


@dataclass(frozen=True, slots=True, eq=False)
class _History:
    """What is known of all items day by day: (I, D) each, rows by item id."""

    rows: dict[str, int]
    days: list[date]
    units: Floats
    till: NDArray[np.bool_]
    tallies: list[dict[str, Tally]]
    promoted: Floats
    out: Floats
    traffic: Floats


class ShopInsight:
    """Implements `aeras.domain.insight.Insight`.

    Args:
        site: The present site.
        store: Published blocks and sales.
        publisher: The k-threshold.
        asides: Times in which items were out of stock, promoted and so on.
        changes: Changes of items' price and place.
        clock: The present moment in UTC.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        *,
        store: Book,
        publisher: Publisher,
        asides: Callable[[datetime, datetime], list[Aside]],
        changes: Callable[[], Sequence[Changed]],
        clock: Clock,
    ) -> None:
        self._site = site
        self._store = store
        self._publisher = publisher
        self._asides = asides
        self._changes = changes
        self._clock = clock
        self._reckoned: Site | None = None
        self._history = lru_cache(maxsize=2)(self._history_until)
        self._links = lru_cache(maxsize=2)(self._links_until)

    # --- funnels and ranks ---------------------------------------------------------------------

    def funnel(self, item: str, since: datetime, until: datetime) -> Funnel:
        """How far shoppers came with an item."""
        return self._of_items([item], since, until)[0]

    def funnels(self, by: str, since: datetime, until: datetime) -> list[Funnel]:
        """The same of each ``item``, ``fixture`` or ``hour`` of the day; the till's only by item.

        Raises:
            InputError: Another ``by``.
        """
        if by == "item":
            return self._of_items([item.id for item in self._site().shop.items], since, until)
        if by == "fixture":
            at = {f.id: x.id for x in self._site().shop.fixtures for f in x.facings}
            found = self._store.published("facing", since, until)
            sums = summed((at[one.key], one) for one in found if one.key in at)
            keys = [x.id for x in self._site().shop.fixtures]
        elif by == "hour":
            zone = ZoneInfo(self._site().shop.timezone)
            found = self._store.published("moment", since, until)
            sums = summed(
                (f"{datetime.fromisoformat(one.key).astimezone(zone):%H}", one) for one in found
            )
            keys = sorted(sums)
        else:
            raise InputError(f"no funnel by {by[:20]!r}, expected item, fixture or hour")
        past = self._past(by, since, until)
        return [self._funnel(key, sums.get(key), None, past.get(key), by) for key in keys]

    def _of_items(self, items: Iterable[str], since: datetime, until: datetime) -> list[Funnel]:
        sold = self._store.sold(since, until)
        sums = {one.key: one for one in self._store.published("item", since, until)}
        past = self._past("item", since, until)
        return [
            self._funnel(
                item, sums.get(item), sold.get(item, 0.0) if sold else None, past.get(item)
            )
            for item in items
        ]

    def _past(self, by: str, since: datetime, until: datetime) -> dict[str, PassedSum]:
        site = self._site()
        return past_of(self._store, site.shop, by, since, until, faces=reads_faces(site))

    def _funnel(
        self,
        key: str,
        tally: Tally | None,
        sold: float | None,
        past: PassedSum | None,
        of: str = "item",
    ) -> Funnel:
        tally, k = tally or nothing(key), self._publisher.k
        return funnel(key, tally, self._publisher.one(tally), sold, k, past, of=of)

    def report(self, since: datetime, until: datetime) -> Report:
        """The items' rejection rates with what is known of their order."""
        rows, simulated = [], 0.0
        found = {one.key: one for one in self._store.published("item", since, until)}
        for item in self._site().shop.items:
            tally = found.get(item.id)
            shown = self._publisher.one(tally) if tally else None
            if tally is None or shown is None or shown.rejection is None:
                continue
            simulated = max(simulated, shown.simulated)
            rows.append(
                (item.id, item.name, item.category, tally.rejected, tally.handled, tally.unclear)
            )
        withheld = len(self._site().shop.items) - len(rows)
        return ranks.report(rows, withheld=withheld, simulated=simulated)

    # --- sales beside reactions ----------------------------------------------------------------

    def days(self, item: str, until: datetime) -> list[Day]:
        """Sales and reactions of an item by full day, oldest first; today is not one."""
        known = self._history(*self._asked(until))
        row = known.rows.get(item)
        if row is None:
            return []
        return [
            Day(
                day=day,
                units=float(known.units[row, n]) if known.till[n] else None,
                share=self._share(known.tallies[n].get(item)),
                promoted=float(known.promoted[row, n]),
                out=float(known.out[row, n]),
            )
            for n, day in enumerate(known.days)
        ]

    def link(self, item: str, until: datetime) -> SalesLink:
        """What sales and rejections of an item have to do with each other."""
        asked = self._asked(until)
        known = self._history(*asked)
        if not known.till.any():
            return SalesLink(None, found=False, tested=0, naive=None, why="no_till")
        if len(known.days) < FEWEST_CELLS:
            short = self._site().privacy.retention < timedelta(days=FEWEST_CELLS + 1)
            why = "short_memory" if short else "few_days"
            return SalesLink(None, found=False, tested=0, naive=None, why=why)
        found, row = self._links(*asked), known.rows[item]
        tested = int(np.isfinite(found.p).sum())
        paired = sum(
            one.units is not None and one.share is not None for one in self.days(item, until)
        )
        naive = float(found.naive[row]) if paired >= AROUND else None
        if paired < FEWEST_CELLS or not np.isfinite(found.change[row]):
            return SalesLink(None, found=False, tested=tested, naive=naive, why="few_sales")
        change = Rate(
            float(found.change[row]), float(found.low[row]), float(found.high[row]), n=paired
        )
        return SalesLink(change, found=bool(found.found[row]), tested=tested, naive=naive)

    def changes(self, item: str, until: datetime) -> list[ChangeOfItem]:
        """Changes of the item and what they did to its sales, newest first."""
        known = self._history(*self._asked(until))
        every = [one for one in self._changes() if one.at < until]
        mine = [one for one in every if one.item == item][-MOST_CHANGES:]
        return [
            ChangeOfItem(one.at, one.why, self._moved(known, one, every)) for one in reversed(mine)
        ]

    def _moved(self, known: _History, change: Changed, every: Sequence[Changed]) -> Moved | None:
        shop = self._site().shop
        category = {item.id: item.category for item in shop.items}
        zone = ZoneInfo(shop.timezone)
        day = change.at.astimezone(zone).date()
        if day not in known.days or change.item not in known.rows:
            return None
        at = known.days.index(day) + 1  # the day of the change is neither before nor after
        first, last = max(0, at - 1 - AROUND), min(len(known.days), at + AROUND)
        window = (known.days[first], known.days[last - 1])
        spoilt = {
            one.item
            for one in every
            if one != change and window[0] <= one.at.astimezone(zone).date() <= window[1]
        }
        if change.item in spoilt:
            return None
        others = [
            known.rows[other]
            for other, group in category.items()
            if group == category.get(change.item) and other not in spoilt | {change.item}
        ]
        columns = [n for n in range(first, last) if n != at - 1 and known.till[n]]
        units = known.units[np.ix_([known.rows[change.item], *others], columns)]
        return sales_change(units, sum(n < at for n in columns))

    def _share(self, tally: Tally | None) -> Rate | None:
        told = tally.handled - tally.unclear if tally else 0
        if tally is None or self._publisher.one(tally).rejection is None or told < 1:
            return None
        return share(tally.rejected, told)

    def get_ready(self) -> None:
        """Reckons what pages of the present hour rest on, so that nobody has to wait for it."""
        asked = self._asked(self._clock())
        known = self._history(*asked)
        if known.till.any() and len(known.days) >= FEWEST_CELLS:
            self._links(*asked)

    # --- what it rests on ----------------------------------------------------------------------

    def _asked(self, until: datetime) -> tuple[date, datetime]:
        """The last full day, and the hour, so that all is reckoned afresh in the next."""
        site, now = self._site(), self._clock()
        if site is not self._reckoned:
            self._history.cache_clear()
            self._links.cache_clear()
            self._reckoned = site
        today = min(until, now).astimezone(ZoneInfo(site.shop.timezone)).date()
        return today - timedelta(days=1), now.replace(minute=0, second=0, microsecond=0)

    def _history_until(self, last: date, _hour: datetime) -> _History:
        site = self._site()
        zone = ZoneInfo(site.shop.timezone)
        days = [last - timedelta(days=n) for n in range(MOST_DAYS - 1, -1, -1)]
        ends = [
            datetime.combine(day, time(), zone).astimezone(UTC)
            for day in [*days, last + timedelta(days=1)]
        ]
        spans = list(itertools.pairwise(ends))
        sold, tallies, visits = self._by_day(spans)
        first = next((n for n, pair in enumerate(zip(sold, tallies, strict=True)) if any(pair)), 0)
        days, spans, sold, tallies = days[first:], spans[first:], sold[first:], tallies[first:]
        visits = visits[first:]
        rows = {item.id: n for n, item in enumerate(site.shop.items)}
        units = np.array([[day.get(item, 0.0) for day in sold] for item in rows])
        promoted, out = self._apart(rows, spans, site)
        return _History(
            rows=rows,
            days=days,
            units=np.maximum(units.reshape(len(rows), len(days)), 0.0),
            till=np.array([bool(day) for day in sold], dtype=np.bool_),
            tallies=tallies,
            promoted=promoted,
            out=out,
            traffic=np.array(visits, dtype=float),
        )

    def _by_day(
        self, spans: Sequence[tuple[datetime, datetime]]
    ) -> tuple[list[dict[str, float]], list[dict[str, Tally]], list[int]]:
        """Units and sums by item, and visits of the site, of each day."""
        store = self._store
        if not isinstance(store, QuickEvents):
            return (
                [store.sold(*span) for span in spans],
                [{one.key: one for one in store.published("item", *span)} for span in spans],
                [sum(one.visits for one in store.published("site", *span)) for span in spans],
            )
        since, until = spans[0][0], spans[-1][1]
        units = store.sold_daily(since, until)
        items: dict[str, dict[str, Tally]] = {}
        for one in store.published_daily(since, until, by="item_moment"):
            item, _, day = one.key.rpartition(" ")
            items.setdefault(day, {})[item] = replace(one, key=item)
        visits = {one.key: one.visits for one in store.published_daily(since, until)}
        return (
            [units.get(start, {}) for start, _ in spans],
            [items.get(start.isoformat(), {}) for start, _ in spans],
            [visits.get(start.isoformat(), 0) for start, _ in spans],
        )

    def _apart(
        self, rows: dict[str, int], spans: Sequence[tuple[datetime, datetime]], site: Site
    ) -> tuple[Floats, Floats]:
        """Share of each day's open hours in which each item was promoted, and out of stock."""
        hours = [_open_hours(start, end, site) for start, end in spans]
        found = {
            name: np.zeros((len(rows), len(spans)))
            for name in (Apart.PROMOTED.value, Apart.EMPTY.value)
        }
        for aside in self._asides(spans[0][0], spans[-1][1]):
            if aside.item not in rows or aside.why not in found:
                continue
            for n, (start, end) in enumerate(spans):
                if aside.since < end and start < aside.until and hours[n]:
                    inside = sum(aside.since <= at < aside.until for at in hours[n])
                    found[aside.why][rows[aside.item], n] += inside / len(hours[n])
        return np.minimum(found["promoted"], 1), np.minimum(found["empty"], 1)

    def _links_until(self, last: date, hour: datetime) -> Links:
        return links(_panel(self._history(last, hour), self._site(), self._changes()))


def _open_hours(start: datetime, end: datetime, site: Site) -> list[datetime]:
    """Starts of a day's hours in which the site is open."""
    every = (start + timedelta(hours=n) for n in range(round((end - start) / timedelta(hours=1))))
    return [at for at in every if site.hours is None or site.hours.open_at(at)]


def _panel(known: _History, site: Site, changes: Sequence[Changed]) -> Panel:
    items = [item.id for item in site.shop.items]
    none = nothing("")
    every = [[day.get(item, none) for day in known.tallies] for item in items]
    told = np.array([[float(one.handled - one.unclear) for one in row] for row in every])
    rejected = np.array([[float(one.rejected) for one in row] for row in every])
    groups = [item.category for item in site.shop.items]
    rest = (
        np.array([known.units[[g == group for g in groups]].sum(axis=0) for group in groups])
        - known.units
    )
    shape = known.units.shape
    zone = ZoneInfo(site.shop.timezone)
    prices = np.zeros(shape)
    for one in changes:
        if one.why == "price" and one.item in known.rows:
            since = one.at.astimezone(zone).date()
            prices[known.rows[one.item], [day >= since for day in known.days]] += 1
    out = np.minimum(known.out, SOLD_OUT)
    columns = [
        np.broadcast_to(np.log(known.traffic + 1), shape),
        known.promoted,
        known.out,
        np.log1p(-out),
        prices,
        np.log(rest + 1),
        np.broadcast_to(np.linspace(0, 1, shape[1]), shape),
        *(np.broadcast_to([d.weekday() == n for d in known.days], shape) for n in range(6)),
    ]
    usable = np.broadcast_to(known.till, shape) & (known.out <= SOLD_OUT)
    return Panel(known.units, told, rejected, np.stack(columns, axis=-1).astype(float), usable)

"""The shelves as pages and triggers see them: levels from the store, joined with the site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

from aeras.config import Site
from aeras.domain.kept import ShelfLevel, StockLevel
from aeras.domain.ports import EventStore, ShelfBook, ShelfSpan
from aeras.domain.shelves import MisplacedRow, OnShelf, ShelfRow
from aeras.insight.availability import cut, misplaced_spans, on_shelf, spans_of
from aeras.privacy.gate import floor_time
from aeras.privacy.publish import Publisher
from aeras.shelf.planogram import promoted_spans, valid_at
from aeras.wiring.feed import Feed

STALE = timedelta(days=1)
"""What was not seen for longer is not said to be so now."""
_ORDER = (StockLevel.EMPTY, StockLevel.LOW)


class Book(EventStore, ShelfBook, Protocol):
    """Events and levels of one site."""


class ShopShelves:
    """Implements `aeras.domain.shelves.Shelves` and `aeras.domain.ports.ShelfContext`.

    Args:
        site: The present site; it changes with the site file.
        store: Events and levels.
        publisher: The k-threshold, for what shoppers did.
        feed: Live messages.
        clock: The present moment in UTC.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        *,
        store: Book,
        publisher: Publisher,
        feed: Feed,
        clock: Callable[[], datetime],
    ) -> None:
        self._site = site
        self._store = store
        self._publisher = publisher
        self._feed = feed
        self._clock = clock
        self._told: dict[str, StockLevel] = {}
        self._opened = lru_cache(maxsize=100_000)(self._open_at)
        self._spans = lru_cache(maxsize=4)(self._spans_of_all)

    @property
    def watched(self) -> bool:
        """Whether levels are told at all at this site."""
        site = self._site()
        return site.file.stock.watch and any(
            fixture.camera and fixture.facings for fixture in site.shop.fixtures
        )

    # --- what comes in -------------------------------------------------------------------------

    def keep(self, levels: Sequence[ShelfLevel]) -> None:
        """Stores levels and tells the pages of those that changed. Raises StoreError."""
        self._store.append_levels(levels)
        self._spans.cache_clear()
        for one in levels:
            before = self._told.get(one.facing)
            if one.level is StockLevel.UNKNOWN or one.level is before:
                continue
            self._told[one.facing] = one.level
            if before is None and one.level is StockLevel.FULL:
                continue  # at the start everything would be told
            self._feed.publish(
                {
                    "type": "shelf",
                    "at": one.at.isoformat(),
                    "level": str(one.level),
                    "fixture": one.fixture,
                    "facing": one.facing,
                    "item": one.item,
                    "item_name": self._site().shop.item_name(one.item),
                    "origin": str(one.origin),
                }
            )

    # --- what pages show -----------------------------------------------------------------------

    def now(self) -> list[ShelfRow]:
        """Facings that are empty, then those that are low, longest first."""
        shop, now = self._site().shop, self._clock()
        places = {f.id: (fixture, f.item) for fixture in shop.fixtures for f in fixture.facings}
        rows = []
        for last, since in self._store.shown_now():
            fixture, item = places.get(last.facing, (None, None))
            if fixture is None or item != last.item or now - last.at > STALE:
                continue
            if last.level in _ORDER:
                rows.append(
                    ShelfRow(
                        facing=last.facing,
                        fixture=fixture.id,
                        fixture_name=fixture.name,
                        item=last.item,
                        item_name=self._site().shop.item_name(last.item),
                        level=last.level,
                        since=since,
                        seen=last.at,
                        origin=last.origin,
                    )
                )
        return sorted(rows, key=lambda row: (_ORDER.index(row.level), row.since, row.facing))

    def of_items(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of each item that was told of, lowest first."""
        return self._available("item", since, until)

    def of_facings(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of each facing that was told of, lowest first."""
        return self._available("facing", since, until)

    def misplaced(self, since: datetime, until: datetime) -> list[MisplacedRow]:
        """Items that k visits or more have misplaced, most first. Counts are sums of finished
        blocks, like every figure of what shoppers did.
        """
        k, shop = self._publisher.k, self._site().shop
        rows = []
        for tally in self._store.published("item", since, until):
            if tally.misplaced < k:
                continue
            at = self._store.published("facing", since, until, item=tally.key)
            most = max(at, key=lambda one: one.misplaced, default=None)
            facing = most.key if most and most.misplaced >= k else None
            fixture = next(
                (f.name for f in shop.fixtures if any(p.id == facing for p in f.facings)), ""
            )
            rows.append(
                MisplacedRow(
                    tally.key,
                    self._site().shop.item_name(tally.key),
                    tally.misplaced,
                    facing,
                    fixture,
                )
            )
        return sorted(rows, key=lambda row: -row.count)

    def _available(self, by: str, since: datetime, until: datetime) -> list[OnShelf]:
        end = min(until, self._clock())
        grain = self._site().privacy.time_grain
        times = self._store.shelf_time(by, since, until)
        firsts = {one.first: self._open_grains(one.first, end) for one in times}
        found = [on_shelf(one, firsts[one.first], grain) for one in times]
        return sorted(found, key=lambda one: (one.value is None, one.value, one.key))

    def _open_grains(self, since: datetime, until: datetime) -> float:
        grain = self._site().privacy.time_grain
        if self._site().hours is None:
            return max(0.0, (until - since) / grain)
        at, found = since, 0.0
        while at < until:
            if self._opened(at):
                found += min(1.0, (until - at) / grain)
            at += grain
        return found

    def _open_at(self, at: datetime) -> bool:
        hours = self._site().hours
        return hours is None or hours.open_at(at)

    # --- what triggers leave out --------------------------------------------------------------

    def spans(self, item: str | None, since: datetime, until: datetime) -> list[ShelfSpan]:
        """See `aeras.domain.ports.ShelfContext`."""
        found = self._spans(floor_time(since, self._site().privacy.time_grain), until)
        return cut((one for one in found if item in {None, one.item}), since, until)

    def _spans_of_all(self, since: datetime, until: datetime) -> tuple[ShelfSpan, ...]:
        site = self._site()
        early = since - timedelta(days=1)  # what was empty or misplaced then reaches into the time
        spans = spans_of(
            self._store.item_grains(early, until), site.privacy.time_grain, self._open_at
        )
        spans += misplaced_spans(
            self._store.misplacements(early, until), self._planned, self._end_of_day
        )
        spans += promoted_spans(site.planograms, early, until)
        return tuple(spans)

    def _planned(self, facing: str, at: datetime) -> str | None:
        version = valid_at(self._site().planograms, at)
        return version.items.get(facing) if version else None

    def _end_of_day(self, at: datetime) -> datetime:
        zone = ZoneInfo(self._site().shop.timezone)
        next_day = at.astimezone(zone).date() + timedelta(days=1)
        return datetime.combine(next_day, time(), zone).astimezone(UTC)

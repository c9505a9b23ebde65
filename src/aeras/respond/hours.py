"""Counts by item and block of time, without what does not count, and how much that was."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeras.domain.evidence import Aside, HourOfItem
from aeras.domain.kept import Stock, Tally
from aeras.domain.ports import EventStore
from aeras.respond.rules import DAY, HOUR, Scope, Segment, floor

BLOCK = HOUR
"""What is compared at a time; a block counts once it is over."""
SALES_BLOCK = DAY
"""The same where sales are compared: the till comes after the shelf."""
Asides = Callable[[datetime, datetime], Sequence[Aside]]
"""Times of items, overlapping [since, until), that do not count."""


def nothing_aside(since: datetime, until: datetime) -> Sequence[Aside]:
    """No time is set aside."""
    return ()


@dataclass(frozen=True, slots=True)
class Look:
    """Blocks that count, and how many hours of each item were left out, by reason."""

    hours: list[HourOfItem]
    left_out: Mapping[str, Mapping[str, float]]


class Hours:
    """Counts by item and block, kept from one look to the next.

    Args:
        store: Events.
        asides: What does not count.
        block: At least an hour; longer where event times are coarser.
        fixture: Only what happened there.
        sales: Whether units sold are wanted too.
    """

    def __init__(
        self,
        store: EventStore,
        asides: Asides,
        block: timedelta = BLOCK,
        *,
        fixture: str | None = None,
        sales: bool = False,
    ) -> None:
        self._store = store
        self._asides = asides
        self._block = max(block, SALES_BLOCK if sales else BLOCK)
        self._fixture = fixture
        self._sales = sales
        self._kept: dict[datetime, tuple[HourOfItem, ...]] = {}

    def between(
        self, since: datetime, now: datetime, when: Segment | None = None
    ) -> list[HourOfItem]:
        """Blocks that began at or after ``since`` and are over, without what was set aside."""
        return self.look(since, now, when).hours

    def look(self, since: datetime, now: datetime, when: Segment | None = None) -> Look:
        """The same with what was left out.

        A day of grace for late records: the last 24 hours are counted anew each time.
        """
        end = floor(now, self._block)
        self._kept = {at: kept for at, kept in self._kept.items() if since <= at < now - 24 * HOUR}
        missing = sorted(self._busy(since, end) - set(self._kept))
        for at in missing:
            self._kept[at] = self._count(at)
        aside = defaultdict(list)
        for one in self._asides(since, end):
            aside[one.item].append(one)
        found: list[HourOfItem] = []
        left: dict[str, Counter[str]] = defaultdict(Counter)
        for at in sorted(self._kept):
            if when is not None and not when.holds(at, at + self._block):
                continue
            for hour in self._kept[at]:
                why = _why(aside.get(hour.item, ()), at, at + self._block)
                if why:
                    left[hour.item][why] += 1
                else:
                    found.append(hour)
        hours = self._block / HOUR
        return Look(found, {i: {w: n * hours for w, n in c.items()} for i, c in left.items()})

    def _count(self, at: datetime) -> tuple[HourOfItem, ...]:
        tallies = self._store.tally("item", at, at + self._block, fixture=self._fixture)
        sold = self._store.sold(at, at + self._block) if self._sales else {}
        return tuple(
            _hour(tally, at, sold.get(tally.key, 0.0) if sold else None)
            for tally in tallies
            if tally.handled or tally.visits
        )

    def _busy(self, since: datetime, end: datetime) -> set[datetime]:
        """Starts of the blocks in which anything happened; asks only for what is not kept."""
        first = max(self._kept, default=since)
        tallies = self._store.tally("hour", first, end)
        stamps = (datetime.fromisoformat(tally.key).replace(tzinfo=UTC) for tally in tallies)
        return {at for at in (floor(stamp, self._block) for stamp in stamps) if at >= since}


def hours_for(rule: Scope, store: EventStore, asides: Asides, block: timedelta = BLOCK) -> Hours:
    """The counts that a rule looks at."""
    return Hours(store, asides, block, fixture=rule.fixture, sales=rule.measure.needs_sales)


def _hour(tally: Tally, at: datetime, sold: float | None) -> HourOfItem:
    return HourOfItem(
        item=tally.key,
        at=at,
        handled=tally.handled,
        rejected=tally.rejected,
        hesitant=tally.hesitant,
        put_backs=min(tally.put_backs, tally.handled),
        visits=tally.visits,
        simulated=tally.simulated,
        positive=tally.positive,
        unclear=tally.unclear,
        takes=tally.takes,
        sold=sold,
    )


def _why(asides: Iterable[Aside], since: datetime, until: datetime) -> str:
    """The first reason for which a time does not count, "" if it does."""
    return next((a.why for a in asides if a.since < until and since < a.until), "")


def without(
    pieces: Iterable[tuple[datetime, datetime]], asides: Sequence[Aside]
) -> list[tuple[datetime, datetime]]:
    """What is left of times when others are taken out."""
    left = list(pieces)
    for aside in asides:
        left = [
            part
            for since, until in left
            for part in ((since, min(until, aside.since)), (max(since, aside.until), until))
            if part[0] < part[1]
        ]
    return left


def out_of_stock(levels: Iterable[Stock], until: datetime) -> list[Aside]:
    """Times in which items were empty, with the hour after they were filled up again.

    Args:
        levels: In order of time, from the last level before the beginning on.
        until: End of the time asked for; what is empty then stays so.
    """
    asides: list[Aside] = []
    gone: dict[str, datetime] = {}
    for level in levels:
        if level.quantity <= 0:
            gone.setdefault(level.item, level.at)
        elif level.item in gone:
            since = gone.pop(level.item)
            asides.append(Aside(level.item, since, level.at, "empty"))
            asides.append(Aside(level.item, level.at, level.at + HOUR, "restocked"))
    asides += [Aside(item, since, until, "empty") for item, since in gone.items()]
    return asides

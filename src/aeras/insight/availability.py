"""On-shelf availability: for what share of the time an item could be seen on its shelf.

The time that could not be told is not guessed: beside the share stand what it would be if all of
that time had been empty, and if none of it had (the worst-case bounds of Manski 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from aeras.domain.kept import StockLevel
from aeras.domain.ports import Apart, ItemGrain, Misplaced, ShelfSpan, ShelfTime
from aeras.domain.shelves import OnShelf, joined

FRESH = timedelta(hours=1)
"""After it was filled up an item is touched by staff and draws shoppers who had waited."""
LEAST_COVERAGE = 0.5
"""Below it a grain of an item counts as not seen."""


def on_shelf(time: ShelfTime, open_grains: float, grain: timedelta) -> OnShelf:
    """The availability of one item or facing.

    Args:
        time: What was told of it.
        open_grains: Grains, also in part, that the shop was open since the first of them.
        grain: Their length.
    """
    open_grains = max(open_grains, time.told)
    there = time.told - time.empty
    untold = open_grains - time.told
    return OnShelf(
        key=time.key,
        value=there / time.told if time.told > 0 else None,
        low=there / open_grains if open_grains > 0 else 0.0,
        high=(there + untold) / open_grains if open_grains > 0 else 1.0,
        told_h=time.told * (grain / timedelta(hours=1)),
        coverage=time.told / open_grains if open_grains > 0 else 0.0,
        simulated=time.simulated / time.records if time.records else 0.0,
    )


def spans_of(
    grains: Iterable[ItemGrain], grain: timedelta, is_open: Callable[[datetime], bool]
) -> list[ShelfSpan]:
    """Empty, newly filled and unseen time of each item; grains by item, then time.

    Unseen are grains with little coverage, and open ones without any record between two that have.
    """
    found: list[ShelfSpan] = []
    for item, own in groupby(grains, key=lambda one: one.item):
        known = {one.at: one for one in own}
        empty, fresh, unseen = _sorted_out(known, grain, is_open)
        found += _spans(item, empty, grain, Apart.EMPTY)
        found += [ShelfSpan(item, at, at + FRESH, Apart.RESTOCKED) for at in fresh]
        found += _spans(item, unseen, grain, Apart.LOW_COVERAGE)
    return joined(found)


def _sorted_out(
    known: dict[datetime, ItemGrain], grain: timedelta, is_open: Callable[[datetime], bool]
) -> tuple[list[datetime], list[datetime], list[datetime]]:
    """Starts of empty grains, of those that found it filled again, and of unseen ones."""
    empty, fresh, unseen = [], [], []
    was = StockLevel.UNKNOWN
    at, last = min(known), max(known)
    while at <= last:
        one = known.get(at)
        if is_open(at) if one is None else one.coverage < LEAST_COVERAGE:
            unseen.append(at)
        if one is not None and one.level is not StockLevel.UNKNOWN:
            if one.level is StockLevel.EMPTY:
                empty.append(at)
            elif was is StockLevel.EMPTY:
                fresh.append(at)
            was = one.level
        at += grain
    return empty, fresh, unseen


def _spans(item: str, starts: Sequence[datetime], grain: timedelta, why: Apart) -> list[ShelfSpan]:
    return [ShelfSpan(item, at, at + grain, why) for at in starts]


def misplaced_spans(
    found: Iterable[Misplaced],
    planned: Callable[[str, datetime], str | None],
    until: Callable[[datetime], datetime],
) -> list[ShelfSpan]:
    """The moved item, and the one whose place it took, until somebody will have tidied up.

    Args:
        found: Misplacements.
        planned: Item of a facing at a moment.
        until: End of the time for which one of a moment counts (the site's day).
    """
    spans = []
    for one in found:
        for item in {one.item, planned(one.facing, one.at)} - {None}:
            assert item is not None
            spans.append(ShelfSpan(item, one.at, until(one.at), Apart.MISPLACED))
    return joined(spans)


def cut(spans: Iterable[ShelfSpan], since: datetime, until: datetime) -> list[ShelfSpan]:
    """The parts of spans in [since, until), by item and time."""
    parts = [
        ShelfSpan(one.item, max(one.since, since), min(one.until, until), one.why)
        for one in spans
        if one.since < until and since < one.until
    ]
    return sorted(parts, key=lambda one: (one.item, one.since, one.why))

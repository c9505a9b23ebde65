"""What a rule would have flagged in the past: which items, when, and with how many visits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from aeras.domain.evidence import FirstFound, HourOfItem, WeighChange
from aeras.domain.shop import Shop
from aeras.respond.change import Changes, compared
from aeras.respond.hours import Hours
from aeras.respond.rate import question
from aeras.respond.rules import DAY, HOUR, ChangeRule, CountRule, RateRule, Rule, judged_by

Flagged = dict[str, tuple[datetime, int]]
"""By item: when it would have been flagged first, and the visits that it had by then."""


def count_flagged(rule: CountRule, shop: Shop, counts: Sequence[HourOfItem]) -> Flagged:
    """Items with more than the threshold in some window, by whole blocks."""
    judged = judged_by(rule, shop)
    by_item: dict[str, list[HourOfItem]] = defaultdict(list)
    for one in counts:
        if one.item in judged:
            by_item[one.item].append(one)
    found: Flagged = {}
    for item, hours in by_item.items():
        start = hits = visits = 0
        for last in hours:
            hits, visits = hits + last.hits(rule.measure), visits + last.visits
            while hours[start].at <= last.at - max(rule.window, HOUR):
                hits -= hours[start].hits(rule.measure)
                visits -= hours[start].visits
                start += 1
            if hits > rule.threshold and visits >= rule.min_visits:
                found[item] = (last.at, visits)
                break
    return found


def rate_flagged(
    rule: RateRule,
    shop: Shop,
    counts: Sequence[HourOfItem],
    first_found: FirstFound,
) -> Flagged:
    """Items that would have been found in any of the rule's windows, looking after each block."""
    windows: dict[datetime, list[HourOfItem]] = defaultdict(list)
    for one in counts:
        windows[rule.start(one.at)].append(one)
    found: Flagged = {}
    for start in sorted(windows):
        for item, when in first_found(windows[start], *question(rule, shop)).items():
            found.setdefault(item, when)
    return found


def change_flagged(
    rule: ChangeRule,
    shop: Shop,
    hours: Hours,
    changes: Changes,
    *,
    weigh: WeighChange,
    span: tuple[datetime, datetime],
) -> tuple[Flagged, int]:
    """Items that would have been found, looking once a day; and how many changes were watched."""
    since, now = span
    found: Flagged = {}
    watched: set[tuple[str, datetime]] = set()
    at = since
    while (at := min(at + DAY, now)) <= now:
        seen = compared(rule, shop, hours, changes(), weigh=weigh, now=at)
        watched |= set(seen.changed.items())
        for item, finding in seen.found.items():
            if finding.found:
                found.setdefault(item, (at, finding.visits))
        if at >= now:
            break
    return found, len(watched)


def default_count(rule: Rule) -> CountRule:
    """The count that is shown beside a rule: the same scope and measure, the usual threshold."""
    return CountRule(
        "count",
        threshold=5,
        window=timedelta(hours=2),
        cool_down=DAY,
        item=rule.item,
        category=rule.category,
        measure=rule.measure,
    )


def named(found: Mapping[str, tuple[datetime, int]], shop: Shop, k: int) -> tuple[str, ...]:
    """Names of what was found with at least k visits behind it, in order of time."""
    ordered = sorted(found, key=lambda item: (found[item][0], item))
    return tuple(shop.item(item).name for item in ordered if found[item][1] >= k)

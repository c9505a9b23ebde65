"""``mode: change``: which items changed when, and from which time on they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from aeras.domain.evidence import Changed, Finding, WeighChange
from aeras.domain.shop import Shop
from aeras.respond.hours import Hours, Look
from aeras.respond.rate import question
from aeras.respond.rules import ChangeRule, judged_by

Changes = Callable[[], Sequence[Changed]]
"""Changes of planogram and prices that are known, oldest first."""


def watched_changes(
    rule: ChangeRule, shop: Shop, changes: Sequence[Changed], now: datetime
) -> dict[str, datetime]:
    """The last change of each item that the rule watches now."""
    if isinstance(rule.since, date):
        at = datetime.combine(rule.since, time(), ZoneInfo(shop.timezone)).astimezone(UTC)
        found = {item: at for item in judged_by(rule, shop) if at <= now}
    else:
        found = {c.item: c.at for c in changes if c.why == rule.since and c.at <= now}
    return {item: at for item, at in found.items() if now - at < rule.window}


class Compared(NamedTuple):
    """What is known of the items that changed: when each did, the time around it, what is found."""

    changed: dict[str, datetime]
    look: Look
    found: dict[str, Finding]


def compared(
    rule: ChangeRule,
    shop: Shop,
    hours: Hours,
    changes: Sequence[Changed],
    *,
    weigh: WeighChange,
    now: datetime,
) -> Compared:
    """Weighs each item that the rule watches now, from as long before its change as it looks back;
    others from the earliest such time on.
    """
    changed = watched_changes(rule, shop, changes, now)
    if not changed:
        return Compared({}, Look([], {}), {})
    far = {item: at - rule.before for item, at in changed.items()}
    look = hours.look(min(far.values()), now, rule.when)
    counts = [one for one in look.hours if one.item not in far or one.at >= far[one.item]]
    return Compared(changed, look, weigh(counts, *question(rule, shop), changed))

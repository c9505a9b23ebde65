"""``mode: change``: which items changed when, and from which time on they are compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from aeras.domain.evidence import Changed, HourOfItem
from aeras.domain.shop import Shop
from aeras.respond.hours import Hours, Look
from aeras.respond.rate import question
from aeras.respond.rules import ChangeRule

Changes = Callable[[], Sequence[Changed]]
"""Changes of planogram and prices that are known, oldest first."""


def watched_changes(
    rule: ChangeRule, shop: Shop, changes: Sequence[Changed], now: datetime
) -> dict[str, datetime]:
    """The last change of each item that the rule watches now."""
    if isinstance(rule.since, date):
        at = datetime.combine(rule.since, time(), ZoneInfo(shop.timezone)).astimezone(UTC)
        judged = question(rule, shop)[1].judged
        found = {item: at for item in judged if at <= now}
    else:
        found = {c.item: c.at for c in changes if c.why == rule.since and c.at <= now}
    return {item: at for item, at in found.items() if now - at < rule.window}


def look_around(
    rule: ChangeRule, hours: Hours, changed: dict[str, datetime], now: datetime
) -> Look | None:
    """What is known from the earliest time before a change on; None where nothing changed."""
    if not changed:
        return None
    return hours.look(min(changed.values()) - rule.before, now, rule.when)


def own_time(
    rule: ChangeRule, counts: Sequence[HourOfItem], changed: dict[str, datetime]
) -> list[HourOfItem]:
    """Without what an item did longer before its change than the rule looks back."""
    far = {item: at - rule.before for item, at in changed.items()}
    return [one for one in counts if one.item not in far or one.at >= far[one.item]]

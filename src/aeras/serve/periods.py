"""The dates of a page, kept in its URL: ``?range=7d``, ``?from=2026-03-01&to=2026-03-09``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from aeras.domain.errors import InputError

RANGES = {"today": 1, "7d": 7, "30d": 30}
"""Named ranges and their length in days, today included."""

DEFAULT = "7d"
LONGEST_DAYS = 731


@dataclass(frozen=True, slots=True)
class Period:
    """Whole local days, as half-open UTC [since, until).

    Attributes:
        key: A name from `RANGES`, or ``custom``.
        first: First local day.
        last: Last local day, included.
        since: Start of the first day, UTC.
        until: End of the last day, UTC.
    """

    key: str
    first: date
    last: date
    since: datetime
    until: datetime

    @property
    def days(self) -> int:
        """Number of local days."""
        return (self.last - self.first).days + 1

    def days_so_far(self, now: datetime) -> int:
        """Number of local days that have begun, at least 1."""
        return max(1, math.ceil((min(self.until, now) - self.since) / timedelta(days=1)))

    @property
    def text(self) -> str:
        """First and last day, as the audit log says them."""
        return f"{self.first.isoformat()} to {self.last.isoformat()}"

    @property
    def query(self) -> str:
        """The URL's query that leads back here."""
        if self.key != "custom":
            return urlencode({"range": self.key})
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})


def read_period(query: Mapping[str, str], timezone: str, now: datetime) -> Period:
    """Reads a range from a URL's query.

    Args:
        query: The parameters; ``from`` and ``to`` win over ``range``.
        timezone: IANA name of the site's zone, in which a day begins.
        now: UTC.

    Raises:
        InputError: An unknown range, a date that is none, or dates in the wrong order.
    """
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    if "from" in query or "to" in query:
        first, last = _day(query, "from", today), _day(query, "to", today)
        if last < first:
            raise InputError(
                f"the range ends ({last}) before it starts ({first})", todo="Swap the two dates"
            )
        if (last - first).days >= LONGEST_DAYS:
            raise InputError("the range is longer than two years", todo="Choose a shorter one")
        return _period("custom", first, last, zone)
    key = query.get("range", DEFAULT)
    if key not in RANGES:
        known = ", ".join(RANGES)
        raise InputError(f"unknown range {key[:20]!r}", todo=f"Use one of {known}, or from and to")
    return _period(key, today - timedelta(days=RANGES[key] - 1), today, zone)


def _day(query: Mapping[str, str], name: str, default: date) -> date:
    text = query.get(name, "")
    if not text:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{name!r} is not a date: {text[:20]!r}", todo="Write it as 2026-03-09"
        ) from None


def _period(key: str, first: date, last: date, zone: ZoneInfo) -> Period:
    def start(day: date) -> datetime:
        return datetime.combine(day, time(), zone).astimezone(UTC)

    return Period(key, first, last, start(first), start(last + timedelta(days=1)))

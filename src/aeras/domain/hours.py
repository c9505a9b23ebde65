"""When a shop is open. Outside its hours nobody but staff is there, so nothing is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[time, time]
"""From and to, local time; one that ends at or before its start runs past midnight."""


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """Opening hours of a week, in the shop's own time.

    Attributes:
        timezone: IANA name.
        week: Spans by weekday (0 Monday to 6 Sunday); a day without any is closed.
        holidays: Days on which the shop is closed whatever the weekday.
        always: The shop never closes; the rest is ignored.
    """

    timezone: str
    week: Mapping[int, tuple[Span, ...]] = field(default_factory=dict)
    holidays: frozenset[date] = frozenset()
    always: bool = False

    def open_at(self, moment: datetime) -> bool:
        """Whether the shop is open; a span holds its start and not its end.

        Raises:
            ValueError: The moment has no time zone, so that nobody can tell.
        """
        if moment.tzinfo is None:
            raise ValueError(f"time {moment} has no time zone, expected UTC")
        if self.always:
            return True
        local = moment.astimezone(ZoneInfo(self.timezone))
        today, now = local.date(), local.time()
        return any(_holds(span, now) for span in self._spans(today)) or any(
            end <= start and now < end for start, end in self._spans(today - timedelta(days=1))
        )

    def _spans(self, day: date) -> tuple[Span, ...]:
        return () if day in self.holidays else self.week.get(day.weekday(), ())


def _holds(span: Span, now: time) -> bool:
    start, end = span
    return start <= now < end if start < end else now >= start

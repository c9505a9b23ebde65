"""The section ``reports`` of the site file, and when a report is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    try:
        if isinstance(value, str):
            found = time.fromisoformat(value)
            if found.tzinfo is None:
                return found
    except ValueError:
        pass
    raise ValueError(f'{value!r} is no time of day: write it in quotes, "07:30"')


class DailyOptions(BaseModel):
    """When yesterday's report is sent, and to whom.

    Attributes:
        at: In the site's time.
        channel: Id of a channel of kind apprise.
        language: None for the site's.
        days: On which it is sent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    at: Annotated[time, BeforeValidator(_time)]
    channel: str
    language: Literal["en", "de", "es", "ja"] | None = None
    days: tuple[Day, ...] = DAYS


class ReportOptions(BaseModel):
    """``reports``: what is sent by itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    daily: DailyOptions


def due(options: DailyOptions, timezone: str, now: datetime) -> date | None:
    """The local day whose report is to be sent by now (UTC), None before its time or on a day
    without one. Late on the day it still is due: what was missed is caught up.

    A time that the clocks skip comes as much later as they skip; of a time that comes twice it is
    the first.
    """
    zone = ZoneInfo(timezone)
    today = now.astimezone(zone).date()
    if DAYS[today.weekday()] not in options.days:
        return None
    at = datetime.combine(today, options.at, zone).astimezone(UTC)
    return today if at <= now else None

"""Whether a shop's clock can be believed.

The hub knows when a message reached it. The shop tells when its events were spooled by its clock on
the wall, and how long ago that was by a clock that nobody can set: so a clock that was wrong at the
time is found out even when it is right again by the time of sending, days later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aeras.domain.kept import Event
from aeras.fleet.spool import Stamp

HEADER = "Aeras-Clock"
MOST_SKEW_S = 300.0
OLDEST = timedelta(days=90)
"""An event may wait so long in a shop."""


def told(stamp: Stamp, now: Stamp) -> str:
    """The header of a message: spooled at, seconds ago (or - if the machine has started anew since
    then), sent at.
    """
    age = f"{now.awake - stamp.awake:.3f}" if stamp.boot == now.boot else "-"
    return f"{stamp.wall:.3f} {age} {now.wall:.3f}"


def doubts(header: str | None, reached: datetime) -> str:
    """Why the times of a message cannot be believed; "" if they can.

    Args:
        header: What `told` made.
        reached: When the hub's own server took it (UTC).
    """
    try:
        wall, age, sent = (header or "").split()
        was = float(sent) if age == "-" else float(wall) + float(age)
        skew = was - reached.timestamp()
    except ValueError:
        return "no clock told"
    if not abs(skew) <= MOST_SKEW_S:
        return "clock ahead" if skew > 0 else "clock behind"
    return ""


def parted(events: Sequence[Event], reached: datetime) -> tuple[list[Event], list[Event]]:
    """Events whose times can be, and those that cannot: of the future, or older than any spool."""
    latest = reached + timedelta(seconds=MOST_SKEW_S)
    oldest = reached.astimezone(UTC) - OLDEST
    good = [event for event in events if oldest <= event.at <= latest]
    return good, [event for event in events if not oldest <= event.at <= latest]

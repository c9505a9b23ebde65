from __future__ import annotations

from datetime import UTC, date, datetime, time

import pytest

from aeras.domain.hours import OpeningHours

DAY = ((time(9), time(13)), (time(14, 30), time(20)))
HOURS = OpeningHours(
    "Europe/Berlin",
    {**dict.fromkeys(range(5), DAY), 5: ((time(22), time(2)),)},
    frozenset({date(2026, 12, 25)}),
)


@pytest.mark.parametrize(
    ("utc", "is_open"),
    [
        ((2026, 11, 23, 7, 59), False),  # Monday 08:59 in Berlin: staff fill the shelves
        ((2026, 11, 23, 8, 0), True),
        ((2026, 11, 23, 12, 30), False),  # midday pause
        ((2026, 11, 23, 18, 59), True),
        ((2026, 11, 23, 19, 0), False),
        ((2026, 7, 20, 7, 0), True),  # 09:00 in summer time
        ((2026, 11, 28, 21, 30), True),  # Saturday night, past midnight
        ((2026, 11, 29, 0, 59), True),
        ((2026, 11, 29, 1, 0), False),  # Sunday 02:00
        ((2026, 11, 29, 11, 0), False),  # Sunday is not listed
        ((2026, 12, 25, 11, 0), False),  # a Friday, but a holiday
    ],
)
def test_the_shop_is_open_by_its_own_clock(utc, is_open):
    assert HOURS.open_at(datetime(*utc, tzinfo=UTC)) is is_open


def test_a_shop_that_never_closes_and_a_time_without_zone():
    assert OpeningHours("UTC", always=True).open_at(datetime(2026, 12, 25, tzinfo=UTC))
    with pytest.raises(ValueError, match="no time zone"):
        HOURS.open_at(datetime(2026, 12, 25))  # noqa: DTZ001 - on purpose

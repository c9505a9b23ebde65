from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest
from records import tally

from aeras.domain.evidence import Aside, HourOfItem, Watched
from aeras.respond.hours import without
from aeras.respond.rules import Segment, hits_of

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def test_a_segment_is_cut_in_the_site_s_own_time():
    evening = Segment("Europe/Berlin", frozenset({0, 4}), time(16), time(20))
    found = list(evening.pieces(MONDAY, MONDAY + 7 * DAY))
    assert found == [
        (MONDAY + 15 * HOUR, MONDAY + 19 * HOUR),
        (MONDAY + 4 * DAY + 15 * HOUR, MONDAY + 4 * DAY + 19 * HOUR),
    ]
    assert evening.holds(MONDAY + 16 * HOUR, MONDAY + 17 * HOUR)
    assert not evening.holds(MONDAY + 14 * HOUR, MONDAY + 16 * HOUR)


def test_a_segment_that_ends_before_it_begins_reaches_into_the_next_day():
    night = Segment("UTC", frozenset(), time(22), time(6))
    assert night.holds(MONDAY + 23 * HOUR, MONDAY + 24 * HOUR)
    [(since, until)] = night.pieces(MONDAY + 20 * HOUR, MONDAY + DAY + 12 * HOUR)
    assert (since, until) == (MONDAY + 22 * HOUR, MONDAY + 30 * HOUR)
    assert [e - s for s, e in night.pieces(MONDAY + 2 * HOUR, MONDAY + 4 * HOUR)] == [2 * HOUR]


def test_without_a_part_of_the_week_all_time_is_in_it():
    assert list(Segment().pieces(MONDAY, MONDAY + DAY)) == [(MONDAY, MONDAY + DAY)]


def test_times_are_taken_out_of_times():
    asides = [
        Aside("x", MONDAY - HOUR, MONDAY + HOUR, "empty"),
        Aside("x", MONDAY + 3 * HOUR, MONDAY + 4 * HOUR, "promoted"),
    ]
    assert without([(MONDAY, MONDAY + 5 * HOUR)], asides) == [
        (MONDAY + HOUR, MONDAY + 3 * HOUR),
        (MONDAY + 4 * HOUR, MONDAY + 5 * HOUR),
    ]


HOUR_OF = HourOfItem("x", MONDAY, 12, 5, 2, 6, 20, 0, positive=4, unclear=3, takes=9, sold=1.0)


@pytest.mark.parametrize(
    ("measure", "hits", "trials"),
    [
        (Watched.REJECTION, 5, 9),  # what could not be told is no trial
        (Watched.HESITATION, 2, 9),
        (Watched.PUT_BACK_RATE, 6, 12),
        (Watched.DWELL_WITHOUT_TAKE, 11, 20),
        (Watched.POSITIVE_WITHOUT_PURCHASE, 3, 4),
    ],
)
def test_each_measure_is_a_share_of_its_own_trials(measure, hits, trials):
    assert (HOUR_OF.hits(measure), HOUR_OF.trials(measure)) == (hits, trials)
    assert HOUR_OF.hits(measure) <= HOUR_OF.trials(measure)


def test_without_a_till_nothing_is_without_purchase():
    quiet = HourOfItem("x", MONDAY, 12, 0, 0, 0, 20, 0, positive=4)
    assert quiet.trials(Watched.POSITIVE_WITHOUT_PURCHASE) == 0
    assert hits_of(tally(positive=4), Watched.POSITIVE_WITHOUT_PURCHASE, None) == 0
    assert hits_of(tally(positive=4), Watched.POSITIVE_WITHOUT_PURCHASE, 1.0) == 3


def test_the_measure_s_old_name_is_still_read():
    assert Watched("put_back") is Watched.PUT_BACK_RATE

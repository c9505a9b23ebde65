from __future__ import annotations

from datetime import timedelta

from records import NOON

from aeras.privacy.retention import ClockGuard

HOUR_S = 3600.0
YEAR = timedelta(days=365)


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def test_a_clock_that_runs_evenly_is_trusted():
    guard = ClockGuard(NOON)
    assert all(guard.trusted(NOON + hours(n), n * HOUR_S) for n in range(24 * 40))


def test_a_clock_that_jumps_a_year_is_not_trusted_and_comes_back_without_harm():
    guard = ClockGuard(NOON)
    assert guard.trusted(NOON, 0)
    assert not guard.trusted(NOON + YEAR, 60)
    assert not guard.trusted(NOON + YEAR + hours(0.9), 60 + 0.9 * HOUR_S)
    assert guard.trusted(NOON + hours(1), HOUR_S)


def test_a_jump_is_believed_after_an_hour_of_running_evenly():
    guard = ClockGuard(NOON)
    assert not guard.trusted(NOON + YEAR, 0)
    assert not guard.trusted(NOON + YEAR + hours(0.5), HOUR_S / 2)
    assert guard.trusted(NOON + YEAR + hours(1), HOUR_S)
    assert guard.trusted(NOON + YEAR + hours(2), 2 * HOUR_S)


def test_the_hour_begins_anew_when_the_clock_jumps_again():
    guard = ClockGuard(NOON)
    assert not guard.trusted(NOON + YEAR, 0)
    assert not guard.trusted(NOON + 2 * YEAR, HOUR_S)
    assert not guard.trusted(NOON + 2 * YEAR + hours(0.5), 1.5 * HOUR_S)
    assert guard.trusted(NOON + 2 * YEAR + hours(1), 2 * HOUR_S)


def test_a_restart_soon_after_is_trusted_and_one_after_a_long_pause_or_without_memory_waits():
    assert ClockGuard(NOON).trusted(NOON + hours(20), 5)
    assert not ClockGuard(NOON).trusted(NOON + hours(30), 5)
    assert not ClockGuard(None).trusted(NOON, 5)


def test_a_clock_that_went_back_deletes_nothing_wrong():
    assert ClockGuard(NOON).trusted(NOON - YEAR, 5)  # what is old for it is older still for us

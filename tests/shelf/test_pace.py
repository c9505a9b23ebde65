"""What is usual is learnt per item and hour, from numbers only."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from handled import HELD

from aeras.domain.kept import Kind
from aeras.shelf.pace import ENOUGH, Pace

NINE, NOON = (datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (9, 12))


def learnt(count: int, usual_s: float, at: datetime = NINE, pace: Pace | None = None) -> Pace:
    pace, rng = pace or Pace(), np.random.default_rng(3)
    for seconds in rng.lognormal(np.log(usual_s), 0.4, count):
        pace.learn(replace(HELD, hold_s=float(seconds), at=at))
    return pace


def test_nothing_is_usual_before_enough_was_seen() -> None:
    assert learnt(ENOUGH - 1, 8.0).score(HELD) is None
    assert learnt(ENOUGH, 8.0).score(HELD) is not None


def test_half_and_twice_the_usual_time_stand_out() -> None:
    pace = learnt(100, 8.0)
    assert pace.score(HELD) == pytest.approx(0, abs=0.3)
    assert (pace.score(replace(HELD, hold_s=3.0)) or 0) < -1.5
    assert (pace.score(replace(HELD, hold_s=20.0)) or 0) > 1.5


def test_an_hour_has_its_own_pace_and_borrows_the_day_until_then() -> None:
    pace = learnt(100, 8.0)
    assert pace.score(replace(HELD, at=NOON)) == pytest.approx(0, abs=0.3)
    learnt(100, 2.0, NOON, pace)
    assert (pace.score(replace(HELD, at=NOON)) or 0) > 2.5


def test_other_items_and_unseen_holds_say_nothing() -> None:
    pace = learnt(100, 8.0)
    assert pace.score(replace(HELD, item="coffee")) is None
    assert pace.score(replace(HELD, hold_s=0.0)) is None
    assert pace.score(replace(HELD, kind=Kind.TAKE)) is None


def test_the_past_fades() -> None:
    pace = learnt(2000, 3.0, pace=learnt(2000, 12.0))
    assert pace.score(replace(HELD, hold_s=3.0)) == pytest.approx(0, abs=0.3)

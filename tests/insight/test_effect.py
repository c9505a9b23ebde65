from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aeras.domain.evidence import HourOfItem, Watched
from aeras.insight.effect import MOST_CONTROLS, compare, measure_effect

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ACTED = START + 20 * HOUR
SHOP = {f"i{n}": "drinks" for n in range(6)} | {"far": "sweets"}


def counts(before, after, *, hours=20, n=10, item="i0"):
    """Ten handlings an hour; ``item`` goes from one rate to another, the rest stay at 2 of 10."""
    found = []
    for step in range(2 * hours):
        for name in SHOP:
            rejected = (before if step < hours else after) if name == item else 2
            found.append(HourOfItem(name, START + step * HOUR, n, rejected, 0, 0, n, 0))
    return found


def effect(rows, **more):
    more = {"measure": Watched.REJECTION, "acted": ACTED, **more}
    return measure_effect(rows, SHOP, "i0", **more)


def test_a_fall_of_the_item_alone_is_its_effect():
    found = effect(counts(6, 3))
    assert found.enough
    assert found.change.value == pytest.approx(-0.3, abs=0.01)
    assert found.change.low < -0.3 < found.change.high < 0
    assert (found.controls, found.controls_before, found.controls_after) == (5, 0.2, 0.2)
    assert found.placebo.low <= 0 <= found.placebo.high


def test_what_all_do_is_no_effect():
    rows = counts(4, 4)
    later = [
        HourOfItem(r.item, r.at, r.handled, r.rejected + (r.at >= ACTED), 0, 0, r.visits, 0)
        for r in rows
    ]
    found = effect(later)
    assert found.change.low < 0 < found.change.high


def test_an_item_that_was_falling_already_fails_the_check():
    rows = counts(6, 3)
    early = START + 10 * HOUR
    falling = [
        HourOfItem(r.item, r.at, r.handled, 9, 0, 0, r.visits, 0)
        if r.item == "i0" and r.at < early
        else r
        for r in rows
    ]
    assert effect(falling).placebo.high < 0


@pytest.mark.parametrize(
    ("rows", "more", "why"),
    [
        (counts(6, 3, n=1), {}, "before"),
        (counts(6, 3, hours=20), {"acted": START + 39 * HOUR}, "after"),
        (counts(6, 3), {"spoilt": frozenset({"i1", "i2", "i3"})}, "controls"),
    ],
)
def test_too_little_says_what_is_missing(rows, more, why):
    if why == "before":
        rows = rows + [HourOfItem(f"i{n}", ACTED + n * HOUR, 90, 9, 0, 0, 90, 0) for n in range(6)]
        rows += [HourOfItem(f"i{n}", START, 90, 9, 0, 0, 90, 0) for n in range(1, 6)]
    if why == "after":
        rows = rows + [
            HourOfItem(f"i{n}", START + 39 * HOUR, 90, 9, 0, 0, 90, 0) for n in (1, 2, 3)
        ]
    found = effect(rows, **more)
    assert (found.enough, found.change, found.why) == (False, None, why)
    if why == "after":
        assert found.needed == 20


def test_below_k_visits_nothing_is_told():
    assert not effect(counts(6, 3), k=201).enough


def test_a_wide_interval_says_how_many_more_would_help():
    found = effect(counts(3, 2, n=4))
    half = (found.change.high - found.change.low) / 2
    assert half > 0.10
    assert found.needed is None or found.needed > 0


def test_those_most_like_it_are_the_controls():
    rng = np.random.default_rng(3)
    rates = np.concatenate([[0.3], np.full(20, 0.3), np.full(20, 0.02)])
    n = np.full(41, 200.0)
    before = np.array([n, rng.binomial(200, rates)], float)
    after = before.copy()
    after[1, 21:] = 100.0  # what the unlike ones do must not matter
    assert MOST_CONTROLS < 20
    assert abs(compare(before, after).change.value) < 0.1

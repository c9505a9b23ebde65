from __future__ import annotations

import numpy as np
import pytest

from aeras.insight.proportions import Difference, difference

ALPHA = 0.05


def blocks_of(rng, runs, hours, p_a, p_b):
    """Hourly counts of many comparisons; rates swing over the day in both arms alike."""
    for hour in range(hours):
        swing = 0.6 + 0.4 * np.sin(hour * 2 * np.pi / 24)
        n_a, n_b = rng.poisson(4, runs), rng.poisson(4, runs)
        yield n_a, rng.binomial(n_a, p_a * swing), n_b, rng.binomial(n_b, p_b * swing)


@pytest.mark.parametrize("rate", [0.1, 0.4])
def test_looking_each_hour_keeps_the_error_below_alpha_when_the_arms_are_alike(rate):
    runs = 1000
    process = Difference([0.0], runs)
    for block in blocks_of(np.random.default_rng(5), runs, 500, rate, rate):
        process.update(*block)
    wrong = (process.above[:, 0] >= 2 / ALPHA) | (process.below[:, 0] >= 2 / ALPHA)
    # A fixed-horizon test looked at each hour would be wrong in about a third of the runs.
    assert wrong.mean() <= ALPHA


def test_a_real_difference_is_found_in_most_runs_and_the_interval_holds_it():
    runs = 200
    process = Difference([0.0, 0.1], runs)
    rng = np.random.default_rng(6)
    for _ in range(500):
        n_a, n_b = rng.poisson(4, runs), rng.poisson(4, runs)
        process.update(n_a, rng.binomial(n_a, 0.3), n_b, rng.binomial(n_b, 0.2))
    assert (process.above[:, 0] >= 2 / ALPHA).mean() > 0.9
    missed = (process.above[:, 1] >= 2 / ALPHA) | (process.below[:, 1] >= 2 / ALPHA)
    assert missed.mean() <= ALPHA


def test_the_interval_is_all_before_anything_was_seen_and_narrows():
    empty = difference([], ALPHA)
    assert (empty.low, empty.high, empty.n) == (-1.0, 1.0, 0)
    few = difference([(20, 6, 20, 3)] * 5, ALPHA)
    many = difference([(20, 6, 20, 3)] * 50, ALPHA)
    assert few.low < many.low < 0.15 < many.high < few.high
    assert many.low > 0
    assert many.value == pytest.approx(0.15)
    assert many.n == 2000


def test_exchanging_the_arms_turns_the_interval_round():
    one = difference([(20, 9, 15, 3)] * 20, ALPHA)
    other = difference([(15, 3, 20, 9)] * 20, ALPHA)
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))

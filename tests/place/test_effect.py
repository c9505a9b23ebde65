import numpy as np
import pytest

from aeras.place.effect import measure

RNG = np.random.default_rng(5)


def weeks(count, *, lift=1.0, noise=0.05):
    """Two fixtures of different size under a common demand that moves; the first is lifted."""
    demand = RNG.lognormal(0, 0.2, count)
    own = RNG.lognormal(0, noise, (2, count))
    return np.array([[30.0 * lift], [80.0]]) * demand * own


@pytest.mark.parametrize("lift", [1.0, 1.15, 0.8])
def test_the_interval_covers_the_truth_about_95_times_of_100(lift):
    found = [measure(weeks(6), weeks(4, lift=lift)).change for _ in range(600)]
    covered = np.mean([f.low <= lift - 1 <= f.high for f in found])
    assert 0.92 <= covered <= 0.985


def test_demand_that_moves_both_is_no_effect_and_a_loss_is_one():
    still = measure(weeks(8, noise=0.01), 3 * weeks(6, noise=0.01)).change
    assert -0.1 < still.low < still.high < 0.1
    lost = measure(weeks(8, noise=0.03), weeks(6, lift=0.7, noise=0.03))
    assert lost.worse
    assert lost.placebo.low <= 0.1


def test_too_few_weeks_tell_nothing_and_say_how_many_are_missing():
    found = measure(weeks(2), weeks(1))
    assert found.change is None
    assert found.placebo is None
    assert found.needed == 1
    assert measure(weeks(0), weeks(4)).needed == 3

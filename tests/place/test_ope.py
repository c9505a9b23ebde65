from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.place import ope


def rounds_of(n: int, rng: np.random.Generator, *, gain: float = 2.0, off: float = 0.0):
    """Three choices; the policy takes the last, today's is the first. ``off``: model's error."""
    propensity = np.array([0.5, 0.3, 0.2])
    level = rng.normal(50, 10, n)
    chosen = rng.choice(3, n, p=propensity)
    means = level[:, None] + np.array([0.0, -1.0, gain])
    reward = means[np.arange(n), chosen] + rng.normal(0, 3, n)
    guess = means + np.array([0.0, 0.0, off])
    return ope.Rounds(
        reward=reward,
        propensity=propensity[chosen],
        target=(chosen == 2).astype(float),
        base=(chosen == 0).astype(float),
        support=np.full(n, 0.2),
        predicted=guess[np.arange(n), chosen],
        predicted_target=guess[:, 2],
        predicted_base=guess[:, 0],
    )


@pytest.mark.parametrize("method", ope.METHODS)
def test_intervals_hold_the_truth_as_often_as_they_say(method):
    rng = np.random.default_rng(5)
    found = [ope.estimate(rounds_of(120, rng, off=1.0), method) for _ in range(1500)]
    share = np.mean([g.low <= 2.0 <= g.high for g in found])
    assert 0.93 < share < 0.975
    assert np.mean([g.value for g in found]) == pytest.approx(2.0, abs=0.6)


def test_a_model_makes_the_interval_narrow_even_where_it_is_wrong():
    rounds = rounds_of(200, np.random.default_rng(1), off=2.0)
    dr, ips = ope.estimate(rounds, "dr"), ope.estimate(rounds, "ips")
    assert dr.high - dr.low < (ips.high - ips.low) / 5


def bernstein(rounds: ope.Rounds, largest: float, *, alpha: float = 0.05) -> ope.Gain:
    """IPS with an interval that holds for any number of rounds, but is wide (Maurer and Pontil
    2009, empirical Bernstein).

    Args:
        rounds: As in `ope.estimate`.
        largest: Largest absolute value that a round's term can have.
        alpha: Both sides together.
    """
    found, _ = ope.terms(rounds, "ips")
    n = len(found)
    log = math.log(4 / alpha)
    value, deviation = float(found.mean()), float(found.std(ddof=1)) / math.sqrt(n)
    half = deviation * math.sqrt(2 * log) + 7 * 2 * largest * log / (3 * (n - 1))
    return ope.Gain(value, value - half, value + half, n, ope.effective_rounds(rounds), deviation)


def bootstrap(
    rounds: ope.Rounds, method: ope.Method, rng: np.random.Generator, *, draws: int = 1000
) -> ope.Gain:
    """The same with the basic bootstrap interval over rounds."""
    found, chance = ope.terms(rounds, method)
    n = len(found)
    again = chance[rng.integers(0, n, (draws, n))].mean(axis=1) - chance.mean()
    low, high = np.quantile(again, [0.025, 0.975])
    value = float(found.mean())
    return ope.Gain(
        value,
        value - float(high),
        value - float(low),
        n,
        ope.effective_rounds(rounds),
        float(again.std()),
    )


def test_other_intervals_agree_in_order():
    rng = np.random.default_rng(2)
    rounds = rounds_of(400, rng)
    student = ope.estimate(rounds, "ips")
    again = bootstrap(rounds, "ips", rng)
    wide = bernstein(rounds, largest=100 / 0.2)
    assert again.high - again.low == pytest.approx(student.high - student.low, rel=0.2)
    assert wide.high - wide.low > student.high - student.low


def test_effective_rounds_are_those_of_kish():
    rounds = rounds_of(1000, np.random.default_rng(3))
    assert ope.effective_rounds(rounds) == pytest.approx(200, abs=40)


@pytest.mark.parametrize("value", [0.0, -0.1, 1.2, float("nan")])
@pytest.mark.parametrize("name", ["propensity", "support"])
def test_impossible_probabilities_are_refused(name, value):
    rounds = rounds_of(50, np.random.default_rng(4))
    wrong = getattr(rounds, name).copy()
    wrong[7] = value
    with pytest.raises(InputError, match=r"round 8 of 50 .*log with a floor"):
        ope.gate(replace(rounds, **{name: wrong}), "greedy")


def test_too_little_data_says_how_much_is_needed():
    verdict = ope.gate(rounds_of(12, np.random.default_rng(6)), "greedy")
    assert not verdict.passed
    assert verdict.needed
    assert verdict.needed >= 18
    assert "too little data: 12 rounds" in verdict.why


def test_the_gate_lets_a_gain_through_and_stops_a_loss_and_a_guess():
    rng = np.random.default_rng(7)
    assert ope.gate(rounds_of(200, rng, gain=6.0), "a").passed
    loss = ope.gate(rounds_of(200, rng, gain=-6.0), "b")
    assert (loss.passed, loss.needed) == (False, None)
    close = ope.gate(rounds_of(60, rng, gain=0.3), "c")
    assert not close.passed


def test_the_gate_seldom_lets_a_policy_through_that_gains_nothing():
    rng = np.random.default_rng(8)
    passed = [ope.gate(rounds_of(100, rng, gain=0.0, off=2.0), "x").passed for _ in range(600)]
    assert np.mean(passed) < 0.05

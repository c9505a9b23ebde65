from __future__ import annotations

import numpy as np
import pytest

from aeras.insight.change import discoveries, dispersion, of_rates, of_shares, per_visit
from aeras.insight.rates import share


def test_newcombe_s_published_example():
    """Newcombe 1998, table II, example a, method 10: 56/70 against 48/80."""
    found = of_shares(share(56, 70), share(48, 80))
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert found.p == pytest.approx(0.0080, abs=1e-3)


def test_shares_without_any_hit_differ_by_nothing_known():
    found = of_shares(share(0, 20), share(0, 20))
    assert (found.value, found.p) == (0, 1)
    assert found.low < 0 < found.high


def test_intervals_of_rates_hold_the_truth_for_scattered_counts_too():
    """Counts of days that scatter three times as much as Poisson's."""
    rng = np.random.default_rng(5)
    held, days, scatter, repeats = 0, 14, 3.0, 400
    for _ in range(repeats):
        mean = np.array([[20.0], [30.0]])
        counts = rng.negative_binomial(mean / (scatter - 1), 1 / scatter, (2, days))
        phi = dispersion(counts.tolist())
        found = of_rates((counts[1].sum(), 1), (counts[0].sum(), 1), phi)
        held += found.low <= 0.5 <= found.high
    assert 0.92 <= held / repeats <= 0.98


def test_the_chance_of_the_visits_widens_a_conversion():
    plain = of_rates((30, 100), (20, 100))
    wide = of_rates((30, 100), (20, 100), more=[(100, 2.0), (100, 2.0)])
    assert wide.low < plain.low < plain.value < plain.high < wide.high
    assert wide.p > plain.p


def test_nothing_sold_still_has_an_upper_limit():
    found = per_visit(0, 100)
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(0.0369, abs=1e-4)  # the exact 97.5 % limit, 3.69 of 100


def test_discoveries_follow_the_step_up_rule():
    assert discoveries([0.001, 0.012, 0.04, 0.6]) == [True, True, False, False]
    assert discoveries([0.04, 0.04, 0.04]) == [True, True, True]
    assert discoveries([]) == []

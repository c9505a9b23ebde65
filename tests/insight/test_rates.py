from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aeras.insight.rates import mean, share


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 500), st.data())
def test_a_share_agrees_with_scipys_wilson_interval(n, data):
    count = data.draw(st.integers(0, n))
    rate = share(count, n)
    reference = stats.binomtest(count, n).proportion_ci(method="wilson")
    assert rate.value == count / n
    assert rate.n == n
    assert rate.low == pytest.approx(reference.low, abs=1e-9)
    assert rate.high == pytest.approx(reference.high, abs=1e-9)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


@pytest.mark.parametrize(("count", "n"), [(1, 0), (-1, 5), (6, 5), (0, 0)])
def test_an_impossible_share_is_refused(count, n):
    with pytest.raises(ValueError, match="expected 0 <= count <= n"):
        share(count, n)


def test_a_mean_agrees_with_students_interval():
    values = [1, 2, 2, 3, 5, 4, 4, 2, 1, 3]
    rate = mean(values, bounds=(1, 5))
    reference = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert rate.value == pytest.approx(2.7)
    assert (rate.low, rate.high) == (pytest.approx(reference.low), pytest.approx(reference.high))
    assert rate.n == 10


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=40))
def test_a_mean_stays_on_its_scale_and_never_claims_certainty(values):
    rate = mean(values, bounds=(1, 5))
    assert 1 <= rate.low <= rate.value <= rate.high <= 5
    assert rate.low < rate.high

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from aeras.domain.evidence import HourOfItem, Question, Watched
from aeras.insight.evidence import Process, needed, pooled, weigh

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@settings(max_examples=60, deadline=None)
@given(
    baseline=st.floats(0.02, 0.6),
    share=st.floats(0, 1),
    sizes=st.tuples(st.integers(1, 4), st.integers(1, 12)),
    margin=st.floats(1, 1.5),
    before=st.integers(0, 20),
)
def test_under_the_null_a_block_gains_nothing_on_average(baseline, share, sizes, margin, before):
    """Exact, over all outcomes of a block, whatever was seen before it."""
    own, others = sizes
    rate = share * min(1.0, margin * baseline)
    expected = 0.0
    for y_a in range(own + 1):
        for y_b in range(others + 1):
            process = Process(np.array([0, 0]), margin)
            process.update(np.array([0, 20]), np.array([0, before]))
            process.update(np.array([own, others]), np.array([y_a, y_b]))
            chance = stats.binom.pmf(y_a, own, rate) * stats.binom.pmf(y_b, others, baseline)
            expected += chance * process.e_values[0]
    assert expected <= 1 + 1e-9


def test_evidence_grows_for_twice_the_rate_and_not_for_the_same():
    rng = np.random.default_rng(1)
    process = Process(np.zeros(20, dtype=np.int64), 1.1)
    rates = np.full(20, 0.15)
    rates[0] = 0.30
    for _ in range(60):
        handled = rng.poisson(5, 20)
        process.update(handled, rng.binomial(handled, rates))
    assert process.e_values[0] > 1000
    assert process.e_values[1:].max() < 20


def test_a_camera_that_reads_everything_as_rejection_is_no_evidence():
    """The comparison is with the same hour: a fault that meets all items cancels out."""
    process = Process(np.zeros(5, dtype=np.int64), 1.0)
    for hour in range(100):
        handled = np.array([0, 4, 4, 4, 4]) if hour < 50 else np.full(5, 4)
        process.update(handled, np.zeros(5, dtype=np.int64) if hour < 50 else handled)
    assert process.e_values[0] <= 1 + 1e-9


def test_an_item_alone_in_its_category_is_never_accused():
    process = Process(np.array([0, 1]), 1.0)
    process.update(np.array([500, 500]), np.array([500, 0]))
    assert process.e_values[0] <= 1 + 1e-9


@pytest.mark.parametrize(
    ("e_values", "bar"),
    [([1, 1, 1, 1], 80), ([79, 1, 1, 1], 80), ([80, 1, 1, 1], 80), ([41, 40, 1, 1], 40)],
)
def test_e_bh_asks_less_of_each_when_many_stand_out(e_values, bar):
    assert needed(np.array(e_values, dtype=float), 0.05) == pytest.approx(bar)


def test_items_that_are_alike_are_pooled_and_items_that_differ_are_not():
    handled = np.full(30, 100)
    alike = pooled(np.random.default_rng(3).binomial(handled, 0.2), handled)
    differ = pooled(np.arange(30) * 3, handled)
    assert sum(alike) > 40
    assert sum(differ) < 5


def hours(rates: dict[str, float], count: int = 80) -> list[HourOfItem]:
    rng = np.random.default_rng(5)
    return [
        HourOfItem(
            item, NOON + n * HOUR, 5, int(rng.binomial(5, rate)), 0, 0, visits=5, simulated=0
        )
        for n in range(count)
        for item, rate in rates.items()
    ]


def asked(*judged: str, min_handled: int = 20) -> Question:
    return Question(Watched.REJECTION, 1.1, 0.05, frozenset(judged), min_handled)


def test_a_finding_shows_rate_baseline_and_evidence():
    rates = {"bad": 0.4, "a": 0.15, "b": 0.15, "c": 0.15}
    found = weigh(hours(rates), dict.fromkeys(rates, "drinks"), asked(*rates))
    bad = found["bad"]
    assert bad.found
    assert bad.e_value >= bad.needed
    assert bad.rate.low < 0.4 < bad.rate.high
    assert bad.baseline.low < 0.15 < bad.baseline.high
    assert bad.rate.n == 400
    assert [f.item for f in found.values() if f.found] == ["bad"]


def test_only_judged_items_with_enough_handlings_are_found():
    rates = {"bad": 0.6, "worse": 0.7, "a": 0.15, "b": 0.15}
    categories = dict.fromkeys(rates, "drinks")
    assert set(weigh(hours(rates), categories, asked("bad"))) == {"bad"}
    few = weigh(hours(rates), categories, asked(*rates, min_handled=401))
    assert not any(finding.found for finding in few.values())


def test_a_margin_below_one_is_refused():
    with pytest.raises(ValueError, match="margin"):
        Process(np.array([0]), 0.9)

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from aeras.domain.evidence import HourOfItem, Question, Watched
from aeras.insight.drift import Comparison, weigh_change

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def drawn(rng, times, rate, controls, swing=0.0):
    """Counts of an item and its controls, (4, T)."""
    moved = rng.lognormal(0, swing, times)
    n_a, n_b = rng.poisson(3, times), rng.poisson(60, times)
    return np.array(
        [
            n_a,
            rng.binomial(n_a, np.minimum(rate * moved, 0.95)),
            n_b,
            rng.binomial(n_b, np.minimum(controls * moved, 0.95)),
        ]
    )


def e_values(after, controls_after=0.2, count=60, own=0.2):
    rng = np.random.default_rng(5)
    return np.array(
        [
            Comparison(
                drawn(rng, 80, own, 0.2, 0.15), drawn(rng, 80, after, controls_after, 0.15), 1.1
            ).e_value
            for _ in range(count)
        ]
    )


def test_an_item_that_became_twice_as_bad_is_found():
    assert np.median(e_values(0.4)) > 50


@pytest.mark.parametrize(
    ("own", "after", "controls_after"), [(0.2, 0.2, 0.2), (0.2, 0.4, 0.4), (0.4, 0.4, 0.2 / 1.05)]
)
def test_no_evidence_where_it_moved_as_its_controls_did(own, after, controls_after):
    """Also for an item that was worse before: only what changed counts."""
    found = e_values(after, controls_after, own=own)
    assert found.mean() < 1
    assert found.max() < 20


def test_the_last_of_the_running_values_is_the_value_and_they_never_run_wild():
    rng = np.random.default_rng(1)
    over = 0
    for _ in range(40):
        compared = Comparison(drawn(rng, 60, 0.2, 0.2), drawn(rng, 60, 0.2, 0.2), 1.0)
        assert compared.running[-1] == pytest.approx(compared.e_value)
        over += compared.running.max() >= 20
    assert over <= 2


def test_how_much_more_would_make_it_fade():
    rng = np.random.default_rng(2)
    compared = Comparison(drawn(rng, 80, 0.2, 0.2), drawn(rng, 80, 0.5, 0.2), 1.1)
    more = compared.away(0.2, 20)
    assert compared.e_value > 20
    assert more is not None
    assert 20 < more < 2000
    assert compared.away(0.8, 20) is None


def hours(since, count, **rejected_of_ten):
    return [
        HourOfItem(item, since + n * HOUR, 10, rejected, 0, 0, 10, 0)
        for n in range(count)
        for item, rejected in rejected_of_ten.items()
    ]


ASKED = Question(Watched.REJECTION, 1.1, 0.05, frozenset({"a", "b", "c"}), 20)
SAME = dict.fromkeys("abc", "drinks")


def test_an_item_is_compared_with_itself_and_with_those_that_did_not_change():
    moment = START + 24 * HOUR
    counts = hours(START, 24, a=3, b=3, c=3) + hours(moment, 24, a=9, b=9, c=3)
    found = weigh_change(counts, SAME, ASKED, {"a": moment, "b": moment})
    assert sorted(found) == ["a", "b"]
    assert found["a"].found
    assert found["a"].more["controls_after"] == pytest.approx(0.3)
    assert found["a"].baseline.value == pytest.approx(0.3)


def test_where_all_of_a_category_changed_it_is_how_each_fared_against_the_others():
    counts = hours(START, 12, a=3, b=3, c=3) + hours(START + 12 * HOUR, 12, a=9, b=9, c=9)
    changed = dict.fromkeys("abc", START + 12 * HOUR)
    assert not any(one.found for one in weigh_change(counts, SAME, ASKED, changed).values())


def test_without_a_time_before_nothing_is_said():
    assert weigh_change(hours(START, 12, a=9, b=3), SAME, ASKED, {"a": START}) == {}
    assert weigh_change([], SAME, ASKED, {"a": START}) == {}

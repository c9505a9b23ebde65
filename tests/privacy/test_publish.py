from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import answer, tally

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Origin, Tally
from aeras.domain.published import Numbers, Rate
from aeras.insight import rates
from aeras.privacy.publish import Publisher, complement

K = 10
PUBLISHER = Publisher(K, share=rates.share, mean=rates.mean)
COUNTS = ("visits", "dwells", "reaches", "takes", "put_backs")
ENOUGH = tally(
    visits=40,
    dwells=50,
    reaches=12,
    takes=20,
    put_backs=11,
    positive=8,
    hesitant=4,
    rejected=11,
    neutral=6,
    unclear=2,
    coverage=0.4567,
)


def shown(numbers: Numbers) -> dict[str, object]:
    values = {field.name: getattr(numbers, field.name) for field in fields(numbers)}
    return {name: value for name, value in values.items() if value is not None}


def test_a_large_group_shows_its_numbers_with_intervals():
    numbers = PUBLISHER.one(ENOUGH)
    assert (numbers.visits, numbers.takes, numbers.coverage) == (40, 20, 0.46)
    assert numbers.rejection is not None
    assert numbers.rejection.n == 31
    assert numbers.rejection.low < numbers.rejection.value < numbers.rejection.high
    assert numbers.simulated == 0


def test_a_small_group_shows_nothing_but_whether_it_is_simulated():
    numbers = PUBLISHER.one(tally(visits=9, takes=9, positive=9, coverage=0.5, simulated=4))
    assert shown(numbers) == {"simulated": 0.5}


def test_a_small_count_in_a_large_group_is_withheld_and_none_at_all_is_shown():
    numbers = PUBLISHER.one(tally(visits=40, takes=3, put_backs=0, positive=3))
    assert numbers.takes is None
    assert numbers.put_backs == 0
    assert numbers.positive is None


def test_a_rate_needs_enough_handlings_of_its_own():
    few = tally(visits=100, dwells=100, reaches=9, neutral=9)
    assert PUBLISHER.one(few).rejection is None
    assert PUBLISHER.one(ENOUGH).hesitation is not None


def test_one_withheld_group_takes_the_next_smallest_with_it():
    groups = [tally("a", visits=50), tally("b", visits=4), tally("c", visits=12)]
    numbers = PUBLISHER.table(groups)
    assert [n.visits for n in numbers] == [50, None, None]
    assert [n.visits for n in PUBLISHER.table(groups, total_shown=False)] == [50, None, 12]


def test_withheld_groups_that_hold_too_few_together_take_another_with_them():
    groups = [tally("a", visits=50), tally("b", visits=2), tally("c", visits=3)]
    assert [n.visits for n in PUBLISHER.table(groups)] == [None, None, None]


def test_empty_groups_withhold_nothing_else():
    groups = [tally("a", visits=50), tally("b"), tally("c", visits=12)]
    assert [n.visits for n in PUBLISHER.table(groups)] == [50, None, 12]


def test_bare_counts_are_withheld_with_their_complement():
    assert PUBLISHER.count(9) is None
    assert PUBLISHER.count(10) == 10
    assert PUBLISHER.counts([30, 4, 12, 0]) == [30, None, None, None]
    assert PUBLISHER.counts([30, 12]) == [30, 12]


def test_k_below_two_is_refused():
    with pytest.raises(PrivacyError, match="2 or more"):
        Publisher(1, share=rates.share, mean=rates.mean)


small = st.integers(0, 40)


@st.composite
def tallies(draw):
    labels = {n: draw(small) for n in ("positive", "hesitant", "rejected", "neutral", "unclear")}
    counts = {n: draw(small) for n in COUNTS}
    simulated = draw(st.integers(0, sum(counts.values()) - counts["visits"]))
    coverage = draw(st.floats(0, 1))
    return tally("x", **counts, **labels, simulated=simulated, coverage=coverage)


@settings(max_examples=60, deadline=None)
@given(tallies())
def test_no_number_below_k_is_ever_shown(group: Tally):
    numbers = PUBLISHER.one(group)
    for name in COUNTS:
        assert getattr(numbers, name) in (None, 0) or getattr(numbers, name) >= K
    for name in ("rejection", "hesitation", "positive", "unclear"):
        rate: Rate | None = getattr(numbers, name)
        assert rate is None or rate.n >= K
    if group.visits < K:
        assert set(shown(numbers)) == {"simulated"}
        assert numbers.simulated in (0, 0.5, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(tallies(), max_size=8))
def test_what_is_withheld_cannot_be_had_from_the_total(groups: list[Tally]):
    table = PUBLISHER.table(groups)
    columns = {name: [getattr(n, name) for n in table] for name in COUNTS}
    columns["handled"] = [n.rejection.n if n.rejection else None for n in table]
    for name, cells in columns.items():
        hidden = [
            getattr(group, name) for group, cell in zip(groups, cells, strict=True) if cell is None
        ]
        everything = not any(cells)
        difference = sum(hidden)  # the total, less what is shown
        occupied = sum(cell > 0 for cell in hidden)
        assert difference == 0 or everything or (occupied >= 2 and difference >= K)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=10), st.integers(2, 20), st.data())
def test_complement_only_adds_and_stops_when_it_is_enough(cells, k, data):
    hidden = set(data.draw(st.lists(st.sampled_from(range(len(cells)))))) if cells else set()
    grown = complement(cells, hidden, k)
    assert grown >= hidden
    assert complement(cells, grown, k) == grown


def test_a_survey_shows_nothing_below_k_answers():
    summary = PUBLISHER.survey("oat-milk", [answer() for _ in range(9)], asked=40)
    assert (summary.answers, summary.asked, summary.rating, summary.ratings) == (None,) * 4
    assert summary.choices is None
    assert summary.quotes == ()


def test_a_survey_shows_its_answers_from_k_on():
    answers = [answer(text=f"text {n}", rating=1 + n % 3) for n in range(12)]
    answers.append(answer(choice="price", text="", rating=None, origin=Origin.SIMULATED))
    summary = PUBLISHER.survey("oat-milk", answers, asked=40)
    assert (summary.answers, summary.asked) == (13, 40)
    assert summary.ratings == (4, 4, 4, 0, 0)
    assert summary.rating is not None
    assert summary.rating.value == 2
    assert summary.choices == (("taste", 12), ("price", 1))
    assert summary.quotes[:2] == ("text 0", "text 1")
    assert len(summary.quotes) == 12
    assert summary.simulated == pytest.approx(1 / 13, abs=0.01)

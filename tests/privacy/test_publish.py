from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import NOON, answer, tally

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Block, Measure, Origin, Tally
from aeras.domain.published import Numbers, Rate
from aeras.insight import rates
from aeras.privacy.publish import Publisher

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


def test_a_small_count_in_a_large_group_is_withheld():
    numbers = PUBLISHER.one(tally(visits=40, takes=3, put_backs=0, positive=3))
    assert numbers.takes is None
    assert numbers.put_backs is None
    assert numbers.positive is None


def test_a_rate_needs_enough_handlings_of_its_own():
    few = tally(visits=100, dwells=100, reaches=9, neutral=9)
    assert PUBLISHER.one(few).rejection is None
    assert PUBLISHER.one(ENOUGH).hesitation is not None


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


def cell(minute: int = 0, visits: int = 1, count: int | None = None, **changes) -> Block:
    base = Block(
        at=NOON + timedelta(minutes=minute),
        fixture="drinks",
        facing="d1",
        item="oat-milk",
        simulated=False,
        measure=Measure.VISITS,
        visits=visits,
        count=visits if count is None else count,
    )
    return replace(base, **changes)


def test_a_block_is_finished_when_k_visits_have_come_together():
    done, pending = PUBLISHER.fold([], [cell(0, 6), cell(15, 5), cell(30, 3)])
    assert [(block.at, block.visits) for block in done] == [(NOON + timedelta(minutes=15), 11)]
    assert [block.visits for block in pending] == [3]


def test_a_block_needs_k_visits_and_k_of_what_it_counts():
    takes = [cell(n, 5, 2, measure=Measure.TAKES) for n in range(5)]
    done, pending = PUBLISHER.fold([], takes)
    assert [(block.visits, block.count) for block in done] == [(25, 10)]
    done, pending = PUBLISHER.fold([], [cell(0, 1, 30, measure=Measure.TAKES)])
    assert (done, len(pending)) == ([], 1)


def test_what_fills_too_slowly_is_counted_for_the_item_and_then_for_the_shop():
    days = 24 * 60
    slow = [cell(n * 8 * days, 6, facing=f"d{n}") for n in range(3)]
    done, pending = PUBLISHER.fold([], slow)
    assert [(b.fixture, b.facing, b.item, b.visits) for b in done] == [(None, None, "oat-milk", 12)]
    late = cell(40 * days, 1, item="cola", facing="d9")
    done, pending = PUBLISHER.fold(
        [cell(0, 6), cell(0, 6, item="gum", facing="s1")], [cell(), late]
    )
    assert done == []
    done, pending = PUBLISHER.fold(pending, [replace(late, at=late.at + timedelta(days=9))])
    assert [(b.item, b.visits) for b in done] == [(None, 13)]


def test_folding_at_once_or_bit_by_bit_gives_the_same_blocks():
    rng = np.random.default_rng(3)
    cells = [cell(15 * n, int(rng.integers(0, 5)), facing=f"d{n % 4}") for n in range(3000)]
    at_once = PUBLISHER.fold([], cells)
    done: list[Block] = []
    pending: list[Block] = []
    for n in range(0, len(cells), 70):
        more, pending = PUBLISHER.fold(pending, cells[n : n + 70])
        done += more
    assert (done, pending) == at_once
    assert sum(b.visits for b in [*done, *pending]) == sum(c.visits for c in cells)


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

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeras.domain.kept import StockLevel
from aeras.domain.ports import Apart, ItemGrain, Misplaced, ShelfSpan, ShelfTime
from aeras.insight.availability import cut, misplaced_spans, on_shelf, spans_of

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
GRAIN = timedelta(minutes=15)
HOUR = timedelta(hours=1)
LEVELS = {"E": StockLevel.EMPTY, "F": StockLevel.FULL, "?": StockLevel.UNKNOWN}


def grains(text: str, item: str = "tea") -> list[ItemGrain]:
    """One letter a grain; a blank has no record."""
    return [
        ItemGrain(item, NOON + n * GRAIN, LEVELS[letter], 0.0 if letter == "?" else 1.0)
        for n, letter in enumerate(text)
        if letter != " "
    ]


def spans(text: str, why: Apart, *, is_open: bool = True) -> list[tuple[int, int]]:
    """From and to of the spans of one kind, in grains after noon."""
    found = spans_of(grains(text), GRAIN, lambda _: is_open)
    return [
        ((one.since - NOON) // GRAIN, (one.until - NOON) // GRAIN)
        for one in found
        if one.why is why
    ]


def test_availability_is_the_share_of_the_told_time_with_bounds_for_the_rest():
    found = on_shelf(ShelfTime("tea", NOON, told=8, empty=2, records=10, simulated=5), 16, GRAIN)
    assert found.value == 0.75
    assert (found.low, found.high) == (6 / 16, 14 / 16)
    assert (found.told_h, found.coverage, found.simulated) == (2.0, 0.5, 0.5)


def test_of_an_item_that_was_never_told_nothing_is_said():
    found = on_shelf(ShelfTime("tea", NOON, told=0, empty=0, records=4, simulated=0), 4, GRAIN)
    assert (found.value, found.low, found.high, found.coverage) == (None, 0.0, 1.0, 0.0)


@given(
    told=st.floats(0.05, 1000), gone=st.floats(0, 1), more=st.floats(0, 1000), n=st.integers(1, 9)
)
def test_the_share_lies_within_its_bounds(told: float, gone: float, more: float, n: int):
    time = ShelfTime("tea", NOON, told, told * gone, n, 0)
    found = on_shelf(time, told + more, GRAIN)
    assert found.value is not None
    assert -1e-9 <= found.low <= found.value + 1e-9
    assert found.value <= found.high + 1e-9 <= 1 + 2e-9


@pytest.mark.parametrize(
    ("text", "empty", "fresh"),
    [
        ("FFEEFF", [(2, 4)], [(4, 8)]),
        ("EE?EF", [(0, 2), (3, 4)], [(4, 8)]),  # what is unseen is neither
        ("FFFF", [], []),
        ("EF EF", [(0, 1), (3, 4)], [(1, 8)]),  # both hours are one
    ],
)
def test_empty_time_and_the_hour_after_it(text: str, empty: object, fresh: object):
    assert spans(text, Apart.EMPTY) == empty
    assert spans(text, Apart.RESTOCKED) == fresh


def test_unseen_is_what_had_no_coverage_and_open_time_without_records():
    assert spans("F??F  F", Apart.LOW_COVERAGE) == [(1, 3), (4, 6)]
    assert spans("F??F  F", Apart.LOW_COVERAGE, is_open=False) == [(1, 3)]


def test_a_misplacement_counts_for_both_items_until_the_day_ends():
    evening = NOON + 8 * HOUR
    found = misplaced_spans(
        [Misplaced(NOON, "tea", "f1"), Misplaced(NOON + HOUR, "tea", "f2")],
        lambda facing, _: {"f1": "milk", "f2": None}[facing],
        lambda _: evening,
    )
    assert found == [
        ShelfSpan("milk", NOON, evening, Apart.MISPLACED),
        ShelfSpan("tea", NOON, evening, Apart.MISPLACED),
    ]


def test_spans_are_cut_to_what_was_asked():
    one = ShelfSpan("tea", NOON, NOON + 4 * HOUR, Apart.EMPTY)
    [part] = cut([one], NOON + HOUR, NOON + 2 * HOUR)
    assert (part.since, part.until) == (NOON + HOUR, NOON + 2 * HOUR)
    assert cut([one], NOON + 4 * HOUR, NOON + 5 * HOUR) == []

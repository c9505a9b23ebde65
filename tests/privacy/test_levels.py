"""What of a facing's level may leave the worker: no exact time, nothing that did not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from records import small_shop

from aeras.domain.kept import Origin, ShelfLevel, StockLevel
from aeras.domain.seen import FacingState
from aeras.privacy.levels import LevelGate

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SHOP = small_shop()
MINUTE = 60.0


def play(
    gate: LevelGate, *stretches: tuple[StockLevel, float], facing: str = "d1", every_s: float = 1.0
) -> list[ShelfLevel]:
    """Levels for some seconds each, from noon on."""
    found: list[ShelfLevel] = []
    t_s = since_s = 0.0
    for level, seconds in stretches:
        while t_s < since_s + seconds:
            state = FacingState(facing, level, since_s, 0.9)
            found += gate.see([state], START + timedelta(seconds=t_s), t_s)
            t_s += every_s
        since_s = t_s
    return found + gate.finish()


def test_a_level_is_told_once_it_has_held_and_with_its_grain_only():
    found = play(
        LevelGate(SHOP, hold_s=60), (StockLevel.FULL, 10 * MINUTE), (StockLevel.EMPTY, 4 * MINUTE)
    )
    assert [(r.level, r.at) for r in found] == [
        (StockLevel.FULL, START),
        (StockLevel.EMPTY, START),
        (StockLevel.EMPTY, START),
    ]
    last = found[-1]
    assert (last.site, last.fixture, last.facing, last.item) == (
        "corner",
        "drinks",
        "d1",
        "oat-milk",
    )
    assert last.coverage == 0.95  # 14 of 15 minutes, in twentieths
    assert last.origin is Origin.CAMERA


def test_an_emptiness_shorter_than_the_hold_is_never_told():
    found = play(
        LevelGate(SHOP, hold_s=60),
        (StockLevel.FULL, 5 * MINUTE),
        (StockLevel.EMPTY, 50),
        (StockLevel.FULL, 5 * MINUTE),
    )
    assert {r.level for r in found} == {StockLevel.FULL}


def test_who_stands_there_makes_it_unknown_not_empty_and_costs_coverage_only():
    found = play(
        LevelGate(SHOP, hold_s=60),
        (StockLevel.FULL, 5 * MINUTE),
        (StockLevel.UNKNOWN, 5 * MINUTE),
        (StockLevel.FULL, 5 * MINUTE - 1),
    )
    assert {r.level for r in found} == {StockLevel.FULL}
    assert found[-1].coverage == 0.65


def test_the_level_goes_on_into_the_next_grain_and_a_gap_is_not_seen():
    gate = LevelGate(SHOP, hold_s=60)
    play(gate, (StockLevel.EMPTY, 2 * MINUTE))
    [ended] = gate.see(
        [FacingState("d1", StockLevel.EMPTY, 0, 0.9)], START + timedelta(hours=1), 3600
    )
    assert (ended.at, ended.level, ended.coverage) == (START, StockLevel.EMPTY, 0.15)
    [now] = gate.finish()
    assert (now.at, now.level, now.coverage) == (START + timedelta(hours=1), StockLevel.EMPTY, 0.0)


def test_what_was_never_told_is_unknown():
    [record] = play(LevelGate(SHOP, hold_s=60), (StockLevel.LOW, 30))
    assert (record.level, record.coverage) == (StockLevel.UNKNOWN, 0.0)


def test_unknown_facings_and_those_without_item_are_left_out_and_rendered_ones_marked():
    assert play(LevelGate(SHOP), (StockLevel.FULL, 120), facing="track-17") == []
    found = play(LevelGate(SHOP), (StockLevel.FULL, 120), facing="s1")
    assert {r.origin for r in found} == {Origin.SIMULATED}


@settings(max_examples=40, deadline=None)
@given(empty_at=st.integers(70, 8 * 60 - 1))
def test_when_it_became_empty_within_the_grain_cannot_be_told(empty_at: int):
    """The records of a grain in which it emptied are the same wherever in it that was."""
    stretches = (StockLevel.FULL, empty_at), (StockLevel.EMPTY, 14 * MINUTE - empty_at)
    found = play(LevelGate(SHOP, hold_s=60), *stretches)
    kept = {(r.at, r.facing): r for r in found}  # a later one takes the earlier one's place
    [record] = kept.values()
    assert (record.at, record.level, record.coverage) == (START, StockLevel.EMPTY, 0.95)

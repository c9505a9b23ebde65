"""What stands beside takes and put backs: a thing at a wrong place, one that fell, bare facings."""

from __future__ import annotations

import cv2
import numpy as np
from small_shelf import BOTTOM, CAMERA, HALF, PLACES, TOP, Image, fixture, reach_in, read, shelf

from aeras.domain.kept import Kind, StockLevel
from aeras.shelf.fixture import FixtureReader


def _moved(t_s: float) -> Image:
    """The item of b is taken at 4 s and put down at c, which is bare, at 9 s."""
    taking, putting = reach_in(t_s, 160, 3, 5), reach_in(t_s, 250, 8, 10)
    carried = (taking is not None and t_s >= 4) or (putting is not None and t_s < 9)
    picture = shelf(
        ["c"] if t_s < 4 else ["b", "c"], arm=taking or putting, carried=carried, seed=int(t_s * 5)
    )
    if t_s < 9:
        return picture
    full = shelf(seed=int(t_s * 5))
    b, c = (slice(PLACES[name] - HALF, PLACES[name] + HALF) for name in "bc")
    put = picture.copy()
    put[TOP : BOTTOM + 1, c] = full[TOP : BOTTOM + 1, b]
    if putting is None:
        return put
    drawn = np.abs(picture.astype(int) - shelf(["b", "c"], seed=int(t_s * 5)).astype(int)).max(2)
    put[drawn > 0] = picture[drawn > 0]  # the arm stays before it
    return put


def test_an_item_put_down_at_another_facing_is_told_with_its_own_name() -> None:
    found = read(_moved, 14)
    beside = [one for one in found if one.kind is Kind.MISPLACED]
    assert [(one.kind, one.facing, one.item) for one in beside] == [(Kind.MISPLACED, "c", "item-b")]
    back = next(one for one in found if one.kind is Kind.PUT_BACK)
    assert (back.facing, back.item, back.start_s) == ("c", "item-b", beside[0].start_s)
    assert not beside[0].outcome
    take = next(one for one in found if one.kind is Kind.TAKE)
    assert (take.facing, take.outcome) == ("b", False)


def test_a_facing_turns_empty_when_its_only_item_is_taken_and_says_since_when() -> None:
    assert FixtureReader(fixture(), CAMERA).states == ()
    reader = FixtureReader(fixture(), CAMERA)
    read(lambda t: shelf(seed=int(t * 5)), 3, reader=reader, finish=False)
    assert {state.level for state in reader.states} == {StockLevel.FULL}

    def scene(t_s: float) -> Image:
        arm = reach_in(t_s, 250, 3, 5)
        return shelf(["c"] if t_s >= 4 else [], arm=arm, seed=int(t_s * 5))

    reader = FixtureReader(fixture(), CAMERA)
    read(scene, 12, reader=reader)
    levels = {one.facing: one for one in reader.states}
    assert levels["c"].level is StockLevel.EMPTY
    assert 3.0 <= levels["c"].since_s <= 5.5
    assert {levels[name].level for name in "ab"} == {StockLevel.FULL}


def test_a_facing_behind_somebody_for_long_is_not_known() -> None:
    def scene(t_s: float) -> Image:
        picture = shelf(seed=int(t_s * 5))
        if t_s > 4:
            x = 150 + int(6 * np.sin(4 * t_s))
            cv2.rectangle(picture, (x - 60, 0), (x + 60, 239), (70, 40, 40), -1)
        return picture

    reader = FixtureReader(fixture(), CAMERA)
    read(scene, 18, reader=reader, finish=False)
    levels = {one.facing: one for one in reader.states}
    assert levels["b"].level is StockLevel.UNKNOWN
    assert levels["b"].confidence == 0

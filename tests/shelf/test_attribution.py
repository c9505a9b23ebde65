"""Which facing a change belongs to: clear where only one changed, the fixture where two might."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_shelf import BOTTOM, CAMERA, HALF, TOP, Image, box, fixture, reach_in, read, shelf

from aeras.domain.kept import Kind
from aeras.domain.shop import Facing
from aeras.shelf.attribution import (
    LEAST,
    UNWEIGHED,
    Claim,
    Moved,
    attribute,
    changed_pixels,
    hand_distance,
    is_neighbour,
    overlap,
    same,
)
from aeras.shelf.bodies import Hand
from aeras.shelf.fixture import FixtureReader
from aeras.shelf.place import State
from aeras.shelf.view import Mask


def _mask(x0: int, x1: int) -> Mask:
    mask = np.zeros((20, 60), dtype=bool)
    mask[5:15, x0:x1] = True
    return mask


def test_the_facing_that_changed_alone_is_sure() -> None:
    chances = attribute([Claim(1.0, 0.5), Claim(UNWEIGHED, 0.0), Claim(UNWEIGHED, 0.0)])
    assert chances[0] > 0.99
    assert chances.sum() == pytest.approx(1)


def test_two_facings_with_half_of_the_change_each_are_as_likely() -> None:
    assert attribute([Claim(2.0, 0.4), Claim(2.0, 0.4)])[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "weaker", [Claim(0.5, 0.4, 0.2), Claim(2.0, 0.1, 0.2), Claim(2.0, 0.4, 0.9)]
)
def test_each_cue_decides_between_facings_that_are_otherwise_alike(weaker: Claim) -> None:
    assert attribute([Claim(2.0, 0.4, 0.2), weaker])[0] > LEAST


def test_the_changed_pixels_are_the_patches_that_touch_the_facing() -> None:
    touching, apart = _mask(10, 25), _mask(40, 50)
    found = changed_pixels(touching | apart, _mask(8, 20), (8, 5, 20, 15))
    assert (found == touching).all()
    assert overlap(found, _mask(10, 25)) == 1
    assert overlap(found, apart) == 0


def test_where_nothing_differs_the_facing_itself_changed() -> None:
    nothing = np.zeros((20, 60), dtype=bool)
    assert (changed_pixels(nothing, _mask(8, 20), (8, 5, 20, 15)) == _mask(8, 20)).all()


def test_changes_are_one_in_one_moment_with_most_pixels_shared() -> None:
    one = Moved(State.AWAY, 4.0, 0.9, _mask(10, 30))
    half = replace(one, happened_s=4.3, sure=0.6, pixels=_mask(20, 30))
    assert same(one, half)
    assert not same(one, replace(half, happened_s=5.0))
    assert not same(one, replace(half, to=State.PRESENT))
    assert not same(one, replace(half, pixels=_mask(28, 40)))


def test_distances_are_in_sides_of_the_facing() -> None:
    hands = [Hand(50, 10, True, None), Hand(24, 10, True, None)]
    assert hand_distance(hands, (10, 5, 20, 15)) == pytest.approx(0.4)
    assert hand_distance([], (10, 5, 20, 15)) == 0
    assert is_neighbour((10, 5, 20, 15), (24, 5, 34, 15))
    assert not is_neighbour((10, 5, 20, 15), (26, 5, 36, 15))


def _taken_and_back(t_s: float) -> Image:
    """The middle item is taken at 4 s and put back at 9 s."""
    arm = reach_in(t_s, 160, 3, 5) or reach_in(t_s, 160, 8, 10)
    return shelf(["b"] if 4 <= t_s < 9 else [], arm=arm, seed=int(t_s * 5))


def test_a_clean_slot_is_told_with_more_than_nine_tenths() -> None:
    found = read(_taken_and_back, 13)
    assert [(one.kind, one.facing) for one in found] == [(Kind.TAKE, "b"), (Kind.PUT_BACK, "b")]
    assert all(one.attribution is not None and one.attribution > 0.9 for one in found)


def test_an_item_across_two_facings_is_told_once_and_of_the_fixture() -> None:
    halves = (
        Facing("left", "item-a", box(160 - 2 * HALF, TOP, 160, BOTTOM)),
        Facing("right", "item-b", box(160, TOP, 160 + 2 * HALF, BOTTOM)),
    )
    reader = FixtureReader(replace(fixture(), facings=halves), CAMERA)
    found = read(_taken_and_back, 13, reader=reader)
    assert [one.kind for one in found] == [Kind.TAKE, Kind.PUT_BACK]
    assert all(one.facing is None and one.item is None for one in found)
    assert all(one.attribution == pytest.approx(0.5, abs=0.1) for one in found)

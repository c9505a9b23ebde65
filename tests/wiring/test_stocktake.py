"""Facings are told of as far as nobody stands before them; the reader is a double."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aeras.domain.kept import StockLevel
from aeras.domain.seen import FacingState
from aeras.wiring.stocktake import in_view, outer_box

EMPTY = FacingState("d1", StockLevel.EMPTY, 3.0, 0.9)
PLACES = {"d1": (100.0, 100.0, 200.0, 200.0)}


@pytest.mark.parametrize(
    ("people", "level"),
    [
        ([], StockLevel.EMPTY),
        ([(300.0, 0.0, 400.0, 400.0)], StockLevel.EMPTY),
        ([(150.0, 0.0, 400.0, 400.0)], StockLevel.UNKNOWN),
        ([(198.0, 0.0, 400.0, 400.0)], StockLevel.EMPTY),  # an elbow at its edge
    ],
)
def test_who_stands_before_a_facing_makes_it_unknown(people, level):
    [state] = in_view([EMPTY], PLACES, people)
    assert state.level is level


def test_a_moved_camera_tells_nothing_and_unknown_facings_are_left_out():
    [state] = in_view([EMPTY], PLACES, [], calibrated=False)
    assert (state.level, state.confidence) == (StockLevel.UNKNOWN, 0.0)
    assert in_view([replace(EMPTY, facing="d9")], PLACES, []) == []


def test_the_box_follows_the_frames_size():
    assert outer_box(((0, 0), (64, 0), (32, 48)), (640, 480), (320, 240)) == (0, 0, 32, 24)

"""The cues of a candidate change, and the judge that weighs them."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np
import pytest

from aeras.domain.errors import ModelError
from aeras.shelf.cues import Came, Real, likeness, measure_sign, nearness, outline_contrast
from aeras.shelf.judge import load_judge
from aeras.shelf.place import PlaceOptions
from aeras.shelf.view import Bytes, Mask, difference, unlikeness

RNG = np.random.default_rng(0)


def _board() -> Bytes:
    board = np.full((40, 50, 3), 128, np.uint8)
    board[..., 1] = 140
    return np.asarray(board + RNG.integers(-2, 3, board.shape), np.uint8)


def _with_item(board: Bytes, colour: tuple[int, int, int]) -> tuple[Bytes, Mask]:
    item = board.copy()
    cv2.rectangle(item, (15, 10), (34, 29), colour, -1)
    inside = np.zeros(board.shape[:2], dtype=bool)
    inside[10:30, 15:35] = True
    return item, inside


@pytest.mark.parametrize("colour", [(60, 100, 170), (150, 140, 128), (142, 133, 128)])
def test_the_look_with_the_item_is_told_from_the_empty_board(colour: tuple[int, int, int]) -> None:
    """Even for goods as pale as the board."""
    board = _board()
    item, inside = _with_item(board, colour)
    came = measure_sign(board, item, inside, ~inside, 6.0)
    went = measure_sign(item, board, inside, ~inside, 6.0)
    assert load_judge().has_come(came) > 0 > load_judge().has_come(went)
    assert came.outline == pytest.approx(-went.outline)
    assert came.edges == pytest.approx(-went.edges)


def test_an_outline_needs_an_edge_where_the_change_ends() -> None:
    board = _board()
    item, inside = _with_item(board, (60, 100, 170))
    everywhere = np.ones(inside.shape, dtype=bool)
    assert outline_contrast(item, inside, everywhere) > 1
    assert outline_contrast(board, inside, everywhere) < 0.3


def test_an_empty_board_resembles_what_is_round_it() -> None:
    board = _board()
    item, inside = _with_item(board, (60, 100, 170))
    assert likeness(board, inside, ~inside) > 0.8 > likeness(item, inside, ~inside)


def test_a_tremble_of_one_pixel_is_no_difference() -> None:
    coarse = RNG.integers(0, 255, (8, 10, 3)).astype(np.uint8)
    picture: Bytes = np.asarray(cv2.resize(coarse, (50, 40)), np.uint8)
    shifted = np.roll(picture, 1, axis=1)
    inner = np.s_[2:-2, 2:-2]
    assert (difference(picture, shifted)[inner] > 11).mean() > 0.2
    assert (unlikeness(picture, shifted)[inner] > 11).mean() < 0.02


def test_a_thin_line_that_comes_is_a_difference() -> None:
    board = np.full((20, 20, 3), 128, np.uint8)
    line = board.copy()
    line[10] = 200
    assert unlikeness(board, line)[10].min() > 50
    assert unlikeness(line, board)[10].min() > 50


def test_nearness_fades_with_time() -> None:
    assert nearness([], 3.0) == 0
    assert nearness([3.0, 9.0], 3.0) == 1
    assert nearness([5.0], 3.0) < nearness([4.0], 3.0) < 1


def _cues(**changed: float) -> Real:
    calm = dict.fromkeys((field.name for field in fields(Real)), 0.0)
    return Real(**(calm | {"visible": 1.0, "turned": 0.5, "trusted": 1.0, "size": 0.1} | changed))


def test_a_clear_change_with_a_hand_is_believed_and_a_moved_item_is_not() -> None:
    judge = load_judge()
    there = {"hand": 1.0, "reach": 1.0, "chroma": 0.5, "compact": 0.9}
    clear = _cues(changed=0.8, strength=0.6, definite=0.6, contact=0.5, busy=0.8, **there)
    aside = {"same": 0.95, "stayed": 0.9, "kept": 0.9, "spill": 0.2, "farther": 0.4}
    moved = _cues(changed=0.2, strength=0.3, busy=0.5, **aside, **there)
    assert judge.is_real(clear) > 0.8
    assert judge.is_real(moved) < PlaceOptions().believed


def test_no_evidence_says_nothing_of_the_direction() -> None:
    assert load_judge().has_come(Came(0.0, 0.0, 0.0)) == 0


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    path.write_text(json.dumps({"real": {"bias": 0, "weights": {}}, "came": {"weights": {}}}))
    with pytest.raises(ModelError, match="do not fit"):
        load_judge(path)

"""A camera that was moved for good is told from one that was bumped."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from aeras.shelf.steady import Steady
from aeras.shelf.view import Bytes, FixtureView, Mask

SIZE = (320, 240)
RNG = np.random.default_rng(5)


def _shop() -> Bytes:
    coarse = RNG.integers(40, 220, (24, 32, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (360, 280), interpolation=cv2.INTER_NEAREST), np.uint8)


SHOP = _shop()


def _frame(shift: tuple[int, int] = (0, 0)) -> Bytes:
    x, y = 20 + shift[0], 20 + shift[1]
    noise = RNG.integers(-3, 4, (SIZE[1], SIZE[0], 3))
    cut = SHOP[y : y + SIZE[1], x : x + SIZE[0]]
    return np.asarray(np.clip(cut + noise, 0, 255), np.uint8)


def _moved(shift_at: dict[int, tuple[int, int]], *, hide: bool = False) -> list[bool]:
    """Each second's verdict; the shift at a second is the last one given."""
    view, steady, told = FixtureView((0, 0, *SIZE)), Steady(), []
    shift = (0, 0)
    covered: Mask = np.zeros(view.shape, dtype=bool)
    for second in range(30):
        shift = shift_at.get(second, shift)
        frame = _frame(shift)
        if hide and second >= 8:
            frame[:, 60:180] = 90
            covered[:, 60:180] = True
        told.append(steady.update(view.see(frame, float(second)), covered))
    return told


def test_a_lasting_shift_is_told_and_one_that_is_undone_is_forgiven() -> None:
    told = _moved({10: (8, -5), 20: (0, 0)})
    assert not any(told[:12])
    assert all(told[18:22])
    assert not told[-1]


@pytest.mark.parametrize("shifts", [{}, {10: (9, 4), 11: (0, 0)}, {10: (1, 0)}])
def test_a_still_camera_a_bump_and_a_hair_s_breadth_are_not(
    shifts: dict[int, tuple[int, int]],
) -> None:
    assert not any(_moved(shifts))


def test_somebody_before_the_shelf_is_no_shift() -> None:
    assert not any(_moved({}, hide=True))

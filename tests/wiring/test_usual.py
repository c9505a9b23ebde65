"""What is usual outlives a restart, and holds nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from handled import HELD

from aeras.domain.kept import Kind
from aeras.shelf.pace import ENOUGH, Pace
from aeras.store.control import Control
from aeras.wiring.usual import _name, load_usual, save_usual

CAMERAS = ("aisle", "shelf")


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    opened = Control(tmp_path / "control.sqlite")
    yield opened
    opened.close()


def test_what_was_learnt_is_known_after_a_restart(control: Control):
    pace = Pace()
    for n in range(ENOUGH):
        pace.learn(replace(HELD, kind=Kind.PUT_BACK, hold_s=2.0 + n % 4))
    save_usual(control, CAMERAS, pace.usual())
    again = Pace(load_usual(control, CAMERAS))
    slow = replace(HELD, kind=Kind.PUT_BACK, hold_s=60.0)
    assert again.score(slow) == pace.score(slow)
    assert Pace(load_usual(control, ("other",))).score(slow) is None


def test_nothing_that_few_made_is_kept(control: Control):
    pace = Pace()
    for _ in range(ENOUGH - 1):
        pace.learn(replace(HELD, kind=Kind.PUT_BACK, hold_s=2.0))
    assert pace.usual() == []


@pytest.mark.parametrize("text", ["", "{", "[[1]]", '[["a", "put_back", 1, 30, NaN, 1]]', "7"])
def test_what_cannot_be_read_is_learnt_anew(control: Control, text: str):
    control.set_setting(_name(CAMERAS), text)
    assert load_usual(control, CAMERAS) == ()

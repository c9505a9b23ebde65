"""Learning the weights of the shelf's cues."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from aeras.domain.shop import Facing, Fixture
from aeras.lab.shelffit import Example, Scribe, fit, held_out, write
from aeras.lab.shelfscore import Truth
from aeras.shelf.cues import Came, Real
from aeras.shelf.judge import load_judge
from aeras.shelf.place import Candidate, Place, State

BOX = ((100.0, 100.0), (140.0, 100.0), (140.0, 160.0), (100.0, 160.0))
ZONE = ((50.0, 50.0), (250.0, 50.0), (250.0, 200.0), (50.0, 200.0))
TRUTH = (Truth("take", "tea", 3.0, 3.5), Truth("put_back", "tea", 8.0, 9.0))


def _candidate(
    before_s: float, now_s: float, happened_s: float, name: str | None = "tea"
) -> Candidate:
    mask = np.zeros((230, 300), dtype=bool)
    mask[110:150, 105:135] = True  # the view keeps the pixels of a small picture as they are
    nothing = Real(**{field.name: 0.0 for field in fields(Real)})
    place = Place(mask, name=name)
    return Candidate(
        nothing, Came(0, 0, 0), before_s, happened_s, now_s, State.AWAY, 0.5, True, place
    )


def _labels(scribe: Scribe) -> list[tuple[bool, bool]]:
    return [(e.is_real, e.has_come) for e in scribe.examples]


def _scribe() -> Scribe:
    fixture = Fixture("f", "f", "c", ZONE, (Facing("tea-1", "tea", BOX),))
    return Scribe("g", fixture, (300, 230), TRUTH)


def test_a_change_is_one_if_a_unit_more_or_less_stands_there() -> None:
    scribe = _scribe()
    for before_s, now_s in ((2.0, 5.0), (5.0, 8.5), (2.0, 9.5), (4.0, 7.0), (3.2, 5.0)):
        scribe(_candidate(before_s, now_s, now_s))
    # The last one began while the item was on its way: nothing is learned from it.
    assert _labels(scribe) == [(True, False), (True, True), (False, False), (False, False)]


def test_without_facings_place_and_time_of_a_true_event_tell() -> None:
    scribe = _scribe()
    scribe(_candidate(0.0, 5.0, 3.6, None))
    scribe(_candidate(0.0, 7.0, 6.0, None))
    assert _labels(scribe) == [(True, False), (False, False)]


def _examples() -> list[Example]:
    rng = np.random.default_rng(3)
    made = []
    for number in range(60):
        is_real, has_come = number % 2 == 0, number % 4 == 0
        real = rng.normal(0, 0.2, 18)
        real[1] += is_real
        came = rng.normal(0, 0.2, 3) + (0.5 if has_come else -0.5) * is_real
        made.append(Example(f"g{number % 6}", str(number), real, came, is_real, has_come))
    return made


def test_what_tells_changes_apart_gets_the_weight() -> None:
    real, came = fit(_examples())
    assert np.argmax(real[:-1]) == 1
    assert (came > 0).all()
    told = held_out(_examples())
    assert min(told["precision"], told["recall"], told["right_direction"]) > 0.9


def test_written_weights_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    write(_examples(), "test", path)
    assert load_judge(path).has_come(Came(1, 1, 1)) > 0
    assert json.loads(path.read_text())["left_out"]["examples"] == pytest.approx(60)

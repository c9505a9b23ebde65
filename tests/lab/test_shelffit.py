"""Learning the weights of the shelf's cues."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from aeras.domain.shop import Facing, Fixture
from aeras.lab.shelffit import EXAMPLES, Example, Scribe, fit, held_out, keep, kept, write
from aeras.lab.shelfscore import Truth
from aeras.shelf.cues import Bare, Brief, Came, Real, names
from aeras.shelf.judge import MODELS, WEIGHTS, load_judge
from aeras.shelf.place import Candidate, Episode, Place, Rest, State

BOX = ((100.0, 100.0), (140.0, 100.0), (140.0, 160.0), (100.0, 160.0))
ZONE = ((50.0, 50.0), (250.0, 50.0), (250.0, 200.0), (50.0, 200.0))
TRUTH = (
    Truth("take", "tea", 3.0, 3.5),
    Truth("put_back", "tea", 8.0, 9.0),
    Truth("knock_over", "tea", 12.0, 12.5),
)


def _place(name: str | None = "tea") -> Place:
    mask = np.zeros((230, 300), dtype=bool)
    mask[110:150, 105:135] = True  # the view keeps the pixels of a small picture as they are
    return Place(mask, name=name)


def _candidate(
    before_s: float, now_s: float, happened_s: float, name: str | None = "tea"
) -> Candidate:
    nothing = Real(**{field.name: 0.0 for field in fields(Real)})
    place = _place(name)
    return Candidate(
        nothing, Came(0, 0, 0), before_s, happened_s, now_s, State.AWAY, 0.5, True, place
    )


def _labels(scribe: Scribe, model: str) -> list[bool]:
    return [e.label for e in scribe.examples if e.model == model]


def _scribe() -> Scribe:
    fixture = Fixture("f", "f", "c", ZONE, (Facing("tea-1", "tea", BOX),))
    return Scribe("g", fixture, (300, 230), TRUTH)


def test_a_change_is_one_if_a_unit_more_or_less_stands_there() -> None:
    scribe = _scribe()
    for before_s, now_s in ((2.0, 5.0), (5.0, 8.5), (2.0, 9.5), (4.0, 7.0), (3.2, 5.0)):
        scribe(_candidate(before_s, now_s, now_s))
    # The last one began while the item was on its way: nothing is learned from it.
    assert _labels(scribe, "real") == [True, True, False, False]
    assert _labels(scribe, "came") == [False, True]


def test_without_facings_place_and_time_of_a_true_event_tell() -> None:
    scribe = _scribe()
    scribe(_candidate(0.0, 5.0, 3.6, None))
    scribe(_candidate(0.0, 7.0, 6.0, None))
    assert _labels(scribe, "real") == [True, False]


def test_what_fell_is_no_change_of_units() -> None:
    scribe = _scribe()
    scribe(_candidate(10.0, 14.0, 12.3))
    assert _labels(scribe, "real") == _labels(scribe, "fell") == [True]
    assert not _labels(scribe, "came")


def test_a_disturbance_is_a_brief_absence_if_both_deeds_lie_in_it() -> None:
    scribe = _scribe()
    brief = Brief(**{field.name: 0.0 for field in fields(Brief)})
    for from_s, to_s in ((2.5, 9.5), (5.0, 6.0), (11.5, 13.0), (2.5, 5.0)):
        scribe(Episode(brief, from_s, to_s, _place()))
    # The last one holds a take alone: then the place cannot look as before.
    assert _labels(scribe, "brief") == [True, False, False]
    assert _labels(scribe, "touch") == [True, False, True]


def test_a_place_is_empty_while_its_only_item_is_away() -> None:
    scribe = _scribe()
    bare = Bare(**{field.name: 0.0 for field in fields(Bare)})
    for t_s in (0.0, 1.0, 7.0, 14.0):
        scribe(Rest(bare, t_s, _place()))
    # Of looks that follow each other one is enough.
    assert _labels(scribe, "empty") == [False, True, False]


def _examples() -> list[Example]:
    rng = np.random.default_rng(3)
    made = []
    for model, kind in MODELS.items():
        for number in range(60):
            label = number % 2 == 0
            cues = rng.normal(0, 0.2, len(names(kind)))
            cues[1] += 0.5 if label else -0.5
            place = str(number)
            made.append(Example(model, f"g{number % 6}", place, tuple(cues.tolist()), label))
    return made


def test_what_tells_changes_apart_gets_the_weight() -> None:
    for model in MODELS:
        assert np.argmax(fit(_examples(), model)[:-1]) == 1
        told = held_out(_examples(), model)
        assert min(told["precision"], told["recall"]) > 0.85


def test_written_weights_and_examples_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "judge.json"
    write(_examples(), "test", path)
    assert load_judge(path).has_come(Came(0, 1, 0)) > 0
    keep(_examples(), tmp_path / "examples.json.gz")
    assert kept(tmp_path / "examples.json.gz") == _examples()


def test_the_weights_that_are_shipped_are_those_of_the_kept_examples() -> None:
    examples, shipped = kept(EXAMPLES), load_judge(WEIGHTS)
    for model in MODELS:
        weights = getattr(shipped, model)
        assert np.allclose(fit(examples, model), [*weights.of, weights.bias], atol=0.02)

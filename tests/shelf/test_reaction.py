"""The fused reading: behaviour carries it, the face supports it, and it never overclaims."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeras.domain.kept import Kind, ReactionLabel
from aeras.domain.seen import EXPRESSIONS, Expression, Face, FaceReading, HeadPose, Track
from aeras.serve.words import de, en
from aeras.shelf.faces import FaceLog
from aeras.shelf.reaction import (
    CONFLICT,
    EXPRESSION_CAP,
    LONG_S,
    NEUTRAL_PRIOR,
    Behaviour,
    Faces,
    fuse,
    say,
)
from aeras.shelf.signs import BEHAVIOUR, EXPRESSION, UNCLEAR


def reading(t_s: float, track: int = 1, **shown: float) -> FaceReading:
    vector = np.array([shown.get(name, 0.0) for name in EXPRESSIONS], dtype=np.float32)
    vector[0] += 1 - vector.sum()
    return FaceReading(track, t_s, Expression(vector), None)


def faces(level: float, name: str = "happiness", *, coverage: float = 1.0) -> Faces:
    """A neutral face before, then one that shows ``name`` at a level."""
    before = tuple(reading(t) for t in range(6))
    during = tuple(reading(6.0 + t, **{name: level}) for t in range(6))
    return Faces(during, before, coverage)


behaviours = st.builds(
    Behaviour,
    kind=st.sampled_from(Kind),
    hold_s=st.floats(0, 300),
    stay_s=st.floats(0, 600),
    kept=st.booleans(),
    taken_before=st.booleans(),
    switches=st.integers(0, 5),
    came_back=st.booleans(),
    unusual=st.none() | st.floats(-20, 20),
    moves=st.frozensets(st.sampled_from(["came_and_went", "pushed_away", "stepped_back"])),
)
levels = st.floats(0, 1)


def face_of(vectors: list[list[float]], split: int, coverage: float) -> Faces:
    """Any face at all: a row of weights a reading, the first few of them the baseline."""
    readings = tuple(
        FaceReading(
            1,
            float(t),
            Expression((np.array(row, np.float32) + 1e-6) / np.float32(sum(row) + 8e-6)),
            HeadPose(yaw=90 * row[0], pitch=0.0, roll=0.0),
            {"browDownLeft": row[4], "browInnerUp": row[2]},
        )
        for t, row in enumerate(vectors)
    )
    return Faces(readings[split:], readings[:split], coverage)


shown = st.builds(
    face_of,
    st.lists(st.lists(levels, min_size=8, max_size=8), min_size=3, max_size=12),
    st.integers(0, 6),
    levels,
)


@given(behaviours, shown)
def test_the_four_always_sum_to_one(behaviour: Behaviour, face: Faces) -> None:
    reaction = fuse(behaviour, face)
    assert sum(reaction.as_dict().values()) == pytest.approx(1)
    assert all(0 <= p <= 1 for p in reaction.as_dict().values())


@given(behaviours, levels, levels)
def test_a_broader_smile_never_reads_as_less_positive(
    behaviour: Behaviour, a: float, b: float
) -> None:
    less, more = sorted((a, b))
    assert fuse(behaviour, faces(more)).positive >= fuse(behaviour, faces(less)).positive - 1e-9


def without_expression(face: Faces) -> Faces:
    """The same heads, turned the same way, of which no expression was read."""
    bare = [replace(r, expression=None, blendshapes={}) for r in face.during]
    return Faces(tuple(bare), (), face.coverage)


@given(behaviours, shown)
def test_expression_moves_no_probability_by_more_than_a_quarter(
    behaviour: Behaviour, face: Faces
) -> None:
    """And no class's log-odds against neutral by more than the cap."""
    read, bare = (
        fuse(behaviour, face).as_dict(),
        fuse(behaviour, without_expression(face)).as_dict(),
    )
    for name in read:
        assert abs(read[name] - bare[name]) < 0.25
        moved = np.log(read[name] / read["neutral"]) - np.log(bare[name] / bare["neutral"])
        assert -1e-6 <= moved <= EXPRESSION_CAP + 1e-6


@given(st.sampled_from(Kind), shown)
def test_expression_alone_never_says_more_than_neutral_or_unclear(kind: Kind, face: Faces) -> None:
    alone = Faces(
        tuple(replace(r, pose=None) for r in face.during), face.before, face.coverage
    )  # a turned head is behaviour
    undone = Behaviour(kind)
    assert EXPRESSION_CAP < NEUTRAL_PRIOR
    if kind is not Kind.PUT_BACK:  # that is an act in itself
        assert fuse(undone, alone).label in {ReactionLabel.NEUTRAL, ReactionLabel.UNCLEAR}


@given(behaviours, shown)
def test_what_is_unclear_says_why_first(behaviour: Behaviour, face: Faces) -> None:
    reaction = fuse(behaviour, face)
    unclear = reaction.label is ReactionLabel.UNCLEAR
    assert [code in UNCLEAR for code in reaction.reasons].count(True) == unclear
    assert not unclear or reaction.reasons[0] in UNCLEAR


@given(behaviours)
def test_a_face_that_was_hardly_seen_hardly_counts(behaviour: Behaviour) -> None:
    bare = fuse(behaviour).positive
    hardly, well = (fuse(behaviour, faces(0.9, coverage=c)).positive for c in (0.02, 0.6))
    assert well >= hardly >= bare - 1e-9
    assert hardly - bare <= 0.05


def test_nothing_known_is_neutral() -> None:
    assert fuse(Behaviour(Kind.DWELL)).label is ReactionLabel.NEUTRAL


def test_put_back_at_once_is_rejection_and_after_long_thought_is_not() -> None:
    fast = fuse(Behaviour(Kind.PUT_BACK, hold_s=2.5))
    slow = fuse(Behaviour(Kind.PUT_BACK, hold_s=25))
    assert fast.label is ReactionLabel.REJECTED
    assert slow.hesitant > slow.rejected
    assert fast.rejected > fuse(Behaviour(Kind.PUT_BACK, hold_s=7)).rejected > slow.rejected


def test_kept_is_positive() -> None:
    assert fuse(Behaviour(Kind.TAKE, hold_s=10, kept=True)).label is ReactionLabel.POSITIVE


def test_a_smile_before_the_shelf_tips_a_reading_but_does_not_make_one() -> None:
    reaction = fuse(Behaviour(Kind.DWELL, stay_s=5), faces(0.8))
    assert reaction.positive > fuse(Behaviour(Kind.DWELL, stay_s=5)).positive + 0.1
    assert reaction.label is ReactionLabel.NEUTRAL


def test_reading_a_label_is_told_from_going_back_and_forth() -> None:
    reading_it = fuse(Behaviour(Kind.TAKE, hold_s=LONG_S + 5))
    torn = fuse(Behaviour(Kind.TAKE, hold_s=LONG_S + 5, switches=CONFLICT))
    assert "read_label" in reading_it.reasons
    assert "alternated" in torn.reasons
    assert torn.hesitant > reading_it.hesitant + 0.2


def test_a_put_back_whose_take_was_not_seen_is_unclear() -> None:
    reaction = fuse(Behaviour(Kind.PUT_BACK))
    assert reaction.label is ReactionLabel.UNCLEAR
    assert say(reaction)[0].startswith("could not tell")


def test_behaviour_that_agrees_adds_up_and_never_to_certainty() -> None:
    plain = fuse(Behaviour(Kind.PUT_BACK, hold_s=3))
    moves = frozenset({"stepped_back", "pushed_away"})
    loud = fuse(Behaviour(Kind.PUT_BACK, hold_s=3, moves=moves, unusual=-3.0))
    assert plain.rejected < loud.rejected < 0.85


def test_somebody_who_always_smiles_shows_little() -> None:
    smiling = tuple(reading(t, happiness=0.8) for t in range(12))
    same = Faces(smiling[6:], smiling[:6], 1.0)
    assert fuse(Behaviour(Kind.TAKE), same).positive == fuse(Behaviour(Kind.TAKE)).positive


def test_a_reading_says_why_in_plain_words() -> None:
    reaction = fuse(Behaviour(Kind.PUT_BACK, hold_s=3.2), faces(0.9, "disgust"))
    assert say(reaction, hold_s=3.2) == ["put back after 3 s", "mouth or brow drawn"]


def test_a_coarse_length_reads_as_well() -> None:
    assert say(fuse(Behaviour(Kind.PUT_BACK, hold_s=8)), hold_s="5-15") == ["put back after 5-15 s"]


def test_no_wording_claims_a_feeling() -> None:
    spoken = [sign.words for sign in (BEHAVIOUR | EXPRESSION).values()]
    spoken += [t[f"reason.{c}"] for t in (en.WORDS, de.WORDS) for c in BEHAVIOUR | EXPRESSION]
    words = " ".join(spoken)
    for claim in ("feel", "happy", "angry", "sad", "disgust", "like", "emotion"):
        assert claim not in words.lower()


def test_every_sign_names_its_source_and_has_words_in_every_language() -> None:
    for code, sign in (BEHAVIOUR | EXPRESSION).items():
        assert sign.source, code
    for code in BEHAVIOUR | EXPRESSION | UNCLEAR:
        assert f"reason.{code}" in en.WORDS, code
        assert f"reason.{code}" in de.WORDS, code


def test_the_face_never_speaks_against_a_class() -> None:
    assert all(min(sign.weights) >= 0 for sign in EXPRESSION.values())


def _seen(track: int, t_s: float, box: tuple[float, float, float, float]) -> tuple[Face, Track]:
    shows = reading(t_s).expression
    face = Face(box, 0.9, np.zeros((5, 2), np.float32), expression=shows)
    return face, Track(track, box, 0.9, 0.0, t_s, track - 1)


def _log(*boxes: tuple[float, float, float, float]) -> FaceLog:
    log = FaceLog()
    for t in range(10):
        seen = [_seen(n + 1, float(t), box) for n, box in enumerate(boxes)]
        log.add("shelf", float(t), [face for face, _ in seen], [track for _, track in seen])
    return log


def test_two_faces_that_cannot_be_told_apart_are_not_used() -> None:
    log = _log((0, 0, 50, 60), (100, 0, 150, 60))
    assert log.between("shelf", 2, 8).coverage == 0
    assert log.between("shelf", 2, 8, track=2).coverage == 1


def test_a_face_far_behind_does_not_disturb() -> None:
    assert _log((0, 0, 50, 60), (100, 0, 110, 12)).between("shelf", 2, 8).coverage == 1


def test_a_head_turned_too_far_to_be_read_still_looks_away() -> None:
    log, box = FaceLog(), (0.0, 0.0, 50.0, 60.0)
    for n in range(20):
        face, track = _seen(1, n / 5, box)
        turned = replace(face, expression=None, pose=HeadPose(60, 0, 0), abstained="turned")
        log.add("shelf", n / 5, [turned if n >= 10 else face], [track])
    seen = log.between("shelf", 0, 4, track=1)
    assert seen.coverage == pytest.approx(0.5)
    assert "looked_away" in fuse(Behaviour(Kind.PUT_BACK, hold_s=3), seen).reasons


def test_coverage_is_the_share_of_time_with_a_readable_face() -> None:
    log = _log((0, 0, 50, 60))
    for t in range(10, 20):
        log.add("shelf", float(t), [], [])
    assert log.between("shelf", 5, 14).coverage == pytest.approx(0.5)

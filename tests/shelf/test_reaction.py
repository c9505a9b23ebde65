"""The fused reading: behaviour carries it, the face supports it, and it never overclaims."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeras.domain.kept import Kind, ReactionLabel
from aeras.domain.seen import EXPRESSIONS, Expression, Face, FaceReading, Track
from aeras.shelf.faces import FaceLog
from aeras.shelf.reaction import BEHAVIOUR, EXPRESSION, Behaviour, Faces, fuse, say


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
    other_items=st.integers(0, 5),
)
levels = st.floats(0, 1)
shown = st.builds(faces, levels, st.sampled_from(EXPRESSIONS[1:]), coverage=st.floats(0.01, 1))


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


@given(st.sampled_from([Kind.TAKE, Kind.REACH]), shown)
def test_a_face_alone_never_makes_a_handling_positive_or_rejected(kind: Kind, face: Faces) -> None:
    label = fuse(Behaviour(kind), face).label
    assert label not in {ReactionLabel.POSITIVE, ReactionLabel.REJECTED}


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


def test_a_smile_before_the_shelf_is_seen() -> None:
    assert fuse(Behaviour(Kind.DWELL, stay_s=5), faces(0.8)).label is ReactionLabel.POSITIVE


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
    words = " ".join(text for table in (BEHAVIOUR, EXPRESSION) for _, text in table.values())
    for claim in ("feel", "happy", "angry", "sad", "disgust", "like", "emotion"):
        assert claim not in words.lower()


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


def test_coverage_is_the_share_of_time_with_a_readable_face() -> None:
    log = _log((0, 0, 50, 60))
    for t in range(10, 20):
        log.add("shelf", float(t), [], [])
    assert log.between("shelf", 5, 14).coverage == pytest.approx(0.5)

"""A face counts against itself at rest, and only what lasts counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from aeras.domain.kept import Kind
from aeras.domain.seen import EXPRESSIONS, Expression, FaceReading
from aeras.shelf.reaction import Behaviour, Faces, face_alone, fuse
from aeras.shelf.temporal import SMILE, UNHAPPY, baseline, rise

FPS = 5


def readings(
    seconds: float, share: Callable[[float], float], name: str = "anger", start_s: float = 0.0
) -> list[FaceReading]:
    """A face of which one expression has a share that depends on time; the rest is neutral."""
    found = []
    for number in range(round(seconds * FPS)):
        t_s = number / FPS
        vector = np.zeros(len(EXPRESSIONS), dtype=np.float32)
        vector[EXPRESSIONS.index(name)] = share(t_s)
        vector[0] += 1 - share(t_s)
        found.append(FaceReading(1, start_s + t_s, Expression(vector), None))
    return found


def test_a_resting_frowner_does_not_count_as_negative() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, 400)
    for level in (0.5, 0.7, 0.9):
        frown = readings(12, lambda t, at=level: float(np.clip(at + noise[int(t * 5)], 0, 1)))
        assert rise(frown[20:], frown[:20], UNHAPPY) < 0.1
        faces = Faces(tuple(frown[20:]), tuple(frown[:20]), 1.0)
        assert "unhappy_face" not in face_alone(faces).reasons
        assert (
            "unhappy_face" not in fuse(Behaviour(Kind.DWELL), Faces(tuple(frown), (), 1.0)).reasons
        )


def test_a_frowner_who_frowns_more_does() -> None:
    more = readings(8, lambda t: 0.4 if t < 4 else 0.9)
    assert rise(more[20:], more[:20], UNHAPPY) > 0.3


def test_a_smile_rises_from_a_straight_face_and_stops_counting_when_it_is_over() -> None:
    smile = readings(10, lambda t: 0.95 if 4 <= t < 7 else 0.05, "happiness")
    before, during, after = smile[:20], smile[20:35], smile[45:]
    assert rise(during, before, SMILE) > 0.6
    assert rise(after, before, SMILE) < 0.1


def test_it_grows_with_the_first_frames_of_a_smile() -> None:
    smile = readings(6, lambda t: 0.95 if t >= 4 else 0.05, "happiness")
    grown = [rise(smile[20 : 20 + n], smile[:20], SMILE) for n in (1, 2, 4, 8)]
    assert grown == sorted(grown)
    assert grown[0] < 0.75 * grown[-1]


def test_a_single_flickering_frame_says_less_than_one_that_lasts() -> None:
    flicker = readings(8, lambda t: 0.9 if t == 6 else 0.05)
    lasting = readings(8, lambda t: 0.9 if t >= 6 else 0.05)
    once, long = (rise(r[20:], r[:20], UNHAPPY) for r in (flicker, lasting))
    assert once < 0.4 * long


def test_the_rest_is_that_of_the_first_seconds_not_of_a_long_smile_after() -> None:
    face = readings(30, lambda t: 0.9 if t > 3.2 else 0.1, "happiness")
    assert baseline(face, SMILE) == pytest.approx(np.log(0.1 / 0.9), abs=0.1)


def test_who_smiles_from_first_to_last_shows_something() -> None:
    smile = readings(4, lambda _: 0.95, "happiness")
    assert 0.1 < rise(smile, [], SMILE) < 0.8


@pytest.mark.parametrize("during", [[], [FaceReading(1, 0.0, None, None)]])
def test_nothing_read_nothing_shown(during: Sequence[FaceReading]) -> None:
    assert rise(during, [], SMILE) == 0.0


def test_frames_far_apart_do_not_add_up() -> None:
    near = readings(1, lambda _: 0.9)
    far = [
        FaceReading(1, 20.0 + 5 * number, one.expression, None) for number, one in enumerate(near)
    ]
    rest = readings(4, lambda _: 0.05)
    shifted = readings(1, lambda _: 0.9, start_s=20)
    assert rise(far, rest, UNHAPPY) < rise(shifted, rest, UNHAPPY)

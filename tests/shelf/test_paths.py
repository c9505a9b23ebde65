"""Steps and hands, told in the body's own heights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from handled import HELD

from aeras.domain.kept import Kind
from aeras.domain.seen import Person, Track
from aeras.shelf.paths import Paths

FIXTURE = (300.0, 100.0)
FPS = 10.0
DOWN = replace(HELD, start_s=3.0, end_s=3.2)
LOOKED = replace(HELD, kind=Kind.DWELL, start_s=0.0, end_s=5.0, hold_s=0.0)


def walked(
    feet: Callable[[float], tuple[float, float]],
    *,
    scale: float = 1.0,
    reach: Callable[[float], float] = lambda _: 0.2,
    until_s: float = 6.0,
) -> Paths:
    """Somebody 200 px tall (times ``scale``, as is the whole picture)."""
    paths = Paths()
    for number in range(round(until_s * FPS)):
        t_s = number / FPS
        x, y = (scale * v for v in feet(t_s))
        tall = 200.0 * scale
        box = (x - 0.2 * tall, y - tall, x + 0.2 * tall, y)
        points = np.zeros((17, 3), np.float32)
        points[5:7] = (x, y - 0.8 * tall, 0.9)
        points[9] = (x + reach(t_s) * tall, y - 0.8 * tall, 0.9)
        person = Person(box, 0.9, points)
        paths.add(t_s, [Track(1, box, 0.9, 0.0, t_s, 0)], [person])
    return paths


@pytest.mark.parametrize("scale", [0.3, 1.0, 3.0])
def test_a_step_back_from_the_shelf_is_seen_at_any_size(scale: float) -> None:
    paths = walked(lambda t: (300, 300 + 80 * min(max(t - 3.3, 0), 1)), scale=scale)
    centre = (FIXTURE[0] * scale, FIXTURE[1] * scale)
    assert "stepped_back" in paths.moves(DOWN, 6.0, centre)


def test_walking_on_along_the_shelf_is_no_step_back() -> None:
    paths = walked(lambda t: (300 + 160 * max(t - 3.3, 0), 300))
    assert paths.moves(DOWN, 6.0, FIXTURE) == frozenset()


def test_a_step_back_later_has_nothing_to_do_with_it() -> None:
    paths = walked(lambda t: (300, 300 + 80 * min(max(t - 5.3, 0), 1)), until_s=8.0)
    assert paths.moves(DOWN, 8.0, FIXTURE) == frozenset()


def test_coming_close_and_going_back_is_told_from_passing() -> None:
    came = walked(lambda t: (300, 300 + 60 * abs(t - 2.5)))
    passing = walked(lambda t: (150 + 60 * t, 300))
    assert came.moves(LOOKED, 6.0, FIXTURE) == {"came_and_went"}
    assert passing.moves(LOOKED, 6.0, FIXTURE) == frozenset()


def test_a_push_is_faster_than_putting_back() -> None:
    def out(seconds: float) -> Callable[[float], float]:
        return lambda t: 0.1 + 0.35 * min(max((t - 3.0 + seconds) / seconds, 0), 1)

    still = lambda _: (300.0, 300.0)  # noqa: E731
    assert walked(still, reach=out(0.25)).moves(DOWN, 6.0, FIXTURE) == {"pushed_away"}
    assert walked(still, reach=out(1.0)).moves(DOWN, 6.0, FIXTURE) == frozenset()


def test_a_face_that_grows_smaller_steps_back() -> None:
    paths = Paths(faces=True)
    for number in range(60):
        t_s = number / FPS
        tall = 100 * np.exp(-0.3 * min(max(t_s - 3.3, 0), 1))
        paths.add(t_s, [Track(1, (100, 100, 100 + tall, 100 + tall), 0.9, 0.0, t_s, 0)])
    assert paths.moves(DOWN, 6.0, FIXTURE) == {"stepped_back"}


def test_nothing_is_known_without_a_visit_and_nothing_kept_after_it() -> None:
    paths = walked(lambda t: (300, 300 + 80 * min(max(t - 3.3, 0), 1)))
    assert paths.moves(replace(DOWN, visit=None), 6.0, FIXTURE) == frozenset()
    assert len(paths) == 1
    paths.add(6.5, [])
    assert len(paths) == 0
    assert paths.moves(DOWN, 6.0, FIXTURE) == frozenset()

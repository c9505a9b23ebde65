"""Who comes past a fixture, from tracks."""

from __future__ import annotations

import pytest

from aeras.domain.seen import Track
from aeras.shelf.passing import Passers, within

STEP_S = 0.2


def walk(number: int, xs: list[float], start_s: float = 0.0) -> list[tuple[float, Track]]:
    """A body of 100 px whose feet go along the row 200."""
    return [
        (t_s, Track(number, (x - 20, 100, x + 20, 200), 0.9, start_s, t_s, 0))
        for n, x in enumerate(xs)
        for t_s in [round(start_s + n * STEP_S, 3)]
    ]


def run(*walks: list[tuple[float, Track]], deeds: dict[float, int] | None = None):
    """Plays walks past a fixture between 400 and 600; the end lets everybody be gone."""
    passers = Passers(lambda track: 400 <= (track.box[0] + track.box[2]) / 2 <= 600)
    gone = []
    for n in range(100):
        t_s = round(n * STEP_S, 3)
        here = [track for one in walks for at, track in one if at == t_s]
        gone += passers.update(here, t_s)
        if deeds and t_s in deeds:
            passers.stopped([deeds[t_s]])
    return gone


ALONG = [300.0 + 20 * n for n in range(20)]


def test_who_walks_past_is_counted_once_and_only_when_gone():
    [passer] = run(walk(1, ALONG))
    assert (passer.tracks, passer.stopped) == ([1], False)
    passers = Passers(lambda _: True)
    for t_s, track in walk(1, ALONG):
        assert passers.update([track], t_s) == []


def test_who_walks_elsewhere_stands_like_goods_or_shows_for_one_look_is_not_counted():
    assert run(walk(1, [0.0 + 10 * n for n in range(20)])) == []
    assert run(walk(1, [500.0 + n % 2 for n in range(40)])) == []
    assert run(walk(1, [300, 340, 380, 420, 660, 700])) == []


def test_who_comes_back_while_seen_is_one_and_who_comes_back_later_another():
    assert len(run(walk(1, ALONG + ALONG[::-1]))) == 1
    assert len(run(walk(1, ALONG), walk(2, ALONG[::-1], 9.0))) == 2


def test_who_is_lost_for_a_second_and_found_under_another_number_is_one():
    first, second = walk(1, ALONG[:8]), walk(2, ALONG[12:], 2.4)
    [passer] = run(first, second)
    assert passer.tracks == [1, 2]
    assert len(run(walk(1, ALONG[:10]), walk(2, ALONG[10:], 6.0))) == 2
    elsewhere = walk(2, [590.0 - 10 * n for n in range(12)], 2.0)
    assert len(run(walk(1, [400.0 + 5 * n for n in range(8)]), elsewhere)) == 2


def test_two_who_walk_together_are_two():
    beside = [
        (t, Track(2, (x0 + 50, y0, x1 + 50, y1), 0.9, 0, t, 1))
        for t, one in walk(1, ALONG)
        for x0, y0, x1, y1 in [one.box]
    ]
    assert len(run(walk(1, ALONG), beside)) == 2


def test_a_deed_makes_a_stop_under_any_number_of_theirs():
    [passer] = run(walk(1, ALONG[:8]), walk(2, ALONG[9:], 1.8), deeds={4.0: 1})
    assert passer.stopped
    [still] = run(walk(1, [500.0] * 20), deeds={3.0: 1})  # a deed shows that it is nobody's dummy
    assert still.stopped


@pytest.mark.parametrize(
    ("point", "near"), [((1.0, 1.0), True), ((4.5, 1.0), True), ((4.5, 3.5), False)]
)
def test_near_on_the_floor_is_within_an_aisle(point, near):
    assert within((0.0, 0.0, 3.0, 2.0), point, 2.0) is near

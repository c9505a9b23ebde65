"""Track, visit, reaction: a visit stays one visit while others walk past."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from crossings import Walker, film
from small_shelf import BOTTOM, PLACES, SIZE, box, reach_in, shelf

from aeras.domain.geometry import Box
from aeras.domain.kept import Kind
from aeras.domain.seen import Detections, Frame, Interaction, Person
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Shop
from aeras.lab.render.scene import demo_layout
from aeras.shelf.dwell import Visits
from aeras.shelf.zones import Zone
from aeras.track.byte import ByteTracker
from aeras.wiring.rig import Rig, RigOptions

AT = datetime(2026, 1, 5, tzinfo=UTC)
FPS = 5.0
CAMERA = CameraSpec("aisle", "none", CameraRole.AISLE, SIZE)
FACING = Facing("b", "tea", box(PLACES["b"] - 20, 90, PLACES["b"] + 20, BOTTOM))
FIXTURE = Fixture("shelf", "Shelf", "aisle", box(30, 60, 290, 200), (FACING,))
SHOP = Shop("s", "Shop", "UTC", (), (CAMERA,), (FIXTURE,))

Scene = Callable[[float], Sequence[Box]]


class Boxes:
    """Finds the people it is told of, without any joints."""

    def __init__(self, people: Scene) -> None:
        self._people = people

    def detect(self, frame: Frame, tasks: frozenset[str], **_: object) -> Detections:
        joints = np.zeros((17, 3), np.float32)
        found = tuple(Person(one, 0.8, joints) for one in self._people(frame.t_s))
        return Detections(people=found, ran=tasks)


def standing(from_s: float, to_s: float) -> Scene:
    """Somebody who walks up to the middle of the shelf, shifts a little, and leaves."""

    def at(t_s: float) -> Sequence[Box]:
        if not from_s <= t_s <= to_s:
            return ()
        x = 160 - 200 * max(0.0, from_s + 1 - t_s) + 200 * max(0.0, t_s - to_s + 1)
        x += 4 * np.sin(t_s)
        return ((x - 30, 40.0, x + 30, 215.0),)

    return at


def past(from_s: float, other: Scene) -> Scene:
    """Somebody nearer who walks by for 2.4 s and hides whoever stands where they are."""

    def at(t_s: float) -> Sequence[Box]:
        x = -40 + 400 * (t_s - from_s) / 2.4
        if not -40 <= x <= 360:
            return other(t_s)
        seen = [one for one in other(t_s) if abs((one[0] + one[2]) / 2 - x) > 45]
        return (*seen, (x - 40, 15.0, x + 40, 255.0))

    return at


def play(people: Scene, seconds: float, handled: Sequence[float]) -> list[Interaction]:
    """The item is taken at each second of ``handled`` and is back 4 s later."""
    rig, found = Rig(SHOP, (CAMERA,), Boxes(people)), []
    for number in range(round(seconds * FPS)):
        t_s = number / FPS
        arm, away = None, []
        for begun in handled:
            reaching = reach_in(t_s, 160, begun - 1, begun + 1)
            arm = arm or reaching or reach_in(t_s, 160, begun + 2, begun + 4)
            away += ["b"] if begun <= t_s < begun + 3 else []
        found += rig.update(Frame("aisle", AT, t_s, shelf(away, arm=arm, seed=number)))[1]
    return [*found, *rig.finish()]


def test_a_visit_and_its_second_thought_survive_people_walking_past() -> None:
    people = past(10.3, past(4.3, standing(0.5, 17.0)))
    found = play(people, 20.0, handled=[4.0, 10.0])
    long = [one for one in found if one.kind is Kind.DWELL and one.end_s - one.start_s > 12]
    back = [one for one in found if one.kind is Kind.PUT_BACK]
    assert len(long) == 1
    assert [one.visit for one in back] == [long[0].visit] * 2
    assert "taken_again" in back[1].reaction.reasons


def test_somebody_else_at_the_same_place_has_no_second_thought() -> None:
    first, second = standing(0.5, 8.5), standing(12.0, 21.0)
    found = play(lambda t: (*first(t), *second(t)), 24.0, handled=[4.0, 15.0])
    back = [one for one in found if one.kind is Kind.PUT_BACK]
    assert len({one.visit for one in back}) == 2
    assert all("taken_again" not in one.reaction.reasons for one in back)


def test_one_visit_where_the_rendered_shop_lets_people_walk_past() -> None:
    """One stands at the demo's shelf while three walk past behind, nearer to the camera."""
    zone = Zone(demo_layout().fixture_polygon)
    ones = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        at = float(rng.uniform(-0.4, 0.4))
        walkers = [Walker(0.62, at, at + 0.12, 14.0)]
        for number in range(3):
            side, z = float(rng.choice((-1, 1))), float(rng.uniform(1.0, 1.25))
            walkers.append(Walker(z, -2.4 * side, 2.4 * side, 3.0, 2.0 + 3.5 * number))
        tracker, visits = ByteTracker(RigOptions().people), Visits(zone.holds_feet)
        ended = []
        for frame in film(walkers, 14.0, seed=seed):
            tracks = tracker.update(frame.boxes, frame.scores, frame.t_s)
            ended += visits.update(tracks, frame.t_s)
        ended += visits.finish()
        stays = [visit.stay_s for visit in ended if visit.stay_s > 5]
        ones.append(len(stays) == 1 and stays[0] > 12)
    assert np.mean(ones) >= 0.75

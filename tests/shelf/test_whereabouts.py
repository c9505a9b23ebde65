"""Two cameras, one floor: the demo's aisle and shelf camera see the renderer's shoppers."""

from __future__ import annotations

import numpy as np
import pytest

from aeras.domain.seen import Detections, Face, Person, Track
from aeras.domain.shop import CameraRole, CameraSpec, FloorMark
from aeras.lab.render.scene import AISLE_CAMERA, SHELF_CAMERA, Camera
from aeras.shelf.whereabouts import Whereabouts

SIZE = (1280, 720)
CORNERS = [(x, z, h) for x in (-0.78, 0.78) for z in (0.0, -0.44) for h in (0.61, 1.76)]
FLOOR = [(x, z, 0.0) for x in (-1.5, 0.2, 1.4) for z in (2.4, 3.2, 4.5)]
UP_TO_S = 2.0


def marks(camera: Camera, places: list[tuple[float, float, float]]) -> tuple[FloorMark, ...]:
    """Marks a hand would make: half a pixel off."""
    rng = np.random.default_rng(1)
    return tuple(
        FloorMark(
            tuple(np.add(camera.pixel((x, h, z))[:2], rng.normal(0, 0.5, 2))), (x + 5, z + 5), h
        )
        for x, z, h in places
    )


AISLE = CameraSpec("aisle", "", CameraRole.AISLE, SIZE, marks=marks(AISLE_CAMERA, CORNERS))
SHELF = CameraSpec("shelf", "", CameraRole.SHELF, SIZE, marks=marks(SHELF_CAMERA, FLOOR))
BARE = CameraSpec("bare", "", CameraRole.AISLE, SIZE)


def body(x: float, z: float, rng: np.random.Generator) -> Person:
    """A body of 1.7 m at a place, as keypoints of the aisle camera with 3 px of noise."""
    keypoints = np.zeros((17, 3), np.float32)
    for numbers, height, half in (((5, 6), 1.39, 0.19), ((11, 12), 0.9, 0.12)):
        for number, side in zip(numbers, (-half, half), strict=True):
            keypoints[number, :2] = AISLE_CAMERA.pixel((x + side, height, z))[:2]
            keypoints[number, 2] = 0.9
    keypoints[:, :2] += rng.normal(0, 3, (17, 2))
    left, right = keypoints[[5, 6], 0].min() - 20, keypoints[[5, 6], 0].max() + 20
    top = AISLE_CAMERA.pixel((x, 1.72, z))[1]
    return Person((float(left), float(top), float(right), float(SIZE[1])), 0.9, keypoints)


def face(x: float, z: float, rng: np.random.Generator) -> Face:
    u, v, scale = SHELF_CAMERA.pixel((x, 1.6, z))
    half = 0.095 * scale * rng.uniform(0.93, 1.07)
    return Face(
        (u - 0.8 * half, v - half, u + 0.8 * half, v + half), 0.9, np.zeros((5, 2), np.float32)
    )


def track(number: int, box, index: int) -> Track:
    return Track(number, box, 0.9, 0.0, 0.0, index)


def watch(people: list[tuple[float, float]], *, cameras=(AISLE, SHELF), seed=0) -> Whereabouts:
    """Both cameras for two seconds; tracks of the aisle from 1, of the faces from 11."""
    rng = np.random.default_rng(seed)
    found = Whereabouts(cameras)
    for t_s in np.arange(0, UP_TO_S, 0.2):
        bodies = tuple(body(x, z, rng) for x, z in people)
        tracks = [track(n + 1, b.box, n) for n, b in enumerate(bodies)]
        found.add("aisle", t_s, tracks, Detections(people=bodies), SIZE, faces=False)
        faces = tuple(face(x, z, rng) for x, z in people)
        tracks = [track(n + 11, f.box, n) for n, f in enumerate(faces)]
        found.add("shelf", t_s + 0.1, tracks, Detections(faces=faces), SIZE, faces=True)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_a_face_and_a_body_at_one_place_are_one_visit(seed: int) -> None:
    people = [(-0.45, 0.68), (0.55, 0.75)]
    found = watch(people, seed=seed)
    assert found.visit("aisle", 1) == found.visit("shelf", 11)
    assert found.visit("aisle", 2) == found.visit("shelf", 12)
    assert found.visit("aisle", 1) != found.visit("aisle", 2)
    assert found.tracks(found.visit("aisle", 2)) == {"aisle": 2, "shelf": 12}
    for number, (x, z) in enumerate(people):
        for camera, first in (("aisle", 1), ("shelf", 11)):
            place = found.place(camera, number + first)
            assert place is not None
            assert np.hypot(place[0] - x - 5, place[1] - z - 5) < 0.35, camera


def test_somebody_behind_is_somebody_else() -> None:
    found = watch([(0.0, 0.7)])
    rng = np.random.default_rng(3)
    far = face(0.1, 2.6, rng)
    for t_s in np.arange(UP_TO_S, UP_TO_S + 1, 0.2):
        found.add("shelf", t_s, [track(12, far.box, 0)], Detections(faces=(far,)), SIZE, faces=True)
    assert found.visit("shelf", 12) != found.visit("aisle", 1)


def test_without_calibration_no_two_cameras_share_a_visit() -> None:
    found = watch([(0.0, 0.7)], cameras=(AISLE, CameraSpec("shelf", "", CameraRole.SHELF, SIZE)))
    assert not found.joins
    assert found.visit("aisle", 1) != found.visit("shelf", 11)


def test_nothing_is_remembered_for_long() -> None:
    found = watch([(0.0, 0.7)])
    before = found.visit("aisle", 1)
    found.add("aisle", 500.0, [], Detections(), SIZE, faces=False)
    assert found.place("aisle", 1) is None
    assert found.visit("aisle", 1) != before

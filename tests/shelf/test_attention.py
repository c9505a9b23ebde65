"""From a head's pose to the facing it points at, and when to stay silent."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aeras.domain.geometry import Box
from aeras.domain.seen import Face, HeadPose, Track
from aeras.domain.shop import Facing, Fixture
from aeras.shelf.attention import Attention, AttentionOptions, Gaze, gaze_of, places_of, spread

SIZE = (1280, 720)
HOW = AttentionOptions(yaw_gain=1.0)


def square(x: float, y: float, half: float = 50) -> tuple[tuple[float, float], ...]:
    return ((x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half))


# A shelf of 2 m, 400 pixels wide; the face camera in its middle; facings half a metre across.
SHELF = Fixture(
    "shelf",
    "Shelf",
    "aisle",
    ((100, 100), (500, 100), (500, 400), (100, 400)),
    (
        Facing("left", "tea", square(150, 250)),
        Facing("middle", "oats", square(300, 250)),
        Facing("right", "milk", square(450, 250)),
        Facing("top", "nuts", square(300, 130, 30)),
    ),
    face_camera="faces",
    face_camera_at=(300.0, 250.0),
    on_map=(0.0, 0.0, 2.0, 0.5),
)
TRACK = Track(1, (0, 0, 1, 1), 0.9, 0.0, 0.0, 0)


def face(x: float = 640, yaw: float = 0.0, pitch: float = 0.0, height: float = 170) -> Face:
    box = (x - 60, 360 - height / 2, x + 60, 360 + height / 2)
    return Face(box, 0.9, np.zeros((5, 2), np.float32), HeadPose(yaw, pitch, 0.0))


def test_places_are_mirrored_for_a_camera_that_looks_back() -> None:
    places = places_of(SHELF)
    assert places["middle"] == pytest.approx((-0.25, -0.25, 0.25, 0.25))
    assert places["left"] == pytest.approx((0.5, -0.25, 1.0, 0.25))
    assert places["top"][1] > 0.4


@given(st.floats(0, 1280), st.floats(100, 620), st.floats(60, 300))
def test_who_looks_into_the_camera_looks_at_the_camera(x: float, y: float, height: float) -> None:
    box = (x - 50, y - height / 2, x + 50, y + height / 2)
    assert gaze_of(box, HeadPose(0, 0, 0), SIZE, HOW).hits() == pytest.approx((0, 0), abs=1e-6)


def test_a_face_of_usual_size_stands_at_arms_length() -> None:
    gaze = gaze_of(face().box, HeadPose(0, 0, 0), SIZE, HOW)
    assert 0.8 < gaze.z < 1.3
    turned = gaze_of(face().box, HeadPose(30, -10, 0), SIZE, HOW)
    assert turned.hits()[0] == pytest.approx(turned.z * np.tan(np.radians(30)), abs=1e-6)
    assert turned.hits()[1] < 0


@given(st.floats(-1, 1), st.floats(0.5, 3), st.floats(-50, 50), st.floats(-30, 30))
def test_probabilities_of_places_side_by_side_never_pass_one(
    x: float, z: float, across: float, up: float
) -> None:
    places: list[Box] = [(n * 0.3 - 1.5, -0.5, n * 0.3 - 1.2, 0.5) for n in range(10)]
    shares = spread(Gaze(x, 0.0, z, across, up), places, HOW)
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-9


def watch(yaw: float, pitch: float = 0.0, *, seconds: float = 3.0, **more: float) -> Attention:
    attention = Attention(HOW)
    for number in range(round(seconds * 5)):
        attention.add(SHELF, number / 5, [face(yaw=yaw, pitch=pitch, **more)], [TRACK], SIZE)
    return attention


@pytest.mark.parametrize(
    ("yaw", "pitch", "facing"),
    # The shopper's left is the camera's right.
    [(38, 0, "left"), (0, 0, "middle"), (-38, 0, "right"), (0, 30, "top")],
)
def test_the_facing_that_the_head_points_at_is_named(yaw: float, pitch: float, facing: str) -> None:
    look = watch(yaw, pitch).looked_at("shelf", 0, 3)
    assert look is not None
    assert look.facing == facing
    assert look.seconds < 3


def test_between_two_facings_none_is_named() -> None:
    attention = watch(20)
    first, second = attention.looks("shelf", 0, 3)[:2]
    assert {first.facing, second.facing} == {"left", "middle"}
    assert attention.looked_at("shelf", 0, 3) is None


@pytest.mark.parametrize("attention", [watch(75), watch(0, -60), watch(0, seconds=0.6)])
def test_looking_elsewhere_or_briefly_names_nothing(attention: Attention) -> None:
    assert attention.looked_at("shelf", 0, 3) is None


def test_two_people_are_told_apart_only_by_their_tracks() -> None:
    attention = Attention(HOW)
    other = Track(2, (0, 0, 1, 1), 0.9, 0.0, 0.0, 1)
    for number in range(15):
        faces = [face(yaw=38), face(yaw=-38)]
        attention.add(SHELF, number / 5, faces, [TRACK, other], SIZE)
    assert attention.looked_at("shelf", 0, 3) is None
    look = attention.looked_at("shelf", 0, 3, track=2)
    assert look is not None
    assert look.facing == "right"


def test_passers_by_and_faces_without_a_pose_do_not_count() -> None:
    attention = Attention(HOW)
    passer = Track(2, (0, 0, 1, 1), 0.9, 0.0, 0.0, 1)
    blank = Face(face().box, 0.9, np.zeros((5, 2), np.float32))
    for number in range(15):
        near = face(yaw=38) if number else blank
        attention.add(SHELF, number / 5, [near, face(yaw=0, height=60)], [TRACK, passer], SIZE)
    look = attention.looked_at("shelf", 0, 3)
    assert look is not None
    assert look.facing == "left"


def test_where_the_camera_sits_is_not_known_nothing_is_told() -> None:
    unknown = Fixture("shelf", "Shelf", "aisle", SHELF.polygon, SHELF.facings, on_map=SHELF.on_map)
    assert places_of(unknown) == {}
    attention = Attention(HOW)
    for number in range(15):
        attention.add(unknown, number / 5, [face()], [TRACK], SIZE)
    assert attention.looked_at("shelf", 0, 3) is None


def test_old_glances_are_forgotten() -> None:
    attention = watch(0)
    attention.add(SHELF, 200.0, [], [], SIZE)
    assert attention.looks("shelf", 0, 300) == []

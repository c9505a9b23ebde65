from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras import lab
from aeras.domain.geometry import Box
from aeras.domain.seen import Detections, Face, Frame, Image, Person
from aeras.privacy.preview import PreviewOptions, heads, render_preview

ACTORS = Path(lab.__file__).parent / "assets" / "actors"
FACES, PEOPLE = frozenset({"faces"}), frozenset({"people"})


def frame_of(image: Image) -> Frame:
    return Frame("cam", datetime(2026, 5, 1, tzinfo=UTC), 0.0, image)


def noise(width: int = 640, height: int = 360) -> Image:
    return np.random.default_rng(1).integers(60, 256, (height, width, 3), dtype=np.uint8)


def decoded(jpeg: bytes) -> Image:
    assert jpeg[:2] == b"\xff\xd8"
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.uint8)


def face(box: Box) -> Face:
    return Face(box, 0.9, np.zeros((5, 2), np.float32))


def person(box: Box, points: dict[int, tuple[float, float]] | None = None) -> Person:
    keypoints = np.zeros((17, 3), np.float32)
    for index, (x, y) in (points or {}).items():
        keypoints[index] = (x, y, 0.9)
    return Person(box, 0.8, keypoints)


def detail(picture: Image, box: Box) -> float:
    """Strength of structure finer than a mosaic cell inside a box: variance of the Laplacian."""
    x0, y0, x1, y1 = (int(value) for value in box)
    grey = cv2.cvtColor(picture[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    return float(np.var(cv2.Laplacian(grey, cv2.CV_32F)))


SHARP = PreviewOptions(soften=0, quality=95)


def test_a_face_is_left_as_cells_of_at_least_an_eighth_of_it() -> None:
    box = (200.0, 100.0, 280.0, 200.0)
    ramp = np.clip((np.arange(640) - 160) * 1.6, 0, 255).astype(np.uint8)
    image = np.repeat(np.tile(ramp, (360, 1))[:, :, None], 3, axis=2)
    seen = Detections(faces=(face(box),), ran=FACES)
    picture = decoded(render_preview(frame_of(image), seen, age_s=0, options=SHARP))
    steps = np.flatnonzero(np.abs(np.diff(picture[150, 165:316, 1].astype(int))) > 12)
    borders = steps[np.insert(np.diff(steps) > 3, 0, values=True)]
    assert len(borders) >= 3
    assert np.diff(borders).min() >= 100 / 8
    noisy = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    assert detail(noisy, (10, 10, 100, 100)) > 20 * detail(noisy, box)


def test_no_face_can_be_found_in_the_preview() -> None:
    image = np.full((360, 640, 3), 90, dtype=np.uint8)
    for left, name in ((10, "white-male-40plus-neutral"), (330, "black-female-20-39-happiness")):
        portrait = cv2.imread(str(ACTORS / f"{name}.jpg"))
        image[20:320, left : left + 300] = cv2.resize(portrait, (300, 300))
    from aeras.perceive.yunet import Yunet, YunetOptions

    eager = Yunet(YunetOptions(threshold=0.3))
    faces = eager.detect(image)
    assert len(faces) == 2
    seen = Detections(faces=tuple(faces), ran=FACES)
    picture = decoded(render_preview(frame_of(image), seen, age_s=0.2))
    assert eager.detect(picture) == []
    other = [np.asarray(cv2.resize(picture, None, fx=f, fy=f), np.uint8) for f in (0.25, 0.1)]
    assert [eager.detect(small) for small in other] == [[], []]


def test_hair_and_chin_are_covered_as_well() -> None:
    box = (200.0, 100.0, 280.0, 200.0)
    picture = decoded(
        render_preview(
            frame_of(noise()), Detections(faces=(face(box),), ran=FACES), age_s=0, options=SHARP
        )
    )
    assert detail(picture, (185, 75, 295, 225)) < detail(picture, (400, 75, 510, 225)) / 5


def test_doubtful_faces_are_covered() -> None:
    seen = Detections(unsure=((300.0, 100.0, 360.0, 170.0),), ran=FACES)
    picture = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    assert detail(picture, (300, 100, 360, 170)) < detail(picture, (20, 100, 80, 170)) / 20


@pytest.mark.parametrize(
    ("points", "covered"),
    [
        ({0: (300, 80), 1: (306, 74), 2: (294, 74)}, (285, 60, 315, 100)),
        ({5: (340, 130), 6: (260, 130)}, (280, 60, 320, 115)),
        ({}, (250, 50, 350, 120)),
        ({15: (300, 340)}, (250, 50, 350, 120)),
    ],
)
def test_heads_of_bodies_are_covered_also_without_their_points(
    points: dict[int, tuple[float, float]], covered: Box
) -> None:
    seen = Detections(people=(person((250.0, 50.0, 350.0, 350.0), points),), ran=PEOPLE | FACES)
    picture = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    assert detail(picture, covered) < detail(picture, (20, 50, 120, 120)) / 5
    assert detail(picture, (260, 250, 340, 340)) > 10 * detail(picture, covered)


def test_where_no_faces_were_looked_for_whole_bodies_are_covered() -> None:
    seen = Detections(people=(person((250.0, 50.0, 350.0, 350.0), {0: (300, 80)}),), ran=PEOPLE)
    picture = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    assert detail(picture, (260, 250, 340, 340)) < detail(picture, (20, 250, 100, 340)) / 5


@settings(deadline=None)
@given(st.floats(-100, 640), st.floats(-100, 360), st.floats(4, 700), st.floats(4, 700))
def test_any_face_box_also_beyond_the_edge_leaves_few_colours(
    x: float, y: float, width: float, height: float
) -> None:
    seen = Detections(faces=(face((x, y, x + width, y + height)),), ran=FACES)
    jpeg = render_preview(frame_of(noise(320, 180)), seen, age_s=0, options=SHARP)
    picture = decoded(jpeg)
    x0, y0 = max(0, int(x)), max(0, int(y))
    inside = picture[y0 : max(0, int(y + height)), x0 : max(0, int(x + width))]
    if inside.size and max(width, height) >= 8:
        steps = np.abs(np.diff(inside.astype(int), axis=1)).max(axis=2) > 12
        # Vertical borders between cells: at most one every eighth of the longer side.
        assert steps.any(axis=0).sum() <= 3 * (8 * width / max(width, height) + 1)


@pytest.mark.parametrize(
    ("seen", "age_s"),
    [
        (None, 0.0),
        (Detections(), 0.0),
        (Detections(ran=frozenset({"hands"})), 0.0),
        (Detections(ran=FACES), 1.5),
        (Detections(ran=FACES), -0.1),
        (Detections(ran=PEOPLE), math.nan),
        (Detections(ran=PEOPLE), math.inf),
    ],
)
def test_black_when_unsure(seen: Detections | None, age_s: float) -> None:
    picture = decoded(render_preview(frame_of(noise()), seen, age_s=age_s))
    assert picture.shape == (360, 640, 3)
    assert picture.max() == 0


def test_an_empty_shop_is_shown() -> None:
    picture = decoded(render_preview(frame_of(noise()), Detections(ran=FACES), age_s=0.5))
    assert picture.mean() > 100


def test_excluded_zones_are_black_and_zones_are_drawn() -> None:
    flat = np.full((360, 640, 3), 120, dtype=np.uint8)
    left = ((0.0, 0.0), (100.0, 0.0), (100.0, 359.0), (0.0, 359.0))
    right = ((400.0, 100.0), (500.0, 100.0), (500.0, 200.0), (400.0, 200.0))
    picture = decoded(
        render_preview(
            frame_of(flat), Detections(ran=FACES), age_s=0, excluded=[left], zones=[right]
        )
    )
    assert picture[:, :92].max() < 20
    assert np.abs(picture[150, 398:403].astype(int) - 120).max() > 20
    assert np.abs(picture[150, 450].astype(int) - 120).max() < 5


def test_where_nobody_was_looked_for_is_black() -> None:
    seen = Detections(ran=FACES, unlooked=((330.0, 0.0, 640.0, 360.0),))
    picture = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    assert picture[:, 338:].max() < 20
    assert picture[:, :322].mean() > 100


def test_the_preview_is_scaled_down_never_up() -> None:
    for width, expected in ((1280, (640, 360)), (320, (320, 180))):
        image = noise(width, width * 9 // 16)
        jpeg = render_preview(frame_of(image), Detections(ran=FACES), age_s=0, width=640)
        assert decoded(jpeg).shape[1::-1] == expected


def test_people_move_so_older_detections_cover_more() -> None:
    seen = Detections(faces=(face((300.0, 150.0, 340.0, 200.0)),), ran=FACES)
    beside = (352, 150, 368, 200)
    now = decoded(render_preview(frame_of(noise()), seen, age_s=0, options=SHARP))
    later = decoded(render_preview(frame_of(noise()), seen, age_s=0.9, options=SHARP))
    assert detail(later, beside) < detail(now, beside) / 5


def test_every_source_of_heads_counts() -> None:
    seen = Detections(
        faces=(face((0, 0, 10, 10)),),
        people=(person((0, 0, 50, 100)),),
        unsure=((5, 5, 9, 9),),
        ran=FACES | PEOPLE,
    )
    assert len(heads(seen, PreviewOptions())) == 3


def test_the_frame_itself_is_left_alone() -> None:
    image = noise()
    before = image.copy()
    seen = Detections(faces=(face((0, 0, 300, 300)),), ran=FACES)
    render_preview(frame_of(image), seen, age_s=0, width=640)
    assert np.array_equal(image, before)

"""Detector, landmarks, gate and expression on faces of nobody that ship with the project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import ModelError
from aeras.domain.seen import Face, Frame, HeadPose, Image
from aeras.perceive import Perception, PerceptionOptions
from aeras.perceive.facegeometry import FaceModel, head_pose, pose_of, read_face_model
from aeras.perceive.facemesh import BLENDSHAPES, MediaPipeFaceMesh
from aeras.perceive.look import outside
from aeras.perceive.quality import QualityOptions, sharpness, turned, unreadable
from aeras.perceive.yunet import Yunet, YunetOptions

SMILE, STRAIGHT = "latino_hispanic-female-20-39-happiness", "black-male-20-39-neutral"
FACES = frozenset({"faces"})

Draw = Callable[..., Image]
AsFrame = Callable[[Image], Frame]


@pytest.fixture(scope="module")
def yunet() -> Yunet:
    return Yunet()


@pytest.fixture(scope="module")
def mesh() -> MediaPipeFaceMesh:
    return MediaPipeFaceMesh()


def turned_by(image: Image, degrees: float) -> Image:
    """Turned clockwise about the picture's middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height)), dtype=np.uint8)


def test_two_faces_are_found_once_each_with_points_inside(yunet: Yunet, actor: Draw) -> None:
    faces = yunet.detect(actor((SMILE, 320), (STRAIGHT, 200)))
    assert len(faces) == 2
    for face in faces:
        x0, y0, x1, y1 = face.box
        assert ((face.points >= (x0, y0)) & (face.points <= (x1, y1))).all()
        right_eye, left_eye, nose, right_mouth, left_mouth = face.points
        assert right_eye[0] < nose[0] < left_eye[0]
        assert right_eye[1] < nose[1] < right_mouth[1]
        assert right_mouth[0] < left_mouth[0]


def test_a_small_face_is_found_and_a_blank_wall_is_none(yunet: Yunet, actor: Draw) -> None:
    small = yunet.detect(actor((SMILE, 48)))
    assert len(small) == 1
    assert 28 < small[0].box[3] - small[0].box[1] < 48
    assert yunet.detect(np.full((360, 640, 3), 200, dtype=np.uint8)) == []


def test_a_region_finds_the_same_place_and_nothing_beyond_it(yunet: Yunet, actor: Draw) -> None:
    image = actor((SMILE, 250), (STRAIGHT, 250))
    whole = min(yunet.detect(image), key=lambda face: face.box[0])
    (found,) = yunet.detect(image, regions=[(0.0, 0.0, 262.0, 300.0)])
    np.testing.assert_allclose(found.box, whole.box, atol=8)
    np.testing.assert_allclose(found.points, whole.points, atol=8)
    assert yunet.detect(image, regions=[(700.0, 0.0, 800.0, 100.0)]) == []


def test_overlapping_regions_do_not_count_a_face_twice(yunet: Yunet, actor: Draw) -> None:
    image = actor((SMILE, 250))
    regions = [(0.0, 0.0, 300.0, 300.0), (0.0, 0.0, 400.0, 350.0)]
    assert len(yunet.detect(image, regions)) == 1


def test_a_large_picture_is_scaled_for_the_network_but_told_in_its_own_pixels(actor: Draw) -> None:
    image = actor((SMILE, 320))
    large = np.asarray(cv2.resize(image, None, fx=3, fy=3), dtype=np.uint8)
    (face,) = Yunet(YunetOptions(most_pixels=640 * 360, enlarge_to=0)).detect(large)
    (expected,) = Yunet().detect(image)
    np.testing.assert_allclose(np.array(face.box) / 3, expected.box, atol=10)


@pytest.mark.parametrize("degrees", [-25.0, 0.0, 25.0])
def test_roll_follows_the_tilt_clockwise(
    yunet: Yunet, mesh: MediaPipeFaceMesh, actor: Draw, degrees: float
) -> None:
    image = turned_by(actor((STRAIGHT, 320)), degrees)
    (face,) = yunet.detect(image)
    fitted = mesh.fit(image, face)
    assert fitted is not None
    assert fitted[1].roll == pytest.approx(degrees, abs=5)
    assert abs(fitted[1].yaw) < 12


def test_landmarks_lie_on_the_face_in_frame_pixels(
    yunet: Yunet, mesh: MediaPipeFaceMesh, actor: Draw
) -> None:
    image = actor((STRAIGHT, 320))
    (face,) = yunet.detect(image)
    fitted = mesh.fit(image, face)
    assert fitted is not None
    landmarks, _, blendshapes, presence = fitted
    assert landmarks.shape == (478, 3)
    np.testing.assert_allclose(landmarks[1, :2], face.points[2], atol=15)  # the nose tip
    assert set(blendshapes) == set(BLENDSHAPES)
    assert presence > 0.9


def test_smiling_raises_the_smile_blendshapes(
    yunet: Yunet, mesh: MediaPipeFaceMesh, actor: Draw
) -> None:
    image = actor((SMILE, 300), (STRAIGHT, 300))
    left, right = sorted(yunet.detect(image), key=lambda face: face.box[0])
    smile, straight = mesh.fit(image, left), mesh.fit(image, right)
    assert smile is not None
    assert straight is not None
    assert smile[2]["mouthSmileLeft"] > 0.5
    assert straight[2]["mouthSmileLeft"] < 0.2


def test_no_landmarks_where_there_is_no_face(mesh: MediaPipeFaceMesh, yunet: Yunet) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (360, 640, 3), dtype=np.uint8)
    points = np.array([[150, 150], [250, 150], [200, 200], [160, 250], [240, 250]], np.float32)
    assert mesh.fit(noise, Face((100.0, 100.0, 300.0, 300.0), 0.9, points)) is None


@settings(deadline=None)
@given(st.floats(-60, 60), st.floats(-60, 60), st.floats(-60, 60))
def test_pose_gives_back_the_angles_of_a_turned_face(yaw: float, pitch: float, roll: float) -> None:
    rng = np.random.default_rng(5)
    points = rng.normal(size=(33, 3))
    model = FaceModel(np.arange(33), rng.uniform(0.1, 1, 33), points)
    y, p, r = np.radians([yaw, pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    seen = points @ (about_y @ about_x @ about_z).T * 40 + (300, 200, 0)
    pose = head_pose(seen * (1, -1, -1), model)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1e-4)


def test_signs_of_the_angles() -> None:
    # The third column is where the nose points: x right, y up, z towards the viewer.
    to_the_right = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert pose_of(to_the_right).yaw == pytest.approx(90)
    up = np.array([[1.0, 0, 0], [0, 0.8, 0.6], [0, -0.6, 0.8]])
    assert pose_of(up).pitch == pytest.approx(np.degrees(np.arcsin(0.6)))


def test_a_damaged_canonical_face_is_a_model_error() -> None:
    for data in (b"", b"\x0a\xff\xff\xff", b"\x0f" * 20):
        with pytest.raises(ModelError, match="canonical face"):
            read_face_model(data, "bundle")


def test_faces_are_read_as_what_they_show(
    perception: Perception, actor: Draw, as_frame: AsFrame
) -> None:
    seen = perception.detect(as_frame(actor((SMILE, 300), (STRAIGHT, 300))), FACES)
    left, right = sorted(seen.faces, key=lambda face: face.box[0])
    assert seen.ran == FACES
    assert left.expression is not None
    assert right.expression is not None
    assert left.expression["happiness"] > 0.8
    assert right.expression["neutral"] > 0.8
    assert left.pose is not None
    assert not left.abstained


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: cv2.resize(image, None, fx=0.14, fy=0.14), "small"),
        (lambda image: image[:, 125:], "cut"),
        (lambda image: image[:215], "cut"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 9), "blurred"),
    ],
)
def test_a_face_that_cannot_be_read_says_why(
    actor: Draw, as_frame: AsFrame, spoil: Callable[[Image], Image], reason: str
) -> None:
    finder = Perception(PerceptionOptions(faces=YunetOptions(threshold=0.4)))
    image = np.ascontiguousarray(spoil(actor((STRAIGHT, 320))))
    faces = finder.detect(as_frame(image), FACES).faces
    assert [face.abstained for face in faces] == [reason]
    assert faces[0].expression is None


def test_a_covered_mouth_is_not_read(
    perception: Perception, actor: Draw, as_frame: AsFrame
) -> None:
    image = actor((STRAIGHT, 320))
    image[180:330, 60:290] = (235, 235, 235)  # a mask
    for face in perception.detect(as_frame(image), FACES).faces:
        assert face.expression is None
        assert face.abstained in {"hidden", "turned"}


@pytest.mark.parametrize(
    ("pose", "far"),
    [((0, 0, 60), False), ((45, 0, 0), True), ((-45, 0, 0), True), ((0, 40, 0), True)],
)
def test_turned_heads(pose: tuple[float, float, float], far: bool) -> None:
    assert turned(HeadPose(*pose), QualityOptions()) is far


def test_sharpness_falls_with_blur_but_not_with_light_or_size(yunet: Yunet, actor: Draw) -> None:
    image = actor((SMILE, 320))
    box = yunet.detect(image)[0].box
    plain = sharpness(image, box)
    blurred = np.asarray(cv2.GaussianBlur(image, (0, 0), 6), dtype=np.uint8)
    dark = (image * 0.4).astype(np.uint8)
    half = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    assert sharpness(blurred, box) < plain / 2
    assert sharpness(dark, box) == pytest.approx(plain, rel=0.2)
    smaller = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
    assert sharpness(half.astype(np.uint8), smaller) == pytest.approx(plain, rel=0.5)
    assert sharpness(image, (900.0, 900.0, 950.0, 950.0)) == 0


def test_a_nan_box_is_not_readable() -> None:
    image = np.zeros((50, 50, 3), dtype=np.uint8)
    face = Face((0.0, 0.0, 0.0, 0.0), 0.9, np.zeros((5, 2), np.float32))
    assert unreadable(image, face, QualityOptions()) == "small"


def test_with_expression_off_no_model_that_reads_faces_is_loaded(
    monkeypatch: pytest.MonkeyPatch, actor: Draw, as_frame: AsFrame
) -> None:
    loaded: list[str] = []
    genuine = Perception.__module__
    for name in ("MediaPipeFaceMesh", "load_expression"):
        monkeypatch.setattr(f"{genuine}.{name}", lambda *_, n=name, **__: loaded.append(n))
    quiet = Perception(PerceptionOptions(expression=False))
    quiet.warm_up(FACES)
    (face,) = quiet.detect(as_frame(actor((SMILE, 320))), FACES).faces
    assert loaded == []
    assert face.abstained == "off"
    assert face.expression is None
    assert face.pose is None
    assert face.blendshapes == {}


def test_only_the_largest_faces_are_read(actor: Draw, as_frame: AsFrame) -> None:
    one = Perception(PerceptionOptions(max_read=1))
    faces = one.detect(as_frame(actor((SMILE, 200), (STRAIGHT, 300))), FACES).faces
    left, right = sorted(faces, key=lambda face: face.box[0])
    assert left.abstained == "skipped"
    assert right.expression is not None


def test_doubtful_faces_are_kept_for_blurring_only(actor: Draw, as_frame: AsFrame) -> None:
    strict = PerceptionOptions(faces=YunetOptions(threshold=0.999), expression=False)
    seen = Perception(strict).detect(as_frame(actor((SMILE, 320))), FACES)
    assert seen.faces == ()
    assert len(seen.unsure) >= 1


def test_the_same_frame_gives_the_same_reading(
    perception: Perception, actor: Draw, as_frame: AsFrame
) -> None:
    frame = as_frame(actor((SMILE, 300), (STRAIGHT, 200)))
    once, twice = perception.detect(frame, FACES), perception.detect(frame, FACES)
    for a, b in zip(once.faces, twice.faces, strict=True):
        assert a.box == b.box
        assert a.blendshapes == b.blendshapes
        assert a.expression is not None
        assert b.expression is not None
        assert np.array_equal(a.expression.probabilities, b.expression.probabilities)


def test_reading_leaves_the_frame_as_it_was(
    perception: Perception, actor: Draw, as_frame: AsFrame
) -> None:
    frame = as_frame(actor((SMILE, 300)))
    before = replace(frame, image=frame.image.copy())
    perception.detect(frame, frozenset({"faces", "people", "hands"}))
    assert np.array_equal(frame.image, before.image)


def test_unknown_task(perception: Perception, actor: Draw, as_frame: AsFrame) -> None:
    with pytest.raises(ValueError, match="gait"):
        perception.detect(as_frame(actor()), frozenset({"gait"}))


def test_what_was_not_looked_at_is_told(
    perception: Perception, actor: Draw, as_frame: AsFrame
) -> None:
    frame = as_frame(actor((SMILE, 300)))
    left = [(0.0, 0.0, 330.0, 360.0)]
    assert perception.detect(frame, FACES).unlooked == ()
    assert perception.detect(frame, FACES, face_regions=left).unlooked == (
        (330.0, 0.0, 640.0, 360.0),
    )
    both = frozenset({"faces", "people"})
    assert perception.detect(frame, both, face_regions=left).unlooked == ()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-20, 70), st.integers(-20, 50), st.integers(-20, 70), st.integers(-20, 50)
        ),
        max_size=4,
    )
)
def test_regions_and_the_rest_cover_every_pixel_once(corners: list[tuple[int, ...]]) -> None:
    regions = [
        (float(min(a, c)), float(min(b, d)), float(max(a, c)), float(max(b, d)))
        for a, b, c, d in corners
    ]
    looked = np.zeros((40, 60), dtype=int)
    for x0, y0, x1, y1 in regions:
        looked[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))] = 1
    for x0, y0, x1, y1 in outside((60, 40), regions):
        looked[int(y0) : int(y1), int(x0) : int(x1)] += 1
    assert (looked == 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (17, 33), (31, 31)])
def test_odd_picture_sizes_do_not_break_any_model(
    perception: Perception, as_frame: AsFrame, shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(2).integers(0, 255, (*shape, 3), dtype=np.uint8)
    seen = perception.detect(as_frame(image), frozenset({"faces", "people", "hands"}))
    assert seen.faces == ()

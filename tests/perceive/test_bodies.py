"""People and hands: arithmetic everywhere, recognition on the shared clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from aeras.domain.seen import Frame, Image
from aeras.perceive import Perception
from aeras.perceive.hands import MediaPipeHands, _anchors
from aeras.perceive.people import MoveNet, PeopleOptions
from aeras.perceive.warping import TurnedSquare


def picture(path: Path, number: int) -> Image:
    with av.open(str(path)) as clip:
        for index, frame in enumerate(clip.decode(video=0)):
            if index == number:
                return np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
    raise AssertionError(f"{path} has no frame {number}")


def test_the_palm_network_has_2016_anchors_inside_its_input() -> None:
    anchors = _anchors(192)
    assert anchors.shape == (2016, 2)
    assert anchors.min() == 4
    assert anchors.max() == 188


@pytest.mark.parametrize("angle", [0.0, 0.7, -2.0])
def test_a_turned_crop_maps_back_to_where_it_was_cut(angle: float) -> None:
    image = np.zeros((300, 400, 3), dtype=np.uint8)
    image[118:123, 208:213] = 255  # a dot at (210, 120)
    square = TurnedSquare(200.0, 110.0, 100.0, angle)
    crop = square.crop(image, 50)[0, :, :, 0]
    y, x = np.unravel_index(int(crop.argmax()), crop.shape)
    (back,) = square.points_to_image(np.array([[x, y, 1]], dtype=np.float32), 50)
    np.testing.assert_allclose(back[:2], (210, 120), atol=4)
    assert back[2] == pytest.approx(2)


def test_an_upright_crop_keeps_its_top() -> None:
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    image[:50] = 255
    crop = TurnedSquare(50.0, 50.0, 100.0, 0.0).crop(image, 10)[0]
    assert crop[0].min() == 1
    assert crop[-1].max() == 0


def test_the_input_side_must_fit_the_network() -> None:
    with pytest.raises(ValueError, match="multiple of 32"):
        PeopleOptions(long_side=300)


def test_nobody_on_a_blank_wall() -> None:
    wall = np.full((360, 640, 3), 180, dtype=np.uint8)
    assert MoveNet().detect(wall) == []
    assert MediaPipeHands().detect(wall) == []


@pytest.mark.shared
def test_people_stand_where_they_are(shared: Path) -> None:
    image = picture(shared / "data/clips/shelf/normal-4.mp4", 100)
    people = MoveNet().detect(image)
    assert len(people) == 2
    near = people[0]
    x0, y0, x1, y1 = near.box
    assert 280 < y1 - y0 < 400
    sure = near.keypoints[near.keypoints[:, 2] > 0.3]
    assert len(sure) >= 10
    assert ((sure[:, :2] >= (x0 - 20, y0 - 20)) & (sure[:, :2] <= (x1 + 20, y1 + 20))).all()
    nose, ankles = near.keypoints[0], near.keypoints[15:17]
    assert nose[1] < ankles[:, 1].min()


@pytest.mark.shared
def test_regions_give_people_in_frame_pixels_and_once(shared: Path) -> None:
    image = picture(shared / "data/clips/shelf/normal-4.mp4", 100)
    whole = MoveNet().detect(image)[0]
    regions = [(0.0, 0.0, 440.0, 480.0), (60.0, 0.0, 500.0, 480.0)]
    found = MoveNet().detect(image, regions)
    near = [p for p in found if abs(p.box[0] - whole.box[0]) < 25 and p.box[3] > 400]
    assert len(near) == 1
    np.testing.assert_allclose(near[0].box, whole.box, atol=25)


@pytest.mark.shared
def test_hands_and_their_joints(shared: Path) -> None:
    image = picture(shared / "data/clips/asl-help.mkv", 30)
    hands = MediaPipeHands().detect(image)
    assert hands
    for hand in hands:
        x0, y0, x1, y1 = hand.box
        assert hand.points is not None
        assert hand.points.shape == (21, 2)
        middle = hand.points.mean(axis=0)
        assert x0 - 40 < middle[0] < x1 + 40
        assert y0 - 60 < middle[1] < y1 + 40


@pytest.mark.shared
def test_a_hand_is_looked_for_in_its_region_only(
    shared: Path, perception: Perception, as_frame: Callable[[Image], Frame]
) -> None:
    image = picture(shared / "data/clips/asl-help.mkv", 30)
    hands = frozenset({"hands"})
    whole = perception.detect(as_frame(image), hands).hands
    x0, y0, x1, y1 = whole[0].box
    near = (x0 - 60, y0 - 60, x1 + 60, y1 + 60)
    inside = perception.detect(as_frame(image), hands, hand_regions=[near]).hands
    assert inside
    np.testing.assert_allclose(inside[0].box, whole[0].box, atol=25)
    corner = perception.detect(as_frame(image), hands, hand_regions=[(0.0, 0.0, 60.0, 60.0)])
    assert corner.hands == ()
    assert corner.ran == hands

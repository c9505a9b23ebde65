"""Staff are never read: not in their zone, not out of it, and nobody before they are known."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from aeras.domain.seen import Frame, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Shop
from aeras.perceive import Perception
from aeras.privacy.staff import StaffFilter
from aeras.wiring.rig import Rig

SIZE = (640, 480)
COUNTER = ((400.0, 0.0), (640.0, 0.0), (640.0, 480.0), (400.0, 480.0))
AISLE = (100.0, 100.0, 160.0, 180.0)
AT_THE_COUNTER = (350.0, 100.0, 395.0, 180.0)
"""Beside the zone: whoever is first seen here came out of it."""


def frame(t_s: float = 0.0, size: tuple[int, int] = SIZE) -> Frame:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    return Frame("c", datetime(2026, 11, 22, tzinfo=UTC), t_s, image)


def track(name: int, box) -> Track:
    return Track(name, box, 0.9, 0.0, 0.0, 0)


def test_who_comes_out_of_the_staff_zone_stays_staff_wherever_they_go():
    staff = StaffFilter([COUNTER], SIZE)
    clerk, shopper = track(1, AT_THE_COUNTER), track(2, AISLE)
    assert staff.shoppers(frame(), [clerk, shopper]) == [shopper]
    moved = track(1, (200.0, 100.0, 245.0, 180.0))
    assert staff.shoppers(frame(), [moved, shopper]) == [shopper]
    assert not staff.readable(moved.box)
    assert staff.readable(AISLE)


def test_a_shopper_who_enters_the_zone_is_staff_from_then_on():
    staff = StaffFilter([COUNTER], SIZE)
    assert staff.shoppers(frame(), [track(1, AISLE)])
    assert staff.shoppers(frame(), [track(1, (390.0, 100.0, 450.0, 180.0))]) == []
    assert staff.shoppers(frame(), [track(1, AISLE)]) == []


def test_a_face_that_is_not_yet_known_is_not_read():
    staff = StaffFilter([COUNTER], SIZE)
    assert not staff.readable(AISLE)
    staff.shoppers(frame(), [track(1, AISLE)])
    assert staff.readable(AISLE)
    assert not staff.readable((10.0, 300.0, 70.0, 380.0))


def test_zones_follow_the_size_of_the_frames():
    staff = StaffFilter([COUNTER], SIZE)
    small = frame(size=(320, 240))
    beside = tuple(edge / 2 for edge in AT_THE_COUNTER)
    assert staff.shoppers(small, [track(1, beside)]) == []


class Marked:
    """Track 3 wears the mark."""

    def find(self, frame, tracks):
        return frozenset({3})


def test_who_wears_a_staff_mark_is_staff():
    staff = StaffFilter([], SIZE, Marked())
    assert [t.id for t in staff.shoppers(frame(), [track(1, AISLE), track(3, AISLE)])] == [1]


class Counted(Perception):
    """The real perception; counts the faces that reach what reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[tuple[float, ...]] = []

    def _read(self, image, face):
        self.read.append(face.box)
        return super()._read(image, face)


@pytest.mark.shared
def test_in_a_rig_no_face_by_the_counter_reaches_the_expression_model(shared):
    import cv2

    files = sorted((shared / "data").rglob("*.jpg"))
    face = next((i for i in map(cv2.imread, map(str, files[:50])) if i is not None), None)
    if face is None:
        pytest.skip("no picture of a face in the shared data")
    picture = np.full((480, 640, 3), 120, np.uint8)
    size = 160
    picture[100 : 100 + size, 60 : 60 + size] = cv2.resize(face, (size, size))
    picture[100 : 100 + size, 235 : 235 + size] = cv2.resize(face, (size, size))

    def reads(staff) -> list[tuple[float, ...]]:
        camera = CameraSpec("c", "x", CameraRole.SHELF, SIZE, staff=staff)
        shelf = Fixture("f", "f", "c", (), (), "c")
        shop = Shop("s", "s", "UTC", (), (camera,), (shelf,))
        perception = Counted()
        rig = Rig(shop, (camera,), perception)
        for number in range(4):
            moment = datetime(2026, 11, 22, tzinfo=UTC)
            noisy = picture.copy()
            noisy[400:, :: number + 2] = 255  # something moves, so that each frame is looked at
            rig.update(Frame("c", moment, number * 0.2, noisy))
        return perception.read

    everyone = reads(())
    if not any(box[0] > 200 for box in everyone) or not any(box[0] < 200 for box in everyone):
        pytest.skip("the detector finds no face in the picture taken")
    zone = ((330.0, 0.0), (640.0, 0.0), (640.0, 480.0), (330.0, 480.0))
    zoned = reads((zone,))
    assert any(box[0] < 200 for box in zoned)
    assert not any(box[0] > 200 for box in zoned)

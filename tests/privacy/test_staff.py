"""Staff are never read: not in their zone, not out of it, and nobody before they are known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from aeras.domain.seen import Detections, Face, Frame, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Marks, Shop, Vest
from aeras.domain.tags import OBJECTION_TAGS, STAFF_TAGS
from aeras.perceive import Perception
from aeras.privacy.marker import tag_image
from aeras.privacy.staff import Fate, StaffFilter
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


def test_whom_another_camera_leaves_alone_is_left_alone_without_zones_too():
    staff = StaffFilter([], SIZE)
    clerk, shopper = track(1, AT_THE_COUNTER), track(2, AISLE)
    assert staff.shoppers(frame(), [clerk, shopper]) == [clerk, shopper]
    staff.exclude(1)
    assert (staff.fate(1), staff.fate(2)) == (Fate.DROP, Fate.TELL)
    assert staff.shoppers(frame(0.2), [clerk, shopper]) == [shopper]
    assert staff.needed  # so that the rig asks before a face is read
    assert not staff.readable(AT_THE_COUNTER)
    assert staff.readable(AISLE)


def test_zones_follow_the_size_of_the_frames():
    staff = StaffFilter([COUNTER], SIZE)
    small = frame(size=(320, 240))
    beside = tuple(edge / 2 for edge in AT_THE_COUNTER)
    assert staff.shoppers(small, [track(1, beside)]) == []


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


# --- marks --------------------------------------------------------------------------------------

TAGGED = Marks(staff_tags=frozenset(STAFF_TAGS), staff_mm=120)
CARD = Marks(objection_tags=frozenset(OBJECTION_TAGS), objection_mm=90)
HIGH = 100
"""Height of a face: a tag of 120 mm has 63 pixels below it."""
EYES = 33.0


def at(x: float, y: float = 120.0, name: int = 1, t_s: float = 0.0) -> tuple[Track, Face]:
    box = (x - 40, y - HIGH / 2, x + 40, y + HIGH / 2)
    points = np.array([[x - EYES / 2, y - 10], [x + EYES / 2, y - 10]] + [[x, y]] * 3, np.float32)
    return Track(name, box, 0.9, 0.0, t_s, 0), Face(box, 0.9, points)


def picture(tag: int | None = None, spot: tuple[float, float] = (300.0, 250.0)) -> np.ndarray:
    image = np.full((480, 640, 3), 110, np.uint8)
    if tag is not None:
        card = tag_image(tag, 10)[:, :, None]
        x, y = int(spot[0]) - 40, int(spot[1]) - 40
        image[y : y + 80, x : x + 80] = card
    return image


def watch(staff: StaffFilter, image, t_s: float, *who: tuple[Track, Face]) -> list[int]:
    """Ids of the shoppers after one frame of face tracks."""
    tracks = [replace(track, detection=n) for n, (track, _) in enumerate(who)]
    seen = Detections(faces=tuple(face for _, face in who), ran=frozenset({"faces"}))
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    return [t.id for t in staff.shoppers(Frame("c", moment, t_s, image), tracks, seen)]


def faces_filter(marks: Marks, **more) -> StaffFilter:
    return StaffFilter((), SIZE, marks, faces=True, **more)


def test_nobody_is_a_shopper_before_the_chest_was_seen_for_a_second_without_a_tag():
    staff = faces_filter(TAGGED)
    shoppers = {n / 5: watch(staff, picture(), n / 5, at(300)) for n in range(10)}
    assert [t_s for t_s, ids in shoppers.items() if ids] == [n / 5 for n in range(5, 10)]
    assert staff.readable(at(300)[0].box)


def test_who_wears_the_tag_is_never_a_shopper_however_long_it_is_hidden_later():
    staff = faces_filter(TAGGED)
    told = [watch(staff, picture(STAFF_TAGS[0]), 0.0, at(300))]
    told += [watch(staff, picture(), n / 5, at(300)) for n in range(1, 100)]
    assert not any(told)
    assert staff.fate(1) is Fate.DROP
    assert not staff.readable(at(300)[0].box)


@pytest.mark.parametrize("spoilt", ["far", "turned", "cut off below", "behind somebody"])
def test_looks_that_could_not_have_shown_the_tag_do_not_count(spoilt):
    staff = faces_filter(TAGGED)
    track, face = at(300, 300 if spoilt == "cut off below" else 120)
    others = []
    if spoilt == "far":
        box = (290.0, 100.0, 310.0, 125.0)
        points = np.array([[297, 110], [305, 110]] + [[300, 115]] * 3, np.float32)
        track, face = Track(1, box, 0.9, 0, 0, 0), Face(box, 0.9, points)
    if spoilt == "turned":
        face.points[:2, 0] = 300, 303
    if spoilt == "behind somebody":
        near, front = at(330, 180, 2)
        others = [(near, replace(front, box=near.box))]
    told = [watch(staff, picture(), n / 5, (track, face), *others) for n in range(50)]
    assert not any(1 in ids for ids in told)
    assert staff.fate(1) is Fate.WAIT


def test_a_vest_is_seen_and_its_absence_too():
    marks = Marks(vest=Vest((52.0, 90.0)))
    image = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    image[160:, 200:400] = (60, 230, 210)
    image[160:, 400:] = (120, 40, 40)
    staff = faces_filter(marks)
    told = [watch(staff, image, n / 5, at(300), at(520, name=2)) for n in range(12)]
    assert told[-1] == [2]
    assert staff.fate(1) is Fate.DROP


def test_a_track_that_begins_where_staff_was_lost_is_unknown():
    staff = StaffFilter([COUNTER], SIZE)
    staff.shoppers(frame(), [track(1, AT_THE_COUNTER)])
    walked = (300.0, 100.0, 345.0, 180.0)
    staff.shoppers(frame(1.0), [track(1, walked)])
    staff.shoppers(frame(1.2), [])
    beside, far = (290.0, 100.0, 335.0, 180.0), (60.0, 100.0, 105.0, 180.0)
    assert [t.id for t in staff.shoppers(frame(2.0), [track(2, beside), track(3, far)])] == [3]


def test_who_crosses_staff_may_have_changed_numbers_and_is_looked_at_anew():
    staff = faces_filter(TAGGED)
    for n in range(8):
        told = watch(staff, picture(STAFF_TAGS[0], (150, 250)), n / 5, at(150), at(480, name=2))
    assert told == [2]
    crossing = watch(staff, picture(), 1.8, at(300), at(310, name=2))
    assert crossing == []
    told = [watch(staff, picture(), 2 + n / 5, at(480), at(150, name=2)) for n in range(8)]
    assert told[0] == []
    assert told[-1] == [2]


def test_who_shows_the_card_is_dropped_within_a_second_and_stays_so():
    staff = faces_filter(CARD)
    assert watch(staff, picture(), 0.0, at(300)) == [1]
    held = picture(OBJECTION_TAGS[0], (420, 300))
    dropped = next(n / 5 for n in range(1, 10) if watch(staff, held, n / 5, at(300)) == [])
    assert dropped <= 0.8
    assert not any(watch(staff, picture(), 2 + n / 5, at(300)) for n in range(20))


def test_a_face_lost_behind_its_card_is_still_left_alone_when_it_comes_back():
    staff = faces_filter(CARD)
    watch(staff, picture(), 0.0, at(300))
    watch(staff, picture(OBJECTION_TAGS[0], (300, 120)), 0.5)
    assert watch(staff, picture(), 1.2, at(310, name=2)) == []
    assert watch(staff, picture(), 1.2, at(310, name=2), at(560, name=3)) == [3]


def test_who_steps_into_the_objection_zone_is_dropped_at_once():
    mat = ((200.0, 200.0), (400.0, 200.0), (400.0, 480.0), (200.0, 480.0))
    staff = StaffFilter((), SIZE, objection=[mat])
    assert [t.id for t in staff.shoppers(frame(), [track(1, AISLE)])] == [1]
    stepped = track(1, (250.0, 40.0, 320.0, 300.0))
    assert staff.shoppers(frame(0.2), [stepped]) == []
    assert staff.fate(1) is Fate.DROP
    assert staff.shoppers(frame(0.4), [track(1, AISLE)]) == []


def test_a_jump_to_a_new_number_while_the_old_one_coasts_is_no_way_back_to_being_read():
    staff = faces_filter(CARD)
    watch(staff, picture(OBJECTION_TAGS[0], (420, 300)), 0.0, at(300))
    old, new = at(300)[0], at(350, name=2)
    coasting = [replace(old, detection=None), replace(new[0], detection=0)]
    seen = Detections(faces=(new[1],), ran=frozenset({"faces"}))
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    assert staff.shoppers(Frame("c", moment, 0.2, picture()), coasting, seen) == []

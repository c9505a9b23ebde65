"""A rig joins the cameras that share fixtures and runs only what a frame needs."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from small_shelf import BOTTOM, PLACES, SIZE, box, reach_in, shelf

from aeras.domain.kept import Kind
from aeras.domain.seen import Detections, Expression, Face, Frame, Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Shop
from aeras.wiring.rig import Rig, RigOptions, groups

AISLE = CameraSpec("aisle", "none", CameraRole.AISLE, SIZE)
FACES = CameraSpec("faces", "none", CameraRole.SHELF, SIZE)
OTHER = CameraSpec("other", "none", CameraRole.AISLE, SIZE)
FACING = Facing("b", "tea", box(PLACES["b"] - 20, 90, PLACES["b"] + 20, BOTTOM))
SHOP = Shop(
    "s",
    "Shop",
    "UTC",
    (),
    (AISLE, FACES, OTHER),
    (
        Fixture("shelf", "Shelf", "aisle", box(30, 60, 290, 200), (FACING,), "faces"),
        Fixture("far", "Far", "other", box(30, 60, 290, 200)),
    ),
)
AT = datetime(2026, 1, 5, tzinfo=UTC)


class Models:
    """Sees a drawn-down mouth in every frame of the face camera; remembers what was run."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, frozenset[str]]] = []

    def detect(self, frame: Frame, tasks: frozenset[str], **regions: object) -> Detections:
        self.ran.append((frame.camera, tasks))
        self.face_regions = regions["face_regions"]
        if "faces" not in tasks:
            return Detections(ran=tasks)
        unhappy = min(0.9, max(0.0, (frame.t_s - 4) / 2))
        vector = np.array([1 - unhappy, 0, 0, 0, 0, unhappy, 0, 0], dtype=np.float32)
        face = Face(
            (100, 60, 200, 190), 0.9, np.zeros((5, 2), np.float32), expression=Expression(vector)
        )
        return Detections((face,), ran=tasks)


def _play(rig: Rig, *, faces: bool = True) -> list[Interaction]:
    found: list[Interaction] = []
    for number in range(60):
        t_s = number / 5
        arm = reach_in(t_s, 160, 3, 5) or reach_in(t_s, 160, 6, 8)
        picture = shelf(["b"] if 4 <= t_s < 7 else [], arm=arm)
        found += rig.update(Frame("aisle", AT, t_s, picture))[1]
        if faces:
            noisy = np.full((SIZE[1], SIZE[0], 3), number * 4, np.uint8)
            found += rig.update(Frame("faces", AT, t_s + 0.05, noisy))[1]
    return [*found, *rig.finish()]


def test_cameras_that_share_a_fixture_form_one_rig() -> None:
    assert groups(SHOP) == [(AISLE, FACES), (OTHER,)]


def test_a_put_back_is_joined_with_the_face_at_its_fixture() -> None:
    put_back = next(
        one for one in _play(Rig(SHOP, (AISLE, FACES), Models())) if one.kind is Kind.PUT_BACK
    )
    alone = next(
        one
        for one in _play(Rig(SHOP, (AISLE,), Models()), faces=False)
        if one.kind is Kind.PUT_BACK
    )
    assert put_back.reaction.coverage > 0.9
    assert alone.reaction.coverage == 0
    assert put_back.reaction.rejected > alone.reaction.rejected > 0.5
    assert "unhappy_face" in put_back.reaction.reasons


def test_without_faces_none_is_sought_and_coverage_is_nought() -> None:
    models = Models()
    found = _play(Rig(SHOP, (AISLE, FACES), models, RigOptions(faces=False)))
    assert all("faces" not in tasks for _, tasks in models.ran)
    assert {one.reaction.coverage for one in found} == {0.0}


def test_models_rest_while_nothing_moves() -> None:
    models = Models()
    rig = Rig(SHOP, (AISLE,), models)
    for number in range(50):
        rig.update(Frame("aisle", AT, number / 5, shelf(seed=0)))
    assert len(models.ran) <= 12  # once a second, in case somebody stands quite still


def test_a_frame_of_another_camera_is_refused() -> None:
    with pytest.raises(KeyError):
        Rig(SHOP, (AISLE,), Models()).update(Frame("other", AT, 0.0, shelf()))


def test_faces_are_looked_for_in_the_zones_of_their_camera() -> None:
    def regions(fixture: Fixture) -> object:
        models = Models()
        shop = Shop("s", "Shop", "UTC", (), (AISLE, FACES), (fixture,))
        blank = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
        Rig(shop, (AISLE, FACES), models).update(Frame("faces", AT, 0.0, blank))
        return models.face_regions

    zone = box(100, 60, 200, 160)
    assert regions(Fixture("f", "F", "faces", zone, face_camera="faces")) == [(90, 50, 210, 170)]
    assert regions(Fixture("f", "F", "aisle", zone, face_camera="faces")) == []

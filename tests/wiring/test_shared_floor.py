"""Two shoppers side by side: whose hand it was and whose face, by where they stand."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aeras.domain.kept import FirstOf, Kind, Reaction
from aeras.domain.seen import Detections, Expression, Face, Frame, Interaction
from aeras.domain.shop import Fixture, Item, Shop
from aeras.privacy.gate import Gate
from aeras.wiring.rig import Rig

sys.path.insert(0, str(Path(__file__).parent.parent / "shelf"))
from test_whereabouts import AISLE, SHELF, SIZE, body, face

AT = datetime(2026, 1, 5, tzinfo=UTC)
PEOPLE = ((-0.45, 0.68), (0.55, 0.75))
SHOP = Shop(
    "s", "Shop", "UTC", (Item("tea", "Tea"),), (AISLE, SHELF),
    (Fixture("left", "Left", "aisle", (), (), "shelf"),
     Fixture("right", "Right", "aisle", (), (), "shelf"),
     Fixture("own", "Own", "shelf", (), (), "shelf")),
)  # fmt: skip


def expression(unhappy: float) -> Expression:
    return Expression(np.array([1 - unhappy, 0, 0, 0, 0, unhappy, 0, 0], dtype=np.float32))


class Models:
    """Both cameras see both people; only the one on the right turns unhappy."""

    def __init__(self) -> None:
        self.rng = np.random.default_rng(0)

    def detect(self, frame: Frame, tasks: frozenset[str], **_: object) -> Detections:
        if frame.camera == "aisle":
            return Detections(people=tuple(body(*p, self.rng) for p in PEOPLE), ran=tasks)
        seen = [face(*place, self.rng) for place in PEOPLE]
        sad = min(0.95, max(0.0, (frame.t_s - 2) / 2))
        faces = tuple(
            Face(f.box, f.score, f.points, expression=expression(sad if n else 0.0))
            for n, f in enumerate(seen)
        )
        return Detections(faces, ran=tasks)


class Hand:
    """Reads one put back, by a track of its camera, when told to."""

    is_calibrated = True

    def __init__(self, fixture: Fixture, visit: int, at_s: float) -> None:
        self.fixture, self.visit, self.at_s = fixture, visit, at_s
        self.busy = False

    def stands_here(self, _: object) -> bool:
        return True

    def update(self, frame: Frame, *_: object) -> list[Interaction]:
        if frame.t_s < self.at_s:
            return []
        self.at_s = float("inf")
        return [
            Interaction(
                Kind.PUT_BACK, self.fixture.id, None, None, 4.6, 5.0, 2.0, 0.9,
                Reaction(0, 0, 0, 1), True, self.visit, AT,
            )
        ]  # fmt: skip


@pytest.fixture
def told() -> dict[str, Interaction]:
    """What the person on the left and on the right did, by fixture."""
    rig = Rig(SHOP, (AISLE, SHELF), Models())
    left, right, own = SHOP.fixtures
    rig._eyes["aisle"].readers = [Hand(left, 1, 5.0), Hand(right, 2, 5.0)]
    rig._eyes["shelf"].readers = [Hand(own, 2, 5.4)]
    found: list[Interaction] = []
    rng = np.random.default_rng(0)
    for t_s in np.arange(0, 7, 0.2):
        for camera, late in (("aisle", 0.0), ("shelf", 0.1)):
            noise = rng.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
            found += rig.update(Frame(camera, AT, float(t_s) + late, noise))[1]
    return {one.fixture: one for one in found}


def test_each_hand_gets_the_face_of_the_same_person(told: dict[str, Interaction]) -> None:
    left, right = told["left"].reaction, told["right"].reaction
    assert left.coverage > 0.9  # two faces stood there, and yet it is known which is whose
    assert right.coverage > 0.9
    assert right.rejected > left.rejected
    assert "unhappy_face" in right.reasons
    assert "unhappy_face" not in left.reasons


def test_one_person_on_two_cameras_is_one_visit(told: dict[str, Interaction]) -> None:
    assert told["right"].visit == told["own"].visit
    assert told["left"].visit != told["right"].visit
    gate = Gate(SHOP, shared_visits=True)
    firsts = [gate.admit(told[name]).first_of for name in ("left", "right", "own")]
    assert firsts == [FirstOf.SITE, FirstOf.SITE, FirstOf.FIXTURE]

"""A drawn shelf with three goods and an arm, for tests of the shelf room: (240, 320, 3) frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.kept import Kind
from aeras.domain.seen import Detections, Frame, Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture
from aeras.shelf.fixture import FixtureReader

Image = NDArray[np.uint8]

SIZE = (320, 240)
PLACES = {"a": 70, "b": 160, "c": 250}
TOP, BOTTOM, HALF = 90, 170, 20
CAMERA = CameraSpec("cam", "none", CameraRole.AISLE, SIZE)
FPS = 5.0


def box(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def fixture(*, facings: bool = True) -> Fixture:
    places = tuple(
        Facing(name, f"item-{name}", box(x - HALF, TOP, x + HALF, BOTTOM))
        for name, x in PLACES.items()
    )
    return Fixture("shelf", "Shelf", "cam", box(30, 60, 290, 200), places if facings else ())


def shelf(
    away: Iterable[str] = (),
    *,
    arm: tuple[float, float] | None = None,
    carried: bool = False,
    seed: int = 0,
) -> Image:
    """The shelf without the items in ``away``, and an arm from above whose hand is at ``arm``."""
    picture = np.full((SIZE[1], SIZE[0], 3), (150, 165, 170), dtype=np.uint8)
    picture[BOTTOM:] = (90, 110, 130)
    for name, x in PLACES.items():
        if name not in set(away):
            _item(picture, name, x, TOP)
    if arm is not None:
        x, y = int(arm[0]), int(arm[1])
        if carried:
            _item(picture, "b", x, y)
        cv2.line(picture, (x + 40, 0), (x, y), (60, 60, 150), 22)
        cv2.circle(picture, (x, y), 14, (120, 150, 215), -1)
    noise = np.random.default_rng(seed).normal(0, 1.2, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _item(picture: Image, name: str, x: int, top: int) -> None:
    colour = {"a": (60, 60, 200), "b": (60, 170, 60), "c": (190, 80, 50)}[name]
    cv2.rectangle(picture, (x - 16, top + 4), (x + 16, top + BOTTOM - TOP), colour, -1)
    cv2.rectangle(picture, (x - 10, top + 30), (x + 10, top + 55), (235, 235, 235), -1)
    cv2.putText(picture, name, (x - 6, top + 50), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 2)


def read(
    scene: Callable[[float], Image],
    seconds: float,
    *,
    reader: FixtureReader | None = None,
    finish: bool = True,
) -> list[Interaction]:
    """Plays a scene (seconds -> picture) through a reader; gives what it found, dwell apart."""
    reader = reader or FixtureReader(fixture(), CAMERA)
    at = datetime(2026, 1, 5, tzinfo=UTC)
    found: list[Interaction] = []
    for number in range(round(seconds * FPS)):
        t_s = number / FPS
        frame = Frame("cam", at, t_s, scene(t_s))
        found += reader.update(frame, Detections(), ())
    found += reader.finish() if finish else []
    return [one for one in found if one.kind is not Kind.DWELL]


def reach_in(t_s: float, x: float, from_s: float, to_s: float) -> tuple[float, float] | None:
    """Where the hand is during one movement to the top of a place and back, or None."""
    if not from_s <= t_s <= to_s:
        return None
    share = (t_s - from_s) / (to_s - from_s)
    depth = min(1.0, 2.5 * min(share, 1 - share))
    return (x, -30 + depth * (TOP + 48))

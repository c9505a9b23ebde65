"""How good a calibration is: stores whose geometry is known, marked by an unsteady hand."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon
from aeras.domain.shop import FloorMark
from aeras.lab.render.scene import (
    BOARD_HEIGHTS_M,
    COLUMN_CENTRES_M,
    FACING_HEIGHT_M,
    FACING_WIDTH_M,
    FRONT_ROW_Z_M,
    FULL_SIZE,
    Camera,
    quad,
)
from aeras.shelf.floor import fit_floor

CLICK_PX: Final = 1.5
"""How far a click misses its place (standard deviation)."""
TAPE_M: Final = 0.01
"""The same for a place that is measured in the shop."""
HAND_M: Final = 0.04
"""How far a hand that is found lies from the middle of what it reaches for."""
MARKS: Final = 6
FARTHEST_M: Final = 6.0
REACHES: Final = 24

Floats = NDArray[np.float64]


def measure(stores: int, *, seed: int) -> dict[str, Any]:
    """Calibrates random ceiling cameras from marks made by hand, and compares with the truth.

    Args:
        stores: How many cameras.
        seed: Of everything random.

    Returns:
        Errors on the floor within six metres of the camera (mean over the stores, and the 95th
        percentile of their means), the errors the page shows for the same (left-one-out), the
        camera's place, and the share of reaches whose hand lies nearest to the right facing.
    """
    rng = np.random.default_rng(seed)
    errors: list[float] = []
    shown, places, right = [], [], []
    refused = 0
    while len(errors) < stores and refused < stores:
        camera = _camera(rng)
        try:
            floor = fit_floor(_marks(camera, rng), FULL_SIZE)
        except InputError:  # marks by chance on a line, which the page would ask to make anew
            refused += 1
            continue
        truth = _floor_points(camera, 200, rng)
        apart = floor.on_floor(camera.project(truth)[0]) - truth[:, [0, 2]]
        errors.append(float(np.nanmean(np.hypot(*apart.T))))
        shown.append(floor.errors.mean_m)
        x, height, z = camera.position
        places.append(float(np.linalg.norm(np.subtract(floor.place, (x, z, height)))))
        right += _reaches(camera, rng)
    return {
        "stores": len(errors),
        "refused": refused,
        "marks": MARKS,
        "click_px": CLICK_PX,
        "mean_error_m": round(float(np.mean(errors)), 4),
        "p95_error_m": round(float(np.percentile(errors, 95)), 4),
        "shown_error_m": round(float(np.mean(shown)), 4),
        "camera_place_m": round(float(np.median(places)), 4),
        "reaches": len(right),
        "right_facing": round(float(np.mean(right)), 4),
    }


def _camera(rng: np.random.Generator) -> Camera:
    """One that hangs 2.2 to 3.5 m high and looks at the shelf at the world's origin."""
    position = (rng.uniform(-1.6, 1.6), rng.uniform(2.2, 3.5), rng.uniform(2.2, 3.6))
    target = (rng.uniform(-0.3, 0.3), rng.uniform(0.6, 0.9), rng.uniform(-0.1, 0.3))
    return Camera(position, target, rng.uniform(0.5, 0.9))


def _floor_points(camera: Camera, count: int, rng: np.random.Generator) -> Floats:
    """Places (N, 3) on the floor that the camera sees, none behind the shelf."""
    x, _, z = camera.position
    places = np.column_stack(
        [rng.uniform(x - 5, x + 5, 20_000), np.zeros(20_000), rng.uniform(0.0, z, 20_000)]
    )
    pixels, depth = camera.project(places)
    inside = (pixels > 0).all(axis=1) & (pixels < np.array(FULL_SIZE)).all(axis=1) & (depth > 0.5)  # noqa: PLR2004
    near = np.hypot(places[:, 0] - x, places[:, 2] - z) < FARTHEST_M
    return places[inside & near][:count]


def _marks(camera: Camera, rng: np.random.Generator) -> list[FloorMark]:
    """Marks that spread: each next one is far from those before, as a person is told to choose."""
    places = _floor_points(camera, 60, rng)
    chosen = [int(rng.integers(len(places)))]
    while len(chosen) < MARKS:
        gaps = np.linalg.norm(places[:, None] - places[chosen][None], axis=2).min(axis=1)
        chosen.append(int(gaps.argmax()))
    pixels = camera.project(places[chosen])[0] + rng.normal(0, CLICK_PX, (MARKS, 2))
    pixels = np.clip(pixels, 0, FULL_SIZE)
    measured = places[chosen][:, [0, 2]] + rng.normal(0, TAPE_M, (MARKS, 2))
    return [
        FloorMark((float(u), float(v)), (float(x), float(y)))
        for (u, v), (x, y) in zip(pixels, measured, strict=True)
    ]


def _reaches(camera: Camera, rng: np.random.Generator) -> list[bool]:
    """Whether hands lie nearest to the facing they reach for, all facings drawn by hand."""
    bases = [(x, y, FRONT_ROW_Z_M) for y in BOARD_HEIGHTS_M for x in COLUMN_CENTRES_M]
    drawn = [_drawn(camera, base, rng) for base in bases]
    centres = np.array([np.mean(polygon, axis=0) for polygon in drawn])
    right = []
    for _ in range(REACHES):
        goal = int(rng.integers(len(bases)))
        x, y, z = bases[goal]
        middle = (x, y + FACING_HEIGHT_M / 2, z)
        hand = camera.project([np.array(middle) + rng.normal(0, HAND_M, 3)])[0][0]
        right.append(int(np.hypot(*(centres - hand).T).argmin()) == goal)
    return right


def _drawn(camera: Camera, base: tuple[float, float, float], rng: np.random.Generator) -> Polygon:
    corners = camera.project(quad(*base, FACING_WIDTH_M, FACING_HEIGHT_M))[0]
    return tuple(map(tuple, corners + rng.normal(0, CLICK_PX, corners.shape)))

"""What ties the demo's two pictures to its map: marks as somebody with a tape would have made them.

The renderer's world has its origin on the floor below the middle of the live fixture's front edge.
On the map, which is seen from above, its x runs to the right and its z (into the aisle) downwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aeras.lab.demo_goods import DEMO_MAP_M, LIVE_FIXTURE_M
from aeras.lab.render.scene import (
    AISLE_CAMERA,
    BOARD_HEIGHTS_M,
    FIXTURE_DEPTH_M,
    FIXTURE_HALF_WIDTH_M,
    SHELF_CAMERA,
    Camera,
    Point,
)

ORIGIN_M: Final = ((LIVE_FIXTURE_M[0] + LIVE_FIXTURE_M[2]) / 2, LIVE_FIXTURE_M[3])
BOARD_ENDS: Final[tuple[Point, ...]] = tuple(
    (x, y, z)
    for y in BOARD_HEIGHTS_M
    for z in (0.0, -FIXTURE_DEPTH_M)
    for x in (-FIXTURE_HALF_WIDTH_M + 0.02, FIXTURE_HALF_WIDTH_M - 0.02)
)
"""The aisle camera sees no floor: the four corners of each board."""
TILES_AND_LAMPS: Final[tuple[Point, ...]] = (
    *((x, 0.0, z) for z in (2.2, 3.4) for x in (-1.6, 1.6)),
    *((x, 2.9, 3.0) for x in (-2.45, -0.65, 1.15, 1.65)),
)
"""The shelf camera sees the floor beyond the shoppers, and the near ends of the lamps."""


def on_map(place: Point) -> tuple[float, float]:
    """Where a place of the rendered world is on the map, metres."""
    return round(ORIGIN_M[0] + place[0], 3), round(ORIGIN_M[1] + place[2], 3)


def floor_plan() -> str:
    """The shop's walls, tiles, door and till as SVG, in metres."""
    width, height = DEMO_MAP_M
    tiles = " ".join(
        [f"M{x} 0V{height:g}" for x in range(1, int(width))]
        + [f"M0 {y}H{width:g}" for y in range(1, int(height))]
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" fill="none" '
        'stroke="#333">'
        f'<path d="{tiles}" stroke="#bbb" stroke-width="0.02"/>'
        f'<path d="M1.6 {height - 0.06:g}H0.06V0.06H{width - 0.06:g}V{height - 0.06:g}H3.4" '
        'stroke-width="0.12"/>'
        f'<path d="M1.6 {height - 0.06:g}v-1.2a1.2 1.2 0 0 1 1.2 1.2" stroke-width="0.04"/>'
        '<rect x="9.4" y="6.5" width="1.1" height="1" stroke-width="0.05"/>'
        "</svg>"
    )


def floor_section(camera: Camera, places: Sequence[Point]) -> dict[str, Any]:
    """The ``floor`` of a camera in the site file: each place with the pixel that shows it."""
    pixels = camera.project(places)[0]
    points = []
    for place, (x, y) in zip(places, pixels, strict=True):
        mark = [round(float(x), 1), round(float(y), 1), *on_map(place)]
        points.append([*mark, place[1]] if place[1] else mark)
    return {"size": list(camera.size), "points": points}


def aisle_floor() -> dict[str, Any]:
    """The aisle camera's ``floor``."""
    return floor_section(AISLE_CAMERA, BOARD_ENDS)


def shelf_camera_place() -> list[float]:
    """Where the shelf camera stands in the aisle camera's picture, pixels."""
    x, y = AISLE_CAMERA.project([SHELF_CAMERA.position])[0][0]
    return [round(float(x), 1), round(float(y), 1)]


def shelf_floor() -> dict[str, Any]:
    """The shelf camera's ``floor``."""
    return floor_section(SHELF_CAMERA, TILES_AND_LAMPS)

"""Heads seen from any side, for the aisle camera: ellipsoids with a face and hair on them."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render.actors import Actor, Face, HairStyle, actor
from aeras.lab.render.canvas import FloatImage, Image, floats

PX_PER_M: Final = 640
CANVAS_M: Final = (0.36, 0.46)
CENTRE_M: Final = (0.18, 0.17)
"""Middle of the head in the sprite, from its left and top."""
YAW_STEP_DEG: Final = 10
FACE_PX_PER_M: Final = 1330.0
"""Scale of the composites: their faces are about 190 px wide, a head 0.143 m."""
EYES_AT_M: Final = 0.005
Ellipsoid = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Centre and half axes in head coordinates (left of the image, up, out of the face), metres."""
SKULL: Final[tuple[Ellipsoid, ...]] = (
    ((0, 0.015, -0.015), (0.074, 0.105, 0.092)),
    ((0, -0.045, 0.028), (0.058, 0.078, 0.062)),
    ((0, -0.028, 0.092), (0.013, 0.024, 0.020)),
    ((0.075, -0.012, -0.008), (0.011, 0.031, 0.020)),
    ((-0.075, -0.012, -0.008), (0.011, 0.031, 0.020)),
    ((0, -0.088, -0.018), (0.05, 0.072, 0.05)),
)
CAP: Final[Ellipsoid] = ((0, 0.026, -0.02), (0.083, 0.108, 0.1))
HAIR: Final[dict[HairStyle, tuple[Ellipsoid, ...]]] = {
    "crop": (((0, 0.022, -0.018), (0.077, 0.104, 0.095)),),
    "short": (CAP,),
    "parted": (((0, 0.032, -0.016), (0.085, 0.108, 0.102)),),
    "bob": (CAP, ((0, -0.045, -0.038), (0.092, 0.098, 0.08))),
    "long": (CAP, ((0, -0.05, -0.04), (0.09, 0.1, 0.078)),
             ((0, -0.14, -0.055), (0.092, 0.12, 0.055))),
    "bun": (CAP, ((0, 0.055, -0.122), (0.042, 0.04, 0.036))),
}  # fmt: skip


def _hit(
    rays: tuple[FloatImage, FloatImage], shape: Ellipsoid, turn: npt.NDArray[np.float64]
) -> FloatImage:
    """Return the depth at which parallel rays meet an ellipsoid, -1 where they miss, metres."""
    centre = turn @ np.array(shape[0])
    # The ellipsoid's quadric in the turned frame: x' A x = 1 with A = R diag(1/a^2) R'.
    quadric = turn @ np.diag(1 / np.square(shape[1])) @ turn.T
    x, y = rays[0] - centre[0], rays[1] - centre[1]
    a = quadric[2, 2]
    b = 2 * (quadric[0, 2] * x + quadric[1, 2] * y)
    c = quadric[0, 0] * x * x + 2 * quadric[0, 1] * x * y + quadric[1, 1] * y * y - 1
    root = b * b - 4 * a * c
    depth = (-b + np.sqrt(np.maximum(root, 0))) / (2 * a) + centre[2]
    return np.where(root > 0, depth, -1.0).astype(np.float32)


def _skin_colours(
    face: Face, local: tuple[FloatImage, ...], skin: tuple[float, float, float]
) -> FloatImage:
    """Return the face's picture laid on the head's front, plain skin elsewhere."""
    x, y, z = local
    eyes = face.points[[33, 263]].mean(axis=0)
    map_x = (eyes[0] + x * FACE_PX_PER_M).astype(np.float32)
    map_y = (eyes[1] - (y - EYES_AT_M) * FACE_PX_PER_M).astype(np.float32)
    picture = cv2.remap(face.image, map_x, map_y, cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    inside = ((x / 0.066) ** 2 + ((y + 0.02) / 0.092) ** 2) < 1
    share = cv2.GaussianBlur((inside & (z > 0.01)).astype(np.float32), (0, 0), 4)[:, :, None]
    mixed: FloatImage = picture.astype(np.float32) * share + np.array(skin, dtype=np.float32) * (
        1 - share
    )
    return mixed


def _hair_shows(
    style: HairStyle, part: int, local: tuple[FloatImage, ...]
) -> npt.NDArray[np.bool_]:
    """Return where a hair ellipsoid is hair: behind the hairline, above the nape, off the face."""
    x, y, z = local
    if part > 0:
        bun = style == "bun"
        shows: npt.NDArray[np.bool_] = (z < 0.3) if bun else (z < 0.035 - 0.25 * np.abs(x))
        return shows
    nape = -0.075 if style in ("crop", "short", "parted") else -0.2
    fringe = 0.068 + 0.012 * np.sin(x * 40 + (2.0 if style == "parted" else 0.0))
    behind = z < -0.012 + 0.02 * (y > 0.0)
    off_face = (y > -0.02) | (z < -0.02)
    covered: npt.NDArray[np.bool_] = ((y > fringe) | (behind & (y > nape))) & off_face
    return covered


@cache
def head(number: int, yaw_deg: int, above_deg: int = 0) -> Image:
    """Return an actor's head turned against the camera, as a sprite at `PX_PER_M`.

    Args:
        number: The actor's number.
        yaw_deg: 0 looks into the camera, 90 to the image's right, 180 away from it.
        above_deg: How far above the head's own horizon the camera is.
    """
    who = actor(number)
    width, height = (round(m * PX_PER_M) for m in CANVAS_M)
    across = (np.arange(width, dtype=np.float32) / PX_PER_M - CENTRE_M[0])[None]
    upward = (CENTRE_M[1] - np.arange(height, dtype=np.float32) / PX_PER_M)[:, None]
    size = (height, width)
    rays = floats(np.broadcast_to(across, size)), floats(np.broadcast_to(upward, size))
    angle = np.deg2rad(yaw_deg)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    over = np.deg2rad(above_deg)
    nod = np.array([[1, 0, 0], [0, np.cos(over), -np.sin(over)], [0, np.sin(over), np.cos(over)]])
    turn = nod @ turn
    depth = np.full((height, width), -1.0, dtype=np.float32)
    is_hair = np.zeros((height, width), dtype=bool)
    for shape in SKULL:
        depth = np.maximum(depth, _hit(rays, shape, turn))
    local = _local(rays, depth, turn)
    base = _skin_colours(who.neutral, local, who.skin)
    for part, shape in enumerate(HAIR[who.style]):
        found = _hit(rays, shape, turn)
        shows = (found > depth) & _hair_shows(who.style, part, _local(rays, found, turn))
        depth = np.where(shows, found, depth)
        is_hair |= shows
    return _lit_head(who, depth, is_hair, base, _local(rays, depth, turn))


def _local(
    rays: tuple[FloatImage, FloatImage], depth: FloatImage, turn: npt.NDArray[np.float64]
) -> tuple[FloatImage, ...]:
    points = np.stack([rays[0], rays[1], depth], axis=-1) @ turn.astype(np.float32)
    return points[..., 0], points[..., 1], points[..., 2]


def _lit_head(
    who: Actor,
    depth: FloatImage,
    is_hair: npt.NDArray[np.bool_],
    base: FloatImage,
    local: tuple[FloatImage, ...],
) -> Image:
    solid = depth > -0.5
    surface = np.where(solid, depth, depth[solid].min()) * PX_PER_M
    surface = cv2.GaussianBlur(surface, (0, 0), 1.6)
    slope_x = np.clip(cv2.Sobel(surface, cv2.CV_32F, 1, 0, scale=0.125), -2, 2)
    slope_y = np.clip(cv2.Sobel(surface, cv2.CV_32F, 0, 1, scale=0.125), -2, 2)
    norm = 1 / np.sqrt(slope_x**2 + slope_y**2 + 1)
    light = 0.58 + 0.55 * np.maximum((0.6 + 0.28 * slope_x + 0.72 * slope_y) * norm, 0)
    angle = np.arctan2(local[0], -local[2])
    rng = np.random.default_rng(len(who.name))
    waves = np.zeros_like(angle)
    for per_turn in (23, 41, 67, 90):
        waves += np.sin(angle * per_turn + rng.uniform(0, 6) + local[1] * rng.uniform(-30, 30)) / 3
    gloss = np.exp(-(((local[1] - 0.075) / 0.028) ** 2)) * (0.5 + 0.3 * waves)
    hair = (
        np.array(who.hair, dtype=np.float32) * (0.8 + 0.2 * waves)[..., None]
        + 46 * gloss[..., None]
    )
    colours = (
        np.where(
            cv2.GaussianBlur(is_hair.astype(np.float32), (3, 3), 0)[..., None] > 0.5, hair, base
        )
        * light[..., None]
    )
    alpha = cv2.GaussianBlur(solid.astype(np.float32), (3, 3), 0)[..., None]
    return np.dstack([np.clip(colours, 0, 255) * alpha, alpha * 255]).astype(np.uint8)

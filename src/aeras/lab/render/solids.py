"""Goods as bodies: a pack's front wrapped round a box or a turned shape, seen from any side."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render import canvas
from aeras.lab.render.canvas import Image, colour, mixed
from aeras.lab.render.goods import PX_PER_M, Ware, front
from aeras.lab.render.scene import Camera

Vector = npt.NDArray[np.float64]
STEP_DEG: Final = 5
SIDE_GAIN: Final = 0.72
LID_GAIN: Final = 1.06
MARGIN_PX: Final = 2


@dataclass(frozen=True, slots=True)
class Pose6:
    """Where an item is: its middle (m) and how it is turned.

    Attributes:
        at: Middle of the item, world metres.
        turn_deg: About the upright axis; 0 shows the front to positive z.
        tip_deg: Backwards about its width: -90 lies on its back.
        roll_deg: Sideways about its depth: 90 lies on its side.
    """

    at: tuple[float, float, float]
    turn_deg: float = 0.0
    tip_deg: float = 0.0
    roll_deg: float = 0.0

    def axes(self) -> Vector:
        """Return the item's width, height and depth directions as columns."""
        turn, tip, roll = np.deg2rad((self.turn_deg, self.tip_deg, self.roll_deg))
        about_y = np.array(
            [[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]]
        )
        about_x = np.array(
            [[1, 0, 0], [0, np.cos(tip), -np.sin(tip)], [0, np.sin(tip), np.cos(tip)]]
        )
        about_z = np.array(
            [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        )
        return np.asarray(about_y @ about_x @ about_z, dtype=np.float64)

    def towards(self, other: Pose6, share: float) -> Pose6:
        """Return the pose a share of the way to another one."""
        mine = (*self.at, self.turn_deg, self.tip_deg, self.roll_deg)
        goal = (*other.at, other.turn_deg, other.tip_deg, other.roll_deg)
        x, y, z, *turns = (a + (b - a) * share for a, b in zip(mine, goal, strict=True))
        return Pose6((x, y, z), *turns)


def draw_solid(image: Image, camera: Camera, ware: Ware, pose: Pose6, gain: float = 1.0) -> None:
    """Draw an item into a frame, in place."""
    axes = pose.axes()
    middle = np.array(pose.at)
    view = axes.T @ (np.array(camera.position) - middle)
    view /= max(float(np.linalg.norm(view)), 1e-6)
    turned = np.rad2deg(np.arctan2(-view[0], view[2]))
    above = np.rad2deg(np.arcsin(np.clip(view[1], -1, 1)))
    key = round(float(turned) / STEP_DEG) * STEP_DEG, round(float(above) / STEP_DEG) * STEP_DEG
    x, y, scale = camera.pixel(middle)
    # The sprite's horizontal lies across the view whatever the view; it tells the roll.
    across = axes @ np.array([np.cos(np.deg2rad(turned)), 0.0, np.sin(np.deg2rad(turned))])
    aside_x, aside_y, _ = camera.pixel(middle + across * 0.02)
    roll = float(np.rad2deg(np.arctan2(aside_y - y, aside_x - x)))
    # Half octaves: fine enough not to alias, coarse enough to be drawn once.
    level = min(2 ** (np.ceil(np.log2(max(scale, 60.0)) * 2) / 2), PX_PER_M)
    picture = solid(ware, *key, int(level), round(gain, 1))
    anchor = picture.shape[1] / 2, picture.shape[0] / 2
    canvas.warp(image, picture, canvas.placed((x, y), anchor, scale / int(level), roll))


@lru_cache(maxsize=4096)
def solid(ware: Ware, turned_deg: int, above_deg: int, px_per_m: int, gain: float) -> Image:
    """Return an item seen from afar as a premultiplied sprite, its middle in the middle.

    Args:
        ware: The item.
        turned_deg: Which side is seen: 0 the front, 90 its left side.
        above_deg: How far from above, -90 to 90.
        px_per_m: Resolution.
        gain: Brightness.
    """
    texture = canvas.scaled(front(ware), px_per_m / PX_PER_M)
    turn, above = np.deg2rad(turned_deg), np.deg2rad(above_deg)
    side = 2 * (int(np.linalg.norm(ware.size_m) / 2 * px_per_m) + MARGIN_PX)
    picture = np.zeros((side, side, 4), dtype=np.uint8)
    # Item axes -> right, down, towards the camera.
    basis = np.array(
        [
            [np.cos(turn), 0, np.sin(turn)],
            [-np.sin(turn) * np.sin(above), -np.cos(above), np.cos(turn) * np.sin(above)],
            [-np.sin(turn) * np.cos(above), np.sin(above), np.cos(turn) * np.cos(above)],
        ]
    )
    (_box if ware.kind in ("carton", "gable") else _turned)(picture, texture, ware, basis, px_per_m)
    return canvas.dimmed(picture, gain) if gain != 1 else picture


def _box(picture: Image, texture: Image, ware: Ware, basis: Vector, px_per_m: int) -> None:
    half = np.array(ware.size_m) / 2
    x, y, z = np.diag(half)
    design = ware.design
    paints = [mixed(colour(c), (0, 0, 0), 1 - SIDE_GAIN) for c in (design.foot, design.accent)]
    lid = mixed(colour(design.top), (255, 255, 255), LID_GAIN - 1)
    faces: list[tuple[Vector, list[Vector], Image | None]] = [
        (z, [z - x + y, z + x + y, z + x - y, z - x - y], texture),
        (-z, [-z + x + y, -z - x + y, -z - x - y, -z + x - y], texture),
        (x, [x + z + y, x - z + y, x - z - y, x + z - y], None),
        (-x, [-x - z + y, -x + z + y, -x + z - y, -x - z - y], None),
        (y, [y - z - x, y - z + x, y + z + x, y + z - x], None),
        (-y, [-y + z - x, -y + z + x, -y - z + x, -y - z - x], None),
    ]
    for normal, corners, printed in faces:
        if float(basis[2] @ normal) <= 1e-6:
            continue
        pixels = (np.array(corners) @ basis[:2].T) * px_per_m + picture.shape[0] / 2
        if printed is None:
            flat = abs(normal[1]) > 0
            bare = _plain(lid if flat else paints[0], paints[1], banded=not flat)
            _lay_over(picture, bare, pixels)
        else:
            _lay_over(picture, printed, pixels)


def _plain(paint: canvas.Colour, band: canvas.Colour, *, banded: bool) -> Image:
    face = np.full((32, 32, 4), 255, dtype=np.uint8)
    face[:, :, :3] = paint
    if banded:
        face[27:, :, :3] = band
        face[9:12, 6:26, :3] = mixed(paint, (255, 255, 255), 0.5)
        face[15:22, 8:24, :3] = mixed(paint, (255, 255, 255), 0.3)
    return face


def _lay_over(picture: Image, texture: Image, corners: Vector) -> None:
    size = picture.shape[1], picture.shape[0]
    matrix = canvas.to_quad(texture, corners)
    seen = cv2.warpPerspective(texture, matrix, size, flags=cv2.INTER_AREA)
    keep = (255 - seen[:, :, 3:].astype(np.uint16)) / 255
    picture[:] = (picture * keep + seen).astype(np.uint8)


def _turned(picture: Image, texture: Image, ware: Ware, basis: Vector, px_per_m: int) -> None:
    """Scatter the surface's points, far slices first; twice as dense as the pixels."""
    rows, columns = texture.shape[:2]
    alpha = texture[:, :, 3]
    wide = (alpha > 127).sum(axis=1) / columns
    flat = ware.size_m[2] / ware.size_m[0]
    angles = np.linspace(0, 2 * np.pi, max(int(columns * 6.5), 24), endpoint=False)
    v = np.linspace(0, rows - 1, rows * 2)
    half = ware.size_m[0] / 2 * wide[v.astype(int)]
    height = (0.5 - v / max(rows - 1, 1)) * ware.size_m[1]
    if ware.kind == "bag":
        # A bag is flat at both seams and full in the middle.
        flat_at = flat * np.sqrt(np.clip(1 - (2 * v / rows - 1) ** 4, 0.02, 1))
    else:
        flat_at = np.full_like(v, flat)
    normal_x, normal_z = np.sin(angles), np.cos(angles) / max(flat, 0.2)
    slope = np.gradient(half, v + 1e-9) * px_per_m
    across = basis[2, 0] * normal_x[None] + basis[2, 2] * normal_z[None]
    faces = across + basis[2, 1] * np.clip(slope, -3, 3)[:, None] > -0.02
    u = np.clip((0.5 + 0.5 * np.sin(angles)[None] * wide[v.astype(int)][:, None]), 0, 1)
    points = np.stack(
        [
            half[:, None] * np.sin(angles)[None],
            np.broadcast_to(height[:, None], (len(v), len(angles))),
            (half * flat_at)[:, None] * np.cos(angles)[None],
        ],
        axis=-1,
    )
    order = slice(None, None, -1) if basis[2, 1] >= 0 else slice(None)
    points, faces, u, v = points[order], faces[order], u[order], v[order]
    middle = picture.shape[0] / 2
    flat_px = (points @ basis[:2].T) * px_per_m + middle
    xs, ys = np.floor(flat_px[..., 0]).astype(int), np.floor(flat_px[..., 1]).astype(int)
    within = (xs >= 0) & (ys >= 0) & (xs < picture.shape[1]) & (ys < picture.shape[0])
    columns_at = np.clip((u * columns).astype(int), 0, columns - 1)
    rows_at = np.broadcast_to(v.astype(int)[:, None], columns_at.shape)
    body = _opaque(texture)
    # A bag's seam is thin: what faces away closes the gap, before what is seen covers it.
    for shown in (within, within & faces) if ware.kind == "bag" else (within & faces,):
        picture[ys[shown], xs[shown]] = body[rows_at[shown], columns_at[shown]]
    _lid(picture, ware, basis, px_per_m, float(wide[: max(rows // 20, 1)].max()))
    soft = cv2.GaussianBlur(picture, (3, 3), 0.6)
    picture[:] = soft


def _opaque(texture: Image) -> Image:
    """Return a front whose rim has no dark or empty pixels: the nearest full ones fill it."""
    alpha = np.maximum(texture[:, :, 3:].astype(np.float32), 1)
    full = np.clip(texture[:, :, :3] * 255.0 / alpha, 0, 255).astype(np.uint8)
    columns = np.arange(texture.shape[1])
    solid_at = texture[:, :, 3] > 200
    first = np.where(solid_at.any(axis=1), solid_at.argmax(axis=1), 0)
    last = np.where(
        solid_at.any(axis=1), texture.shape[1] - 1 - solid_at[:, ::-1].argmax(axis=1), 0
    )
    taken = np.clip(columns[None], first[:, None], last[:, None])
    filled = np.take_along_axis(full, taken[..., None], axis=1)
    return np.dstack([filled, np.full(texture.shape[:2], 255, dtype=np.uint8)])


def _lid(picture: Image, ware: Ware, basis: Vector, px_per_m: int, wide: float) -> None:
    if ware.kind == "bag" or abs(basis[2, 1]) < 0.05:
        return
    up = 1.0 if basis[2, 1] > 0 else -1.0
    radius = ware.size_m[0] / 2 * (wide if up > 0 else 0.95)
    turn = np.linspace(0, 2 * np.pi, 40)
    height = np.full_like(turn, up * ware.size_m[1] / 2)
    rim = np.column_stack([radius * np.sin(turn), height, radius * np.cos(turn)])
    for shrink, light in ((1.0, 0.0), (0.86, 0.16), (0.6, 0.1)):
        outline = (rim * (shrink, 1, shrink)) @ basis[:2].T * px_per_m + picture.shape[0] / 2
        metal = (205.0, 208.0, 210.0) if ware.kind == "tin" else colour(ware.design.accent)
        paint = mixed(metal, (255, 255, 255) if up > 0 else (0, 0, 0), light)
        cv2.fillPoly(
            picture, [np.rint(outline * 16).astype(np.int32)], (*paint, 255), cv2.LINE_AA, 4
        )

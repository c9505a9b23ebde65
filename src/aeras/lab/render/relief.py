"""Bodies as height fields: tapered capsules merged in depth, then lit like a relief.

One relief holds a whole figure. Each part is a capsule between two projected joints; parts are
merged by a depth buffer, the height is softened so that neighbours flow into each other, and
its slope gives the surface normals for the light.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render.canvas import Colour, FloatImage, Image

BACKGROUND: Final = -1e4
"""Height where nothing is, px."""
KEY_LIGHT: Final = np.array([-0.28, -0.72, 0.62], dtype=np.float32)
"""Direction to the ceiling light in image axes (right, down, to the camera)."""
AMBIENT: Final = 0.52
DIFFUSE: Final = 0.62


@dataclass(frozen=True, slots=True)
class Knot:
    """One end of a capsule: x, y in px, height towards the camera in px, radius in px."""

    x: float
    y: float
    height: float
    radius: float


@dataclass(slots=True)
class Relief:
    """A height field under construction.

    Attributes:
        width: Columns, px.
        height: Rows, px.
        level: Height towards the camera, px, `BACKGROUND` where empty.
        material: Index into `paints` of what is seen at each pixel.
        paints: Base colours, BGR.
    """

    width: int
    height: int
    level: FloatImage = field(init=False)
    material: Image = field(init=False)
    paints: list[Colour] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.level = np.full((self.height, self.width), BACKGROUND, dtype=np.float32)
        self.material = np.zeros((self.height, self.width), dtype=np.uint8)

    def paint(self, value: Colour) -> int:
        """Register a colour and return its index."""
        self.paints.append(value)
        return len(self.paints) - 1

    def _window(self, a: Knot, b: Knot) -> tuple[int, int, int, int]:
        x0 = max(int(min(a.x - a.radius, b.x - b.radius)) - 1, 0)
        y0 = max(int(min(a.y - a.radius, b.y - b.radius)) - 1, 0)
        x1 = min(int(max(a.x + a.radius, b.x + b.radius)) + 2, self.width)
        y1 = min(int(max(a.y + a.radius, b.y + b.radius)) + 2, self.height)
        return x0, y0, x1, y1

    def capsule(
        self, a: Knot, b: Knot, material: int, *, flat: float = 1.0, folds: float = 0.0
    ) -> None:
        """Add a tapered capsule.

        Args:
            a: One end.
            b: Other end.
            material: Index returned by `paint`.
            flat: Thickness towards the camera relative to the radius.
            folds: Depth of the creases across the limb, px.
        """
        x0, y0, x1, y1 = self._window(a, b)
        if x0 >= x1 or y0 >= y1:
            return
        dx = np.arange(x0, x1, dtype=np.float32)[None] - np.float32(a.x)
        dy = np.arange(y0, y1, dtype=np.float32)[:, None] - np.float32(a.y)
        ax, ay = b.x - a.x, b.y - a.y
        length2 = max(ax * ax + ay * ay, 1e-6)
        share = np.clip((dx * np.float32(ax) + dy * np.float32(ay)) / np.float32(length2), 0, 1)
        radius = a.radius + (b.radius - a.radius) * share
        off2 = (dx - share * np.float32(ax)) ** 2 + (dy - share * np.float32(ay)) ** 2
        inside = radius * radius - off2
        rise = np.sqrt(np.maximum(inside, 0)) * np.float32(flat)
        top = rise + (a.height + (b.height - a.height) * share)
        if folds:
            length = float(np.sqrt(length2))
            across = (dx * np.float32(-ay) + dy * np.float32(ax)) / np.float32(length)
            wave = share * np.float32(length / max(a.radius, 1) * 2.4)
            top += np.float32(folds) * np.sin(wave + across * np.float32(0.9 / max(a.radius, 1)))
        seen = (inside > 0) & (top > self.level[y0:y1, x0:x1])
        np.copyto(self.level[y0:y1, x0:x1], top, where=seen)
        self.material[y0:y1, x0:x1][seen] = material

    def solid(self) -> npt.NDArray[np.bool_]:
        """Return where something is."""
        return self.level > BACKGROUND / 2


def merged(back: Relief, front: Relief) -> None:
    """Merge another relief of the same size into `back` by depth; paints must be shared."""
    seen = front.level > back.level
    np.copyto(back.level, front.level, where=seen)
    np.copyto(back.material, front.material, where=seen)


def soften(relief: Relief, sigma: float) -> None:
    """Round a relief's inner edges; outside it falls off, so silhouettes curve away."""
    solid = relief.solid()
    if not solid.any():
        return
    floor = float(relief.level[solid].min())
    side = max(round(sigma * 1.7) | 1, 3)
    filled = np.where(solid, relief.level, np.float32(floor))
    blurred = _box_twice(filled, side)
    weight = _box_twice(solid.astype(np.float32), side)
    eased = (blurred - floor * (1 - weight)) / np.maximum(weight, 0.3)
    np.copyto(relief.level, eased.astype(np.float32), where=solid)


def _box_twice(image: FloatImage, side: int) -> FloatImage:
    # Two box filters look like a Gaussian and cost the same for every width.
    size = (side, side)
    return cv2.blur(cv2.blur(image, size), size).astype(np.float32, copy=False)


def _continued(level: FloatImage, solid: npt.NDArray[np.bool_]) -> FloatImage:
    """Return the heights continued a little past the silhouette.

    A wall down to the background would light the outermost pixels as if they faced sideways,
    which shows as a jagged rim.
    """
    inside = solid.astype(np.float32)
    size = (5, 5)
    near = cv2.blur(level * inside, size) / np.maximum(cv2.blur(inside, size), np.float32(1e-3))
    return np.where(solid, level, near).astype(np.float32)


def lit(relief: Relief, texture: FloatImage | None = None, gain: float = 1.0) -> Image:
    """Return the relief as a premultiplied sprite.

    Args:
        relief: The height field.
        texture: Added to the height before lighting (cloth folds), same shape, px.
        gain: Exposure.
    """
    solid = relief.solid()
    if not solid.any():
        return np.zeros((relief.height, relief.width, 4), dtype=np.uint8)
    surface = _continued(relief.level, solid)
    if texture is not None:
        surface = surface + texture
    slope_x = np.clip(cv2.Sobel(surface, cv2.CV_32F, 1, 0, ksize=3, scale=0.125), -2.5, 2.5)
    slope_y = np.clip(cv2.Sobel(surface, cv2.CV_32F, 0, 1, ksize=3, scale=0.125), -2.5, 2.5)
    norm = 1 / np.sqrt(slope_x * slope_x + slope_y * slope_y + 1)
    facing = (KEY_LIGHT[2] - KEY_LIGHT[0] * slope_x - KEY_LIGHT[1] * slope_y) * norm
    light = (AMBIENT + DIFFUSE * np.maximum(facing, 0) + 0.1 * (norm - 0.6)) * gain
    # The alpha is soft, so colour and light have to reach a little beyond the silhouette.
    material = np.where(solid, relief.material, cv2.dilate(relief.material, np.ones((5, 5))))
    light = cv2.blur(light.astype(np.float32), (3, 3))
    table = np.zeros((256, 1, 3), dtype=np.uint8)
    table[: len(relief.paints), 0] = np.array(relief.paints)
    flat = cv2.blur(cv2.applyColorMap(material, table), (3, 3))
    body = cv2.multiply(flat, cv2.merge([light] * 3), dtype=cv2.CV_8U)
    alpha = cv2.blur(solid.astype(np.uint8) * 255, (3, 3))
    body = cv2.multiply(body, cv2.merge([alpha] * 3), scale=1 / 255)
    return cv2.merge([*cv2.split(body), alpha]).astype(np.uint8)

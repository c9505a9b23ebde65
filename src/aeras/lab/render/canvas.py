"""Small drawing tools: premultiplied sprites, fast blending, gradients, text, noise.

A sprite is a BGRA image, uint8, premultiplied by its alpha: such images can be warped and
scaled without dark or bright fringes.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
FloatImage = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
"""Blue, green, red; 0 to 255."""
AA_SHIFT: Final = 4
"""Fractional bits of the coordinates given to OpenCV's polygon filler."""


def pixels(values: npt.ArrayLike) -> Image:
    """Return values as an image: clipped to 0..255, uint8."""
    image: Image = np.clip(values, 0, 255).astype(np.uint8)
    return image


def floats(values: npt.ArrayLike) -> FloatImage:
    """Return values as float32."""
    return np.asarray(values, dtype=np.float32)


def colour(code: str) -> Colour:
    """Return ``#rrggbb`` as BGR."""
    red, green, blue = (int(code[i : i + 2], 16) for i in (1, 3, 5))
    return (blue, green, red)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """Return a colour between two: 0 is the first, 1 the second."""
    blue, green, red = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return (blue, green, red)


def gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image:
    """Return a vertical gradient, BGR, shape (height, width, 3)."""
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    first, last = np.array(top, dtype=np.float32), np.array(bottom, dtype=np.float32)
    column = first + (last - first) * share
    return np.repeat(column, width, axis=1).astype(np.uint8)


def fill(image: Image, points: npt.ArrayLike, value: Colour | int) -> None:
    """Fill an antialiased polygon given in fractional pixels."""
    fixed = np.rint(np.asarray(points, dtype=np.float64) * (1 << AA_SHIFT)).astype(np.int32)
    paint = (value,) if isinstance(value, int) else value
    cv2.fillPoly(image, [fixed], paint, cv2.LINE_AA, AA_SHIFT)


@cache
def _font() -> cv2.FontFace:
    return cv2.FontFace("sans")


def text_width(text: str, size: int, weight: int) -> int:
    """Return the width of a line of text, px."""
    box = cv2.getTextSize((4096, 512), text, (0, 256), _font(), size, weight)
    return int(box[2])


def write(
    image: Image,
    text: str,
    centre: tuple[float, float],
    size: int,
    paint: Colour,
    *,
    weight: int = 600,
    fit: float | None = None,
) -> None:
    """Write one centred line.

    Args:
        image: BGR image, changed in place.
        text: The line.
        centre: Middle of the line's capitals, px.
        size: Font size, px.
        paint: Ink.
        weight: 100 (thin) to 900 (black).
        fit: Widest the line may get, px; a longer one is set smaller.
    """
    if fit is not None and (width := text_width(text, size, weight)) > fit:
        size = max(int(size * fit / width), 4)
    left = centre[0] - text_width(text, size, weight) / 2
    origin = (round(left), round(centre[1] + size * 0.36))
    cv2.putText(image, text, origin, paint, _font(), size, weight)


def sprite(image: Image, mask: Image) -> Image:
    """Return a premultiplied BGRA sprite of a BGR image and its alpha (height, width)."""
    body = cv2.multiply(image, cv2.cvtColor(mask, cv2.COLOR_GRAY2BGR), scale=1 / 255)
    return np.dstack([body, mask]).astype(np.uint8)


def scaled(picture: Image, factor: float) -> Image:
    """Return a sprite resized; shrinking averages."""
    size = max(round(picture.shape[1] * factor), 1), max(round(picture.shape[0] * factor), 1)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return pixels(cv2.resize(picture, size, interpolation=how))


def dimmed(picture: Image, factor: float) -> Image:
    """Return a sprite with its colours scaled and its alpha kept."""
    gains = np.array([factor, factor, factor, 1], dtype=np.float32)
    return pixels(picture * gains)


def blend(frame: Image, picture: Image, left: int, top: int) -> None:
    """Lay a sprite over a BGR frame at whole pixels; what lies outside is cut off."""
    height, width = frame.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + picture.shape[1], width), min(top + picture.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        return
    part = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    under = frame[y0:y1, x0:x1]
    keep = cv2.cvtColor(cv2.bitwise_not(part[:, :, 3]), cv2.COLOR_GRAY2BGR)
    lit = cv2.multiply(under, keep, scale=1 / 255)
    frame[y0:y1, x0:x1] = cv2.add(lit, cv2.cvtColor(part, cv2.COLOR_BGRA2BGR))


def warp(frame: Image, picture: Image, matrix: npt.ArrayLike) -> None:
    """Lay a sprite over a frame through an affine or perspective matrix (2x3 or 3x3)."""
    full = np.asarray(matrix, dtype=np.float64)
    if full.shape == (2, 3):
        full = np.vstack([full, (0.0, 0.0, 1.0)])
    height, width = picture.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1.0]]) @ full.T
    corners = corners[:, :2] / corners[:, 2:]
    limit = np.array([frame.shape[1], frame.shape[0]])
    low = np.clip(np.floor(corners.min(axis=0)) - 1, 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, limit).astype(int)
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    if min(size) <= 0:
        return
    shift = np.array([[1.0, 0, -low[0]], [0, 1.0, -low[1]], [0, 0, 1.0]])
    seen = cv2.warpPerspective(picture, shift @ full, size, flags=cv2.INTER_LINEAR)
    blend(frame, seen.astype(np.uint8), int(low[0]), int(low[1]))


def placed(
    centre: tuple[float, float],
    anchor: tuple[float, float],
    scale: float,
    degrees: float = 0.0,
    stretch: float = 1.0,
) -> npt.NDArray[np.float64]:
    """Return the 2x3 matrix that turns and scales a sprite about its `anchor` to `centre`."""
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    turn = np.array([[cos * stretch, -sin], [sin * stretch, cos]])
    shift = np.array(centre) - turn @ np.array(anchor)
    return np.column_stack([turn, shift])


def to_quad(picture: Image, corners: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the homography that lays a picture into four pixels, clockwise from top left."""
    height, width = picture.shape[:2]
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    target = np.asarray(corners, dtype=np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, target), dtype=np.float64)


def smooth_noise(rng: np.random.Generator, height: int, width: int, grain: float) -> FloatImage:
    """Return noise of unit spread whose blotches are about `grain` px wide."""
    small = rng.standard_normal((max(int(height / grain), 2), max(int(width / grain), 2)))
    noise = cv2.resize(small.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return (noise / max(float(noise.std()), 1e-6)).astype(np.float32)


def shaded(image: Image, gain: npt.NDArray[np.float32]) -> Image:
    """Return a BGR image multiplied by a gain, shape (height, width), or with sides of 1."""
    return pixels(image * gain[:, :, None])


def soft_shadow(
    frame: Image, centre: tuple[float, float], axes: tuple[float, float], strength: float
) -> None:
    """Darken an elliptic spot that fades to its rim, in place."""
    x0, x1 = int(centre[0] - axes[0]), int(centre[0] + axes[0]) + 1
    y0, y1 = int(centre[1] - axes[1]), int(centre[1] + axes[1]) + 1
    x0, y0 = max(x0, 0), max(y0, 0)
    x1, y1 = min(x1, frame.shape[1]), min(y1, frame.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    dx = (np.arange(x0, x1, dtype=np.float32) - centre[0]) / axes[0]
    dy = (np.arange(y0, y1, dtype=np.float32) - centre[1]) / axes[1]
    fall = np.clip(1 - (dx[None] ** 2 + dy[:, None] ** 2), 0, 1) ** 1.5
    gain = ((1 - strength * fall) * 255).astype(np.uint8)
    frame[y0:y1, x0:x1] = cv2.multiply(frame[y0:y1, x0:x1], cv2.merge([gain] * 3), scale=1 / 255)

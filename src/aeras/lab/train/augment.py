"""Disturbs training faces the way a shop camera does. numpy and cv2 only, about 0.1 ms a face.

The order is that of the real world: something covers the face, the head turns, light falls on it,
the lens and the movement blur it, the sensor adds noise, the encoder compresses it.
"""

# ruff: noqa: PLR2004  # a recipe is made of numbers; each stands beside the word that explains it

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from aeras.lab.train.config import AugmentOptions
    from aeras.lab.train.data import Floats, Grey

Rng = np.random.Generator


def augment_batch(faces: Grey, options: AugmentOptions, rng: Rng, out_px: int) -> Floats:
    """Disturbs each face on its own.

    Args:
        faces: (N, S, S) uint8.
        options: how strongly.
        rng: the only source of chance.
        out_px: side of the result.

    Returns:
        (N, 1, out_px, out_px), grey levels 0..255.
    """
    out = np.empty((len(faces), 1, out_px, out_px), dtype=np.float32)
    for row, face in enumerate(faces):
        picture = _augment(face, options, rng)
        if len(picture) != out_px:
            picture = _grey(cv2.resize(picture, (out_px, out_px), interpolation=cv2.INTER_AREA))
        out[row, 0] = picture
    return out


def _augment(face: Grey, options: AugmentOptions, rng: Rng) -> Grey:
    picture = np.ascontiguousarray(face[:, ::-1] if rng.random() < 0.5 else face)
    if rng.random() < options.occlusion:
        picture = _occlude(picture, rng)
    picture = _move(picture, options, rng)
    if rng.random() < options.light:
        picture = _relight(picture, rng)
    if rng.random() < options.motion_blur:
        picture = _smear(picture, rng)
    return _record(picture, options, rng)


def _move(picture: Grey, options: AugmentOptions, rng: Rng) -> Grey:
    """Rotation, scale, aspect, shear and shift in one affine warp."""
    side = len(picture)
    draw = rng.uniform(-1, 1, 6)
    angle = math.radians(draw[0] * options.rotate_deg)
    zoom, aspect, shear = 1 + draw[1] * options.scale, 1 + 0.08 * draw[2], 0.1 * draw[3]
    cos, sin = math.cos(angle) * zoom, math.sin(angle) * zoom
    warp = np.array([[cos * aspect, shear - sin, 0], [sin, cos / aspect, 0]], dtype=np.float32)
    centre = np.full(2, (side - 1) / 2)
    warp[:, 2] = centre + draw[4:] * options.shift * side - warp[:, :2] @ centre
    moved = cv2.warpAffine(picture, warp, (side, side), borderMode=cv2.BORDER_REPLICATE)
    return _grey(moved)


def _occlude(picture: Grey, rng: Rng) -> Grey:
    """A mask, dark glasses, a hand, or something else in front of the face."""
    out, side = picture.copy(), len(picture)
    tone = int(rng.integers(0, 256))
    kind = rng.choice(4, p=[0.15, 0.15, 0.3, 0.4])
    x, y, w, h = rng.random(4)
    if kind == 0:
        top = int(side * (0.52 + 0.12 * y))
        hull = np.array([[0.12, 0.1], [0.5, -0.04], [0.88, 0.1], [0.78, 1.0], [0.22, 1.0]])
        points = hull * [side, side - top] + [0, top]
        cv2.fillConvexPoly(out, points.astype(np.int32), tone)
    elif kind == 1:
        level, dark = int(side * (0.3 + 0.1 * y)), tone // 4
        for centre in (0.3, 0.7):
            axes = (int(side * (0.13 + 0.05 * w)), int(side * (0.08 + 0.05 * h)))
            cv2.ellipse(out, (int(side * centre), level), axes, 0, 0, 360, dark, -1)
        cv2.line(out, (0, level - 1), (side, level - 1), dark, 1)
    elif kind == 2:
        edge = (int(side * x), side) if h < 0.5 else (0 if x < 0.5 else side, int(side * y))
        axes = (int(side * (0.15 + 0.15 * w)), int(side * (0.2 + 0.25 * y)))
        skin = int(np.clip(np.median(picture) + rng.normal(0, 15), 0, 255))
        cv2.ellipse(out, edge, axes, float(360 * x), 0, 360, skin, -1)
    else:
        width, height = int(side * (0.12 + 0.36 * w)), int(side * (0.12 + 0.36 * h))
        left, top = int(x * (side - 0.7 * width)), int(y * (side - 0.7 * height))
        patch = out[top : top + height, left : left + width]
        patch[:] = tone if rng.random() < 0.5 else rng.integers(0, 256, patch.shape)
    return out


def _relight(picture: Grey, rng: Rng) -> Grey:
    """Gamma for every camera's exposure; sometimes a lamp from one side; sometimes low contrast."""
    levels = np.arange(256) / 255.0
    curve = levels ** np.exp(rng.uniform(-0.6, 0.6))
    if rng.random() < 0.4:
        contrast, middle = rng.uniform(0.35, 1.0), rng.uniform(0.3, 0.7)
        curve = middle + (curve - middle) * contrast
    lit = cv2.LUT(picture, np.clip(255 * curve, 0, 255).astype(np.uint8))
    if rng.random() < 0.4:
        side = len(picture)
        ramp = np.linspace(-1, 1, side, dtype=np.float32)
        across, down = rng.uniform(-0.4, 0.4, 2).astype(np.float32)
        field = 1 + across * ramp[None, :] + down * ramp[:, None]
        lit = np.clip(lit * field, 0, 255).astype(np.uint8)
    return _grey(lit)


def _smear(picture: Grey, rng: Rng) -> Grey:
    """Motion blur: the mean along a short line."""
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), dtype=np.float32)
    angle, middle = rng.uniform(0, math.pi), (length - 1) / 2
    offset = np.array([math.cos(angle), math.sin(angle)]) * middle
    start, end = np.rint(middle - offset).astype(int), np.rint(middle + offset).astype(int)
    cv2.line(kernel, tuple(start.tolist()), tuple(end.tolist()), 1.0, 1)
    return _grey(cv2.filter2D(picture, -1, kernel / kernel.sum()))


def _record(picture: Grey, options: AugmentOptions, rng: Rng) -> Grey:
    """What lens, sensor and encoder do: fewer pixels, blur, noise, JPEG, and back to size."""
    side = len(picture)
    low = rng.random() < options.low_resolution
    if low:
        # As many faces from 10 to 20 px as from 20 to 40: each halving loses about as much.
        least, most = np.log(options.low_resolution_px)
        px = min(side, round(math.exp(rng.uniform(least, most))))
        picture = _grey(cv2.resize(picture, (px, px), interpolation=cv2.INTER_AREA))
    elif rng.random() < 0.15:
        picture = _grey(cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5)))
    if rng.random() < options.noise:
        grain = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(2, 12)
        picture = np.clip(picture + grain, 0, 255).astype(np.uint8)
    if rng.random() < (0.75 if low else options.jpeg):
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        coded = cv2.imencode(".jpg", picture, quality)[1]
        picture = _grey(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE))
    if low:
        how = cv2.INTER_LINEAR if rng.random() < 0.7 else cv2.INTER_CUBIC
        picture = _grey(cv2.resize(picture, (side, side), interpolation=how))
    return picture


def _grey(array: NDArray[Any] | None) -> Grey:
    """cv2's stubs widen the dtype of what it returns; this narrows it again."""
    return np.asarray(array, dtype=np.uint8)

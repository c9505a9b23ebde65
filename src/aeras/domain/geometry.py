"""Boxes and polygons in image pixels or map metres; plain functions on float64 arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
Polygon = tuple[Point, ...]
"""Corner points (x, y) in order, not closed; the frame of reference is the owner's."""

Box = tuple[float, float, float, float]
"""xyxy: left, top, right, bottom."""


def as_polygon(points: Sequence[Sequence[float]]) -> Polygon:
    """Freezes a list of ``[x, y]`` pairs."""
    return tuple((float(x), float(y)) for x, y in points)


def polygon_box(polygon: Polygon) -> Box:
    """The smallest upright box round a polygon, xyxy."""
    xs = [x for x, _ in polygon]
    ys = [y for _, y in polygon]
    return (min(xs), min(ys), max(xs), max(ys))


def polygon_centre(polygon: Polygon) -> Point:
    """The mean of the corners; inside for the convex shapes that facings are."""
    n = len(polygon)
    return (sum(x for x, _ in polygon) / n, sum(y for _, y in polygon) / n)


def scale_polygon(polygon: Polygon, sx: float, sy: float) -> Polygon:
    """Stretches a polygon about the origin."""
    return tuple((x * sx, y * sy) for x, y in polygon)


def iou_matrix(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy, the same frame of reference.

    Returns:
        (N, M) in [0, 1]; 0 where the union is empty.
    """
    a = np.asarray(a, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(b, dtype=np.float64).reshape(-1, 4)
    top_left = np.maximum(a[:, None, :2], b[None, :, :2])
    bottom_right = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = np.clip(bottom_right - top_left, 0, None).prod(axis=2)
    area_a = np.clip(a[:, 2:] - a[:, :2], 0, None).prod(axis=1)
    area_b = np.clip(b[:, 2:] - b[:, :2], 0, None).prod(axis=1)
    union = area_a[:, None] + area_b[None, :] - overlap
    iou: NDArray[np.float64] = np.zeros_like(overlap)
    np.divide(overlap, union, out=iou, where=union > 0)
    return iou


def expand_box(box: Box, factor: float, size: tuple[int, int]) -> Box:
    """Grows a box about its centre and clips it to an image.

    Args:
        box: xyxy pixels.
        factor: 1.0 keeps the size, 1.5 makes each side half as long again.
        size: (width, height) of the image in pixels.
    """
    x0, y0, x1, y1 = box
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2
    half_w, half_h = (x1 - x0) / 2 * factor, (y1 - y0) / 2 * factor
    width, height = size
    return (
        max(0.0, cx - half_w),
        max(0.0, cy - half_h),
        min(float(width), cx + half_w),
        min(float(height), cy + half_h),
    )

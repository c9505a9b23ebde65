"""Where things are: polygons of the site file brought to a frame, and who stands at a fixture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from shapely import Point
from shapely import Polygon as Area

from aeras.domain.geometry import Box, Polygon, polygon_box, scale_polygon

NEAR_HEIGHTS = 0.3
"""A person's feet may be this share of the body's height away from the fixture's outline: about
half a metre, an arm's length."""


def fit_polygon(polygon: Polygon, drawn_on: tuple[int, int], frame: tuple[int, int]) -> Polygon:
    """Brings a polygon drawn on one image size to another.

    Args:
        polygon: Pixels of an image of size ``drawn_on`` (width, height).
        drawn_on: Size that the site file gives for the camera.
        frame: Size of the frame that arrived.
    """
    return scale_polygon(polygon, frame[0] / drawn_on[0], frame[1] / drawn_on[1])


def region_round(polygons: Sequence[Polygon], margin: float, size: tuple[int, int]) -> Box:
    """The box that holds all polygons, grown by a share of its longer side, inside the image."""
    boxes = [polygon_box(polygon) for polygon in polygons]
    x0, y0 = min(b[0] for b in boxes), min(b[1] for b in boxes)
    x1, y1 = max(b[2] for b in boxes), max(b[3] for b in boxes)
    grow = margin * max(x1 - x0, y1 - y0)
    width, height = size
    return (
        max(0.0, x0 - grow),
        max(0.0, y0 - grow),
        min(float(width), x1 + grow),
        min(float(height), y1 + grow),
    )


def polygon_mask(
    polygon: Polygon, region: Box, scale: float, shape: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which pixels of a reduced crop lie in a polygon.

    Args:
        polygon: Frame pixels.
        region: The crop, xyxy frame pixels.
        scale: Crop pixels per frame pixel.
        shape: (height, width) of the crop.
    """
    points = (np.array(polygon) - np.array(region[:2])) * scale
    mask = np.zeros(shape, dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask.astype(bool)


class Zone:
    """One fixture's outline in the pixels of a frame; tells who stands before it."""

    def __init__(self, polygon: Polygon) -> None:
        self.area = Area(polygon).buffer(0) if polygon else None

    def holds_feet(self, body: Box, heights: float = NEAR_HEIGHTS) -> bool:
        """Whether a body, given as a box, stands at the fixture by its feet: not farther from its
        outline than so many of the body's heights.
        """
        if self.area is None:
            return True
        x0, y0, x1, y1 = body
        feet = Point((x0 + x1) / 2, y1)
        return bool(self.area.distance(feet) <= heights * (y1 - y0))

    def holds_face(self, face: Box) -> bool:
        """Whether a face's centre lies in the zone (shelf cameras); an empty zone holds all."""
        if self.area is None:
            return True
        return bool(self.area.covers(Point((face[0] + face[2]) / 2, (face[1] + face[3]) / 2)))

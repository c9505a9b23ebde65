"""Finds what is worn or carried to be left alone: printed tags and a colour. Looks at no face.

Tags are ArUco markers of OpenCV's dictionary 4x4_50 (Garrido-Jurado et al. 2014). Everybody on the
staff may wear the same one: a tag says "staff", never who.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, Point
from aeras.domain.seen import Image
from aeras.domain.shop import Vest

DICTIONARY = cv2.aruco.DICT_4X4_50
MODULES = 6
"""Cells to a tag's side, the black border included."""
READABLE_PX = 24.0
"""A tag of this side (its shorter one, seen at an angle) is read in 99 of 100 looks, see
benchmarks/privacy.md.
"""
_WORK_PX = 60.0
"""Tags are brought to about this side before they are looked for."""
_MOST_UP, _LEAST_UP = 4.0, 0.25
_OVERSIZE = 3.0
"""A tag may be this many times as large as the smallest that is worn."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that was found: its id, its middle in frame pixels."""

    id: int
    centre: Point


class TagReader:
    """Looks for some ids of the dictionary and no others, which keeps chance finds rare.

    Args:
        ids: 0 to 49.
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = sorted(ids)
        whole = cv2.aruco.getPredefinedDictionary(DICTIONARY)
        rows = np.ascontiguousarray(whole.bytesList[self._ids])
        own = cv2.aruco.Dictionary(rows, whole.markerSize, 1)
        self._detector = cv2.aruco.ArucoDetector(own, _parameters())

    def read(self, image: Image, region: Box, side_px: float) -> list[Tag]:
        """Tags in a region.

        Args:
            image: (H, W, 3) BGR.
            region: xyxy pixels; may reach beyond the image.
            side_px: Side in pixels that the smallest tag has there.
        """
        x0, y0, x1, y1 = _pixels(region, image)
        if not self._ids or x1 - x0 < MODULES or y1 - y0 < MODULES:
            return []
        grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
        scale = float(np.clip(_WORK_PX / max(side_px, 1.0), _LEAST_UP, _MOST_UP))
        way = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        corners, found, _ = self._detector.detectMarkers(
            cv2.resize(grey, None, fx=scale, fy=scale, interpolation=way)
        )
        if not corners:
            return []
        return [
            Tag(self._ids[int(number)], _middle(quad, scale, (x0, y0)))
            for quad, number in zip(corners, found.ravel(), strict=True)
        ]


def _pixels(region: Box, image: Image) -> tuple[int, int, int, int]:
    """The whole pixels of an image that a region touches."""
    height, width = image.shape[:2]
    x0, y0 = max(0, int(region[0])), max(0, int(region[1]))
    return x0, y0, min(width, int(np.ceil(region[2]))), min(height, int(np.ceil(region[3])))


def _middle(quad: NDArray[Any], scale: float, corner: tuple[int, int]) -> Point:
    x, y = quad.reshape(4, 2).mean(axis=0) / scale + corner
    return float(x), float(y)


def _parameters() -> cv2.aruco.DetectorParameters:
    """Made for small, soft, noisy tags: coarse outlines are let through, the code decides."""
    how = cv2.aruco.DetectorParameters()
    how.adaptiveThreshWinSizeMin, how.adaptiveThreshWinSizeMax = 7, 31
    how.adaptiveThreshWinSizeStep = 12
    how.minMarkerPerimeterRate = 0.03
    how.polygonalApproxAccuracyRate = 0.06
    how.errorCorrectionRate = 1.0  # of the one bit that the dictionary allows
    how.perspectiveRemovePixelPerCell = 6
    how.perspectiveRemoveIgnoredMarginPerCell = 0.2
    how.minOtsuStdDev = 3.0
    how.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_NONE
    return how


def tag_image(number: int, cell_px: int) -> NDArray[np.uint8]:
    """(8, 8) cells of a tag with its white margin, each ``cell_px`` wide; grey."""
    whole = cv2.aruco.getPredefinedDictionary(DICTIONARY)
    black = cv2.aruco.generateImageMarker(whole, number, MODULES * cell_px)
    return np.pad(black, cell_px, constant_values=255).astype(np.uint8)


# --- colour -------------------------------------------------------------------------------------

DARKEST = 0.12
"""Below this mean brightness colours are not told."""
GREYEST = 0.08
"""A picture whose most colourful tenth is less saturated than this shows no colour (night)."""
LEAST_COLOUR_PX = 120
"""A torso of fewer pixels says nothing of its colour."""


def vest_share(image: Image, region: Box, vest: Vest) -> float | None:
    """Share of a region that shows the colour; None where colours cannot be told.

    Args:
        image: (H, W, 3) BGR.
        region: xyxy pixels, inside the torso.
        vest: The colour.
    """
    x0, y0, x1, y1 = _pixels(region, image)
    if x1 <= x0 or y1 <= y0 or (x1 - x0) * (y1 - y0) < LEAST_COLOUR_PX:
        return None
    hsv = cv2.cvtColor(np.ascontiguousarray(image[y0:y1, x0:x1]), cv2.COLOR_BGR2HSV_FULL)
    hue, saturation, value = (hsv[:, :, n].astype(np.float32) for n in range(3))
    if value.mean() < DARKEST * 255 or not shows_colour(image):
        return None
    low, high = vest.hue[0] % 360, vest.hue[1] % 360
    degrees = hue * (360 / 256)
    inside = (degrees >= low) & (degrees <= high)
    if low > high:
        inside = (degrees >= low) | (degrees <= high)
    wearing = inside & (saturation >= vest.saturation * 255) & (value >= vest.brightness * 255)
    return float(wearing.mean())


def shows_colour(image: Image) -> bool:
    """Whether a camera's picture has colours at all."""
    few = cv2.cvtColor(np.ascontiguousarray(image[::8, ::8]), cv2.COLOR_BGR2HSV)
    return bool(np.percentile(few[:, :, 1], 90) >= GREYEST * 255)

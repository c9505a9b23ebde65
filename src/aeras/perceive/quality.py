"""Decides whether a face can be read at all. Reading a face that cannot be read is guessing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.seen import Face, HeadPose, Image

_BLUR_SIDE = 64


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """Limits of a readable face.

    Attributes:
        min_height: Least height of its box in pixels.
        max_yaw, max_pitch: Largest turn to a side and up or down, in degrees.
        min_sharpness: Least `sharpness`.
        min_inside: Least share of its box, and of its landmarks, inside the picture.
    """

    min_height: float = 48.0
    max_yaw: float = 40.0
    max_pitch: float = 35.0
    min_sharpness: float = 0.03
    min_inside: float = 0.95


def unreadable(image: Image, face: Face, options: QualityOptions) -> str:
    """Why the face cannot be read, as far as that shows before landmarks are fitted.

    Returns:
        ``small``, ``cut`` (at the edge of the picture), ``blurred``, or "" when it may be read.
    """
    if face.box[3] - face.box[1] < options.min_height:
        return "small"
    if _inside(face.box, (image.shape[1], image.shape[0])) < options.min_inside:
        return "cut"
    if sharpness(image, face.box) < options.min_sharpness:
        return "blurred"
    return ""


def cut_off(landmarks: NDArray[np.float32], image: Image, options: QualityOptions) -> bool:
    """Whether the face goes on beyond the picture's edge, where detectors clip their boxes.

    Args:
        landmarks: (N, 3) frame pixels; a mesh fits them beyond the edge as well.
        image: (H, W, 3).
        options: See `QualityOptions`.
    """
    height, width = image.shape[:2]
    inside = ((landmarks[:, :2] >= 0) & (landmarks[:, :2] < (width, height))).all(axis=1)
    return float(inside.mean()) < options.min_inside


def turned(pose: HeadPose, options: QualityOptions) -> bool:
    """Whether the head is turned too far to be read."""
    return abs(pose.yaw) > options.max_yaw or abs(pose.pitch) > options.max_pitch


def sharpness(image: Image, box: Box) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000) over the grey variance.

    Measured on the face scaled to one size and divided by its contrast, so that neither distance
    nor light decides. 0 for an empty or flat crop.
    """
    height, width = image.shape[:2]
    x0, y0 = max(0, int(box[0])), max(0, int(box[1]))
    x1, y1 = min(width, int(box[2])), min(height, int(box[3]))
    if x1 - x0 < 2 or y1 - y0 < 2:  # noqa: PLR2004 - a line of pixels has no second derivative
        return 0.0
    grey = cv2.cvtColor(image[y0:y1, x0:x1], cv2.COLOR_BGR2GRAY)
    grey = cv2.resize(grey, (_BLUR_SIDE, _BLUR_SIDE), interpolation=cv2.INTER_AREA)
    contrast = float(np.var(grey))
    return float(np.var(cv2.Laplacian(grey, cv2.CV_32F))) / contrast if contrast > 1 else 0.0


def _inside(box: Box, size: tuple[int, int]) -> float:
    x0, y0, x1, y1 = box
    width = min(x1, size[0]) - max(x0, 0)
    height = min(y1, size[1]) - max(y0, 0)
    area = (x1 - x0) * (y1 - y0)
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 0.0

"""Where on a person something worn is to be looked for, and how large it would be there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.seen import Face, Person, Track

SHOULDERS, HIPS = (5, 6), (11, 12)
CLEAR = 0.2
"""Least score of a joint."""
SPAN_M, TORSO_M = 0.36, 0.49
"""Between an adult's shoulder joints, and from them down to the hips."""
FACE_M, EYES_M = 0.19, 0.063
"""Height of a face as the detector boxes it, and between the pupils."""
FULLY = 0.95
"""Share of a chest that lies in the picture when it is whole."""


@dataclass(frozen=True, slots=True)
class Torso:
    """A person's front or back.

    Attributes:
        core: xyxy pixels of its middle, which shows clothes and nothing else.
        worn: xyxy pixels in which something worn on chest or back is.
        reach: xyxy pixels in which something held in the hand is.
        across, down: Pixels of a metre on it, foreshortened as it is seen.
        whole: Whether the place where a tag is worn lies in the picture.
    """

    core: Box
    worn: Box
    reach: Box
    across: float
    down: float
    whole: bool

    def side_px(self, side_mm: float) -> float:
        """The shorter side that a square of that size has on it, pixels."""
        return min(self.across, self.down) * side_mm / 1000


def torso_of_person(track: Track, person: Person, size: tuple[int, int]) -> Torso | None:
    """The torso of a body, by its joints; None where its shoulders are not seen."""
    joints = person.keypoints
    if (joints[list(SHOULDERS), 2] < CLEAR).any():
        return None
    shoulders = joints[list(SHOULDERS), :2].astype(np.float64)
    neck = shoulders.mean(axis=0)
    span = float(np.hypot(*(shoulders[0] - shoulders[1])))
    hips = joints[list(HIPS)]
    clear = hips[hips[:, 2] >= CLEAR, :2].astype(np.float64)
    # Cut off below, or hidden by the goods: as long as with shoulders of that width.
    usual = np.array([0.0, span * TORSO_M / SPAN_M])
    spine = clear.mean(axis=0) - neck if len(clear) else usual
    long = float(np.hypot(*spine))
    if long < 1 or span < 1:
        return None
    half = max(span, 0.5 * long) / 2
    top, low = neck + 0.1 * spine, neck + 0.95 * spine
    core = _round(np.stack([neck + 0.15 * spine, neck + 0.8 * spine]), 0.5 * half)
    worn = _round(np.stack([neck - 0.15 * spine, low]), 1.5 * half)
    x0, y0, x1, y1 = track.box
    reach = _round(np.array([[x0, y0], [x1, y1], *shoulders, low]), 0.6 * long)
    chest = _round(np.stack([top, neck + 0.6 * spine]), 0.6 * half)
    whole = _is_whole(chest, size)
    return Torso(core, worn, reach, span / SPAN_M, long / TORSO_M, whole=whole)


def torso_of_face(face: Face, size: tuple[int, int]) -> Torso:
    """The chest below a face. A head turned aside makes it narrow, as the chest mostly is then."""
    x0, y0, x1, y1 = face.box
    middle, high, wide = (x0 + x1) / 2, y1 - y0, x1 - x0
    eyes = float(np.hypot(*(face.points[0] - face.points[1])))
    core = (middle - 0.8 * wide, y1 + 0.6 * high, middle + 0.8 * wide, y1 + 1.7 * high)
    worn = (middle - 1.9 * wide, y1 - 0.1 * high, middle + 1.9 * wide, y1 + 3.0 * high)
    reach = (middle - 4.0 * wide, y0 - 1.5 * high, middle + 4.0 * wide, y1 + 4.0 * high)
    chest = (middle - wide, y1 + 0.3 * high, middle + wide, y1 + 1.8 * high)
    whole = _is_whole(chest, size)
    return Torso(core, worn, reach, eyes / EYES_M, high / FACE_M, whole=whole)


def _round(points: NDArray[np.float64], margin: float) -> Box:
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _is_whole(box: Box, size: tuple[int, int]) -> bool:
    return covered(box, [(0.0, 0.0, float(size[0]), float(size[1]))]) > FULLY


def covered(box: Box, others: list[Box]) -> float:
    """Largest share of a box that one of the others covers."""
    x0, y0, x1, y1 = box
    area = max((x1 - x0) * (y1 - y0), 1e-9)
    shares = [
        max(min(x1, o[2]) - max(x0, o[0]), 0.0) * max(min(y1, o[3]) - max(y0, o[1]), 0.0) / area
        for o in others
    ]
    return max(shares, default=0.0)

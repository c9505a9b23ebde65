"""The intrusion cue: what reaches into the fixture's picture from outside (an arm, a body).

A gap that an item left is a patch of change that ends near the item. An arm is a patch of change
that runs to the edge of the picture, since it hangs on somebody. That tells the two apart without
any model of hands, and it holds for gloves and sleeves too.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.shelf.view import Look, Mask

ARM_SHARE = 0.25
"""What covers more than this share of the view is no arm; its tip is no hand."""
MIN_EDGE_PX = 3
"""A component must touch the picture's edge with this many pixels to count as coming in."""


@dataclass(frozen=True, slots=True, eq=False)
class Intrusion:
    """What came in from outside in one frame.

    Attributes:
        mask: (h, w) pixels of all components that touch the edge of the crop.
        bulky: (h, w) those of components too large for an arm.
        tips: For each such component, (x, y) crop pixels of its innermost point.
        shares: For each, its share of the crop.
    """

    mask: Mask
    bulky: Mask
    tips: tuple[tuple[float, float], ...]
    shares: tuple[float, ...]


def find_intrusion(look: Look) -> Intrusion:
    """Components of change that hang on the crop's edge."""
    joined = cv2.morphologyEx(
        look.differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8)
    )
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(joined, connectivity=8)
    tips: list[tuple[float, float]] = []
    shares: list[float] = []
    mask = np.zeros(look.differs.shape, dtype=bool)
    bulky = mask.copy()
    for label in range(1, count):
        component = labels == label
        entry = _entry(component)
        if entry is None:
            continue
        mask |= component
        share = float(component.mean())
        if share > ARM_SHARE:
            bulky |= component
        tips.append(_tip(component, entry))
        shares.append(share)
    return Intrusion(mask, bulky, tuple(tips), tuple(shares))


def _entry(component: Mask) -> NDArray[np.float64] | None:
    """Middle (x, y) of where a component touches the edge, or None if it does not."""
    _height, _width = component.shape
    edge = np.zeros_like(component)
    edge[:2], edge[-2:], edge[:, :2], edge[:, -2:] = True, True, True, True
    rows, columns = np.nonzero(component & edge)
    if len(rows) < MIN_EDGE_PX:
        return None
    return np.array([columns.mean(), rows.mean()])


def _tip(component: Mask, entry: NDArray[np.float64]) -> tuple[float, float]:
    """Mean of the 3 % of pixels that lie farthest from the entry."""
    rows, columns = np.nonzero(component)
    away = np.hypot(columns - entry[0], rows - entry[1])
    farthest = away >= np.quantile(away, 0.97)
    return float(columns[farthest].mean()), float(rows[farthest].mean())

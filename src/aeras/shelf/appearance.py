"""The appearance cue: is what stands at a place the same, moved, or another look?

Plain functions on feature patches, (h, w, 3) uint8 as `aeras.shelf.view` makes them.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.shelf.view import Bytes, Mask, difference, unlikeness


def changed_share(a: Bytes, b: Bytes, mask: Mask, threshold: float) -> float:
    """Share of a mask's pixels in which two looks differ, in [0, 1]."""
    return float((unlikeness(a, b) > threshold)[mask].mean())


def shifted_correlation(look: Bytes, scene: Bytes, mask: Mask) -> tuple[float, float]:
    """How well a look is found again near its place: the "merely moved" veto.

    Args:
        look: (h, w, 3), the known look.
        scene: (h + 2r, w + 2r, 3), what is seen now with r pixels round the place.
        mask: (h, w), the place itself; outside it the look says nothing.

    Returns:
        Normalised correlation, best over all shifts, and without a shift; both in [-1, 1].
    """
    weights = np.repeat(mask.astype(np.float32)[..., None], 3, axis=2)
    template, search = look.astype(np.float32), scene.astype(np.float32)
    scores = cv2.matchTemplate(search, template, cv2.TM_CCOEFF_NORMED, mask=weights)
    scores = np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0)
    rows, columns = scores.shape
    return float(scores.max()), float(scores[rows // 2, columns // 2])


def votes(
    patches: Sequence[Bytes], before: Bytes, after: Bytes, mask: Mask, threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each patch of a history: share of telling pixels that show the look before, and after.

    Only pixels in which the two looks differ tell anything, and only where a patch shows one of
    the two: a hand in front looks like neither and does not vote.

    Returns:
        Two arrays (n,) in [0, 1]; their sum is at most 1, the rest was hidden.
    """
    telling = (difference(before, after) > threshold) & mask
    total = max(int(telling.sum()), 1)
    old, new = before[telling], after[telling]
    olds, news = [], []
    for patch in patches:
        seen = patch[telling]
        to_old, to_new = difference(seen, old), difference(seen, new)
        known = np.minimum(to_old, to_new) <= 1.5 * threshold
        olds.append(float((known & (to_old < to_new)).sum()) / total)
        news.append(float((known & (to_new <= to_old)).sum()) / total)
    return np.array(olds), np.array(news)


def edge_energy(look: Bytes, mask: Mask) -> float:
    """Mean strength of edges inside a place: goods carry more than an empty board, mostly."""
    structure = look[..., 0].astype(np.float32)
    across = cv2.Sobel(structure, cv2.CV_32F, 1, 0, ksize=3)
    down = cv2.Sobel(structure, cv2.CV_32F, 0, 1, ksize=3)
    return float(np.hypot(across, down)[mask].mean())

"""People who cross before the demo's aisle camera, as a detector would box them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aeras.lab.render.scene import AISLE_CAMERA, Camera

WIDE_CAMERA = Camera((0.9, 2.6, 5.2), (0.0, 0.9, 0.0), 0.8)
"""Farther off and higher: it sees people down to their feet."""
TALL_M, HALF_WIDTH_M = 1.7, 0.24
SEEN = 0.35
"""A body of which less than this share of the width shows, or is in the picture, is not found."""


@dataclass(frozen=True)
class Walker:
    """Walks along the shelf at ``z`` metres from it; ``from_x`` to ``to_x`` in ``seconds``, after
    waiting at ``from_x`` for ``wait_s``.
    """

    z: float
    from_x: float
    to_x: float
    seconds: float
    wait_s: float = 0.0

    def x(self, t_s: float) -> float:
        share = np.clip((t_s - self.wait_s) / self.seconds, 0, 1)
        return float(self.from_x + share * (self.to_x - self.from_x))

    def box(self, t_s: float, camera: Camera) -> tuple[float, float, float, float]:
        x = self.x(t_s)
        corners = [(x + side * HALF_WIDTH_M, y, self.z) for side in (-1, 1) for y in (0.0, TALL_M)]
        points, _ = camera.project(corners)
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)


@dataclass(frozen=True)
class Seen:
    """Boxes of one frame, their scores, and which walker each shows."""

    t_s: float
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    who: list[int]


def film(
    walkers: list[Walker],
    seconds: float,
    *,
    seed: int = 0,
    fps: float = 5.0,
    camera: Camera = AISLE_CAMERA,
) -> list[Seen]:
    """Edges are off by 2 % of the height, one box in thirty is missing, who is hidden is."""
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(round(seconds * fps)):
        t_s = number / fps
        boxes, who = [], []
        for index, walker in enumerate(walkers):
            box = walker.box(t_s, camera)
            nearer = [w.box(t_s, camera) for w in walkers if w.z > walker.z]
            if _showing(box, nearer) < SEEN or rng.random() < 1 / 30:
                continue
            found = np.array(box) + rng.normal(0, 0.02, 4) * (box[3] - box[1])
            found = np.clip(found, 0, np.tile(camera.size, 2))
            if found[2] - found[0] >= SEEN * (box[2] - box[0]):
                boxes.append(found)
                who.append(index)
        frames.append(Seen(t_s, np.reshape(boxes, (-1, 4)), np.full(len(boxes), 0.9), who))
    return frames


def _showing(box: tuple[float, ...], nearer: list[tuple[float, ...]]) -> float:
    """Share of a box's columns that no nearer body covers."""
    columns = np.linspace(box[0], box[2], 50)
    hidden = np.zeros(50, dtype=bool)
    for other in nearer:
        hidden |= (columns >= other[0]) & (columns <= other[2])
    return float(1 - hidden.mean())

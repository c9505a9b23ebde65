"""Turned square crops, the input of MediaPipe's landmark models."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.seen import Image


@dataclass(frozen=True, slots=True)
class TurnedSquare:
    """A square in a picture.

    Attributes:
        x, y: Its centre in pixels.
        side: Its side in pixels.
        angle: Radians by which its content is turned clockwise from upright.
    """

    x: float
    y: float
    side: float
    angle: float

    def to_image(self, out: int) -> NDArray[np.float64]:
        """(2, 3) affine map from pixels of an ``out`` x ``out`` crop to the picture's."""
        scale = self.side / out
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        half = out / 2
        return np.array(
            [
                [cos, -sin, self.x - half * cos + half * sin],
                [sin, cos, self.y - half * sin - half * cos],
            ]
        )

    def crop(self, image: Image, out: int) -> NDArray[np.float32]:
        """(1, out, out, 3) RGB 0..1, upright; black beyond the picture's edges."""
        warped = cv2.warpAffine(
            image,
            self.to_image(out),
            (out, out),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )
        rgb = cv2.cvtColor(warped, cv2.COLOR_BGR2RGB)
        return np.asarray(rgb, dtype=np.float32)[None] / np.float32(255)

    def points_to_image(self, points: NDArray[np.float32], out: int) -> NDArray[np.float32]:
        """(N, 2 or 3) crop pixels to picture pixels; a third column (depth) is scaled alike."""
        placed = points.astype(np.float64)
        affine = self.to_image(out)
        placed[:, :2] = placed[:, :2] @ affine[:, :2].T + affine[:, 2]
        placed[:, 2:] *= self.side / out
        return placed.astype(np.float32)

"""MediaPipe's hands (Zhang et al. 2020, "MediaPipe Hands"): palms first, then 21 joints each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, iou_matrix
from aeras.domain.seen import Hand, Image
from aeras.perceive.registry import model_bytes
from aeras.perceive.runtimes import LiteRtModel
from aeras.perceive.warping import TurnedSquare

JOINTS = 21
_GRIDS = ((8, 2), (16, 6))
"""(stride, anchors a cell) of the palm network."""
_WRIST, _MIDDLE_KNUCKLE = 0, 2
"""Among its seven points; the hand's direction goes from one to the other."""
_LOGIT_LIMIT = 100.0


@dataclass(frozen=True, slots=True)
class HandOptions:
    """How to look for hands.

    Attributes:
        threshold: Least score of a palm.
        presence: Least certainty of the joints network; below it the joints are left out.
        overlap: Palms that overlap a better one by more than this IoU are dropped.
        max_hands: Most hands a region.
        joints: Whether to fit joints at all (4 ms a hand).
        grow: Side of the hand's crop in palm sides.
        advance: How far the crop moves from the palm towards the fingers, in palm sides.
    """

    threshold: float = 0.5
    presence: float = 0.5
    overlap: float = 0.3
    max_hands: int = 4
    joints: bool = True
    grow: float = 2.6
    advance: float = 0.5


class MediaPipeHands:
    """Finds hands whose palm is at least a fifteenth of its region's longer side.

    Raises:
        ModelError: A model file is missing, damaged or replaced.
    """

    def __init__(self, options: HandOptions | None = None) -> None:
        self.options = options or HandOptions()
        self._palm = LiteRtModel(model_bytes("palm"), "palm")
        self._hand = LiteRtModel(model_bytes("hand"), "hand") if self.options.joints else None
        self._side = self._palm.input_shape[1]
        self._anchors = _anchors(self._side)

    def detect(self, image: Image, regions: Sequence[Box] = ()) -> list[Hand]:
        """Hands, best first.

        Args:
            image: (H, W, 3) BGR.
            regions: xyxy pixels to look at, such as shelf zones; 10 ms each. Empty looks at the
                whole picture.
        """
        height, width = image.shape[:2]
        wanted = regions or [(0.0, 0.0, float(width), float(height))]
        palms = np.concatenate([self._palms(image, region) for region in wanted])
        return [self._hand_of(image, palm) for palm in _suppress(palms, self.options.overlap)]

    def _palms(self, image: Image, region: Box) -> NDArray[np.float64]:
        """(N, 19): xyxy, score, seven points; frame pixels."""
        x0, y0, x1, y1 = region
        square = TurnedSquare((x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0, 1.0), 0.0)
        found = self._palm.run(square.crop(image, self._side))
        logits = np.clip(found["Identity_1"][0, :, 0], -_LOGIT_LIMIT, _LOGIT_LIMIT)
        scores = 1 / (1 + np.exp(-logits.astype(np.float64)))
        best = np.argsort(-scores, kind="stable")
        best = best[scores[best] >= self.options.threshold]
        raw = found["Identity"][0, best].astype(np.float64)
        centre = raw[:, :2] + self._anchors[best]
        half = raw[:, 2:4] / 2
        points = raw[:, 4:] + np.tile(self._anchors[best], 7)
        rows = np.concatenate([centre - half, centre + half, scores[best, None], points], axis=1)
        scale = square.side / self._side
        corner = np.array([square.x - square.side / 2, square.y - square.side / 2])
        rows[:, :4] = rows[:, :4] * scale + np.tile(corner, 2)
        rows[:, 5:] = rows[:, 5:] * scale + np.tile(corner, 7)
        return np.array(_suppress(rows, self.options.overlap)[: self.options.max_hands]).reshape(
            -1, 19
        )

    def _hand_of(self, image: Image, palm: NDArray[np.float64]) -> Hand:
        x0, y0, x1, y1, score = (float(value) for value in palm[:5])
        joints = None if self._hand is None else self._joints(image, palm, self._hand)
        return Hand(box=(x0, y0, x1, y1), score=score, points=joints)

    def _joints(
        self, image: Image, palm: NDArray[np.float64], model: LiteRtModel
    ) -> NDArray[np.float32] | None:
        points = palm[5:].reshape(7, 2)
        along = points[_MIDDLE_KNUCKLE] - points[_WRIST]
        side = float(max(palm[2] - palm[0], palm[3] - palm[1]))
        angle = float(np.arctan2(along[0], -along[1]))
        ahead = np.array([np.sin(angle), -np.cos(angle)]) * side * self.options.advance
        centre = (palm[:2] + palm[2:4]) / 2 + ahead
        square = TurnedSquare(float(centre[0]), float(centre[1]), side * self.options.grow, angle)
        out = model.input_shape[1]
        found = model.run(square.crop(image, out))
        if float(found["Identity_1"].ravel()[0]) < self.options.presence:
            return None
        return square.points_to_image(found["Identity"].reshape(JOINTS, 3), out)[:, :2]


def _anchors(side: int) -> NDArray[np.float64]:
    """(2016, 2) centres in input pixels of the palm network's anchors, which are all unit sized."""
    rows = []
    for stride, times in _GRIDS:
        count = side // stride
        ys, xs = np.mgrid[:count, :count]
        cells = (np.stack([xs, ys], axis=-1).reshape(-1, 2) + 0.5) * stride
        rows.append(np.repeat(cells, times, axis=0))
    return np.concatenate(rows)


def _suppress(rows: NDArray[np.float64], overlap: float) -> list[NDArray[np.float64]]:
    """Weighted non-maximum suppression (Bazarevsky et al. 2019, "BlazeFace"), best first.

    The rows that overlap the best one are averaged by score instead of dropped: it steadies the
    boxes from frame to frame.
    """
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    kept = []
    while len(rows):
        near = iou_matrix(rows[:1, :4], rows[:, :4])[0] > overlap
        near[0] = True
        merged = np.average(rows[near], axis=0, weights=rows[near, 4])
        merged[4] = rows[0, 4]
        kept.append(merged)
        rows = rows[~near]
    return kept

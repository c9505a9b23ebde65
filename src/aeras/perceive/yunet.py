"""YuNet face detector (Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, iou_matrix
from aeras.domain.seen import Face, Image
from aeras.perceive.registry import model_bytes
from aeras.perceive.runtimes import OnnxModel

_STRIDES = (8, 16, 32)
_SIDE = 32
"""Input sides must be multiples of the largest stride."""


@dataclass(frozen=True, slots=True)
class YunetOptions:
    """How to look for faces.

    Attributes:
        threshold: Least score of a face.
        unsure: Least score of what may be a face; only ever blurred, never read.
        overlap: Boxes that overlap a better one by more than this IoU are dropped.
        max_side: Longer side in pixels to which a bigger picture (or region) is scaled down.
        max_faces: Most faces a picture.
    """

    threshold: float = 0.7
    unsure: float = 0.25
    overlap: float = 0.3
    max_side: int = 1280
    max_faces: int = 50


class Yunet:
    """Finds faces from about 20 px of height up; see models.toml for its recall.

    Raises:
        ModelError: The model file is missing, damaged or replaced.
    """

    def __init__(self, options: YunetOptions | None = None) -> None:
        self.options = options or YunetOptions()
        self._model = OnnxModel(model_bytes("yunet"), "yunet")

    def detect(self, image: Image, regions: Sequence[Box] = ()) -> list[Face]:
        """Faces with box, score and five points only, best first.

        Args:
            image: (H, W, 3) BGR.
            regions: xyxy pixels to look at, each at its own full size; empty looks at the whole
                picture. Small zones of a large picture are found better and faster so.
        """
        return [face for face in self.detect_all(image, regions) if self.is_sure(face)]

    def is_sure(self, face: Face) -> bool:
        """Whether a face of `detect_all` counts as one."""
        return face.score >= self.options.threshold

    def detect_all(self, image: Image, regions: Sequence[Box] = ()) -> list[Face]:
        """As `detect`, with what only may be a face."""
        height, width = image.shape[:2]
        wanted = regions or [(0.0, 0.0, float(width), float(height))]
        rows = np.concatenate([self._rows(image, region) for region in wanted])
        kept = _suppress(rows, self.options.overlap)[: self.options.max_faces]
        return [_face(row) for row in kept]

    def _rows(self, image: Image, region: Box) -> NDArray[np.float32]:
        """(N, 15): xyxy, score, five points, in frame pixels."""
        height, width = image.shape[:2]
        x0, y0 = max(0, int(region[0])), max(0, int(region[1]))
        x1, y1 = min(width, int(np.ceil(region[2]))), min(height, int(np.ceil(region[3])))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return np.empty((0, 15), dtype=np.float32)
        crop = image[y0:y1, x0:x1]
        scale = min(1.0, self.options.max_side / max(crop.shape[:2]))
        if scale < 1:
            crop = np.asarray(
                cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR),
                dtype=np.uint8,
            )
        rows = decode(self._model.run(_blob(crop)), crop.shape[:2], self.options.unsure)
        corner = np.array([x0, y0], dtype=np.float32)
        rows[:, :4] = rows[:, :4] / scale + np.tile(corner, 2)
        rows[:, 5:] = rows[:, 5:] / scale + np.tile(corner, 5)
        return rows


def _blob(image: Image) -> NDArray[np.float32]:
    """(1, 3, H', W') with the sides padded with black to multiples of 32 at right and bottom."""
    height, width = image.shape[:2]
    padded = cv2.copyMakeBorder(
        image, 0, -height % _SIDE, 0, -width % _SIDE, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    return np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32)


def decode(
    outputs: Mapping[str, NDArray[np.float32]], size: tuple[int, int], threshold: float
) -> NDArray[np.float32]:
    """Network outputs to (N, 15) rows: xyxy, score, five points; input pixels, not suppressed.

    A cell's outputs are relative to its own corner and counted in strides; its score is the
    geometric mean of class and objectness.

    Args:
        outputs: ``cls_8`` ... ``kps_32``, each (1, cells, channels).
        size: (height, width) of the input before padding.
        threshold: Least score.
    """
    found = [np.empty((0, 15), dtype=np.float32)]
    for stride in _STRIDES:
        across = -(-size[1] // _SIDE) * _SIDE // stride
        scores = np.sqrt(
            np.clip(outputs[f"cls_{stride}"][0, :, 0], 0, 1)
            * np.clip(outputs[f"obj_{stride}"][0, :, 0], 0, 1)
        )
        cells = np.flatnonzero(scores >= threshold)
        corner = np.stack([cells % across, cells // across], axis=1).astype(np.float32)
        box = outputs[f"bbox_{stride}"][0, cells]
        centre = (corner + box[:, :2]) * stride
        half = np.exp(box[:, 2:]) * stride / 2
        points = (outputs[f"kps_{stride}"][0, cells] + np.tile(corner, 5)) * stride
        found.append(
            np.concatenate([centre - half, centre + half, scores[cells, None], points], axis=1)
        )
    return np.concatenate(found).astype(np.float32)


def _suppress(rows: NDArray[np.float32], overlap: float) -> list[NDArray[np.float32]]:
    """Greedy non-maximum suppression, best first."""
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    overlaps = iou_matrix(rows[:, :4], rows[:, :4])
    kept: list[int] = []
    for index in range(len(rows)):
        if not kept or overlaps[index, kept].max() <= overlap:
            kept.append(index)
    return [rows[index] for index in kept]


def _face(row: NDArray[np.float32]) -> Face:
    x0, y0, x1, y1, score = (float(value) for value in row[:5])
    return Face(box=(x0, y0, x1, y1), score=score, points=row[5:].reshape(5, 2).copy())

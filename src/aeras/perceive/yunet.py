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
        enlarge_to: A smaller picture (or region) is enlarged towards this many pixels, at most
            threefold: small faces, and dark ones more than others, are found better so.
        most_pixels: A larger one is scaled down to this many, which decides what a look costs,
        least_scale: but not below this share of its sides (unless it is huge): a readable face of
            48 px must stay one that can be found.
        second_looks: What only may be a face is looked at again by itself, at the size at which
            faces are found best: at most so many a picture, the likeliest first.
        candidate: Least score of what is looked at again.
        max_faces: Most faces a picture.
    """

    threshold: float = 0.7
    unsure: float = 0.25
    overlap: float = 0.3
    enlarge_to: int = 600_000
    most_pixels: int = 920_000
    least_scale: float = 0.5
    second_looks: int = 8
    candidate: float = 0.1
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
        how = self.options
        height, width = image.shape[:2]
        wanted = regions or [(0.0, 0.0, float(width), float(height))]
        rows = _suppress(
            np.concatenate([self._rows(image, region) for region in wanted]), how.overlap
        )
        found = [self._again(image, row) for row in self._candidates(rows)]
        sure = rows[rows[:, 4] >= how.unsure]
        rows = _suppress(np.concatenate([sure, *found]), how.overlap)
        return [_face(row) for row in rows[: how.max_faces]]

    def _rows(self, image: Image, region: Box) -> NDArray[np.float32]:
        """(N, 15): xyxy, score, five points, in frame pixels."""
        height, width = image.shape[:2]
        x0, y0 = max(0, int(region[0])), max(0, int(region[1]))
        x1, y1 = min(width, int(np.ceil(region[2]))), min(height, int(np.ceil(region[3])))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return np.empty((0, 15), dtype=np.float32)
        crop = image[y0:y1, x0:x1]
        scale = self._scale(crop.shape[0] * crop.shape[1])
        # A face that fills a small picture is too large to be found once that is enlarged.
        scales = {scale, 1.0} if scale > _ENLARGED else {scale}
        return np.concatenate([self._look(crop, each, (x0, y0)) for each in sorted(scales)])

    def _scale(self, pixels: int) -> float:
        how = self.options
        if pixels <= how.enlarge_to:
            return float(min(_LARGEST, np.sqrt(how.enlarge_to / pixels)))
        wanted = min(1.0, np.sqrt(how.most_pixels / pixels))
        affordable = np.sqrt(_HUGE / pixels)
        return float(min(max(wanted, how.least_scale), max(wanted, affordable)))

    def _look(self, crop: Image, scale: float, corner: tuple[float, float]) -> NDArray[np.float32]:
        """Rows of a crop in frame pixels, looked at at one scale."""
        if scale != 1:
            size = (max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale)))
            crop = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        rows = decode(self._model.run(_blob(crop)), crop.shape[:2], self.options.candidate)
        return _placed(rows, scale, corner)

    def _candidates(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """What is worth a second look, likeliest first."""
        how = self.options
        doubtful = (rows[:, 4] < how.threshold) & (rows[:, 3] - rows[:, 1] >= _WORTH_PX)
        return rows[doubtful][: how.second_looks]

    def _again(self, image: Image, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """(0 or 1, 15): the face that a look at a candidate by itself finds in its place."""
        x0, y0, x1, y1 = (float(edge) for edge in row[:4])
        scale = _AGAIN_FACE / max(x1 - x0, y1 - y0, 1.0)
        left = (x0 + x1) / 2 - _AGAIN_SIDE / 2 / scale
        top = (y0 + y1) / 2 - _AGAIN_SIDE / 2 / scale
        affine = np.array([[scale, 0.0, -left * scale], [0.0, scale, -top * scale]])
        crop = cv2.warpAffine(image, affine, (_AGAIN_SIDE, _AGAIN_SIDE), flags=cv2.INTER_LINEAR)
        found = decode(
            self._model.run(_blob(np.asarray(crop, np.uint8))), crop.shape[:2], float(row[4])
        )
        placed = _suppress(_placed(found, scale, (left, top)), self.options.overlap)
        same = iou_matrix(row[None, :4], placed[:, :4])[0] > _SAME
        return np.asarray(placed[same][:1])


_ENLARGED, _LARGEST = 1.5, 3.0
_HUGE = 2_100_000
"""Pixels beyond which no picture is looked at, however small faces become: 1080p."""
_AGAIN_FACE, _AGAIN_SIDE = 80.0, 160
"""Pixels of a face, and of the square round it, in a second look."""
_WORTH_PX = 16.0
"""Smaller candidates are not worth a second look: nothing could be read of them."""
_SAME = 0.35
"""IoU from which two boxes show the same face."""


def _placed(
    rows: NDArray[np.float32], scale: float, corner: tuple[float, float]
) -> NDArray[np.float32]:
    """Rows of a scaled crop, brought to the frame."""
    shift = np.array(corner, dtype=np.float32)
    rows[:, :4] = rows[:, :4] / scale + np.tile(shift, 2)
    rows[:, 5:] = rows[:, 5:] / scale + np.tile(shift, 5)
    return rows


def _blob(image: Image) -> NDArray[np.float32]:
    """(1, 3, H', W') with the sides padded with black to multiples of 32 at right and bottom."""
    height, width = image.shape[:2]
    blob = np.zeros((1, 3, height + -height % _SIDE, width + -width % _SIDE), dtype=np.float32)
    blob[0, :, :height, :width] = image.transpose(2, 0, 1)
    return blob


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


def _suppress(rows: NDArray[np.float32], overlap: float) -> NDArray[np.float32]:
    """Greedy non-maximum suppression, best first."""
    rows = rows[np.argsort(-rows[:, 4], kind="stable")]
    overlaps = iou_matrix(rows[:, :4], rows[:, :4])
    kept: list[int] = []
    for index in range(len(rows)):
        if not kept or overlaps[index, kept].max() <= overlap:
            kept.append(index)
    return rows[kept]


def _face(row: NDArray[np.float32]) -> Face:
    x0, y0, x1, y1, score = (float(value) for value in row[:5])
    return Face(box=(x0, y0, x1, y1), score=score, points=row[5:].reshape(5, 2).copy())

"""MoveNet MultiPose Lightning (Google 2021, model card of the TensorFlow Hub release)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, iou_matrix
from aeras.domain.seen import Image, Person
from aeras.perceive.registry import model_bytes
from aeras.perceive.runtimes import OnnxModel

_SIDE = 32
_KEYPOINTS = 17


@dataclass(frozen=True, slots=True)
class PeopleOptions:
    """How to look for people.

    Attributes:
        threshold: Least score of a person.
        unsure: Least score of what may be a person; only ever blurred.
        overlap: Boxes of two regions that overlap by more than this IoU are one person.
        long_side: Longer side of the network's input in pixels, a multiple of 32; time grows with
            its square. In a wide shop view 256 finds a fifth of the people that 512 finds.
    """

    threshold: float = 0.25
    unsure: float = 0.1
    overlap: float = 0.5
    long_side: int = 384

    def __post_init__(self) -> None:
        if self.long_side % _SIDE or self.long_side < _SIDE:
            raise ValueError(f"long_side is {self.long_side}, expected a multiple of {_SIDE}")


class MoveNet:
    """Finds up to six people with 17 keypoints each.

    Raises:
        ModelError: The model file is missing, damaged or replaced.
    """

    def __init__(self, options: PeopleOptions | None = None) -> None:
        self.options = options or PeopleOptions()
        self._model = OnnxModel(model_bytes("movenet"), "movenet")

    def detect(self, image: Image, regions: Sequence[Box] = ()) -> list[Person]:
        """People, best first.

        Args:
            image: (H, W, 3) BGR.
            regions: xyxy pixels to look at, up to six people in each; empty looks at the whole
                picture. Two overlapping halves find more in a crowded view, at twice the time.
        """
        return [person for person in self.detect_all(image, regions) if self.is_sure(person)]

    def is_sure(self, person: Person) -> bool:
        """Whether a person of `detect_all` counts as one."""
        return person.score >= self.options.threshold

    def detect_all(self, image: Image, regions: Sequence[Box] = ()) -> list[Person]:
        """As `detect`, with what only may be a person."""
        height, width = image.shape[:2]
        wanted = regions or [(0.0, 0.0, float(width), float(height))]
        found = [person for region in wanted for person in self._in_region(image, region)]
        found.sort(key=lambda person: -person.score)
        return _merged(found, self.options.overlap) if len(wanted) > 1 else found

    def _in_region(self, image: Image, region: Box) -> list[Person]:
        height, width = image.shape[:2]
        x0, y0 = max(0, int(region[0])), max(0, int(region[1]))
        x1, y1 = min(width, int(np.ceil(region[2]))), min(height, int(np.ceil(region[3])))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return []
        tensor, scale = _letterbox(image[y0:y1, x0:x1], self.options.long_side)
        rows = self._model.run(tensor)[self._model.outputs[0]][0]
        rows = rows[rows[:, -1] >= self.options.unsure]
        stretch = np.array(tensor.shape[1:3], dtype=np.float32) / scale
        corner = np.array([y0, x0], dtype=np.float32)
        return [_person(row, stretch, corner, (y1, x1)) for row in rows]


def _merged(people: list[Person], overlap: float) -> list[Person]:
    """Of people found in two regions, the better."""
    boxes = np.array([person.box for person in people]).reshape(-1, 4)
    overlaps = iou_matrix(boxes, boxes)
    kept: list[int] = []
    for index in range(len(people)):
        if not kept or overlaps[index, kept].max() <= overlap:
            kept.append(index)
    return [people[index] for index in kept]


def _letterbox(image: Image, long_side: int) -> tuple[NDArray[np.int32], float]:
    """(1, H', W', 3) int32 RGB, scaled to the longer side, padded at right and bottom; scale."""
    height, width = image.shape[:2]
    scale = long_side / max(height, width)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(image, inner, interpolation=way)
    padded = cv2.copyMakeBorder(
        small, 0, -inner[1] % _SIDE, 0, -inner[0] % _SIDE, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    return np.ascontiguousarray(padded[None, :, :, ::-1], dtype=np.int32), scale


def _person(
    row: NDArray[np.float32],
    stretch: NDArray[np.float32],
    corner: NDArray[np.float32],
    end: tuple[int, int],
) -> Person:
    """One output row to frame pixels; all vectors are (y, x), as the network counts.

    Args:
        row: (56,): keypoints, box and score, as shares of the input.
        stretch: Region pixels in one input.
        corner: The region's first pixel.
        end: The region's last pixel; the box is clipped to both.
    """
    keypoints = row[: 3 * _KEYPOINTS].reshape(_KEYPOINTS, 3).copy()
    keypoints[:, :2] = keypoints[:, :2] * stretch + corner
    corners = row[51:55].reshape(2, 2) * stretch + corner
    (y0, x0), (y1, x1) = np.clip(corners, corner, np.array(end, dtype=np.float32))
    return Person(
        box=(float(x0), float(y0), float(x1), float(y1)),
        score=float(row[55]),
        keypoints=keypoints[:, [1, 0, 2]],
    )

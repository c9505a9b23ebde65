"""MoveNet MultiPose Lightning (Google 2021, model card of the TensorFlow Hub release)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
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
        long_side: Longer side of the network's input in pixels, a multiple of 32; time grows with
            its square. 256 finds people from about a quarter of the picture's height up.
    """

    threshold: float = 0.2
    unsure: float = 0.1
    long_side: int = 256

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

    def detect(self, image: Image) -> list[Person]:
        """People, best first; (H, W, 3) BGR."""
        return [person for person in self.detect_all(image) if self.is_sure(person)]

    def is_sure(self, person: Person) -> bool:
        """Whether a person of `detect_all` counts as one."""
        return person.score >= self.options.threshold

    def detect_all(self, image: Image) -> list[Person]:
        """As `detect`, with what only may be a person."""
        tensor, scale = _letterbox(image, self.options.long_side)
        rows = self._model.run(tensor)[self._model.outputs[0]][0]
        rows = rows[rows[:, -1] >= self.options.unsure]
        rows = rows[np.argsort(-rows[:, -1], kind="stable")]
        stretch = np.array([tensor.shape[1], tensor.shape[2]], dtype=np.float32) / scale
        return [_person(row, stretch, image.shape[:2]) for row in rows]


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
    row: NDArray[np.float32], stretch: NDArray[np.float32], size: tuple[int, int]
) -> Person:
    """One output row (y and x as shares of the input) to frame pixels, clipped to the picture."""
    keypoints = row[: 3 * _KEYPOINTS].reshape(_KEYPOINTS, 3)[:, [1, 0, 2]].copy()
    keypoints[:, :2] *= stretch[::-1]
    height, width = size
    y0, x0, y1, x1 = row[51:55] * np.tile(stretch, 2)
    box: Box = (
        float(np.clip(x0, 0, width)),
        float(np.clip(y0, 0, height)),
        float(np.clip(x1, 0, width)),
        float(np.clip(y1, 0, height)),
    )
    return Person(box=box, score=float(row[55]), keypoints=keypoints)

"""A second lesson, used in training only: how far each part of the face is moved.

MediaPipe's landmarks and blendshapes (Grishchenko et al. 2020) tell brow, lids and mouth of a face
seen well. Learning to tell them from the disturbed face shares what they need with the reading of
expressions, and comes from other data than FER+. The head that answers is not exported.
"""

from __future__ import annotations

import io
import logging
import zipfile
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.seen import Face
from aeras.perceive.facemesh import FaceMeshOptions, MediaPipeFaceMesh
from aeras.perceive.registry import model_bytes, model_card
from aeras.perceive.runtimes import LiteRtModel

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from aeras.domain.seen import Image
    from aeras.domain.seen_ports import FaceDetector
    from aeras.lab.train.data import Floats, Grey

log = logging.getLogger(__name__)

CHANNELS = 52
PAIRS = (
    *((1, 2), (4, 5), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16), (17, 18), (19, 20), (21, 22)),
    *((24, 26), (28, 29), (30, 31), (33, 39), (34, 35), (36, 37), (44, 45), (46, 47), (48, 49)),
    (50, 51),
)
"""Channels of the left and the right half of the face, in MediaPipe's order."""

LEAST_SPREAD = 0.01
"""Channels that move less than this over all faces are dead (noseSneer) and are dropped."""


class Muscles:
    """Reads all 52 blendshapes of a face.

    Args:
        margin: side of what the landmark network sees, in longer sides of the face's box.
    """

    def __init__(self, margin: float = 1.5) -> None:
        name = "face_landmarker"
        self._mesh = MediaPipeFaceMesh(FaceMeshOptions(margin=margin, presence=0.5))
        with zipfile.ZipFile(io.BytesIO(model_bytes(name))) as bundle:
            self._net = LiteRtModel(bundle.read("face_blendshapes.tflite"), name)
        self._points = np.array(model_card(name).spec["blendshape_points"])

    def read(self, image: Image, face: Face) -> Floats:
        """(52,) values 0..1; NaN where no landmarks fit."""
        fitted = self._mesh.fit(image, face)
        if fitted is None:
            return np.full(CHANNELS, np.nan, dtype=np.float32)
        (values,) = self._net.run(fitted.landmarks[None, self._points, :2]).values()
        return np.asarray(values, dtype=np.float32).reshape(CHANNELS)


def of_crops(crops: Grey, crop: float, crop_up: float, cache: Path) -> Floats:
    """Blendshapes of faces (N, S, S) that are cut already, kept in `cache`.

    Args:
        crops: the faces.
        crop: side of a crop in longer sides of the detector's box, as the config says.
        crop_up: how far the crop was moved up, in the same unit.
        cache: a npy file.

    Returns:
        (N, 52), NaN rows where no landmarks fit.
    """

    def values() -> Iterable[Floats]:
        # The surroundings are missing, so the network sees little beyond the crop.
        muscles = Muscles(margin=1.4 * crop)
        for grey in crops:
            large = cv2.resize(grey, (192, 192), interpolation=cv2.INTER_CUBIC)
            side = 192 / crop
            x, y = 96.0, 96 + crop_up * side
            box = (x - 0.37 * side, y - side / 2, x + 0.37 * side, y + side / 2)
            points = np.array([[x - 1, y], [x + 1, y], [x, y], [x, y], [x, y]], dtype=np.float32)
            bgr = np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
            yield muscles.read(bgr, Face(box, 1.0, points))

    return _cached(cache, values(), len(crops))


def of_pictures(paths: list[Path], detector: FaceDetector, cache: Path) -> Floats:
    """Blendshapes of the most certain face of each picture, kept in `cache`.

    Returns:
        (N, 52), NaN rows where there is no face or no landmarks fit.

    Raises:
        InputError: if a picture cannot be read.
    """

    def values() -> Iterable[Floats]:
        muscles = Muscles()
        for path in paths:
            image = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if image is None:
                raise InputError("not a readable picture", where=str(path))
            bgr = np.asarray(image, dtype=np.uint8)
            faces = detector.detect(bgr)
            nothing = np.full(CHANNELS, np.nan, dtype=np.float32)
            yield muscles.read(bgr, faces[0]) if faces else nothing

    return _cached(cache, values(), len(paths))


def _cached(cache: Path, values: Iterable[Floats], count: int) -> Floats:
    if cache.exists():
        kept: Floats = np.load(cache)
        if len(kept) != count:
            raise InputError(
                f"holds {len(kept)} faces, expected {count}",
                where=str(cache),
                todo="Delete it; it is made anew",
            )
        return kept
    rows = np.stack(list(values))
    np.save(cache, rows)
    log.info("blendshapes: %d of %d faces", np.isfinite(rows[:, 0]).sum(), count)
    return rows


def standardise(values: Floats) -> Floats:
    """Makes blendshapes a lesson: the same for the mirror image, every channel weighing the same.

    Args:
        values: (N, 52).

    Returns:
        (N, channels): single channels, mean and distance of paired ones; dead channels dropped,
        the others with mean 0, spread 1, no value beyond 4. NaN rows stay.
    """
    left, right = np.array(PAIRS).T
    single = np.setdiff1d(np.arange(CHANNELS), np.array(PAIRS))
    a, b = values[:, left], values[:, right]
    lesson = np.concatenate([values[:, single], (a + b) / 2, np.abs(a - b)], axis=1)
    spread = np.nanstd(lesson, axis=0)
    alive = spread >= LEAST_SPREAD
    moved = (lesson[:, alive] - np.nanmean(lesson[:, alive], axis=0)) / spread[alive]
    clipped: Floats = np.clip(moved, -4, 4).astype(np.float32)
    return clipped

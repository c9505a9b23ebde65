"""How well the product reads where a head points: rendered faces turned by known angles.

    python -m aeras.lab.headpose

A face of nobody is turned as a relief of its fitted landmarks and drawn at the size that a camera
would show; detector and landmarks then read it as any other. Prints one JSON line a size, with the
errors in degrees and how often the facing that the head points at is the one that gets most, by the
width of the facings. Eyes are not rendered: see `aeras.shelf.attention` for what they add.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.seen import Face, HeadPose, Image
from aeras.lab.labelled import read_picture
from aeras.perceive.facemesh import MediaPipeFaceMesh
from aeras.perceive.yunet import Yunet
from aeras.shelf.attention import AttentionOptions, gaze_of, spread

ACTORS = Path(__file__).parent / "assets" / "actors"
HEIGHTS = (170, 96, 56)
ANGLES = (
    *((yaw, 0) for yaw in (-40, -30, -20, -10, 0, 10, 20, 30, 40)),
    *((0, pitch) for pitch in (-25, -15, 15, 25)),
    *((yaw, pitch) for yaw in (-20, 20) for pitch in (-15, 15)),
)
"""(yaw, pitch) in degrees."""
SIZE = (1280, 720)
WIDTHS_M = (0.1, 0.2, 0.4)
SURROUNDINGS = 120
"""Grey level."""

Points = NDArray[np.float64]


class Relief:
    """A face that can be turned.

    Args:
        picture: A portrait.
        landmarks: (478, 3) fitted to it, depth growing away from the viewer.
    """

    def __init__(self, picture: Image, landmarks: NDArray[np.float32]) -> None:
        self._picture = picture
        self._flat = landmarks[:, :2].astype(np.float64)
        self._middle = landmarks.mean(axis=0).astype(np.float64)
        self._points = landmarks.astype(np.float64) - self._middle
        self._triangles = _triangles(self._flat)

    def draw(self, yaw: float, pitch: float, height: float) -> Image:
        """The face turned, in the middle of a plain picture.

        Args:
            yaw: Degrees, positive to the picture's right.
            pitch: Degrees, positive upwards.
            height: Of the face before it is turned, forehead to chin, in pixels.
        """
        turned = _turn(self._points, yaw, pitch)
        placed = turned * (height / np.ptp(self._points[:, 1])) + (SIZE[0] / 2, SIZE[1] / 2, 0)
        picture = np.full((SIZE[1], SIZE[0], 3), SURROUNDINGS, dtype=np.uint8)
        depths = placed[self._triangles, 2].mean(axis=1)
        for triangle in self._triangles[np.argsort(-depths)]:
            self._fill(picture, self._flat[triangle], placed[triangle, :2])
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.6), dtype=np.uint8)

    def _fill(self, picture: Image, source: Points, target: Points) -> None:
        low = np.floor(target.min(axis=0)).astype(int)
        size = np.ceil(target.max(axis=0)).astype(int) - low + 1
        affine = cv2.getAffineTransform(
            source.astype(np.float32), (target - low).astype(np.float32)
        )
        patch = cv2.warpAffine(
            self._picture, affine, (int(size[0]), int(size[1])), flags=cv2.INTER_AREA
        )
        mask = np.zeros(patch.shape[:2], dtype=np.uint8)
        cv2.fillConvexPoly(mask, np.round(target - low).astype(np.int32), (1,))
        place = picture[low[1] : low[1] + size[1], low[0] : low[0] + size[0]]
        place[mask > 0] = patch[mask > 0]


def _triangles(points: Points) -> NDArray[np.int64]:
    from scipy.spatial import Delaunay  # noqa: PLC0415 - heavy, and only here

    return np.asarray(Delaunay(points).simplices, dtype=np.int64)


def _turn(points: Points, yaw: float, pitch: float) -> Points:
    """Turns points (x right, y down, z away) first up or down, then to a side."""
    y, p = np.radians([yaw, pitch])
    nod = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    turn = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    return np.asarray(points @ (turn @ nod).T)


def reliefs() -> Iterator[Relief]:
    """The actors' straight faces."""
    detector, mesh = Yunet(), MediaPipeFaceMesh()
    for path in sorted(ACTORS.glob("*-neutral.jpg")):
        picture = read_picture(path)
        (face, *_) = detector.detect(picture)
        fit = mesh.fit(picture, face)
        if fit is not None:
            yield Relief(picture, fit.landmarks)


def measure(faces: list[Relief], height: int) -> dict[str, Any]:
    """Errors at one size."""
    detector, mesh = Yunet(), MediaPipeFaceMesh()
    read: list[tuple[tuple[int, int], Face, HeadPose]] = []
    for relief in faces:
        for yaw, pitch in ANGLES:
            picture = relief.draw(yaw, pitch, height)
            found = detector.detect(picture)
            fit = mesh.fit(picture, found[0]) if found else None
            if fit is not None:
                read.append(((yaw, pitch), found[0], fit.pose))
    truth = np.array([angles for angles, _, _ in read], dtype=np.float64)
    told = np.array([(pose.yaw, pose.pitch) for _, _, pose in read])
    error = told - truth
    return {
        "height_px": height,
        "n": len(faces) * len(ANGLES),
        "read": round(len(read) / (len(faces) * len(ANGLES)), 3),
        "yaw_error_deg": _error(error[:, 0]),
        "pitch_error_deg": _error(error[:, 1]),
        "yaw_told_for": {
            str(yaw): round(float(np.median(told[(truth == (yaw, 0)).all(axis=1), 0])), 1)
            for yaw, pitch in ANGLES
            if pitch == 0 and (truth == (yaw, 0)).all(axis=1).any()
        },
        "right_facing": {f"{width:g} m": _right(read, width) for width in WIDTHS_M},
    }


def _error(errors: NDArray[np.float64]) -> dict[str, float]:
    return {
        "mean": round(float(errors.mean()), 1),
        "median_size": round(float(np.median(np.abs(errors))), 1),
        "deviation": round(float(errors.std()), 1),
    }


def _right(read: list[tuple[tuple[int, int], Face, HeadPose]], width: float) -> float:
    """Share of the faces whose most probable facing is the one that the true ray meets."""
    how = AttentionOptions()
    places: list[Box] = [
        (column * width, row * width, (column + 1) * width, (row + 1) * width)
        for column in range(-12, 12)
        for row in range(-12, 12)
    ]
    hits = []
    for (yaw, pitch), face, pose in read:
        true = gaze_of(face.box, HeadPose(yaw / how.yaw_gain, pitch, 0), SIZE, how).hits()
        gaze = gaze_of(face.box, pose, SIZE, how)
        best = places[int(np.argmax(spread(gaze, places, how)))]
        hits.append(best[0] <= true[0] <= best[2] and best[1] <= true[1] <= best[3])
    return round(float(np.mean(hits)), 3)


def main() -> None:
    """Prints all sizes."""
    faces = list(reliefs())
    for height in HEIGHTS:
        sys.stdout.write(json.dumps(measure(faces, height)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

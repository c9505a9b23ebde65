"""Lens distortion from pictures of a checkerboard, or from lines that are straight in the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon
from aeras.domain.shop import Lens
from aeras.shelf.floor import camera_matrix

Floats = NDArray[np.float64]

MIN_BOARDS = 5
USUAL_BOARD = (9, 6)
MIN_ON_LINE = 4
STRONGEST = 1.0
"""Larger coefficients are no lens: the lines were not straight."""
PICTURES = {".jpg", ".jpeg", ".png", ".bmp"}


@dataclass(frozen=True, slots=True)
class LensFit:
    """A lens with its error: of board corners, or of points beside their line, pixels (RMS)."""

    lens: Lens
    error_px: float
    used: int


def lens_from_lines(lines: Sequence[Polygon], size: tuple[int, int], *, where: str = "") -> LensFit:
    """The radial distortion (k1) that makes marked lines straight.

    Two or more lines towards the picture's edges are wanted; those through its middle say nothing.

    Args:
        lines: Points along edges that are straight in the world, at least four a line, pixels.
        size: (width, height) of the picture.
        where: Named in errors.

    Raises:
        InputError: Too few points, or lines that no lens makes straight.
    """
    for number, line in enumerate(lines, start=1):
        if len(line) < MIN_ON_LINE:
            raise InputError(
                f"line {number} has {len(line)} points, at least {MIN_ON_LINE} are needed",
                where=where,
                todo="Mark more points along the edge, from one end to the other",
            )
    points = [np.array(line, dtype=np.float64) for line in lines]
    matrix = camera_matrix(size, None)

    def residuals(values: Floats) -> Floats:
        return np.concatenate([_beside(line, matrix, float(values[0])) for line in points])

    found = least_squares(residuals, [0.0], bounds=(-STRONGEST, STRONGEST), x_scale=0.1)
    k1 = float(found.x[0])
    if abs(k1) > 0.98 * STRONGEST:
        raise InputError(
            "no lens makes these lines straight",
            where=where,
            todo="Mark edges that are straight in the shop, such as shelf boards or tiles",
        )
    error = float(np.sqrt(np.mean(found.fun**2)))
    return LensFit(Lens((round(k1, 5), 0.0, 0.0, 0.0, 0.0)), error, len(lines))


def _beside(line: Floats, matrix: Floats, k1: float) -> Floats:
    """Distances of a line's points from their best straight line after the lens is undone."""
    coefficients = np.array([k1, 0.0, 0.0, 0.0, 0.0])
    straight = cv2.undistortPoints(line[:, None], matrix, coefficients, P=matrix)[:, 0]
    centred = straight - straight.mean(axis=0)
    across = np.linalg.svd(centred)[2][1]
    beside: Floats = centred @ across
    return beside


def lens_from_boards(
    folder: Path, corners: tuple[int, int] | None = None, size: tuple[int, int] | None = None
) -> LensFit:
    """Calibrates a lens from pictures of a checkerboard (Zhang 2000, `cv2.calibrateCamera`).

    Args:
        folder: At least five pictures of the board, tilted, near the edges as well.
        corners: Inner corners along and across; by default 9 x 6.
        size: Size that the camera has in the site file; by default that of the pictures.

    Raises:
        InputError: Too few pictures show the whole board.
    """
    corners = corners or USUAL_BOARD
    board = np.zeros((corners[0] * corners[1], 3), dtype=np.float32)
    board[:, :2] = np.mgrid[: corners[0], : corners[1]].T.reshape(-1, 2)
    found: list[NDArray[np.float32]] = []
    sizes: set[tuple[int, int]] = set()
    files = [p for p in sorted(folder.glob("*")) if p.suffix.lower() in PICTURES]
    for path in files:
        picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            continue
        ok, points = cv2.findChessboardCornersSB(picture, corners)
        if ok:
            found.append(np.asarray(points, dtype=np.float32))
            sizes.add((int(picture.shape[1]), int(picture.shape[0])))
    if len(found) < MIN_BOARDS or len(sizes) != 1:
        what = (
            "pictures of different sizes"
            if len(sizes) > 1
            else f"{len(found)} of {len(files)} pictures show a board of "
            f"{corners[0]} x {corners[1]} inner corners, at least {MIN_BOARDS} are needed"
        )
        raise InputError(
            what,
            where=str(folder),
            todo="Take pictures with the camera itself, the whole board in each, tilted and also "
            "near the edges",
        )
    taken = sizes.pop()
    # Third-order radial terms only: more would follow the noise of a few boards.
    error, matrix, bent, _, _ = cv2.calibrateCamera(
        [board] * len(found),
        found,
        taken,
        None,
        None,
        flags=cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST,
    )
    scale = (size[0] / taken[0]) if size else 1.0
    lens = Lens(
        tuple(round(float(k), 5) for k in bent.ravel()[:5]),
        focal=round(float(matrix[0, 0] + matrix[1, 1]) / 2 * scale, 2),
        centre=(round(float(matrix[0, 2]) * scale, 2), round(float(matrix[1, 2]) * scale, 2)),
    )
    return LensFit(lens, float(error) * scale, len(found))

"""Floor coordinates: from a camera's pixels to metres on the store map, and back.

The map's frame: x to the right, y downwards as the plan is drawn, metres; heights go up from the
floor. Marks tie pixels to places on the map. Four or more marks on the floor give a homography
(least squares, `cv2.findHomography`); all marks together give the camera's place and focal length
(SQPnP over a range of focal lengths, Terzakis and Lourakis 2020, then least squares), by which
also what stands above the floor can be placed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon, as_polygon
from aeras.domain.shop import FloorMark, Lens

Floats = NDArray[np.float64]

MIN_MARKS = 4
NO_DISTORTION = (0.0, 0.0, 0.0, 0.0, 0.0)
SAME_PX, SAME_M = 2.0, 0.02
"""Marks nearer to each other than this are the same mark twice."""
LEAST_WIDTH = 0.05
"""Marks whose spread across is a smaller share of their spread along lie on a line."""
LEAST_RANK = 2e-3
"""Smallest share of the eighth singular value of the normalised equations: below it, several
homographies fit (three of four marks on a line)."""
SUSPECT_M, SUSPECT_SHARE = 0.15, 0.35
"""A mark is suspect if it is off by more than this and without it the error falls to this share."""
USUAL_FOCAL = 0.85
"""Focal length as a share of the image width that shop cameras have (60 degrees)."""
FOCAL_SPREAD = 0.5
"""How far (natural log) from it a camera usually is: what counts when marks say little."""
FOCALS = tuple(np.geomspace(0.35, 2.6, 15))
FARTHEST_M = 30.0
"""Seen floor farther away than this is not drawn."""


@dataclass(frozen=True, slots=True)
class FloorErrors:
    """How well the marks fit, metres on the floor (for marks above it: beside the line of sight).

    Attributes:
        marks: Distance of each mark from where the calibration puts it.
        left_out: The same, each time calibrated without that mark; empty with fewer than five.
        suspect: Index of the one mark without which the others agree, or None.
    """

    marks: tuple[float, ...]
    left_out: tuple[float, ...] = ()
    suspect: int | None = None

    @property
    def each_m(self) -> tuple[float, ...]:
        """Error of each mark, left out where there are enough."""
        return self.left_out or self.marks

    @property
    def mean_m(self) -> float:
        """Their mean."""
        return float(np.mean(self.each_m))

    @property
    def max_m(self) -> float:
        """The largest of them."""
        return float(np.max(self.each_m))


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    """Where a camera stands: ``axes`` are its right, down and forward directions, (3, 3)."""

    focal: float
    centre: Floats
    axes: Floats
    at: Floats

    def below_horizon(self) -> Floats:
        """A pixel (2,) that shows the floor, inside the picture or not."""
        right, down, ahead = self.axes @ (self.axes[2] - (0.0, 0.0, 1.0))
        away: Floats = np.array([right, down]) / max(ahead, 1e-6)
        return np.add(self.centre, self.focal * away)


class Floor:
    """One camera's calibration; made by `fit_floor`.

    Attributes:
        errors: How well the marks fit.
        place: Where the camera stands: x, y on the map and its height, metres.
        focal: Focal length in pixels.
    """

    def __init__(
        self,
        marks: Sequence[FloorMark],
        size: tuple[int, int],
        lens: Lens | None,
        focals: Sequence[float] = (),
    ) -> None:
        self.size = size
        self._lens = _Undistorter(size, lens)
        pixels, places = _arrays(marks)
        straight = self._lens.straighten(pixels)
        self._pose = _fit_pose(straight, places, size, lens, focals)
        self._to_floor = _homography(straight, places, self._pose)
        # Marks high up may lie above the horizon: only those on the floor are surely below it.
        flat = places[:, 2] == 0
        below = straight[flat].mean(axis=0) if flat.any() else self._pose.below_horizon()
        self._side = float(np.sign(_scale(self._to_floor, below[None])[0]))
        self.focal = self._pose.focal
        x, y, z = self._pose.at
        self.place = (float(x), float(-y), float(z))
        self.errors = FloorErrors(tuple(self.error(mark) for mark in marks))

    def on_floor(self, pixels: ArrayLike) -> Floats:
        """Where on the map pixels of the floor lie.

        Args:
            pixels: (N, 2) of an image of ``size``.

        Returns:
            (N, 2) metres; NaN above the horizon.
        """
        straight = self._lens.straighten(_rows(pixels))
        scale = _scale(self._to_floor, straight)
        found = cv2.perspectiveTransform(straight[:, None], self._to_floor)[:, 0]
        return np.where((scale * self._side > 1e-9)[:, None], found, np.nan)  # noqa: PLR2004

    def at_depth(self, pixels: ArrayLike, depth_m: ArrayLike) -> Floats:
        """Where on the map something lies that is so far from the camera.

        Args:
            pixels: (N, 2).
            depth_m: Metres along the camera's axis, (N,) or one number.

        Returns:
            (N, 3): x, y on the map and height, metres.
        """
        rays = self._rays(_rows(pixels))
        return _mirrored(self._pose.at + rays * np.broadcast_to(depth_m, len(rays))[:, None])

    def to_pixels(self, places: ArrayLike, height_m: float = 0.0) -> Floats:
        """Pixels (N, 2) of places (N, 2) on the map at a height; NaN behind the camera."""
        flat = np.asarray(places, dtype=np.float64).reshape(-1, 2)
        world = _mirrored(np.column_stack([flat, np.full(len(flat), height_m)]))
        if height_m == 0.0:
            back = np.linalg.inv(self._to_floor)
            seen = (world - self._pose.at) @ self._pose.axes[2] > 0
            straight = cv2.perspectiveTransform(flat[:, None], back)[:, 0]
        else:
            camera = (world - self._pose.at) @ self._pose.axes.T
            seen = camera[:, 2] > 0
            straight = self._pose.focal * camera[:, :2] / camera[:, 2:] + self._pose.centre
        bent = self._lens.bend(np.where(seen[:, None], straight, 0.0))
        return np.where(seen[:, None], bent, np.nan)

    def seen_floor(self, farthest_m: float = FARTHEST_M) -> Polygon:
        """Outline of the floor in the picture, on the map; empty if it shows none."""
        width, height = self.size
        down = [(x, float(y)) for x in (0.0, float(width)) for y in np.linspace(height, 0, 33)]
        # Up one side and down the other: the bottom corners close the outline.
        edge = down[:33] + down[:32:-1]
        found = self.on_floor(edge)
        far = np.hypot(*(found - np.array(self.place[:2])).T)
        keep = ~np.isnan(found[:, 0]) & (far <= farthest_m)
        return as_polygon(found[keep].tolist()) if keep.sum() > 2 else ()  # noqa: PLR2004

    def _rays(self, pixels: Floats) -> Floats:
        """Directions (N, 3) whose part along the camera's axis is 1."""
        straight = (self._lens.straighten(pixels) - self._pose.centre) / self._pose.focal
        rays: Floats = np.column_stack([straight, np.ones(len(straight))]) @ self._pose.axes
        return rays

    def error(self, mark: FloorMark) -> float:
        """How far a mark lies from where this calibration puts it, metres."""
        if mark.height_m == 0.0:
            found = self.on_floor([mark.pixel])[0]
            return (
                float(np.hypot(*(found - np.array(mark.place)))) if found[0] == found[0] else 99.0
            )
        ray = self._rays(_rows([mark.pixel]))[0]
        x, y = mark.place
        to = np.array([x, -y, mark.height_m]) - self._pose.at
        return float(np.linalg.norm(np.cross(ray, to)) / np.linalg.norm(ray))


def fit_floor(
    marks: Sequence[FloorMark], size: tuple[int, int], lens: Lens | None = None, *, where: str = ""
) -> Floor:
    """Calibrates a camera.

    Args:
        marks: At least four, not on a line; those on the floor should spread over it.
        size: (width, height) of the image the pixels refer to.
        lens: What is known of the lens; without it, none is assumed and the focal length is found.
        where: Named in errors, such as ``camera aisle-1``.

    Raises:
        InputError: The marks cannot give a calibration.
    """
    _check_marks(marks, size, where)
    try:
        floor = Floor(marks, size, lens)
        _check_sense(floor, marks, where)
        _leave_out(floor, marks, size, lens)
    except (cv2.error, np.linalg.LinAlgError, ValueError):
        raise _refused("the points contradict each other", where) from None
    return floor


def _leave_out(
    floor: Floor, marks: Sequence[FloorMark], size: tuple[int, int], lens: Lens | None
) -> None:
    """Sets the errors of marks that were left out, and the mark that the others contradict."""
    rests = [[mark for mark in marks if mark is not out] for out in marks]
    if any(_problem(rest, size) for rest in rests):
        return
    others = [Floor(rest, size, lens, [floor.focal]) for rest in rests]
    left_out = tuple(other.error(out) for other, out in zip(others, marks, strict=True))
    own = floor.errors.marks
    agreed = [float(np.mean(other.errors.marks)) for other in others]
    best = int(np.argmin(agreed))
    stands_out = (
        len(marks) > MIN_MARKS + 1  # with fewer, any four others agree
        and left_out[best] > SUSPECT_M
        and agreed[best] < SUSPECT_SHARE * float(np.mean(own))
    )
    floor.errors = FloorErrors(own, left_out, best if stands_out else None)


# --- what marks must be -----------------------------------------------------------------------


def _check_marks(marks: Sequence[FloorMark], size: tuple[int, int], where: str) -> None:
    problem = _problem(marks, size)
    if problem:
        raise _refused(problem, where)


def _problem(marks: Sequence[FloorMark], size: tuple[int, int]) -> str:
    """Why these marks cannot give a calibration, or an empty string."""
    if len(marks) < MIN_MARKS:
        return f"{len(marks)} pairs of points, at least {MIN_MARKS} are needed"
    width, height = size
    for number, mark in enumerate(marks, start=1):
        x, y = mark.pixel
        if not (0 <= x <= width and 0 <= y <= height):
            return f"point {number} lies off the picture, which is {width} x {height} pixels"
    twin = _twins(marks)
    if twin:
        return f"points {twin[0]} and {twin[1]} are the same place twice"
    pixels, places = _arrays(marks)
    if _is_line(pixels) or _is_line(places):
        return "the points lie on one line"
    flat = places[:, 2] == 0
    if flat.all() and _rank(pixels, places[:, :2]) < LEAST_RANK:
        return "three of the four points lie on one line"
    return ""


def _twins(marks: Sequence[FloorMark]) -> tuple[int, int] | None:
    for b, second in enumerate(marks):
        for a, first in enumerate(marks[:b]):
            place = (*first.place, first.height_m), (*second.place, second.height_m)
            apart = float(np.linalg.norm(np.subtract(*place)))
            if np.hypot(*np.subtract(first.pixel, second.pixel)) < SAME_PX or apart < SAME_M:
                return a + 1, b + 1
    return None


def _is_line(points: Floats) -> bool:
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spread[1] < LEAST_WIDTH * spread[0])


def _rank(pixels: Floats, places: Floats) -> float:
    """Share of the eighth singular value in the normalised DLT equations (Hartley 1997)."""
    a, b = _normalised(pixels), _normalised(places)
    one, nought = np.ones((len(a), 1)), np.zeros((len(a), 3))
    first = np.hstack([a, one, nought, -b[:, :1] * a, -b[:, :1]])
    second = np.hstack([nought, a, one, -b[:, 1:] * a, -b[:, 1:]])
    values = np.linalg.svd(np.vstack([first, second]), compute_uv=False)
    return float(values[7] / values[0])


def _normalised(points: Floats) -> Floats:
    centred = points - points.mean(axis=0)
    scaled: Floats = centred * (np.sqrt(2) / np.linalg.norm(centred, axis=1).mean())
    return scaled


def _check_sense(floor: Floor, marks: Sequence[FloorMark], where: str) -> None:
    """The floor must be seen from above, with all marks on the near side of the horizon."""
    x, y = np.mean([mark.pixel for mark in marks if mark.height_m == 0] or [m.pixel for m in marks],
                   axis=0)  # fmt: skip
    here, right, below = floor.on_floor([(x, y), (x + 1, y), (x, y + 1)])
    edges = np.stack([right - here, below - here])
    if np.isfinite(edges).all() and np.linalg.det(edges) < 0:  # not so where all hang high up
        raise _refused("on the map the points run the other way round than in the picture", where)
    if any(mark.height_m == 0 and np.isnan(floor.on_floor([mark.pixel])).any() for mark in marks):
        raise _refused("some points would lie above the horizon", where)
    if floor.place[2] <= 0:
        raise _refused("the camera would lie below the floor", where)


def _refused(what: str, where: str) -> InputError:
    return InputError(
        what,
        where=where,
        todo="Choose four or more places that are spread over the floor, such as corners of tiles "
        "and fixtures, and mark each in the picture and on the map",
    )


# --- the mathematics --------------------------------------------------------------------------


class _Undistorter:
    """To and from the picture that a lens without distortion would have made."""

    def __init__(self, size: tuple[int, int], lens: Lens | None) -> None:
        self._bends = lens is not None and any(lens.distortion)
        self._coefficients = np.array(lens.distortion if lens else NO_DISTORTION)
        self._matrix = camera_matrix(size, lens)

    def straighten(self, pixels: Floats) -> Floats:
        if not self._bends:
            return pixels
        found = cv2.undistortPoints(
            pixels[:, None], self._matrix, self._coefficients, P=self._matrix
        )
        return np.asarray(found[:, 0], dtype=np.float64)

    def bend(self, pixels: Floats) -> Floats:
        if not self._bends:
            return pixels
        focal, centre = self._matrix[0, 0], self._matrix[:2, 2]
        rays = np.column_stack([(pixels - centre) / focal, np.ones(len(pixels))])
        zero = np.zeros(3)
        found = cv2.projectPoints(rays, zero, zero, self._matrix, self._coefficients)[0]
        return np.asarray(found[:, 0], dtype=np.float64)


def camera_matrix(size: tuple[int, int], lens: Lens | None) -> Floats:
    """The 3x3 matrix that a lens's distortion refers to; its unit is the width if none is given."""
    focal = (lens.focal if lens else None) or float(size[0])
    return _matrix(focal, (lens.centre if lens else None) or (size[0] / 2, size[1] / 2))


def _matrix(focal: float, centre: Sequence[float] | Floats) -> Floats:
    return np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])


def _fit_pose(
    straight: Floats,
    places: Floats,
    size: tuple[int, int],
    lens: Lens | None,
    focals: Sequence[float],
) -> _Pose:
    centre = camera_matrix(size, lens)[:2, 2]
    known = lens.focal if lens else None
    usual = USUAL_FOCAL * size[0]
    starts = []
    for focal in [known] if known else focals or [share * size[0] for share in FOCALS]:
        matrix = _matrix(focal, centre)
        ok, turns, shifts, errors = cv2.solvePnPGeneric(
            places[:, None], straight[:, None], matrix, None, flags=cv2.SOLVEPNP_SQPNP
        )
        for n in range(ok):
            prior = 0.0 if known else (np.log(focal / usual) / FOCAL_SPREAD) ** 2
            starts.append(
                (float(errors[n][0]) ** 2 * len(places) + prior, focal, turns[n], shifts[n])
            )
    if not starts:
        raise ValueError("no pose")
    _, focal, turn, shift = min(starts, key=lambda start: start[0])

    def residuals(values: Floats) -> Floats:
        scale = focal * np.exp(values[6])
        matrix = _matrix(scale, centre)
        seen = cv2.projectPoints(places, values[:3], values[3:6], matrix, None)[0][:, 0]
        prior = values[6] * 1e6 if known else np.log(scale / usual) / FOCAL_SPREAD
        return np.append((seen - straight).ravel(), prior)

    best = least_squares(residuals, np.concatenate([turn.ravel(), shift.ravel(), [0.0]])).x
    axes = np.asarray(cv2.Rodrigues(best[:3])[0], dtype=np.float64)
    return _Pose(float(focal * np.exp(best[6])), centre, axes, -axes.T @ best[3:6])


def _homography(straight: Floats, places: Floats, pose: _Pose) -> Floats:
    """Straightened pixels to the map: from the marks on the floor, else from the pose."""
    flat = places[:, 2] == 0
    if flat.sum() >= MIN_MARKS and _rank(straight[flat], places[flat, :2]) >= LEAST_RANK:
        found, _ = cv2.findHomography(straight[flat], _mirrored(places[flat])[:, :2], 0)
        if found is None:
            raise ValueError("no homography")
        return np.asarray(found, dtype=np.float64)
    # Columns: where the map's x, its y (mirrored) and its origin are seen.
    seen = np.column_stack([pose.axes[:, 0], -pose.axes[:, 1], -pose.axes @ pose.at])
    return np.asarray(np.linalg.inv(_matrix(pose.focal, pose.centre) @ seen), dtype=np.float64)


def _scale(matrix: Floats, pixels: Floats) -> Floats:
    scale: Floats = pixels @ matrix[2, :2] + matrix[2, 2]
    return scale


def _arrays(marks: Sequence[FloorMark]) -> tuple[Floats, Floats]:
    """(N, 2) pixels and (N, 3) x, minus y and height: a right-handed frame for OpenCV."""
    pixels = np.array([mark.pixel for mark in marks], dtype=np.float64)
    places = np.array([(*mark.place, mark.height_m) for mark in marks], dtype=np.float64)
    return pixels, _mirrored(places)


def _mirrored(places: Floats) -> Floats:
    mirrored: Floats = places * np.array([1.0, -1.0, 1.0])
    return mirrored


def _rows(pixels: ArrayLike) -> Floats:
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)


def on_map(floor: Floor, polygon: Polygon) -> Polygon:
    """A polygon of floor pixels on the map; empty if any of it lies above the horizon."""
    found = floor.on_floor(polygon)
    return () if np.isnan(found).any() else as_polygon(found.tolist())

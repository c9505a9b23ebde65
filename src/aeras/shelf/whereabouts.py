"""Where on the store map the tracks of a rig's cameras are: who is at one place at one time is one.

A body whose feet are in the picture stands where they are. One that is cut off below, and a face,
are placed by their size: the line of sight to them is known, and what is usual for a torso or a
face tells how far along it they are. Positions live as long as the tracks and a few seconds more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, Point
from aeras.domain.seen import Detections, Track
from aeras.domain.shop import CameraSpec
from aeras.shelf.bodies import CLEAR_SCORE, HIPS, SHOULDERS
from aeras.shelf.floor import Floor, fit_floor

FACE_M = 0.19
"""Height of a face as the detector boxes it, brow to chin."""
TORSO_M = 0.49
"""From the middle of the shoulders to the middle of the hips: 0.29 of a stature of 1.7 m."""
CUT = 0.02
"""A box that ends within this share of the picture's height from its lower edge is cut off."""
NEAR_M = 0.75
"""Two tracks are one person if they are this near to each other in the mean: half the room that
two people keep, and more than the error of a place told by size."""
TOGETHER_S = 0.4
"""Cameras see at different moments: so far apart in time two places can be compared."""
LEAST_SAMPLES = 3
KEEP_S = 120.0


@dataclass(slots=True)
class _Trace:
    """One track's places, and the number of the visit it belongs to."""

    visit: int
    seen_s: float
    places: list[tuple[float, Point]] = field(default_factory=list)


class Whereabouts:
    """Gives each track of a rig's cameras a visit, the same to tracks that are one person.

    Args:
        cameras: Those that are not calibrated only get numbers that no other camera uses.
    """

    def __init__(self, cameras: Sequence[CameraSpec]) -> None:
        self._floors: dict[str, Floor] = {
            camera.id: fit_floor(camera.marks, camera.size, camera.lens)
            for camera in cameras
            if camera.marks
        }
        self._sizes = {camera.id: camera.size for camera in cameras}
        self._traces: dict[tuple[str, int], _Trace] = {}
        self._last = 0

    @property
    def joins(self) -> bool:
        """Whether any two cameras can be compared at all."""
        return len(self._floors) > 1

    def add(
        self,
        camera: str,
        t_s: float,
        tracks: Sequence[Track],
        detections: Detections,
        size: tuple[int, int],
        *,
        faces: bool,
    ) -> None:
        """Takes the tracks of one frame.

        Args:
            camera: Its camera.
            t_s: Seconds.
            tracks: Tracks after the frame, of faces or of people.
            detections: What was found in the frame.
            size: (width, height) of the frame.
            faces: Whether the tracks are faces.
        """
        for track in tracks:
            trace = self._trace(camera, track.id, t_s)
            if track.detection is None or camera not in self._floors:
                continue
            place = self._place(camera, track, detections, size, faces=faces)
            if place is not None:
                trace.places.append((t_s, place))
        self._join(camera, [track.id for track in tracks], t_s)
        self._forget(t_s)

    def visit(self, camera: str, track: int) -> int:
        """The visit of a track; tracks of different cameras share it if they are one person."""
        return self._trace(camera, track, float("-inf")).visit

    def tracks(self, visit: int) -> Mapping[str, int]:
        """The newest track of a visit on each camera."""
        found = ((key, t) for key, t in self._traces.items() if t.visit == visit)
        ordered = sorted(found, key=lambda pair: pair[1].seen_s)
        return {camera: number for (camera, number), _ in ordered}

    def place(self, camera: str, track: int) -> Point | None:
        """Where a track was last, metres on the map."""
        trace = self._traces.get((camera, track))
        return trace.places[-1][1] if trace and trace.places else None

    def _trace(self, camera: str, track: int, t_s: float) -> _Trace:
        trace = self._traces.get((camera, track))
        if trace is None:
            self._last += 1
            trace = self._traces[camera, track] = _Trace(self._last, t_s)
        trace.seen_s = max(trace.seen_s, t_s)
        return trace

    def _place(
        self,
        camera: str,
        track: Track,
        detections: Detections,
        size: tuple[int, int],
        *,
        faces: bool,
    ) -> Point | None:
        assert track.detection is not None
        floor, drawn = self._floors[camera], self._sizes[camera]
        scale = np.array(drawn) / np.array(size)
        if faces:
            return _by_size(floor, _face(track.box), scale, FACE_M)
        if track.box[3] < size[1] * (1 - CUT):
            x, y = (track.box[0] + track.box[2]) / 2, track.box[3]
            found = floor.on_floor(np.array([x, y]) * scale)[0]
            return None if np.isnan(found[0]) else (float(found[0]), float(found[1]))
        keypoints = detections.people[track.detection].keypoints
        torso = _torso(keypoints)
        return None if torso is None else _by_size(floor, torso, scale, TORSO_M)

    def _join(self, camera: str, tracks: Sequence[int], t_s: float) -> None:
        """Gives the newest tracks of this camera the visit of whom they are on another."""
        if camera not in self._floors or not self.joins:
            return
        taken = {self._traces[camera, track].visit for track in tracks}
        for track in tracks:
            mine = self._traces[camera, track]
            if self._joined(camera, mine.visit):
                continue
            others = [
                (apart, trace)
                for (other, _), trace in self._traces.items()
                if other != camera
                and t_s - trace.seen_s <= TOGETHER_S
                and trace.visit not in taken
                and (apart := _apart(mine, trace)) is not None
            ]
            best = min(others, key=lambda pair: pair[0], default=None)
            if best and best[0] <= NEAR_M and self._is_nearest(best, camera, tracks):
                self._unite(mine.visit, best[1].visit)

    def _joined(self, camera: str, visit: int) -> bool:
        return any(t.visit == visit for (other, _), t in self._traces.items() if other != camera)

    def _is_nearest(self, best: tuple[float, _Trace], camera: str, tracks: Sequence[int]) -> bool:
        """Whether no other track of this camera is nearer to that one."""
        apart = (_apart(self._traces[camera, track], best[1]) for track in tracks)
        return all(one is None or one >= best[0] for one in apart)

    def _unite(self, one: int, other: int) -> None:
        # The older number stays: interactions that were told already name it.
        keep, drop = min(one, other), max(one, other)
        for trace in self._traces.values():
            if trace.visit == drop:
                trace.visit = keep

    def _forget(self, t_s: float) -> None:
        for key in [k for k, t in self._traces.items() if t.seen_s < t_s - KEEP_S]:
            del self._traces[key]
        for trace in self._traces.values():
            while trace.places and trace.places[0][0] < t_s - KEEP_S:
                trace.places.pop(0)


def _apart(one: _Trace, other: _Trace) -> float | None:
    """Mean distance of two tracks while both were seen; None with too few moments in common."""
    if not one.places or not other.places:
        return None
    times = np.array([t for t, _ in other.places])
    there = np.array([place for _, place in other.places])
    gaps = []
    for t_s, place in one.places[-20:]:
        nearest = int(np.abs(times - t_s).argmin())
        if abs(times[nearest] - t_s) <= TOGETHER_S:
            gaps.append(float(np.hypot(*(there[nearest] - place))))
    return float(np.median(gaps)) if len(gaps) >= LEAST_SAMPLES else None


def _by_size(
    floor: Floor,
    measured: tuple[NDArray[np.float64], float],
    scale: NDArray[np.float64],
    usual_m: float,
) -> Point | None:
    middle, length = measured
    if length <= 0:
        return None
    depth = floor.focal * usual_m / (length * float(scale[1]))
    x, y, _ = floor.at_depth(middle * scale, depth)[0]
    return (float(x), float(y))


def _face(box: Box) -> tuple[NDArray[np.float64], float]:
    return np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]), box[3] - box[1]


def _torso(keypoints: NDArray[np.float32]) -> tuple[NDArray[np.float64], float] | None:
    """Middle and length (pixels) of a torso whose four corners are seen."""
    if (keypoints[[*SHOULDERS, *HIPS], 2] < CLEAR_SCORE).any():
        return None
    points = keypoints[:, :2].astype(np.float64)
    upper, lower = points[list(SHOULDERS)].mean(axis=0), points[list(HIPS)].mean(axis=0)
    return (upper + lower) / 2, float(np.hypot(*(upper - lower)))

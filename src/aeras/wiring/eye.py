"""One camera of a rig: which models its frames need, its tracks, its fixtures."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, polygon_centre
from aeras.domain.seen import Detections, Frame, Image, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Marks
from aeras.privacy.staff import StaffFilter
from aeras.shelf.fixture import FixtureOptions, FixtureReader
from aeras.shelf.paths import Paths
from aeras.shelf.zones import Zone, fit_polygon, region_round
from aeras.track.byte import ByteOptions, ByteTracker

AROUND = 0.6
"""People are looked for when something moves within this share of a fixture's size round it."""
HAND_MARGIN = 0.15
FACE_MARGIN = 0.1
"""Faces are looked for in a fixture's zone, grown by this share of its longer side."""
STEP = 10
"""Grey levels (8 bit, on a 16th of the picture) that count as movement."""


class Eye:
    """State of one camera between its frames. ``dropped`` are the tracks that are left alone.

    Args:
        camera: The camera.
        reads: Fixtures whose visits and facings are read from this camera.
        faces_of: Fixtures whose faces are read from this camera.
        reads_faces: False puts people in the place of faces.
    """

    def __init__(
        self,
        camera: CameraSpec,
        reads: Sequence[Fixture],
        faces_of: Sequence[Fixture],
        *,
        reads_faces: bool,
        tracking: ByteOptions,
        fixture_options: FixtureOptions,
        marks: Marks,
        people_every_s: float,
        moving: float,
    ) -> None:
        self.camera = camera
        self.readers = [FixtureReader(fixture, camera, fixture_options) for fixture in reads]
        self.subject = "faces" if camera.role is CameraRole.SHELF and reads_faces else "people"
        self.faced = tuple(faces_of) if self.subject == "faces" else ()
        self.now_s = 0.0
        self._tracker = ByteTracker(tracking)
        self._tracks: list[Track] = []
        self.staff = StaffFilter(
            camera.staff,
            camera.size,
            marks,
            objection=camera.objection,
            faces=self.subject == "faces",
        )
        self.dropped: frozenset[int] = frozenset()
        self._paths = Paths(faces=self.subject == "faces")
        self._centres: dict[str, tuple[float, float]] = {}
        self._small: NDArray[np.uint8] | None = None
        self._looked_s = float("-inf")
        self._people_every_s = people_every_s
        self._moving = moving
        self._zones: dict[str, Zone] = {}

    @property
    def tracks(self) -> tuple[Track, ...]:
        """Everybody who is followed now."""
        return tuple(self._tracks)

    @property
    def is_calibrated(self) -> bool:
        """Whether the camera still stands where its facings were drawn."""
        return all(reader.is_calibrated for reader in self.readers)

    def tasks(self, frame: Frame) -> frozenset[str]:
        """What is worth running on a frame: nothing, while nothing moves and nobody is there."""
        self.now_s = frame.t_s
        for reader in self.readers if not self._centres else ():
            outline = self._outline(reader.fixture, frame)
            self._centres[reader.fixture.id] = polygon_centre(outline)
        moved = self._moved(frame)
        due = frame.t_s - self._looked_s >= self._people_every_s
        wanted = set()
        if moved or self._tracks or due:
            wanted.add(self.subject)
            self._looked_s = frame.t_s
        if moved and any(reader.busy for reader in self.readers):
            wanted.add("hands")
        return frozenset(wanted)

    def hand_regions(self, frame: Frame) -> list[Box]:
        """Where hands are looked for: round the fixtures where something is going on."""
        return [
            region_round([self._outline(reader.fixture, frame)], HAND_MARGIN, frame.size)
            for reader in self.readers
            if reader.busy
        ]

    def face_regions(self, frame: Frame) -> list[Box]:
        """Where faces are looked for: in the zones drawn in this camera's picture, which are found
        better and faster than the whole; everywhere (none) where a fixture has no zone in it.
        """
        own = [f for f in self.faced if f.camera == self.camera.id and f.polygon]
        if len(own) < len(self.faced):
            return []
        return [region_round([self._outline(f, frame)], FACE_MARGIN, frame.size) for f in own]

    def track(self, detections: Detections, frame: Frame) -> list[Track]:
        """Follows this camera's subject, also who is left alone; without a look at it the tracks
        stay as they are.
        """
        if self.subject in detections.ran:
            found = detections.faces if self.subject == "faces" else detections.people
            boxes = np.array([one.box for one in found], dtype=np.float64).reshape(-1, 4)
            scores = np.array([one.score for one in found], dtype=np.float64)
            self._tracks = self._tracker.update(boxes, scores, frame.t_s)
            self.staff.shoppers(frame, self._tracks, detections)
            people = detections.people if self.subject == "people" else ()
            self._paths.add(frame.t_s, self._tracks, people)
        return self._tracks

    def moves(self, found: Interaction) -> frozenset[str]:
        """How the body of an interaction's visit moved, as codes."""
        centre = self._centres.get(found.fixture)
        return self._paths.moves(found, self.now_s, centre) if centre else frozenset()

    def before(self, fixture: Fixture, frame: Frame) -> list[Track]:
        """Face tracks that stand before a fixture, also of those who are left alone."""
        zone = self._zones.get(fixture.id)
        if zone is None:
            own = fixture.camera == self.camera.id
            outline = self._outline(fixture, frame) if own else ()
            zone = self._zones[fixture.id] = Zone(outline)
        return [track for track in self._tracks if zone.holds_face(track.box)]

    def _outline(self, fixture: Fixture, frame: Frame) -> tuple[tuple[float, float], ...]:
        width, height = self.camera.size
        whole = ((0.0, 0.0), (float(width), 0.0), (float(width), float(height)), (0.0, height))
        return fit_polygon(fixture.polygon or whole, self.camera.size, frame.size)

    def _moved(self, frame: Frame) -> bool:
        """Whether something moves round any fixture since the frame before."""
        small = _reduced(frame.image)
        last, self._small = self._small, small
        if last is None or last.shape != small.shape:
            return True
        steps = cv2.absdiff(small, last) > STEP
        return any(
            float(self._around(reader.fixture, frame, steps).mean()) > self._moving
            for reader in self.readers
        ) or (not self.readers and float(steps.mean()) > self._moving)

    def _around(
        self, fixture: Fixture, frame: Frame, steps: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        if self.camera.id != fixture.camera:
            return steps
        box = region_round([self._outline(fixture, frame)], AROUND, frame.size)
        x0, y0, x1, y1 = (int(v) // 4 for v in box)
        return steps[y0 : y1 + 1, x0 : x1 + 1]


def _reduced(image: Image) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // 4, height // 4), interpolation=cv2.INTER_NEAREST)
    grey = cv2.blur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (3, 3))
    return np.asarray(grey, dtype=np.uint8)

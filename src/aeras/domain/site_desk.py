"""The site desk: what the calibration and planogram pages need from whoever keeps the site file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from aeras.domain.errors import InputError
from aeras.domain.geometry import Box, Point, Polygon


class ConflictError(InputError):
    """The site file has changed since the page was loaded; nothing was written."""


@dataclass(frozen=True, slots=True)
class DraftFacing:
    """A facing as it is being drawn; ``was`` is its id in the site file, None if it is new."""

    id: str
    polygon: Polygon
    item: str | None = None
    was: str | None = None


@dataclass(frozen=True, slots=True)
class DraftFixture:
    """A fixture as it is being drawn; an empty polygon stands for the whole picture.
    ``face_camera_at`` is where its face camera stands, in this picture's pixels.
    """

    id: str
    name: str = ""
    polygon: Polygon = ()
    on_map: Box | None = None
    facings: tuple[DraftFacing, ...] = ()
    was: str | None = None
    face_camera_at: Point | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything the calibration page can change for one camera.

    Attributes:
        points: Rows of four or five numbers, see ``floor.points`` in the site file.
        lines: Points along straight edges, pixels.
        excluded: Zones that no model sees, pixels.
        staff: Zones where only staff stand, pixels.
        fixtures: Those that this camera looks at; one that is left out is removed.
        map_size: Width and height of the floor plan in metres, None to leave it as it is.
    """

    points: tuple[tuple[float, ...], ...] = ()
    lines: tuple[Polygon, ...] = ()
    excluded: tuple[Polygon, ...] = ()
    staff: tuple[Polygon, ...] = ()
    fixtures: tuple[DraftFixture, ...] = ()
    map_size: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class DraftProblem:
    """Something that cannot be saved.

    Attributes:
        at: Where in the draft: ``("fixtures", 0, "facings", 2, "polygon")``; empty where the
            problem lies elsewhere in the site file.
        what: In words, with what to do.
    """

    at: tuple[str | int, ...]
    what: str


@dataclass(frozen=True, slots=True)
class FloorFigures:
    """How good the points are, metres, and what they say of the camera.

    Attributes:
        errors: Of each point: when left out where there are enough points, else as fitted.
        mean_m, max_m: Over the points.
        left_out: Whether ``errors`` are of points that were left out.
        suspect: Index of a point that all others contradict, or None.
        place: The camera's x, y on the map and its height.
        seen: Outline of the floor that it sees, on the map.
        zones: Excluded, then staff zones on the map; empty where one lies above the horizon.
    """

    errors: tuple[float, ...]
    mean_m: float
    max_m: float
    left_out: bool
    suspect: int | None
    place: tuple[float, float, float]
    seen: Polygon
    zones: tuple[Polygon, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What would come of a draft."""

    problems: tuple[DraftProblem, ...]
    floor: FloorFigures | None


@dataclass(frozen=True, slots=True)
class PlanShape:
    """Something on the floor plan: ``outline``, ``unit`` (room, aisle), ``fixture`` or ``opening``;
    corners in metres.
    """

    kind: str
    name: str
    polygon: Polygon


@dataclass(frozen=True, slots=True)
class Plan:
    """The floor plan: its size in metres, what a map file says stands there, and whether there is
    a picture of it. ``sized_by_file``: the size follows from the file and cannot be set.
    """

    size: tuple[float, float] | None
    shapes: tuple[PlanShape, ...] = ()
    has_image: bool = False
    sized_by_file: bool = False


@dataclass(frozen=True, slots=True)
class OpenDraft:
    """A camera on the calibration page.

    Attributes:
        camera: Its id.
        role: ``shelf`` or ``aisle``.
        size: (width, height) in pixels that the draft refers to.
        draft: What the site file says now.
        revision: Of the site file; a save names it.
        items: Id and name of each item.
        items_elsewhere: A planogram file says what stands where: items cannot be set here.
        planned: Item id by facing id, as the planogram of now says.
        others: Fixtures of other cameras on the map, id, name and box, for orientation.
        plan: The floor plan.
        face_cameras: Fixture id and the camera that sees the faces before it, where that is another
            one.
    """

    camera: str
    role: str
    size: tuple[int, int]
    draft: Draft
    revision: str
    items: tuple[tuple[str, str], ...]
    items_elsewhere: bool
    planned: tuple[tuple[str, str | None], ...]
    others: tuple[tuple[str, str, Box], ...]
    plan: Plan
    face_cameras: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CameraCalibration:
    """One line of the list of cameras: ``mean_m`` is None while it is not calibrated."""

    id: str
    role: str
    mean_m: float | None
    points: int
    fixtures: int
    facings: int


@dataclass(frozen=True, slots=True)
class Saved:
    """A save that was done: the file's new revision and the cameras that start again for it."""

    revision: str
    restarting: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanogramVersion:
    """One version for the list: ``valid`` now, ``past`` or ``coming``; times are UTC."""

    id: str
    valid_from: datetime | None
    valid_to: datetime | None
    facings: int
    state: str


@dataclass(frozen=True, slots=True)
class PlanogramChange:
    """A facing whose item, or whether it is on promotion, differs between two versions; None where
    nothing stands.
    """

    facing: str
    before: str | None
    after: str | None
    promoted: tuple[bool, bool] = (False, False)


@dataclass(frozen=True, slots=True)
class Import:
    """What an import did, or why it did nothing: sentences on all that is wrong."""

    added: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    restarting: tuple[str, ...] = ()


class SiteDesk(Protocol):
    """Reads and changes the site file. Methods may be called from any thread."""

    def cameras(self) -> list[CameraCalibration]:
        """All cameras of the site file."""

    def open(self, camera: str) -> OpenDraft:
        """A camera as it stands in the site file; InputError if there is none of that name."""

    def check(self, camera: str, draft: Draft) -> Checked:
        """What is wrong with a draft, and how good its points are. Changes nothing."""

    def save(self, camera: str, draft: Draft, revision: str, who: str) -> Saved:
        """Writes a draft to the site file and starts the cameras concerned again.

        Raises ConflictError if the file has changed since, InputError if the draft is not valid.
        """

    def plan_image(self) -> tuple[bytes, str] | None:
        """The floor plan's picture and media type, safe to show; None without one."""

    def planograms(self) -> list[PlanogramVersion]:
        """All versions, in their order in time."""

    def compare(self, before: str, after: str) -> list[PlanogramChange]:
        """What differs between two versions; InputError if there is none of that name."""

    def import_planogram(self, text: str, name: str, who: str) -> Import:
        """Adds the versions of a CSV or JSON text; nothing is written if anything is wrong."""

    def export_planogram(self, kind: str) -> str:
        """All versions as ``csv`` or ``json``."""


def close_ring(points: Sequence[Point]) -> tuple[Point, ...]:
    """The corners without a last one that only repeats the first."""
    ring = tuple(points)
    return ring[:-1] if len(ring) > 1 and ring[0] == ring[-1] else ring

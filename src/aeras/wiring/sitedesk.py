"""Implements the site desk: drafts of the calibration page and planogram files to the site file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml.error import YAMLError

from aeras.config import (
    CameraSection,
    FixtureSection,
    SiteFile,
    SiteFileError,
    calibration,
    floor_map,
    read_planograms,
    read_site_text,
)
from aeras.domain.errors import AerasError, InputError
from aeras.domain.geometry import as_polygon
from aeras.domain.site_desk import (
    CameraCalibration,
    Checked,
    Draft,
    DraftFacing,
    DraftFixture,
    DraftProblem,
    FloorFigures,
    Import,
    OpenDraft,
    Plan,
    PlanogramChange,
    PlanogramVersion,
    Saved,
)
from aeras.shelf.floor import fit_floor, on_map
from aeras.shelf.mapfile import drawing
from aeras.shelf.planogram import Version, as_csv, as_json, compare, valid_at
from aeras.wiring.planograms import import_versions, rows_for
from aeras.wiring.sitefile import Document, read_text, revision_of, write_text

At = tuple[str | int, ...]
_State = tuple[tuple[int, int, int], ...]


class _Drawn(NamedTuple):
    """A floor plan's picture, and what it was made from."""

    text: str
    source: Path
    state: _State
    picture: tuple[bytes, str] | None


class SiteFileDesk:
    """Implements `aeras.domain.site_desk.SiteDesk` over a site file.

    Args:
        path: The site file.
        clock: The present moment in UTC.
        reload: Takes the changed file into use; gives the cameras that start again.
        stream: Size of the pictures that a camera sends now, None if it is not known.
        changed: Told who has changed what, once it is written (for an audit log).
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime],
        reload: Callable[[], Sequence[str]] = tuple,
        stream: Callable[[str], tuple[int, int] | None] = lambda _: None,
        changed: Callable[[str, str], None] = lambda _who, _what: None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._reload = reload
        self._stream = stream
        self._changed = changed
        self._turn = threading.Lock()
        self._drawn: _Drawn | None = None

    # --- cameras ---------------------------------------------------------------------------

    def cameras(self) -> list[CameraCalibration]:
        """All cameras of the site file."""
        file = self._file(read_text(self._path))
        found = []
        for camera in file.cameras:
            own = [fixture for fixture in file.fixtures if fixture.camera == camera.id]
            figures = _figures(camera)
            found.append(
                CameraCalibration(
                    id=camera.id,
                    role=str(camera.role),
                    mean_m=figures.mean_m if figures else None,
                    points=len(camera.floor.points) if camera.floor else 0,
                    fixtures=len(own),
                    facings=sum(len(fixture.facings) for fixture in own),
                )
            )
        return found

    def open(self, camera: str) -> OpenDraft:
        """A camera as it stands in the site file; InputError if there is none of that name."""
        text = read_text(self._path)
        file = self._file(text)
        section = _camera(file, camera)
        versions = read_planograms(file, self._path)[0]
        valid = valid_at(versions, self._clock())
        return OpenDraft(
            camera=camera,
            role=str(section.role),
            size=section.size,
            draft=_draft(file, section),
            revision=revision_of(text),
            items=tuple((item.id, item.name) for item in file.items),
            items_elsewhere=file.planogram_file is not None,
            planned=tuple(valid.items.items()) if valid else (),
            others=tuple(
                (f.id, f.name or f.id, f.on_map)
                for f in file.fixtures
                if f.on_map and f.camera != camera
            ),
            plan=self._plan(file),
            face_cameras=tuple(
                (f.id, f.face_camera)
                for f in file.fixtures
                if f.face_camera and f.camera == camera != f.face_camera
            ),
        )

    def check(self, camera: str, draft: Draft) -> Checked:
        """What is wrong with a draft, and how good its points are. Changes nothing."""
        return self._checked(read_text(self._path), camera, draft)[1]

    def save(self, camera: str, draft: Draft, revision: str, who: str) -> Saved:
        """See `aeras.domain.site_desk.SiteDesk.save`."""
        with self._turn:
            text, checked = self._checked(read_text(self._path), camera, draft)
            if checked.problems:
                first = checked.problems[0]
                raise InputError(first.what, todo="Correct it and save again")
            write_text(self._path, text, revision=revision)
            return Saved(revision_of(text), self._take(who, f"calibration of {camera}"))

    def _take(self, who: str, what: str) -> tuple[str, ...]:
        """Tells of a change that is written and takes it into use; the cameras that start again."""
        self._changed(who, what)
        return tuple(self._reload())

    def _checked(self, text: str, camera: str, draft: Draft) -> tuple[str, Checked]:
        """The text that a draft would make of the site file, and what is wrong with it."""
        document = _document(text, self._path)
        number, size = _number_of(document, camera)
        try:
            places = document.apply(camera, draft, size, self._stream(camera))
        except (AttributeError, KeyError, TypeError):
            raise InputError(
                "the site file has a shape that this page cannot change",
                where=str(self._path),
                todo="Run `aeras check` on it",
            ) from None
        new = document.text()
        file, errors = read_site_text(self._path, new)
        problems = tuple(
            DraftProblem(_place(getattr(e, "location", ()), number, places), _sentence(e))
            for e in errors
        )
        floor = _figures(_camera(file, camera)) if file else None
        return new, Checked(problems, floor)

    def _file(self, text: str) -> SiteFile:
        file, errors = read_site_text(self._path, text)
        serious = [e for e in errors if file is None or not isinstance(e, SiteFileError)]
        if file is None or serious:
            raise InputError(errors[0].what, where=errors[0].where, todo="Run `aeras check` on it")
        return file

    # --- the floor plan ---------------------------------------------------------------------

    def plan_image(self) -> tuple[bytes, str] | None:
        """The floor plan's picture and media type, safe to show; None without one.

        Every open store map asks for it: made anew only once the site file or the plan's changed.
        """
        text, held = read_text(self._path), self._drawn
        if held and held.text == text and held.state == _state_of(held.source):
            return held.picture
        file = self._file(text)
        if file.map is None or file.map.image is None:
            return None
        source = self._path.parent / file.map.image
        state = _state_of(source)  # before it is read: a change in between is seen the next time
        found = floor_map(file, self._path)
        picture = (found.image or drawing(found.plan)) if found else None
        self._drawn = _Drawn(text, source, state, picture)
        return picture

    def _plan(self, file: SiteFile) -> Plan:
        found = floor_map(file, self._path)
        return found.plan if found else Plan(file.map.size if file.map else None)

    # --- planograms -------------------------------------------------------------------------

    def planograms(self) -> list[PlanogramVersion]:
        """All versions, in their order in time."""
        now = self._clock()
        return [
            PlanogramVersion(v.id, v.valid_from, v.valid_to, len(v.items), _state(v, now))
            for v in self._versions()[1]
        ]

    def compare(self, before: str, after: str) -> list[PlanogramChange]:
        """What differs between two versions; InputError if there is none of that name."""
        known = {version.id: version for version in self._versions()[1]}
        for name in (before, after):
            if name not in known:
                raise InputError(f"no version {name[:64]!r} is kept", todo="Choose one of the list")
        changes = compare(known[before], known[after])
        return [PlanogramChange(c.facing, c.before, c.after, c.promoted) for c in changes]

    def import_planogram(self, text: str, name: str, who: str) -> Import:
        """Adds the versions of a CSV or JSON text; nothing is written if anything is wrong."""
        with self._turn:
            made = import_versions(self._path, text, where=name)
            if made.faults:
                return Import(faults=made.faults)
            made.write()
            restarting = self._take(who, f"planogram {', '.join(made.added)}")
            return Import(added=made.added, restarting=restarting)

    def export_planogram(self, kind: str) -> str:
        """All versions as ``csv`` or ``json``."""
        file, versions = self._versions()
        rows = rows_for(file, versions)
        return as_json(rows) if kind == "json" else as_csv(rows)

    def _versions(self) -> tuple[SiteFile, tuple[Version, ...]]:
        file = self._file(read_text(self._path))
        return file, read_planograms(file, self._path)[0]


# --- from the file to a draft -------------------------------------------------------------------


def _draft(file: SiteFile, camera: CameraSection) -> Draft:
    floor = camera.floor
    own = [fixture for fixture in file.fixtures if fixture.camera == camera.id]
    return Draft(
        points=tuple(tuple(point) for point in floor.points) if floor else (),
        lines=tuple(as_polygon(line) for line in floor.lines) if floor else (),
        excluded=tuple(as_polygon(zone) for zone in camera.excluded),
        staff=tuple(as_polygon(zone) for zone in camera.staff),
        fixtures=tuple(_fixture(fixture) for fixture in own),
        map_size=None,
    )


def _fixture(fixture: FixtureSection) -> DraftFixture:
    return DraftFixture(
        id=fixture.id,
        name=fixture.name or fixture.id,
        polygon=as_polygon(fixture.polygon or ()),
        on_map=fixture.on_map,
        facings=tuple(
            DraftFacing(f.id, as_polygon(f.polygon or ()), f.item, f.id) for f in fixture.facings
        ),
        was=fixture.id,
        face_camera_at=fixture.face_camera_at,
    )


def _camera(file: SiteFile, name: str) -> CameraSection:
    for camera in file.cameras:
        if camera.id == name:
            return camera
    raise InputError(f"no camera {name[:64]!r} at this site", todo="See /calibration for those")


# --- what is wrong ------------------------------------------------------------------------------


def _document(text: str, path: Path) -> Document:
    try:
        return Document(text)
    except YAMLError:
        raise InputError(
            "not valid YAML", where=str(path), todo="Run `aeras check` on it"
        ) from None


def _number_of(document: Document, camera: str) -> tuple[int, Sequence[int]]:
    rows = document.data.get("cameras") or []
    for number, row in enumerate(rows):
        if row.get("id") == camera:
            return number, [int(side) for side in row["size"]]
    raise InputError(f"no camera {camera[:64]!r} at this site", todo="See /calibration for those")


def _place(location: At, camera: int, places: Sequence[int]) -> At:
    """Where in the draft a problem of the file lies."""
    head, rest = location[:2], location[2:]
    if head == ("cameras", camera):
        return rest[1:] if rest[:1] == ("floor",) else rest
    if head[:1] == ("fixtures",) and len(head) > 1 and head[1] in places:
        return ("fixtures", places.index(int(head[1])), *rest)
    return ("map_size",) if head[:1] == ("map",) else ()


def _sentence(error: AerasError) -> str:
    """The problem without the line of a file that is not written yet."""
    return f"{error.what}. {error.todo}" if error.todo else error.what


def _figures(camera: CameraSection) -> FloorFigures | None:
    try:
        marks, lens = calibration(camera)
        if not marks:
            return None
        floor = fit_floor(marks, camera.size, lens)
    except InputError:
        return None
    zones = [as_polygon(zone) for zone in (*camera.excluded, *camera.staff)]
    errors = floor.errors
    return FloorFigures(
        errors=tuple(round(error, 3) for error in errors.each_m),
        mean_m=round(errors.mean_m, 3),
        max_m=round(errors.max_m, 3),
        left_out=bool(errors.left_out),
        suspect=errors.suspect,
        place=floor.place,
        seen=floor.seen_floor(),
        zones=tuple(on_map(floor, zone) for zone in zones),
    )


def _state_of(path: Path) -> _State:
    """Changes whenever a file, or one in a folder, does; empty if there is none."""
    try:
        files = [path, *sorted(path.iterdir())] if path.is_dir() else [path]
        return tuple((s.st_ino, s.st_ctime_ns, s.st_size) for s in (f.stat() for f in files))
    except OSError:
        return ()


def _state(version: Version, now: datetime) -> str:
    if version.holds(now):
        return "valid"
    return "past" if version.valid_to and version.valid_to <= now else "coming"

"""Changes the site file by program and leaves the rest of it as its author wrote it.

Comments, order and style are kept by a round-trip YAML reader; the file is written whole beside
the old one and then takes its place, and the old one stays as ``<name>.bak``.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from aeras.domain.errors import ConfigError
from aeras.domain.geometry import Polygon
from aeras.domain.site_desk import ConflictError, Draft, DraftFacing, DraftFixture


def revision_of(text: str) -> str:
    """Names a text; two different ones never share it."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def read_text(path: Path) -> str:
    """The file as it stands; ConfigError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=str(path)) from None


def write_text(path: Path, text: str, *, revision: str) -> None:
    """Puts a text in the place of a file, all or nothing, and keeps the old one as ``.bak``.

    Args:
        path: The file; a link is followed.
        text: What it is to hold.
        revision: Of the text it holds now.

    Raises:
        ConflictError: It has been changed in between; nothing is written.
        ConfigError: The folder cannot be written or the disk is full; the old file stays.
    """
    path = path.resolve()
    if revision_of(read_text(path)) != revision:
        raise ConflictError(
            "the site file has been changed since this page was loaded; nothing was written",
            where=str(path),
            todo="Load the page again and repeat your changes",
        )
    replace_file(path, text)


def replace_file(path: Path, text: str) -> None:
    """Writes a file whole; what was there before stays beside it as ``.bak``."""
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
            shutil.copy2(path, path.with_name(path.name + ".bak"))
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(
            f"cannot be written: {error.strerror}; the old file is unchanged",
            where=str(path),
            todo="Free some space, or let the user who runs AERAS write to its folder",
        ) from None


class Document:
    """A site file that is being changed."""

    def __init__(self, text: str) -> None:
        self._yaml = YAML(typ="rt")
        self._yaml.preserve_quotes = True
        self._yaml.width = 4096  # long rows of points stay on their line
        dash = re.search(r"^( *)- ", text, re.MULTILINE)
        offset = len(dash[1]) if dash else 2
        self._yaml.indent(mapping=2, sequence=2 + offset, offset=offset)
        self.data: CommentedMap = self._yaml.load(text)

    def text(self) -> str:
        """The file with the changes."""
        out = io.StringIO()
        self._yaml.dump(self.data, out)
        return out.getvalue()

    def camera(self, name: str) -> CommentedMap:
        """The section of a camera; KeyError if there is none."""
        for camera in self.data.get("cameras") or ():
            if camera.get("id") == name:
                found: CommentedMap = camera
                return found
        raise KeyError(name)

    def apply(
        self, name: str, draft: Draft, size: Sequence[int], stream: Sequence[int] | None
    ) -> list[int]:
        """Writes a draft into the sections of its camera and of the fixtures it looks at.

        Args:
            name: The camera.
            draft: What is to stand there.
            size: The camera's size in pixels, noted beside new points.
            stream: Size of the pictures that it sends, likewise.

        Returns:
            For each fixture of the draft its number in the file's list.
        """
        camera = self.camera(name)
        if draft.map_size:
            section = self.data.setdefault("map", _flow({}))
            _put(section, "size", _numbers(draft.map_size))
        for key, zones in (("excluded", draft.excluded), ("staff", draft.staff)):
            _put(camera, key, [_corners(zone) for zone in zones] or None)
        self._put_floor(camera, draft, size, stream)
        return self._put_fixtures(name, draft.fixtures)

    def _put_floor(
        self, camera: CommentedMap, draft: Draft, size: Sequence[int], stream: Sequence[int] | None
    ) -> None:
        floor = camera.get("floor") or CommentedMap()
        points = [_numbers(point, digits=3) for point in draft.points]
        lines = [_corners(line) for line in draft.lines]
        if _plain(floor.get("points")) == points and _plain(floor.get("lines") or []) == lines:
            return
        if not points and not lines:
            camera.pop("floor", None)
            return
        new = CommentedMap(size=_flow_row(size))
        if stream:
            new["stream"] = _flow_row(stream)
        new["points"] = _rows(points)
        if lines:
            new["lines"] = _rows(lines)
        camera["floor"] = new
        self._spread(camera)

    def _spread(self, camera: CommentedMap) -> None:
        """Writes a camera over several lines; a comment behind its one line goes above it."""
        rows: CommentedSeq = self.data["cameras"]
        number = next(n for n, row in enumerate(rows) if row is camera)
        behind = (rows.ca.items.get(number) or [None])[0]
        if camera.fa.flow_style() and behind:
            if "\n" in behind.value.strip():
                return  # what comes below it hangs on it: the long line stays one
            del rows.ca.items[number]
            words = behind.value.strip().removeprefix("#").strip()
            indent = int(rows.lc.item(number)[1]) - 2
            rows.yaml_set_comment_before_after_key(number, before=words, indent=max(0, indent))
        camera.fa.set_block_style()

    def _put_fixtures(self, name: str, wanted: Sequence[DraftFixture]) -> list[int]:
        if not self.data.get("fixtures"):
            if not wanted:
                return []
            self.data["fixtures"] = CommentedSeq()
        rows: CommentedSeq = self.data["fixtures"]
        kept = {fixture.was for fixture in wanted}
        for row in [r for r in rows if r.get("camera") == name and r.get("id") not in kept]:
            rows.remove(row)
        for fixture in wanted:
            row = next((r for r in rows if r.get("id") == fixture.was and fixture.was), None)
            if row is None:
                row = CommentedMap(id=_text(fixture.id))
                rows.append(row)
            _fill_fixture(row, fixture, name)
        places = {row["id"]: number for number, row in enumerate(rows)}
        return [places[fixture.id] for fixture in wanted]

    def use_planogram_file(self, name: str) -> None:
        """Lets a file say what stands where: the facings name no items any more."""
        for fixture in self.data.get("fixtures") or ():
            for facing in fixture.get("facings") or ():
                facing.pop("item", None)
        if "planogram" in self.data:
            place = list(self.data).index("planogram")
            self.data.pop("planogram")
            self.data.insert(place, "planogram_file", _text(name))
        else:
            self.data["planogram_file"] = _text(name)


def _fill_fixture(row: CommentedMap, fixture: DraftFixture, camera: str) -> None:
    if row["id"] != fixture.id:
        row["id"] = _text(fixture.id)
    if fixture.name != (row.get("name") or row["id"]):
        _put(row, "name", _text(fixture.name) if fixture.name else None)
    _put(row, "camera", _text(camera))
    _put(row, "polygon", _corners(fixture.polygon) or None)
    _put(row, "on_map", _numbers(fixture.on_map) if fixture.on_map else None)
    stands = fixture.face_camera_at
    _put(row, "face_camera_at", _numbers(stands, digits=1) if stands else None)
    old = {facing["id"]: facing for facing in row.get("facings") or ()}
    new = [_facing_row(old.get(f.was or ""), f) for f in fixture.facings]
    if not new:
        row.pop("facings", None)
    elif [facing.get("id") for facing in row.get("facings") or ()] == [f["id"] for f in new]:
        return  # the rows themselves were changed in place
    else:
        facings: CommentedSeq = row.get("facings") or CommentedSeq()
        for facing in [f for f in facings if not any(f is kept for kept in new)]:
            facings.remove(facing)
        for facing in new:
            if not any(facing is kept for kept in facings):
                facings.append(facing)
        facings.fa.set_block_style()
        row["facings"] = facings


def _facing_row(row: CommentedMap | None, facing: DraftFacing) -> CommentedMap:
    if row is None:
        row = _flow({"id": _text(facing.id)})
    if row["id"] != facing.id:
        row["id"] = _text(facing.id)
    _put(row, "item", _text(facing.item) if facing.item else None)
    _put(row, "polygon", _corners(facing.polygon) or None)
    return row


# --- values -----------------------------------------------------------------------------------


def _put(section: CommentedMap, key: str, value: Any) -> None:
    """Sets a key, but leaves it as it is written where it holds the same already."""
    if value is None:
        section.pop(key, None)
    elif _plain(section.get(key)) != value:
        section[key] = _flow_row(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _numbers(values: Iterable[float], *, digits: int = 2) -> list[Any]:
    """Rounded to the centimetre or hundredth of a pixel, whole numbers without a point."""
    return [
        int(v) if float(v).is_integer() else v for v in (round(float(x), digits) for x in values)
    ]


def _corners(polygon: Polygon) -> list[list[Any]]:
    return [_numbers(corner, digits=1) for corner in polygon]


def _flow_row(values: Iterable[Any]) -> CommentedSeq:
    row = CommentedSeq(_flow_row(v) if isinstance(v, list | tuple) else v for v in values)
    row.fa.set_flow_style()
    return row


def _rows(values: Iterable[Any]) -> CommentedSeq:
    return CommentedSeq(_flow_row(v) for v in values)


def _flow(values: dict[str, Any]) -> CommentedMap:
    section = CommentedMap(values)
    section.fa.set_flow_style()
    return section


def _text(value: str) -> str:
    """A text in quotes where YAML would read it as something else (``on``, ``1``)."""
    try:
        same = yaml.safe_load(f"[{value}]") == [value]
    except yaml.YAMLError:
        same = False
    return value if same else DoubleQuotedScalarString(value)

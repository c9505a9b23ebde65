"""Floor plans: SVG, PNG or JPEG to draw beneath, GeoJSON and IMDF to read shapes from.

SVG is rebuilt from a list of allowed elements and attributes, so that no script, link, style sheet
or outside address survives. GeoJSON may be in metres or in degrees (RFC 7946); degrees are laid
flat round their middle and turned so that the outline's longest side is level. IMDF (OGC 20-094)
is a folder or ZIP of such files, of which one level is read.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from xml.parsers import expat

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon
from aeras.domain.site_desk import Plan, PlanShape, close_ring

Floats = NDArray[np.float64]

MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_ELEMENTS, MAX_DEPTH = 20_000, 100
MAX_SHAPES = 5_000
LARGEST_M, SMALLEST_M = 2_000.0, 1.0
DEGREES = 0.1
"""A plan no wider than this is in degrees: as metres it would be a matchbox."""
EARTH_M, FLATTENING = 6_378_137.0, 1 / 298.257223563
"""WGS 84's semi-major axis, and its flattening."""
IMDF_FILES = ("footprint", "level", "unit", "fixture", "kiosk", "opening")
KINDS = {"footprint": "outline", "level": "outline", "kiosk": "fixture"}


@dataclass(frozen=True, slots=True)
class FloorMap:
    """A floor plan that was read: the plan, and its picture with media type if it has one."""

    plan: Plan
    image: tuple[bytes, str] | None = None


def read_map(path: Path, size: tuple[float, float] | None) -> FloorMap:
    """Reads a floor plan.

    Args:
        path: ``.svg``, ``.png``, ``.jpg``, ``.geojson``/``.json``, or an IMDF folder or ``.zip``.
        size: Width and height in metres that an SVG or picture is stretched to.

    Raises:
        InputError: The file is of no such kind, too large, damaged, or has no size.
    """
    kind = "imdf" if path.is_dir() else path.suffix.lower().lstrip(".")
    readers = {"geojson": _geojson, "json": _geojson, "imdf": _imdf, "zip": _imdf}
    if kind in readers:
        return FloorMap(_plan_of(readers[kind](path), str(path)))
    if kind not in {"svg", "png", "jpg", "jpeg"}:
        raise _unusable(
            f"no floor plan of the kind {path.suffix or 'without ending'}",
            path,
            "Give an SVG, PNG, JPEG, GeoJSON or IMDF file",
        )
    if size is None:
        raise _unusable("a picture has no size of its own", path, "Set map.size in metres")
    if kind == "svg":
        picture, shapes = read_svg(_bytes(path), size, where=str(path))
        return FloorMap(Plan(size, shapes, True), (picture, "image/svg+xml"))
    return FloorMap(Plan(size, (), True), _picture(path))


def drawing(plan: Plan) -> tuple[bytes, str] | None:
    """The outlines of a plan that has no picture of its own, as SVG; None without a size."""
    if plan.size is None:
        return None
    width, height = plan.size
    box = {"viewBox": f"0 0 {width:g} {height:g}", "preserveAspectRatio": "none"}
    root = ET.Element(f"{{{SVG_NS}}}svg", box)
    for shape in plan.shapes:
        corners = " ".join(f"{x:g},{y:g}" for x, y in shape.polygon)
        line = {"fill": "none", "stroke": "#000", "stroke-width": f"{max(plan.size) / 400:g}"}
        ET.SubElement(root, f"{{{SVG_NS}}}polygon", {"points": corners, **line})
    ET.register_namespace("", SVG_NS)
    return ET.tostring(root, encoding="utf-8"), "image/svg+xml"


def _unusable(what: str, where: object, todo: str) -> InputError:
    return InputError(what, where=str(where), todo=todo)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unusable(
                f"larger than {MAX_BYTES // 2**20} MB", path, "Simplify the drawing or shrink it"
            )
        return path.read_bytes()
    except OSError as error:
        raise _unusable(f"cannot be read: {error.strerror}", path, "Check map.image") from None


def _picture(path: Path) -> tuple[bytes, str]:
    """A picture made anew: what else the file held (place, comments) is gone."""
    data = _bytes(path)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape[0] * image.shape[1] > MAX_PIXELS:
        raise _unusable("no readable PNG or JPEG picture", path, "Save the plan anew as PNG")
    return bytes(cv2.imencode(".png", image)[1]), "image/png"


# --- SVG ----------------------------------------------------------------------------------------

SVG_NS = "http://www.w3.org/2000/svg"
INKSCAPE_LABEL = "{http://www.inkscape.org/namespaces/inkscape}label"
_ELEMENTS = "svg g path rect circle ellipse line polyline polygon text tspan title desc"
_ATTRIBUTES = """
id d x y x1 y1 x2 y2 cx cy r rx ry width height points transform viewBox fill stroke opacity
fill-opacity stroke-opacity stroke-width stroke-linecap stroke-linejoin stroke-dasharray fill-rule
font-size font-family font-weight text-anchor dx dy preserveAspectRatio
"""
ELEMENTS = frozenset(_ELEMENTS.split())
ATTRIBUTES = frozenset(_ATTRIBUTES.split())
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def read_svg(
    data: bytes, size: tuple[float, float], *, where: str
) -> tuple[bytes, tuple[PlanShape, ...]]:
    """A safe copy of a drawing, and what in it has a name.

    Args:
        data: The file.
        size: Metres that its view box is stretched to.
        where: Named in errors.

    Returns:
        The copy, and its rectangles, polygons and straight paths with an id or label as fixtures
        (as outline where it is ``outline`` or ``floor``), in metres.

    Raises:
        InputError: No SVG, one with a document type, or too many elements.
    """
    root = _parse_svg(data, where)
    left, top, width, height = _view_box(root, where)
    to_metres = np.array([[size[0] / width, 0, -left * size[0] / width],
                          [0, size[1] / height, -top * size[1] / height], [0, 0, 1]])  # fmt: skip
    shapes: list[PlanShape] = []
    clean = _cleaned(root, to_metres, shapes)
    clean.set("viewBox", f"{left:g} {top:g} {width:g} {height:g}")
    clean.set("preserveAspectRatio", "none")
    for name in ("width", "height"):
        clean.attrib.pop(name, None)
    ET.register_namespace("", SVG_NS)
    return ET.tostring(clean, encoding="utf-8"), tuple(shapes[:MAX_SHAPES])


def _parse_svg(data: bytes, where: str) -> ET.Element:
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate(namespace_separator="}")
    count = depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count, depth
        count, depth = count + 1, depth + 1
        if count > MAX_ELEMENTS or depth > MAX_DEPTH:
            raise _unusable("too many or too deeply nested parts", where, "Simplify the drawing")
        builder.start(_braced(name), {_braced(k): v for k, v in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_braced(name))

    def refuse(*_: object) -> None:
        # Entities are how a small file grows without bound or reads other files.
        raise _unusable("a document type is not allowed", where, "Save it as plain SVG")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
        root = builder.close()
    except (expat.ExpatError, AssertionError) as error:
        raise _unusable(f"not valid SVG: {error}", where, "Save it anew as plain SVG") from None
    if root.tag != f"{{{SVG_NS}}}svg":
        raise _unusable("not an SVG drawing", where, "Save it anew as plain SVG")
    return root


def _braced(name: str) -> str:
    return "{" + name if "}" in name else name


def _view_box(root: ET.Element, where: str) -> tuple[float, float, float, float]:
    numbers = [float(n) for n in re.findall(_NUMBER, root.get("viewBox", ""))]
    if len(numbers) != 4:  # noqa: PLR2004 - left, top, width, height
        sides = [re.match(_NUMBER, root.get(name, "")) for name in ("width", "height")]
        numbers = [0.0, 0.0, *(float(m[0]) if m else 0.0 for m in sides)]
    left, top, width, height = numbers
    if not (width > 0 and height > 0 and all(map(math.isfinite, numbers))):
        raise _unusable("the drawing has no view box and no size", where, "Give it a viewBox")
    return left, top, width, height


def _cleaned(node: ET.Element, matrix: Floats, shapes: list[PlanShape]) -> ET.Element:
    """A copy of what is allowed; notes named shapes on the way."""
    local = node.tag.rsplit("}", 1)[-1]
    kept = ET.Element(f"{{{SVG_NS}}}{local}")
    declared = dict(part.split(":", 1) for part in node.get("style", "").split(";") if ":" in part)
    styles = {key.strip(): value.strip() for key, value in declared.items()}
    for key, value in {**styles, **node.attrib}.items():
        if key in ATTRIBUTES and not re.search(r"url\s*\(|:|\\", value, re.IGNORECASE):
            kept.set(key, value)
    matrix = matrix @ _transform(node.get("transform", ""))
    _note_shape(node, local, matrix, shapes)
    kept.text, kept.tail = (
        (node.text if local in {"text", "tspan", "title", "desc"} else None),
        None,
    )
    for child in node:
        inside = child.tag.startswith(f"{{{SVG_NS}}}") and child.tag.rsplit("}", 1)[-1] in ELEMENTS
        if inside:
            kept.append(_cleaned(child, matrix, shapes))
    return kept


def _note_shape(node: ET.Element, local: str, matrix: Floats, shapes: list[PlanShape]) -> None:
    name = (node.get(INKSCAPE_LABEL) or node.get("id") or "").strip()[:64]
    corners = _corners_of(node, local) if name else []
    if len(corners) < 3:  # noqa: PLR2004 - a polygon
        return
    points = np.column_stack([np.array(corners), np.ones(len(corners))]) @ matrix.T
    kind = "outline" if name.lower() in {"outline", "floor", "walls"} else "fixture"
    shapes.append(PlanShape(kind, name, _polygon(points[:, :2])))


def _corners_of(node: ET.Element, local: str) -> list[tuple[float, float]]:
    if local == "rect":
        x, y, w, h = (_number(node.get(name)) for name in ("x", "y", "width", "height"))
        return [(x, y), (x + w, y), (x + w, y + h), (x, y + h)] if w > 0 and h > 0 else []
    if local == "polygon":
        numbers = [float(n) for n in re.findall(_NUMBER, node.get("points", ""))]
        return list(zip(numbers[::2], numbers[1::2], strict=False))
    return _straight_path(node.get("d", "")) if local == "path" else []


def _number(text: str | None) -> float:
    found = re.match(_NUMBER, text or "")
    return float(found[0]) if found else 0.0


def _straight_path(d: str) -> list[tuple[float, float]]:
    """Corners of one closed path of straight lines; nothing for any other."""
    if (
        re.search(r"[CcSsQqTtAa]", d)
        or len(re.findall(r"[Mm]", d)) != 1
        or d.rstrip()[-1:] not in "Zz"
    ):
        return []
    x = y = 0.0
    corners: list[tuple[float, float]] = []
    for command, rest in re.findall(r"([MmLlHhVv])([^MmLlHhVvZz]*)", d):
        numbers = [float(n) for n in re.findall(_NUMBER, rest)]
        step = 1 if command in "HhVv" else 2
        for n in range(0, len(numbers) - step + 1, step):
            dx = numbers[n] if command not in "Vv" else None
            dy = numbers[n + step - 1] if command not in "Hh" else None
            relative = command.islower()
            x = x if dx is None else dx + (x if relative else 0.0)
            y = y if dy is None else dy + (y if relative else 0.0)
            corners.append((x, y))
    return corners


def _transform(text: str) -> Floats:
    matrix: Floats = np.eye(3)
    for name, rest in re.findall(r"(\w+)\s*\(([^)]*)\)", text):
        v = [float(n) for n in re.findall(_NUMBER, rest)]
        matrix = matrix @ _step(name, v)
    return matrix


def _step(name: str, v: Sequence[float]) -> Floats:
    step: Floats = np.eye(3)
    if name == "matrix" and len(v) == 6:  # noqa: PLR2004 - a to f
        step[:2] = np.array(v).reshape(3, 2).T
    elif name == "translate" and v:
        step[:2, 2] = (v[0], v[1] if len(v) > 1 else 0.0)
    elif name == "scale" and v:
        step[0, 0], step[1, 1] = v[0], v[-1]
    elif name == "rotate" and v:
        turn = math.radians(v[0])
        step[:2, :2] = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
        if len(v) == 3:  # noqa: PLR2004 - about a point
            step[:2, 2] = np.array(v[1:]) - step[:2, :2] @ v[1:]
    return step


# --- GeoJSON and IMDF -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Feature:
    kind: str
    name: str
    ring: Floats


def _geojson(path: Path) -> list[_Feature]:
    return list(_features(_json(_bytes(path), path), "fixture"))


def _imdf(path: Path) -> list[_Feature]:
    files = _imdf_files(path)
    if "level" not in files:
        raise _unusable("no level.geojson in it", path, "Give a whole IMDF archive")
    level = _ground_level(_json(files["level"], path), path)
    found: list[_Feature] = []
    for name in IMDF_FILES:
        if name not in files or (name == "footprint"):
            continue
        for feature in _raw(_json(files[name], path)):
            properties = feature.get("properties") or {}
            own = feature.get("id") if name == "level" else properties.get("level_id")
            if own == level:
                found += _features(feature, KINDS.get(name, name))
    return found


def _imdf_files(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        inside = {name: path / f"{name}.geojson" for name in IMDF_FILES}
        return {name: _bytes(file) for name, file in inside.items() if file.is_file()}
    try:
        with zipfile.ZipFile(path) as archive:
            entries = {Path(info.filename).name: info for info in archive.infolist()}
            wanted = {n: entries[f"{n}.geojson"] for n in IMDF_FILES if f"{n}.geojson" in entries}
            if any(info.file_size > MAX_BYTES for info in wanted.values()):
                raise _unusable("a file in it is too large", path, "Simplify the plan")
            return {name: archive.read(info) for name, info in wanted.items()}
    except (OSError, zipfile.BadZipFile) as error:
        raise _unusable(f"no readable ZIP archive: {error}", path, "Pack it again") from None


def _ground_level(data: Any, path: Path) -> Any:
    """The level with ordinal 0, else the one nearest to it."""
    levels = [f for f in _raw(data) if isinstance((f.get("properties") or {}).get("ordinal"), int)]
    if not levels:
        raise _unusable("no level with an ordinal", path, "Give a valid IMDF archive")
    return min(levels, key=lambda f: (abs(f["properties"]["ordinal"]), f["properties"]["ordinal"]))[
        "id"
    ]


def _json(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unusable(f"not valid GeoJSON: {error}", path, "Export it again") from None


def _raw(data: Any) -> list[dict[str, Any]]:
    features = data.get("features", [data]) if isinstance(data, dict) else []
    return [f for f in features if isinstance(f, dict)] if isinstance(features, list) else []


def _features(data: Any, usual: str) -> Iterator[_Feature]:
    for feature in _raw(data)[:MAX_SHAPES]:
        properties = feature.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        kind = str(properties.get("kind") or usual)
        kind = kind if kind in {"outline", "unit", "fixture", "opening"} else usual
        geometry = feature.get("geometry") if "geometry" in feature else feature
        for ring in _rings(geometry):
            yield _Feature(kind, _name(properties), ring)


def _name(properties: Mapping[str, Any]) -> str:
    name = properties.get("name") or properties.get("id") or ""
    if isinstance(name, dict):  # IMDF labels: one a language
        name = name.get("en") or next(iter(name.values()), "")
    return str(name)[:64]


def _rings(geometry: Any) -> Iterator[Floats]:
    """Outer rings of polygons; lines are kept as they are, holes and points left out."""
    if not isinstance(geometry, dict):
        return
    try:
        for part in _parts(str(geometry.get("type")), geometry.get("coordinates")):
            ring = np.array([position[:2] for position in part], dtype=np.float64)
            if ring.ndim == 2 and len(ring) > 1 and np.isfinite(ring).all():  # noqa: PLR2004
                yield ring
    except (KeyError, IndexError, TypeError, ValueError):
        return


def _parts(kind: str, coordinates: Any) -> Iterable[Any]:
    if kind == "Polygon":
        return (coordinates[0],)
    if kind == "MultiPolygon":
        return tuple(polygon[0] for polygon in coordinates)
    return (coordinates,) if kind == "LineString" else ()


def _plan_of(features: Sequence[_Feature], where: str) -> Plan:
    if not features:
        raise _unusable("no shapes in it", where, "Give polygons of the outline and the fixtures")
    everything = np.vstack([f.ring for f in features])
    extent = np.ptp(everything, axis=0)
    flat = [f.ring for f in features]
    if extent.max() <= DEGREES:
        flat = _turned([_projected(ring, everything.mean(axis=0)) for ring in flat], features)
    low = np.vstack(flat).min(axis=0)
    width, height = (float(side) for side in np.ptp(np.vstack(flat), axis=0))
    if not SMALLEST_M <= max(width, height) <= LARGEST_M:
        raise _unusable(
            f"the plan is {width:.3g} x {height:.3g} m, expected a shop", where, "Check its unit"
        )
    shapes = tuple(
        PlanShape(f.kind, f.name, _polygon(ring - low))
        for f, ring in zip(features, flat, strict=True)
    )
    return Plan((round(width, 2), round(height, 2)), shapes, sized_by_file=True)


def _projected(ring: Floats, middle: Floats) -> Floats:
    """Degrees to metres on the plane that touches the ellipsoid in the middle; y downwards."""
    latitude = math.radians(middle[1])
    squeeze = FLATTENING * (2 - FLATTENING)
    bend = 1 - squeeze * math.sin(latitude) ** 2
    east = EARTH_M / math.sqrt(bend) * math.cos(latitude)
    north = EARTH_M * (1 - squeeze) / bend**1.5
    flat: Floats = np.radians(ring - middle) * np.array([east, -north])
    return flat


def _turned(rings: list[Floats], features: Sequence[_Feature]) -> list[Floats]:
    """Turned by at most 45 degrees, so that the outline stands square on the page."""
    outline = [r for r, f in zip(rings, features, strict=True) if f.kind == "outline"] or rings
    box = shapely.minimum_rotated_rectangle(shapely.MultiPoint(np.vstack(outline)))
    if box.geom_type != "Polygon":
        return rings
    sides = np.diff(shapely.get_coordinates(box), axis=0)
    along = sides[int(np.argmax(np.hypot(*sides.T)))]
    angle = math.atan2(along[1], along[0])
    angle -= round(angle / (math.pi / 2)) * math.pi / 2
    cos, sin = math.cos(-angle), math.sin(-angle)
    turn = np.array([[cos, -sin], [sin, cos]])
    return [ring @ turn.T for ring in rings]


def _polygon(points: Floats) -> Polygon:
    return close_ring([(round(float(x), 3), round(float(y), 3)) for x, y in points])

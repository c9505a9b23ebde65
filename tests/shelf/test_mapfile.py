from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import InputError
from aeras.shelf.mapfile import read_map, read_svg

PLAN = """<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" viewBox="0 0 200 100"
 xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" xmlns:x="http://www.w3.org/1999/xlink">
 <rect id="outline" x="0" y="0" width="200" height="100"/>
 <g transform="translate(20 10)"><rect id="r1" inkscape:label="Dairy" x="0" y="0" width="40"
  height="20" onclick="alert(1)" style="fill:#ccc;behavior:url(x)"/></g>
 <path id="till" d="M 100,60 h 20 v 10 h -20 z"/>
 <path id="round" d="M0,0 C1,1 2,2 3,3 Z"/>
 <script>alert(2)</script><style>@import "http://far/";</style><image x:href="http://far/a.png"/>
 <foreignObject><body xmlns="http://www.w3.org/1999/xhtml">hello</body></foreignObject>
 <use x:href="#r1"/><a x:href="javascript:alert(3)"><rect width="1" height="1"/></a>
</svg>"""


def test_a_drawing_is_cleaned_and_its_named_shapes_are_in_metres() -> None:
    clean, shapes = read_svg(PLAN.encode(), (20.0, 10.0), where="plan.svg")
    text = clean.decode()
    for gone in (
        "script",
        "alert",
        "onclick",
        "href",
        "far",
        "url",
        "style",
        "foreign",
        "use",
        "<a",
    ):
        assert gone not in text, gone
    assert 'fill="#ccc"' in text
    found = {shape.name: (shape.kind, shape.polygon) for shape in shapes}
    assert set(found) == {"outline", "Dairy", "till"}
    assert found["outline"][0] == "outline"
    assert found["Dairy"][1] == ((2, 1), (6, 1), (6, 3), (2, 3))
    assert found["till"][1] == ((10, 6), (12, 6), (12, 7), (10, 7))


@given(st.binary(max_size=200))
@settings(max_examples=60, deadline=None)
def test_no_bytes_make_the_reader_fail_otherwise_than_by_refusing(data: bytes) -> None:
    for text in (data, b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'>" + data):
        try:
            read_svg(text, (1, 1), where="x")
        except InputError:
            continue


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "aaa">]><svg/>', "document type"),
        ("<svg>", "not valid SVG"),
        ("<html/>", "not an SVG"),
        ('<svg xmlns="http://www.w3.org/2000/svg"/>', "no view box"),
        (
            '<svg xmlns="http://www.w3.org/2000/svg">' + "<g>" * 200 + "</g>" * 200 + "</svg>",
            "nested",
        ),
    ],
)
def test_a_drawing_that_could_do_harm_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "plan.svg"
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_map(path, (10, 5))


def test_a_picture_loses_what_is_hidden_in_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.png"
    ok, data = cv2.imencode(".png", np.full((40, 60, 3), 200, np.uint8))
    assert ok
    path.write_bytes(bytes(data) + b"GPS 52.5 13.4")
    image = read_map(path, (6, 4)).image
    assert image
    assert image[1] == "image/png"
    assert b"GPS" not in image[0]


def feature(of: str, ring: list[tuple[float, float]], **properties: object) -> dict[str, object]:
    return {
        "type": "Feature",
        "id": properties.pop("id", "x"),
        "feature_type": of,
        "properties": properties,
        "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
    }


def collection(*features: object) -> str:
    return json.dumps({"type": "FeatureCollection", "features": features})


def test_geojson_in_metres_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "plan.geojson"
    outline = feature("", [(5, 5), (17, 5), (17, 13), (5, 13)], kind="outline")
    shelf = feature("", [(6, 6), (9, 6), (9, 7), (6, 7)], name="Shelf")
    path.write_text(collection(outline, shelf))
    plan = read_map(path, None).plan
    assert plan.size == (12, 8)
    assert [(s.kind, s.name) for s in plan.shapes] == [("outline", ""), ("fixture", "Shelf")]
    assert plan.shapes[1].polygon == ((1, 1), (4, 1), (4, 2), (1, 2))


def on_earth(x: float, y: float, turn_deg: float = 30.0) -> tuple[float, float]:
    """A plan's metres (y down), turned, in degrees near Berlin by the usual formulas."""
    a = math.radians(turn_deg)
    east, north = x * math.cos(a) + y * math.sin(a), x * math.sin(a) - y * math.cos(a)
    return 13.4 + east / 67_987.0, 52.5 + north / 111_267.0


def imdf(folder: Path) -> None:
    def ring(x0: float, y0: float, x1: float, y1: float) -> list[tuple[float, float]]:
        return [on_earth(*p) for p in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))]

    ground = feature("level", ring(0, 0, 30, 20), id="L0", ordinal=0)
    above = feature("level", ring(0, 0, 30, 20), id="L1", ordinal=1)
    shelf = feature("fixture", ring(3, 4, 9, 5), level_id="L0", name={"de": "Regal", "en": "Shelf"})
    other = feature("fixture", ring(3, 4, 9, 5), level_id="L1", name=None)
    files = {"level": [above, ground], "fixture": [other, shelf], "unit": []}
    for name, features in files.items():
        (folder / f"{name}.geojson").write_text(collection(*features))


@pytest.mark.parametrize("packed", [False, True])
def test_imdf_is_laid_flat_and_stood_square(tmp_path: Path, packed: bool) -> None:
    source = tmp_path / "venue"
    source.mkdir()
    imdf(source)
    if packed:
        target = tmp_path / "venue.zip"
        with zipfile.ZipFile(target, "w") as archive:
            for file in source.iterdir():
                archive.write(file, f"Archive/{file.name}")
        source = target
    plan = read_map(source, None).plan
    assert plan.size == pytest.approx((30, 20), abs=0.05)
    assert [(s.kind, s.name) for s in plan.shapes] == [("outline", ""), ("fixture", "Shelf")]
    sides = np.ptp(np.array(plan.shapes[1].polygon), axis=0)
    assert tuple(sides) == pytest.approx((6, 1), abs=0.05)
    left, top = np.array(plan.shapes[1].polygon).min(axis=0)
    assert (left, top) == pytest.approx((3, 4), abs=0.1)


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.geojson", "{", "not valid GeoJSON"),
        ("a.geojson", '{"type": "Point", "coordinates": [1, 2]}', "no shapes"),
        ("a.geojson", collection(feature("", [(0, 0), (9e5, 0), (9e5, 9)])), "expected a shop"),
        ("a.zip", "PK", "no readable ZIP"),
        ("a.svg", "<svg/>", "no size of its own"),
        ("a.dwg", "", "no floor plan of the kind .dwg"),
    ],
)
def test_a_plan_that_cannot_be_read_is_refused(
    tmp_path: Path, name: str, text: str, says: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=says):
        read_map(path, None)

# ruff: noqa: RUF001 - the dash that a reader expects
from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aeras.domain.storemap import Layer
from aeras.serve import mapdrawing, render
from tests.serve.conftest import Site, make_site
from tests.serve.test_pages import Findings

SVG = "{http://www.w3.org/2000/svg}"
SHOWS = [
    "/map",
    "/map?layer=visits&by=hour&at=14",
    "/map?layer=stock&by=day&range=30d",
    "/map?layer=sales&vs=before",
    "/map?vs=custom&vs_from=2026-11-01&vs_to=2026-11-07&fixture=drinks",
]


@pytest.mark.parametrize("path", SHOWS)
def test_the_map_keeps_to_the_content_policy_in_every_view(ann: TestClient, path: str):
    answer = ann.get(path)
    assert answer.status_code == 200
    findings = Findings()
    findings.feed(answer.text)
    assert findings.bad == []


def drawn(page: str, facing: str) -> str:
    """Fill and words of a place."""
    found = re.search(rf'fill="([^"]+)"[^>]*data-facing="{facing}"[^>]*><title>(.*?)</title>', page)
    assert found
    return f"{found[1]} {found[2]}"


def test_a_place_shows_value_range_n_and_how_often_it_could_not_tell(ann: TestClient):
    found = drawn(ann.get("/map?range=30d").text, "f5-4")  # Vegan salami
    assert re.search(
        r"^rgb\(.*\) Vegan salami, 46%, \d+% to \d+%, [\d,]+ handlings, could not tell 17%$", found
    )


def test_withheld_places_are_hatched_and_the_table_says_why(ann: TestClient):
    page = ann.get("/map").text
    assert drawn(page, "f4-6") == "url(#few) Tea lights, fewer than 10 visits"
    row = re.search(r'<tr data-place="f4-6">.*?</tr>', page, re.DOTALL)
    assert row
    assert "fewer than 10 visits" in row[0]


def test_the_table_says_the_same_as_the_drawing(ann: TestClient):
    page = ann.get("/map?layer=takes").text
    in_map = dict(re.findall(r'data-facing="([^"]+)" data-name="[^"]*"><title>(.*?)</title>', page))
    rows = dict(re.findall(r'<tr data-place="([^"]+)">(.*?)</tr>', page, re.DOTALL))
    assert set(in_map) == set(rows)
    assert len(rows) > 40
    for facing, label in in_map.items():
        value = label.split(", ")[1]
        assert f"<td>{value}</td>" in rows[facing]


def test_a_comparison_colours_only_what_is_clear(ann: TestClient):
    page = ann.get("/map?vs=before").text
    fills = set(re.findall(r'fill="([^"]+)"[^>]*data-facing', page))
    assert "url(#same)" in fills
    assert any(fill.startswith("rgb") for fill in fills)
    assert "no clear difference" in page
    assert "16 November 2026 – 22 November 2026 against 9 November 2026 – 15 November 2026" in page


def test_steps_are_in_the_page_and_the_one_of_the_url_is_shown(ann: TestClient):
    page = ann.get("/map?by=hour&at=14").text
    assert "14:00–15:00</output>" in page
    assert '"key":"14"' in page
    assert 'value="6"' in page  # of the slider: the seventh hour


def test_the_range_links_keep_the_other_filters(ann: TestClient):
    page = ann.get("/map?layer=visits&by=day&fixture=care").text
    assert 'href="?range=30d&amp;layer=visits&amp;by=day&amp;fixture=care"' in page


@pytest.mark.parametrize(
    "query", ["layer=mood", "by=minute", "vs=soon", "fixture=nowhere", "vs=before&by=day"]
)
def test_what_the_map_cannot_show_is_explained(ann: TestClient, query: str):
    answer = ann.get(f"/api/map?{query}")
    assert answer.status_code == 422
    assert answer.json()["todo"]


def test_the_file_carries_legend_dates_n_and_the_simulated_mark(ann: TestClient):
    answer = ann.get("/api/map.svg?layer=positive&vs=before&range=7d")
    assert answer.headers["content-type"].startswith("image/svg+xml")
    words = " | ".join(node.text or "" for node in ET.fromstring(answer.text).iter(f"{SVG}text"))
    assert "Corner Shop: Positive" in words
    assert "16 November 2026 – 22 November 2026 against" in words
    assert re.search(r"[\d,]+ handlings, 50 places, 5 of them without a figure", words)
    assert "no figure: too few visits" in words
    assert "no clear difference" in words
    assert "Simulated data" in words
    real = make_site(simulated=0).signed_in().get("/api/map.svg").text
    assert "imulated" not in real


def test_the_front_of_a_shelf_names_its_places(ann: TestClient):
    page = ann.get("/map?fixture=drinks").text
    front = page.split('id="front-title"')[1]
    assert "Drinks shelf" in front
    assert len(re.findall(r"data-facing=", front.split("</svg>")[0])) == 10
    assert ann.get("/api/map.svg?fixture=drinks").text.count("data-facing") == 10


def test_names_in_the_drawing_are_text(site: Site):
    item = site.board.shop.items[0]
    evil = replace(item, name='<script>alert(1)</script>" onload="x')
    site.board.shop = replace(site.board.shop, items=(evil, *site.board.shop.items[1:]))
    for path in ("/map?fixture=drinks", "/api/map.svg?fixture=drinks"):
        text = site.signed_in().get(path).text
        assert "<script>alert" not in text
        assert 'onload="' not in text


def test_every_layer_has_figures_as_json(ann: TestClient):
    for layer in Layer:
        page = ann.get(f"/api/map?layer={layer.value}").json()
        assert page["layer"] == layer.value
        assert len(page["frames"][0]["cells"]) >= 49


def test_scripts_and_drawings_share_their_colours():
    text = (Path(render.__file__).parent / "static/js/colours.js").read_text("utf-8")
    anchors = re.findall(r"\[(\d+), (\d+), (\d+)\]", text)
    assert [tuple(map(int, one)) for one in anchors] == list(mapdrawing.SEQUENTIAL)
    assert mapdrawing.colour(0) == "rgb(0,34,78)"
    assert mapdrawing.colour(1) == "rgb(254,232,56)"

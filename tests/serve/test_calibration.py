"""The calibration and planogram pages over a real site file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aeras.wiring.scaffold import EXAMPLE
from aeras.wiring.sitedesk import SiteFileDesk
from tests.serve.conftest import Site, make_site
from tests.serve.fake import NOW
from tests.serve.test_pages import Findings

CAMERA = "/api/calibration/aisle-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "site.yaml"
    file.write_text(EXAMPLE + "")
    return file


@pytest.fixture
def site(path: Path) -> Site:
    return make_site(site_desk=SiteFileDesk(path, clock=lambda: NOW))


@pytest.fixture
def ann(site: Site) -> Iterator[TestClient]:
    with TestClient(site.app, follow_redirects=False) as client:
        client.get(site.links.enter("ann"))
        page = client.get("/calibration/aisle-1").text
        client.headers["X-CSRF-Token"] = page.split('name="csrf" content="')[1].split('"')[0]
        yield client


@pytest.mark.parametrize("path_", ["/calibration", "/calibration/aisle-1", "/planogram"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_pages_keep_to_the_content_policy_in_both_languages(
    ann: TestClient, path_: str, language: str
) -> None:
    answer = ann.get(path_, headers={"Accept-Language": language})
    assert answer.status_code == 200
    findings = Findings()
    findings.feed(answer.text)
    assert findings.bad == []


def test_unknown_cameras_and_sites_without_a_file_are_404(ann: TestClient) -> None:
    assert ann.get("/calibration/nope").status_code == 404
    assert ann.post("/api/calibration/nope/check", json={}).status_code == 404
    assert make_site().signed_in().get("/calibration").status_code == 404


def test_a_viewer_may_neither_look_nor_save(site: Site, path: Path) -> None:
    vic = site.signed_in("vic")
    assert vic.get("/calibration").status_code == 403
    assert vic.post(CAMERA, json={"draft": {}, "revision": ""}).status_code == 403
    assert path.read_text() == EXAMPLE


def test_a_save_needs_the_page_s_own_token(ann: TestClient, path: Path) -> None:
    body = {"draft": {}, "revision": ""}
    assert ann.post(CAMERA, json=body, headers={"X-CSRF-Token": "x"}).status_code == 403
    assert path.read_text() == EXAMPLE


def test_a_stale_page_gets_a_conflict(ann: TestClient, path: Path) -> None:
    answer = ann.post(CAMERA, json={"draft": {}, "revision": "old"})
    assert answer.status_code == 409
    assert "changed since this page was loaded" in answer.json()["what"]
    assert path.read_text() == EXAMPLE


def test_a_draft_of_another_shape_is_explained(ann: TestClient) -> None:
    assert ann.post(f"{CAMERA}/check", json={"points": [["a"]]}).status_code == 422
    answer = ann.post(f"{CAMERA}/check", json={"points": [[1, 2, 3]] * 4})
    assert answer.status_code == 200
    assert answer.json()["problems"]


def test_a_floor_plan_s_picture_is_safe_and_only_there_if_there_is_one(
    ann: TestClient, site: Site, path: Path
) -> None:
    assert '"plan":false' in ann.get("/").text.replace(" ", "")
    assert ann.get("/api/floor-plan").status_code == 404
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 6"><script>1</script></svg>'
    path.with_name("plan.svg").write_text(svg)
    path.write_text(
        EXAMPLE.replace("map: {size: [10, 6]}", "map: {size: [10, 6], image: plan.svg}")
    )
    answer = ann.get("/api/floor-plan")
    assert answer.headers["content-type"].startswith("image/svg")
    assert "script" not in answer.text
    site.board.shop = replace(site.board.shop, map_image="plan.svg")
    viewer = site.signed_in("vic")  # whoever sees the store map sees what it is drawn on
    assert '"plan":true' in viewer.get("/").text.replace(" ", "")
    assert viewer.get("/api/floor-plan").content == answer.content


def test_shapes_without_a_picture_are_drawn(ann: TestClient, path: Path) -> None:
    room = [[0, 0], [10, 0], [10, 6], [0, 6], [0, 0]]
    plan = json.dumps({"type": "Polygon", "coordinates": [room]})
    path.with_name("plan.geojson").write_text(plan)
    path.write_text(
        EXAMPLE.replace("map: {size: [10, 6]}", "map: {size: [10, 6], image: plan.geojson}")
    )
    drawn = ann.get("/api/floor-plan").text
    assert 'viewBox="0 0 10 6"' in drawn
    assert '<polygon points="0,0 10,0 10,6 0,6"' in drawn


def test_a_planogram_is_imported_compared_and_exported(ann: TestClient) -> None:
    text = "version,valid_from,facing,item\n" + "".join(
        f"new,2027-01-01,drinks-{n},{item}\n" for n, item in ((1, "apple-juice"), (2, ""))
    )
    bad = ann.post("/api/planogram", json={"name": "a.csv", "text": text.replace("juice", "jam")})
    assert bad.json()["faults"] == ["a.csv:2: the site has no item 'apple-jam'"]
    assert ann.post("/api/planogram", json={"name": "a.csv", "text": text}).json()["added"] == [
        "new"
    ]
    page = ann.get("/planogram").text
    assert "<del>oat-milk</del>" in page or "<del>Oat milk 1 l</del>" in page
    assert ann.get("/api/planogram.csv").text.count("\n") == 5
    assert len(ann.get("/api/planogram.json").json()) == 4
    assert ann.get("/api/planogram.xml").status_code == 404


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("b,2026-05-01,nowhere,", "den Platz nowhere gibt es hier nicht"),
        ("b,2026-05-01,drinks-1,nothing", "den Artikel nothing gibt es hier nicht"),
        ("b,soon,drinks-1,", "soon ist kein Datum"),
    ],
)
def test_a_planogram_is_refused_in_the_readers_language(
    ann: TestClient, rows: str, fault: str
) -> None:
    body = {"name": "plan.csv", "text": f"version,valid_from,facing,item\n{rows}\n"}
    told = ann.post("/api/planogram", json=body, headers={"Accept-Language": "de"}).json()
    assert any(fault in one for one in told["faults"])
    assert told["faults"][0].startswith("plan.csv:2: ")
    english = ann.post("/api/planogram", json=body, headers={"Accept-Language": "en"}).json()
    assert not any(fault in one for one in english["faults"])


ON_A_LINE = [[100, 100, 1, 1], [200, 100, 2, 1], [300, 100, 3, 1], [400, 100, 4, 1]]
CROSSED = [[10, 10], [200, 200], [200, 10], [10, 200]]


@pytest.mark.parametrize(
    ("draft", "what"),
    [
        ({"points": ON_A_LINE}, "die Punkte liegen auf einer Linie"),
        ({"points": ON_A_LINE[:2]}, "2 Punktpaare; nötig sind mindestens 4"),
        ({"staff": [CROSSED]}, "die Kanten der Fläche kreuzen sich"),
        ({"excluded": [[[10, 10], [9000, 10], [10, 200]]]}, "liegt außerhalb des Bildes"),
    ],
)
def test_a_draft_is_refused_in_the_readers_language(
    ann: TestClient, draft: dict[str, object], what: str
) -> None:
    draft = {"map_size": [12, 8], **draft}
    found = ann.post(f"{CAMERA}/check", json=draft, headers={"Accept-Language": "de"}).json()
    assert any(what in problem["what"] for problem in found["problems"]), found["problems"]

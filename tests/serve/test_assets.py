from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from aeras.domain.errors import ServeError
from aeras.serve.assets import FOLDER, Assets


def test_a_checkout_without_libraries_says_what_to_run(tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "static", ignore=shutil.ignore_patterns("vendor"))
    with pytest.raises(ServeError, match=r"web assets missing.*make assets.*pip install"):
        Assets(tmp_path / "static")


def test_files_may_be_kept_for_ever_under_their_version(client: TestClient):
    url = re.search(r'href="(/static/[^"]+base\.css)"', client.get("/login").text)
    assert url
    answer = client.get(url[1])
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-encoding"] == "gzip"
    old = client.get("/static/000000000000/css/base.css")
    assert old.headers["cache-control"] == "no-cache"
    plain = client.get(url[1], headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == (FOLDER / "css/base.css").read_bytes()


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "vendor/none.js", "%2e%2e/app.py"])
def test_nothing_outside_the_folder_is_served(client: TestClient, name: str):
    assert client.get(f"/static/x/{name}").status_code == 404


def test_the_version_changes_with_the_content(tmp_path: Path):
    shutil.copytree(FOLDER, tmp_path / "static")
    before = Assets(tmp_path / "static").version
    (tmp_path / "static/js/main.js").write_text("// changed")
    assert Assets(tmp_path / "static").version != before


def test_the_overview_s_own_code_stays_small():
    apart = {
        "editor.js",
        "forms.js",
        "editor.css",
        "calibration.js",
        "drawing.js",
        "planogram.js",
        "calibration.css",
        "connectors.css",
        "topics.css",
        "advice.css",
    }
    own = sum(
        len(gzip.compress(path.read_bytes()))
        for folder in ("js", "css")
        for path in (FOLDER / folder).iterdir()
        if path.name not in apart
    )
    leaflet = len(gzip.compress((FOLDER / "vendor/leaflet/leaflet.js").read_bytes()))
    assert own < 40_000
    assert leaflet < 50_000


def test_the_form_library_calls_no_font_host():
    css = (FOLDER / "vendor/survey/core.css").read_text(encoding="utf-8")
    assert "@import" not in css
    assert not re.search(r"url\([\"']?https?:", css)

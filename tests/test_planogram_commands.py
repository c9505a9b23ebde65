"""`aeras planogram ...` and `aeras lens`: what they print, and that a fault ends with code 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.config import load_site
from aeras.wiring.scaffold import EXAMPLE

NEW = "version,valid_from,facing,item\nb,2020-01-01,drinks-1,apple-juice\nb,2020-01-01,drinks-2,\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(EXAMPLE)
    return path


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


def test_a_version_is_imported_compared_exported_and_checked(site: Path) -> None:
    new = site.with_name("new.csv")
    new.write_text(NEW)
    assert "Added b" in run("planogram", "import", site, new)
    assert load_site(site).shop.planogram == "b"
    assert "drinks-1: oat-milk -> apple-juice" in run("planogram", "diff", site, "1", "b")
    changes = json.loads(run("planogram", "diff", site, "1", "b", "--json"))["changes"]
    assert {c["facing"]: c["after"] for c in changes} == {
        "drinks-1": "apple-juice",
        "drinks-2": None,
    }
    assert run("planogram", "export", site).count("\n") == 5
    assert len(json.loads(run("planogram", "export", site, "--format", "json"))) == 4
    assert "no gap" in run("planogram", "check", site)


def test_faults_are_listed_and_nothing_changes(site: Path) -> None:
    new = site.with_name("new.csv")
    new.write_text(NEW.replace("apple-juice", "pear-juice").replace("b,2020-01-01,drinks-2,\n", ""))
    output = run("planogram", "import", site, new, code=2)
    assert "new.csv:2: the site has no item 'pear-juice'" in output
    assert "says nothing on facing 'drinks-2'" in output
    assert site.read_text() == EXAMPLE


def test_facings_over_each_other_are_an_overlap(site: Path) -> None:
    site.write_text(EXAMPLE.replace("[430, 150], [530, 150], [530, 320], [430, 320]",
                                    "[330, 150], [430, 150], [430, 320], [330, 320]"))  # fmt: skip
    output = run("planogram", "check", site, code=2)
    assert "facings 'drinks-1' and 'drinks-2' share 90%" in output


def test_an_unknown_version_is_named(site: Path) -> None:
    result = CliRunner().invoke(app, ["planogram", "diff", str(site), "1", "9"])
    assert "no version '9' is kept" in str(result.exception)


def test_a_lens_needs_boards(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["lens", str(tmp_path)])
    assert "0 of 0 pictures show a board" in str(result.exception)

"""The one-page report, and what to look at first."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.domain.attention import COUNTED, SURE, Seen, to_look_at
from aeras.domain.errors import AerasError
from aeras.domain.kept import Origin, StockLevel, TriggerState
from aeras.domain.published import CameraStatus, Fact, ItemRow, Numbers, Rate, TriggerRow
from aeras.domain.shelves import ShelfRow
from aeras.insight import rates
from aeras.serve.periods import read_period
from aeras.serve.words import CATALOGUES
from aeras.wiring.reports import Reports
from tests.serve.fake import NOW, FakeBoard

WEEK = read_period({"range": "7d"}, "Europe/Berlin", NOW)


class FakeShelves:
    """One facing empty."""

    watched = True
    rows: tuple[ShelfRow, ...] = ()

    def now(self) -> list[ShelfRow]:
        return list(self.rows)

    def of_items(self, since: object, until: object) -> list[object]:
        return []


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


def numbers(visits: int | None, rejected: int = 0, handled: int = 0) -> Numbers:
    few = rates.share(rejected, handled) if handled else None
    return Numbers(visits, None, None, None, None, few, few, few, few, 0.5, 0.0)


def row(item: str, visits: int | None, rejected: int = 0, handled: int = 0) -> ItemRow:
    found = numbers(visits, rejected, handled)
    return ItemRow(item, item.title(), "", None, None, found, None, 0, None)


def trigger(item: str, rated: bool = True) -> TriggerRow:
    facts = (Fact("evidence.rate.rejection" if rated else "evidence.count.rejection", {}),)
    state, origin = TriggerState.OPEN, Origin.CAMERA
    return TriggerRow(f"t-{item}", "above", item, item, NOW, state, origin, (), None, facts)


def shelf(item: str, level: StockLevel = StockLevel.EMPTY) -> ShelfRow:
    return ShelfRow(f"f-{item}", "x", "Shelf", item, item, level, NOW, NOW, Origin.CAMERA)


def camera(name: str, state: str) -> CameraStatus:
    return CameraStatus(name, "aisle", state, "no picture", 0.0, None, 0, simulated=False)


def seen(**parts: object) -> Seen:
    rows = [row("gum", 700, 70, 140), row("tea", 70, 35, 70), row("salt", None)]
    totals = FakeBoard().totals(WEEK.since, WEEK.until)
    totals = replace(totals, numbers=numbers(7000))
    return Seen(7, totals, rows, **parts)


def test_more_shoppers_and_surer_evidence_come_first():
    found = to_look_at(seen(triggers=[trigger("tea"), trigger("gum"), trigger("gum", rated=False)]))
    assert [thing.about for thing in found] == ["gum", "tea"]
    low = rates.share(70, 140).low
    assert found[0].affected == pytest.approx(140 * low / 7)
    assert (found[0].evidence, found[0].href) == (SURE, "/triggers/t-gum")
    (counted,) = to_look_at(seen(triggers=[trigger("gum", rated=False)]))
    assert counted.evidence == COUNTED


def test_a_dead_camera_counts_for_its_share_of_the_visits_and_a_working_one_for_nothing():
    found = to_look_at(seen(cameras=[camera("a", "down"), camera("b", "up")]))
    assert [(thing.kind, thing.about, thing.affected) for thing in found] == [("camera", "a", 500)]


def test_withheld_figures_come_last_and_say_so():
    found = to_look_at(seen(shelf=[shelf("salt"), shelf("tea", StockLevel.LOW)]))
    assert [(thing.about, thing.affected) for thing in found] == [("tea", 10), ("salt", None)]


def test_an_item_is_named_once_and_closed_triggers_not_at_all():
    closed = replace(trigger("tea"), state=TriggerState.CLOSED)
    found = to_look_at(seen(triggers=[trigger("gum"), closed], shelf=[shelf("gum")]))
    assert [(thing.kind, thing.about) for thing in found] == [("empty", "gum")]


def test_only_what_is_surely_rated_low_is_named(board):
    summary = board.survey("vegan-salami")
    sure = replace(summary, rating=Rate(2.0, 1.6, 2.4, 40))
    unsure = replace(summary, rating=Rate(2.6, 2.0, 3.2, 12))
    (thing,) = to_look_at(seen(surveys={"gum": sure, "tea": unsure}))
    assert (thing.kind, thing.about, thing.affected) == ("answers", "gum", pytest.approx(30))


def test_nothing_to_do_is_nothing():
    assert to_look_at(seen(cameras=[camera("a", "up")])) == []


# --- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", sorted(CATALOGUES))
def test_the_page_stands_alone_and_fits_one_sheet(board, language):
    desk = Reports(board, FakeShelves(), lambda: NOW)
    html = desk.page("html", WEEK, language).decode()
    assert not re.search(r"<(script|link|img|iframe)|https?://|url\((?!#)", html)
    assert f'<html lang="{language}">' in html
    pdf = desk.page("pdf", WEEK, language)
    assert re.findall(rb"/Count (\d+)", pdf) == [b"1"]


def test_the_page_says_n_interval_could_not_tell_and_that_it_is_simulated(board):
    html = Reports(board, None, lambda: NOW).page("html", WEEK, "en").decode()
    totals = board.totals(WEEK.since, WEEK.until).numbers
    assert totals.rejection
    assert totals.unclear
    assert f"{totals.rejection.n:,}" in html
    for words in (
        "Could not tell",
        "95% range",
        "Simulated data: 100%",
        "Chance to be in the worst",
    ):
        assert words in html
    assert "url(#few)" in html  # a place below k is hatched, not pale


def test_a_hostile_name_stays_text(board):
    board.shop = replace(board.shop, name="<script>alert(1)</script> & Co")
    desk = Reports(board, None, lambda: NOW)
    assert "<script" not in desk.page("html", WEEK, "en").decode()
    assert desk.page("pdf", WEEK, "en").startswith(b"%PDF")


def test_an_empty_shop_has_an_honest_page(board):
    class Empty(FakeShelves):
        watched = False

    board.trigger_rows = []
    none = Reports(board, Empty(), lambda: NOW)
    board.items = lambda since, until: []
    board.cameras = list
    board.surveys = dict
    html = none.page("html", WEEK, "en").decode()
    assert "Nothing needs you at the moment" in html
    assert "No item has 10 visits" in html
    assert "No camera watches" in html


# --- the command --------------------------------------------------------------------------------


def run(*words: object) -> tuple[int, str]:
    """Exit code and what was said, as `aeras.cli.main` makes of it."""
    found = CliRunner().invoke(app, ["report", *map(str, words)])
    if isinstance(found.exception, AerasError):
        return 2, str(found.exception)
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, found.output


@pytest.fixture
def site(tmp_path: Path) -> Path:
    assert CliRunner().invoke(app, ["init", str(tmp_path / "shop")]).exit_code == 0
    return tmp_path / "shop" / "site.yaml"


def test_the_command_writes_the_page_and_records_it(site, tmp_path):
    code, said = run(site, "--format", "pdf", "--day", "2026-03-01", "--out", tmp_path / "day.pdf")
    assert code == 0, said
    assert (tmp_path / "day.pdf").read_bytes().startswith(b"%PDF")
    assert run(site, "--format", "html", "--language", "de", "--out", tmp_path)[0] == 0
    (page,) = tmp_path.glob("*-report.html")
    assert 'lang="de"' in page.read_text(encoding="utf-8")
    log = next(site.parent.rglob("audit.jsonl")).read_text(encoding="utf-8")
    assert "report pdf" in log
    assert "2026-03-01 to 2026-03-01" in log


@pytest.mark.parametrize(
    "words",
    [
        ("--format", "docx"),
        ("--format", "pdf", "--day", "2026-03-01", "--from", "2026-03-01"),
        ("--format", "pdf", "--day", "yesterday"),
        ("--format", "html", "--language", "xx"),
        ("--format", "html", "--out", "/proc/none/x.html"),
    ],
)
def test_bad_input_is_one_clear_error(site, words):
    code, said = run(site, *words)
    assert code == 2, said
    assert said


def test_a_day_that_is_not_over_counts_by_what_there_was():
    assert WEEK.days_so_far(NOW) == 7
    assert WEEK.days_so_far(NOW - timedelta(days=30)) == 1

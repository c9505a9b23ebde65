from __future__ import annotations

import csv
import io
from datetime import datetime

import pyarrow.parquet as pq
import pytest

from aeras.domain.errors import PrivacyError
from aeras.domain.noisy import NoisyKind, NoisyQuestion, NoisyTable
from aeras.serve.export import FORMS, TABLES, render, render_noisy
from aeras.serve.periods import read_period
from tests.serve.conftest import make_site, script_header
from tests.serve.fake import NOW, FakeBoard

WEEK = read_period({"range": "7d"}, "Europe/Berlin", NOW)


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


@pytest.mark.parametrize("name", TABLES)
def test_both_forms_hold_the_same(name):
    board = FakeBoard()
    plain = read(render(name, "csv", board, WEEK))
    rows = pq.read_table(io.BytesIO(render(name, "parquet", board, WEEK))).to_pylist()
    assert len(plain) == len(rows) > 0
    for one, other in zip(plain, rows, strict=True):
        for column, value in other.items():
            text = value.isoformat() if isinstance(value, datetime) else value
            if isinstance(value, float):
                assert float(one[column]) == value
            else:
                assert one[column].removeprefix("'") == ("" if text is None else str(text))


def test_a_withheld_number_is_an_empty_cell_and_simulated_ones_are_marked():
    rows = read(render("items", "csv", FakeBoard(simulated=1.0), WEEK))
    quiet = [row for row in rows if row["visits"] == ""]
    assert quiet
    assert all(row["rejection"] == row["handled"] == "" for row in quiet)
    assert {row["simulated"] for row in rows} == {"1.0"}


def test_a_text_that_a_spreadsheet_would_run_is_marked(monkeypatch):
    board = FakeBoard()
    name = board.shop.items[0].id
    quotes = ('=HYPERLINK("http://evil","x")', "+1", "@SUM(A1)", "-2+3", "plain", "{{7*7}}")
    survey = board.survey(name)
    monkeypatch.setattr(
        board, "survey", lambda item: type(survey)(**{**_fields(survey), "quotes": quotes})
    )
    texts = [row["text"] for row in read(render("quotes", "csv", board, WEEK))][: len(quotes)]
    assert texts == [*(f"'{text}" for text in quotes[:4]), "plain", "{{7*7}}"]


def _fields(survey) -> dict[str, object]:
    return {name: getattr(survey, name) for name in survey.__slots__}


def test_an_export_is_recorded_and_for_managers_and_officers_only():
    site = make_site()
    for who, path, allowed in (
        ("vic", "/api/export/items.csv", False),
        ("ann", "/api/export/items.csv?range=30d", True),
        ("olga", "/privacy/export/items.parquet", True),
        ("ann", "/privacy/export/items.csv", False),
    ):
        answer = site.signed_in(who).get(path)
        assert (answer.status_code == 200) == allowed, path
    entries = [entry for entry in site.oversight.audit.last(20) if entry.act == "export"]
    assert [(e.who, e.about["what"]) for e in entries] == [
        ("olga", "items.parquet"),
        ("ann", "items.csv"),
    ]


def test_an_unknown_table_is_one_clear_error():
    answer = make_site().signed_in("ann").get("/api/export/people.csv")
    assert answer.status_code == 404
    assert "totals" in answer.json()["todo"]


@pytest.mark.parametrize("form", FORMS)
def test_a_table_with_noise_says_how_far_off_it_may_be(form):
    rows = {"gum": {"visits": -3}, "cola": {"visits": 140}}
    table = NoisyTable(NoisyKind.VISITS, "item", NOW, NOW, 0.5, 30.4, rows, simulated=False)
    content = render_noisy(form, table)
    found = read(content) if form == "csv" else pq.read_table(io.BytesIO(content)).to_pylist()
    assert [(str(r["item"]), str(r["visits"]), str(r["margin"])) for r in found] == [
        ("gum", "-3", "30.4"),
        ("cola", "140", "30.4"),
    ]


class OneTable:
    """A desk that gives out one table, then has nothing left."""

    def __init__(self) -> None:
        self.asked: list[tuple[NoisyQuestion, str]] = []

    def table(self, asked: NoisyQuestion, who: str) -> NoisyTable:
        if self.asked:
            raise PrivacyError("of the 1 that all tables together may cost 0 are left")
        self.asked.append((asked, who))
        rows = {"gum": {"visits": 12}}
        return NoisyTable(NoisyKind.VISITS, "item", NOW, NOW, 0.5, 30.4, rows, simulated=True)

    def left(self) -> tuple[float, float]:
        return 0.5, 1.0


def test_a_table_with_noise_is_given_out_until_the_budget_is_spent():
    desk = OneTable()
    ann = (site := make_site(noisy=desk)).signed_in("ann")
    asked = {"kind": "visits", "first": "2026-03-01", "last": "2026-03-07", "epsilon": 0.5}
    header = script_header(ann)
    given = ann.post("/api/noisy-table", json=asked, headers=header)
    assert given.status_code == 200
    told = given.json()
    assert (told["rows"], told["margin"], told["left"]) == ({"gum": {"visits": 12}}, 30.4, 0.5)
    assert [(q.kind, q.by, who) for q, who in desk.asked] == [("visits", "item", "ann")]
    refused = ann.post("/api/noisy-table", json=asked, headers=header)
    assert refused.status_code == 403
    assert "0 are left" in refused.json()["what"]
    assert ann.post(
        "/api/noisy-table", json={**asked, "first": "x"}, headers=header
    ).is_client_error
    assert ann.post("/api/noisy-table", json=asked).status_code == 403  # no form token
    assert site.signed_in("vic").post("/api/noisy-table", json=asked).status_code == 403

"""Files in a folder: what exports look like in real life."""

from __future__ import annotations

import os
import tracemalloc
from datetime import timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feeding import HOUR, NOON

from aeras.connect import folder as module
from aeras.connect.folder import FolderOptions, read_number
from aeras.domain.feeds import FeedStatus

HEADER = "receipt,at,sku,quantity,amount\n"
ROW = "{n},2026-11-20 12:00:00,milk,1,1.29\n"


@pytest.fixture
def folder(bench):
    return Folder(bench)


class Folder:
    """A watched folder and the feed over it."""

    def __init__(self, bench) -> None:
        self.bench = bench
        self.path = bench.folder / "exports"
        self.path.mkdir()

    def put(self, name: str, text: str | bytes, *, age_s: float = 3600.0):
        path = self.path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        moment = self.bench.now.timestamp() - age_s
        os.utime(path, (moment, moment))
        return path

    def feed(self, **options):
        chosen = FolderOptions(id="till", path="exports", **options)
        return self.bench.feed(chosen.build(self.bench.context), chosen)

    def run(self, **options):
        return self.feed(**options).run()

    @property
    def left(self) -> list[str]:
        return sorted(p.relative_to(self.path).as_posix() for p in self.path.rglob("*.*"))


def test_a_german_export_with_bom_semicolons_and_decimal_commas(folder):
    text = (
        "\ufeffBonNr;Datum;Uhrzeit;Artikel;Menge;Umsatz;Kunde\r\n"
        "1;20.11.2026;10:15;milk;2;2,58;Ada Lovelace\r\n"
        '1;20.11.2026;10:15;bread;1;"1.003,49";Ada Lovelace\r\n'
        "2;20.11.26;10:20;milk;1,0-;1,29-;Bob\r\n"
    )
    folder.put("a.csv", text)
    state = folder.run()
    assert (state.status, state.counts["new"]) == (FeedStatus.FINE, 2)
    assert folder.bench.rows() == [
        ("bread", 1.0, 100349, "EUR", "camera"),
        ("milk", -1.0, -129, "EUR", "camera"),
        ("milk", 2.0, 258, "EUR", "camera"),
    ]
    times = folder.bench.store._run('SELECT DISTINCT "at" FROM sales')
    assert {at.isoformat() for (at,) in times} == {"2026-11-20T09:15:00"}  # from Berlin's
    assert folder.left == ["done/a.csv"]


def test_windows_1252_is_read_and_a_broken_row_is_held_with_its_line(folder):
    head = "Bon\tDatum\tArtikel\tMenge\tBetrag\n"
    rows = "1\t2026-11-20\tBrötchen\t1\t0,49\n2\t2026-11-20\tmilk\tzwei\t1,00\n"
    rows += "3\tmorgen\tmilk\t1\t1\n4\n"
    folder.put("a.txt", (head + rows).encode("cp1252"))
    folder.run(skus={"Brötchen": "bread"})
    assert folder.bench.sold == {"bread": 1}
    notes = sorted(row.note for row in folder.bench.control.held())
    assert notes == [
        "it has 1 columns, the header 5",
        "the quantity 'zwei' is no number",
        "the time 'morgen' cannot be read",
    ]
    assert {row.document for row in folder.bench.control.held()} == {
        "a.txt:3",
        "a.txt:4",
        "a.txt:5",
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("x" * 50, "one column only"),
        ("a,b\n1,2\n", "no column is known for at, quantity, sku; it has a, b"),
        ("at,sku,quantity\n01/02/2026,milk,1\n", "day and month cannot be told apart"),
        ("at;sku;quantity;amount\n2026-11-20;milk;1;1,234\n", "may be a thousand or a decimal"),
        ("at;sku;quantity\n2026-11-20;milk;1,5\n2026-11-20;milk;2.5\n", "decimal comma and some"),
        ("at,sku\n".encode("utf-16"), "UTF-16"),
    ],
    ids=["empty", "no table", "columns", "dates", "thousands", "decimals", "utf-16"],
)
def test_a_file_that_cannot_be_read_is_set_aside_and_told_and_holds_up_no_other(folder, text, why):
    folder.put("a.csv", text, age_s=7200)
    folder.put("b.csv", HEADER + ROW.format(n=1))
    state = folder.run()
    [row] = folder.bench.control.held()
    assert why in row.note
    assert state.status is FeedStatus.FINE
    assert folder.bench.sold == {"milk": 1}
    assert folder.left == ["done/b.csv", "failed/a.csv"]


def test_what_cannot_be_found_out_can_be_told(folder):
    folder.put("a.csv", "wann|was|wieviel|wofuer\n01/02/2026|milk|2|1,234\n")
    folder.run(
        columns={"at": "wann", "sku": "was", "quantity": "wieviel", "amount": "wofuer"},
        dates="%d/%m/%Y",
        decimal=".",
    )
    assert folder.bench.rows() == [("milk", 2.0, 123400, "EUR", "camera")]


def test_a_file_that_is_still_written_is_awaited(folder):
    folder.put("a.csv", HEADER + ROW.format(n=1), age_s=2)
    folder.put("b.csv.part", HEADER, age_s=3600)
    folder.run()
    assert folder.left == ["a.csv", "b.csv.part"]
    folder.bench.now += timedelta(seconds=5)
    folder.run()
    assert folder.left == ["b.csv.part", "done/a.csv"]


def test_a_file_server_with_a_clock_ahead_is_waited_out_once(folder):
    folder.put("a.csv", HEADER + ROW.format(n=1), age_s=-7200)
    feed = folder.feed()
    feed.run()
    assert folder.bench.sold == {}
    folder.bench.now += timedelta(seconds=6)
    feed.run()
    assert folder.bench.sold == {"milk": 1}


def test_a_copy_counts_nothing_twice_and_a_corrected_export_replaces(folder):
    folder.put("a.csv", HEADER + ROW.format(n=1) * 3)
    folder.put("copy.csv", HEADER + ROW.format(n=1) * 3)
    folder.run()
    assert folder.bench.sold == {"milk": 3}
    folder.put("a.csv", HEADER + ROW.format(n=1), age_s=60)
    folder.run()
    assert folder.bench.sold == {"milk": 1}
    assert folder.left == ["done/a-2.csv", "done/a.csv", "done/copy.csv"]


def test_kept_files_are_remembered_and_read_again_when_they_grow(folder):
    rows = "at,sku,quantity,amount\n" + "2026-11-20,milk,1,1.29\n" * 2
    folder.put("day.csv", rows)
    feed = folder.feed(after="keep")
    feed.run()
    feed.run()
    assert folder.bench.sold == {"milk": 2}
    folder.put("day.csv", rows + "2026-11-20,milk,1,1.29\n2026-11-20,bread,1,3\n", age_s=60)
    feed.run()
    assert folder.bench.sold == {"milk": 3, "bread": 1}
    assert folder.left == ["day.csv"]


@pytest.mark.parametrize("receipts", [True, False])
def test_a_restart_within_a_file_goes_on_where_it_was(folder, monkeypatch, receipts):
    monkeypatch.setattr(module, "ROWS", 3)
    head, row = (HEADER, ROW) if receipts else (HEADER.partition(",")[2], ROW.partition(",")[2])
    folder.put("a.csv", head + "".join(row.format(n=n) for n in range(10)))
    for _ in range(12):
        folder.feed().run(stopped=lambda: True)  # a new one each time, one page each
    assert folder.bench.sold == {"milk": 10}
    assert folder.left == ["done/a.csv"]


def test_a_receipt_never_stands_in_two_pages_and_scattered_rows_are_held(folder, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 2)
    rows = "".join(ROW.format(n=n) for n in (1, 1, 1, 1, 2, 2, 1))
    folder.put("a.csv", HEADER + rows)
    folder.run()
    assert folder.bench.sold == {"milk": 6}
    [row] = folder.bench.control.held()
    assert (row.document, "sort the export" in row.note) == ("a.csv:8", True)


def test_parquet_with_typed_columns(folder):
    table = pa.table(
        {
            "at": pa.array([NOON, NOON + HOUR / 2], pa.timestamp("us", "UTC")),
            "gtin": ["4006381333931", "4006381333931"],
            "quantity": [1.5, 2.0],
            "amount": pa.array([Decimal("1.94"), None], pa.decimal128(8, 2)),
        }
    )
    path = folder.put("a.parquet", b"")
    pq.write_table(table, path, row_group_size=1)
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))
    folder.run()
    assert folder.bench.rows() == [
        ("milk", 1.5, 194, "EUR", "camera"),
        ("milk", 2.0, 258, "EUR", "camera"),
    ]


def test_stock_and_items_have_folders_of_their_own(folder):
    folder.put("stock.csv", "date;item;on hand\n2026-11-20;milk;12\n2026-11-20;bread;-2\n")
    folder.run(tells="stock")
    assert folder.bench.store.stock() == {"milk": 12}
    assert folder.bench.held == [("negative_stock", "bread", 1)]
    folder.put("items.csv", "sku;name;price;ean\n77;Gum;0,99;96385074\n")
    feed = folder.feed(tells="items")
    feed.run()
    assert [(p.item, p.price) for p in feed.products()] == [("till.77", 99)]


def test_a_missing_folder_is_told_and_tried_again(folder):
    options = FolderOptions(id="till", path="nowhere")
    state = folder.bench.feed(options.build(folder.bench.context), options).run()
    assert state.status is FeedStatus.WAITING
    assert "nowhere" in state.trouble


def test_memory_does_not_grow_with_the_file(folder):
    def peak(rows: int) -> int:
        path = folder.put(f"{rows}.csv", HEADER)
        with path.open("a") as file:
            file.writelines(ROW.format(n=f"{rows}-{n}") for n in range(rows))
        reader = module.FolderReader(FolderOptions(id="t", path="x"), folder.bench.context)
        tracemalloc.start()
        assert sum(len(page.sales) for page, _ in reader.pages(path, 0)) == rows
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        path.unlink()
        return found

    assert peak(30_000) < peak(10_000) * 1.7


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("1.234,50", ",", "1234.50"),
        ("1 234.5", ".", "1234.5"),
        ("1'234.50", ".", "1234.50"),
        ("3,99 €", ",", "3.99"),
        ("12-", ".", "-12"),
        ("EUR 5", ".", "5"),
        ("1e3", ".", "1E+3"),
    ],
)
def test_numbers_as_people_write_them(text, decimal, value):
    assert read_number(text, decimal) == Decimal(value)

"""EDIFACT reports, as EANCOM lays them down."""

from __future__ import annotations

import os

import pytest

from aeras.connect import edifact as module
from aeras.connect.edifact import EdifactOptions, segments
from aeras.domain.feeds import FeedStatus

HEAD = "UNA:+.? '\r\nUNB+UNOC:3+4012345000009:14+4098765000005:14+261120:1800+77'\r\n"
SALES = (
    "UNH+1+SLSRPT:D:96A:UN:EAN004'BGM+73E::9+S{doc}+{function}'DTM+137:20261120:102'"
    "NAD+SE+4012345000009::9++Ada?'s Shop?+Sons'CUX+2:EUR:10'"
    "LOC+162+{place}::9'DTM+356:202611200930:203'"
    "LIN+1++4006381333931:EN'MOA+203:{amount}'QTY+153:{quantity}:PCE'"
    "LIN+2++96385074:EN'PIA+1+4711:SA'PRI+AAE:0.99'QTY+153:3'QTY+61:1'"
    "UNT+13+1'"
)
STOCK = (
    "UNH+2+INVRPT:D:96A:UN:EAN004'BGM+35+I1+9'DTM+366:20261120:102'LOC+14+4000001000005::9'"
    "LIN+1++4006381333931:EN'QTY+145:24:PCE'LIN+2++4006381333931:EN'QTY+33:1'UNT+9+2'"
)
TAIL = "UNZ+2+77'"


@pytest.fixture
def feed(bench):
    folder = bench.folder / "edi"
    folder.mkdir()

    def run(text: str, name: str = "a.edi", **options):
        path = folder / name
        path.write_bytes(text.encode("latin-1"))
        moment = bench.now.timestamp() - 60
        os.utime(path, (moment, moment))
        chosen = EdifactOptions(id="edi", path="edi", **options)
        found = bench.feed(chosen.build(bench.context), chosen)
        return found, found.run()

    return run


def sales(**changes: object) -> str:
    values = {"doc": 1, "function": 9, "place": "4000001000005", "amount": "5.16", "quantity": 4}
    return SALES.format(**{**values, **changes})


@pytest.mark.parametrize("unknown", ["", "TIME+1'", "SALE+a+b'", "RECORD'"])
def test_sales_and_stock_of_one_interchange(bench, feed, unknown):
    _, state = feed(HEAD + unknown + sales() + STOCK + TAIL, skus={"4711": "bread"})
    assert state.status is FeedStatus.FINE
    assert bench.rows() == [
        ("bread", -1.0, -99, "EUR", "camera"),
        ("bread", 3.0, 297, "EUR", "camera"),
        ("milk", 4.0, 516, "EUR", "camera"),
    ]
    assert bench.store.stock() == {"milk": 24}
    [row] = bench.control.held()
    assert row.note == "no stock on hand (QTY 145 or 17)"
    assert "Ada" not in str(row)


def test_a_corrected_and_a_cancelled_report_replace_the_first(bench, feed):
    first = HEAD + sales() + TAIL
    feed(first)
    feed(first.replace(":1800+", ":1900+").replace("QTY+153:4", "QTY+153:5"), "b.edi")
    assert bench.sold == {"milk": 5}
    feed(HEAD.replace(":1800+", ":2000+") + sales(function=1) + TAIL, "c.edi")
    assert bench.sold == {}


def test_other_service_signs_and_released_ones(tmp_path):
    path = tmp_path / "a.edi"
    path.write_text("UNA|*,! ~UNB*UNOA|3*ME~\nBGM*a!*b!|c!~d!!*x|y~UNZ~")
    assert list(segments(path)) == [
        ("UNB", [["UNOA", "3"], ["ME"]]),
        ("BGM", [["a*b|c~d!"], ["x", "y"]]),
        ("UNZ", []),
    ]


def test_segments_that_lie_across_chunks(tmp_path, monkeypatch):
    path = tmp_path / "a.edi"
    path.write_text(HEAD + sales() + TAIL, newline="")
    whole = list(segments(path))
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert list(segments(path)) == whole


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello UNZ", "it is no EDIFACT"),
        (HEAD + sales(), "it was cut off"),
        (HEAD + "UNH+1+ORDERS:D'UNT+2+1'" + TAIL, "expected SLSRPT or INVRPT"),
        (HEAD + sales() + sales(place="4000002000004") + TAIL, "several places"),
    ],
)
def test_a_file_that_cannot_be_read_is_told(bench, feed, text, why):
    feed(text)
    assert any(why in row.note for row in bench.control.held())


def test_only_this_shop_s_place_is_taken(bench, feed):
    text = HEAD + sales() + sales(doc=2, place="4000002000004", quantity=9) + TAIL
    feed(text, location="4000001000005")
    assert bench.sold == {"milk": 4}

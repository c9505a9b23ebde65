"""What the pages say of the shelves."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from aeras.domain.kept import Origin, StockLevel
from aeras.domain.shelves import MisplacedRow, OnShelf, ShelfRow
from tests.serve.conftest import make_site
from tests.serve.fake import NOW


def _row(level: StockLevel, item: str = "honey", facing: str = "f1-3") -> ShelfRow:
    at = NOW - timedelta(hours=2)
    name = item.replace("-", " ").capitalize()
    return ShelfRow(
        facing, "breakfast", "Breakfast shelf", item, name, level, at, NOW, Origin.SIMULATED
    )


class Shelves:
    """Honey is empty, feta low; honey was misplaced."""

    watched = True

    def now(self) -> list[ShelfRow]:
        return [_row(StockLevel.EMPTY), _row(StockLevel.LOW, "feta", "f5-2")]

    def of_items(self, _since: datetime, _until: datetime) -> list[OnShelf]:
        return [OnShelf("honey", 0.75, 0.6, 0.8, 12.5, 0.8, 1.0)]

    of_facings = of_items

    def misplaced(self, _since: datetime, _until: datetime) -> list[MisplacedRow]:
        return [MisplacedRow("honey", "Honey", 12, "f5-2", "Chilled shelf")]


class Unwatched(Shelves):
    watched = False


@pytest.fixture
def ann():
    site = make_site(shelves=Shelves())
    with site.client() as client:
        client.get(site.links.enter("ann"))
        yield client


def test_the_overview_says_what_is_empty_low_and_misplaced(ann):
    page = ann.get("/").text
    assert "Empty now" in page
    assert "Low now" in page
    assert "Breakfast shelf, f1-3" in page
    assert "Honey was put down at another item&#39;s place 12 times" in page
    assert "mostly at Chilled shelf, f5-2" in page


def test_what_was_never_there_stands_among_the_lowest_and_what_nobody_saw_does_not():
    class Bare(Shelves):
        def of_items(self, _since: datetime, _until: datetime) -> list[OnShelf]:
            never = OnShelf("honey", 0.0, 0.0, 0.2, 12.5, 0.8, 1.0)
            return [never, OnShelf("feta", None, 0.0, 1.0, 0.0, 0.0, 1.0)]

    site = make_site(shelves=Bare())
    with site.client() as client:
        client.get(site.links.enter("ann"))
        lowest = client.get("/").text.split("Longest empty", 1)[1].split("</ul>", 1)[0]
    assert "/items/honey" in lowest
    assert "/items/feta" not in lowest


def test_an_item_says_for_how_long_it_was_there_and_what_could_not_be_seen(ann):
    page = ann.get("/items/honey").text
    assert "75% of the time seen" in page
    assert "12.5 hours could be seen, 80% of the opening time." in page
    assert "had all the rest been empty it would be 60%, had none of it 80%" in page.lower()
    assert "Feta" not in page[page.index('data-part="shelf"') : page.index("survey-title")]
    assert "Its level could not be told" in ann.get("/items/feta").text
    german = ann.get("/items/honey", headers={"Accept-Language": "de"}).text
    assert "12,5 Stunden waren zu sehen" in german


def test_the_api_tells_the_same(ann):
    found = ann.get("/api/shelf").json()
    assert found["watched"]
    assert [row["level"] for row in found["now"]] == ["empty", "low"]
    assert found["items"][0]["low"] == 0.6
    assert found["misplaced"][0]["count"] == 12


@pytest.mark.parametrize("shelves", [None, Unwatched()])
def test_where_nothing_watches_nothing_is_said(shelves):
    site = make_site(shelves=shelves)
    with site.client() as client:
        client.get(site.links.enter("ann"))
        assert 'data-part="shelf"' not in client.get("/").text
        assert 'data-part="shelf"' not in client.get("/items/honey").text
        found = client.get("/api/shelf").json()
    assert (found["watched"], found["now"], found["items"]) == (False, [], [])

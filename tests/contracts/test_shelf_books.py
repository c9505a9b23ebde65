"""One suite over every shelf book."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from records import NOON, event, shelf_level

from aeras.domain.kept import Kind, Origin, ShelfLevel, StockLevel
from aeras.domain.ports import Misplaced, ShelfBook
from aeras.store.events import DuckEvents

DAY, GRAIN = timedelta(days=1), timedelta(minutes=15)
EMPTY, FULL, LOW, UNKNOWN = (
    *(StockLevel.EMPTY, StockLevel.FULL),
    *(StockLevel.LOW, StockLevel.UNKNOWN),
)
BOOKS: dict[str, Callable[[Path], DuckEvents]] = {"duckdb": lambda f: DuckEvents(f / "e.duckdb")}


@pytest.fixture(params=BOOKS)
def book(request, tmp_path) -> Iterator[DuckEvents]:
    opened = BOOKS[request.param](tmp_path)
    yield opened
    opened.close()


def grains(*levels: StockLevel, **changes: object) -> list[ShelfLevel]:
    return [shelf_level(at=NOON + n * GRAIN, level=one, **changes) for n, one in enumerate(levels)]


def test_a_later_record_of_a_grain_takes_the_place_of_the_earlier(book: ShelfBook):
    book.append_levels([shelf_level(coverage=0.1), shelf_level(coverage=0.2)])
    book.append_levels([shelf_level(coverage=0.9, level=EMPTY), shelf_level(facing="d2")])
    book.append_levels([])
    first, second = book.levels(NOON, NOON + DAY)
    assert (first.level, first.coverage, second.facing) == (EMPTY, 0.9, "d2")
    assert first == shelf_level(coverage=0.9, level=EMPTY)
    assert book.levels(NOON + GRAIN, NOON + DAY) == []


def test_what_is_shown_now_names_the_start_of_its_run(book: ShelfBook):
    book.append_levels(grains(EMPTY, FULL, EMPTY, UNKNOWN, EMPTY, UNKNOWN))
    book.append_levels(grains(FULL, LOW, facing="d2", item="cola", origin=Origin.SIMULATED))
    book.append_levels(grains(UNKNOWN, facing="d3"))
    d1, d2 = book.shown_now()
    assert (d1.facing, d1.level, d1.at) == ("d1", EMPTY, NOON + 2 * GRAIN)
    assert (d2.facing, d2.level, d2.at) == ("d2", LOW, NOON + GRAIN)
    assert d2.origin is Origin.SIMULATED


def test_another_planogram_begins_a_run_anew(book: ShelfBook):
    book.append_levels(
        [*grains(EMPTY, EMPTY), shelf_level(at=NOON + GRAIN, planogram="2", level=EMPTY)]
    )
    [now] = book.shown_now()
    assert (now.planogram, now.at) == ("2", NOON + GRAIN)
    book.append_levels([shelf_level(at=NOON + 2 * GRAIN, planogram="2", level=EMPTY, item="gum")])
    [now] = book.shown_now()
    assert (now.item, now.planogram, now.at) == ("gum", "2", NOON + 2 * GRAIN)


def test_misplacements_name_item_and_place(book: DuckEvents):
    book.append([event(), event(kind=Kind.MISPLACED, outcome=False, item="gum", facing="d2")])
    assert book.misplaced(NOON, NOON + DAY) == [Misplaced(NOON, "gum", "d2")]
    assert book.misplaced(NOON + GRAIN, NOON + DAY) == []


def test_what_is_too_old_is_dropped_and_all_is_there_after_opening_again(book, tmp_path):
    book.append_levels(grains(FULL, EMPTY))
    book.delete_before(NOON + GRAIN)
    book.close()
    again = DuckEvents(tmp_path / "e.duckdb")
    assert [one.level for one in again.levels(NOON, NOON + DAY)] == [EMPTY]
    again.close()

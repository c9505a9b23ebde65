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
    (d1, d1_since), (d2, d2_since) = book.shown_now()
    assert (d1.facing, d1.level, d1.at, d1_since) == (
        *("d1", EMPTY),
        *(NOON + 4 * GRAIN, NOON + 2 * GRAIN),
    )
    assert (d2.facing, d2.level, d2.at, d2_since) == ("d2", LOW, NOON + GRAIN, NOON + GRAIN)
    assert d2.origin is Origin.SIMULATED


def test_another_planogram_begins_a_run_anew(book: ShelfBook):
    book.append_levels(
        [*grains(EMPTY, EMPTY), shelf_level(at=NOON + GRAIN, planogram="2", level=EMPTY)]
    )
    [(now, since)] = book.shown_now()
    assert (now.planogram, since) == ("2", NOON + GRAIN)
    book.append_levels([shelf_level(at=NOON + 2 * GRAIN, planogram="2", level=EMPTY, item="gum")])
    [(now, since)] = book.shown_now()
    assert (now.item, now.planogram, since) == ("gum", "2", NOON + 2 * GRAIN)


def test_an_item_is_empty_only_while_all_its_facings_are(book: ShelfBook):
    book.append_levels(grains(EMPTY, EMPTY, EMPTY, FULL))
    book.append_levels(grains(FULL, EMPTY, UNKNOWN, LOW, facing="d9", coverage=0.5))
    first, second, third, fourth = book.item_grains(NOON, NOON + DAY)
    assert (first.item, first.level, first.coverage) == ("oat-milk", FULL, 0.5)
    assert (second.level, second.coverage) == (EMPTY, 0.5)
    assert (third.level, third.coverage) == (UNKNOWN, 0.0)
    assert (fourth.level, fourth.coverage) == (FULL, 1.0)
    [item] = book.shelf_time("item", NOON, NOON + DAY)
    assert (item.key, item.first, item.told, item.empty) == ("oat-milk", NOON, 2.0, 0.5)
    assert (item.records, item.simulated) == (8, 0)
    d1, d9 = book.shelf_time("facing", NOON, NOON + DAY)
    assert (d1.key, d1.told, d1.empty) == ("d1", 4.0, 3.0)
    assert (d9.key, d9.told, d9.empty) == ("d9", 1.5, 0.5)


def test_misplacements_name_item_and_place(book: DuckEvents):
    book.append([event(), event(kind=Kind.MISPLACED, outcome=False, item="gum", facing="d2")])
    assert book.misplacements(NOON, NOON + DAY) == [Misplaced(NOON, "gum", "d2")]
    assert book.misplacements(NOON + GRAIN, NOON + DAY) == []


def test_what_is_too_old_is_dropped_and_all_is_there_after_opening_again(book, tmp_path):
    book.append_levels(grains(FULL, EMPTY))
    book.delete_before(NOON + GRAIN)
    book.close()
    again = DuckEvents(tmp_path / "e.duckdb")
    assert [one.level for one in again.levels(NOON, NOON + DAY)] == [EMPTY]
    again.close()

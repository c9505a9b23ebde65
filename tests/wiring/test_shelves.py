"""Levels from the store, as pages and triggers get to know of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from records import NOON, event, shelf_level, small_shop

from aeras.config import StockSection
from aeras.domain.kept import FirstOf, Kind, Origin, ShelfLevel, StockLevel
from aeras.domain.ports import Apart
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.shelf.planogram import Version
from aeras.store.events import DuckEvents
from aeras.wiring.feed import Feed
from aeras.wiring.shelves import ShopShelves

GRAIN, HOUR, DAY = timedelta(minutes=15), timedelta(hours=1), timedelta(days=1)
EMPTY, FULL, LOW = StockLevel.EMPTY, StockLevel.FULL, StockLevel.LOW


class Bench:
    def __init__(self, folder: Path) -> None:
        self.now = NOON + HOUR
        self.store = DuckEvents(folder / "events.duckdb")
        self.feed = Feed()
        self.publisher = Publisher(3, share=rates.share, mean=rates.mean)
        shop = small_shop()
        items = {f.id: f.item for x in shop.fixtures for f in x.facings}
        self.site = SimpleNamespace(
            shop=shop,
            hours=None,
            privacy=SimpleNamespace(time_grain=GRAIN),
            file=SimpleNamespace(stock=StockSection()),
            planograms=(Version("1", None, None, items, {"d2": (NOON, NOON + HOUR)}),),
        )
        self.shelves = ShopShelves(
            lambda: self.site,  # type: ignore[arg-type,return-value]
            store=self.store,
            publisher=self.publisher,
            feed=self.feed,
            clock=lambda: self.now,
        )

    def grains(self, facing: str, item: str, *levels: StockLevel) -> list[ShelfLevel]:
        rows = [
            shelf_level(at=NOON + n * GRAIN, facing=facing, item=item, level=level)
            for n, level in enumerate(levels)
        ]
        self.shelves.keep(rows)
        return rows


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.store.close()


def test_what_is_empty_comes_before_what_is_low_and_the_rest_is_left_out(bench: Bench):
    bench.grains("d1", "oat-milk", FULL, LOW, LOW)
    bench.grains("d2", "cola", FULL, FULL, EMPTY, EMPTY)
    bench.grains("d3", "gum", FULL)
    cola, milk = bench.shelves.now()
    assert (cola.item_name, cola.level, cola.since) == ("Cola 1 l", EMPTY, NOON + 2 * GRAIN)
    assert (milk.facing, milk.level, milk.fixture_name) == ("d1", LOW, "Drinks")
    bench.now += 2 * DAY
    assert bench.shelves.now() == []  # not seen since


def test_a_facing_that_holds_another_item_by_now_is_not_told(bench: Bench):
    bench.grains("d1", "cola", EMPTY)  # of a planogram before
    assert bench.shelves.now() == []


def test_availability_counts_the_open_time_since_the_first_record(bench: Bench):
    bench.grains("d1", "oat-milk", FULL, EMPTY)
    [milk] = bench.shelves.of_items(NOON - DAY, NOON + DAY)
    assert (milk.value, milk.told_h, milk.coverage) == (0.5, 0.5, 0.5)
    assert (milk.low, milk.high) == (0.25, 0.75)
    bench.site.hours = SimpleNamespace(open_at=lambda at: at < NOON + 2 * GRAIN)
    [facing] = bench.shelves.of_facings(NOON - DAY, NOON + DAY)
    assert (facing.key, facing.coverage) == ("d1", 1.0)


def test_pages_hear_of_changes_only(bench: Bench):
    listener = bench.feed.subscribe()
    bench.grains("d1", "oat-milk", FULL, FULL, EMPTY, EMPTY, FULL)
    told = []
    while (message := listener.get(0.01)) is not None:
        told.append(message)
    assert [one["level"] for one in told] == ["empty", "full"]  # at the start only what lacks
    assert told[0]["item_name"] == "Oat milk 1 l"
    assert json.dumps(told)
    assert all(datetime.fromisoformat(str(one["at"])).minute % 15 == 0 for one in told)


def test_misplaced_items_are_named_from_k_visits_on(bench: Bench):
    moved = {"kind": Kind.MISPLACED, "outcome": False, "item": "gum", "facing": "d1"}
    bench.store.append([event(**moved), event(**moved, first_of=FirstOf.NONE)])
    bench.store.append([event(**{**moved, "facing": "d2", "item": "cola"})])
    bench.store.roll(NOON + DAY, bench.publisher.fold)
    assert bench.shelves.misplaced(NOON, NOON + DAY) == []  # one visit did both
    bench.store.append([event(**moved, at=NOON + HOUR) for _ in range(2)])
    bench.store.roll(NOON + DAY, bench.publisher.fold)
    [row] = bench.shelves.misplaced(NOON, NOON + DAY)
    assert (row.item_name, row.count, row.facing, row.fixture_name) == ("Gum", 4, "d1", "Drinks")


def test_what_triggers_leave_out(bench: Bench):
    bench.grains("d1", "oat-milk", FULL, EMPTY, FULL)
    bench.store.append([event(kind=Kind.MISPLACED, outcome=False, item="gum", facing="d1")])
    found = bench.shelves.spans(None, NOON, NOON + 2 * HOUR)
    assert {(one.item, one.why) for one in found} == {
        ("oat-milk", Apart.EMPTY),
        ("oat-milk", Apart.RESTOCKED),
        ("oat-milk", Apart.MISPLACED),
        ("gum", Apart.MISPLACED),
        ("cola", Apart.PROMOTED),
    }
    [promoted] = bench.shelves.spans("cola", NOON, NOON + 2 * HOUR)
    assert (promoted.since, promoted.until) == (NOON, NOON + HOUR)
    empty = next(one for one in found if one.why is Apart.EMPTY)
    assert (empty.since, empty.until) == (NOON + GRAIN, NOON + 2 * GRAIN)
    assert all(NOON <= one.since < one.until <= NOON + 2 * HOUR for one in found)


def test_rendered_shelves_are_marked(bench: Bench):
    bench.shelves.keep(
        [
            shelf_level(
                facing="s1", fixture="sweets", item="gum", level=EMPTY, origin=Origin.SIMULATED
            )
        ]
    )
    [row] = bench.shelves.now()
    assert row.origin is Origin.SIMULATED
    assert bench.shelves.of_items(NOON, NOON + DAY)[0].simulated == 1.0

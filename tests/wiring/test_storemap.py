from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from records import NOON, event, reaction, small_shop

from aeras.domain.errors import InputError
from aeras.domain.kept import Event, Kind, Origin, Sale
from aeras.domain.shelves import OnShelf
from aeras.domain.storemap import Cell, Layer, Span, Step, Why
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.events import DuckEvents
from aeras.wiring.storemap import StoreMaps

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
K = 10
WEEK = Span(NOON - 4 * HOUR, NOON - 4 * HOUR + 7 * DAY)
BEFORE = Span(WEEK.since - 7 * DAY, WEEK.since)


class Watched:
    """Shelves of which one facing was told of."""

    watched = True

    def __init__(self, told: dict[datetime, OnShelf]) -> None:
        self._told = told

    def of_facings(self, since: datetime, until: datetime) -> list[OnShelf]:
        return [row for at, row in self._told.items() if since <= at < until]


class Shop:
    """Stores and maps of the small shop; only the drinks have a place on the map."""

    def __init__(self, folder: Path, told: dict[datetime, OnShelf] | None = None) -> None:
        shop = small_shop()
        drinks, *others = shop.fixtures
        places = tuple(replace(f, on_map=(i, 0, i + 1, 1)) for i, f in enumerate(drinks.facings))
        self.shop = replace(shop, fixtures=(replace(drinks, facings=places), *others))
        self.store = DuckEvents(folder / "events.duckdb")
        self.publisher = Publisher(K, share=rates.share, mean=rates.mean)
        self.maps = StoreMaps(
            lambda: self.shop,
            store=self.store,
            publisher=self.publisher,
            shelves=Watched(told or {}),  # type: ignore[arg-type] - all that the maps ask of it
            clock=lambda: WEEK.until,
        )

    def keep(self, events: list[Event]) -> None:
        self.store.append(sorted(events, key=lambda one: one.at))
        self.store.roll(WEEK.until, self.publisher.fold)

    def cell(self, layer: Layer, span: Span = WEEK, facing: str = "d1") -> Cell:
        [frame] = self.maps.frames(layer, span, Step.WHOLE)
        return next(cell for cell in frame.cells if cell.facing == facing)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.store.close()


def visits(
    count: int, at: datetime, rejected: int = 0, origin: Origin = Origin.CAMERA, facing: str = "d1"
) -> list[Event]:
    item = {"d1": "oat-milk", "d2": "cola", "d3": "gum"}[facing]
    return [
        event(
            at=at,
            item=item,
            fixture="drinks",
            facing=facing,
            kind=Kind.TAKE,
            origin=origin,
            reaction=reaction("rejected" if n < rejected else "neutral"),
        )
        for n in range(count)
    ]


def test_a_layer_shows_value_interval_and_n_and_withholds_below_k(shop: Shop):
    shop.keep([*visits(40, NOON, rejected=10), *visits(K - 1, NOON, facing="d2")])
    cell = shop.cell(Layer.REJECTION)
    assert (cell.value, cell.n, cell.untold) == (0.25, 40, 0)
    assert cell.low is not None
    assert cell.low < 0.25 < (cell.high or 0)
    assert shop.cell(Layer.VISITS).value == 40
    assert shop.cell(Layer.TAKES).value == 40
    few = shop.cell(Layer.REJECTION, facing="d2")
    assert (few.value, few.n, few.why) == (None, None, Why.FEW)
    assert shop.cell(Layer.VISITS, facing="d3").why is Why.FEW


def test_sales_need_a_till_and_conversion_visits_too(shop: Shop):
    shop.keep([*visits(50, NOON), *visits(3, NOON, facing="d2")])
    assert shop.cell(Layer.SALES).why is Why.NONE
    assert Layer.SALES not in shop.maps.layers()
    shop.store.append_sales(
        [
            Sale("s1", NOON, "corner", "oat-milk", 10, 1990, "EUR"),
            Sale("s2", NOON, "corner", "cola", 2, 298, "EUR"),
        ]
    )
    assert Layer.SALES in shop.maps.layers()
    assert shop.cell(Layer.SALES).value == 10
    found = shop.cell(Layer.CONVERSION)
    assert (found.value, found.n) == (20, 50)
    assert found.low is not None
    assert 0 < found.low < 20 < (found.high or 0)
    assert shop.cell(Layer.CONVERSION, facing="d2").why is Why.FEW
    hours = shop.maps.frames(Layer.SALES, WEEK, Step.HOUR)
    assert {f.key: f.cells[0].value for f in hours if f.cells[0].value} == {"13": 10}


def test_days_and_hours_are_told_apart_in_local_time_only_where_blocks_fill_fast_enough(shop: Shop):
    daily = [one for day in range(7) for one in visits(20, NOON - HOUR + day * DAY, rejected=5)]
    shop.keep([*daily, *visits(30, NOON, facing="d2")])
    days = shop.maps.frames(Layer.VISITS, WEEK, Step.DAY)
    assert [frame.key for frame in days][:2] == ["2026-11-20", "2026-11-21"]
    assert [frame.cells[0].value for frame in days][:7] == [20] * 7
    assert {frame.cells[1].why for frame in days} == {Why.SLOW}  # 3 blocks in 7 days
    [noon] = shop.maps.frames(Layer.REJECTION, Span(WEEK.since, WEEK.since + DAY), Step.HOUR)[:1]
    assert noon.key == "12"  # 11:00 UTC in Berlin
    assert noon.cells[0].value == 0.25


def test_simulated_blocks_are_single_moments_and_marked(shop: Shop):
    shop.keep(visits(12, NOON, origin=Origin.SIMULATED))
    hours = shop.maps.frames(Layer.VISITS, WEEK, Step.HOUR)
    assert [(f.key, f.cells[0].value, f.cells[0].simulated) for f in hours] == [("13", 12, 1.0)]


def test_a_difference_is_clear_only_if_it_is_more_than_chance(shop: Shop):
    shop.keep(
        [
            *visits(200, NOON, rejected=80),
            *visits(200, NOON - 7 * DAY, rejected=20),
            *visits(50, NOON, rejected=11, facing="d2"),
            *visits(50, NOON - 7 * DAY, rejected=10, facing="d2"),
            *visits(50, NOON, facing="d3"),
        ]
    )
    cells = {cell.facing: cell for cell in shop.maps.difference(Layer.REJECTION, WEEK, BEFORE)}
    assert (cells["d1"].value, cells["d1"].clear, cells["d1"].n) == (pytest.approx(0.3), True, 400)
    assert cells["d2"].clear is False
    assert cells["d2"].low is not None
    assert cells["d2"].low < 0 < (cells["d2"].high or 0)
    assert (cells["d3"].value, cells["d3"].why) == (None, Why.FEW)


def test_counts_are_compared_by_their_rate_and_scatter(shop: Shop):
    events = []
    for day in range(7):
        events += visits(30, NOON + day * DAY) + visits(30, NOON - 7 * DAY + day * DAY)
        events += visits(60, NOON + day * DAY, facing="d2")
        events += visits(20, NOON - 7 * DAY + day * DAY, facing="d2")
    shop.keep(events)
    same, risen, _ = shop.maps.difference(Layer.VISITS, WEEK, BEFORE)
    assert (same.value, same.clear) == (pytest.approx(0, abs=0.01), False)
    assert (risen.value, risen.clear) == (pytest.approx(2, abs=0.05), True)


def test_stock_shows_its_bounds_and_differs_only_if_they_do_not_touch(tmp_path: Path):
    told = {
        NOON: OnShelf("d1", 0.5, 0.4, 0.6, 10, 0.8, 0.0),
        NOON - 7 * DAY: OnShelf("d1", 0.9, 0.8, 1.0, 10, 0.8, 0.0),
    }
    shop = Shop(tmp_path, told)
    assert shop.cell(Layer.STOCK) == Cell("d1", 0.5, 0.4, 0.6, untold=pytest.approx(0.2))
    assert shop.cell(Layer.STOCK, facing="d2").why is Why.NONE
    found = shop.maps.difference(Layer.STOCK, WEEK, BEFORE)[0]
    assert (found.value, found.low, found.high) == pytest.approx((-0.4, -0.6, -0.2))
    assert found.clear
    shop.store.close()


def test_what_cannot_be_played_says_so(shop: Shop):
    with pytest.raises(InputError, match="hours of the day"):
        shop.maps.frames(Layer.STOCK, WEEK, Step.HOUR)
    with pytest.raises(InputError, match="too many to play"):
        shop.maps.frames(Layer.VISITS, Span(WEEK.until - 99 * DAY, WEEK.until), Step.DAY)

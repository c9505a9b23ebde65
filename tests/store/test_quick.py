"""What is kept at hand for the pages says the same as what it was made from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from records import NOON, answer, event, reaction

from aeras.domain.kept import Event, Kind, Origin, Sale, ShelfLevel, StockLevel, Tally
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.store.quick import QuickEvents

ZONE = ZoneInfo("Europe/Berlin")
PUBLISHER = Publisher(3, share=rates.share, mean=rates.mean)
FIRST = datetime(2026, 10, 23, tzinfo=ZONE)  # the clocks go back on the 25th
DAYS = [(FIRST + timedelta(days=n)).astimezone(UTC) for n in range(6)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[QuickEvents]:
    opened = QuickEvents(tmp_path / "events.duckdb", "Europe/Berlin")
    yield opened
    opened.close()


def some_events(rng: random.Random, count: int) -> list[Event]:
    quarters = (DAYS[-1] - DAYS[0]) // timedelta(minutes=15)
    facing_of = {"d1": "oat-milk", "d2": "cola", "d3": "gum"}
    return [
        event(
            at=DAYS[0] + timedelta(minutes=15) * rng.randrange(quarters),
            facing=facing,
            item=facing_of[facing],
            kind=rng.choice([Kind.TAKE, Kind.PUT_BACK, Kind.REACH]),
            reaction=reaction(rng.choice(["rejected", "positive", "unclear"]), rng.random()),
            origin=rng.choice([Origin.CAMERA, Origin.SIMULATED]),
        )
        for facing in rng.choices(sorted(facing_of), k=count)
    ]


def alike(some: list[Tally], others: list[Tally]) -> bool:
    """The same keys and numbers; coverage may differ in the last digits, summed in other order."""
    return [(t.key, t.visits, t.rejected, t.unclear, t.takes, t.simulated) for t in some] == [
        (t.key, t.visits, t.rejected, t.unclear, t.takes, t.simulated) for t in others
    ] and [t.coverage for t in some] == pytest.approx([t.coverage for t in others])


def same_as_of_blocks(store: QuickEvents) -> bool:
    ranges = [(a, b) for n, a in enumerate(DAYS) for b in DAYS[n + 1 :]]
    return all(
        alike(
            store.published(by, since, until, item=item),
            DuckEvents.published(store, by, since, until, item=item),
        )
        for since, until in ranges
        for by in ("item", "facing", "site")
        for item in (None, "cola")
    )


def test_sums_of_days_are_sums_of_the_same_blocks(store):
    rng = random.Random(3)
    for _ in range(3):  # the first makes the sums, the others add to them
        store.append(some_events(rng, 400))
        store.roll(DAYS[-1], PUBLISHER.fold)
        assert same_as_of_blocks(store)
    assert store.published("item", DAYS[0], DAYS[-1])
    assert store.compact()
    assert same_as_of_blocks(store)


def test_a_day_is_a_day_of_the_shop_also_when_the_clocks_change(store):
    store.append(some_events(random.Random(4), 600))
    store.roll(DAYS[-1], PUBLISHER.fold)
    for item in (None, "gum"):
        daily = store.published_daily(DAYS[0], DAYS[-1], item=item)
        assert [datetime.fromisoformat(t.key) for t in daily] == DAYS[:-1]
        for tally, since, until in zip(daily, DAYS, DAYS[1:], strict=False):
            whole = store.published("moment", since, until, item=item)
            assert tally.visits == sum(quarter.visits for quarter in whole)
            assert tally.rejected == sum(quarter.rejected for quarter in whole)


def test_parts_of_days_come_from_the_blocks(store):
    store.append(some_events(random.Random(5), 300))
    store.roll(DAYS[-1], PUBLISHER.fold)
    since, until = DAYS[1] + timedelta(hours=9), DAYS[2] + timedelta(hours=1)
    assert store.published("item", since, until) == DuckEvents.published(
        store, "item", since, until
    )


def test_steps_are_sums_of_their_moments(store):
    store.append(some_events(random.Random(8), 600))
    store.roll(DAYS[-1], PUBLISHER.fold)
    since, until = DAYS[1], DAYS[3] + timedelta(hours=7)
    hours = [since + timedelta(hours=n) for n in range(57)]
    steps = {at: f"{at.astimezone(ZONE):%H}" for at in hours}
    found = store.published_in("facing", since, until, steps)
    counted: dict[tuple[str, str], list[int]] = {}
    for tally in store.published("facing_moment", since, until):
        facing, _, at = tally.key.rpartition(" ")
        key = (f"{datetime.fromisoformat(at).astimezone(ZONE):%H}", facing)
        sums = counted.setdefault(key, [0, 0])
        sums[0] += tally.visits
        sums[1] += tally.rejected
    assert counted
    assert counted == {
        (step, place): [tally.visits, tally.rejected]
        for step, places in found.items()
        for place, tally in places.items()
    }


def test_what_is_remembered_goes_with_the_next_block(store):
    store.append(some_events(random.Random(9), 300))
    store.roll(DAYS[-1], PUBLISHER.fold)
    before = store.published("site", DAYS[0], DAYS[-1])
    assert store.published("site", DAYS[0], DAYS[-1]) == before
    store.append([event(at=DAYS[2], origin=Origin.SIMULATED)])
    assert store.published("site", DAYS[0], DAYS[-1]) == before, "no block was finished"
    store.roll(DAYS[-1], PUBLISHER.fold)
    (after,) = store.published("site", DAYS[0], DAYS[-1])
    assert after.simulated > before[0].simulated


def test_levels_that_are_told_or_forgotten_show_at_once(store):
    full = level(DAYS[0], StockLevel.FULL)
    store.append_levels([full])
    assert store.shown_now() == [(full, DAYS[0])]
    empty = level(DAYS[1], StockLevel.EMPTY)
    store.append_levels([empty])
    assert store.shown_now() == [(empty, DAYS[1])]
    store.delete_before(DAYS[2])
    assert store.shown_now() == []


def level(at: datetime, shown: StockLevel) -> ShelfLevel:
    return ShelfLevel(at, "corner", "drinks", "d1", "cola", "1", shown, 0.9, Origin.CAMERA)


def test_sales_of_days_are_those_of_each_day(store):
    rng = random.Random(10)
    quarters = (DAYS[-1] - DAYS[0]) // timedelta(minutes=15)
    ats = [DAYS[0] + timedelta(minutes=15) * rng.randrange(quarters) for _ in range(200)]
    store.append_sales(
        Sale(f"s{n}", at, "corner", rng.choice(["cola", "gum"]), 1 + n % 3, 100, "EUR")
        for n, at in enumerate(ats)
    )
    daily = store.sold_daily(DAYS[0], DAYS[-1])
    assert daily == {a: store.sold(a, b) for a, b in pairwise(DAYS)}


def test_an_empty_store_has_no_sums(store):
    assert store.published("item", DAYS[0], DAYS[1]) == []
    assert store.published_daily(DAYS[0], DAYS[1]) == []


def test_counted_answers_are_those_that_the_gate_lets_through(tmp_path):
    control, rng = Control(tmp_path / "control.sqlite"), random.Random(6)
    given = [
        answer(
            item=rng.choice(["cola", "gum"]),
            at=NOON - timedelta(days=rng.randrange(20)),
            origin=rng.choice([Origin.CAMERA, Origin.CAMERA, Origin.SIMULATED]),
            marks=rng.choice([(), (), ("fast",), ("fast", "repeat"), ("trap",), ("trapped",)]),
        )
        for _ in range(80)
    ]
    control.add_answers(given)
    try:
        for withdrawn in (None, *given[:10]):
            if withdrawn is not None:
                control.withdraw(withdrawn.receipt)
            for days in (2, 8, 30):
                since = NOON - timedelta(days=days)
                shown = {
                    item: len(
                        PUBLISHER.settled(control.answers(item=item), control.batches(3), since)
                    )
                    for item in ("cola", "gum")
                }
                counted = control.settled_counts(3, since)
                assert {item: counted.get(item, 0) for item in shown} == shown
    finally:
        control.close()

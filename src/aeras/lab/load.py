"""Fills an event store with simulated events and measures it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.kept import Event
from aeras.domain.ports import EventStore
from aeras.domain.shop import Facing, Fixture, Item, Shop
from aeras.lab.simulate import simulate
from aeras.store.events import GROUPS, DuckEvents

END = datetime(2026, 1, 1, tzinfo=UTC)
PATTERN_DAYS = 10
BATCH = 20_000
SINGLES = 30
REPEATS = 5


def load(path: Path, events: int, *, seed: int = 7) -> dict[str, object]:
    """Stores so many events of a shop with 48 items and takes the time of everything.

    Args:
        path: A DuckDB file that does not exist yet.
        events: How many.
        seed: Of the simulation.

    Returns:
        events, seconds, events_per_s (bulk append, making the events not counted), append_one_ms
        (median of single appends), tally_ms by group (median, over all events), size_mb.

    Raises:
        InputError: The file exists, or there is nothing to store.
        StoreError: The store cannot be written.
    """
    if events < 1 or path.exists():
        what = "the file exists already" if path.exists() else f"{events} events"
        raise InputError(f"cannot measure with this: {what}", where=str(path))
    store = DuckEvents(path)
    try:
        spent = sum(_timed(partial(store.append, batch)) for batch in _batches(events, seed))
        return {
            "events": store.count(),
            "seconds": round(spent, 2),
            "events_per_s": round(events / spent),
            "append_one_ms": _append_one_ms(store, seed),
            "tally_ms": {by: _tally_ms(store, by) for by in GROUPS},
            "size_mb": round(path.stat().st_size / 1e6, 1),
        }
    finally:
        store.close()


def _batches(events: int, seed: int) -> Iterator[list[Event]]:
    """The pattern again and again, each copy ten days further back, with ids of its own."""
    pattern = simulate(_shop(), PATTERN_DAYS, seed=seed, now=END).events
    rng = np.random.default_rng(seed)
    made = 0
    while made < events:
        copy, place = divmod(made, len(pattern))
        part = pattern[place : min(place + BATCH, place + events - made)]
        back = timedelta(days=PATTERN_DAYS * copy)
        yield [replace(e, id=rng.bytes(16).hex(), at=e.at - back) for e in part]
        made += len(part)


def _append_one_ms(store: EventStore, seed: int) -> float:
    singles = [replace(event, at=END) for event in next(_batches(SINGLES, seed + 1))]
    took = [_timed(partial(store.append, [event])) for event in singles]
    return round(statistics.median(took) * 1e3, 2)


def _tally_ms(store: EventStore, by: str) -> float:
    def tally() -> None:
        store.tally(by, datetime(2000, 1, 1, tzinfo=UTC), END + timedelta(days=1))

    return round(statistics.median(_timed(tally) for _ in range(REPEATS)) * 1e3, 1)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _shop() -> Shop:
    """Six fixtures with eight items each."""
    places = [(x, k) for x in range(6) for k in range(8)]
    return Shop(
        id="load",
        name="Load test",
        timezone="UTC",
        items=tuple(Item(f"item-{x}-{k}", f"Item {x}-{k}", f"goods-{x}") for x, k in places),
        cameras=(),
        fixtures=tuple(
            Fixture(
                id=f"fixture-{x}",
                name=f"Fixture {x}",
                camera=None,
                polygon=(),
                facings=tuple(Facing(f"facing-{x}-{k}", f"item-{x}-{k}", ()) for k in range(8)),
            )
            for x in range(6)
        ),
    )

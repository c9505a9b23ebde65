"""Fills an event store with simulated events and measures it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.kept import Event
from aeras.domain.ports import EventStore
from aeras.domain.shop import Facing, Fixture, Item, Shop
from aeras.lab.chdb import served
from aeras.lab.simulate import simulate
from aeras.store.opening import open_events
from aeras.store.reading import GROUPS, EventTables, shown

END = datetime(2026, 1, 1, tzinfo=UTC)
PATTERN_DAYS = 10
BATCH = 20_000
SINGLES = 30
REPEATS = 5


def load(where: str, events: int, *, seed: int = 7) -> dict[str, object]:
    """Stores so many events of a shop with 48 items and takes the time of everything.

    Args:
        where: A DuckDB file that does not exist yet, the URL of a PostgreSQL or ClickHouse
            database without events, or ``chdb:FOLDER`` for ClickHouse's engine in a new folder.
        events: How many.
        seed: Of the simulation.

    Returns:
        events, seconds, events_per_s (bulk append, making the events not counted), append_one_ms
        (median of single appends), tally_ms by group (median, over all events), size_mb (of a
        DuckDB file, else None).

    Raises:
        InputError: There are events already, or there is nothing to store.
        StoreError: The store cannot be written.
    """
    if events < 1:
        raise InputError(f"cannot measure with {events} events", where=where)
    with _opened(where) as (store, path):
        spent = sum(_timed(partial(store.append, batch)) for batch in _batches(events, seed))
        return {
            "events": store.count(),
            "seconds": round(spent, 2),
            "events_per_s": round(events / spent),
            "append_one_ms": _append_one_ms(store, seed),
            "tally_ms": {by: _tally_ms(store, by) for by in GROUPS},
            "size_mb": round(path.stat().st_size / 1e6, 1) if path else None,
        }


@contextmanager
def _opened(where: str) -> Iterator[tuple[EventTables, Path | None]]:
    """An empty store, and its file if it has one."""
    with ExitStack() as stack:
        url = where
        if where.startswith("chdb:"):
            url = stack.enter_context(served(_new(Path(where.removeprefix("chdb:")))))
        path = None if "://" in url else _new(Path(url))
        store = open_events(url)
        stack.callback(store.close)
        if held := store.count():
            raise InputError(
                f"cannot measure with this: it holds {held} events",
                where=shown(where),
                todo="Name a new database",
            )
        yield store, path


def _new(path: Path) -> Path:
    if path.exists():
        raise InputError("cannot measure with this: it exists already", where=str(path))
    return path


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

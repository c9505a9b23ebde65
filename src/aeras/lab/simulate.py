"""A shop simulator: the kept records of N days, with the truth behind them.

It draws visits, stops at fixtures and handlings of items from stated probabilities, and sends
every interaction through the real privacy gate. What a handling really was and what the system
would read differ by a stated error, so that whatever learns from the records can be held against
the truth. Every record says that it is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from aeras.domain.errors import InputError
from aeras.domain.kept import Answer, Event, Origin, Passage, Sale, Stock
from aeras.domain.shop import Shop
from aeras.lab.simulated.passing import passages_of
from aeras.lab.simulated.records import answers_of, events_of
from aeras.lab.simulated.shoppers import (
    HOURS,
    WEEKDAYS,
    ItemTruth,
    Shelf,
    arrivals,
    handlings_of,
    moment,
    stops_of,
)
from aeras.lab.simulated.stock import StockOut, keep_in_stock, mornings, sales_of
from aeras.store.arrow import events_table, sales_table, stock_table
from aeras.store.passages import passages_table


@dataclass(frozen=True, slots=True)
class Truth:
    """What the records of a simulation were drawn from.

    Attributes:
        seed, days: As given.
        since, until: UTC, half-open.
        visits_per_day: Mean.
        visits: How many there were.
        items: By item id.
        placement: Facing id -> how much more (above 1) or less it is noticed.
        hours, weekdays: Relative traffic, local time.
        stock_outs: When an item was gone.
        stop_share: Fixture id -> share of those who came past that stopped.
    """

    seed: int
    days: int
    since: datetime
    until: datetime
    visits_per_day: float
    visits: int
    items: dict[str, ItemTruth]
    placement: dict[str, float]
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    stock_outs: tuple[StockOut, ...]
    stop_share: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> str:
        """JSON with ISO times."""
        return json.dumps(asdict(self), default=lambda value: value.isoformat(), indent=1)


@dataclass(frozen=True, slots=True)
class Simulation:
    """The records of a simulated shop, oldest first, and their truth."""

    events: list[Event] = field(repr=False)
    sales: list[Sale] = field(repr=False)
    stock: list[Stock] = field(repr=False)
    answers: list[Answer] = field(repr=False)
    truth: Truth = field(repr=False)
    passages: list[Passage] = field(default_factory=list, repr=False)


def simulate(
    shop: Shop,
    days: int,
    *,
    seed: int,
    now: datetime,
    visits_per_day: float = 1000.0,
    bad_items: Collection[str] = (),
) -> Simulation:
    """Draws the records of the days before a moment.

    Args:
        shop: Items must stand on facings; cameras are not needed.
        days: Length in days of 24 hours, at least 1.
        seed: The same seed, shop and end give the same records, ids included.
        now: End (UTC); the last visits start 20 minutes before.
        visits_per_day: Mean over the week.
        bad_items: Items that are rejected often; empty: one in eight, by lot.

    Raises:
        InputError: No facing of the shop has an item, or there are no days.
    """
    if days < 1:
        raise InputError(f"{days} days cannot be simulated", todo="Give 1 or more")
    rng = np.random.default_rng(seed)
    until = now.astimezone(UTC)
    since = until - timedelta(days=days)
    shelf = Shelf.of(shop, rng, bad_items)
    visits = arrivals(shop.timezone, since, until, visits_per_day, rng)
    stops = stops_of(visits, shelf, rng)
    handlings = handlings_of(stops, shelf, rng)
    bounds = [*mornings(shop.timezone, since, until), until.timestamp()]
    handlings, depot = keep_in_stock(handlings, shelf, bounds, rng)
    events = list(events_of(shop, shelf, stops, handlings, rng))
    answers = answers_of(shop, shelf, handlings, rng)
    passages, stop_share = passages_of(shop, shelf, visits, stops, seed)
    truth = Truth(
        seed=seed,
        days=days,
        since=since,
        until=until,
        visits_per_day=visits_per_day,
        visits=len(visits),
        items={item: shelf.truth(n, depot.par[n]) for n, item in enumerate(shelf.items)},
        placement=dict(zip(shelf.facings, shelf.placement.round(3).tolist(), strict=True)),
        hours=tuple(HOURS.tolist()),
        weekdays=tuple(WEEKDAYS.tolist()),
        stock_outs=tuple(depot.outs),
        stop_share=stop_share,
    )
    sales = sales_of(shop, shelf, depot, rng)
    stock = [Stock(moment(at), shop.id, i, q, Origin.SIMULATED) for at, i, q in depot.levels]
    return Simulation(events, sales, stock, answers, truth, passages)


def write_simulation(simulation: Simulation, out: Path) -> dict[str, object]:
    """Writes ``events``, ``sales``, ``stock``, ``answers`` and ``passages`` as Parquet, and
    ``truth.json``.

    Returns:
        How many of each were written and where, ready for ``--json``.

    Raises:
        InputError: When the folder cannot be written.
    """
    tables = {
        "events": events_table(simulation.events),
        "sales": sales_table(simulation.sales),
        "stock": stock_table(simulation.stock),
        "answers": answers_table(simulation.answers),
        "passages": passages_table(simulation.passages),
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            pq.write_table(table, out / f"{name}.parquet")
        (out / "truth.json").write_text(simulation.truth.as_json(), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"the simulation cannot be written ({error.strerror or error})",
            where=str(out),
            todo="Name a folder with space that can be written",
        ) from error
    return {"out": str(out), **{name: table.num_rows for name, table in tables.items()}}


def answers_table(answers: Sequence[Answer]) -> Any:
    """Answers without their receipts, which are secrets."""
    rows = [asdict(answer) for answer in answers]
    for row in rows:
        del row["receipt"]
        row["origin"] = str(row["origin"])
    return pa.Table.from_pylist(rows, schema=_ANSWERS)


_ANSWERS = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "survey", "item", "trigger", "channel")),
        ("version", pa.int32()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("language", pa.string()),
        ("rating", pa.int32()),
        ("choice", pa.string()),
        ("text", pa.string()),
        ("origin", pa.string()),
    ]
)

"""A shop simulator: the kept records of N days, with the truth behind them.

It draws visits, stops at fixtures and handlings of items from stated probabilities, and sends
every interaction through the real privacy gate. What a handling really was and what the system
would read differ by a stated error, so that whatever learns from the records can be held against
the truth. Every record says that it is simulated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.kept import Answer, Event, Kind, Origin, Reaction, Sale, Stock
from aeras.domain.seen import Interaction
from aeras.domain.shop import Shop
from aeras.lab.simulated_words import LANGUAGES, REASONS, sentence
from aeras.privacy.gate import Gate, floor_time
from aeras.store.arrow import events_table, sales_table, stock_table

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

CLASSES = ("positive", "hesitant", "rejected", "neutral")
ACTS = ("put_back_fast", "put_back", "put_back_slow", "touched_only", "kept")
KEPT = ACTS.index("kept")
TOUCHED = ACTS.index("touched_only")

ACT_GIVEN_CLASS = np.array(
    [
        [0.00, 0.02, 0.03, 0.15, 0.80],  # positive
        [0.02, 0.13, 0.35, 0.30, 0.20],  # hesitant
        [0.45, 0.30, 0.10, 0.15, 0.00],  # rejected
        [0.02, 0.08, 0.05, 0.45, 0.40],  # neutral
    ]
)
"""What shoppers do, by what the handling really was; rows sum to 1."""

MISREAD = 0.12
"""Share of readable handlings that are read as the class next to the true one, see `MISTAKEN`."""
UNCLEAR = 0.12
"""Share of handlings of which no class reaches one half."""
MISTAKEN = np.array(
    [
        [1, 1, 1, 3, 3],  # positive is mistaken for hesitant after a put back, else for neutral
        [2, 2, 2, 3, 3],
        [1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0],
    ]
)
"""[true class, act] -> index of the class it is mistaken for."""

HOURS = np.array(
    [0] * 8 + [0.5, 0.8, 1.0, 1.2, 1.4, 1.1, 0.9, 1.0, 1.3, 1.7, 1.6, 1.0, 0.5, 0.2, 0, 0]
)
"""Relative traffic by local hour; open from 8 to 22."""
WEEKDAYS = np.array([0.9, 0.9, 0.95, 1.0, 1.2, 1.35, 0.7])
"""Relative traffic from Monday to Sunday."""

STOPS = (0.6, 0.3, 0.1)
"""Share of visits with 1, 2, 3 stops at fixtures."""
HANDLED = (0.45, 0.37, 0.14, 0.04)
"""Share of stops with 0, 1, 2, 3 handlings."""
DWELLS = 0.8
"""Share of stops that give a dwell."""
SALE_OF_KEPT = 0.93
"""Share of kept takes that reach the till."""
UNSEEN_SALES = 0.05
"""Sales that no camera saw, as a share of the kept takes that reach the till."""
DELIVERED = 0.9
"""Share of mornings on which an item is filled up to its par level."""
SETTLE_S = 900.0
"""No visit starts in the last seconds before the end, so that all its events lie before it."""


@dataclass(frozen=True, slots=True)
class ItemTruth:
    """What is true of an item.

    Attributes:
        bad: Whether it was made to be rejected.
        cause: The reason most shoppers would give, one of `REASONS`.
        appeal: Relative pull on whoever stops at its fixture.
        positive, hesitant, rejected, neutral: Probabilities of what a handling really is.
        read_rejected: Expected share of its handlings that is labelled rejected.
        par: Units that a delivery fills it up to.
    """

    bad: bool
    cause: str
    appeal: float
    positive: float
    hesitant: float
    rejected: float
    neutral: float
    read_rejected: float
    par: int


@dataclass(frozen=True, slots=True)
class StockOut:
    """An item that could not be handled from one moment to another (UTC)."""

    item: str
    since: datetime
    until: datetime


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


def simulate(
    shop: Shop, days: int, *, seed: int, now: datetime, visits_per_day: float = 1000.0
) -> Simulation:
    """Draws the records of the days before a moment.

    Args:
        shop: Items must stand on facings; cameras are not needed.
        days: Length in days of 24 hours, at least 1.
        seed: The same seed, shop and end give the same records, ids included.
        now: End (UTC); the last visits start a quarter of an hour before.
        visits_per_day: Mean over the week.

    Raises:
        InputError: No facing of the shop has an item, or there are no days.
    """
    if days < 1:
        raise InputError(f"{days} days cannot be simulated", todo="Give 1 or more")
    rng = np.random.default_rng(seed)
    until = now.astimezone(UTC)
    since = until - timedelta(days=days)
    shelf = _Shelf.of(shop, rng)
    visits = _arrivals(shop.timezone, since, until, visits_per_day, rng)
    stops = _stops(visits, shelf, rng)
    handlings = _handlings(stops, shelf, rng)
    bounds = [*_mornings(shop.timezone, since, until), until.timestamp()]
    handlings, depot = _keep_in_stock(handlings, shelf, bounds, rng)
    events = list(_events(shop, shelf, stops, handlings, rng))
    answers = _answers(shop, shelf, handlings, rng)
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
    )
    sales = _sales(shop, shelf, depot, rng)
    stock = [Stock(_moment(at), shop.id, i, q, Origin.SIMULATED) for at, i, q in depot.levels]
    return Simulation(events, sales, stock, answers, truth)


def write_simulation(simulation: Simulation, out: Path) -> dict[str, object]:
    """Writes ``events``, ``sales``, ``stock`` and ``answers`` as Parquet and ``truth.json``.

    Returns:
        How many of each were written and where, ready for ``--json``.

    Raises:
        InputError: When the folder cannot be written.
    """
    tables = {
        "events": events_table(simulation.events),
        "sales": sales_table(simulation.sales),
        "stock": stock_table(simulation.stock),
        "answers": _answers_table(simulation.answers),
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


# --- the shelf and its truth ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Shelf:
    """The shop as arrays: F facings, I items, X fixtures that have items.

    Attributes:
        facings, items, fixtures: Ids.
        item_of, fixture_of: (F,) index of each facing's item and fixture.
        weight: (F,) how often it is handled, relative within its fixture.
        placement, appeal: (F,) and (I,) factors of the weight.
        classes: (I, 4) true probabilities in the order of `CLASSES`.
        bad, cause, price: (I,).
    """

    facings: tuple[str, ...]
    items: tuple[str, ...]
    fixtures: tuple[str, ...]
    item_of: Ints
    fixture_of: Ints
    weight: Floats
    placement: Floats
    appeal: Floats
    classes: Floats
    bad: Bools
    cause: Ints
    price: Ints

    @classmethod
    def of(cls, shop: Shop, rng: np.random.Generator) -> _Shelf:
        placed = [(x.id, f.id, f.item) for x in shop.fixtures for f in x.facings if f.item]
        if not placed:
            raise InputError(
                "no facing has an item, so nothing can be simulated",
                where=f"site {shop.id}",
                todo="Name an item on at least one facing of the site file",
            )
        fixtures = tuple(dict.fromkeys(fixture for fixture, _, _ in placed))
        items = tuple(dict.fromkeys(str(item) for _, _, item in placed))
        item_of = np.array([items.index(str(item)) for _, _, item in placed])
        appeal = rng.lognormal(0.0, 0.35, len(items))
        placement = rng.choice([0.6, 1.0, 1.6], len(placed), p=[0.2, 0.6, 0.2])
        bad, classes = _item_classes(len(items), rng)
        given = [shop.item(item).price for item in items]
        drawn = rng.integers(99, 599, len(items))
        return cls(
            facings=tuple(facing for _, facing, _ in placed),
            items=items,
            fixtures=fixtures,
            item_of=item_of,
            fixture_of=np.array([fixtures.index(fixture) for fixture, _, _ in placed]),
            weight=appeal[item_of] * placement,
            placement=placement,
            appeal=appeal,
            classes=classes,
            bad=bad,
            cause=rng.integers(0, len(REASONS), len(items)),
            price=np.array([p if p else int(d) for p, d in zip(given, drawn, strict=True)]),
        )

    def truth(self, number: int, par: int) -> ItemTruth:
        positive, hesitant, rejected, neutral = self.classes[number].round(4).tolist()
        return ItemTruth(
            bad=bool(self.bad[number]),
            cause=REASONS[self.cause[number]],
            appeal=round(float(self.appeal[number]), 4),
            positive=positive,
            hesitant=hesitant,
            rejected=rejected,
            neutral=neutral,
            read_rejected=round(read_share(self.classes[number], "rejected"), 4),
            par=par,
        )


def _item_classes(count: int, rng: np.random.Generator) -> tuple[Bools, Floats]:
    """One item in eight, at least one, is bad: rejected at least three times as often."""
    bad = np.zeros(count, dtype=np.bool_)
    bad[rng.permutation(count)[: max(1, count // 8)]] = True
    rejected = np.where(bad, rng.uniform(0.50, 0.65, count), rng.uniform(0.06, 0.16, count))
    hesitant = rng.uniform(0.08, 0.20, count)
    neutral = (1 - rejected - hesitant) * rng.uniform(0.35, 0.5, count)
    return bad, np.stack([1 - rejected - hesitant - neutral, hesitant, rejected, neutral], axis=1)


def read_share(classes: Floats, label: str) -> float:
    """Expected share of handlings that get a label, from the true class probabilities (4,)."""
    target = CLASSES.index(label)
    hit = np.zeros_like(ACT_GIVEN_CLASS)
    hit[target] += 1 - MISREAD
    hit += MISREAD * (target == MISTAKEN)
    return float((1 - UNCLEAR) * (classes[:, None] * ACT_GIVEN_CLASS * hit).sum())


# --- visits, stops, handlings -------------------------------------------------------------------


def _arrivals(
    timezone: str, since: datetime, until: datetime, per_day: float, rng: np.random.Generator
) -> Floats:
    """Sorted Unix times at which visits start: Poisson, by local hour and weekday."""
    zone = ZoneInfo(timezone)
    rate = per_day * HOURS[:, None] / HOURS.sum() * WEEKDAYS / WEEKDAYS.mean()
    start = since.replace(minute=0, second=0, microsecond=0)
    times = []
    while start < until:
        local = start.astimezone(zone)
        count = rng.poisson(rate[local.hour, local.weekday()])
        times.append(start.timestamp() + rng.uniform(0, 3600, count))
        start += timedelta(hours=1)
    every = np.sort(np.concatenate(times))
    inside = (every >= since.timestamp()) & (every < until.timestamp() - SETTLE_S)
    arrivals: Floats = every[inside]
    return arrivals


@dataclass(frozen=True, slots=True, eq=False)
class _Stops:
    """S stops at fixtures: visit number, fixture, start (Unix s), facing looked at, length (s)."""

    visit: Ints
    fixture: Ints
    at_s: Floats
    facing: Ints
    dwell_s: Floats


def _stops(visits: Floats, shelf: _Shelf, rng: np.random.Generator) -> _Stops:
    """Each visit stops at one to three fixtures, a minute or two apart."""
    counts = rng.choice(len(STOPS), len(visits), p=STOPS) + 1
    visit = np.repeat(np.arange(len(visits)), counts)
    order = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, int)
    pull = np.bincount(shelf.fixture_of, weights=shelf.weight)
    fixture = rng.choice(len(shelf.fixtures), len(visit), p=np.sqrt(pull) / np.sqrt(pull).sum())
    return _Stops(
        visit=visit,
        fixture=fixture,
        at_s=visits[visit] + order * rng.uniform(80, 140, len(visit)),
        facing=_facing_at(fixture, shelf, rng),
        dwell_s=rng.lognormal(np.log(6), 0.8, len(visit)).clip(1, 70),
    )


def _facing_at(fixture: Ints, shelf: _Shelf, rng: np.random.Generator) -> Ints:
    """A facing of each given fixture, by weight."""
    facing = np.zeros(len(fixture), dtype=np.int64)
    for number in range(len(shelf.fixtures)):
        there = np.flatnonzero(shelf.fixture_of == number)
        chance = shelf.weight[there] / shelf.weight[there].sum()
        here = fixture == number
        facing[here] = rng.choice(there, int(here.sum()), p=chance)
    return facing


@dataclass(frozen=True, slots=True, eq=False)
class _Handlings:
    """H handlings in order of time: visit, facing, item, when (Unix s), true class, act, class read
    (-1 where none is clear), seconds the item was held.
    """

    visit: Ints
    facing: Ints
    item: Ints
    at_s: Floats
    true: Ints
    act: Ints
    read: Ints
    hold_s: Floats

    def where(self, mask: Bools | Ints) -> _Handlings:
        """The handlings of a mask or in another order."""
        return _Handlings(
            self.visit[mask],
            self.facing[mask],
            self.item[mask],
            self.at_s[mask],
            self.true[mask],
            self.act[mask],
            self.read[mask],
            self.hold_s[mask],
        )


def _handlings(stops: _Stops, shelf: _Shelf, rng: np.random.Generator) -> _Handlings:
    counts = rng.choice(len(HANDLED), len(stops.visit), p=HANDLED)
    stop = np.repeat(np.arange(len(counts)), counts)
    order = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, int)
    facing = _facing_at(stops.fixture[stop], shelf, rng)
    item = shelf.item_of[facing]
    true = _draw(shelf.classes[item], rng)
    act = _draw(ACT_GIVEN_CLASS[true], rng)
    read = np.where(rng.random(len(true)) < MISREAD, MISTAKEN[true, act], true)
    read[rng.random(len(true)) < UNCLEAR] = -1
    medians = np.array([2.2, 7.0, 18.0, 1.2, 5.0])
    handlings = _Handlings(
        visit=stops.visit[stop],
        facing=facing,
        item=item,
        at_s=stops.at_s[stop] + 3 + order * 20,
        true=true,
        act=act,
        read=read,
        hold_s=medians[act] * rng.lognormal(0, 0.25, len(act)).clip(0.5, 1.8),
    )
    return handlings.where(np.argsort(handlings.at_s, kind="stable"))


def _draw(chances: Floats, rng: np.random.Generator) -> Ints:
    """One index a row, by the row's probabilities."""
    drawn: Ints = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return drawn


# --- stock and sales ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Depot:
    """Stock kept during the simulation: sold (Unix s, item, units), levels, outs, par by item."""

    par: list[int] = field(default_factory=list)
    sold: list[tuple[float, int, int]] = field(default_factory=list)
    levels: list[tuple[float, str, float]] = field(default_factory=list)
    outs: list[StockOut] = field(default_factory=list)


def _mornings(timezone: str, since: datetime, until: datetime) -> list[float]:
    """Unix times at which shelves are filled: the start, then 7:00 local of each day."""
    zone = ZoneInfo(timezone)
    day = since.astimezone(zone).date()
    times = [since.timestamp()]
    while True:
        day += timedelta(days=1)
        moment = datetime(day.year, day.month, day.day, 7, tzinfo=zone).timestamp()
        if moment >= until.timestamp():
            return times
        times.append(moment)


def _keep_in_stock(
    handlings: _Handlings,
    shelf: _Shelf,
    bounds: Sequence[float],
    rng: np.random.Generator,
) -> tuple[_Handlings, _Depot]:
    """Takes units off the shelf, and drops the handlings of items that are gone.

    Args:
        handlings: In order of time.
        shelf: The shop.
        bounds: Unix times of the mornings and of the end.
        rng: Draws.
    """
    depot = _Depot()
    keep = np.ones(len(handlings.item), dtype=np.bool_)
    for number, item in enumerate(shelf.items):
        own = np.flatnonzero(handlings.item == number)
        pairs = rng.choice([1, 2], len(own), p=[0.9, 0.1])
        units = np.where(handlings.act[own] == KEPT, pairs, 0)
        bay = _Bay(item, number, par=_par(units, len(bounds) - 1, rng), depot=depot)
        day = np.searchsorted(bounds, handlings.at_s[own], side="right") - 1
        for morning in range(len(bounds) - 1):
            today = day == morning
            bay.open(bounds[morning], delivered=bool(rng.random() < DELIVERED))
            sold = [
                bay.handle(at, n)
                for at, n in zip(
                    handlings.at_s[own[today]].tolist(), units[today].tolist(), strict=True
                )
            ]
            keep[own[today]] = sold
            bay.close(bounds[morning + 1])
        bay.end(bounds[-1])
    depot.levels.sort()
    return handlings.where(keep), depot


def _par(units: Ints, days: int, rng: np.random.Generator) -> int:
    """Units an item is filled up to: ample, but one item in seven is ordered too tightly."""
    factor = 1.1 if rng.random() < 0.15 else 2.5  # noqa: PLR2004 - one in seven
    return int(units.sum() / days * factor) + 3


@dataclass(slots=True)
class _Bay:
    """The stock of one item as its days go by; times are Unix seconds."""

    item: str
    number: int
    par: int
    depot: _Depot
    level: int = 0
    out_s: float | None = None

    def __post_init__(self) -> None:
        self.level = self.par
        self.depot.par.append(self.par)

    def open(self, at_s: float, *, delivered: bool) -> None:
        """A morning; what ran out is always delivered."""
        if delivered or self.level == 0:
            self.level = self.par
        self.end(at_s)
        self._note(at_s)

    def handle(self, at_s: float, units: int) -> bool:
        """A handling that takes units along (0 for none); False if the item was gone."""
        if self.level == 0:
            return False
        taken = min(self.level, units)
        if taken:
            self.level -= taken
            self.depot.sold.append((at_s, self.number, taken))
        if self.level == 0:
            self.out_s = at_s
            self._note(at_s)
        return True

    def close(self, at_s: float) -> None:
        """The end of a day; an item that is gone was noted when it went."""
        if self.level:
            self._note(at_s - 1)

    def end(self, at_s: float) -> None:
        """Closes a stock-out."""
        if self.out_s is not None:
            self.depot.outs.append(StockOut(self.item, _moment(self.out_s), _moment(at_s)))
            self.out_s = None

    def _note(self, at_s: float) -> None:
        self.depot.levels.append((at_s, self.item, float(self.level)))


def _sales(shop: Shop, shelf: _Shelf, depot: _Depot, rng: np.random.Generator) -> list[Sale]:
    """Till lines some minutes after the kept takes, and a few that no camera saw."""
    lines = []
    for at_s, item, units in sorted(depot.sold):
        copies = int(rng.random() < SALE_OF_KEPT) + int(rng.random() < SALE_OF_KEPT * UNSEEN_SALES)
        for _ in range(copies):
            lines.append((at_s + float(rng.uniform(120, 840)), item, units))
    return [
        Sale(
            id=rng.bytes(16).hex(),
            at=_moment(at_s).replace(microsecond=0),
            site=shop.id,
            item=shelf.items[item],
            quantity=float(units),
            amount=int(shelf.price[item]) * units,
            currency=shop.currency,
            origin=Origin.SIMULATED,
        )
        for at_s, item, units in sorted(lines)
    ]


# --- events ------------------------------------------------------------------------------------


def _events(
    shop: Shop,
    shelf: _Shelf,
    stops: _Stops,
    handlings: _Handlings,
    rng: np.random.Generator,
) -> Iterator[Event]:
    """Sends every interaction through the gate, in order of time."""
    made = [*_dwells(shelf, stops, rng), *_acts(shelf, handlings, rng)]
    made.sort(key=lambda interaction: interaction.end_s)
    digits = rng.bytes(16 * len(made)).hex()
    ids = iter([digits[i : i + 32] for i in range(0, len(digits), 32)])
    gate = Gate(shop, ids=lambda: next(ids), origin=Origin.SIMULATED)
    return map(gate.admit, made)


class _Readings:
    """What the system reads of N interactions: reactions, coverage, confidence.

    Args:
        read: (N,) class read, -1 where none is clear.
        rng: Draws.
    """

    def __init__(self, read: Ints, rng: np.random.Generator) -> None:
        count = len(read)
        self._shares = _shares(read, rng)
        self._coverage = rng.beta(2, 3, count)
        self._coverage[rng.random(count) < 0.35] = 0  # noqa: PLR2004 - no face in a third
        self._confidence = rng.uniform(0.7, 0.99, count)
        shown = (rng.random(count) < 0.6) & (self._coverage > 0)  # noqa: PLR2004 - most of the rest
        self._face = np.where(shown, read, -1)

    def of(self, n: int, code: str) -> tuple[Reaction, float]:
        """Reaction, led by the code of what was done, and confidence of one interaction."""
        positive, hesitant, rejected, neutral = self._shares[n].tolist()
        done = (code,) if code else ()
        reaction = Reaction(
            positive=positive,
            hesitant=hesitant,
            rejected=rejected,
            neutral=neutral,
            coverage=float(self._coverage[n]),
            reasons=(*done, *_face(int(self._face[n]))),
        )
        return reaction, float(self._confidence[n])


def _shares(read: Ints, rng: np.random.Generator) -> Floats:
    """(N, 4) probabilities: the class read holds 0.52 to 0.9, an unclear one less than half."""
    count = len(read)
    clear = read >= 0
    best = np.where(clear, read, rng.integers(0, 4, count))
    top = np.where(clear, rng.uniform(0.52, 0.9, count), rng.uniform(0.36, 0.47, count))
    rest = rng.uniform(0.5, 1.0, (count, 4))
    rest[np.arange(count), best] = 0
    shares: Floats = rest / rest.sum(axis=1, keepdims=True) * (1 - top)[:, None]
    shares[np.arange(count), best] = top
    return shares


def _dwells(shelf: _Shelf, stops: _Stops, rng: np.random.Generator) -> Iterator[Interaction]:
    """Looking without handling is mostly neutral."""
    count = len(stops.visit)
    read = np.searchsorted([0.1, 0.18, 0.22], rng.random(count), side="right")
    readings = _Readings(read, rng)
    for n in np.flatnonzero(rng.random(count) < DWELLS):
        long = stops.dwell_s[n] >= 15  # noqa: PLR2004 - seconds, as in shelf.reaction
        yield _interaction(
            shelf,
            int(stops.facing[n]),
            Kind.DWELL,
            visit=int(stops.visit[n]),
            span=(float(stops.at_s[n]), float(stops.at_s[n] + stops.dwell_s[n])),
            reading=readings.of(int(n), "long_stay" if long else ""),
        )


def _acts(shelf: _Shelf, handlings: _Handlings, rng: np.random.Generator) -> Iterator[Interaction]:
    """One interaction for a touch and a kept take, two for an item that was put back."""
    readings = _Readings(handlings.read, rng)
    for n, act in enumerate(handlings.act.tolist()):
        visit, facing = int(handlings.visit[n]), int(handlings.facing[n])
        start, hold = float(handlings.at_s[n]), float(handlings.hold_s[n])
        reading = readings.of(n, ACTS[act])
        kind = Kind.REACH if act == TOUCHED else Kind.TAKE
        yield _interaction(
            shelf,
            facing,
            kind,
            visit=visit,
            span=(start, start + (hold if act == TOUCHED else 1.0)),
            reading=reading,
            outcome=act in {KEPT, TOUCHED},
        )
        if act not in {KEPT, TOUCHED}:
            yield _interaction(
                shelf,
                facing,
                Kind.PUT_BACK,
                visit=visit,
                span=(start + hold, start + hold + 1.0),
                reading=reading,
                outcome=True,
                hold_s=hold,
            )


def _face(read: int) -> tuple[str, ...]:
    """What the face shows with a class that was read, as codes of ``shelf.reaction``."""
    if read < 0:
        return ()
    return {
        "positive": ("smile",),
        "hesitant": ("brow_raised",),
        "rejected": ("brow_lowered",),
    }.get(CLASSES[read], ())


def _interaction(
    shelf: _Shelf,
    facing: int,
    kind: Kind,
    *,
    visit: int,
    span: tuple[float, float],
    reading: tuple[Reaction, float],
    outcome: bool = False,
    hold_s: float = 0.0,
) -> Interaction:
    start_s, end_s = span
    reaction, confidence = reading
    return Interaction(
        kind=kind,
        fixture=shelf.fixtures[shelf.fixture_of[facing]],
        facing=shelf.facings[facing],
        item=shelf.items[shelf.item_of[facing]],
        start_s=start_s,
        end_s=end_s,
        hold_s=hold_s,
        confidence=confidence,
        reaction=reaction,
        outcome=outcome,
        visit=visit,
        at=_moment(end_s),
    )


# --- answers -----------------------------------------------------------------------------------

ANSWERED = np.array([0.004, 0.02, 0.08, 0.004])
"""Share of handlings that lead to an answer, by true class."""


def _answers(
    shop: Shop, shelf: _Shelf, handlings: _Handlings, rng: np.random.Generator
) -> list[Answer]:
    """Answers of those who put an item back, mostly; three in four name the item's true cause."""
    home = shop.language if shop.language in LANGUAGES else LANGUAGES[0]
    chance = np.array([0.64 if code == home else 0.12 for code in LANGUAGES])
    answers = []
    for n in np.flatnonzero(rng.random(len(handlings.true)) < ANSWERED[handlings.true]):
        item = int(handlings.item[n])
        true_cause = rng.random() < 0.75  # noqa: PLR2004 - three in four
        reason = REASONS[shelf.cause[item] if true_cause else rng.integers(len(REASONS))]
        language = str(rng.choice(LANGUAGES, p=chance / chance.sum()))
        liked = handlings.true[n] != CLASSES.index("rejected")
        answers.append(
            Answer(
                id=rng.bytes(16).hex(),
                receipt=rng.bytes(10).hex().upper(),
                survey="put-back",
                version=1,
                item=shelf.items[item],
                trigger=None,
                at=floor_time(
                    _moment(handlings.at_s[n] + rng.uniform(20, 300)), timedelta(minutes=15)
                ),
                channel=str(rng.choice(["kiosk", "qr"])),
                language=language,
                rating=int(rng.integers(3, 6) if liked else rng.integers(1, 4)),
                choice=reason,
                text=sentence(reason, language, rng) if rng.random() < 0.7 else "",  # noqa: PLR2004
                origin=Origin.SIMULATED,
            )
        )
    return answers


def _answers_table(answers: Sequence[Answer]) -> Any:
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


def _moment(unix_s: float) -> datetime:
    return datetime.fromtimestamp(float(unix_s), UTC)

"""Who comes, where they stop, what they handle, and what of it is read: arrays drawn from stated
probabilities.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.shop import Shop
from aeras.lab.simulated.words import REASONS

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

HOLD_S = (2.2, 7.0, 18.0, 1.2, 5.0)
"""Median seconds in the hand, by act."""
HOLD_SPREAD = 0.25
"""Spread of their logarithm."""

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
SETTLE_S = 1200.0
"""No visit starts in the last seconds before the end, so that all that follows from it,
sales included, lies before it."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
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
    def of(cls, shop: Shop, rng: np.random.Generator, bad_items: Collection[str] = ()) -> Shelf:
        """Draws what is true of a shop; InputError when no facing has an item.

        ``bad_items`` names the items to be rejected; empty: one in eight, at least one, by lot.
        """
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
        lot = rng.permutation(len(items))[: max(1, len(items) // 8)]
        bad = np.isin(np.arange(len(items)), lot)
        if bad_items:
            bad = np.isin(items, list(bad_items))
        classes = _item_classes(bad, rng)
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
        """What is true of one item, by its index."""
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


def _item_classes(bad: Bools, rng: np.random.Generator) -> Floats:
    """True class probabilities (I, 4): bad items are rejected at least three times as often."""
    count = len(bad)
    rejected = np.where(bad, rng.uniform(0.50, 0.65, count), rng.uniform(0.06, 0.16, count))
    hesitant = rng.uniform(0.08, 0.20, count)
    neutral = (1 - rejected - hesitant) * rng.uniform(0.35, 0.5, count)
    return np.stack([1 - rejected - hesitant - neutral, hesitant, rejected, neutral], axis=1)


def read_share(classes: Floats, label: str) -> float:
    """Expected share of handlings that get a label, from the true class probabilities (4,)."""
    target = CLASSES.index(label)
    hit = np.zeros_like(ACT_GIVEN_CLASS)
    hit[target] += 1 - MISREAD
    hit += MISREAD * (target == MISTAKEN)
    return float((1 - UNCLEAR) * (classes[:, None] * ACT_GIVEN_CLASS * hit).sum())


def arrivals(
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
class Stops:
    """S stops at fixtures: visit number, fixture, start (Unix s), facing looked at, length (s)."""

    visit: Ints
    fixture: Ints
    at_s: Floats
    facing: Ints
    dwell_s: Floats


def stops_of(visits: Floats, shelf: Shelf, rng: np.random.Generator) -> Stops:
    """Each visit stops at one to three fixtures, a minute or two apart."""
    counts = rng.choice(len(STOPS), len(visits), p=STOPS) + 1
    visit = np.repeat(np.arange(len(visits)), counts)
    order = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, int)
    pull = np.bincount(shelf.fixture_of, weights=shelf.weight)
    fixture = rng.choice(len(shelf.fixtures), len(visit), p=np.sqrt(pull) / np.sqrt(pull).sum())
    return Stops(
        visit=visit,
        fixture=fixture,
        at_s=visits[visit] + order * rng.uniform(80, 140, len(visit)),
        facing=_facing_at(fixture, shelf, rng),
        dwell_s=rng.lognormal(np.log(6), 0.8, len(visit)).clip(1, 70),
    )


def _facing_at(fixture: Ints, shelf: Shelf, rng: np.random.Generator) -> Ints:
    """A facing of each given fixture, by weight."""
    facing = np.zeros(len(fixture), dtype=np.int64)
    for number in range(len(shelf.fixtures)):
        there = np.flatnonzero(shelf.fixture_of == number)
        chance = shelf.weight[there] / shelf.weight[there].sum()
        here = fixture == number
        facing[here] = rng.choice(there, int(here.sum()), p=chance)
    return facing


@dataclass(frozen=True, slots=True, eq=False)
class Handlings:
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

    def where(self, mask: Bools | Ints) -> Handlings:
        """The handlings of a mask or in another order."""
        return Handlings(
            self.visit[mask],
            self.facing[mask],
            self.item[mask],
            self.at_s[mask],
            self.true[mask],
            self.act[mask],
            self.read[mask],
            self.hold_s[mask],
        )


def handlings_of(stops: Stops, shelf: Shelf, rng: np.random.Generator) -> Handlings:
    """None to three handlings a stop, twenty seconds apart."""
    counts = rng.choice(len(HANDLED), len(stops.visit), p=HANDLED)
    stop = np.repeat(np.arange(len(counts)), counts)
    order = np.concatenate([np.arange(n) for n in counts]) if len(counts) else np.zeros(0, int)
    facing = _facing_at(stops.fixture[stop], shelf, rng)
    item = shelf.item_of[facing]
    true = _draw(shelf.classes[item], rng)
    act = _draw(ACT_GIVEN_CLASS[true], rng)
    read = np.where(rng.random(len(true)) < MISREAD, MISTAKEN[true, act], true)
    read[rng.random(len(true)) < UNCLEAR] = -1
    handlings = Handlings(
        visit=stops.visit[stop],
        facing=facing,
        item=item,
        at_s=stops.at_s[stop] + 3 + order * 20,
        true=true,
        act=act,
        read=read,
        hold_s=np.array(HOLD_S)[act] * rng.lognormal(0, HOLD_SPREAD, len(act)).clip(0.5, 1.8),
    )
    return handlings.where(np.argsort(handlings.at_s, kind="stable"))


def _draw(chances: Floats, rng: np.random.Generator) -> Ints:
    """One index a row, by the row's probabilities."""
    drawn: Ints = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return drawn


def moment(unix_s: float) -> datetime:
    """A Unix time as UTC."""
    return datetime.fromtimestamp(float(unix_s), UTC)

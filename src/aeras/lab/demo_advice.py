"""A simulated past for proposals: weeks and trials of a shop whose shelves matter as drawn here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from aeras.domain.proposals import PlacedRound, PlacedWeek, ProposalBook
from aeras.domain.shop import Shop
from aeras.place.options import AdviceOptions
from aeras.place.policy import Known, load
from aeras.place.trial import choose
from aeras.wiring.advice import AdviceRoom
from aeras.wiring.placing import (
    Ground,
    ground_of,
    margins_of,
    reward_over,
    round_of,
    weeks_for,
    weights_of,
)

WEEK = timedelta(days=7)
QUIET, PERIODS, HOLD, SINCE = 6, 7, 2, 4
"""Weeks before the trials, trials and the weeks each of them lasts, weeks since."""


class SimulatedShelves:
    """Shoppers who choose by where an item stands and by how they like it.

    Args:
        ground: The shop.
        rng: Draws the shop and its weeks.
        visits: Of the shop in a week.
    """

    def __init__(self, ground: Ground, rng: np.random.Generator, visits: int = 9000) -> None:
        layout = ground.layout
        self._layout, self._rng, self._visits = layout, rng, visits
        self._visibility = rng.normal(0, 0.5, len(layout.slots))
        self._appeal = rng.normal(0, 0.5, len(layout.items))
        self._taken = rng.uniform(0.3, 0.7, len(layout.items))
        self._positive = rng.uniform(0.1, 0.5, len(layout.items))

    def week(self, plan: Mapping[str, str], start: datetime) -> PlacedWeek:
        """Counts of a week under a plan (item by facing)."""
        rng, layout = self._rng, self._layout
        number = {item: n for n, item in enumerate(layout.items)}
        visits = int(rng.poisson(self._visits * rng.lognormal(0, 0.05)))
        counts: dict[str, tuple[int, ...]] = {}
        for slots in layout.blocks:
            at = np.array([number[plan[layout.slots[s]]] for s in slots])
            weight = np.exp(self._visibility[slots] + self._appeal[at])
            share = 0.012 * weight * (weight.sum() / len(slots)) ** -0.4
            for slot, item, rate, seen in zip(
                slots, at, share, np.exp(self._visibility[slots]), strict=True
            ):
                handled = int(rng.poisson(visits * rate))
                taken = int(rng.binomial(handled, self._taken[item]))
                read = int(rng.binomial(handled, 0.7))
                positive = int(rng.binomial(read, self._positive[item]))
                rejected = int(rng.binomial(read - positive, 0.2))
                dwells = int(rng.poisson(visits * 0.03 * seen))
                counts[layout.slots[slot]] = (
                    *(dwells, handled, handled - taken),
                    *(positive, 0, rejected, read - positive - rejected, handled - read),
                )
        return PlacedWeek(start, dict(plan), counts, visits, {}, simulated=True)


@dataclass(frozen=True, slots=True)
class Past:
    """What such a shop would have stored."""

    weeks: list[PlacedWeek]
    rounds: list[PlacedRound]


def simulate_past(  # noqa: PLR0917 - each of another kind
    ground: Ground,
    options: AdviceOptions,
    margin: Mapping[str, float],
    starts: list[datetime],
    shelves: SimulatedShelves,
    rng: np.random.Generator,
) -> Past:
    """Weeks under today's plan, then trials of all blocks, then weeks under today's plan again.

    Args:
        ground: The shop.
        options: Of its site file.
        margin: By item id.
        starts: Of the weeks, oldest first; `PAST_WEEKS` of them.
        shelves: Draws the weeks.
        rng: Draws the lots.
    """
    layout, policy, past = ground.layout, load(options.policy)(), Past([], [])
    base = ground.items_at(np.arange(len(layout.slots)), ground.today)
    for n, start in enumerate(starts):
        trial, first = divmod(n - QUIET, HOLD)
        if not 0 <= trial < PERIODS:
            plan = base
        elif first == 0:
            known = Known(layout, ground.rules, ground.today, weeks_for(ground, past.weeks),
                          weights_of(options), rng)  # fmt: skip
            drawn = [choose(known, [policy], b, slots) for b, slots in enumerate(layout.blocks)]
            plan = base | {
                f: i
                for one in drawn
                for f, i in ground.items_at(one.slots, one.candidates[one.chosen]).items()
            }
            past.rounds.extend(
                replace(
                    round_of(ground, one, policy.name),
                    chosen=one.chosen,
                    begun=start,
                    until=start + HOLD * WEEK,
                    simulated=True,
                )
                for one in drawn
            )
        past.weeks.append(shelves.week(plan, start))
    return Past(past.weeks, [_settled(one, past, margin, options) for one in past.rounds])


PAST_WEEKS = QUIET + PERIODS * HOLD + SINCE


def _settled(
    one: PlacedRound, past: Past, margin: Mapping[str, float], options: AdviceOptions
) -> PlacedRound:
    assert one.begun is not None
    assert one.until is not None
    weeks = [w for w in past.weeks if one.begun <= w.start < one.until]
    return replace(one, reward=reward_over(weeks, one.facings, margin, weights_of(options)))


def add_past(room: AdviceRoom, book: ProposalBook, shop: Shop, now: datetime, seed: int) -> None:
    """Stores a simulated past, and looks for a proposal as of a week ago and as of now.

    Args:
        room: Looks.
        book: Takes weeks and rounds.
        shop: Its plan is that of all weeks but those of trials.
        now: UTC.
        seed: Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    options = room.options()
    ground = ground_of(shop, options, room.plan())
    this_week = room.week_of(now)
    starts = [room.week_of(this_week - n * WEEK + WEEK / 14) for n in range(PAST_WEEKS, 0, -1)]
    shelves = SimulatedShelves(ground, rng)
    past = simulate_past(ground, options, margins_of(shop, options), starts, shelves, rng)
    book.add_weeks(past.weeks)
    book.add_rounds(past.rounds)
    room.make(now - WEEK)
    room.make(now)

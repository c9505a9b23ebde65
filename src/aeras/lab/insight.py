"""How far the sales model can be trusted: simulated shops whose truth is known.

Reactions to an item drift over days. Some items sell less the more they are rejected, some more,
most are indifferent. Promotions, prices and stock-outs move both sales and reactions, so that the
plain correlation finds links where there are none; it is measured beside. Everything is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

from aeras.insight.correlation import SOLD_OUT, TENTH, Panel, discoveries, links
from aeras.insight.ranks import draws, ranks
from aeras.insight.rates import share
from aeras.insight.sales_change import sales_change
from aeras.lab.triggers import interval

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

WEEK = np.array([0.85, 0.85, 0.9, 1.0, 1.25, 1.4, 0.75])
SURE = 0.8


@dataclass(frozen=True, slots=True)
class Market:
    """How a shop is drawn.

    Attributes:
        items, categories: How many; categories are equal in size.
        days: Length.
        parts: Shares of a day's traffic in its parts; these are the cells.
        linked: Share of items whose sales follow their reactions.
        effects: Smallest and largest change of sales with ten points more of rejection, as log,
            either way; a link is to less sales in four of five cases.
        stated: Smallest of these for which the sign is counted.
        handled: Median handlings a day of an item; by lot from a third to three times as many.
        drift: Standard deviation of the log odds of rejection.
        drift_days: In which an item's reactions forget half of it.
        drift_spread: Standard deviation of its log over items.
        demand: Standard deviation of log sales by themselves, which forget half in 3 days.
        tide: The same of a category's, for all its items.
        confounded: Whether promotions, prices and stock-outs move reactions too.
        seen_out: Share of the time without stock that was noticed.
        lag: Parts of a day by which sales follow.
        bought: Units sold a handling.
        jumps: Whether an item's sales jump by themselves once a month, instead of wandering.
        same: Whether who put it back is who did not buy: the chance in a cell's share counts for
            its sales, too.
    """

    items: int = 60
    categories: int = 6
    days: int = 120
    parts: tuple[float, ...] = (0.25, 0.35, 0.40)
    linked: float = 0.4
    effects: tuple[float, float] = (0.05, 0.35)
    stated: float = 0.15
    handled: float = 60.0
    drift: float = 0.6
    drift_days: float = 7.0
    drift_spread: float = 0.0
    demand: float = 0.1
    tide: float = 0.1
    confounded: bool = True
    seen_out: float = 1.0
    lag: int = 0
    bought: float = 0.8
    jumps: bool = False
    same: bool = False


SCENARIOS: dict[str, dict[str, Any]] = {
    "not_confounded": {"confounded": False},
    "no_links": {"linked": 0.0},
    "who_put_back_did_not_buy": {"same": True},
    "sales_follow_a_day_later": {"lag": 3},
    "a_third_of_stock_outs_unseen": {"seen_out": 2 / 3},
    "a_third_of_the_handlings": {"handled": 20.0},
    "reactions_hardly_change": {"drift": 0.2},
    "restless_sales": {"demand": 0.2},
    "items_differ_in_drift": {"drift_spread": 0.4},
    "demand_jumps": {"jumps": True},
    "whole_days": {"parts": (1.0,), "days": 120},
    "whole_days_of_two_months": {"parts": (1.0,), "days": 60},
}
"""What is different from the main scenario."""


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One shop: what AERAS would know of it, and the true effects (I,), as log of sales with ten
    points more of rejection.
    """

    panel: Panel
    effect: Floats


def _wandering(rng: np.random.Generator, shape: tuple[int, int], half_life: float) -> Floats:
    """Stationary first-order autoregressions with variance 1, (rows, steps)."""
    memory = 0.5 ** (1 / half_life)
    steps = rng.normal(0, math.sqrt(1 - memory**2), shape)
    steps[:, 0] = rng.normal(0, 1, shape[0])
    found: Floats = signal.lfilter([1], [1, -memory], steps, axis=1)
    return found


def _spells(rng: np.random.Generator, shape: tuple[int, int], each: float, length: int) -> Floats:
    """1 during spells that begin at a step with probability ``each``, (rows, steps)."""
    starts = rng.random(shape) < each
    ongoing = signal.lfilter(np.ones(length), [1], starts.astype(float), axis=1)
    return (ongoing > 0).astype(float)


def draw(market: Market, rng: np.random.Generator) -> Drawn:
    """Draws a shop."""
    count, parts = market.items, len(market.parts)
    steps = market.days * parts
    shape = (count, steps)
    category = np.arange(count) % market.categories
    day, part = np.divmod(np.arange(steps), parts)
    busy_hours = WEEK[day % 7] * np.array(market.parts)[part]
    traffic = busy_hours * np.exp(0.15 * _wandering(rng, (1, steps), 6)[0])
    promoted = _spells(rng, shape, 1 / (25 * parts), 6 * parts)
    price = 0.08 * np.round(_wandering(rng, shape, 30 * parts)) - 0.2 * promoted
    out = np.where(_spells(rng, shape, 1 / (10 * parts), 2) > 0, rng.uniform(0.1, 1, shape), 0.0)

    # reactions: many pick a promoted item up to look, a hand that finds nothing reads as rejection
    moves = 0.9 * promoted + 2.0 * price * (1 - promoted) + 1.5 * out
    own = special.logit(rng.uniform(0.12, 0.3, count))[:, None]
    restless = market.drift * np.exp(market.drift_spread * rng.normal(0, 1, (count, 1)))
    drift = restless * _wandering(rng, shape, market.drift_days * parts)
    weekly = 0.2 * rng.normal(0, 1, (count, 7))[:, day % 7]
    rate = special.expit(own + drift + weekly + market.confounded * moves)
    busy = market.handled * np.exp(rng.uniform(-math.log(3), math.log(3), count))[:, None]
    handled = rng.poisson(busy * traffic * (1 + 0.8 * promoted) * (1 - 0.3 * out))
    rejected = rng.binomial(handled, rate)

    effect = np.zeros(count)
    chosen = rng.permutation(count)[: round(market.linked * count)]
    signs = np.where(rng.random(len(chosen)) < 0.8, -1, 1)  # noqa: PLR2004 - four of five
    effect[chosen] = signs * rng.uniform(*market.effects, len(chosen))
    felt = rejected / np.maximum(handled, 1) if market.same else rate
    felt = np.where(handled > 0, felt, rate)
    acts = felt[:, np.arange(steps) - market.lag]  # the first follow the last
    demand = market.demand * _wandering(rng, shape, 3 * parts)
    if market.jumps:
        level = (rng.random(shape) < 1 / (30 * parts)).astype(np.int64).cumsum(axis=1)
        demand = np.take_along_axis(rng.normal(0, 0.15, shape), level, axis=1)
    tide = market.tide * _wandering(rng, (market.categories, steps), 7 * parts)[category]
    log_sales = (
        np.log(market.bought * busy * traffic)
        + (effect / TENTH)[:, None] * (acts - special.expit(own))
        + 0.6 * promoted
        - 1.5 * price
        + demand
        + tide
    )
    mean = np.exp(log_sales) * (1 - out)
    units = rng.poisson(mean * rng.gamma(20, 1 / 20, shape)).astype(float)

    noticed = out * (rng.random(shape) < market.seen_out)
    totals = np.array([units[category == n].sum(axis=0) for n in range(market.categories)])
    rest = totals[category] - units
    clock = [np.broadcast_to(day % 7 == n, shape) for n in range(6)]
    clock += [np.broadcast_to(part == n, shape) for n in range(parts - 1)]
    known = np.stack(
        [
            np.broadcast_to(np.log(traffic), shape),
            promoted,
            price,
            noticed,
            np.log1p(-np.minimum(noticed, SOLD_OUT)),
            np.log(rest + 1),
            np.broadcast_to(np.arange(steps) / steps, shape),
            *clock,
        ],
        axis=-1,
    ).astype(float)
    usable = noticed <= SOLD_OUT
    panel = Panel(units, handled.astype(float), rejected.astype(float), known, usable)
    return Drawn(panel, effect)


def judged(drawn: Sequence[Drawn], market: Market) -> dict[str, Any]:
    """Figures of the model over shops, with the plain correlation beside it."""
    found = [links(shop.panel, lag=market.lag) for shop in drawn]
    truth = np.concatenate([np.expm1(shop.effect) for shop in drawn])
    big = np.abs(np.concatenate([shop.effect for shop in drawn])) >= market.stated - 1e-9
    told = np.concatenate([np.isfinite(one.change) for one in found])
    change, low, high, naive, naive_low, naive_high = (
        np.concatenate([getattr(one, name) for one in found])
        for name in ("change", "low", "high", "naive", "naive_low", "naive_high")
    )
    plain = [discoveries(one.naive_p, 0.05) for one in found]
    return {
        "items": len(truth),
        "not_told": round(float(1 - told.mean()), 4),
        "coverage": share_of(((low <= truth) & (truth <= high))[told]),
        "coverage_of_effects": share_of(((low <= truth) & (truth <= high))[told & (truth != 0)]),
        "sign_right": share_of((np.sign(change) == np.sign(truth))[told & big]),
        "fdr": _false_share([one.found for one in found], drawn),
        "power": share_of(np.concatenate([one.found for one in found])[big]),
        "half_width": round(float(np.median((high - low)[told])) / 2, 3),
        "bias": round(float(np.mean((change - truth)[told])), 4),
        "naive": {
            "coverage": share_of((naive_low <= truth) & (truth <= naive_high)),
            "sign_right": share_of((np.sign(naive) == np.sign(truth))[big]),
            "fdr": _false_share(plain, drawn),
            "power": share_of(np.concatenate(plain)[big]),
        },
    }


def share_of(hits: Bools) -> dict[str, float] | None:
    """A share with its 95 % interval (Wilson); None of nothing."""
    if not len(hits):
        return None
    rate = share(int(hits.sum()), len(hits))
    return {"value": round(rate.value, 4), "low": round(rate.low, 4), "high": round(rate.high, 4)}


def _false_share(found: Sequence[Bools], drawn: Sequence[Drawn]) -> dict[str, float]:
    """Mean over shops of the share of discoveries that are false."""
    return interval(
        [
            float((one & (shop.effect == 0)).sum() / max(1, one.sum()))
            for one, shop in zip(found, drawn, strict=True)
        ]
    )


def judged_changes(shops: int, seed: int) -> dict[str, Any]:
    """The same for changes of price or place: 28 days before and after, in a shop in which each
    category has its season and each item drifts by itself.
    """
    holds, placebos, apart, tested = [], [], [], []
    for n in range(shops):
        rng = np.random.default_rng([seed, n])
        for effect in (0.0, -0.1, 0.2):
            units = _season(rng, items=25, days=56)
            units[0, 28:] *= 1 + effect
            moved = sales_change(rng.poisson(units).astype(float), 28)
            if moved is None:
                continue
            change, placebo = moved.change, moved.placebo
            tested.append(effect)
            holds.append(change.low <= effect <= change.high)
            apart.append(change.value - effect)
            if placebo is not None:
                placebos.append(placebo.low <= 0 <= placebo.high)
    return {
        "changes": len(tested),
        "coverage": share_of(np.array(holds)),
        "placebo_holds": share_of(np.array(placebos)),
        "bias": round(float(np.mean(apart)), 4),
    }


def judged_ranks(shops: int, seed: int) -> dict[str, Any]:
    """How the report of rejection rates does: 40 items in 4 categories, a rate's interval, and how
    many of those said to be in the worst ten with 80 to 100 % are.
    """
    holds, raw, sure, mean = [], [], [], []
    for n in range(shops):
        rng = np.random.default_rng([seed, n])
        category = np.arange(40) % 4
        rate = special.expit(rng.normal(-1.4, 0.3, 4)[category] + rng.normal(0, 0.4, 40))
        handled = rng.integers(20, 200, 40)
        hits = rng.binomial(handled, rate)
        drawn = draws(hits.astype(float), handled.astype(float), category, seed=n)
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        holds += ((low <= rate) & (rate <= high)).tolist()
        inside, _ = ranks(drawn, 10)
        worst = np.argsort(-rate)[:10]
        likely = np.flatnonzero(inside >= SURE)
        sure += np.isin(likely, worst).tolist()
        mean += inside[likely].tolist()
        raw += np.isin(np.argsort(-hits / handled)[: len(likely)], worst).tolist()
    return {
        "coverage": share_of(np.array(holds)),
        "said_in_worst_ten": round(float(np.mean(mean)), 4),
        "truly_in_worst_ten": share_of(np.array(sure)),
        "of_as_many_by_raw_rate": share_of(np.array(raw)),
    }


def _season(rng: np.random.Generator, items: int, days: int) -> Floats:
    """Expected units a day (I, D)."""
    own = np.exp(rng.normal(math.log(12), 0.7, items))[:, None]
    tide = 0.3 * _wandering(rng, (1, days), 14)
    drift = 0.15 * _wandering(rng, (items, days), 10)
    found: Floats = own * np.exp(tide + drift) * WEEK[np.arange(days) % 7]
    return found


def measure(shops: int = 40, *, seed: int = 7, market: Market | None = None) -> dict[str, Any]:
    """All scenarios; the further ones take a quarter of the shops each.

    Args:
        shops: Simulated shops of the main scenario.
        seed: The same seed gives the same figures.
        market: Smaller for tests.
    """
    main = market or Market()
    few = max(1, shops // 4)

    def of(one: Market, count: int) -> dict[str, Any]:
        return judged([draw(one, np.random.default_rng([seed, n])) for n in range(count)], one)

    return {
        "simulated": True,
        "shops": shops,
        "market": asdict(main),
        "main": of(main, shops),
        **{name: of(replace(main, **changes), few) for name, changes in SCENARIOS.items()},
        "changes": judged_changes(10 * shops, seed + 1),
        "ranks": judged_ranks(5 * shops, seed + 2),
    }

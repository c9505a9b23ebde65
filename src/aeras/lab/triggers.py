"""How far triggers can be trusted: simulated shops whose truth is known, looked at every hour.

Ordinary items are rejected about as often as their category, by their nature some more and some
less; bad ones twice as often. ``fdr`` counts every trigger for an ordinary item as false, and
``fdr_within_margin``, which is what the rule promises, those for items that are truly within the
margin; both as soon as it was open in any hour of the sixty days. Everything is simulated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from aeras.insight.evidence import Process, needed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COUNTS = ((5, 2), (3, 12), (10, 84))
"""``mode: count`` beside it: more than so many rejections in so many open hours (2 h, a day, a
week); the first is the site file's default."""
FEW = 20
"""``min_handled`` of the rule."""


@dataclass(frozen=True, slots=True)
class Market:
    """How a shop is drawn.

    Attributes:
        items, bad: How many, and how many of them are bad.
        categories: Equal in size.
        days, hours: Length; open hours a day.
        baseline: Smallest and largest rejection rate of a category.
        factor: Rate of a bad item over its category's.
        visits: Handlings in the whole time: of a bad item expected, of an ordinary one the median.
        spread: Standard deviation of the log rate of ordinary items within their category.
        swing: The same of a category's rate from hour to hour.
        empty: Ordinary items that are sold out for three days in the middle.
        aside: Whether the rule is told of that.
        window_days: After which evidence starts anew; 0 for never.
        margin, fdr: Of the rule.
    """

    items: int = 1000
    bad: int = 50
    categories: int = 20
    days: int = 60
    hours: int = 12
    baseline: tuple[float, float] = (0.12, 0.25)
    factor: float = 2.0
    visits: float = 300.0
    spread: float = 0.10
    swing: float = 0.15
    empty: int = 0
    aside: bool = True
    window_days: int = 0
    margin: float = 1.1
    fdr: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """One shop: counts (T, I) an hour, and the truth by item (I,). ``within`` are the items whose
    rate is at most the margin above their category's others: the rule's null hypothesis.
    """

    handled: Ints
    hits: Ints
    category: Ints
    baseline: Floats
    bad: Bools
    within: Bools
    out: Bools
    empty: Bools


def draw(market: Market, rng: np.random.Generator) -> Drawn:
    """Draws a shop; ``empty`` (T, I) marks the hours in which an item of ``out`` was sold out."""
    count, steps = market.items, market.days * market.hours
    category = np.arange(count) % market.categories
    baseline = rng.uniform(*market.baseline, market.categories)[category]
    lot = rng.permutation(count)
    bad, out = np.zeros((2, count), dtype=np.bool_)
    bad[lot[: market.bad]] = True
    out[lot[market.bad : market.bad + market.empty]] = True
    own = rng.lognormal(-(market.spread**2) / 2, market.spread, count)
    rate = baseline * np.where(bad, market.factor, own)
    others = _mean_of_others(rate, category)
    visits = market.visits * np.where(bad, 1.0, rng.lognormal(0, 0.6, count))
    handled = rng.poisson(visits / steps, (steps, count))
    swing = rng.lognormal(-(market.swing**2) / 2, market.swing, (steps, market.categories))
    rates = np.minimum(rate * swing[:, category], 0.95)
    empty = np.zeros((steps, count), dtype=np.bool_)
    middle = steps // 2
    empty[middle : middle + 3 * market.hours] = out
    rates[empty] = 0.8  # a hand that finds nothing, and leaves
    return Drawn(
        handled=handled,
        hits=rng.binomial(handled, rates),
        category=category,
        baseline=baseline,
        bad=bad,
        within=rate <= market.margin * others,
        out=out,
        empty=empty,
    )


def _mean_of_others(rate: Floats, category: Ints) -> Floats:
    counts = np.bincount(category)[category]
    others: Floats = (np.bincount(category, rate)[category] - rate) / np.maximum(counts - 1, 1)
    return others


def rate_mode(shop: Drawn, market: Market) -> Floats:
    """Hour (from 1) in which each item's trigger opened first, inf where none did (I,)."""
    handled, hits = shop.handled, shop.hits
    if market.aside:
        handled, hits = np.where(shop.empty, 0, handled), np.where(shop.empty, 0, hits)
    first = np.full(len(shop.bad), np.inf)
    window = market.window_days * market.hours or len(handled)
    for step in range(len(handled)):
        if step % window == 0:
            process, seen = Process(shop.category, market.margin), np.zeros_like(handled[0])
        process.update(handled[step], hits[step])
        seen = seen + handled[step]
        e_values = np.where(seen >= FEW, process.e_values, 0.0)
        opened = e_values >= needed(e_values, market.fdr)
        first[opened & np.isinf(first)] = step + 1
    return first


def count_mode(shop: Drawn, threshold: int, hours: int) -> Floats:
    """The same for ``mode: count``."""
    total = np.vstack([np.zeros_like(shop.hits[:1]), shop.hits.cumsum(axis=0)])
    back = np.maximum(np.arange(1, len(total)) - hours, 0)
    over = total[1:] - total[back] > threshold
    found: Floats = np.where(over.any(axis=0), over.argmax(axis=0) + 1.0, np.inf)
    return found


def fixed_horizon(baseline: float, factor: float, margin: float, level: float) -> int:
    """Handlings after which a binomial test that knows the baseline, and looks once, has 90 %
    power against ``factor`` times it.
    """
    low, bad = min(baseline * margin, 0.99), min(baseline * factor, 0.99)
    for n in range(5, 2000):
        critical = stats.binom.isf(level, n, low)
        if stats.binom.sf(critical, n, bad) >= 0.9:  # noqa: PLR2004 - the power that is asked for
            return n
    return 2000


def interval(values: Sequence[float]) -> dict[str, float]:
    """Mean over shops with its 95 % interval (Student)."""
    mean = float(np.mean(values))
    half = 0.0
    if len(values) > 1:
        half = float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values))
    return {
        "value": round(mean, 4),
        "low": round(max(0.0, mean - half), 4),
        "high": round(min(1.0, mean + half), 4),
    }


def figures(firsts: Sequence[Floats], shops: Sequence[Drawn], market: Market) -> dict[str, Any]:
    """Errors, power and delay of one rule over all shops."""
    pairs = list(zip(firsts, shops, strict=True))
    opened = [np.isfinite(first) for first in firsts]
    false = [float((o & ~s.bad).sum()) for o, s in zip(opened, shops, strict=True)]
    report: dict[str, Any] = {
        "fdr": interval([f / max(1.0, o.sum()) for f, o in zip(false, opened, strict=True)]),
        "fdr_within_margin": interval(
            [
                float((o & s.within).sum() / max(1, o.sum()))
                for o, s in zip(opened, shops, strict=True)
            ]
        ),
        "false_triggers_a_shop": round(float(np.mean(false)), 3),
    }
    if market.bad:
        delays = np.concatenate([first[shop.bad] for first, shop in pairs]) / market.hours
        middle = float(np.median(delays))
        report["power"] = interval(
            [float(o[s.bad].mean()) for o, s in zip(opened, shops, strict=True)]
        )
        report["delay_days"] = round(middle, 2) if math.isfinite(middle) else None
    if market.empty:
        report["triggers_by_stock_out_a_shop"] = round(
            float(np.mean([(o & s.out).sum() for o, s in zip(opened, shops, strict=True)])), 3
        )
    return report


def run(market: Market, shops: int, seed: int, *, counts: bool = False) -> dict[str, Any]:
    """Figures of the rate rule, with ``mode: count`` beside it if wanted."""
    drawn = [draw(market, np.random.default_rng([seed, n])) for n in range(shops)]
    report = figures([rate_mode(shop, market) for shop in drawn], drawn, market)
    if market.bad:
        report |= _against_fixed(report["delay_days"], drawn, market)
    if counts:
        report["count"] = {
            f"more than {threshold} in {hours} open hours": figures(
                [count_mode(shop, threshold, hours) for shop in drawn], drawn, market
            )
            for threshold, hours in COUNTS
        }
    return report


def _against_fixed(
    delay_days: float | None, shops: Sequence[Drawn], market: Market
) -> dict[str, Any]:
    """Delay beside the test that knows baseline and moment, at the level that Benjamini-Hochberg
    would leave it when all bad items are found.
    """
    level = market.fdr * market.bad / market.items
    rates = np.concatenate([shop.baseline[shop.bad] for shop in shops]).round(2)
    found: dict[str, Any] = {}
    for name, margin in (("", market.margin), ("_margin_1", 1.0)):
        needs = {r: fixed_horizon(r, market.factor, margin, level) for r in np.unique(rates)}
        fixed = float(np.median([needs[r] for r in rates])) / market.visits * market.days
        found[f"fixed_days{name}"] = round(fixed, 2)
        found[f"delay_ratio{name}"] = round(delay_days / fixed, 2) if delay_days else None
    return found


def measure(shops: int = 200, *, seed: int = 7, market: Market | None = None) -> dict[str, Any]:
    """All scenarios; the sweeps take a quarter of the shops each.

    Args:
        shops: Simulated shops of the main scenario.
        seed: The same seed gives the same figures.
        market: Smaller for tests.
    """
    main = market or Market()
    few = max(1, shops // 4)
    wave = replace(main, empty=main.items // 10)
    return {
        "simulated": True,
        "shops": shops,
        "market": asdict(main),
        "main": run(main, shops, seed, counts=True),
        "all_ordinary": run(replace(main, bad=0), shops, seed + 1, counts=True),
        "stock_out_wave": run(wave, few, seed + 2, counts=True),
        "stock_out_wave_not_told": run(replace(wave, aside=False), few, seed + 2),
        "windows_of_28_days": run(replace(main, window_days=28), few, seed + 3),
        "by_baseline": {
            f"{rate:.2f}": run(replace(main, baseline=(rate, rate)), few, seed + 4)
            for rate in (0.08, 0.10, 0.12, 0.15, 0.20, 0.25)
        },
    }

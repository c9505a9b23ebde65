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
from scipy import special, stats

from aeras.insight.drift import Comparison
from aeras.insight.effect import compare
from aeras.insight.evidence import Process, needed

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COUNTS = ((5, 2), (3, 12), (10, 84))
"""``mode: count`` beside it: more than so many rejections in so many open hours (2 h, a day, a
week); the first is the site file's default."""
WAVES = {
    "empty": (1, 0.8),  # a hand that finds nothing, and leaves
    "promoted": (3, 0.45),  # many pick it up to look, and put it back
    "misplaced": (1, 0.6),  # taken for what stood there before
}
"""How many times more it is handled then, and how many of these read as rejection."""
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
        empty: Ordinary items with something the matter for three days in the middle.
        wave: What: ``empty`` (sold out), ``promoted`` or ``misplaced``.
        aside: Whether the rule is told of that.
        unread: Share of handlings that could not be told, and so are evidence neither way.
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
    wave: str = "empty"
    aside: bool = True
    unread: float = 0.0
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
    more, rate_then = WAVES[market.wave]
    rates[empty] = rate_then
    handled[empty] *= more
    if market.unread:
        handled = rng.binomial(handled, 1 - market.unread)
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


def run_change(market: Market, shops: int, seed: int) -> dict[str, Any]:
    """Figures of the change rule, looking after every hour: a tenth of the items is changed in the
    middle, which makes half of these worse by ``factor``; everything else changes by the season.
    """
    found: dict[str, list[float]] = {"fdr": [], "power": [], "none_bad": [], "false": []}
    delays: list[float] = []
    for n in range(shops):
        rng = np.random.default_rng([seed, n])
        for bad in (True, False):
            first, worse = _change_shop(market, rng, bad=bad)
            opened = np.isfinite(first)
            if not bad:
                found["none_bad"].append(float(opened.any()))
                found["false"].append(float(opened.sum()))
                continue
            found["fdr"].append(float((opened & ~worse).sum() / max(1, opened.sum())))
            found["power"].append(float(opened[worse].mean()))
            delays += list(first[worse] / market.hours)
    middle = float(np.median(delays))
    return {
        "changed": market.items // 10,
        "handlings_before_and_after": market.visits,
        "fdr": interval(found["fdr"]),
        "power": interval(found["power"]),
        "delay_days": round(middle, 2) if math.isfinite(middle) else None,
        "any_false_trigger_where_none_became_worse": interval(found["none_bad"]),
        "false_triggers_a_shop_where_none_became_worse": round(float(np.mean(found["false"])), 3),
    }


def _change_shop(market: Market, rng: np.random.Generator, *, bad: bool) -> tuple[Floats, Bools]:
    """Hour after the change in which each changed item was found first, and who became worse."""
    half = market.days * market.hours // 2
    quiet = replace(market, bad=0, empty=0, unread=0.0, visits=2 * market.visits)
    shop = draw(quiet, rng)
    changed = rng.permutation(market.items)[: market.items // 10]
    worse = (np.arange(len(changed)) % 2 == 0) & bad
    season = rng.lognormal(0, 0.2, market.categories)[shop.category]
    rate = np.minimum(shop.baseline * season * rng.lognormal(0, 0.15, (half, 1)), 0.6)
    rate[:, changed[worse]] *= market.factor
    hits = shop.hits.copy()
    hits[half:] = rng.binomial(shop.handled[half:], np.minimum(rate, 0.95))
    unchanged = np.ones(market.items, dtype=np.bool_)
    unchanged[changed] = False
    e_values = np.zeros((len(changed), half))
    for row, i in enumerate(changed):
        others = unchanged & (shop.category == shop.category[i])
        counts = np.array(
            [
                shop.handled[:, i],
                hits[:, i],
                shop.handled[:, others].sum(axis=1),
                hits[:, others].sum(axis=1),
            ]
        )
        running = Comparison(counts[:, :half], counts[:, half:], market.margin).running
        enough = (counts[0, half:].cumsum() >= FEW) & (counts[0, :half].sum() >= FEW)
        e_values[row] = np.where(enough, running, 0.0)
    first = np.full(len(changed), np.inf)
    for step in range(half):
        opened = e_values[:, step] >= needed(e_values[:, step], market.fdr)
        first[opened & np.isinf(first)] = step + 1
    return first, worse


EFFECTS = {"nothing": 1.0, "a fifth less": 0.8, "two fifths less": 0.6}
OTHERS = 49


def run_effect(actions: int, seed: int) -> dict[str, Any]:
    """How often the interval of a measured effect holds the true one: an item with twice its
    category's rate, handled so often before and after; items drift by themselves (standard
    deviation of the log odds), and the season moves all.
    """
    report: dict[str, Any] = {}
    every: list[bool] = []
    for n, (name, factor) in enumerate(EFFECTS.items()):
        for handled in (60, 150, 300):
            for drift in (0.0, 0.15):
                rng = np.random.default_rng([seed, n, handled, int(100 * drift)])
                tried = [_effect(factor, handled, drift, rng) for _ in range(actions // 18 + 1)]
                holds, widths, apart = (list(column) for column in zip(*tried, strict=True))
                every += [bool(one) for one in holds]
                report[f"{name}, {handled} handlings, drift {drift}"] = {
                    "coverage": round(float(np.mean(holds)), 3),
                    "half_width": round(float(np.mean(widths)) / 2, 3),
                    "bias": round(float(np.mean(apart)), 4),
                }
    share = float(np.mean(every))
    half = 1.96 * math.sqrt(share * (1 - share) / len(every))
    coverage = {
        "value": round(share, 4),
        "low": round(share - half, 4),
        "high": round(share + half, 4),
    }
    return {"actions": len(every), "coverage": coverage, "by": report}


def _effect(
    factor: float, handled: int, drift: float, rng: np.random.Generator
) -> tuple[bool, float, float]:
    """One action: whether the interval holds the truth, its width, and how far it was off."""
    rates = rng.uniform(0.12, 0.25) * rng.lognormal(-0.005, 0.1, 1 + OTHERS)
    rates[0] *= 2
    after = special.expit(
        special.logit(rates) + rng.normal(0, 0.1) + rng.normal(0, drift, 1 + OTHERS)
    )
    truth = after[0] * (factor - 1)
    after[0] *= factor
    size = handled * np.concatenate([[1.0], rng.lognormal(0, 0.6, OTHERS)])
    n0, n1 = rng.poisson(size), rng.poisson(size)
    tables = [np.array([n, rng.binomial(n, p)], float) for n, p in ((n0, rates), (n1, after))]
    change = compare(*tables).change
    return change.low <= truth <= change.high, change.high - change.low, change.value - truth


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
        **{
            f"{name}_wave{suffix}": run(replace(wave, wave=name, aside=told), few, seed + 2)
            for name in ("promoted", "misplaced")
            for suffix, told in (("", True), ("_not_told", False))
        },
        "a_fifth_not_read": run(replace(main, unread=0.2), few, seed + 5),
        "change": run_change(main, few, seed + 6),
        "effect": run_effect(20 * shops, seed + 7),
        "windows_of_28_days": run(replace(main, window_days=28), few, seed + 3),
        "by_baseline": {
            f"{rate:.2f}": run(replace(main, baseline=(rate, rate)), few, seed + 4)
            for rate in (0.08, 0.10, 0.12, 0.15, 0.20, 0.25)
        },
    }

"""Whether an item's rate is above its category's, for somebody who looks all the time.

**The test.** Time is cut into blocks of an hour. In each, an item's handlings are compared with
those of the other items of its category in the same block, so that a rush hour, a season or a
camera that reads too much cancels out. The null hypothesis is, block by block, that the item's
rate is at most ``margin`` times the mean rate of the others; what that mean is need not be known.
A block's e-value is the likelihood of its counts under a bet (others' rate as seen before the
block, the item's odds above the null by a factor) over their likelihood under the null's closest
point. For a null that is convex in both rates this is an e-variable whatever the rates are
(Turner, Ly and Gruenwald 2024, J. Stat. Plan. Inference 230:106116; Turner and Gruenwald 2023,
Stat. Probab. Lett. 198:109835): with x = (p - p0)(p1 - p0) / (p0 (1 - p0)) a handling of rate p
has an expected likelihood ratio of 1 + x, the closest point makes the sum of all x at most 0, and
prod(1 + x) <= exp(sum x) <= 1. The sum is linear in the rates, so that the others may differ.
Products over blocks are test supermartingales, and so is their mean over the factors of the bet.
By Ville's inequality they stay below 1/a for ever with probability 1 - a: looking often costs
nothing. Handlings are taken as independent given the rates.

**All items.** e-BH (Wang and Ramdas 2022, JRSS-B 84:822-852) reports the k items with the largest
e-values where k is the most for which all are at least items / (fdr * k). Its false discovery rate
is at most ``fdr`` at any moment, however the items depend on each other.

**Where it begins.** An e-process must not choose its own beginning: a window that slides would.
The caller begins at a moment fixed in advance (`aeras.respond.rate.RateRule.start`).

An item that could not be told is no trial: `aeras.domain.evidence.HourOfItem.trials`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aeras.domain.evidence import Finding, HourOfItem, Question, Watched
from aeras.domain.published import Rate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ODDS = np.array([[1.5], [2.0], [3.0], [5.0]])
"""Bets: the item's odds over those at the edge of the null."""
PRIOR_HANDLINGS = 20.0
"""Weight of the whole shop's rate in the first guess of a category's."""
STRONGEST = 50.0
"""Handlings that a category's common rate may weigh, however alike its items are."""
FIRST_GUESS = 0.15
"""Rate that is bet on before anything was seen; a poor guess costs evidence, never validity."""


class Process:
    """The e-processes of I items, fed block by block.

    Args:
        category: Number of each item's category (I,), from 0.
        margin: The null is a rate of at most this times that of the category's others; >= 1.
    """

    def __init__(self, category: Ints, margin: float) -> None:
        if margin < 1:
            raise ValueError(f"margin {margin}, expected at least 1")
        self._category = category
        self._margin = margin
        groups = int(category.max()) + 1 if len(category) else 0
        self._hits, self._handled = np.zeros(groups), np.zeros(groups)
        self._logs = np.zeros((len(_ODDS), len(category)))

    @property
    def e_values(self) -> Floats:
        """Evidence against each item's null so far (I,)."""
        found: Floats = np.exp(np.minimum(self._logs, 600)).mean(axis=0)
        return found

    def update(self, handled: Ints, hits: Ints) -> None:
        """Takes one block's counts (I,)."""
        size = len(self._handled)
        all_handled = np.bincount(self._category, handled, size)
        all_hits = np.bincount(self._category, hits, size)
        there = np.flatnonzero(handled)
        group = self._category[there]
        n_a, y_a = handled[there].astype(float), hits[there].astype(float)
        n_b, y_b = all_handled[group] - n_a, all_hits[group] - y_a
        p_b = self._guess()[group]
        edge = np.minimum(self._margin * p_b, 0.95)
        p_a = at_odds(_ODDS, edge)
        q_b = closest(p_a, p_b, n_a, n_b, self._margin)
        q_a = np.minimum(self._margin * q_b, 1 - 1e-9)
        gain = log_ratio(p_a, q_a, n_a, y_a) + log_ratio(p_b, q_b, n_b, y_b)
        self._logs[:, there] += np.where(p_a > self._margin * p_b, gain, 0.0)
        self._handled += all_handled
        self._hits += all_hits

    def away(self, item: int, rate: float, bar: float) -> int | None:
        """Trials of the item at that rate, with others at the same, after which its e-value is
        expected to lie below ``bar``; 0 if it does already, None if it never will.
        """
        rate = min(max(rate, 1e-3), 0.9)
        p_b = self._guess()[self._category[item]]
        edge = min(self._margin * p_b, 0.95)
        p_a = at_odds(_ODDS[:, 0], edge)
        gain = log_ratio(p_a, np.full_like(p_a, edge), np.ones(1), np.full(1, rate))
        return fading(self._logs[:, item], gain, bar)

    def _guess(self) -> Floats:
        """Rate of each category from the blocks before, drawn towards the shop's (G,)."""
        shop = (self._hits.sum() + PRIOR_HANDLINGS * FIRST_GUESS) / (
            self._handled.sum() + PRIOR_HANDLINGS
        )
        guess: Floats = (self._hits + PRIOR_HANDLINGS * shop) / (self._handled + PRIOR_HANDLINGS)
        return np.clip(guess, 1e-3, 0.9)


def at_odds(factor: Floats, rate: float | Floats) -> Floats:
    """The rate whose odds are a factor times those of another."""
    odds = factor * rate / (1 - rate)
    found: Floats = odds / (1 + odds)
    return found


def closest(p_a: Floats, p_b: Floats, n_a: Floats, n_b: Floats, margin: float | Floats) -> Floats:
    """Others' rate q at the null's point (margin q, q) with the least Kullback-Leibler divergence
    from the bet: the smaller root of its derivative.
    """
    total = n_a + n_b
    hits = n_a * p_a + n_b * p_b
    linear = hits * (margin + 1) + n_a * (1 - p_a) * margin + n_b * (1 - p_b)
    root = np.sqrt(np.maximum(linear**2 - 4 * margin * total * hits, 0))
    found: Floats = np.clip((linear - root) / (2 * margin * total), 1e-9, 1 - 1e-9)
    return found


def log_ratio(p: Floats, q: Floats, n: Floats, y: Floats) -> Floats:
    """Log likelihood of y hits in n trials at rate p over that at q."""
    found: Floats = y * np.log(p / q) + (n - y) * np.log((1 - p) / (1 - q))
    return found


MOST_AWAY = 100_000


def fading(logs: Floats, gain: Floats, bar: float) -> int | None:
    """Trials after which the mean of exp(logs + trials * gain) over the bets lies below ``bar``."""

    def below(trials: int) -> bool:
        mean = special.logsumexp(logs + trials * gain) - math.log(len(logs))
        return bool(mean < math.log(bar))

    if not below(MOST_AWAY):
        return None
    low, high = -1, MOST_AWAY
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if below(middle) else (middle, high)
    return high


def needed(e_values: Floats, fdr: float) -> float:
    """The e-value from which e-BH reports an item at present; one alone would have to reach it."""
    count = len(e_values)
    ranked = np.sort(e_values)[::-1]
    reported = np.flatnonzero(ranked * np.arange(1, count + 1) >= count / fdr)
    most = int(reported[-1]) + 1 if reported.size else 1
    return count / (fdr * most)


def pooled(
    hits: Ints | Floats, handled: Ints | Floats, strongest: float = STRONGEST
) -> tuple[float, float]:
    """Beta distribution (a, b) of the rates of a category's items, by moments.

    Args:
        hits: (I,).
        handled: (I,).
        strongest: Most handlings that the common rate may weigh.

    Source: Kleinman 1973, JASA 68:46-54.
    """
    seen = handled > 0
    n, y = handled[seen].astype(float), hits[seen].astype(float)
    total = n.sum()
    mean = float((y.sum() + 0.5) / (total + 1)) if total else FIRST_GUESS
    strength = strongest
    items = len(n)
    if items > 1:
        spread = float((n * (y / n - mean) ** 2).sum())
        free = float(total - (n**2).sum() / total)
        within = (items - 1) * mean * (1 - mean)
        between = (spread - within) / max(free - (items - 1), 1e-9)
        if between > 0:
            strength = float(np.clip(mean * (1 - mean) / between - 1, 2, strongest))
    return mean * strength, (1 - mean) * strength


class Blocks(NamedTuple):
    """Counts as arrays: items by name, their category's number (I,), and (I,) a block."""

    names: list[str]
    category: Ints
    at: list[datetime]
    trials: list[Ints]
    hits: list[Ints]
    visits: list[Ints]


def blocks_of(
    counts: Sequence[HourOfItem], categories: Mapping[str, str], measure: Watched
) -> Blocks:
    """The counts block by block; items that are not in ``categories`` are left out."""
    names = sorted(categories)
    number = {name: i for i, name in enumerate(names)}
    groups = {name: i for i, name in enumerate(sorted(set(categories.values())))}
    hours: dict[datetime, list[HourOfItem]] = defaultdict(list)
    for count in counts:
        if count.item in number:
            hours[count.at].append(count)
    found = Blocks(
        names,
        np.array([groups[categories[name]] for name in names], dtype=np.int64),
        sorted(hours),
        [],
        [],
        [],
    )
    for at in found.at:
        now = np.zeros((3, len(names)), dtype=np.int64)
        for count in hours[at]:
            row = (count.trials(measure), count.hits(measure), count.visits)
            now[:, number[count.item]] += row
        for kept, row_of in zip((found.trials, found.hits, found.visits), now, strict=True):
            kept.append(row_of)
    return found


def weigh(
    counts: Sequence[HourOfItem],
    categories: Mapping[str, str],
    question: Question,
) -> dict[str, Finding]:
    """What the blocks say of each item; see the module.

    Args:
        counts: From the beginning of the window; items that are not in ``categories`` are left out.
        categories: Category of each item that is judged or compared, the silent ones too.
        question: What is asked.

    Returns:
        By item id, for the judged items that were tried and have others to be compared with.
    """
    blocks = blocks_of(counts, categories, question.measure)
    process = Process(blocks.category, question.margin)
    for trials, hits in zip(blocks.trials, blocks.hits, strict=True):
        process.update(trials, hits)
    size = len(blocks.names)
    total = np.array([sum(rows, np.zeros(size, dtype=np.int64)) for rows in blocks[3:]])
    judged = np.array([name in question.judged for name in blocks.names], dtype=np.bool_)
    enough = (total[0] >= question.min_handled) & (total[2] >= question.min_visits)
    e_values = process.e_values
    bar = needed(np.where(enough, e_values, 0.0)[judged], question.fdr)
    told = told_of(counts)
    found = {}
    for i, name in enumerate(blocks.names):
        if not judged[i]:
            continue
        others = (blocks.category == blocks.category[i]) & (np.arange(size) != i)
        if not total[0, i] or not total[0, others].any():
            continue
        tried, hit = int(total[0, i]), int(total[1, i])
        baseline = _baseline(total, blocks.category, i)
        found[name] = Finding(
            item=name,
            rate=running_rate(hit, tried),
            hits=hit,
            baseline=baseline,
            e_value=float(e_values[i]),
            needed=bar,
            found=bool(enough[i] and e_values[i] >= bar),
            handled=told[name][0],
            unclear=told[name][1],
            visits=int(total[2, i]),
            away=process.away(i, baseline.value, 1 / question.fdr),
        )
    return found


def told_of(counts: Sequence[HourOfItem]) -> dict[str, tuple[int, int]]:
    """Handlings of each item, and how many of them could not be told."""
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for count in counts:
        handled, unclear = found[count.item]
        found[count.item] = (handled + count.handled, unclear + count.unclear)
    return found


def first_found(
    counts: Sequence[HourOfItem], categories: Mapping[str, str], question: Question
) -> dict[str, tuple[datetime, int]]:
    """When each item would have been found first, had one looked after every block: the start of
    that block, and the item's visits by then.
    """
    blocks = blocks_of(counts, categories, question.measure)
    process = Process(blocks.category, question.margin)
    judged = np.array([name in question.judged for name in blocks.names], dtype=np.bool_)
    total, visits = np.zeros((2, len(blocks.names)), dtype=np.int64)
    found: dict[str, tuple[datetime, int]] = {}
    for at, trials, hits, came in zip(*blocks[2:], strict=True):
        process.update(trials, hits)
        total, visits = total + trials, visits + came
        enough = judged & (total >= question.min_handled) & (visits >= question.min_visits)
        e_values = np.where(enough, process.e_values, 0.0)
        for i in np.flatnonzero(enough & (e_values >= needed(e_values[judged], question.fdr))):
            found.setdefault(blocks.names[i], (at, int(visits[i])))
    return found


def _baseline(total: Ints, category: Ints, i: int) -> Rate:
    """Rate of the other items of the category, drawn towards the shop's as far as categories are
    alike, with its 95 % credible interval; ``n`` is the others' trials.
    """
    mine = category == category[i]
    others = mine & (np.arange(len(category)) != i)
    size = int(category.max()) + 1
    groups = np.array([np.bincount(category, row, size) for row in total[:2]])
    groups[:, category[i]] = total[:2, others].sum(axis=1)
    trials, hits = groups[:, category[i]]
    a, b = pooled(groups[1], groups[0]) if size > 1 else (0.5, 0.5)
    a, b = a + hits, b + trials - hits
    return Rate(
        value=float(a / (a + b)),
        low=float(special.betaincinv(a, b, 0.025)),
        high=float(special.betaincinv(a, b, 0.975)),
        n=int(trials),
    )


_TILTS = np.array([sign * 0.02 * 1.35**step for sign in (-1, 1) for step in range(18)])
"""Log odds by which the confidence sequence bets, from 0.02 to 3.3 either way."""


def running_rate(hits: int, n: int, *, level: float = 0.05) -> Rate:
    """A share with a confidence sequence: with probability 1 - level it holds the mean of the
    trials' own rates at every moment, however often and for however long one looks, and however the
    rate swings.

    For any tilt t, exp(t * hits - sum log(1 - p_i + p_i e^t)) is a martingale, and by Jensen it is
    at least the same with all p_i at their mean. The average over fixed tilts stays below 1/level
    for ever (Ville); what mean would break that is outside. (Howard, Ramdas, McAuliffe and Sekhon
    2021, Ann. Statist. 49:1055-1080, for sub-Bernoulli processes; a mixture on a grid.)

    Args:
        hits: 0 <= hits <= n.
        n: Trials, > 0.
        level: Share of sequences that may fail.
    """
    value = hits / n

    def beyond(p: float) -> bool:
        logs = _TILTS * hits - n * np.log1p(p * np.expm1(_TILTS))
        return bool(special.logsumexp(logs) - math.log(len(_TILTS)) >= -math.log(level))

    def edge(inside: float, outside: float) -> float:
        if not beyond(outside):
            return outside
        for _ in range(40):
            middle = (inside + outside) / 2
            inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
        return outside

    return Rate(value=value, low=edge(value, 0.0), high=edge(value, 1.0), n=n)

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
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aeras.domain.evidence import Finding, HourOfItem, Question
from aeras.domain.published import Rate
from aeras.insight.rates import share

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
        odds = _ODDS * edge / (1 - edge)
        p_a = odds / (1 + odds)
        q_b = _closest(p_a, p_b, n_a, n_b, self._margin)
        q_a = np.minimum(self._margin * q_b, 1 - 1e-9)
        gain = _log_ratio(p_a, q_a, n_a, y_a) + _log_ratio(p_b, q_b, n_b, y_b)
        self._logs[:, there] += np.where(p_a > self._margin * p_b, gain, 0.0)
        self._handled += all_handled
        self._hits += all_hits

    def _guess(self) -> Floats:
        """Rate of each category from the blocks before, drawn towards the shop's (G,)."""
        shop = (self._hits.sum() + PRIOR_HANDLINGS * FIRST_GUESS) / (
            self._handled.sum() + PRIOR_HANDLINGS
        )
        guess: Floats = (self._hits + PRIOR_HANDLINGS * shop) / (self._handled + PRIOR_HANDLINGS)
        return np.clip(guess, 1e-3, 0.9)


def _closest(p_a: Floats, p_b: Floats, n_a: Floats, n_b: Floats, margin: float) -> Floats:
    """Others' rate q at the null's point (margin q, q) with the least Kullback-Leibler divergence
    from the bet: the smaller root of its derivative.
    """
    total = n_a + n_b
    hits = n_a * p_a + n_b * p_b
    linear = hits * (margin + 1) + n_a * (1 - p_a) * margin + n_b * (1 - p_b)
    root = np.sqrt(np.maximum(linear**2 - 4 * margin * total * hits, 0))
    found: Floats = np.clip((linear - root) / (2 * margin * total), 1e-9, 1 - 1e-9)
    return found


def _log_ratio(p: Floats, q: Floats, n: Floats, y: Floats) -> Floats:
    found: Floats = y * np.log(p / q) + (n - y) * np.log((1 - p) / (1 - q))
    return found


def needed(e_values: Floats, fdr: float) -> float:
    """The e-value from which e-BH reports an item at present; one alone would have to reach it."""
    count = len(e_values)
    ranked = np.sort(e_values)[::-1]
    reported = np.flatnonzero(ranked * np.arange(1, count + 1) >= count / fdr)
    most = int(reported[-1]) + 1 if reported.size else 1
    return count / (fdr * most)


def pooled(hits: Ints, handled: Ints) -> tuple[float, float]:
    """Beta distribution (a, b) of the rates of a category's items, by moments.

    Args:
        hits: (I,).
        handled: (I,).

    Source: Kleinman 1973, JASA 68:46-54.
    """
    seen = handled > 0
    n, y = handled[seen].astype(float), hits[seen].astype(float)
    total = n.sum()
    mean = float((y.sum() + 0.5) / (total + 1)) if total else FIRST_GUESS
    strength = STRONGEST
    items = len(n)
    if items > 1:
        spread = float((n * (y / n - mean) ** 2).sum())
        free = float(total - (n**2).sum() / total)
        within = (items - 1) * mean * (1 - mean)
        between = (spread - within) / max(free - (items - 1), 1e-9)
        if between > 0:
            strength = float(np.clip(mean * (1 - mean) / between - 1, 2, STRONGEST))
    return mean * strength, (1 - mean) * strength


def weigh(
    counts: Sequence[HourOfItem],
    categories: Mapping[str, str],
    question: Question,
) -> dict[str, Finding]:
    """What the hours say of each item; see the module.

    Args:
        counts: From the beginning of the window; items that are not in ``categories`` are left out.
        categories: Category of each item that is judged or compared, the silent ones too.
        question: What is asked.

    Returns:
        By item id, for the judged items that were handled and have others to be compared with.
    """
    names = sorted(categories)
    number = {name: i for i, name in enumerate(names)}
    groups = sorted(set(categories.values()))
    category = np.array([groups.index(categories[name]) for name in names], dtype=np.int64)
    hours: dict[datetime, list[HourOfItem]] = defaultdict(list)
    for count in counts:
        if count.item in number:
            hours[count.at].append(count)
    process = Process(category, question.margin)
    total = np.zeros((2, len(names)), dtype=np.int64)
    for hour in sorted(hours):
        now = np.zeros_like(total)
        for count in hours[hour]:
            now[:, number[count.item]] += count.handled, count.hits(question.measure)
        process.update(*now)
        total += now
    e_values = process.e_values
    judged = np.array([name in question.judged for name in names], dtype=np.bool_)
    enough = total[0] >= question.min_handled
    bar = needed(np.where(enough, e_values, 0.0)[judged], question.fdr)
    found = {}
    for name in sorted(question.judged & number.keys()):
        i = number[name]
        others = (category == category[i]) & (np.arange(len(names)) != i)
        (handled, hits), (all_handled, all_hits) = total[:, i], total[:, others]
        if not handled or not all_handled.any():
            continue
        found[name] = Finding(
            item=name,
            rate=_rate(total[:, category == category[i]], int(hits), int(handled)),
            hits=int(hits),
            baseline=share(int(all_hits.sum()), int(all_handled.sum())),
            e_value=float(e_values[i]),
            needed=bar,
            found=bool(enough[i] and e_values[i] >= bar),
        )
    return found


def _rate(alike: Ints, hits: int, handled: int) -> Rate:
    """An item's rate, drawn towards its category as far as its items (2, I) are alike."""
    prior = pooled(alike[1], alike[0])
    a, b = prior[0] + hits, prior[1] + handled - hits
    return Rate(
        value=a / (a + b),
        low=float(special.betaincinv(a, b, 0.025)),
        high=float(special.betaincinv(a, b, 0.975)),
        n=handled,
    )

"""Rejection rates that can be put in an order, and how sure the order is.

Of many items with few handlings the highest raw rates are mostly chance. Each rate is therefore
drawn to its category's, as far as items of the shop are alike in their categories: a beta-binomial
model whose means (of each category) and strength (of all) are not known either, but drawn from
what the counts leave of them. Rates are drawn together with these, and put in order each time: an
item is said to be in the worst ten with a probability, not to be the third.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from aeras.domain.insight import Ranked, Report
from aeras.domain.published import Rate
from aeras.insight.rates import share

Floats = NDArray[np.float64]

WORST = 10
_DRAWS = 4000
_STRENGTHS = np.geomspace(2, 2000, 24)
"""Handlings that a category's mean may weigh; all as likely before anything was counted."""
_MEANS = (np.arange(80) + 0.5) / 80


def draws(hits: Floats, handled: Floats, category: NDArray[np.int64], seed: int) -> Floats:
    """Rates from their posterior, (draws, I).

    Args:
        hits: (I,).
        handled: (I,).
        category: (I,) number of each item's, from 0.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    a = _STRENGTHS[:, None, None] * _MEANS[:, None]
    b = _STRENGTHS[:, None, None] - a
    each = special.betaln(a + hits, b + handled - hits) - special.betaln(a, b)
    size = int(category.max()) + 1
    likely = np.stack([each[..., category == n].sum(axis=-1) for n in range(size)])  # (C, S, M)
    strength = special.logsumexp(likely, axis=-1).sum(axis=0)
    chosen = rng.choice(len(_STRENGTHS), _DRAWS, p=special.softmax(strength))
    means = np.empty((_DRAWS, size))
    for number in np.unique(chosen):
        mine = np.flatnonzero(chosen == number)
        for group in range(size):
            weights = special.softmax(likely[group, number])
            means[mine, group] = rng.choice(_MEANS, len(mine), p=weights)
    means += rng.uniform(-0.5, 0.5, means.shape) * (_MEANS[1] - _MEANS[0])
    common = _STRENGTHS[chosen][:, None] * means[:, category]
    rest = _STRENGTHS[chosen][:, None] - common
    found: Floats = rng.beta(common + hits, rest + handled - hits)
    return found


def ranks(drawn: Floats, worst: int) -> tuple[Floats, NDArray[np.int64]]:
    """Probability that each is among the worst (I,), and 5 % and 95 % of its rank (2, I)."""
    rank = np.empty(drawn.shape, dtype=np.int64)
    order = np.argsort(-drawn, axis=1)
    np.put_along_axis(rank, order, np.arange(1, drawn.shape[1] + 1)[None], axis=1)
    ends = np.quantile(rank, [0.05, 0.95], axis=0, method="nearest")
    return (rank <= worst).mean(axis=0), ends.astype(np.int64)


def report(
    rows: Sequence[tuple[str, str, str, int, int, int]],
    *,
    withheld: int,
    simulated: float,
    worst: int = WORST,
) -> Report:
    """The order of items.

    Args:
        rows: Item, name, category, rejected, handled (> 0) and unclear handlings.
        withheld: Items that are not among them, because they are below k.
        simulated: Share of it that comes from a simulation.
        worst: How many are the worst; at most a third of all.
    """
    if not rows:
        return Report((), 0, withheld, simulated)
    worst = max(1, min(worst, len(rows) // 3))
    names: Mapping[str, int] = {
        name: n for n, name in enumerate(sorted({category for _, _, category, *_ in rows}))
    }
    hits, handled = (np.array([row[i] for row in rows], dtype=float) for i in (3, 4))
    category = np.array([names[row[2]] for row in rows], dtype=np.int64)
    drawn = draws(hits, handled, category, seed=len(rows))
    inside, ends = ranks(drawn, worst)
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    middle = drawn.mean(axis=0)
    found = [
        Ranked(
            item=item,
            name=name,
            category=group,
            raw=share(rejected, tried),
            rate=Rate(float(middle[i]), float(low[i]), float(high[i]), n=tried),
            in_worst=float(inside[i]),
            rank=(int(ends[0, i]), int(ends[1, i])),
            unclear=unclear / tried,
        )
        for i, (item, name, group, rejected, tried, unclear) in enumerate(rows)
    ]
    found.sort(key=lambda one: (-one.in_worst, -one.rate.value, one.item))
    return Report(tuple(found), worst, withheld, simulated)

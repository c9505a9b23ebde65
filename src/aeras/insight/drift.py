"""Whether an item has become worse since something about it changed, however often one looks.

An item is compared with the other items of its category that did not change (its controls), before
and after. Let c be its rate over theirs before the change: a nuisance, and not known. The null
hypothesis is that afterwards its rate is still at most ``margin`` times c times theirs, block by
block; whatever the controls do, season, camera and all, cancels out.

For each c of a grid, F(c) is the evidence of the blocks *before* that the item's relation was below
c, and E(c) that of the blocks *after* that it is above margin x c, both products of the two-sample
e-variables of `aeras.insight.evidence`. Where the true c lies between two neighbours of the grid,
F(lower) * E(upper) is an e-process: F's null holds (the relation was at least the lower one), and
E's (it is at most margin x the upper one), and the handlings are independent. The least of these
products over the grid is therefore an e-process whatever c is; below the grid F is 1, above it E
is. (An infimum over a nuisance, as in universal inference: Wasserman, Ramdas and Balakrishnan 2020,
PNAS 117:16880-16890.) The date must not be chosen by looking at what followed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from scipy import special

from aeras.domain.evidence import Finding, HourOfItem, Question
from aeras.domain.published import Rate
from aeras.insight.evidence import (
    FIRST_GUESS,
    PRIOR_HANDLINGS,
    Floats,
    Ints,
    at_odds,
    blocks_of,
    closest,
    fading,
    log_ratio,
    needed,
    running_rate,
    told_of,
)

_GRID = np.geomspace(0.2, 6.0, 110)
"""Rates of an item over its controls'."""
_UP = np.array([1.3, 1.7, 2.4])
_DOWN = np.array([0.5, 0.65, 0.8])
"""Bets: the item's odds over those at the edge of the null."""


class Comparison:
    """Evidence of one item against its controls, from blocks of counts.

    Args:
        before: Trials and hits of the item, then of its controls, (4, T).
        after: The same after the change, (4, U).
        margin: See the module.
    """

    def __init__(self, before: Ints, after: Ints, margin: float) -> None:
        both = np.concatenate([before, after], axis=1)
        guess = _guesses(both)
        split = before.shape[1]
        self._below = _logs(before, guess[:split], _GRID, _DOWN).sum(axis=-1)
        steps = _logs(after, guess[split:], margin * _GRID, _UP)
        self._above = steps.sum(axis=-1)
        self._steps = steps
        self._last, self._margin = float(guess[-1]) if len(guess) else FIRST_GUESS, margin

    @property
    def e_value(self) -> float:
        """Evidence that the item became worse."""
        return math.exp(min(self._least(self._above), 600))

    @property
    def running(self) -> Floats:
        """The e-value after each block since the change (U,)."""
        mean = special.logsumexp(self._steps.cumsum(axis=-1), axis=0) - math.log(len(_UP))
        least = (self._before()[:-1, None] + mean).min(axis=0)
        found: Floats = np.exp(np.minimum(np.minimum(least, self._before()[-1]), 600))
        return found

    def away(self, rate: float, bar: float) -> int | None:
        """Further trials at that rate after which the e-value lies below ``bar``."""
        edge = np.minimum(self._margin * _GRID * self._last, 0.95)
        one = np.ones(1)
        gain = log_ratio(at_odds(_UP[:, None], edge), edge, one, min(max(rate, 1e-3), 0.9) * one)
        tries = [
            fading(self._above[:, j], gain[:, j], bar / math.exp(f))
            for j, f in enumerate(self._before()[:-1])
            if f < math.log(bar)
        ]
        return min((n for n in tries if n is not None), default=None)

    def _before(self) -> Floats:
        """Log F at 0 and at each of the grid."""
        mean = special.logsumexp(self._below, axis=0) - math.log(len(_DOWN))
        return np.concatenate([[0.0], mean])

    def _least(self, above: Floats) -> float:
        mean = special.logsumexp(above, axis=0) - math.log(len(_UP))
        return float((self._before() + np.concatenate([mean, [0.0]])).min())


def _logs(counts: Ints, guess: Floats, edges: Floats, bets: Floats) -> Floats:
    """Log likelihood ratios (bets, grid, T) of two-sample blocks: the item at odds ``bets`` from
    the edge, where it has that many times its controls' rate, against the closest point there.
    """
    n_a, y_a, n_b, y_b = counts.astype(float)
    edge = edges[:, None] * guess
    p_a = at_odds(bets[:, None, None], np.minimum(edge, 0.95))
    ratio = np.broadcast_to(edges[:, None], edge.shape)
    q_b = closest(p_a, guess, n_a, n_b, ratio)
    q_b = np.minimum(q_b, (1 - 1e-9) / ratio)
    gain = log_ratio(p_a, ratio * q_b, n_a, y_a) + log_ratio(guess, q_b, n_b, y_b)
    right = p_a > edge if bets[0] > 1 else p_a < edge
    used: Floats = np.where(right & (n_a > 0), gain, 0.0)
    return used


def _guesses(counts: Ints) -> Floats:
    """The controls' rate as seen before each block."""
    trials = np.cumsum(counts[2]) - counts[2]
    hits = np.cumsum(counts[3]) - counts[3]
    guess: Floats = (hits + PRIOR_HANDLINGS * FIRST_GUESS) / (trials + PRIOR_HANDLINGS)
    return np.clip(guess, 1e-3, 0.9)


def weigh_change(
    counts: Sequence[HourOfItem],
    categories: Mapping[str, str],
    question: Question,
    changed: Mapping[str, datetime],
) -> dict[str, Finding]:
    """What the blocks say of each item that changed; see the module.

    Args:
        counts: From the beginning of the time before the changes; each item's own time before is
            all of it.
        categories: Category of each item that is judged or compared.
        question: What is asked; ``min_handled`` holds before and after, each by itself.
        changed: When each item changed; those are judged, and control nothing where others can.

    Returns:
        By item id, for items that were tried before and after and have controls that were.
    """
    blocks = blocks_of(counts, categories, question.measure)
    if not blocks.at:
        return {}
    trials, hits, visits = (np.array(rows) for rows in blocks[3:])
    still = np.array([name not in changed for name in blocks.names], dtype=np.bool_)
    tested: dict[str, tuple[Comparison, Ints, Ints]] = {}
    for i, name in enumerate(blocks.names):
        if name not in changed or name not in question.judged:
            continue
        alike = blocks.category == blocks.category[i]
        controls = still & alike
        if not controls.any():  # all changed: then the item is compared with how they fare
            controls = alike & (np.arange(len(alike)) != i)
        own = np.array(
            [trials[:, i], hits[:, i], trials[:, controls].sum(1), hits[:, controls].sum(1)]
        )
        split = sum(at < changed[name] for at in blocks.at)
        before, after = own[:, :split], own[:, split:]
        sums = np.array([before.sum(1), after.sum(1)])
        if sums[:, (0, 2)].all() and sums[0, 3]:
            came = np.array([visits[:split, i].sum(), visits[split:, i].sum()])
            tested[name] = (Comparison(before, after, question.margin), sums, came)
    return _judged(tested, question, told_of(counts))


def _judged(
    tested: Mapping[str, tuple[Comparison, Ints, Ints]],
    question: Question,
    told: Mapping[str, tuple[int, int]],
) -> dict[str, Finding]:
    enough = {
        name: bool(sums[:, 0].min() >= question.min_handled and came.min() >= question.min_visits)
        for name, (_, sums, came) in tested.items()
    }
    e_values = {name: comparison.e_value for name, (comparison, _, _) in tested.items()}
    bar = needed(np.array([e_values[n] * enough[n] for n in tested]), question.fdr) if tested else 0
    found = {}
    for name, (comparison, sums, came) in tested.items():
        (n0, y0, m0, x0), (n1, y1, m1, x1) = (tuple(map(int, row)) for row in sums)
        moved = (x1 / m1) / (x0 / m0)
        own = running_rate(y0, n0)
        value, low, high = (min(1.0, v * moved) for v in (own.value, own.low, own.high))
        expected = Rate(value, low, high, n0)
        found[name] = Finding(
            item=name,
            rate=running_rate(y1, n1),
            hits=y1,
            baseline=expected,
            e_value=e_values[name],
            needed=bar,
            found=enough[name] and e_values[name] >= bar,
            handled=told[name][0],
            unclear=told[name][1],
            visits=int(came.sum()),
            away=comparison.away(expected.value, 1 / question.fdr),
            more={
                "before": own.value,
                "before_n": float(n0),
                "controls_before": x0 / m0,
                "controls_after": x1 / m1,
            },
        )
    return found

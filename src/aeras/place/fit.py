"""The choice model of a shop, calibrated from its weeks.

Of a block's visits a share handles something; which item is a multinomial logit: the utility of an
item at a slot is the item's appeal plus the slot's visibility, plus the log of the share of time in
which it was there. Dwells follow the same visibility with appeals of their own. How much the share
that handles anything grows with the block's total attraction is the nest's exponent (0: items only
take from each other, 1: as in a plain logit with an outside option of fixed worth); see Train,
Discrete Choice Methods with Simulation, 2009, ch. 4. Appeals are drawn to their block, slots to
what is known of them (level, position), as much as the data ask for (empirical Bayes); counts that
scatter more than chance are given less weight (quasi-likelihood).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from aeras.domain.errors import InputError
from aeras.place.log import Reward, Week, by_item
from aeras.place.plan import Floats, Ints, Layout, Rules

NEST = (0.6, 0.25)
"""Prior mean and deviation of the exponent; few weeks tell little about it."""
NEST_WITHIN = 0.15
"""Deviation of a block's exponent from its shop's."""
_NEWTON = 4
_ROUNDS = 3
_TINY = 1e-9


@dataclass(eq=False)
class _Block:
    """A block's data: weeks and both outcomes stacked to N rows of m slots."""

    slots: Ints
    items: Ints
    design: Floats  # (N, m, P): appeal at handling, appeal at dwelling, visibility
    counts: Floats  # (N, m)
    offset: Floats  # (N, m)
    theta: Floats
    inverse: Floats

    @cached_property
    def root(self) -> Floats:
        """Of the posterior's covariance, once it is settled."""
        return np.asarray(
            np.linalg.cholesky(self.inverse + 1e-12 * np.eye(len(self.theta))), dtype=np.float64
        )


@dataclass(slots=True, eq=False)
class Fit:
    """A calibrated shop.

    Attributes:
        layout, weights: As given.
        appeal: (I,) of items at handling.
        visibility: (S,) of slots, log scale, around 0 in each block.
        gain: (I,) reward a handling.
        level: (B,) log share of visits that handles, at an attraction of 1.
        nest: (B,) the exponents.
        center: (B,) log attraction around which the level was measured.
        weeks: Behind it.
        scatter: Variance of the counts over that of pure chance.
    """

    layout: Layout
    weights: Reward
    appeal: Floats
    visibility: Floats
    gain: Floats
    level: Floats
    nest: Floats
    weeks: int
    scatter: float
    gain_sd: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    nest_sd: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    center: Floats = field(repr=False, default_factory=lambda: np.zeros(0))
    _blocks: list[_Block] = field(repr=False, default_factory=list)

    def utility(self, slots: Ints, arrangements: Ints) -> Floats:
        """Of items at a block's slots (m,), in the arrangements' shape (..., m)."""
        found: Floats = self.appeal[arrangements] + self.visibility[slots]
        return found

    def value(self, block: int, slots: Ints, arrangements: Ints) -> Floats:
        """Expected reward of 1000 visits of the block, (N,).

        Args:
            block: Its number.
            slots: (m,)
            arrangements: (N, m) items at the slots.
        """
        weight = np.exp(self.utility(slots, arrangements))
        total = weight.sum(axis=1)
        found: Floats = (
            1000
            * np.exp(self.level[block])
            * total ** (self.nest[block] - 1)
            * (weight * self.gain[arrangements]).sum(axis=1)
        )
        return found

    def plan_value(self, plan: Ints) -> float:
        """Expected reward of 1000 visits of every block together."""
        return sum(
            float(self.value(b, slots, plan[slots][None, :])[0])
            for b, slots in enumerate(self.layout.blocks)
        )

    def worth(self, block: int, slots: Ints, arrangement: Ints) -> Floats:
        """What each item (I,) at each slot (m,) would add to the reward while the others stay: its
        own gain less what it takes from them.
        """
        weight = np.exp(self.utility(slots, arrangement))
        lost = (1 - self.nest[block]) * (weight * self.gain[arrangement]).sum() / weight.sum()
        found: Floats = np.exp(self.appeal[None, :] + self.visibility[slots][:, None]) * (
            self.gain - lost
        )
        return found

    def best(self, rules: Rules, block: int, slots: Ints, start: Ints) -> Ints:
        """The allowed arrangement with the largest value, by repeated linear assignment: each
        round values the cells as the last arrangement left them.
        """
        best, most = start, float(self.value(block, slots, start[None, :])[0])
        at = start
        for _ in range(6):
            at = rules.arrange(slots, start, self.worth(block, slots, at))
            value = float(self.value(block, slots, at[None, :])[0])
            if value <= most * (1 + 1e-9):
                break
            best, most = at, value
        return best

    def draw(self, rng: np.random.Generator) -> Fit:
        """A shop as it might be, given the data (Laplace approximation of the posterior)."""
        appeal, visibility = self.appeal.copy(), self.visibility.copy()
        for block in self._blocks:
            away = block.root @ rng.standard_normal(len(block.theta))
            n = len(block.items)
            # Shares say nothing of the level of either; that is in the block's own level.
            appeal[block.items] += away[:n] - away[:n].mean()
            visibility[block.slots] += away[2 * n :] - away[2 * n :].mean()
        gain = self.gain + self.gain_sd * rng.standard_normal(len(self.gain))
        nest = np.clip(self.nest + self.nest_sd * rng.standard_normal(len(self.nest)), 0.0, 1.0)
        level = self.level + (self.nest - nest) * self.center
        return replace(
            self, appeal=appeal, visibility=visibility, gain=gain, nest=nest, level=level
        )


def calibrate(layout: Layout, weeks: Sequence[Week], weights: Reward) -> Fit:
    """Fits the choice model to the weeks.

    Raises:
        InputError: There are no weeks.
    """
    if not weeks:
        raise InputError(
            "too little data: a shop cannot be calibrated from 0 weeks, at least 1 is needed",
            todo="Wait for a week of events; today's plan stays",
        )
    blocks = [_stack(layout, weeks, slots) for slots in layout.blocks]
    features = layout.features - layout.features.mean(axis=0)
    coefficient = np.zeros(features.shape[1])
    spread = {"item": 0.5, "slot": 0.3}
    scatter = 1.0
    for _ in range(_ROUNDS):
        for block in blocks:
            _newton(block, features[block.slots] @ coefficient, spread, scatter)
        coefficient = _slopes(blocks, features, spread["slot"])
        spread = _spreads(blocks, features, coefficient)
        scatter = max(1.0, sum(map(_pearson, blocks)) / max(1, sum(map(_free, blocks))))
    appeal, visibility = np.zeros(len(layout.items)), np.zeros(len(layout.slots))
    for block in blocks:
        n = len(block.items)
        appeal[block.items], visibility[block.slots] = block.theta[:n], block.theta[2 * n :]
    gain, gain_sd = _gains(layout, weeks, weights)
    fit = Fit(
        layout=layout,
        weights=weights,
        appeal=appeal,
        visibility=visibility,
        gain=gain,
        level=np.zeros(len(blocks)),
        nest=np.full(len(blocks), NEST[0]),
        weeks=len(weeks),
        scatter=scatter,
        gain_sd=gain_sd,
        _blocks=blocks,
    )
    _nests(fit, weeks)
    return fit


def _stack(layout: Layout, weeks: Sequence[Week], slots: Ints) -> _Block:
    items = np.unique(np.concatenate([week.plan[slots] for week in weeks]))
    n, m = len(items), len(slots)
    size = 2 * n + m
    design = np.zeros((2 * len(weeks), m, size))
    rows = np.arange(m)
    for t, week in enumerate(weeks):
        at = np.searchsorted(items, week.plan[slots])
        design[t, rows, at] = 1
        design[t + len(weeks), rows, n + at] = 1
    design[:, rows, 2 * n + rows] = 1
    counts = np.array([w.handled[slots] for w in weeks] + [w.dwells[slots] for w in weeks])
    offset = np.log(np.array([w.available[slots] for w in weeks] * 2))
    return _Block(slots, items, design, counts, offset, np.zeros(size), np.eye(size))


def _shares(block: _Block) -> Floats:
    eta = block.design @ block.theta + block.offset
    weight = np.exp(eta - eta.max(axis=1, keepdims=True))
    found: Floats = weight / weight.sum(axis=1, keepdims=True)
    return found


def _newton(block: _Block, mean: Floats, spread: dict[str, float], scatter: float) -> None:
    n = len(block.items)
    precision = np.concatenate(
        [np.full(2 * n, spread["item"] ** -2), np.full(len(mean), spread["slot"] ** -2)]
    )
    center = np.concatenate([np.zeros(2 * n), mean])
    total = block.counts.sum(axis=1, keepdims=True)
    flat = block.design.reshape(-1, block.design.shape[2])
    for _ in range(_NEWTON):
        shares = _shares(block)
        slope = flat.T @ (block.counts - total * shares).ravel() / scatter
        slope -= precision * (block.theta - center)
        means = np.einsum("tm,tmp->tp", shares, block.design)
        curve = (flat * (total * shares).ravel()[:, None]).T @ flat
        curve = (curve - (means * total).T @ means) / scatter + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        block.theta = block.theta + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-4:  # noqa: PLR2004 - far below any posterior deviation
            break
    block.inverse = np.linalg.inv(curve)


def _slopes(blocks: list[_Block], features: Floats, spread: float) -> Floats:
    """Of visibility on what is known of slots, by ridge regression."""
    x = np.concatenate([features[b.slots] for b in blocks])
    y = np.concatenate([b.theta[2 * len(b.items) :] for b in blocks])
    found: Floats = np.linalg.solve(x.T @ x + (spread**2) * np.eye(x.shape[1]), x.T @ y)
    return found


def _spreads(blocks: list[_Block], features: Floats, coefficient: Floats) -> dict[str, float]:
    """Deviations of appeals and of visibilities around what is expected of them (an EM step)."""
    own, slot = [], []
    for b in blocks:
        n = len(b.items)
        variance = np.diag(b.inverse)
        own.append(b.theta[: 2 * n] ** 2 + variance[: 2 * n])
        slot.append((b.theta[2 * n :] - features[b.slots] @ coefficient) ** 2 + variance[2 * n :])
    return {
        "item": float(np.clip(np.sqrt(np.concatenate(own).mean()), 0.05, 2)),
        "slot": float(np.clip(np.sqrt(np.concatenate(slot).mean()), 0.05, 2)),
    }


def _pearson(block: _Block) -> float:
    expected = block.counts.sum(axis=1, keepdims=True) * _shares(block)
    return float(((block.counts - expected) ** 2 / np.maximum(expected, 0.5)).sum())


def _free(block: _Block) -> int:
    rows, m = block.counts.shape
    return max(0, int(rows * (m - 1) - len(block.theta) + 3))


def _gains(layout: Layout, weeks: Sequence[Week], weights: Reward) -> tuple[Floats, Floats]:
    """Reward a handling by item, drawn to its block, and its deviation."""
    handled, *hits = by_item(layout, weeks, "handled", "taken", "positive", "rejected")
    rates, variances = zip(*(_shrunk(handled, h, layout.item_block) for h in hits), strict=True)
    price = weights.margin * layout.margin
    gain = price * rates[0] + weights.positive * rates[1] - weights.rejected * rates[2]
    variance = (
        price**2 * variances[0]
        + weights.positive**2 * variances[1]
        + weights.rejected**2 * variances[2]
    )
    return gain, np.sqrt(variance)


def _shrunk(n: Floats, hits: Floats, group: Ints) -> tuple[Floats, Floats]:
    """Shares drawn to their group's, with a beta prior by moments, and their variances."""
    total = np.bincount(group, n) + _TINY
    mean = np.clip((np.bincount(group, hits) + 0.5) / (total + 1), 0.001, 0.999)[group]
    raw = hits / np.maximum(n, 1)
    known = n > 20  # noqa: PLR2004 - below, a share tells nothing of how shares spread
    extra = ((raw - mean) ** 2 - mean * (1 - mean) / np.maximum(n, 1))[known]
    spread = max(1e-4, float(extra.mean()) if extra.size else 1e-2)
    weight = np.clip(mean * (1 - mean) / spread - 1, 2, 2000)
    rate = (hits + weight * mean) / (n + weight)
    return rate, rate * (1 - rate) / (n + weight + 1)


def _nests(fit: Fit, weeks: Sequence[Week]) -> None:
    """Sets level and exponent of each block, by regression of the log share of visits that handled
    anything on the log attraction of the block; exponents are drawn to the shop's.
    """
    x, y = [], []
    for b, slots in enumerate(fit.layout.blocks):
        plans = np.array([w.plan[slots] for w in weeks])
        there = np.array([w.available[slots] for w in weeks])
        x.append(np.log((np.exp(fit.utility(slots, plans)) * there).sum(axis=1)))
        handled = np.array([w.handled[slots].sum() + 0.5 for w in weeks])
        y.append(np.log(handled / np.array([max(w.visits[b], 1) for w in weeks])))
    xs, ys = np.array(x), np.array(y)
    xc, yc = xs - xs.mean(axis=1, keepdims=True), ys - ys.mean(axis=1, keepdims=True)
    noise = 0.1**2
    if len(weeks) > 1:
        free = max(1, xs.size - len(xs))
        noise = max(1e-5, float(((yc - NEST[0] * xc) ** 2).sum() / free))
    squares, products = (xc**2).sum(axis=1) / noise, (xc * yc).sum(axis=1) / noise
    common = (products.sum() + NEST[0] * NEST[1] ** -2) / (squares.sum() + NEST[1] ** -2)
    own = NEST_WITHIN**-2
    fit.nest = np.clip((products + common * own) / (squares + own), 0.0, 1.0)
    fit.nest_sd = (squares + own) ** -0.5
    fit.center = xs.mean(axis=1)
    fit.level = ys.mean(axis=1) - fit.nest * fit.center

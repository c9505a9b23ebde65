"""A calibrated shop as an environment (gymnasium), and how well the calibration fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, SupportsFloat

import gymnasium
import numpy as np

from aeras.domain.errors import InputError
from aeras.place.fit import Fit, calibrate
from aeras.place.log import Reward, Week
from aeras.place.plan import Bools, Floats, Ints, Layout, Rules

FEATURES = 6
Observation = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Misfit:
    """How the last week looks to a model of the weeks before (posterior predictive check).

    Attributes:
        weeks: That the model was made from.
        blocks: Whose last week was predicted.
        off: Mean error of a block's predicted reward, as a share of it, without its sign.
        bias: The same with its sign: above 0 the model promises too much.
        within: Share of blocks in their 95 % predictive interval.
        scatter: Variance of the counts over that of pure chance; 1 is a perfect model.
        tail: Share of draws of the model that scatter more than the data did; near 0 or 1 the
            model is wrong in a way that matters.
    """

    weeks: int
    blocks: int
    off: float
    bias: float
    within: float
    scatter: float
    tail: float


def misfit(
    layout: Layout,
    weeks: Sequence[Week],
    weights: Reward,
    rng: np.random.Generator,
    draws: int = 60,
) -> Misfit:
    """Leaves the last week out, calibrates, and predicts it.

    Raises:
        InputError: Fewer than three weeks.
    """
    if len(weeks) < 3:  # noqa: PLR2004 - two to fit, one to predict
        raise InputError(
            f"too little data: {len(weeks)} weeks, three are needed to tell how well it fits",
            todo="Wait for more weeks; today's plan stays",
        )
    fit, last = calibrate(layout, weeks[:-1], weights), weeks[-1]
    between = _between(fit, weeks[:-1])
    reward = last.reward(layout, weights)
    plans = [last.plan[slots][None, :] for slots in layout.blocks]
    sold = weights.margin * layout.margin[last.plan]
    whole = np.maximum(np.bincount(layout.block, sold * last.taken), 1e-9)
    bought = np.bincount(layout.block, sold**2 * last.taken) / whole**2
    seen = 1000 * np.bincount(layout.block, reward) / last.visits

    def values(shop: Fit) -> Floats:
        numbered = enumerate(zip(layout.blocks, plans, strict=True))
        return np.array([shop.value(b, slots, plan)[0] for b, (slots, plan) in numbered])

    told, drawn = values(fit), [fit.draw(rng) for _ in range(draws)]
    chance = np.sqrt(between**2 + bought)
    noise = np.exp(chance * rng.standard_normal((draws, len(plans))))
    low, high = np.quantile(np.array([values(d) for d in drawn]) * noise, [0.025, 0.975], axis=0)
    error = told / np.maximum(seen, 1e-9) - 1
    return Misfit(
        weeks=len(weeks) - 1,
        blocks=len(seen),
        off=float(np.abs(error).mean()),
        bias=float(error.mean()),
        within=float(np.mean((seen >= low) & (seen <= high))),
        scatter=fit.scatter,
        tail=_tail(drawn, last, rng),
    )


def _between(fit: Fit, weeks: Sequence[Week]) -> float:
    """Deviation of a block's log share of handling visits from week to week, beyond chance."""
    logs, chance = [], []
    for b, slots in enumerate(fit.layout.blocks):
        handled = np.array([w.handled[slots].sum() for w in weeks])
        log = np.log((handled + 0.5) / np.array([w.visits[b] for w in weeks]))
        weight = [np.exp(fit.utility(slots, w.plan[slots])).sum() for w in weeks]
        logs.append(log - fit.nest[b] * np.log(weight))
        chance.append(np.mean(1 / np.maximum(handled, 1)))
    spread = np.var(np.array(logs), axis=1, ddof=1).mean() - np.mean(chance)
    return float(np.sqrt(max(0.0, spread)))


def _tail(drawn: Sequence[Fit], week: Week, rng: np.random.Generator) -> float:
    """Share of drawn shops whose own week would scatter around them more than the seen one."""
    more = 0
    for shop, other in zip(drawn, [*drawn[1:], drawn[0]], strict=True):
        seen = made = 0.0
        for slots in shop.layout.blocks:
            total = week.handled[slots].sum()
            expected = np.maximum(total * _share(shop, slots, week), 0.5)
            again = rng.multinomial(round(total / shop.scatter), _share(other, slots, week))
            seen += float(((week.handled[slots] - expected) ** 2 / expected).sum())
            made += float(((again * shop.scatter - expected) ** 2 / expected).sum())
        more += made > seen
    return more / len(drawn)


def _share(fit: Fit, slots: Ints, week: Week) -> Floats:
    weight = np.exp(fit.utility(slots, week.plan[slots]))
    found: Floats = weight / weight.sum()
    return found


class ShopEnv(gymnasium.Env[Observation, np.int64]):
    """Rearranging one block of a calibrated shop by exchanges of two slots.

    Blocks do not take from each other while items stay in the block of their category, so an
    episode works on one, named by ``reset(options={"block": 3})`` or drawn by lot. An observation
    holds `FEATURES` numbers for each of the block's slots, most visible first, zeros where the
    block is smaller: the slot's visibility, the item's appeal, its gain, whether it stands where it
    stands today, whether the slot exists, the share of moves left. Action 0 stops; the others
    exchange two slots. What the constraints forbid changes nothing. The reward is the change of
    the block's expected reward as a share of today's.

    Args:
        fits: Calibrated shops.
        rules: Of each.
        todays: Plan of each.
        steps: Exchanges in an episode.
        size: Slots of an observation, if more than the largest block has.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - gymnasium's own attribute

    def __init__(
        self,
        fits: Sequence[Fit],
        rules: Sequence[Rules],
        todays: Sequence[Ints],
        *,
        steps: int = 8,
        size: int = 0,
    ) -> None:
        self.fits, self.rules, self.todays, self.steps = (
            list(fits),
            list(rules),
            list(todays),
            steps,
        )
        largest = max(len(slots) for fit in fits for slots in fit.layout.blocks)
        self.size = max(largest, size)
        self.pairs = np.array(np.triu_indices(self.size, 1)).T
        self.action_space = gymnasium.spaces.Discrete(len(self.pairs) + 1)
        self.observation_space = gymnasium.spaces.Box(-10, 10, (self.size * FEATURES,), np.float32)
        self.left = steps
        self.before = self.now = 0.0
        self._start(0, 0)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Starts from today's arrangement of a block."""
        super().reset(seed=seed)
        chosen = options or {}
        shop = chosen.get("shop", int(self.np_random.integers(len(self.fits))))
        blocks = len(self.fits[shop].layout.blocks)
        self._start(shop, chosen.get("block", int(self.np_random.integers(blocks))))
        return self._seen(), {}

    def step(
        self, action: np.int64
    ) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Exchanges two slots, or stops."""
        if action == 0:
            return self._seen(), 0.0, True, False, {}
        self.left -= 1
        reward = 0.0
        near = self._after(int(action))
        if near is not None and self._rules.keeps(self.slots, near[None, :])[0]:
            value = self._value(near)
            reward = (value - self.now) / self.before
            self.at, self.now = near, value
        done = self.left == 0
        return self._seen(), reward, False, done, {}

    def mask(self) -> Bools:
        """Which actions change something allowed; stopping always is."""
        found = np.zeros(len(self.pairs) + 1, np.bool_)
        found[0] = True
        arrangements = [self._after(n + 1) for n in range(len(self.pairs))]
        real = [n for n, a in enumerate(arrangements) if a is not None]
        stacked = np.array([arrangements[n] for n in real])
        found[1 + np.array(real)] = self._rules.keeps(self.slots, stacked)
        return found

    def arrangement(self) -> Ints:
        """Items (m,) at the block's slots, in the layout's order."""
        return self.at

    def _start(self, shop: int, block: int) -> None:
        self._fit, self._rules = self.fits[shop], self.rules[shop]
        self.block = block
        self.slots = self._fit.layout.blocks[block]
        self.today = self.todays[shop][self.slots]
        self.at, self.left = self.today, self.steps
        self.order = np.argsort(-self._fit.visibility[self.slots], kind="stable")
        self.before = self.now = self._value(self.at)

    def _value(self, arrangement: Ints) -> float:
        return float(self._fit.value(self.block, self.slots, arrangement[None, :])[0])

    def _after(self, action: int) -> Ints | None:
        """The arrangement after an exchange; None if a slot does not exist or nothing changes."""
        one, two = self.pairs[action - 1]
        if max(one, two) >= len(self.slots):
            return None
        first, second = self.order[one], self.order[two]
        if self.at[first] == self.at[second]:
            return None
        found = self.at.copy()
        found[first], found[second] = self.at[second], self.at[first]
        return found

    def _seen(self) -> Observation:
        fit, items = self._fit, self.at[self.order]
        slots = self.slots[self.order]
        gain = fit.gain[items] / max(1e-9, float(np.abs(fit.gain[self.today]).mean()))
        table: Floats = np.zeros((self.size, FEATURES))
        table[: len(slots)] = np.stack(
            [
                fit.visibility[slots],
                fit.appeal[items],
                gain,
                items == self.today[self.order],
                np.ones(len(slots)),
                np.full(len(slots), self.left / self.steps),
            ],
            axis=1,
        )
        found: Observation = np.clip(table, -10, 10).ravel().astype(np.float32)
        return found

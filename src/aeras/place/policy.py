"""The port of placement policies, and what they know when they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Protocol

import numpy as np

from aeras.domain.errors import InputError
from aeras.place.fit import Fit, calibrate
from aeras.place.log import Reward, Week, by_item
from aeras.place.plan import Floats, Ints, Layout, Rules

NAMES = ("today", "greedy", "assignment", "thompson", "bandit", "deep")
"""Each is the module of its name in ``aeras.place.policies``."""


@dataclass(eq=False)
class Known:
    """What a policy may use: everything up to now.

    Attributes:
        layout, rules: The shop.
        today: (S,) the plan to beat.
        weeks: Oldest first.
        weights: Of the reward.
        rng: Own randomness.
        rounds: Finished choices.
    """

    layout: Layout
    rules: Rules
    today: Ints
    weeks: Sequence[Week]
    weights: Reward
    rng: np.random.Generator
    rounds: Sequence[Round] = ()

    @cached_property
    def fit(self) -> Fit:
        """The calibrated shop; worked out once for all policies that ask."""
        return calibrate(self.layout, self.weeks, self.weights)

    @cached_property
    def looks(self) -> Floats:
        """Dwells at each slot, (S,)."""
        return sum((week.dwells for week in self.weeks), np.zeros(len(self.layout.slots)))

    @cached_property
    def counts(self) -> Floats:
        """Handled, taken, positive and rejected by item, (4, I)."""
        return by_item(self.layout, self.weeks, "handled", "taken", "positive", "rejected")


@dataclass(slots=True, eq=False)
class Round:
    """One choice of an arrangement for one block, held for a week or more.

    Attributes:
        block, slots: Which; (m,) its slots.
        candidates: (K, m) arrangements; the first is today's.
        features: (K, F) what was known of them, see `describe`.
        propensity: (K,) the log's probabilities.
        chosen: Which was shown.
        reward: A 1000 visits, once seen.
        targets: By policy, its (K,) probabilities in the same round.
        predicted: (K,) what the model of that moment expected.
    """

    block: int
    slots: Ints
    candidates: Ints
    features: Floats
    propensity: Floats
    chosen: int
    reward: float = float("nan")
    targets: dict[str, Floats] = field(default_factory=dict)
    predicted: Floats = field(default_factory=lambda: np.zeros(0))


class Policy(Protocol):
    """Says how a block should be arranged."""

    name: str

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """The arrangement (m,) that it would choose; allowed by the rules."""
        ...

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """Probabilities (K,) over candidates, among which is its own proposal."""
        ...


def own_choice(candidates: Ints, own: Ints) -> Floats:
    """All probability on the policy's own proposal."""
    found: Floats = (candidates == own).all(axis=1).astype(np.float64)
    return found


def describe(known: Known, block: int, slots: Ints, arrangements: Ints) -> Floats:
    """Features of arrangements (N, 6), from plain counts: how much more than today's plan they put
    the slots that are looked at to items that are handled, sold, worth much, liked, rejected; and
    the share of slots that change.
    """
    handled, sold, liked, rejected = known.counts + 1
    share = known.looks[slots] + 1
    share = share / share.mean()
    today = known.today[slots]
    columns = [
        handled / handled[today].mean(),
        sold / sold[today].mean(),
        sold / handled * known.layout.margin,
        liked / handled,
        rejected / handled,
    ]
    found = [(share * (c[arrangements] - c[today])).mean(axis=1) for c in columns]
    moved = (arrangements != today).mean(axis=1)
    return np.stack([*found, moved], axis=1)


def load(name: str) -> Callable[[], Policy]:
    """The maker of a policy by its name; imports what it needs only now.

    Raises:
        InputError: The name is unknown, or a package that it needs is not installed.
    """
    if name not in NAMES:
        raise InputError(f"placement policy {name!r} is unknown", todo=f"Known: {', '.join(NAMES)}")
    try:
        module = import_module(f"aeras.place.policies.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("aeras"):
            raise
        raise InputError(
            f"placement policy {name!r} needs the package {error.name}",
            todo="Run: pip install 'aeras[deep]'" if name == "deep" else "Run: pip install aeras",
        ) from error
    made: Callable[[], Policy] = module.make
    return made

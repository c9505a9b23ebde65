"""Rounds of a trial: which arrangements are drawn from, and by which rounds a policy is judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from aeras.place import ope
from aeras.place.plan import Floats, Ints
from aeras.place.policy import Known, Policy, Round, describe, own_choice

TODAY_SHARE = 0.25
"""Probability with which the log keeps today's arrangement; the rest is shared evenly."""
RANDOM = 2
"""Arrangements by lot among a round's candidates."""


class ByLot:
    """Arranges by lot: no policy, but one that the gate has to stop."""

    name = "by_lot"

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """See `aeras.place.policy.Policy`."""
        worth = known.rng.random((len(slots), len(known.layout.items)))
        return known.rules.arrange(slots, known.today[slots], worth)

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        return own_choice(candidates, own)


def choose(known: Known, policies: Sequence[Policy], block: int, slots: Ints) -> Round:
    """Draws one of: today's arrangement, what each policy proposes, two by lot."""
    today, rng = known.today[slots], known.rng
    own = {p.name: p.propose(known, block, slots) if known.weeks else today for p in policies}
    lots = [ByLot().propose(known, block, slots) for _ in range(RANDOM)]
    others = np.unique(np.array([*own.values(), *lots]), axis=0)
    others = others[(others != today).any(axis=1)]
    candidates = np.concatenate([today[None, :], others])
    k = len(candidates)
    propensity = np.full(k, (1 - TODAY_SHARE) / max(1, k - 1))
    propensity[0] = 1 - propensity[1:].sum()
    features = describe(known, block, slots, candidates) if known.weeks else np.zeros((k, 6))
    predicted = known.fit.value(block, slots, candidates) if known.weeks else np.zeros(k)
    return Round(
        block=block,
        slots=slots,
        candidates=candidates,
        features=features,
        propensity=propensity,
        chosen=int(rng.choice(k, p=propensity)),
        targets={
            ByLot.name: own_choice(candidates, lots[0]),
            **{p.name: p.prefer(known, candidates, features, own[p.name]) for p in policies},
        },
        predicted=predicted,
    )


class Logged(Protocol):
    """What is needed of a finished round; arrays or sequences of a number for each candidate."""

    @property
    def propensity(self) -> Floats | Sequence[float]: ...  # noqa: D102
    @property
    def predicted(self) -> Floats | Sequence[float]: ...  # noqa: D102
    @property
    def chosen(self) -> int: ...  # noqa: D102


def rounds_for_gate(
    rounds: Sequence[Logged], rewards: Sequence[float], targets: Sequence[Sequence[float] | Floats]
) -> ope.Rounds:
    """Rounds as the gate asks for them; ``targets`` are the judged policy's probabilities."""

    def column(values: Sequence[float]) -> Floats:
        return np.array(values, dtype=np.float64)

    propensity = [np.asarray(r.propensity, dtype=np.float64) for r in rounds]
    predicted = [np.asarray(r.predicted, dtype=np.float64) for r in rounds]
    target = [np.asarray(t, dtype=np.float64) for t in targets]
    chosen = [r.chosen for r in rounds]
    return ope.Rounds(
        reward=column(rewards),
        propensity=column([float(p[c]) for p, c in zip(propensity, chosen, strict=True)]),
        target=column([float(t[c]) for t, c in zip(target, chosen, strict=True)]),
        base=column([float(c == 0) for c in chosen]),
        support=column([float(p[t > 0].min()) for p, t in zip(propensity, target, strict=True)]),
        predicted=column([float(p[c]) for p, c in zip(predicted, chosen, strict=True)]),
        predicted_target=column([float(t @ p) for t, p in zip(target, predicted, strict=True)]),
        predicted_base=column([float(p[0]) for p in predicted]),
    )

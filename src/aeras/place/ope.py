"""What a policy would have earned more than today's plan, from rounds that another policy ran.

Each round logged one of several arrangements with a known probability. Estimators of the mean gain
over the rounds as they came: inverse propensity (IPS), self-normalised (SNIPS) and doubly robust
(DR; Dudik et al. 2014, Stat. Sci. 29:485). What a policy chose in a round, and every prediction,
may rest on earlier rounds only; then the terms' errors are martingale differences, also where the
log learned as it went, and a Student interval over their deviation holds for many rounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from aeras.domain.errors import InputError
from aeras.place.plan import Floats

Method = Literal["ips", "snips", "dr"]
METHODS: tuple[Method, ...] = ("ips", "snips", "dr")
FEWEST_ROUNDS = 30
FEWEST_EFFECTIVE = 6.0
"""Effective rounds of the policy's own choices below which nothing is judged."""


@dataclass(frozen=True, slots=True, eq=False)
class Rounds:
    """Logged rounds, (n,) each.

    Attributes:
        reward: Seen, a 1000 visits.
        propensity: Probability with which the log chose what it chose.
        target, base: Probabilities that the policy and today's plan choose the same.
        support: Smallest probability with which the log would have chosen something that the
            policy, or today's plan, chooses.
        predicted, predicted_target, predicted_base: What a model expected of the choice, of the
            policy and of today's plan. Zeros turn DR into IPS.
    """

    reward: Floats
    propensity: Floats
    target: Floats
    base: Floats
    support: Floats
    predicted: Floats
    predicted_target: Floats
    predicted_base: Floats

    def check(self, policy: str) -> None:
        """Whether they can tell anything at all.

        Raises:
            InputError: A probability is zero, negative, above 1 or no number.
        """
        for name, values in (("propensity", self.propensity), ("support", self.support)):
            wrong = np.flatnonzero(~(np.isfinite(values) & (values > 0) & (values <= 1)))
            if wrong.size:
                raise InputError(
                    f"round {wrong[0] + 1} of {len(values)} has the probability "
                    f"{values[wrong[0]]:g} ({name}), expected more than 0 and at most 1",
                    where=f"log of policy {policy}",
                    todo="Nothing can be learned of what a log never tries: log with a floor, "
                    "such as 0.05; today's plan stays",
                )


@dataclass(frozen=True, slots=True)
class Gain:
    """Mean gain over today's plan a 1000 visits, with its interval.

    Attributes:
        value, low, high: As said; 95 % two-sided unless asked otherwise.
        n: Rounds.
        effective: Rounds that the same precision would take if the policy had run itself
            (Kish: square of the sum of its weights over the sum of their squares).
        deviation: Standard error.
    """

    value: float
    low: float
    high: float
    n: int
    effective: float
    deviation: float


def terms(rounds: Rounds, method: Method) -> tuple[Floats, Floats]:
    """What each round says of the gain, (n,), and the part of it that chance is in."""
    for_target = rounds.target / rounds.propensity
    for_base = rounds.base / rounds.propensity
    if method == "snips":
        n = len(rounds.reward)
        mean_t = _mean(for_target, rounds.reward)
        mean_b = _mean(for_base, rounds.reward)
        chance = for_target * (rounds.reward - mean_t) / max(for_target.sum() / n, 1e-12)
        chance = chance - for_base * (rounds.reward - mean_b) / max(for_base.sum() / n, 1e-12)
        return chance + (mean_t - mean_b), chance
    weight = for_target - for_base
    if method == "ips":
        chance = weight * rounds.reward
        return chance, chance
    chance = weight * (rounds.reward - rounds.predicted)
    return chance + rounds.predicted_target - rounds.predicted_base, chance


def estimate(rounds: Rounds, method: Method = "dr", *, alpha: float = 0.05) -> Gain:
    """The gain with its interval by Student's distribution over the rounds' deviation."""
    found, chance = terms(rounds, method)
    n = len(found)
    effective = effective_rounds(rounds)
    value = float(found.mean()) if n else 0.0
    if n < 2:  # noqa: PLR2004 - no deviation
        return Gain(value, -math.inf, math.inf, n, effective, math.inf)
    deviation = float(chance.std(ddof=1)) / math.sqrt(n)
    # The whole reward hangs on the weights but in DR: then only as many rounds tell the deviation.
    free = n - 1 if method == "dr" else max(1.0, min(n, effective) - 1)
    half = float(special.stdtrit(free, 1 - alpha / 2)) * deviation
    return Gain(value, value - half, value + half, n, effective, deviation)


def effective_rounds(rounds: Rounds) -> float:
    """Of the policy's own weights."""
    weight = rounds.target / rounds.propensity
    return float(weight.sum() ** 2 / max(1e-12, (weight**2).sum()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a policy may be proposed.

    Attributes:
        passed: The lower bound of its gain is above 0.
        gain: What was found.
        why: In plain words.
        needed: Further rounds that would probably do, where more would help.
    """

    passed: bool
    gain: Gain
    why: str
    needed: int | None = None


def gate(rounds: Rounds, policy: str, *, method: Method = "dr", alpha: float = 0.05) -> Verdict:
    """Lets a policy through whose gain over today's plan has a lower bound above 0; in every other
    case today's plan stays.

    Raises:
        InputError: See `Rounds.check`.
    """
    rounds.check(policy)
    gain = estimate(rounds, method, alpha=alpha)
    short = max(
        FEWEST_ROUNDS - gain.n,
        math.ceil(gain.n * (FEWEST_EFFECTIVE / max(gain.effective, 0.5) - 1)),
    )
    if short > 0:
        why = (
            f"too little data: {gain.n} rounds, of which {gain.effective:.0f} effective; "
            f"about {short} more are needed"
        )
        return Verdict(passed=False, gain=gain, why=why, needed=short)
    if gain.low > 0:
        return Verdict(passed=True, gain=gain, why="the lower bound beats today's plan")
    if gain.value <= 0:
        return Verdict(passed=False, gain=gain, why="no gain over today's plan was seen")
    rate = (gain.value - gain.low) / gain.value
    more = math.ceil(gain.n * (rate**2 - 1)) or 1
    why = f"the interval reaches below today's plan; about {more} more rounds would tell"
    return Verdict(passed=False, gain=gain, why=why, needed=more)


def _mean(weight: Floats, reward: Floats) -> float:
    return float((weight * reward).sum() / max(float(weight.sum()), 1e-12))

"""A contextual bandit (VowpalWabbit, ``cb_explore_adf``) over whole arrangements.

It knows no choice model: it learns from the logged rounds, with their propensities, which plain
features of an arrangement (`aeras.place.policy.describe`) go with a larger reward.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vowpalwabbit import Workspace

from aeras.place.plan import Floats, Ints, swaps
from aeras.place.policy import Known, Round, describe

_NAMES = ("handled", "sold", "worth", "liked", "rejected", "moved")
_OPTIONS = (
    "--cb_explore_adf --cb_type mtr --epsilon 0.05 --quiet --noconstant -l 0.5 --random_seed 7"
)
_PASSES = 8
_STEPS = 6


class Bandit:
    """Trained anew on all finished rounds whenever there are more of them."""

    name = "bandit"

    def __init__(self) -> None:
        self._learned: tuple[Known, Workspace] | None = None

    def propose(self, known: Known, block: int, slots: Ints) -> Ints:
        """The best that exchanges lead to from today's arrangement, by the learned scores."""
        at = known.today[slots]
        if not known.rounds:
            return at
        vw = self._vw(known)
        for _ in range(_STEPS):
            near = swaps(at)
            near = np.concatenate([at[None, :], near[known.rules.keeps(slots, near)]])
            best = int(_pmf(vw, describe(known, block, slots, near)).argmax())
            if best == 0:
                break
            at = near[best]
        return at

    def prefer(self, known: Known, candidates: Ints, features: Floats, own: Ints) -> Floats:
        """See `aeras.place.policy.Policy`."""
        if not known.rounds:
            found = np.zeros(len(candidates))
            found[0] = 1.0
            return found
        return _pmf(self._vw(known), features)

    def _vw(self, known: Known) -> Workspace:
        if self._learned is None or self._learned[0] is not known:
            vw = Workspace(_OPTIONS)
            scale = _scale(known.rounds)
            lines = [_lines(r.features, r, scale[r.block]) for r in known.rounds]
            for _ in range(_PASSES):
                for n in known.rng.permutation(len(lines)):
                    vw.learn(lines[n])
            self._learned = (known, vw)
        return self._learned[1]


def _scale(rounds: Sequence[Round]) -> dict[int, float]:
    """Mean reward by block, so that large blocks do not drown the small."""
    found: dict[int, list[float]] = {}
    for r in rounds:
        found.setdefault(r.block, []).append(r.reward)
    return {block: max(1e-9, float(np.mean(values))) for block, values in found.items()}


def _lines(features: Floats, seen: Round | None = None, scale: float = 1.0) -> list[str]:
    lines = []
    for k, row in enumerate(features):
        label = ""
        if seen is not None and k == seen.chosen:
            label = f"0:{1 - seen.reward / scale:.5f}:{seen.propensity[k]:.5f} "
        values = " ".join(f"{n}:{v:.5f}" for n, v in zip(_NAMES, row, strict=True))
        lines.append(f"{label}|a base {values}")
    return lines


def _pmf(vw: Workspace, features: Floats) -> Floats:
    found = np.asarray(vw.predict(_lines(features)), dtype=np.float64)
    whole: Floats = found / found.sum()
    return whole


make = Bandit

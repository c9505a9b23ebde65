"""Weighs the cues of a candidate change with learned weights.

Logistic models in one readable file, see `Judge`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.shelf.cues import Bare, Brief, Came, Cues, Real, names, vector

WEIGHTS = Path(__file__).with_name("judge.json")


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Of one logistic model: a constant and (n,) weights of its cues."""

    bias: float
    of: NDArray[np.float64]

    def log_odds(self, cues: Cues) -> float:
        """What the cues say."""
        return float(self.bias + vector(cues) @ self.of)

    def chance(self, cues: Cues) -> float:
        """The same as a probability."""
        return float(1 / (1 + np.exp(-np.clip(self.log_odds(cues), -60, 60))))


MODELS: dict[str, type[Cues]] = {
    "real": Real,
    "came": Came,
    "fell": Real,
    "brief": Brief,
    "touch": Brief,
    "empty": Bare,
}
"""Each model with the cues it weighs; see `Judge`."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Learned weights.

    Attributes:
        real: Did an item come, go or fall?
        came: If it came or went: did it come?
        fell: Or did it fall, and still lies there?
        brief: Was it taken and put back between two sights of the same look?
        touch: Or touched?
        empty: Does nothing stand at a place at rest?
    """

    real: Weights
    came: Weights
    fell: Weights
    brief: Weights
    touch: Weights
    empty: Weights

    def is_real(self, cues: Real) -> float:
        """Probability that an item came, went or fell."""
        return self.real.chance(cues)

    def has_come(self, cues: Came) -> float:
        """Log-odds that the new look shows the item."""
        return self.came.log_odds(cues)


@cache
def load_judge(path: Path = WEIGHTS) -> Judge:
    """Reads the weights; raises ModelError where they do not fit this version's cues."""
    told = json.loads(path.read_text(encoding="utf-8"))
    models = {}
    for part, kind in MODELS.items():
        weights = told.get(part, {}).get("weights", {})
        if set(weights) != set(names(kind)):
            raise ModelError(f"{path}: the weights of {part!r} do not fit this version's cues")
        models[part] = Weights(
            float(told[part]["bias"]), np.array([weights[name] for name in names(kind)])
        )
    return Judge(**models)

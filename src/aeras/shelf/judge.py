"""Weighs the cues of a candidate change with learned weights.

Two logistic models in one readable file: whether an item came or went at all, and whether it came.
The second has no constant: without evidence it says nothing, so that what is known already decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.shelf.cues import Came, Real, names, vector

WEIGHTS = Path(__file__).with_name("judge.json")


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Learned weights.

    Attributes:
        bias: Of ``real``.
        real: (18,) weights of `Real`.
        came: (3,) weights of `Came`.
    """

    bias: float
    real: NDArray[np.float64]
    came: NDArray[np.float64]

    def is_real(self, cues: Real) -> float:
        """Probability that an item came or went."""
        return float(1 / (1 + np.exp(-(self.bias + vector(cues) @ self.real))))

    def has_come(self, cues: Came) -> float:
        """Log-odds that the new look shows the item."""
        return float(vector(cues) @ self.came)


@cache
def load_judge(path: Path = WEIGHTS) -> Judge:
    """Reads the weights; raises ModelError where they do not fit this version's cues."""
    told = json.loads(path.read_text(encoding="utf-8"))
    for part, kind in (("real", Real), ("came", Came)):
        if set(told[part]["weights"]) != set(names(kind)):
            raise ModelError(f"{path}: the weights of {part!r} do not fit this version's cues")
    return Judge(
        float(told["real"]["bias"]),
        np.array([told["real"]["weights"][name] for name in names(Real)]),
        np.array([told["came"]["weights"][name] for name in names(Came)]),
    )

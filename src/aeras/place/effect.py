"""What a move changed: a fixture's weekly reward against a control's, before and after."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from aeras.domain.proposals import Measured
from aeras.domain.published import Rate
from aeras.place.plan import Floats

FEWEST_BEFORE = 3
FEWEST_AFTER = 2


def measure(before: Floats, after: Floats) -> Measured:
    """Difference in differences of weekly rewards, as a share of the reward before.

    Each series is divided by its own mean before; what season and demand do to both cancels in
    their difference. Its mean after less that before has a Welch interval over the weeks, so that
    what weeks do by themselves is in it.

    Args:
        before: (2, W) reward a 1000 visits of the fixture and of its control, by week.
        after: The same afterwards.
    """
    found = _change(before, after)
    half = before.shape[1] // 2
    return Measured(
        change=found,
        placebo=_change(before[:, :half], before[:, half:]) if found else None,
        before=before.shape[1],
        after=after.shape[1],
        needed=max(0, FEWEST_BEFORE - before.shape[1], FEWEST_AFTER - after.shape[1]),
    )


def _change(before: Floats, after: Floats) -> Rate | None:
    counts = np.array([before.shape[1], after.shape[1]])
    if counts[0] < FEWEST_BEFORE or counts[1] < FEWEST_AFTER:
        return None
    scale = before.mean(axis=1)
    if (scale <= 0).any():
        return None  # a reward that costs more than it earns has no share
    parts = [table[0] / scale[0] - table[1] / scale[1] for table in (before, after)]
    value = float(parts[1].mean() - parts[0].mean())
    spread = np.array([part.var(ddof=1) for part in parts]) / counts
    total = float(spread.sum())
    free = total**2 / max(1e-30, float((spread**2 / (counts - 1)).sum()))
    half = float(special.stdtrit(max(1.0, free), 0.975)) * math.sqrt(total)
    return Rate(value, value - half, value + half, int(counts.sum()))

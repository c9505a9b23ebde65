"""What a change of price or place did to an item's sales: difference in differences.

Units a day after less before, as log, less the same of items of its category that sold as much, and
moved alike, before. What the season did to all cancels. How much items drift apart by themselves is
taken from the controls' spread, as in `aeras.insight.effect`. The same between the halves of the
time before is the placebo: nothing was done there, so that its interval should hold no change.

Controls may sell more because the item sells less: then the change looks larger than it is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aeras.domain.insight import Moved
from aeras.domain.published import Rate
from aeras.insight.effect import FEWEST_CONTROLS, MOST_CONTROLS, against

Floats = NDArray[np.float64]

FEWEST_UNITS = 30
"""Units before, and after, below which nothing is reckoned."""
FEWEST_DAYS = 7
"""Before, and after: a week has all its days."""


def sales_change(units: Floats, at: int) -> Moved | None:
    """The change of the item in row 0 against the best matched of the others; None if too little
    is known: too few units, days or controls.

    Args:
        units: (1 + C, days) sold a day, of items of one category about which nothing else was done.
        at: The first day with the change.
    """
    days = units.shape[1]
    if min(at, days - at) < FEWEST_DAYS or min(units[0, :at].sum(), units[0, at:].sum()) < (
        FEWEST_UNITS
    ):
        return None
    units = units[_matched(units, at)]
    if len(units) < 1 + FEWEST_CONTROLS:
        return None
    placebo = None
    if at >= 2 * FEWEST_DAYS:
        placebo = _against_controls(units[:, : at // 2], units[:, at // 2 : at])
    return Moved(
        change=_against_controls(units[:, :at], units[:, at:]),
        controls=len(units) - 1,
        placebo=placebo,
    )


def _against_controls(before: Floats, after: Floats) -> Rate:
    sold = np.array([before.sum(axis=1), after.sum(axis=1)]) + 0.5
    a_day = np.log(sold[1] / after.shape[1]) - np.log(sold[0] / before.shape[1])
    value, _, _, half = against(a_day, (1 / sold).sum(axis=0))
    middle, low, high = np.expm1([value, value - half, value + half]).tolist()
    return Rate(middle, low, high, n=int(before[0].sum() + after[0].sum()))


def _matched(units: Floats, at: int) -> NDArray[np.intp]:
    """Rows of the item and of the controls that are most like it before, in units a day and in
    how these moved; those that hardly sold are none.
    """
    enough = np.minimum(units[:, :at].sum(axis=1), units[:, at:].sum(axis=1)) >= FEWEST_UNITS
    level = np.log(units[:, :at].sum(axis=1) + 1)
    moved = np.log(units[:, at // 2 : at].sum(axis=1) + 1) - np.log(
        units[:, : at // 2].sum(axis=1) + 1
    )
    far = (level - level[0]) ** 2 + (moved - moved[0]) ** 2
    far[~enough] = np.inf
    order = 1 + np.argsort(far[1:], kind="stable")[: min(MOST_CONTROLS, int(enough[1:].sum()))]
    return np.concatenate([[0], order])

"""The difference of two proportions for somebody who looks all the time.

For each difference d there are two nulls, p_a - p_b <= d and >= d, each convex in the two rates. A
block's e-value is the likelihood of its counts under the rates seen before it, over that
under the null's closest point in Kullback-Leibler divergence. By the argument in
`aeras.insight.evidence` it is an e-variable for every convex null, also where rates change from
block to block: with q the closest point, sum n (p - q)(p_bet - q) / (q (1 - q)) is at most 0 for
every p of the null, which is the condition of a minimum. Products over blocks
are test supermartingales, so that by Ville's inequality the set of all d that neither null has
rejected at 2/alpha holds the true difference at all times at once with probability 1 - alpha
(Turner and Gruenwald 2023, Stat. Probab. Lett. 198:109835).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aeras.domain.published import Rate
from aeras.insight.evidence import log_ratio

Floats = NDArray[np.float64]
PRIOR = 1.0
"""Weight of the guess of one half before anything was seen, in invitations an arm and outcome."""
_EDGE = 1e-6
_HALVINGS = 30
_GRID = 400


class Difference:
    """Evidence against differences d of two rates, for many comparisons at once.

    Args:
        differences: (D,) in (-1, 1).
        comparisons: R.
    """

    def __init__(self, differences: ArrayLike, comparisons: int = 1) -> None:
        self._d: Floats = np.asarray(differences, dtype=np.float64)[None, :]
        shape = (comparisons, self._d.shape[1])
        self._logs = np.zeros((2, *shape))
        self._most = np.zeros((2, *shape))
        self._seen = np.zeros((4, comparisons, 1))

    @property
    def above(self) -> Floats:
        """Largest e-value so far against p_a - p_b <= d, (R, D)."""
        found: Floats = np.exp(np.minimum(self._most[0], 600))
        return found

    @property
    def below(self) -> Floats:
        """Largest e-value so far against p_a - p_b >= d, (R, D)."""
        found: Floats = np.exp(np.minimum(self._most[1], 600))
        return found

    def update(self, n_a: ArrayLike, x_a: ArrayLike, n_b: ArrayLike, x_b: ArrayLike) -> None:
        """Takes one block: invitations and answers of both arms, (R,) each."""
        block = np.stack(
            [np.asarray(v, dtype=np.float64).reshape(-1) for v in (n_a, x_a, n_b, x_b)]
        )
        block = block[..., None]
        p_a, p_b = _guess(self._seen[0], self._seen[1]), _guess(self._seen[2], self._seen[3])
        gain = _gain(p_a, p_b, block, self._d)
        self._logs[0] += np.where(p_a - p_b > self._d, gain, 0.0)
        self._logs[1] += np.where(p_a - p_b < self._d, gain, 0.0)
        np.maximum(self._most, self._logs, out=self._most)
        self._seen += block


def difference(blocks: Sequence[tuple[int, int, int, int]], alpha: float) -> Rate:
    """The confidence sequence after the last of the blocks (n_a, x_a, n_b, x_b): ``value`` is the
    difference seen, ``n`` counts the invitations of both arms.
    """
    grid = np.linspace(-1, 1, _GRID + 1)[1:-1]
    process = Difference(grid)
    for n_a, x_a, n_b, x_b in blocks:
        process.update(n_a, x_a, n_b, x_b)
    total_a, hits_a, total_b, hits_b = np.sum([*blocks, (0, 0, 0, 0)], axis=0)
    bar = 2 / alpha
    step = 2 / _GRID
    rejected_low, rejected_high = grid[process.above[0] >= bar], grid[process.below[0] >= bar]
    low = float(rejected_low[-1]) if rejected_low.size else -1.0
    high = float(rejected_high[0]) if rejected_high.size else 1.0
    seen = hits_a / max(total_a, 1) - hits_b / max(total_b, 1)
    return Rate(
        value=float(seen),
        low=min(low, float(seen)) if abs(low - seen) < step else low,
        high=max(high, float(seen)) if abs(high - seen) < step else high,
        n=int(total_a + total_b),
    )


def _guess(n: Floats, x: Floats) -> Floats:
    return (x + PRIOR) / (n + 2 * PRIOR)


def _gain(p_a: Floats, p_b: Floats, block: Floats, d: Floats) -> Floats:
    """Log e-value of a block against the line q_a = q_b + d."""
    n_a, x_a, n_b, x_b = block
    low = np.broadcast_to(np.maximum(0, -d) + _EDGE, np.broadcast_shapes(p_a.shape, d.shape)).copy()
    high = np.broadcast_to(np.minimum(1, 1 - d) - _EDGE, low.shape).copy()
    for _ in range(_HALVINGS):
        q_b = (low + high) / 2
        q_a = q_b + d
        slope = n_a * (q_a - p_a) / (q_a * (1 - q_a)) + n_b * (q_b - p_b) / (q_b * (1 - q_b))
        low = np.where(slope < 0, q_b, low)
        high = np.where(slope < 0, high, q_b)
    q_b = (low + high) / 2
    return log_ratio(p_a, q_b + d, n_a, x_a) + log_ratio(p_b, q_b, n_b, x_b)

"""Shares and means with their 95 % intervals. Plain numbers: what may be shown, and when, is
decided by ``privacy.publish``, which is handed these functions by ``wiring``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import special

from aeras.domain.published import Rate

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


def share(count: int, n: int) -> Rate:
    """A share with Wilson's score interval, which keeps its coverage for small n and at 0 and 1.

    The handlings behind a rate are taken as independent; several by one visit make the true
    interval somewhat wider.

    Args:
        count: Successes, 0 <= count <= n.
        n: Trials, > 0.

    Source: E. B. Wilson 1927, JASA 22:209-212; recommended for small n by Brown, Cai and
        DasGupta 2001, Statistical Science 16:101-133.
    """
    if not 0 <= count <= n or n == 0:
        raise ValueError(f"share of {count} in {n}, expected 0 <= count <= n and n > 0")
    p = count / n
    z2 = Z95**2 / n
    centre = (p + z2 / 2) / (1 + z2)
    half = Z95 / (1 + z2) * math.sqrt(p * (1 - p) / n + z2 / (4 * n))
    low = 0.0 if count == 0 else max(0.0, centre - half)
    high = 1.0 if count == n else min(1.0, centre + half)
    return Rate(value=p, low=low, high=high, n=n)


def difference(one: Rate, other: Rate) -> Rate:
    """The first share less the second, ``n`` of both, its interval from Wilson's limits.

    Source: R. G. Newcombe 1998, Statistics in Medicine 17:873-890, method 10.
    """
    gap = one.value - other.value
    low = gap - math.hypot(one.value - one.low, other.high - other.value)
    high = gap + math.hypot(one.high - one.value, other.value - other.low)
    return Rate(gap, low, high, one.n + other.n)


def mean(values: Sequence[float], *, bounds: tuple[float, float]) -> Rate:
    """A mean with Student's interval, clipped to the scale it lives on.

    With a single value, or when all are the same, the spread cannot be told from the data and
    the interval is that of one more answer at the far end of the scale.

    Args:
        values: At least one number within ``bounds``.
        bounds: Smallest and largest possible value, e.g. (1, 5) for ratings.
    """
    n = len(values)
    low, high = bounds
    centre = math.fsum(values) / n
    padded = list(values)
    if len(set(values)) == 1:
        padded.append(low if centre - low > high - centre else high)
    spread = _sample_sd(padded)
    half = float(special.stdtrit(len(padded) - 1, 0.975)) * spread / math.sqrt(len(padded))
    return Rate(value=centre, low=max(low, centre - half), high=min(high, centre + half), n=n)


def _sample_sd(values: Sequence[float]) -> float:
    centre = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))

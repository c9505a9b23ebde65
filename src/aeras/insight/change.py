"""How a share or a rate differs between two periods, for many places looked at together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy import special

from aeras.domain.published import Rate
from aeras.insight.rates import Z95, difference


@dataclass(frozen=True, slots=True)
class Change:
    """A difference with its 95 % interval and two-sided p-value against none."""

    value: float
    low: float
    high: float
    p: float


def of_shares(now: Rate, then: Rate) -> Change:
    """The difference of two shares, with the p-value of the score test with the pooled share."""
    gap = difference(now, then)
    pooled = (now.value * now.n + then.value * then.n) / (now.n + then.n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / now.n + 1 / then.n))
    p = _two_sided(gap.value / spread) if spread > 0 else 1.0
    return Change(gap.value, max(-1.0, gap.low), min(1.0, gap.high), p)


def of_rates(
    now: tuple[float, float],
    then: tuple[float, float],
    dispersion: float = 1.0,
    more: Sequence[tuple[float, float]] = (),
) -> Change:
    """The relative change of a rate of counts, on the log scale: 0.5 is half as many again.

    Half a count is added to each, so that none counted is no infinite fall.

    Args:
        now: Count and exposure (hours).
        then: The same of the other period.
        dispersion: Variance of the counts over that of Poisson's, at least 1.
        more: Further counts (with their dispersion) by which both rates are divided, such as
            the visits behind a conversion: their chance adds to the interval.
    """
    (x, t), (y, u) = now, then
    log = math.log((x + 0.5) / t) - math.log((y + 0.5) / u)
    variance = max(1.0, dispersion) * (1 / (x + 0.5) + 1 / (y + 0.5))
    variance += sum(max(1.0, d) / max(n, 0.5) for n, d in more)
    spread = math.sqrt(variance)
    return Change(
        math.expm1(log),
        math.expm1(log - Z95 * spread),
        math.expm1(log + Z95 * spread),
        _two_sided(log / spread),
    )


def per_visit(sold: float, visits: int) -> Rate:
    """Units sold per visit, the number of visits taken as known; more than 1 if visits buy several.

    Exact Poisson limits: F. Garwood 1936, Biometrika 28:437-442.
    """
    low = float(special.gammaincinv(sold, 0.025)) if sold > 0 else 0.0
    high = float(special.gammaincinv(sold + 1, 0.975))
    return Rate(sold / visits, low / visits, high / visits, visits)


def dispersion(days: Iterable[Sequence[float]]) -> float:
    """How many times more the counts of single days scatter than Poisson's, pooled over places;
    at least 1. Pearson's statistic over its degrees of freedom.

    Args:
        days: Of each place, the count of each day.
    """
    total, freedom = 0.0, 0
    for counts in days:
        mean = math.fsum(counts) / len(counts) if counts else 0.0
        if mean > 0 and len(counts) > 1:
            total += math.fsum((count - mean) ** 2 for count in counts) / mean
            freedom += len(counts) - 1
    return max(1.0, total / freedom) if freedom else 1.0


def discoveries(p_values: Sequence[float], rate: float = 0.05) -> list[bool]:
    """Which of many tests stand when at most ``rate`` of those that stand may be chance.

    Y. Benjamini and Y. Hochberg 1995, JRSS B 57:289-300.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    last = max(
        (rank for rank, i in enumerate(order, 1) if p_values[i] <= rate * rank / len(order)),
        default=0,
    )
    stands = set(order[:last])
    return [i in stands for i in range(len(p_values))]


def _two_sided(z: float) -> float:
    return float(special.erfc(abs(z) / math.sqrt(2)))

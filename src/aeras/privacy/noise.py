"""Differential privacy for counts: discrete Laplace noise from OpenDP, on tables that no single
visit can change by much.

The unit is what one visit did on a day. How much it can change a table is bounded by construction,
not by looking at the data: the gate marks the first `CONTRIBUTIONS` deeds of each visit, as long as
it still knows the visit, and only marked events are counted. In a table of one kind each of them
adds one to at most one cell, so that leaving a visit out changes the table by at most
`CONTRIBUTIONS` in sum (its L1 sensitivity). Rows come from the site file, never from the data.

Noise of scale ``CONTRIBUTIONS / epsilon`` then makes the table epsilon-differentially private
(Dwork et al. 2006; discrete noise: Ghosh et al. 2009), and tables add up: a ledger holds the sum of
all tables over any moment below the budget. A visit that lasts past midnight is covered as a whole,
because its marked deeds are few in sum: with a_i of them in tables of sum e_i the loss is
sum(a_i e_i) / CONTRIBUTIONS, at most the budget. Visits are those that the system tells apart; who
is lost and found again is two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from aeras.domain.errors import PrivacyError
from aeras.domain.noisy import MICRO
from aeras.privacy.gate import CONTRIBUTIONS

SHARE_WITHIN = 0.95
"""How surely a count is no further off than its margin."""


def micro_of(epsilon: float) -> int:
    """Epsilon in millionths, rounded up."""
    return math.ceil(round(epsilon * MICRO, 3))


def add_noise(counts: Sequence[int], epsilon: float) -> list[int]:
    """The counts of one table with noise from the machine's secure random source.

    Args:
        counts: All cells of a table whose L1 sensitivity is `CONTRIBUTIONS`.
        epsilon: Privacy loss, above 0.

    Raises:
        PrivacyError: OpenDP is not installed.
    """
    return [int(count) for count in measurement(epsilon)([int(count) for count in counts])]


def margin(epsilon: float) -> float:
    """How far off a count is at most through the noise, with probability `SHARE_WITHIN`."""
    dp = _opendp()
    scale = CONTRIBUTIONS / epsilon
    return round(float(dp.discrete_laplacian_scale_to_accuracy(scale, 1 - SHARE_WITHIN)), 1)


def measurement(epsilon: float) -> Any:
    """OpenDP's measurement of the smallest scale for which its own map confirms that the loss is
    within epsilon, roundings of floats included.
    """
    dp = _opendp()
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    scale = CONTRIBUTIONS / epsilon
    while (made := dp.m.make_laplace(*space, scale=scale)).map(CONTRIBUTIONS) > epsilon:
        scale = math.nextafter(scale, math.inf)
    return made


def _opendp() -> Any:
    """Loaded where it is used only: it is large."""
    try:
        import opendp.prelude as dp  # noqa: PLC0415
    except ImportError:
        raise PrivacyError(
            "tables with noise need OpenDP, which is not installed",
            where="privacy.differential_privacy",
            todo="Install it: pip install 'aeras[dp]'",
        ) from None
    dp.enable_features("contrib")
    return dp

"""Geometry of the small drawings inside pages: interval bars, sparklines, rating bars.

They are SVG with plain attributes, because the content policy allows no inline style.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aeras.domain.published import ItemRow, Numbers, Rate

HANDLINGS_MIN_SCALE = 0.2


class Bar(NamedTuple):
    """An interval bar in per cent of its width: a band from ``x``, the value at ``dot``."""

    x: float
    width: float
    dot: float


def bar(rate: Rate, scale: float) -> Bar:
    """The bar of a rate where ``scale`` (a share) is the full width."""

    def place(share: float) -> float:
        return round(min(1.0, share / scale) * 100, 2)

    low, high = place(rate.low), place(rate.high)
    return Bar(low, round(max(0.8, high - low), 2), place(rate.value))


def bar_scale(rows: Iterable[ItemRow]) -> float:
    """A common scale for a table: the highest upper bound, rounded up to a tenth."""
    highs = [row.numbers.rejection.high for row in rows if row.numbers.rejection]
    top = max([HANDLINGS_MIN_SCALE, *highs])
    return min(1.0, math.ceil(top * 10) / 10)


def spark(values: Sequence[float | None], width: float = 96, height: float = 26) -> list[str]:
    """Polylines of a sparkline, one for each stretch without a gap, as SVG ``points``."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return []
    top = max(known) or 1
    step = width / max(1, len(values) - 1)
    lines: list[str] = []
    points: list[str] = []
    for index, value in enumerate([*values, None]):
        if value is not None:
            points.append(f"{index * step:.1f},{height - 2 - (height - 4) * value / top:.1f}")
        elif points:
            lines.append(" ".join(points))
            points = []
    return lines


def shares(counts: Sequence[int]) -> list[float]:
    """Per cent of the largest, for bars side by side."""
    top = max(counts, default=0) or 1
    return [round(count / top * 100, 1) for count in counts]


def rating_rows(ratings: Sequence[int]) -> list[tuple[int, int, float]]:
    """(stars, count, per cent of the largest) from five stars down; ``ratings`` starts at one."""
    rows = zip(range(1, len(ratings) + 1), ratings, shares(ratings), strict=True)
    return list(reversed(list(rows)))


def simulated(numbers: Iterable[Numbers]) -> float:
    """The highest simulated share among the shown numbers."""
    return max((n.simulated for n in numbers), default=0.0)

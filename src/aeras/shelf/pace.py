"""How long things usually take at an item: running figures that hold no person.

Per item (or fixture), kind and hour of the day: a count, a mean and a spread of the logarithm of
seconds, nothing else. They say nothing until enough has been seen, and until then are not kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from aeras.domain.kept import Kind, UsualLength
from aeras.domain.seen import Interaction

ENOUGH = 20
"""Fewer than this say nothing about what is usual."""
RECENT = 200
"""Older ones fade after about this many."""
LEAST_S = 0.5
LEAST_SPREAD = 0.15
"""Spread (of the logarithm) below which a difference would be made out of next to nothing."""

Key = tuple[str, Kind, int]
"""Item or fixture, kind, and hour (UTC, 0-23) or `ALL_DAY`."""
ALL_DAY = -1


@dataclass(slots=True)
class _Running:
    """Mean and variance of a stream whose past fades."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        share = 1 / min(self.count, RECENT)
        step = value - self.mean
        self.mean += share * step
        self.variance = (1 - share) * (self.variance + share * step * step)


class Pace:
    """What is usual, per item and hour.

    Args:
        usual: What was known at the end of an earlier run.
    """

    def __init__(self, usual: Iterable[UsualLength] = ()) -> None:
        self._usual: dict[Key, _Running] = {
            (one.what, one.kind, one.hour): _Running(one.count, one.mean, one.variance)
            for one in usual
        }

    def usual(self) -> list[UsualLength]:
        """What is known well enough to be kept: nothing that few made."""
        return [
            UsualLength(what, kind, hour, one.count, one.mean, one.variance)
            for (what, kind, hour), one in self._usual.items()
            if one.count >= ENOUGH
        ]

    def score(self, found: Interaction) -> float | None:
        """Standard deviations from what is usual for this item at this hour, or, where the hour
        has too little, all day; None where that has too little as well.
        """
        seconds = _seconds(found)
        if seconds is None:
            return None
        for key in _keys(found):
            usual = self._usual.get(key)
            if usual is not None and usual.count >= ENOUGH:
                spread = max(math.sqrt(usual.variance), LEAST_SPREAD)
                return (math.log(seconds) - usual.mean) / spread
        return None

    def learn(self, found: Interaction) -> None:
        """Takes an interaction's length in; who it was is not looked at."""
        seconds = _seconds(found)
        if seconds is not None:
            for key in _keys(found):
                self._usual.setdefault(key, _Running()).add(math.log(seconds))


def _keys(found: Interaction) -> tuple[Key, Key]:
    what = found.item or found.fixture
    return (what, found.kind, found.at.hour), (what, found.kind, ALL_DAY)


def _seconds(found: Interaction) -> float | None:
    """The length that tells: the hold of a put back, the stay of a dwell."""
    if found.kind is Kind.PUT_BACK and found.hold_s > 0:
        return max(found.hold_s, LEAST_S)
    if found.kind is Kind.DWELL:
        return max(found.end_s - found.start_s, LEAST_S)
    return None

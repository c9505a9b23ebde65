"""What each facing shows of its goods: full, low, empty, or not to be told.

Looks at rest only, smoothed over seconds, so that hands and people who pass change nothing. Whether
a facing is bare is weighed by the learned judge; that something of it was taken is counted.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from aeras.domain.kept import StockLevel
from aeras.domain.seen import FacingState
from aeras.shelf.place import Place, Rest

EVERY_S = 0.5
"""Seconds between two looks."""
LOOKS = 9
"""The middle of so many looks counts."""
LEAST = 3
"""Fewer say nothing."""
HIDDEN_S = 10.0
"""A facing that was out of view for longer is not known any more."""


@dataclass(slots=True, eq=False)
class Shown:
    """What one facing shows.

    Args:
        facing: Id.
        place: Its machine.
    """

    facing: str
    place: Place
    taken: int = 0
    _chances: deque[float] = field(default_factory=lambda: deque(maxlen=LOOKS))
    _level: StockLevel = StockLevel.UNKNOWN
    _since_s: float = 0.0
    _looked_s: float = float("-inf")
    _changed_s: float | None = None

    def see(self, t_s: float) -> None:
        """Takes a moment, after its place did."""
        at_rest = self.place.disturbed_s is None and self.place.in_view
        if at_rest and t_s - self._looked_s >= EVERY_S:
            self._looked_s = t_s
            bare = self.place.bare()
            if self.place.witness is not None:
                self.place.witness(Rest(bare, t_s, self.place))
            self._chances.append(self.place.judge.empty.chance(bare))
        elif t_s - self._looked_s > HIDDEN_S:
            self._chances.clear()
        self._turn(self._now(), t_s)

    def moved(self, units: int, t_s: float) -> None:
        """Units that were put here, or taken (negative); what was seen before says nothing now."""
        self.taken = max(0, self.taken - units)
        self._chances.clear()
        self._changed_s = t_s

    def state(self) -> FacingState:
        """What it shows."""
        chance = self._middle()
        sure = chance if self._level is StockLevel.EMPTY else 1 - chance
        unknown = self._level is StockLevel.UNKNOWN
        return FacingState(self.facing, self._level, self._since_s, 0.0 if unknown else sure)

    def _now(self) -> StockLevel:
        if len(self._chances) < LEAST:
            return StockLevel.UNKNOWN
        if self._middle() > 0.5:  # noqa: PLR2004 - more likely than not
            return StockLevel.EMPTY
        return StockLevel.LOW if self.taken else StockLevel.FULL

    def _middle(self) -> float:
        ordered = sorted(self._chances)
        return ordered[len(ordered) // 2] if ordered else 0.5

    def _turn(self, level: StockLevel, t_s: float) -> None:
        if level is self._level:
            return
        known = level is not StockLevel.UNKNOWN
        self._since_s = self._changed_s if known and self._changed_s is not None else t_s
        self._level = level
        if known:
            self._changed_s = None
        if level is StockLevel.EMPTY:
            self.taken = max(self.taken, 1)

"""Keyframed values over time: the language in which a story is handed to the drawing code."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

Values = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Track:
    """A vector that eases from key to key.

    Attributes:
        times_s: Strictly ordered key times.
        values: One tuple a key, all of the same length.
    """

    times_s: tuple[float, ...]
    values: tuple[Values, ...]

    def at(self, time_s: float) -> Values:
        """Return the value at a time; the first and last keys hold outside the track."""
        after = bisect_right(self.times_s, time_s)
        if after == 0:
            return self.values[0]
        if after == len(self.times_s):
            return self.values[-1]
        start, end = self.times_s[after - 1], self.times_s[after]
        share = ease((time_s - start) / (end - start))
        before, target = self.values[after - 1], self.values[after]
        return tuple(a + (b - a) * share for a, b in zip(before, target, strict=True))


class TrackBuilder:
    """Collects keys in time order; `hold` pins the last value so that a move starts late."""

    def __init__(self, time_s: float, *value: float) -> None:
        self._times = [time_s]
        self._values: list[Values] = [value]

    @property
    def last(self) -> Values:
        """The value of the latest key."""
        return self._values[-1]

    def hold(self, time_s: float) -> None:
        """Keep the latest value until `time_s`."""
        self.to(time_s, *self._values[-1])

    def to(self, time_s: float, *value: float) -> None:
        """Ease to `value`, reached at `time_s`; a key not after the latest one replaces it."""
        if time_s <= self._times[-1]:
            self._values[-1] = value
            return
        self._times.append(time_s)
        self._values.append(value)

    def move(self, start_s: float, end_s: float, *value: float) -> None:
        """Hold the latest value until `start_s`, then ease to `value` by `end_s`."""
        self.hold(start_s)
        self.to(end_s, *value)

    def build(self) -> Track:
        """Return the finished track."""
        return Track(tuple(self._times), tuple(self._values))


def ease(share: float) -> float:
    """Return the smoothstep of a share: 0 and 1 stay, both ends are flat."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)

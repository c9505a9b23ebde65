"""Who comes past a fixture: tracks of a camera that were near it for a moment, once they are gone.

A person may be lost for a second and found under another number; what begins near where a track
has just been lost goes on as the same person. Nothing is kept of anybody who is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot

from aeras.domain.geometry import Box, Point
from aeras.domain.seen import Track

NEAR_M = 2.0
"""An aisle's width: who goes on its other side still comes past, with floor marks."""
NEAR_HEIGHTS = 1.0
"""The same in body heights, between the feet and the fixture's outline in the picture."""


@dataclass(frozen=True, slots=True)
class PassingOptions:
    """Settings of `Passers`.

    Attributes:
        least_s: Between the first and the last look at somebody near the fixture; a shorter one may
            be a misread box.
        least_move: Share of its height by which a body must have moved: goods that look like people
            stand quite still.
        gone_s: Who was not seen for so long is gone. Longer than a stay takes to be told
            (`aeras.shelf.dwell.DwellOptions.gap_s`).
        join_s, join: A track that begins at most so long after one was lost, and so near to it (in
            heights, and once more for each second between), is the same person.
    """

    least_s: float = 0.4
    least_move: float = 0.1
    gone_s: float = 4.0
    join_s: float = 2.0
    join: float = 0.5


@dataclass(slots=True)
class Passer:
    """Somebody who was near a fixture: the tracks of it, and whether anything was done there."""

    tracks: list[int]
    box: Box
    seen_s: float
    range: Box
    first_s: float | None = None
    last_s: float = 0.0
    stopped: bool = False
    moved: float = field(default=0.0)

    def see(self, track: Track, t_s: float, *, near: bool) -> None:
        """Takes a look at them."""
        x, y = _middle(track.box)
        x0, y0, x1, y1 = self.range
        self.range = min(x, x0), min(y, y0), max(x, x1), max(y, y1)
        height = max(track.box[3] - track.box[1], 1.0)
        spread = max(self.range[2] - self.range[0], self.range[3] - self.range[1])
        self.moved = max(self.moved, spread / height)
        self.box, self.seen_s = track.box, t_s
        if near:
            self.first_s = t_s if self.first_s is None else self.first_s
            self.last_s = t_s


class Passers:
    """Follows who is near one fixture, in the picture of one camera.

    Args:
        near: Whether a track's box is so near to the fixture that it comes past.
        options: See `PassingOptions`.
    """

    def __init__(
        self, near: Callable[[Track], bool], options: PassingOptions | None = None
    ) -> None:
        self.options = options or PassingOptions()
        self._near = near
        self._here: list[Passer] = []

    def update(self, tracks: Sequence[Track], t_s: float) -> list[Passer]:
        """Takes the tracks of one frame; gives those who are gone and came past."""
        known = {passer.tracks[-1]: passer for passer in self._here}
        for track in tracks:
            passer = known.get(track.id) or self._begin(track, tracks, t_s)
            if track.detection is not None:
                passer.see(track, t_s, near=self._near(track))
        return self._end(lambda passer: t_s - passer.seen_s > self.options.gone_s)

    def stopped(self, tracks: Iterable[int]) -> None:
        """Says that these tracks have done something at the fixture."""
        named = set(tracks)
        for passer in self._here:
            passer.stopped = passer.stopped or bool(named & set(passer.tracks))

    def finish(self) -> list[Passer]:
        """Those who are still there and came past."""
        return self._end(lambda _: True)

    def _begin(self, track: Track, tracks: Sequence[Track], t_s: float) -> Passer:
        lost = [
            (apart, passer)
            for passer in self._here
            if passer.tracks[-1] not in {one.id for one in tracks}
            and (apart := self._apart(passer, track, t_s)) is not None
        ]
        if lost:
            passer = min(lost, key=lambda pair: pair[0])[1]
            passer.tracks.append(track.id)
            return passer
        x, y = _middle(track.box)
        self._here.append(Passer([track.id], track.box, t_s, (x, y, x, y)))
        return self._here[-1]

    def _apart(self, passer: Passer, track: Track, t_s: float) -> float | None:
        """How far a new track begins from a lost one, in heights; None if it is another's."""
        gap_s = t_s - passer.seen_s
        height = max(passer.box[3] - passer.box[1], 1.0)
        (x, y), (u, v) = _middle(passer.box), _middle(track.box)
        apart = hypot(x - u, y - v) / height
        most = self.options.join * (1 + max(0.0, gap_s))
        return apart if gap_s <= self.options.join_s and apart <= most else None

    def _end(self, over: Callable[[Passer], bool]) -> list[Passer]:
        gone = [passer for passer in self._here if over(passer)]
        self._here = [passer for passer in self._here if not over(passer)]
        return [passer for passer in gone if self._came_past(passer)]

    def _came_past(self, passer: Passer) -> bool:
        if passer.first_s is None:
            return False
        long = passer.last_s - passer.first_s >= self.options.least_s
        return passer.stopped or (long and passer.moved >= self.options.least_move)


def within(place: Box, point: Point, most: float) -> bool:
    """Whether a point (map metres) lies within so many metres of a box."""
    x = max(place[0] - point[0], 0.0, point[0] - place[2])
    y = max(place[1] - point[1], 0.0, point[1] - place[3])
    return hypot(x, y) <= most


def _middle(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2

"""The dwell cue: who stands at a fixture, since when, until when."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aeras.domain.geometry import Box
from aeras.domain.seen import Track


@dataclass(frozen=True, slots=True)
class DwellOptions:
    """Settings of `Visits`, in seconds.

    Attributes:
        least_s: A shorter stay is passing by.
        least_move: Share of its height by which a body must have moved since it was first seen.
            Goods can look like people to a model, but they stand quite still; nobody does.
        gap_s: A visit survives this long without its track being seen in the zone.
    """

    least_s: float = 2.0
    least_move: float = 0.04
    gap_s: float = 1.5


@dataclass(slots=True)
class Visit:
    """One track's stay in front of a fixture; ``id`` is the track's, ``moved`` in own heights."""

    id: int
    from_s: float
    to_s: float
    box: Box
    moved: float = 0.0

    @property
    def stay_s(self) -> float:
        """Length so far in seconds."""
        return self.to_s - self.from_s


class Visits:
    """Keeps the visits at one fixture.

    Args:
        stands_there: Whether a track's box is at the fixture.
        options: See `DwellOptions`.
    """

    def __init__(
        self, stands_there: Callable[[Box], bool], options: DwellOptions | None = None
    ) -> None:
        self.options = options or DwellOptions()
        self._stands_there = stands_there
        self._open: dict[int, Visit] = {}
        self._ranges: dict[int, Box] = {}

    @property
    def present(self) -> tuple[Visit, ...]:
        """Visits that are going on."""
        return tuple(self._open.values())

    def update(self, tracks: Sequence[Track], t_s: float) -> list[Visit]:
        """Takes the tracks of one frame; gives the visits that ended, long enough or not."""
        self._ranges = {track.id: self._range(track) for track in tracks}
        for track in tracks:
            if not self._stands_there(track.box):
                continue
            visit = self._open.setdefault(
                track.id, Visit(track.id, max(track.started_s, t_s - 1.0), t_s, track.box)
            )
            visit.to_s, visit.box = max(visit.to_s, track.seen_s), track.box
            x0, y0, x1, y1 = self._ranges[track.id]
            height = max(track.box[3] - track.box[1], 1.0)
            visit.moved = max(visit.moved, max(x1 - x0, y1 - y0) / height)
        return self._end(lambda visit: t_s - visit.to_s > self.options.gap_s)

    def finish(self) -> list[Visit]:
        """Ends them all."""
        return self._end(lambda _: True)

    def is_present(self, visit_id: int) -> bool:
        """Whether a visit is still going on."""
        return visit_id in self._open

    def nearest(self, point: tuple[float, float]) -> int | None:
        """The visit whose box is nearest to a point (frame pixels), or None when there is none."""
        if not self._open:
            return None
        return min(self._open.values(), key=lambda visit: _distance(visit.box, point)).id

    def _end(self, over: Callable[[Visit], bool]) -> list[Visit]:
        ended = [visit for visit in self._open.values() if over(visit)]
        for visit in ended:
            del self._open[visit.id]
        return ended

    def long_enough(self, visit: Visit) -> bool:
        """Whether a visit counts as dwell."""
        enough = visit.stay_s >= self.options.least_s
        return enough and visit.moved >= self.options.least_move

    def _range(self, track: Track) -> Box:
        """Where the middle of a track's box has been since the track began, xyxy."""
        x, y = (track.box[0] + track.box[2]) / 2, (track.box[1] + track.box[3]) / 2
        x0, y0, x1, y1 = self._ranges.get(track.id, (x, y, x, y))
        return min(x, x0), min(y, y0), max(x, x1), max(y, y1)


def _distance(box: Box, point: tuple[float, float]) -> float:
    """From a point to a box's edge, 0 inside; ties are broken by the distance to its middle."""
    x0, y0, x1, y1 = box
    x, y = point
    outside = max(x0 - x, 0.0, x - x1) + max(y0 - y, 0.0, y - y1)
    middle = abs((x0 + x1) / 2 - x) + abs((y0 + y1) / 2 - y)
    return outside + 1e-3 * middle

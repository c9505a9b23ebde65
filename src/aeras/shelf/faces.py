"""Who was seen before a fixture by its face camera, for as long as a reaction may need it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aeras.domain.geometry import Box
from aeras.domain.seen import Face, FaceReading, Track
from aeras.shelf.reaction import Faces

KEEP_S = 120.0
"""Readings older than this are dropped, whatever is still open."""
STANDS_THERE = 0.5
"""Faces of less than this share of the largest one's height are farther away: passers-by."""


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """What one analysed frame showed: the tracks that stand there, and who of them was read."""

    t_s: float
    standing: frozenset[int]
    readings: tuple[FaceReading, ...]


class FaceLog:
    """Readings per fixture, in memory only."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[_Sample]] = {}

    def add(self, fixture: str, t_s: float, faces: Sequence[Face], tracks: Sequence[Track]) -> None:
        """Takes one analysed frame of a fixture's face camera.

        Args:
            fixture: Fixture id.
            t_s: Seconds.
            faces: Detections of the frame.
            tracks: Face tracks after the frame that stand before the fixture.
        """
        near = standing_there(faces, tracks)
        readings = tuple(
            # A head turned too far to be read still tells where it is turned, and nothing else.
            FaceReading(
                track.id,
                t_s,
                face.expression,
                face.pose,
                face.blendshapes if face.expression is not None else {},
            )
            for track, face in near
            if face.expression is not None or face.pose is not None
        )
        samples = self._samples.setdefault(fixture, deque())
        samples.append(_Sample(t_s, frozenset(track.id for track, _ in near), readings))
        while samples[0].t_s < t_s - KEEP_S:
            samples.popleft()

    def forget(self, fixture: str, track: int) -> None:
        """Drops what was read of a track."""
        samples = self._samples.get(fixture, deque())
        for number, sample in enumerate(samples):
            if any(reading.track == track for reading in sample.readings):
                kept = tuple(r for r in sample.readings if r.track != track)
                samples[number] = replace(sample, readings=kept)

    def between(self, fixture: str, from_s: float, to_s: float, track: int | None = None) -> Faces:
        """The face that belongs to an interaction.

        Args:
            fixture: Fixture id.
            from_s: First second of the interaction.
            to_s: Its last second, included.
            track: The face's track where it is known; otherwise a frame counts only if exactly
                one face stood there, since two cannot be told apart.
        """
        samples = self._samples.get(fixture, deque())
        inside = [s for s in samples if from_s <= s.t_s <= to_s]
        during = [r for r in (_the_face(s, track) for s in inside) if r is not None]
        if not during:
            return Faces()
        who = {reading.track for reading in during}
        earlier = (_the_face(s, track) for s in samples if s.t_s < from_s)
        before = tuple(r for r in earlier if r is not None and r.track in who)
        read = sum(reading.expression is not None for reading in during)
        return Faces(tuple(during), before, read / len(inside))


def standing_there(faces: Sequence[Face], tracks: Sequence[Track]) -> list[tuple[Track, Face]]:
    """Tracks that were seen in a frame, with their faces; without those that only pass behind."""
    seen = [(track, faces[track.detection]) for track in tracks if track.detection is not None]
    tallest = max((_height(face.box) for _, face in seen), default=0.0)
    return [(t, f) for t, f in seen if _height(f.box) >= STANDS_THERE * tallest]


def _the_face(sample: _Sample, track: int | None) -> FaceReading | None:
    if track is not None:
        return next((r for r in sample.readings if r.track == track), None)
    alone = len(sample.standing) == 1 and len(sample.readings) == 1
    return sample.readings[0] if alone else None


def _height(box: Box) -> float:
    return box[3] - box[1]

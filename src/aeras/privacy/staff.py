"""Who counts as staff by where they come from; staff, and whoever is not yet known, is not read.

Needs no face and remembers nobody: it goes by the staff zones of the site file and by tracks, which
end with the visit. Something staff wear may be added to it as `StaffMark`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from shapely import Polygon as Shape
from shapely import box as rectangle

from aeras.domain.geometry import Box, Polygon, expand_box, iou_matrix, scale_polygon
from aeras.domain.seen import Frame, Track


class StaffMark(Protocol):
    """Finds staff by something they wear, without any list of faces."""

    def find(self, frame: Frame, tracks: Sequence[Track]) -> frozenset[int]:
        """Ids of the tracks that wear it."""


REACH = 1.5
"""A track that begins with its box, grown by this factor, touching a staff zone came out of it:
the zone itself is blacked out, so that is where staff are first seen.
"""
SAME = 0.3
"""Least IoU of a face with a track's last box for the two to be taken as one."""


class StaffFilter:
    """Follows which tracks of one camera are shoppers.

    Args:
        zones: Staff zones in the camera's configured pixels.
        size: (width, height) that they refer to.
        mark: Finds further staff by what they wear.
    """

    def __init__(
        self, zones: Sequence[Polygon], size: tuple[int, int], mark: StaffMark | None = None
    ) -> None:
        self._drawn = zones
        self._size = size
        self._mark = mark
        self._staff: set[int] = set()
        self._known: dict[int, Box] = {}

    def shoppers(self, frame: Frame, tracks: Sequence[Track]) -> list[Track]:
        """The tracks that are no staff; once staff, a track stays so until it ends."""
        alive = {track.id for track in tracks}
        scale = (frame.size[0] / self._size[0], frame.size[1] / self._size[1])
        zones = [Shape(scale_polygon(zone, *scale)) for zone in self._drawn]
        self._staff &= alive
        for track in tracks:
            known = track.id in self._known
            grown = track.box if known else expand_box(track.box, REACH, frame.size)
            if any(zone.intersects(rectangle(*grown)) for zone in zones):
                self._staff.add(track.id)
        if self._mark is not None:
            self._staff |= self._mark.find(frame, tracks) & alive
        self._known = {track.id: track.box for track in tracks}
        return [track for track in tracks if track.id not in self._staff]

    def readable(self, face: Box) -> bool:
        """Whether the face belongs to a track that is already known to be a shopper's."""
        if not self._known:
            return False
        overlap = iou_matrix(np.array([face]), np.array(list(self._known.values())))[0]
        found = {name for name, share in zip(self._known, overlap, strict=True) if share >= SAME}
        return bool(found) and not self._staff & found

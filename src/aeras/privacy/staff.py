"""Who is left alone: staff, whoever objects, and whoever is not yet known to be neither.

Goes by where somebody stands or comes from (zones of the site file) and by what is worn or carried
(`aeras.privacy.marker`). Needs no face and remembers nobody: everything is said of tracks, which
end with the visit. Where staff wear a mark, a track is unknown until its chest or back was seen
well enough for long enough to say that there is none; unknown is treated as staff.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from math import hypot

import numpy as np
from shapely import Point as Spot
from shapely import Polygon as Shape
from shapely import box as rectangle

from aeras.domain.geometry import Box, Point, Polygon, expand_box, iou_matrix, scale_polygon
from aeras.domain.seen import Detections, Frame, Track
from aeras.domain.shop import Marks
from aeras.privacy.marker import READABLE_PX, TagReader, vest_share
from aeras.privacy.torso import Torso, covered, torso_of_face, torso_of_person

REACH = 1.5
"""A track that begins with its box, grown by this factor, touching a staff zone came out of it:
the zone itself is blacked out, so that is where staff are first seen.
"""
SAME = 0.3
"""Least IoU of a face with a track's last box for the two to be taken as one."""


class Fate(StrEnum):
    """What becomes of what a track did."""

    TELL = "tell"
    WAIT = "wait"
    """It is not known yet whether it was a shopper."""
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class StaffOptions:
    """Settings of `StaffFilter`; times in seconds.

    Attributes:
        looks: After so many good looks without a mark there is none,
        look_s: if they are spread over at least this long: an arm before the chest moves away.
        again_s: Who is known is looked at again this often, for a card or a mark seen late.
        hidden: Share of a chest that a nearer person may cover in a good look.
        doubt: A look that shows this share of the colour asked for is no look without it.
        crossing: IoU with somebody left alone from which it can no longer be told who is who.
        gap_s: A track that was not seen for longer may be somebody else.
        inherit_s: A track that begins where one ended so long ago may be the same person.
        near: How near that is, in heights of the box, and the same for each second between.
        keep_s: What was known of a track is kept this long after it was last seen.
    """

    looks: int = 4
    look_s: float = 1.0
    again_s: float = 0.4
    hidden: float = 0.15
    doubt: float = 0.4
    crossing: float = 0.3
    gap_s: float = 0.6
    inherit_s: float = 3.0
    near: float = 1.0
    keep_s: float = 300.0


@dataclass(slots=True)
class _Known:
    """What is known of one track."""

    box: Box
    seen_s: float
    alone: bool = False
    """Left alone until it ends."""
    cleared: bool = False
    objected: bool = False
    looks: int = 0
    first_look_s: float = 0.0
    coloured: int = 0
    searched_s: float = float("-inf")
    carried_s: float = float("-inf")
    torso: Torso | None = None

    def doubted(self) -> None:
        """Nothing that was seen before counts any more."""
        self.cleared, self.looks, self.coloured = False, 0, 0


class StaffFilter:
    """Follows which tracks of one camera are shoppers that may be read.

    Args:
        zones: Staff zones in the camera's configured pixels.
        size: (width, height) that they refer to.
        marks: What staff wear and who objects carries.
        objection: Zones for those who object, likewise.
        faces: Whether the tracks are faces; otherwise they are bodies.
        options: See `StaffOptions`.
    """

    def __init__(
        self,
        zones: Sequence[Polygon],
        size: tuple[int, int],
        marks: Marks | None = None,
        *,
        objection: Sequence[Polygon] = (),
        faces: bool = False,
        options: StaffOptions | None = None,
    ) -> None:
        self.options = options or StaffOptions()
        self._faces = faces
        self._drawn = zones
        self._objection = objection
        self._size = size
        self._marks = marks or Marks()
        self._reader = TagReader(self._marks.staff_tags | self._marks.objection_tags)
        self._known: dict[int, _Known] = {}
        self._now: dict[int, _Known] = {}
        self._now_s = 0.0
        self._told = False

    @property
    def needed(self) -> bool:
        """Whether anything tells who is to be left alone: the site file, or another camera."""
        marks = self._marks
        carried = bool(marks.objection_tags)
        drawn = bool(self._drawn or self._objection)
        return drawn or marks.of_staff or carried or self._told

    @property
    def strict(self) -> bool:
        """Whether everybody is unknown at first."""
        return self._marks.of_staff

    def shoppers(
        self, frame: Frame, tracks: Sequence[Track], detections: Detections | None = None
    ) -> list[Track]:
        """Takes one frame's tracks; gives those that are known to be shoppers.

        Args:
            frame: The frame.
            tracks: All tracks after it, of faces or of people.
            detections: What the tracks' ``detection`` counts in. Without it nothing that is worn is
                looked for.
        """
        before = self._now
        self._now_s = frame.t_s
        followed = {track.id for track in tracks if track.detection is not None}
        self._now = {track.id: self._meet(track, before, followed, frame) for track in tracks}
        self._by_zone(frame, tracks)
        if detections is not None:
            self._by_mark(frame, tracks, detections)
        self._mixed_up()
        self._forget()
        return self.readable_tracks(tracks)

    def readable_tracks(self, tracks: Sequence[Track]) -> list[Track]:
        """Those of the tracks that are known to be shoppers."""
        return [track for track in tracks if self.fate(track.id) is Fate.TELL]

    def readable(self, face: Box) -> bool:
        """Whether the face belongs to a track that is already known to be a shopper's."""
        if not self._now:
            return False
        boxes = np.array([known.box for known in self._now.values()])
        overlap = iou_matrix(np.array([face]), boxes)[0]
        found = [k for k, s in zip(self._now.values(), overlap, strict=True) if s >= SAME]
        return bool(found) and all(self._may_read(known) for known in found)

    def fate(self, track: int) -> Fate:
        """What becomes of what a track did; tracks that were never seen are dropped."""
        if not self.needed:
            return Fate.TELL
        known = self._known.get(track)
        if known is None or known.alone:
            return Fate.DROP
        if self._may_read(known):
            return Fate.TELL
        ended = self._now_s - known.seen_s > self.options.inherit_s
        return Fate.DROP if ended else Fate.WAIT

    def exclude(self, track: int) -> None:
        """Leaves a track alone from now on, since another camera knows who it is."""
        if track in self._known:
            self._known[track].alone = self._told = True

    @property
    def alone(self) -> frozenset[int]:
        """Tracks that are left alone until they end, also those that ended a while ago."""
        return frozenset(name for name, known in self._known.items() if known.alone)

    def _may_read(self, known: _Known) -> bool:
        return not known.alone and known.cleared

    def _meet(
        self, track: Track, before: Mapping[int, _Known], followed: Set[int], frame: Frame
    ) -> _Known:
        known = self._known.get(track.id)
        if known is None:
            known = _Known(track.box, frame.t_s, cleared=not self.strict)
            self._inherit(known, followed)
            grown = expand_box(track.box, REACH, frame.size)
            known.alone |= self._touches(self._drawn, grown, frame)
            self._known[track.id] = known
        elif (
            self.strict and track.id not in before and frame.t_s - known.seen_s > self.options.gap_s
        ):
            known.doubted()
        known.box = track.box
        known.seen_s = frame.t_s if track.detection is not None else known.seen_s
        known.torso = None
        return known

    def _inherit(self, new: _Known, followed: Set[int]) -> None:
        """A track that begins where one was lost may be the same person: no more is known of it."""
        for name, old in self._known.items():
            gone_s = new.seen_s - old.seen_s
            if old.cleared and not old.alone:
                continue
            if name in followed or gone_s > self.options.inherit_s:
                continue
            if _apart(old.box, new.box) <= self.options.near * (1 + gone_s):
                new.cleared = False
                new.alone |= old.objected
                new.objected |= old.objected

    def _by_zone(self, frame: Frame, tracks: Sequence[Track]) -> None:
        for track in tracks:
            known = self._now[track.id]
            known.alone |= self._touches(self._drawn, track.box, frame)
            if self._touches(self._objection, self._stands(track.box), frame):
                known.alone = known.objected = True

    def _stands(self, box: Box) -> Box:
        """The point of a box that tells where somebody stands: the feet, or a face's middle."""
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 if self._faces else box[3]
        return (x, y, x, y)

    def _touches(self, zones: Sequence[Polygon], box: Box, frame: Frame) -> bool:
        scale = (frame.size[0] / self._size[0], frame.size[1] / self._size[1])
        spot = rectangle(*box) if box[2] > box[0] else Spot(box[0], box[1])
        return any(Shape(scale_polygon(zone, *scale)).intersects(spot) for zone in zones)

    # --- what is worn or carried ------------------------------------------------------------

    def _by_mark(self, frame: Frame, tracks: Sequence[Track], seen: Detections) -> None:
        marks = self._marks
        if not (marks.of_staff or marks.objection_tags):
            return
        for track in tracks:
            self._now[track.id].torso = self._torso(track, seen, frame.size)
        for known in list(self._now.values()):
            if marks.of_staff and not known.alone:
                self._look(frame, known)
        if marks.objection_tags:
            self._look_for_cards(frame)

    def _torso(self, track: Track, seen: Detections, size: tuple[int, int]) -> Torso | None:
        if track.detection is None:
            return None
        if self._faces:
            return torso_of_face(seen.faces[track.detection], size) if seen.faces else None
        return torso_of_person(track, seen.people[track.detection], size) if seen.people else None

    def _look(self, frame: Frame, known: _Known) -> None:
        """Looks for what staff wear."""
        torso, marks = known.torso, self._marks
        if torso is None or (known.cleared and not self._due(known.searched_s)):
            return
        known.searched_s = frame.t_s
        good = torso.whole and not self._hidden(known)
        if marks.staff_tags:
            side = torso.side_px(marks.staff_mm)
            for tag in self._reader.read(frame.image, torso.worn, side):
                self._tagged(tag.id, tag.centre)
            good &= side >= READABLE_PX
        if marks.vest is not None:
            share = vest_share(frame.image, torso.core, marks.vest)
            known.coloured = known.coloured + 1 if share and share >= marks.vest.share else 0
            known.alone |= known.coloured > 1
            good &= share is not None and share < self.options.doubt * marks.vest.share
        if known.alone or not good:
            return
        known.first_look_s = frame.t_s if not known.looks else known.first_look_s
        known.looks += 1
        enough = frame.t_s - known.first_look_s >= self.options.look_s
        known.cleared |= known.looks >= self.options.looks and enough

    def _look_for_cards(self, frame: Frame) -> None:
        """Also round those who have just been lost, perhaps behind the card they hold up."""
        recent = [
            known
            for known in self._known.values()
            if not known.objected
            and frame.t_s - known.seen_s <= self.options.inherit_s
            and self._due(known.carried_s)
        ]
        for known in recent:
            known.carried_s = frame.t_s
            if known.torso is not None:
                region, side = known.torso.reach, known.torso.side_px(self._marks.objection_mm)
            else:
                region, side = expand_box(known.box, 2.0, frame.size), 2 * READABLE_PX
            for tag in self._reader.read(frame.image, region, side):
                self._tagged(tag.id, tag.centre)

    def _due(self, last_s: float) -> bool:
        return self._now_s - last_s >= self.options.again_s

    def _tagged(self, tag: int, at: Point) -> None:
        """Leaves alone whose tag it is; where that cannot be told, all whose it may be."""
        objects = tag in self._marks.objection_tags
        far = [
            (_distance(at, known), known)
            for known in self._known.values()
            if self._now_s - known.seen_s <= self.options.inherit_s and _within(at, known, objects)
        ]
        nearest = min((d for d, _ in far), default=0.0)
        for distance, known in far:
            if distance <= 1.3 * nearest + 0.1:
                known.alone = True
                known.objected |= objects

    def _hidden(self, known: _Known) -> bool:
        """Whether somebody nearer to the camera stands before the chest."""
        assert known.torso is not None
        nearer = [
            other.torso.worn if other.torso is not None else other.box
            for other in self._now.values()
            if other is not known and _is_nearer(other, known)
        ]
        return covered(known.torso.core, nearer) > self.options.hidden

    # --- what is forgotten ------------------------------------------------------------------

    def _mixed_up(self) -> None:
        """Who crosses somebody that is left alone may have changed numbers with them."""
        alone = [known.box for known in self._now.values() if known.alone]
        if not alone:
            return
        for known in self._now.values():
            if not known.alone and iou_matrix(np.array([known.box]), np.array(alone)).max() >= (
                self.options.crossing
            ):
                known.doubted()

    def _forget(self) -> None:
        old = self._now_s - self.options.keep_s
        for name in [n for n, k in self._known.items() if k.seen_s < old and n not in self._now]:
            del self._known[name]


def _apart(one: Box, other: Box) -> float:
    """Between the middles of two boxes, in heights of the larger."""
    high = max(one[3] - one[1], other[3] - other[1], 1.0)
    x, y = (one[0] + one[2] - other[0] - other[2]) / 2, (one[1] + one[3] - other[1] - other[3]) / 2
    return hypot(x, y) / high


def _within(at: Point, known: _Known, carried: bool) -> bool:
    if known.torso is not None:
        x0, y0, x1, y1 = known.torso.reach if carried else known.torso.worn
    else:
        x0, y0, x1, y1 = known.box
        grow = (x1 - x0) if carried else 0.0
        x0, y0, x1, y1 = x0 - grow, y0 - grow, x1 + grow, y1 + 2 * grow
    return x0 <= at[0] <= x1 and y0 <= at[1] <= y1


def _distance(at: Point, known: _Known) -> float:
    """Metres from the middle of the chest, roughly; of a lost track, box widths of half a metre."""
    box = known.torso.core if known.torso is not None else known.box
    per_m = known.torso.down if known.torso is not None else 2 * max(box[2] - box[0], 1.0)
    return hypot(at[0] - (box[0] + box[2]) / 2, at[1] - (box[1] + box[3]) / 2) / per_m


def _is_nearer(one: _Known, other: _Known) -> bool:
    if one.torso is not None and other.torso is not None:
        return one.torso.down > 0.9 * other.torso.down
    return one.box[3] > other.box[3]

"""Reads what happens at one fixture: the cues and machines of this room, put together.

Each frame goes through the same steps: view -> intrusion -> places -> handling, and tracks ->
visits -> dwell. Nothing is kept beyond open visits and a few seconds of small patches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aeras.domain.geometry import Polygon, polygon_centre
from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import Detections, Frame, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture
from aeras.shelf.dwell import DwellOptions, Visit, Visits
from aeras.shelf.handling import Deed, Handling, HandlingOptions
from aeras.shelf.intrusion import Intrusion, find_intrusion
from aeras.shelf.place import Change, Place, PlaceOptions, State, Touch
from aeras.shelf.view import FixtureView, Look, Mask, ViewOptions
from aeras.shelf.zones import Zone, fit_polygon, polygon_mask, region_round

UNREAD = Reaction(0.0, 0.0, 0.0, 1.0)
"""Placeholder until the reaction is fused."""

MARGIN = 0.35
"""The view reaches this share of its longer side beyond the fixture, so that an arm can be seen to
come in from outside."""


@dataclass(frozen=True, slots=True)
class FixtureOptions:
    """Settings of everything at a fixture."""

    view: ViewOptions = field(default_factory=ViewOptions)
    place: PlaceOptions = field(default_factory=PlaceOptions)
    handling: HandlingOptions = field(default_factory=HandlingOptions)
    dwell: DwellOptions = field(default_factory=DwellOptions)


@dataclass(slots=True, eq=False)
class _Shelf:
    """One facing with its machine and its rules."""

    facing: Facing
    centre: tuple[float, float]
    place: Place
    handling: Handling
    visit: int | None = None
    disturbed: bool = False
    tip_s: float = 0.0


class FixtureReader:
    """Implements `aeras.domain.seen_ports.InteractionReader` for one fixture and camera.

    Args:
        fixture: Facings may be empty.
        camera: The camera whose frames will come: the fixture's own, or its face camera.
        options: See `FixtureOptions`.
    """

    def __init__(
        self, fixture: Fixture, camera: CameraSpec, options: FixtureOptions | None = None
    ) -> None:
        self.fixture = fixture
        self.camera = camera
        self.options = options or FixtureOptions()
        self._view: FixtureView | None = None
        self._shelves: list[_Shelf] = []
        self._visits: Visits | None = None
        self._look: Look | None = None
        self._last: Frame | None = None

    def update(
        self, frame: Frame, detections: Detections, tracks: Sequence[Track]
    ) -> list[Interaction]:
        """See `InteractionReader.update`; ``tracks`` are people (aisle) or faces (shelf camera)."""
        if self._visits is None:
            self._prepare(frame)
        assert self._visits is not None
        self._last = frame
        found = [self._dwell(visit, frame) for visit in self._ended(tracks, frame.t_s)]
        if self._view is not None:
            found += self._handled(frame, detections)
        return found

    def finish(self) -> list[Interaction]:
        """Closes what is open."""
        frame = self._last
        if frame is None or self._visits is None:
            return []
        found: list[Interaction] = []
        for shelf in self._shelves:
            decided = shelf.place.finish(self._look) if self._look else None
            deeds = (
                shelf.handling.changed(decided, shelf.visit) if isinstance(decided, Change) else []
            )
            deeds += shelf.handling.finish(frame.t_s)
            found += [self._interaction(shelf, deed, frame) for deed in deeds]
        ended = [visit for visit in self._visits.finish() if self._visits.long_enough(visit)]
        return found + [self._dwell(visit, frame) for visit in ended]

    @property
    def moved(self) -> float:
        """Share of the view that moved in the latest frame; 1 before there is one."""
        return self._look.moved if self._look else 1.0

    @property
    def busy(self) -> bool:
        """Whether something is going on at a facing."""
        return any(shelf.place.disturbed_s is not None for shelf in self._shelves)

    def _prepare(self, frame: Frame) -> None:
        fit = [fit_polygon(f.polygon, self.camera.size, frame.size) for f in self.fixture.facings]
        own = self.camera.id == self.fixture.camera
        outline = fit_polygon(self.fixture.polygon, self.camera.size, frame.size) if own else ()
        zone = Zone(outline)
        aisle = self.camera.role is CameraRole.AISLE
        self._visits = Visits(zone.holds_feet if aisle else zone.holds_face, self.options.dwell)
        if aisle and own and fit:
            self._lay_out([p for p in (outline, *fit) if p], fit, frame)

    def _lay_out(self, outlines: list[Polygon], facings: list[Polygon], frame: Frame) -> None:
        view = FixtureView(region_round(outlines, MARGIN, frame.size), self.options.view)
        for facing, polygon in zip(self.fixture.facings, facings, strict=True):
            mask = polygon_mask(polygon, view.region, view.scale, view.shape)
            self._shelves.append(
                _Shelf(
                    facing,
                    polygon_centre(polygon),
                    Place(mask, self.options.place),
                    Handling(self.options.handling),
                )
            )
        self._view = view

    def _ended(self, tracks: Sequence[Track], t_s: float) -> list[Visit]:
        assert self._visits is not None
        ended = self._visits.update(tracks, t_s)
        return [visit for visit in ended if self._visits.long_enough(visit)]

    def _handled(self, frame: Frame, detections: Detections) -> list[Interaction]:
        assert self._view is not None
        look = self._view.see(frame.image, frame.t_s)
        dt = look.t_s - self._look.t_s if self._look else 0.0
        self._look = look
        intrusion = find_intrusion(look)
        hidden = intrusion.mask | self._hands(detections, look)
        found: list[Interaction] = []
        for shelf in self._shelves:
            self._watch_tip(shelf, intrusion, dt)
            decided = shelf.place.update(look, hidden)
            deeds = self._deeds(shelf, decided, look.t_s)
            found += [self._interaction(shelf, deed, frame) for deed in deeds]
        return found

    def _deeds(self, shelf: _Shelf, decided: Change | Touch | None, t_s: float) -> list[Deed]:
        assert self._visits is not None
        begun = shelf.place.disturbed_s is not None
        if begun and not shelf.disturbed:
            shelf.visit = self._visits.nearest(shelf.centre)
        shelf.disturbed = begun
        deeds: list[Deed] = []
        if isinstance(decided, Change):
            deeds = shelf.handling.changed(decided, shelf.visit)
            if decided.free and self._view is not None:
                self._view.adopt(shelf.place.mask)
        elif isinstance(decided, Touch) and self._was_touched(shelf):
            deeds = shelf.handling.touched(decided, shelf.visit)
        if not begun:
            shelf.tip_s = 0.0
        holder = shelf.handling.holder
        left = holder is not None and not self._visits.is_present(holder)
        return deeds + shelf.handling.tick(t_s, left=left)

    def _was_touched(self, shelf: _Shelf) -> bool:
        """Whether a disturbance was a hand at the item: its tip rested there, and there is one."""
        present = shelf.place.state is State.PRESENT
        return present and shelf.tip_s >= self.options.handling.least_touch_s

    def _watch_tip(self, shelf: _Shelf, intrusion: Intrusion, dt: float) -> None:
        """Counts how long the tip of something that came in rests in a facing."""
        for (x, y), share in zip(intrusion.tips, intrusion.shares, strict=True):
            if share < 0.25 and shelf.place.mask[int(y), int(x)]:  # noqa: PLR2004 - arms are small, bodies not
                shelf.tip_s += dt

    def _hands(self, detections: Detections, look: Look) -> Mask:
        """Pixels under detected palms."""
        assert self._view is not None
        mask = np.zeros(look.differs.shape, dtype=bool)
        x_off, y_off = self._view.region[:2]
        for hand in detections.hands:
            x0, y0, x1, y1 = (
                int(max(0.0, (v - off) * self._view.scale))
                for v, off in zip(hand.box, (x_off, y_off, x_off, y_off), strict=True)
            )
            mask[y0:y1, x0:x1] = True
        return mask

    def _interaction(self, shelf: _Shelf, deed: Deed, frame: Frame) -> Interaction:
        return Interaction(
            kind=deed.kind,
            fixture=self.fixture.id,
            facing=shelf.facing.id,
            item=shelf.facing.item,
            start_s=deed.start_s,
            end_s=deed.end_s,
            hold_s=deed.hold_s,
            confidence=deed.confidence,
            reaction=UNREAD,
            outcome=deed.outcome,
            visit=deed.visit,
            at=frame.at,
        )

    def _dwell(self, visit: Visit, frame: Frame) -> Interaction:
        return Interaction(
            kind=Kind.DWELL,
            fixture=self.fixture.id,
            facing=None,
            item=None,
            start_s=visit.from_s,
            end_s=visit.to_s,
            hold_s=0.0,
            confidence=0.8,
            reaction=UNREAD,
            outcome=False,
            visit=visit.id,
            at=frame.at,
        )

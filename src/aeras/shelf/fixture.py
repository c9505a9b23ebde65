"""Reads what happens at one fixture: the cues and machines of this room, put together.

Each frame goes through the same steps: view -> intrusion -> places -> handling, and tracks ->
visits -> dwell. Nothing is kept beyond open visits and a few seconds of small patches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from aeras.domain.geometry import Polygon, polygon_centre
from aeras.domain.kept import Kind, Reaction, StockLevel
from aeras.domain.seen import Detections, FacingState, Frame, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture
from aeras.shelf.attribution import (
    LEAST,
    SAME_S,
    UNWEIGHED,
    Claim,
    Moved,
    attribute,
    changed_pixels,
    hand_distance,
    is_neighbour,
    log_odds,
    overlap,
    same,
)
from aeras.shelf.bodies import Hand, body_mask, find_hands, hand_mask
from aeras.shelf.discovery import Discovery, Found, nearest
from aeras.shelf.dwell import DwellOptions, Visit, Visits
from aeras.shelf.handling import Deed, Handling, HandlingOptions
from aeras.shelf.intrusion import ARM_SHARE, Intrusion, find_intrusion
from aeras.shelf.place import (
    Around,
    Candidate,
    Change,
    Episode,
    Place,
    PlaceOptions,
    Rest,
    Shift,
    State,
    Touch,
    Witness,
    bouts,
)
from aeras.shelf.steady import Steady
from aeras.shelf.stock import Shown
from aeras.shelf.view import FixtureView, Look, Mask, ViewOptions
from aeras.shelf.zones import Zone, fit_polygon, polygon_mask, region_round

UNREAD = Reaction(0.0, 0.0, 0.0, 1.0)
"""Placeholder until the reaction is fused."""

MARGIN = 0.35
"""The view reaches this share of its longer side beyond the fixture, so that an arm can be seen to
come in from outside."""
PATIENCE_S = 2.0
"""Where no body is found, what came in from outside and has been still this long is taken for a
gap that happens to reach the edge of the view."""
STILL_S = 0.6
"""The same beside a body."""
NEAR = 0.35
"""A hand is near a place within this share of the place's size round it: time for a contact."""
AT = 0.1
"""A hand touches what is at a place within this share."""
AROUND_S = 1.0
"""A contact this near in time to a handling belongs to it."""
STRANGER = 0.1
"""What lies at a facing is another one's item if it looks more like that one's by this much."""
CROWD = 0.2
"""A facing differs from the background from this share of its pixels up."""
REMEMBER_S = 20.0
"""Contacts are compared between places for this long."""
SAME_DEED_S = 1.0


@dataclass(frozen=True, slots=True)
class FixtureOptions:
    """Settings of everything at a fixture; ``witness`` is told each change that is weighed."""

    view: ViewOptions = field(default_factory=ViewOptions)
    place: PlaceOptions = field(default_factory=PlaceOptions)
    handling: HandlingOptions = field(default_factory=HandlingOptions)
    dwell: DwellOptions = field(default_factory=DwellOptions)
    brief: float = 0.5
    touch: float = 0.5
    witness: Witness | None = None


@dataclass(slots=True, eq=False)
class _Shelf:
    """One facing, or a place that was found, with its machine and its rules."""

    facing: Facing | None
    centre: tuple[float, float]
    place: Place
    handling: Handling
    visit: int | None = None
    opening: list[Deed] = field(default_factory=list)
    touched_s: deque[float] = field(default_factory=deque)
    weighed: Candidate | None = None
    moved: Moved | None = None
    shown: Shown | None = None


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
        self._discovery: Discovery | None = None
        self._steady = Steady()
        self._told: deque[tuple[Kind, float]] = deque(maxlen=64)
        self._hands_at: deque[tuple[float, list[Hand]]] = deque()
        self._open_view: Mask | None = None
        self._done: deque[tuple[_Shelf, float]] = deque(maxlen=16)

    def update(
        self, frame: Frame, detections: Detections, tracks: Sequence[Track]
    ) -> list[Interaction]:
        """See `InteractionReader.update`; ``tracks`` are people (aisle) or faces (shelf camera)."""
        if self._visits is None:
            self._prepare(frame)
        assert self._visits is not None
        self._last = frame
        found = self._stays(self._visits.update(tracks, frame.t_s), frame)
        if self._view is not None:
            found += self._handled(frame, detections, tracks)
        return found

    def stands_here(self, track: Track) -> bool:
        """Whether a track has a visit at this fixture."""
        return self._visits is not None and self._visits.is_present(track.id)

    def finish(self) -> list[Interaction]:
        """Closes what is open."""
        frame = self._last
        if frame is None or self._visits is None:
            return []
        found: list[Interaction] = []
        if self._discovery is not None and self._view is not None and self._look is not None:
            self._add(self._discovery.finish(self._look, self._view))
        for shelf in self._shelves:
            decided = shelf.place.finish(self._look) if self._look else None
            deeds = self._changed(shelf, decided) if isinstance(decided, Change) else []
            deeds = shelf.opening + deeds + shelf.handling.finish(frame.t_s)
            found += self._tell(shelf, deeds, frame)
        return found + self._stays(self._visits.finish(), frame)

    @property
    def moved(self) -> float:
        """Share of the view that moved in the latest frame; 1 before there is one."""
        return self._look.moved if self._look else 1.0

    @property
    def is_calibrated(self) -> bool:
        """False from when the camera was moved until it stands as before."""
        return not self._steady.moved

    @property
    def busy(self) -> bool:
        """Whether something is going on at a facing."""
        return any(shelf.place.disturbed_s is not None for shelf in self._shelves)

    @property
    def states(self) -> tuple[FacingState, ...]:
        """What each facing shows of its goods; empty before the first frame, and where this camera
        does not see the facings.
        """
        shown = [shelf.shown.state() for shelf in self._shelves if shelf.shown is not None]
        if self.is_calibrated:
            return tuple(shown)
        now = self._last.t_s if self._last is not None else 0.0
        return tuple(FacingState(one.facing, StockLevel.UNKNOWN, now, 0.0) for one in shown)

    def _prepare(self, frame: Frame) -> None:
        fit = [fit_polygon(f.polygon, self.camera.size, frame.size) for f in self.fixture.facings]
        own = self.camera.id == self.fixture.camera
        outline = fit_polygon(self.fixture.polygon, self.camera.size, frame.size) if own else ()
        zone = Zone(outline)
        aisle = self.camera.role is CameraRole.AISLE
        options = self.options.dwell
        self._visits = (
            Visits(zone.holds_feet, options)
            if aisle
            else Visits(zone.holds_face, replace(options, least_move=0.0))
        )
        if aisle and own and (outline or fit):
            self._lay_out([p for p in (outline, *fit) if p], fit, frame)

    def _lay_out(self, outlines: list[Polygon], facings: list[Polygon], frame: Frame) -> None:
        view = FixtureView(region_round(outlines, MARGIN, frame.size), self.options.view)
        for facing, polygon in zip(self.fixture.facings, facings, strict=True):
            mask = polygon_mask(polygon, view.region, view.scale, view.shape)
            place = Place(mask, self.options.place, name=facing.item)
            shelf = _Shelf(facing, polygon_centre(polygon), place, Handling(self.options.handling))
            place.witness = partial(self._weighed, shelf)
            shelf.shown = Shown(facing.id, place)
            self._shelves.append(shelf)
        self._view = view
        if not facings:
            outline = polygon_mask(outlines[0], view.region, view.scale, view.shape)
            self._discovery = Discovery(outline, self.options.place, self.options.witness)

    def _weighed(self, shelf: _Shelf, candidate: Candidate | Episode | Rest) -> None:
        """Keeps what the judge said last of a facing; tells whoever asked to be told."""
        if isinstance(candidate, Candidate):
            shelf.weighed = candidate
        if self.options.witness is not None:
            self.options.witness(candidate)

    def _handled(
        self, frame: Frame, detections: Detections, tracks: Sequence[Track]
    ) -> list[Interaction]:
        assert self._view is not None
        self._look = look = self._view.see(frame.image, frame.t_s)
        intrusion = find_intrusion(look)
        hands = self._hands(intrusion, detections, tracks)
        covered = self._covered(look, intrusion, detections)
        covered |= hand_mask(hands, detections.people, self._view) & look.differs
        self._view.trust(covered)
        covered |= ~self._view.trusted()
        if self._steady.update(look, covered):
            return []  # the facings do not lie where they were drawn
        restless = float((look.differs & ~covered).mean())
        self._open_view = ~covered
        self._hands_at.append((look.t_s, [hand for hand in hands if hand.reaching]))
        while self._hands_at[0][0] < look.t_s - REMEMBER_S:
            self._hands_at.popleft()
        found: list[Interaction] = []
        near_of = [[h for h in hands if _is_near(h, s.place, NEAR)] for s in self._shelves]
        around = Around(restless=restless, hanging=intrusion.mask)
        # All places first, so that what changed together is weighed against each other.
        decisions = [
            shelf.place.update(look, covered, one)
            for shelf, one in zip(self._shelves, self._around(around, near_of, look), strict=True)
        ]
        for shelf, near, decided in zip(self._shelves, near_of, decisions, strict=True):
            found += self._tell(shelf, self._deeds(shelf, decided, near, look.t_s), frame)
        for shelf in self._shelves:
            if shelf.shown is not None:
                shelf.shown.see(look.t_s)
        self._discover(look, covered, hands, around)
        return found

    def _around(
        self, around: Around, near_of: Sequence[Sequence[Hand]], look: Look
    ) -> Iterator[Around]:
        """What goes on round each place."""
        assert self._open_view is not None
        differs = look.differs & self._open_view
        changed = [shelf.place.share_of(differs) > CROWD for shelf in self._shelves]
        gone = [shelf.handling.is_held(look.t_s) for shelf in self._shelves]
        hands = [(h.x, h.y) for h in self._hands_at[-1][1]]
        others = max(1, len(self._shelves) - 1)
        best = {
            max(range(len(self._shelves)), key=lambda n: self._middle_reach(n, hand))
            for hand in hands
            if self._shelves
        }
        for n, (shelf, near) in enumerate(zip(self._shelves, near_of, strict=True)):
            yield replace(
                around,
                contact=bool(near),
                reach=nearest(hands, shelf.place.box),
                crowd=(sum(changed) - changed[n]) / others,
                held=min(sum(gone) - gone[n], 2) / 2,
                gone=gone[n],
                best=n in best,
            )

    def _middle_reach(self, number: int, hand: tuple[float, float]) -> float:
        """How near a hand is to the middle of a place, crop pixels, negative."""
        x0, y0, x1, y1 = self._shelves[number].place.box
        return -float(np.hypot(hand[0] - (x0 + x1) / 2, hand[1] - (y0 + y1) / 2))

    def _tell(self, shelf: _Shelf, deeds: Sequence[Deed], frame: Frame) -> list[Interaction]:
        fresh = [deed for deed in deeds if not self._is_told(shelf, deed)]
        return [self._interaction(shelf, deed, frame) for deed in fresh]

    def _is_told(self, shelf: _Shelf, deed: Deed) -> bool:
        """Whether a deed at a found place is a piece of one that was told: one item can leave
        several patches (itself, its shadow, its mirror image).
        """
        if shelf.facing is not None:
            return False
        moment = deed.end_s if deed.kind is Kind.TAKE else deed.start_s
        told = any(
            kind is deed.kind and abs(moment - other) <= SAME_DEED_S for kind, other in self._told
        )
        self._told.append((deed.kind, moment))
        return told

    def _discover(self, look: Look, covered: Mask, hands: Sequence[Hand], around: Around) -> None:
        """Fixtures without facings: makes a place of what changed."""
        if self._discovery is None or self._view is None or look.shaken:
            return
        assert self._visits is not None
        taken = np.zeros(look.differs.shape, dtype=bool)
        for shelf in self._shelves:
            taken |= shelf.place.mask
        points = [(hand.x, hand.y) for hand in hands if hand.reaching]
        self._add(
            self._discovery.update(
                look, self._view, covered, points, taken, around=self._all_held(around)
            )
        )

    def _all_held(self, around: Around) -> Around:
        """The same with all items that are in hands, for a place that has none yet."""
        assert self._look is not None
        gone = sum(shelf.handling.is_held(self._look.t_s) for shelf in self._shelves)
        return replace(around, held=min(gone, 2) / 2)

    def _add(self, places: Sequence[Found]) -> None:
        """Watches the places that were found from now on."""
        assert self._view is not None
        assert self._visits is not None
        x_off, y_off = self._view.region[:2]
        for new in places:
            x, y = new.centre
            centre = (x / self._view.scale + x_off, y / self._view.scale + y_off)
            handling = Handling(self.options.handling)
            shelf = _Shelf(None, centre, new.place, handling, self._visits.nearest(centre))
            shelf.opening = handling.changed(new.change, shelf.visit)
            self._shelves.append(shelf)

    def _covered(self, look: Look, intrusion: Intrusion, detections: Detections) -> Mask:
        """Pixels that cannot be judged, since somebody is before them.

        Where bodies are seen, what hangs on them but lies beyond their outline and is still is no
        body: it is a gap that an item left beside an arm. Without bodies an arm is told from a gap
        by patience alone.
        """
        assert self._view is not None
        if not detections.people:
            return intrusion.bulky | (intrusion.mask & (look.still_s < PATIENCE_S))
        body = body_mask(detections.people, self._view)
        return body | (intrusion.mask & (look.still_s < STILL_S))

    def _hands(
        self, intrusion: Intrusion, detections: Detections, tracks: Sequence[Track]
    ) -> list[Hand]:
        assert self._view is not None
        hands = find_hands(detections, tracks, self._view, intrusion.mask)
        if hands:
            return hands
        return [
            Hand(x, y, True, None)
            for (x, y), share in zip(intrusion.tips, intrusion.shares, strict=True)
            if share <= ARM_SHARE
        ]

    def _deeds(
        self,
        shelf: _Shelf,
        decided: Change | Touch | Shift | None,
        near: Sequence[Hand],
        t_s: float,
    ) -> list[Deed]:
        assert self._visits is not None
        for hand in near:
            shelf.visit = hand.visit if hand.visit is not None else shelf.visit
            if hand.reaching and _is_near(hand, shelf.place, AT):
                shelf.touched_s.append(t_s)
        if shelf.visit is None and shelf.place.disturbed_s is not None:
            shelf.visit = self._visits.nearest(shelf.centre)
        deeds = shelf.opening + self._decided(shelf, decided)
        shelf.opening = []
        if shelf.place.disturbed_s is None:
            shelf.visit = None
            while shelf.touched_s and shelf.touched_s[0] < t_s - REMEMBER_S:
                shelf.touched_s.popleft()
        holder = shelf.handling.holder
        left = holder is not None and not self._visits.is_present(holder)
        return deeds + shelf.handling.tick(t_s, left=left)

    def _decided(self, shelf: _Shelf, decided: Change | Touch | Shift | None) -> list[Deed]:
        if isinstance(decided, Change):
            deeds = self._changed(shelf, decided)
            if shelf.shown is not None:
                units = 1 if decided.to is State.PRESENT else -1
                shelf.shown.moved(units, decided.happened_s)
            if decided.free and self._view is not None:
                self._view.adopt(shelf.place.mask)
            return deeds
        if isinstance(decided, Shift):
            return self._fell(shelf, decided)
        if isinstance(decided, Touch) and shelf.place.is_known_present:
            return self._briefly(shelf, decided) or self._reached(shelf, decided)
        return []

    def _fell(self, shelf: _Shelf, shift: Shift) -> list[Deed]:
        """A thing that fell, unless another place has told what happened in that moment."""
        if self._view is not None:
            self._view.adopt(shelf.place.mask)
        if self._busy_elsewhere(shelf, shift.happened_s):
            return []
        self._done.append((shelf, shift.happened_s))
        return shelf.handling.fell(shift, shelf.visit)

    def _briefly(self, shelf: _Shelf, touch: Touch) -> list[Deed]:
        """An item that was taken and put back at once."""
        if touch.away_s is None or touch.sure < self.options.brief or shelf.handling.is_open:
            return []
        left_s, back_s = touch.away_s
        if self._busy_elsewhere(shelf, left_s) or self._busy_elsewhere(shelf, back_s):
            return []
        self._done += [(shelf, left_s), (shelf, back_s)]
        away = Change(State.AWAY, touch.from_s, left_s, left_s, touch.sure, free=True)
        back = Change(State.PRESENT, touch.from_s, back_s, touch.to_s, touch.sure, free=True)
        return shelf.handling.changed(away, shelf.visit) + shelf.handling.changed(back, shelf.visit)

    def _busy_elsewhere(self, here: _Shelf, t_s: float) -> bool:
        """Whether another place changed in about the same moment."""
        changed = (s.moved.happened_s for s in self._shelves if s is not here and s.moved)
        done = (other for shelf, other in self._done if shelf is not here)
        return any(abs(other - t_s) < AROUND_S for other in (*changed, *done))

    def _changed(self, shelf: _Shelf, change: Change) -> list[Deed]:
        """The deeds of a change, unless a neighbour's change in the same moment explains it."""
        if shelf.facing is None or self._look is None or self._open_view is None:
            return shelf.handling.changed(change, shelf.visit)
        place = shelf.place
        pixels = changed_pixels(self._look.differs & self._open_view, place.mask, place.box)
        moved = Moved(change.to, change.happened_s, change.sure, pixels)
        shelf.moved = moved
        for other in self._near(shelf):
            if other.moved is None or not same(moved, other.moved):
                continue
            if self._hands_near(change.happened_s, (place, other.place)) > 1:
                continue
            if other.moved.sure >= change.sure and not shelf.handling.is_open:
                chance = self._chance(other, other.moved)  # with what this one says now
                other.handling.attribute(other.moved.happened_s, chance)
                return []
            if other.moved.sure < change.sure:
                other.handling.forget(other.moved.happened_s)
            # Its pixels were taken into the background with its own change.
            moved = replace(moved, pixels=moved.pixels | other.moved.pixels)
        owner = self._owner(shelf, change)
        if owner is not None:
            return self._misplaced(shelf, owner, change)
        return shelf.handling.changed(change, shelf.visit, self._chance(shelf, moved))

    def _owner(self, shelf: _Shelf, change: Change) -> _Shelf | None:
        """Whose item was put down at a facing, if it is not its own."""
        if change.to is not State.PRESENT:
            return None
        lost = [
            other
            for other in self._shelves
            if other is not shelf
            and other.handling.is_held(change.happened_s)
            and (other.handling.left_s() or 0.0) < change.happened_s
        ]
        if not lost:
            return None
        best = max(lost, key=lambda other: shelf.place.alike(other.place))
        own = shelf.place.alike(shelf.place)
        if shelf.handling.is_held(change.happened_s) and (
            shelf.place.alike(best.place) < own + STRANGER
        ):
            return None
        return best

    def _misplaced(self, shelf: _Shelf, owner: _Shelf, change: Change) -> list[Deed]:
        left_s = owner.handling.left_s()
        hold_s = change.happened_s - left_s if left_s is not None else 0.0
        taken, visit = owner.handling.strayed(change.happened_s)
        owner.opening += taken
        item = owner.facing.item if owner.facing else None
        if visit is None:
            visit = shelf.visit
        return shelf.handling.received(change, item, hold_s, visit)

    def _near(self, shelf: _Shelf) -> list[_Shelf]:
        box = shelf.place.box
        return [s for s in self._shelves if s is not shelf and is_neighbour(box, s.place.box)]

    def _chance(self, shelf: _Shelf, moved: Moved) -> float:
        """Probability that a change belongs to this facing rather than to a neighbour."""
        claims = [self._claim(one, moved) for one in (shelf, *self._near(shelf))]
        return float(attribute(claims)[0])

    def _claim(self, shelf: _Shelf, moved: Moved) -> Claim:
        weighed = shelf.weighed
        is_it = (
            weighed is not None
            and weighed.to is moved.to
            and abs(weighed.happened_s - moved.happened_s) <= SAME_S
        )
        odds = log_odds(weighed.chance) if weighed is not None and is_it else UNWEIGHED
        at = min(
            self._hands_at, key=lambda seen: abs(seen[0] - moved.happened_s), default=(0.0, [])
        )
        far = hand_distance(at[1], shelf.place.box)
        return Claim(odds, overlap(moved.pixels, shelf.place.mask), far)

    def _hands_near(self, t_s: float, places: Sequence[Place]) -> int:
        """Most hands that were seen at once near any of these places in a moment."""
        return max(
            (
                sum(any(_is_near(hand, place, NEAR) for place in places) for hand in hands)
                for seen_s, hands in self._hands_at
                if abs(seen_s - t_s) <= SAME_S
            ),
            default=0,
        )

    def _reached(self, shelf: _Shelf, touch: Touch) -> list[Deed]:
        """The longest contact of a disturbance, if it was a touch of this place and no other."""
        if touch.chance < self.options.touch:
            return []
        contacts = [t_s for t_s in shelf.touched_s if touch.from_s <= t_s <= touch.to_s]
        spells = [
            spell
            for spell in bouts(contacts)
            if not self._handling_during(spell) and not self._longer_elsewhere(spell, shelf)
        ]
        if not spells:
            return []
        longest = max(spells, key=_length)
        return shelf.handling.touched(Touch(*longest, touch.chance), shelf.visit)

    def _longer_elsewhere(self, spell: tuple[float, float], here: _Shelf) -> bool:
        """Whether the same movement rested longer at another place: it only passed this one."""
        return any(
            _length(other) > _length(spell)
            and other[0] - AROUND_S <= spell[1]
            and spell[0] <= other[1] + AROUND_S
            for shelf in self._shelves
            if shelf is not here
            for other in bouts(shelf.touched_s)
        )

    def _handling_during(self, spell: tuple[float, float]) -> bool:
        """Whether an item of this fixture was in somebody's hand: then hands near others are no
        touches.
        """
        return any(
            shelf.handling.held_during(spell[0] - AROUND_S, spell[1] + AROUND_S)
            for shelf in self._shelves
        )

    def _interaction(self, shelf: _Shelf, deed: Deed, frame: Frame) -> Interaction:
        is_clear = deed.attribution is None or deed.attribution >= LEAST
        facing = shelf.facing if is_clear else None
        return Interaction(
            kind=deed.kind,
            fixture=self.fixture.id,
            facing=facing.id if facing else None,
            item=deed.item or facing.item if facing else None,
            start_s=deed.start_s,
            end_s=deed.end_s,
            hold_s=deed.hold_s,
            confidence=deed.confidence,
            reaction=UNREAD,
            outcome=deed.outcome,
            visit=deed.visit,
            at=frame.at,
            attribution=deed.attribution,
        )

    def _stays(self, ended: Sequence[Visit], frame: Frame) -> list[Interaction]:
        """Visits that ended, as far as they were long enough to be told."""
        assert self._visits is not None
        return [self._dwell(visit, frame) for visit in ended if self._visits.long_enough(visit)]

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


def _is_near(hand: Hand, place: Place, reach: float) -> bool:
    """Whether a hand lies within a place's box grown by a share of its longer side."""
    x0, y0, x1, y1 = place.box
    grow = reach * max(x1 - x0, y1 - y0)
    return x0 - grow <= hand.x <= x1 + grow and y0 - grow <= hand.y <= y1 + grow


def _length(spell: tuple[float, float]) -> float:
    return spell[1] - spell[0]

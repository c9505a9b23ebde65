"""Counts who comes past the fixtures of a rig, of those who may be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from aeras.domain.geometry import Point
from aeras.domain.kept import Passage
from aeras.domain.ports import PassageBook, PassedSum
from aeras.domain.seen import Frame, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Shop
from aeras.privacy.staff import Fate, StaffFilter
from aeras.shelf.passing import NEAR_HEIGHTS, NEAR_M, Passer, Passers, within
from aeras.shelf.zones import Zone, fit_polygon
from aeras.wiring.eye import Eye

Gone = tuple[str, bool]
"""Past which fixture somebody came who is gone, and whether they stopped."""
PlaceOf = Callable[[str, int], Point | None]
"""Camera and track -> where it is on the map."""


class PassagesOf:
    """The passages of a store, as `aeras.wiring.keeper.Keeper` stores records."""

    def __init__(self, store: PassageBook) -> None:
        self._store = store

    def append(self, events: Sequence[Passage]) -> None:
        """Stores counts; copies are ignored. Raises StoreError."""
        self._store.append_passages(events)


def counted_at(shop: Shop, *, faces: bool) -> frozenset[str]:
    """Fixtures past which people are counted: those that a camera reads bodies at.

    Args:
        shop: The site.
        faces: Whether shelf cameras look for faces. Who goes by does not show one.
    """
    roles = {camera.id: camera.role for camera in shop.cameras}
    found = set()
    for fixture in shop.fixtures:
        camera = fixture.camera if fixture.camera in roles else fixture.face_camera
        role = roles.get(camera or "")
        if role is CameraRole.AISLE or (role is CameraRole.SHELF and not faces):
            found.add(fixture.id)
    return frozenset(found)


def past_of(
    store: PassageBook,
    shop: Shop,
    by: str,
    since: datetime,
    until: datetime,
    *,
    faces: bool,
) -> dict[str, PassedSum]:
    """Who came past, by ``fixture``, by ``item`` (past its fixtures) or by ``hour`` of the day
    (past any fixture). What no camera tells is missing; an item is, unless all its fixtures are
    told of.
    """
    if by == "hour":
        zone = ZoneInfo(shop.timezone)
        hours = [
            replace(one, key=f"{datetime.fromisoformat(one.key).astimezone(zone):%H}")
            for one in store.published_passages("moment", since, until)
        ]
        keys = {one.key for one in hours}
        return {key: _sum(key, [one for one in hours if one.key == key]) for key in keys}
    told = {fixture: _sum(fixture, []) for fixture in counted_at(shop, faces=faces)}
    told |= {one.key: one for one in store.published_passages("fixture", since, until)}
    if by == "fixture":
        return told
    stands: dict[str, set[str]] = {}
    for fixture in shop.fixtures:
        for facing in fixture.facings:
            if facing.item is not None:
                stands.setdefault(facing.item, set()).add(fixture.id)
    return {
        item: _sum(item, [told[fixture] for fixture in sorted(places)])
        for item, places in stands.items()
        if places <= set(told)
    }


def _sum(key: str, of: Sequence[PassedSum]) -> PassedSum:
    """Of several fixtures or moments; coverage is their mean."""
    coverage = sum(one.coverage for one in of) / len(of) if of else 0.0
    counts = [sum(getattr(one, n) for one in of) for n in ("passed", "stopped", "simulated")]
    return PassedSum(key, counts[0], counts[1], coverage, counts[2])


@dataclass(slots=True)
class _Waiting:
    """Somebody who is gone, of whom it may still be told whether they may be counted."""

    fixture: str
    passer: Passer


@dataclass(slots=True)
class Passing:
    """Of each fixture that is read by bodies: who came past. Counts nobody before they are gone,
    and then only who is known to be no one that is to be left alone.

    Args:
        places: Where tracks are on the map.
    """

    places: PlaceOf
    _passers: dict[str, Passers] = field(default_factory=dict)
    _waiting: dict[str, list[_Waiting]] = field(default_factory=dict)
    _gone: list[Gone] = field(default_factory=list)

    def see(
        self, eye: Eye, frame: Frame, tracks: Sequence[Track], found: Sequence[Interaction]
    ) -> None:
        """Takes one frame of a camera, with the interactions that were decided in it."""
        if eye.subject != "people":
            return
        for reader in eye.readers:
            passers = self._of(reader.fixture, eye.camera, frame.size)
            self._stopped(reader.fixture, passers, found)
            # Of a camera that was moved, nobody knows whom it sees where.
            here = tracks if eye.is_calibrated else ()
            self._wait(eye, reader.fixture, passers.update(here, frame.t_s))
        self._decide(eye)

    def watched(self, eye: Eye) -> tuple[str, ...]:
        """Fixtures past which people can now be seen to come by a camera."""
        if eye.subject != "people" or not eye.is_calibrated:
            return ()
        return tuple(reader.fixture.id for reader in eye.readers)

    def take(self) -> tuple[Gone, ...]:
        """Who was counted since this was asked last."""
        gone, self._gone = tuple(self._gone), []
        return gone

    def finish(self, eye: Eye, found: Sequence[Interaction]) -> None:
        """Counts who is still there (end of a file), as far as they may be."""
        for reader in eye.readers:
            passers = self._passers.get(reader.fixture.id)
            if passers is not None:
                self._stopped(reader.fixture, passers, found)
                self._wait(eye, reader.fixture, passers.finish())
        self._decide(eye)
        self._waiting.clear()

    def _stopped(self, fixture: Fixture, passers: Passers, found: Iterable[Interaction]) -> None:
        passers.stopped(
            one.visit
            for one in found
            if one.fixture == fixture.id and one.visit is not None and not one.kind.beside
        )

    def _wait(self, eye: Eye, fixture: Fixture, gone: Iterable[Passer]) -> None:
        waiting = self._waiting.setdefault(eye.camera.id, [])
        waiting += [_Waiting(fixture.id, passer) for passer in gone]

    def _decide(self, eye: Eye) -> None:
        waiting = self._waiting.get(eye.camera.id, [])
        fates = [(one, fate_of(one.passer.tracks, eye.staff)) for one in waiting]
        self._gone += [(w.fixture, w.passer.stopped) for w, fate in fates if fate is Fate.TELL]
        self._waiting[eye.camera.id] = [one for one, fate in fates if fate is Fate.WAIT]

    def _of(self, fixture: Fixture, camera: CameraSpec, size: tuple[int, int]) -> Passers:
        if fixture.id not in self._passers:
            self._passers[fixture.id] = Passers(self._nearness(fixture, camera, size))
        return self._passers[fixture.id]

    def _nearness(
        self, fixture: Fixture, camera: CameraSpec, size: tuple[int, int]
    ) -> Callable[[Track], bool]:
        own = camera.id == fixture.camera
        zone = Zone(fit_polygon(fixture.polygon, camera.size, size) if own else ())
        if camera.role is CameraRole.SHELF:
            return lambda track: zone.holds_face(track.box)
        return partial(self._near, fixture, camera, zone)

    def _near(self, fixture: Fixture, camera: CameraSpec, zone: Zone, track: Track) -> bool:
        """By the floor where camera and fixture are on the map, else by the picture."""
        place = self.places(camera.id, track.id)
        if place is None or fixture.on_map is None:
            return zone.holds_feet(track.box, NEAR_HEIGHTS)
        return within(fixture.on_map, place, NEAR_M)


def fate_of(tracks: Sequence[int], staff: StaffFilter) -> Fate:
    """What becomes of somebody who was followed under these numbers: who was to be left alone under
    one of them is not counted, nor who never was known to be a shopper.
    """
    fates = {staff.fate(track) for track in tracks}
    if staff.alone.intersection(tracks):
        return Fate.DROP
    return next((f for f in (Fate.TELL, Fate.WAIT) if f in fates), Fate.DROP)

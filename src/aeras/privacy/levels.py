"""The door for what facings show: exact levels go in, one coarse record a time grain comes out.

When a facing that held one package turns empty, somebody took it: the moment is as telling as a
take's. So a record knows its time grain only, and how much of it could be seen in twentieths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aeras.domain.kept import Origin, ShelfLevel, StockLevel
from aeras.domain.seen import FacingState
from aeras.domain.shop import Facing, Fixture, Shop
from aeras.privacy.gate import GRAIN, floor_time

HOLD_S = 60.0
"""A level must hold this long before it is told."""
LONGEST_STEP_S = 5.0
"""Time between two looks counts as seen up to this; a longer gap was not seen."""
STEPS = 20
"""Coverage is told in so many steps."""


@dataclass(slots=True)
class _Place:
    """One facing's level as it stands.

    Attributes:
        told: Last level that was told; ``UNKNOWN`` before the first.
        grain: The grain that is being filled.
        told_s: Seconds of it in which ``told`` was seen.
        open_s: Seconds of it that wait until the level that began at ``since_s`` has held.
        level, since_s: What is seen now and since when, on the camera's clock.
        last_s: Time of the last look, None before it.
    """

    fixture: Fixture
    facing: Facing
    item: str
    origin: Origin
    told: StockLevel = StockLevel.UNKNOWN
    grain: datetime | None = None
    told_s: float = 0.0
    open_s: float = 0.0
    level: StockLevel = StockLevel.UNKNOWN
    since_s: float = 0.0
    last_s: float | None = None


class LevelGate:
    """Turns facing states into `ShelfLevel` records. One serves one worker; not thread-safe.

    A level is told once it has held for ``hold_s``. While a facing is ``unknown`` (somebody stands
    there, the camera was moved) nothing is counted; what was told before stands when it comes back.

    Args:
        shop: The site; facings without an item and ids that it does not know are left out.
        grain: Coarseness of `ShelfLevel.at`.
        hold_s: See above.
    """

    def __init__(self, shop: Shop, *, grain: timedelta = GRAIN, hold_s: float = HOLD_S) -> None:
        self._shop = shop
        self._grain = grain
        self._hold_s = hold_s
        rendered = {camera.id for camera in shop.cameras if camera.simulated}
        self._places = {
            facing.id: _Place(
                fixture,
                facing,
                facing.item,
                Origin.SIMULATED if fixture.camera in rendered else Origin.CAMERA,
            )
            for fixture in shop.fixtures
            for facing in fixture.facings
            if facing.item is not None
        }

    def see(self, states: Iterable[FacingState], at: datetime, t_s: float) -> list[ShelfLevel]:
        """Takes what is seen at a moment.

        Args:
            states: One a facing that was looked at; the camera's clock in ``since_s``.
            at: UTC.
            t_s: The camera's clock.

        Returns:
            Records of facings whose level is told anew, and of grains that are over.
        """
        grain = floor_time(at, self._grain)
        found: list[ShelfLevel] = []
        for state in states:
            place = self._places.get(state.facing)
            if place is None:
                continue
            if place.grain is not None and place.grain != grain:
                found.append(self._record(place, place.grain))
                place.told_s = place.open_s = 0.0
            place.grain = grain
            if self._look(place, state, t_s):
                found.append(self._record(place, grain))
        return found

    def finish(self) -> list[ShelfLevel]:
        """Records of the grains that are being filled."""
        return [self._record(p, p.grain) for p in self._places.values() if p.grain is not None]

    def _look(self, place: _Place, state: FacingState, t_s: float) -> bool:
        """Counts the time since the last look; whether a level is told anew."""
        last_s, place.last_s = place.last_s, t_s
        passed_s = 0.0 if last_s is None else min(max(0.0, t_s - last_s), LONGEST_STEP_S)
        if state.level is not place.level or t_s < place.since_s:
            place.level, place.since_s, place.open_s = state.level, t_s, 0.0
        if state.level is StockLevel.UNKNOWN:
            return False
        if state.level is place.told:
            place.told_s += passed_s
            return False
        place.open_s += passed_s
        begun_s = min(place.since_s, state.since_s)
        if t_s - begun_s < self._hold_s:
            return False
        place.told = state.level
        place.told_s += place.open_s
        place.open_s = 0.0
        return True

    def _record(self, place: _Place, grain: datetime) -> ShelfLevel:
        share = min(1.0, place.told_s / self._grain.total_seconds())
        seen = place.told_s > 0
        return ShelfLevel(
            at=grain,
            site=self._shop.id,
            fixture=place.fixture.id,
            facing=place.facing.id,
            item=place.item,
            planogram=self._shop.planogram,
            level=place.told if seen else StockLevel.UNKNOWN,
            coverage=round(share * STEPS) / STEPS,
            origin=place.origin,
        )

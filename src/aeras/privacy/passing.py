"""The door for who came past: single people go in, one count a fixture and time grain comes out.

Nothing of a person gets this far but that somebody is gone who may be counted, and whether they
stopped. The record knows its time grain only, and how much of it was watched in twentieths.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Origin, Passage
from aeras.domain.shop import Shop
from aeras.privacy.gate import GRAIN, floor_time
from aeras.privacy.levels import LONGEST_STEP_S, STEPS


@dataclass(slots=True)
class _Place:
    """One fixture's grain while it is being filled; ``last_s`` is the time of the last look."""

    origin: Origin
    grain: datetime | None = None
    passed: int = 0
    stopped: int = 0
    watched_s: float = 0.0
    last_s: float | None = None


class PassageGate:
    """Turns people who have gone by into `Passage` records. One serves one worker; not thread-safe.

    Args:
        shop: The site; fixtures that it does not know are refused.
        grain: Coarseness of `Passage.at`.
        ids: Makes record ids.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        grain: timedelta = GRAIN,
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._site = shop.id
        self._grain = grain
        self._ids = ids
        rendered = {camera.id for camera in shop.cameras if camera.simulated}
        self._places = {
            f.id: _Place(
                Origin.SIMULATED if {f.camera, f.face_camera} & rendered else Origin.CAMERA
            )
            for f in shop.fixtures
        }

    def see(
        self,
        watched: Iterable[str],
        gone: Iterable[tuple[str, bool]],
        at: datetime,
        t_s: float,
    ) -> list[Passage]:
        """Takes one look.

        Args:
            watched: Fixtures past which people can be seen to come in it.
            gone: Of each person who is gone: past which fixture, and whether they stopped there.
            at: UTC.
            t_s: The camera's clock, seconds.

        Returns:
            Records of the grains that are over.

        Raises:
            PrivacyError: A fixture is named that the site does not have.
        """
        grain = floor_time(at, self._grain)
        found: list[Passage] = []
        for fixture in watched:
            place = self._place(fixture, grain, found)
            last_s, place.last_s = place.last_s, t_s
            if last_s is not None:
                place.watched_s += min(max(0.0, t_s - last_s), LONGEST_STEP_S)
        for fixture, stopped in gone:
            place = self._place(fixture, grain, found)
            place.passed += 1
            place.stopped += stopped
        return found

    def finish(self) -> list[Passage]:
        """Records of the grains that are being filled."""
        return [
            self._record(fixture, place, place.grain)
            for fixture, place in self._places.items()
            if place.grain is not None
        ]

    def _place(self, fixture: str, grain: datetime, found: list[Passage]) -> _Place:
        """A fixture's place in the present grain; closes the one before."""
        place = self._places.get(fixture)
        if place is None:
            raise PrivacyError(
                f"somebody came past {fixture!r}, which the site file does not have",
                where=f"site {self._site}",
                todo="Only ids of the site file may be kept",
            )
        if place.grain is not None and place.grain != grain:
            found.append(self._record(fixture, place, place.grain))
            place.passed = place.stopped = 0
            place.watched_s = 0.0
        place.grain = grain
        return place

    def _record(self, fixture: str, place: _Place, grain: datetime) -> Passage:
        share = min(1.0, place.watched_s / self._grain.total_seconds())
        return Passage(
            id=self._ids(),
            at=grain,
            site=self._site,
            fixture=fixture,
            passed=place.passed,
            stopped=place.stopped,
            coverage=round(share * STEPS) / STEPS,
            origin=place.origin,
        )

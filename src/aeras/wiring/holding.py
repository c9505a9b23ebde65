"""Interactions that are not told until it is known whose they are, and those that never are.

What somebody left alone did is dropped; so is what anybody did at a fixture while such a person
stood there, because hands can be mistaken for a neighbour's. What is nobody's is told only if no
one who is not known to be a shopper can have done it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction, Track
from aeras.privacy.staff import Fate, StaffFilter

AROUND_S = 1.0
"""Who stood at a fixture this long before or after an interaction may have had a hand in it."""
KEEP_S = 300.0

IN_VIEW = ""
"""In place of a fixture's id: the whole picture of a camera."""

Person = tuple[str, int]
"""Camera and track."""


@dataclass(slots=True)
class _Stay:
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Claim:
    """An interaction as it will be told, and the track (of its camera) whose visit it names."""

    camera: str
    track: int | None
    interaction: Interaction


class Holding:
    """Keeps interactions in memory until `release`.

    Args:
        filters: By camera: says what becomes of its tracks.
    """

    def __init__(self, filters: dict[str, StaffFilter]) -> None:
        self._filters = filters
        self._stays: dict[tuple[str, str], dict[Person, _Stay]] = {}
        self._held: list[Claim] = []

    def stands(self, fixture: str, camera: str, tracks: Iterable[Track], t_s: float) -> None:
        """Notes who stands at a fixture in a frame of a camera; `IN_VIEW`: anywhere in it."""
        stays = self._stays.setdefault((camera if fixture == IN_VIEW else "", fixture), {})
        for track in tracks:
            stays.setdefault((camera, track.id), _Stay(t_s, t_s)).to_s = t_s
        for old in [who for who, stay in stays.items() if stay.to_s < t_s - KEEP_S]:
            del stays[old]

    def hold(self, claims: Iterable[Claim]) -> None:
        """Takes what was just decided."""
        self._held += claims

    def release(self, *, final: bool = False) -> list[Interaction]:
        """What may be told now; forgets what never will be.

        Args:
            final: Nothing more comes: what is not known by now is dropped.
        """
        fates = [(claim, self._fate(claim)) for claim in self._held]
        self._held = [c for c, fate in fates if fate is Fate.WAIT and not final]
        return [claim.interaction for claim, fate in fates if fate is Fate.TELL]

    def _fate(self, claim: Claim) -> Fate:
        one = claim.interaction
        own = (claim.camera, claim.track) if claim.track is not None else None
        mine = self._of(own) if own else Fate.TELL
        if one.kind is Kind.DWELL or mine is not Fate.TELL:
            return mine
        # What is nobody's may be anybody's in the picture, not only who stands at the fixture.
        near = {*self._beside(("", one.fixture), one)}
        if own is None:
            near |= {*self._beside((claim.camera, IN_VIEW), one)}
        if any(self._is_alone(who) for who in near):
            return Fate.DROP
        others = [self._of(who) for who in near]
        if own:
            return Fate.TELL
        strict = self._filters[claim.camera].strict
        if strict and not any(fate is Fate.TELL for fate in others):
            return Fate.WAIT if Fate.WAIT in others else Fate.DROP
        return next((f for f in (Fate.DROP, Fate.WAIT) if f in others), Fate.TELL)

    def _of(self, who: Person) -> Fate:
        return self._filters[who[0]].fate(who[1])

    def _is_alone(self, who: Person) -> bool:
        return who[1] in self._filters[who[0]].alone

    def _beside(self, place: tuple[str, str], one: Interaction) -> Iterator[Person]:
        """Who was there at the time."""
        for who, stay in self._stays.get(place, {}).items():
            if stay.from_s <= one.end_s + AROUND_S and one.start_s - AROUND_S <= stay.to_s:
                yield who

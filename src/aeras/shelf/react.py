"""Gives interactions their reaction: remembers what was done, asks for faces, fuses."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction
from aeras.shelf.faces import FaceLog
from aeras.shelf.pace import Pace
from aeras.shelf.reaction import AGAIN_S, AWAY_S, Behaviour, fuse

LEAD_S = 0.7
"""A reaction is sought from this long before the hand gets there ..."""
AFTER_S = AWAY_S
"""... to this long after it has let go, as far as that is known when it is decided."""
CHOOSING_S = 120.0
"""Changes between items and returns within this many seconds are one choice."""
LEFT_S = 3.0
"""Who was away for at least this long came back; shorter is a gap in the tracking."""


@dataclass(frozen=True, slots=True)
class _Done:
    """An earlier interaction at the same fixture."""

    facing: str | None
    kind: Kind
    start_s: float
    end_s: float
    visit: int | None


class Reactor:
    """Fuses the reaction of each interaction of a rig, in the order in which they are decided."""

    def __init__(self, faces: FaceLog, pace: Pace | None = None) -> None:
        self._faces = faces
        self._pace = pace or Pace()
        self._done: dict[str, deque[_Done]] = {}

    def react(
        self,
        found: Interaction,
        now_s: float,
        *,
        own_face: bool = False,
        face: int | None = None,
        moves: frozenset[str] = frozenset(),
    ) -> Interaction:
        """The interaction with its reaction.

        Args:
            found: As the fixture's reader gave it.
            now_s: When it was decided, same clock.
            own_face: Its visit is a track of the face camera itself, so that its face is known.
            face: Track of the face camera that is the same person, where that is known otherwise.
            moves: How its visit's body moved, see `aeras.shelf.paths.Paths.moves`.
        """
        from_s, to_s = _window(found, now_s)
        track = found.visit if own_face else face
        faces = self._faces.between(found.fixture, from_s, to_s, track)
        reaction = fuse(self._behaviour(found, moves), faces)
        self._remember(found)
        return replace(found, reaction=reaction)

    def _behaviour(self, found: Interaction, moves: frozenset[str]) -> Behaviour:
        begun_s = _begun_s(found)
        own = [
            done
            for done in self._done.get(found.fixture, ())
            if abs(begun_s - done.end_s) <= CHOOSING_S
            and (done.visit == found.visit or None in {done.visit, found.visit})
        ]
        handled = [done for done in own if done.kind is not Kind.DWELL]
        dwelt = found.kind is Kind.DWELL
        return Behaviour(
            kind=found.kind,
            hold_s=found.hold_s,
            stay_s=found.end_s - found.start_s,
            kept=found.kind is Kind.TAKE and found.outcome,
            taken_before=_again(found, begun_s, handled),
            switches=0 if dwelt else _switches([*(d.facing for d in handled), found.facing]),
            came_back=any(_left_before(done, found) for done in own),
            unusual=self._pace.score(found),
            moves=moves - {"came_and_went"} if handled else moves,
        )

    def _remember(self, found: Interaction) -> None:
        self._pace.learn(found)
        done = self._done.setdefault(found.fixture, deque(maxlen=32))
        done.append(_Done(found.facing, found.kind, found.start_s, found.end_s, found.visit))


def _begun_s(found: Interaction) -> float:
    """When the handling began: a put back is told from when the item is down."""
    return found.start_s - found.hold_s if found.kind is Kind.PUT_BACK else found.start_s


def _again(found: Interaction, begun_s: float, handled: Sequence[_Done]) -> bool:
    """Whether this item was put back not long before it was taken up this time."""
    return found.kind in {Kind.TAKE, Kind.PUT_BACK} and any(
        done.facing == found.facing
        and done.kind is Kind.PUT_BACK
        and begun_s - AGAIN_S <= done.end_s < begun_s
        for done in handled
    )


def _switches(facings: Sequence[str | None]) -> int:
    """Changes from one known facing to another."""
    known = [facing for facing in facings if facing is not None]
    return sum(a != b for a, b in pairwise(known))


def _left_before(done: _Done, found: Interaction) -> bool:
    """Whether the same visit's earlier stay had ended for good before this began."""
    stayed = done.kind is Kind.DWELL and done.visit is not None and done.visit == found.visit
    return stayed and _begun_s(found) - done.end_s >= LEFT_S


def _window(found: Interaction, now_s: float) -> tuple[float, float]:
    """Time in which a face may have to do with an interaction."""
    if found.kind is Kind.DWELL:
        return found.start_s, found.end_s
    if found.kind is Kind.TAKE:
        return found.start_s - LEAD_S, min(now_s, found.end_s + found.hold_s)
    return found.start_s - found.hold_s - LEAD_S, min(now_s, found.end_s + AFTER_S)

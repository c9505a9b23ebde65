"""Gives interactions their reaction: remembers what was done, asks for faces, fuses."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction
from aeras.shelf.faces import FaceLog
from aeras.shelf.reaction import AGAIN_S, Behaviour, fuse

LEAD_S = 0.7
"""A reaction is sought from this long before the hand gets there ..."""
AFTER_S = 1.0
"""... to this long after it has let go."""


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

    def __init__(self, faces: FaceLog) -> None:
        self._faces = faces
        self._done: dict[str, deque[_Done]] = {}

    def react(self, found: Interaction, now_s: float, *, own_face: bool = False) -> Interaction:
        """The interaction with its reaction.

        Args:
            found: As the fixture's reader gave it.
            now_s: When it was decided, same clock.
            own_face: Its visit is a track of the face camera itself, so that its face is known.
        """
        from_s, to_s = _window(found, now_s)
        track = found.visit if own_face else None
        faces = self._faces.between(found.fixture, from_s, to_s, track)
        reaction = fuse(self._behaviour(found), faces)
        self._remember(found)
        return replace(found, reaction=reaction)

    def _behaviour(self, found: Interaction) -> Behaviour:
        recent = [
            done
            for done in self._done.get(found.fixture, ())
            if done.kind is not Kind.DWELL
            and done.end_s >= found.start_s - found.hold_s - AGAIN_S
            and (done.visit == found.visit or None in {done.visit, found.visit})
        ]
        handled = {done.facing for done in recent if done.facing} | {found.facing}
        again = found.kind in {Kind.TAKE, Kind.PUT_BACK} and any(
            done.facing == found.facing
            and done.kind is Kind.PUT_BACK
            and done.end_s < found.start_s - found.hold_s
            for done in recent
        )
        return Behaviour(
            kind=found.kind,
            hold_s=found.hold_s,
            stay_s=found.end_s - found.start_s,
            kept=found.kind is Kind.TAKE and found.outcome,
            taken_before=again,
            other_items=0 if found.kind is Kind.DWELL else len(handled) - 1,
        )

    def _remember(self, found: Interaction) -> None:
        done = self._done.setdefault(found.fixture, deque(maxlen=32))
        done.append(_Done(found.facing, found.kind, found.start_s, found.end_s, found.visit))


def _window(found: Interaction, now_s: float) -> tuple[float, float]:
    """Time in which a face may have to do with an interaction."""
    if found.kind is Kind.DWELL:
        return found.start_s, found.end_s
    if found.kind is Kind.TAKE:
        return found.start_s - LEAD_S, min(now_s, found.end_s + found.hold_s)
    return found.start_s - found.hold_s - LEAD_S, min(now_s, found.end_s + AFTER_S)

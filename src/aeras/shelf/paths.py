"""How a body moved round an interaction: short traces of tracks, in memory only.

Everything is told in the body's own heights, so that nothing depends on where the camera hangs.
A face camera looks along the way to the shelf: there, nearer is larger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Point
from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction, Person, Track
from aeras.shelf.bodies import CLEAR_SCORE, SHOULDERS, WRISTS

KEEP_S = 30.0
"""Of each track this much is remembered, and nothing once the track has ended."""
AFTER_S = 2.0
"""A step back belongs to an interaction for this long."""
STEP_BACK = 0.3
"""A step back in own heights: about half a metre."""
CAME_NEAR = 0.3
"""How far somebody must have come, and gone again, in own heights."""
FACE_STEP = 0.2
"""The same for faces, as the logarithm of their size: from 0.8 m to 1 m away, say."""
SHORT_STAY_S = 8.0
"""Who stays longer has looked, whatever the way in and out."""
PUSH_PER_S = 1.0
"""Heights a second at which a hand moves out from the body in a push; putting back is half that."""
PUSH_S = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Step:
    """A track at one moment: the middle of its feet and its height in pixels, and how far the
    farther hand is from the shoulders in own heights (NaN where not seen).
    """

    t_s: float
    x: float
    y: float
    height: float
    reach: float


class Paths:
    """Traces of one camera's tracks.

    Args:
        faces: The tracks are faces of a camera that looks from the shelf.
    """

    def __init__(self, *, faces: bool = False) -> None:
        self._faces = faces
        self._steps: dict[int, deque[Step]] = {}

    def add(self, t_s: float, tracks: Sequence[Track], people: Sequence[Person] = ()) -> None:
        """Takes the tracks of one frame; forgets those that have ended."""
        kept: dict[int, deque[Step]] = {}
        for track in tracks:
            steps = kept[track.id] = self._steps.get(track.id, deque())
            if track.detection is None:
                continue  # a guessed place is no movement
            x0, y0, x1, y1 = track.box
            height = max(y1 - y0, 1.0)
            person = people[track.detection] if track.detection < len(people) else None
            steps.append(Step(t_s, (x0 + x1) / 2, y1, height, _reach(person, height)))
            while steps[0].t_s < t_s - KEEP_S:
                steps.popleft()
        self._steps = kept

    def __len__(self) -> int:
        """How many tracks are remembered."""
        return len(self._steps)

    def moves(self, found: Interaction, now_s: float, fixture: Point) -> frozenset[str]:
        """Codes of `aeras.shelf.signs.BEHAVIOUR` for how the interaction's visit moved.

        Args:
            found: The interaction; without a visit nothing is known.
            now_s: Until when is looked.
            fixture: Middle of the fixture, frame pixels.
        """
        steps = self._steps.get(found.visit) if found.visit is not None else None
        if not steps:
            return frozenset()
        codes = set()
        if found.kind is Kind.DWELL:
            inside = [s for s in steps if found.start_s <= s.t_s <= found.end_s]
            if found.end_s - found.start_s <= SHORT_STAY_S and self._came_and_went(inside, fixture):
                codes.add("came_and_went")
            return frozenset(codes)
        until = min(now_s, found.end_s + AFTER_S)
        if self._stepped_back([s for s in steps if found.end_s <= s.t_s <= until], fixture):
            codes.add("stepped_back")
        if found.kind is Kind.PUT_BACK and _pushed(
            [s for s in steps if found.start_s - PUSH_S <= s.t_s <= found.start_s]
        ):
            codes.add("pushed_away")
        return frozenset(codes)

    def _stepped_back(self, steps: Sequence[Step], fixture: Point) -> bool:
        if len(steps) < 2:  # noqa: PLR2004 - a movement needs two places
            return False
        away = self._away(steps, 0, fixture)
        return bool(away[-1] >= (FACE_STEP if self._faces else STEP_BACK))

    def _came_and_went(self, steps: Sequence[Step], fixture: Point) -> bool:
        """Came nearer, turned round, and left towards where they came from."""
        if len(steps) < 3:  # noqa: PLR2004 - in, there, out
            return False
        nearest = int(np.argmin(self._distance(steps, fixture)))
        away = self._away(steps, nearest, fixture)
        least = FACE_STEP if self._faces else CAME_NEAR
        return bool(min(away[0], away[-1]) >= least)

    def _away(self, steps: Sequence[Step], origin: int, fixture: Point) -> Floats:
        """How far each step lies from the one at ``origin``, straight away from the fixture:
        walking on along the shelf is no step back.
        """
        at = steps[origin]
        if self._faces:
            farther: Floats = self._distance(steps, fixture) + np.log(at.height)
            return farther
        out = np.array([at.x - fixture[0], at.y - fixture[1]])
        moved = np.array([[s.x - at.x, s.y - at.y] for s in steps]) / at.height
        along: Floats = moved @ out / max(float(np.hypot(*out)), 1e-6)
        return along

    def _distance(self, steps: Sequence[Step], fixture: Point) -> Floats:
        """From the fixture: in pixels, or for faces the logarithm of how small they are."""
        if self._faces:
            smaller: Floats = -np.log([s.height for s in steps])
            return smaller
        x, y = fixture
        return np.array([np.hypot(s.x - x, s.y - y) for s in steps])


def _reach(person: Person | None, height: float) -> float:
    if person is None:
        return float("nan")
    points = person.keypoints
    if points[list(SHOULDERS), 2].min() < CLEAR_SCORE:
        return float("nan")
    middle = points[list(SHOULDERS), :2].mean(axis=0)
    hands = [points[n, :2] for n in WRISTS if points[n, 2] >= CLEAR_SCORE]
    return max((float(np.hypot(*(h - middle))) / height for h in hands), default=float("nan"))


def _pushed(steps: Sequence[Step]) -> bool:
    """Whether the hand went out from the body faster than goods are put down."""
    fastest = max(
        ((b.reach - a.reach) / (b.t_s - a.t_s) for a, b in pairwise(steps) if b.t_s > a.t_s),
        default=0.0,
    )
    return fastest >= PUSH_PER_S

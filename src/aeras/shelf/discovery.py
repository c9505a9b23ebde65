"""Places on a fixture that has no facings: found where a change has come to rest.

A patch of the fixture that looks different for good, near which a hand was, is where an item left
or was put. From then on it is a place like any other, without a name.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aeras.shelf.place import Around, Change, Known, Place, PlaceOptions, Seen, Witness
from aeras.shelf.view import Bytes, FixtureView, Look, Mask

SETTLE_S = 1.2
LAST_SETTLE_S = 0.4
"""At the end of a file, when nothing more can be waited for."""
LEAST_PX = 24
LEAST_SHARE, MOST_SHARE = 0.005, 0.25
"""Size of an item as a share of the fixture: smaller is noise, larger is no single item."""
JOIN_PX = 9
"""Pieces of change this near belong to one item (a bottle shows at its cap and its foot)."""
RAGGED = 0.1
"""Share of a patch that may lie beside unrest."""
HISTORY_S = 12.0
HISTORY_FPS = 5.0
HAND_S = 3.0
"""A hand must have been near within this time before the change came to rest ..."""
HAND_REACH = 0.6
"""... and within this share of the patch's size round it."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A new place and what happened there first; ``centre`` is x, y in crop pixels."""

    place: Place
    change: Change
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    t_s: float
    features: Bytes
    covered: Mask
    hands: tuple[tuple[float, float], ...]


class Discovery:
    """Watches a whole fixture for places.

    Args:
        outline: (h, w) pixels of the fixture in its view.
        options: Settings of the places that it makes.
        witness: See `Place`.
    """

    def __init__(
        self, outline: Mask, options: PlaceOptions, witness: Witness | None = None
    ) -> None:
        self._outline = outline
        self._options = options
        self._witness = witness
        self._past: deque[_Moment] = deque()
        self._last: tuple[Mask, Mask, Around] | None = None

    def update(
        self,
        look: Look,
        view: FixtureView,
        covered: Mask,
        hands: Sequence[tuple[float, float]],
        taken: Mask,
        *,
        around: Around,
    ) -> list[Found]:
        """Takes one frame.

        Args:
            look: The view.
            view: Whose background is compared and corrected.
            covered: (h, w) pixels that cannot be judged.
            hands: (x, y) crop pixels of hands and arm tips.
            taken: (h, w) pixels that belong to places already.
            around: What goes on at the fixture; of hands, each patch has its own.
        """
        self._remember(look, covered, hands)
        self._last = (covered, taken, around)
        return self._find(look, view, SETTLE_S)

    def finish(self, look: Look, view: FixtureView) -> list[Found]:
        """What can still be told from the last frame (end of a file)."""
        return self._find(look, view, LAST_SETTLE_S) if self._last else []

    def _find(self, look: Look, view: FixtureView, settle_s: float) -> list[Found]:
        assert self._last is not None
        covered, taken, around = self._last
        rested = look.differs & ~covered & ~taken & self._outline & (look.still_s >= settle_s)
        if rested.sum() < LEAST_PX:
            return []
        found = []
        unrest = cv2.dilate(
            (look.differs & (covered | (look.still_s < settle_s))).astype(np.uint8),
            np.ones((JOIN_PX, JOIN_PX), np.uint8),
        ).astype(bool)
        for patch in _patches(rested, float(self._outline.sum())):
            if (patch & unrest).sum() > RAGGED * patch.sum():
                continue  # still growing, or partly behind somebody
            place = self._judge(patch, look, view, covered, around)
            if place is not None:
                found.append(place)
        return found

    def _judge(
        self, patch: Mask, look: Look, view: FixtureView, covered: Mask, around: Around
    ) -> Found | None:
        place = Place(patch, self._options, belief=0.0, witness=self._witness)
        near = self._hands_near(place.box, look.t_s)
        if not near:
            return None  # nobody did it: the background will learn it in its own time
        x0, y0, x1, y1 = place.wide
        box = slice(y0, y1), slice(x0, x1)
        before = Known(
            view.background()[box], view.trusted()[box], view.known_s(patch), self._past[0].t_s
        )
        past = [
            Seen(
                m.t_s,
                m.features[box],
                _hides(m.covered, patch),
                m.t_s in near,
                nearest(m.hands, place.box),
            )
            for m in self._past
        ]
        change = place.judge_past(before, past, look, covered, around)
        view.adopt(patch)
        if not isinstance(change, Change):
            return None
        rows, columns = np.nonzero(patch)
        return Found(place, change, (float(columns.mean()), float(rows.mean())))

    def _remember(self, look: Look, covered: Mask, hands: Sequence[tuple[float, float]]) -> None:
        if not self._past or look.t_s - self._past[-1].t_s >= 1 / HISTORY_FPS - 1e-3:
            self._past.append(_Moment(look.t_s, look.features, covered, tuple(hands)))
        while self._past[0].t_s < look.t_s - HISTORY_S:
            self._past.popleft()

    def _hands_near(self, box: tuple[int, int, int, int], t_s: float) -> set[float]:
        """Moments at which a hand was near; none if that was too long ago."""
        x0, y0, x1, y1 = box
        grow = HAND_REACH * max(x1 - x0, y1 - y0) + 6
        near = {
            moment.t_s
            for moment in self._past
            for x, y in moment.hands
            if x0 - grow <= x <= x1 + grow and y0 - grow <= y <= y1 + grow
        }
        return near if any(moment >= t_s - SETTLE_S - HAND_S for moment in near) else set()


def nearest(hands: Sequence[tuple[float, float]], box: tuple[int, int, int, int]) -> float:
    """How near the nearest of some points is to a box, all crop pixels: 1 inside, falling to 0
    with the box's longer side.
    """
    x0, y0, x1, y1 = box
    away = [np.hypot(max(x0 - x, 0.0, x - x1), max(y0 - y, 0.0, y - y1)) for x, y in hands]
    return float(np.exp(-min(away) / max(x1 - x0, y1 - y0))) if away else 0.0


def _hides(covered: Mask, patch: Mask) -> bool:
    return bool((covered & patch).sum() > 0.04 * patch.sum())


def _patches(rested: Mask, area: float) -> list[Mask]:
    """Connected patches of the size of an item."""
    joined = cv2.morphologyEx(
        rested.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((JOIN_PX, JOIN_PX), np.uint8)
    )
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    sizes = np.asarray(stats)[:, cv2.CC_STAT_AREA]
    least, most = max(LEAST_PX, LEAST_SHARE * area), MOST_SHARE * area
    return [labels == n for n in range(1, count) if least <= sizes[n] <= most]

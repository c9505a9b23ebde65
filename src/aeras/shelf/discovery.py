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

from aeras.shelf.appearance import edge_energy, shifted_correlation, votes
from aeras.shelf.place import Change, Place, PlaceOptions, State, bouts, when
from aeras.shelf.view import Bytes, FixtureView, Look, Mask

SETTLE_S = 1.2
LEAST_PX = 24
LEAST_SHARE, MOST_SHARE = 0.005, 0.25
"""Size of an item as a share of the fixture: smaller is noise, larger is no single item."""
JOIN_PX = 9
"""Pieces of change this near belong to one item (a bottle shows at its cap and its foot)."""
PAD_PX = 8
"""How far a thing may have moved and still be the same thing."""
MOVED_GAIN = 0.15
"""A thing has moved if a shift explains the picture this much better than none does."""
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
    """A new place and what happened there first."""

    place: Place
    change: Change
    centre: tuple[float, float]


class Discovery:
    """Watches a whole fixture for places.

    Args:
        outline: (h, w) pixels of the fixture in its view.
        options: Settings of the places that it makes.
    """

    def __init__(self, outline: Mask, options: PlaceOptions) -> None:
        self._outline = outline
        self._options = options
        self._looks: deque[tuple[float, Bytes]] = deque()
        self._hands: deque[tuple[float, float, float]] = deque()

    def update(
        self,
        look: Look,
        view: FixtureView,
        covered: Mask,
        hands: Sequence[tuple[float, float]],
        taken: Mask,
    ) -> list[Found]:
        """Takes one frame.

        Args:
            look: The view.
            view: Whose background is compared and corrected.
            covered: (h, w) pixels that cannot be judged.
            hands: (x, y) crop pixels of hands and arm tips.
            taken: (h, w) pixels that belong to places already.
        """
        self._remember(look, hands)
        rested = look.differs & ~covered & ~taken & self._outline & (look.still_s >= SETTLE_S)
        found = []
        unrest = cv2.dilate(
            (look.differs & (covered | (look.still_s < SETTLE_S))).astype(np.uint8),
            np.ones((JOIN_PX, JOIN_PX), np.uint8),
        ).astype(bool)
        for patch in _patches(rested, float(self._outline.sum())):
            if (patch & unrest).sum() > RAGGED * patch.sum():
                continue  # still growing, or partly behind somebody
            place = self._judge(patch, look, view, covered)
            if place is not None:
                found.append(place)
        return found

    def _judge(self, patch: Mask, look: Look, view: FixtureView, covered: Mask) -> Found | None:
        near = self._hands_near(patch, look.t_s)
        if not near:
            return None  # nobody did it: the background will learn it in its own time
        before = view.background()
        view.adopt(patch)
        rows, columns = np.nonzero(patch)
        box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
        old, new, inside = before[box], look.features[box], patch[box]
        if _is_moved(before, look.features, patch, self._options.moved):
            return None
        to = _which(old, new, inside)
        times = [t_s for t_s, _ in self._looks]
        olds, news = votes([f[box] for _, f in self._looks], old, new, inside, look.threshold)
        happened = when(times, olds, news, near, to)
        rested = look.t_s - float(np.median(look.still_s[patch]))
        spell = next((s for s in bouts(near) if s[1] >= happened - HAND_S), (happened, happened))
        change = Change(to, min(spell[0], happened), happened, max(rested, happened), 0.6, True)
        place = Place.known(
            patch,
            self._options,
            to,
            present=(old, new)[to is State.PRESENT],
            away=(new, old)[to is State.PRESENT],
        )
        return Found(place, change, (float(columns.mean()), float(rows.mean())))

    def _remember(self, look: Look, hands: Sequence[tuple[float, float]]) -> None:
        if not self._looks or look.t_s - self._looks[-1][0] >= 1 / HISTORY_FPS - 1e-3:
            self._looks.append((look.t_s, look.features))
        self._hands.extend((look.t_s, x, y) for x, y in hands)
        while self._looks[0][0] < look.t_s - HISTORY_S:
            self._looks.popleft()
        while self._hands and self._hands[0][0] < look.t_s - HISTORY_S:
            self._hands.popleft()

    def _hands_near(self, patch: Mask, t_s: float) -> list[float]:
        rows, columns = np.nonzero(patch)
        x0, x1, y0, y1 = columns.min(), columns.max(), rows.min(), rows.max()
        grow = HAND_REACH * max(x1 - x0, y1 - y0) + 6
        near = [
            moment
            for moment, x, y in self._hands
            if x0 - grow <= x <= x1 + grow and y0 - grow <= y <= y1 + grow
        ]
        return near if any(moment >= t_s - SETTLE_S - HAND_S for moment in near) else []


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


def _is_moved(before: Bytes, now: Bytes, patch: Mask, least: float) -> bool:
    """Whether what stood at a patch, with what is round it, is found again a little aside."""
    rows, columns = np.nonzero(patch)
    height, width = patch.shape
    y0, y1 = max(PAD_PX, rows.min() - PAD_PX), min(height - PAD_PX, rows.max() + PAD_PX)
    x0, x1 = max(PAD_PX, columns.min() - PAD_PX), min(width - PAD_PX, columns.max() + PAD_PX)
    if y1 <= y0 or x1 <= x0:
        return False
    whole = np.ones((y1 - y0, x1 - x0), dtype=bool)
    scene = now[y0 - PAD_PX : y1 + PAD_PX, x0 - PAD_PX : x1 + PAD_PX]
    best, unshifted = shifted_correlation(before[y0:y1, x0:x1], scene, whole)
    return best >= least and best - unshifted >= MOVED_GAIN


def _which(old: Bytes, new: Bytes, inside: Mask) -> State:
    """Whether an item came or went: goods have an outline and print, an empty board has less."""
    came = edge_energy(new, inside) > edge_energy(old, inside)
    return State.PRESENT if came else State.AWAY

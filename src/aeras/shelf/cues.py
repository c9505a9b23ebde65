"""The cues of one candidate change: what a place looked like before and after, and who was near.

Each cue is a number of about the size of one. What they weigh is learned, see `judge`. Two kinds:
some tell whether an item came or went at all (`Cues.real`), some tell which of the two looks shows
the item (`Cues.came`). The latter change their sign when before and after are swapped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.shelf.appearance import changed_share, edge_energy, shifted_correlation
from aeras.shelf.view import Bytes, Mask, difference

SEARCH_PX = 12
"""A look is sought again this far from its place."""
BINS = 6
"""Steps of each colour axis in the histogram of `likeness`."""


@dataclass(frozen=True, slots=True)
class Real:
    """Whether an item came or went; (what it is) -> unit.

    Attributes:
        visible: Share of the place in view.
        changed: Share of its visible pixels that look different.
        strength: Median difference of those, in 64 feature steps.
        same: Best correlation of the two looks over small shifts: merely moved?
        stayed: Their correlation without a shift.
        spill: Share of the pixels round the place that changed too: something larger changed.
        definite: How clearly one of the two looks has an outline there and the other has none.
        turned: Where both looks are known: share of telling pixels that show the other one.
        known: 1 where both looks are known.
        hand: 1 with a hand at the place at that moment, falling with the time between.
        hand_now: The same for the moment of judging.
        contact: Seconds of contact near that moment, in 2 s.
        busy: Share of that time in which the place was covered or touched.
        hidden: Seconds between the last sight of the old look and the first of the new, in 3 s.
        settled: Seconds for which the new look has been still, in 2 s.
        trusted: Seconds for which the old look was seen, in 2 s.
        size: Side of the place, as a share of the fixture's.
        restless: Share of the whole view that differs and hangs on nobody.
        hangs: Share of the changed pixels that hang on something that reaches in from outside.
        body: Share of the surroundings that somebody hides at the moment of judging.
        chroma: Share of the changed pixels that changed in colour, not in light alone.
        compact: Share of the changed pixels in their largest patch.
        crowd: Share of the other facings that differ now too.
        reach: How near a hand came about that moment, 1 at the place, falling with its size.
        held: Items of other places of this fixture that are in somebody's hand, in 2.
        away: 1 where the place is known to have lost its item.
        kept: Likeness of the colours of all that changed in the wider box, before and after: what
            fell or was pushed is still there.
        farther: Share of those changed pixels that lie beyond the place.
        awaited: 1 where something came by its look and an item is in somebody's hand, -1 where it
            came and none is; 0 where something went.
    """

    visible: float
    changed: float
    strength: float
    same: float
    stayed: float
    spill: float
    definite: float
    turned: float
    known: float
    hand: float
    hand_now: float
    contact: float
    busy: float
    hidden: float
    settled: float
    trusted: float
    size: float
    restless: float
    hangs: float = 0.0
    body: float = 0.0
    chroma: float = 0.0
    compact: float = 0.0
    crowd: float = 0.0
    reach: float = 0.0
    held: float = 0.0
    away: float = 0.0
    kept: float = 0.0
    farther: float = 0.0
    awaited: float = 0.0


@dataclass(frozen=True, slots=True)
class Came:
    """Whether the new look shows the item rather than the old one; 0 says nothing.

    Attributes:
        edges: Log ratio of edge energy inside the place.
        outline: Difference of the contrast along the outline of what changed.
        unlike: How much less the new look resembles what is round it than the old one did.
        returns: How well the new look is the place's other known one; negative where that is the
            one without the item.
        belief: Log-odds so far that the item is away, in `place.SURE`.
        held: Items of other places of this fixture that are in somebody's hand, in 2.
        gone: 1 where this place's item is in somebody's hand.
    """

    edges: float
    outline: float
    unlike: float
    returns: float = 0.0
    belief: float = 0.0
    held: float = 0.0
    gone: float = 0.0


@dataclass(frozen=True, slots=True)
class Brief:
    """What went on at a place between two sights of the same look.

    Attributes:
        gone: Greatest share of the place that was in view and looked otherwise.
        gone_s: Seconds for which that was over a third, in 2 s.
        bare: Likeness of what was seen there to what is round the place, at best.
        least: Smallest share of the place that showed the known look.
        least_s: Seconds for which hardly anything of it showed, in 2 s.
        lasted: Seconds in all, in 4 s.
        reach: Seconds for which a hand was at the place, in 2 s.
        nearest: How near a hand came at most, 1 at the place.
        best: Seconds for which it was the place nearest to a hand, in 2 s.
        body: Mean share of the place that somebody hid.
        after: Share of the place that looks a little otherwise afterwards.
        held: See `Real`.
        away: See `Real`.
    """

    gone: float
    gone_s: float
    bare: float
    least: float
    least_s: float
    lasted: float
    reach: float
    nearest: float
    best: float
    body: float
    after: float
    held: float
    away: float


@dataclass(frozen=True, slots=True)
class Bare:
    """Whether nothing stands at a place that is at rest.

    Attributes:
        like: Likeness of its colours to those round it.
        edges: Log of its edge energy.
        rougher: Log ratio of that to the energy round it.
        away: Log-odds so far that its item is away, in `place.SURE`.
        item: Likeness to the known look with the item; 0 where none is known.
        known: 1 where both looks are known.
        uneven: Spread of its colour and light, in 32 feature steps.
    """

    like: float
    edges: float
    rougher: float
    away: float
    item: float
    known: float
    uneven: float


Cues = Real | Came | Brief | Bare
"""All that a model may weigh."""


def vector(cues: Cues) -> NDArray[np.float64]:
    """The cues as numbers, in the order of the fields."""
    return np.array([getattr(cues, field.name) for field in fields(cues)], dtype=np.float64)


def names(kind: type[Cues]) -> tuple[str, ...]:
    """Names of the cues, in the same order."""
    return tuple(field.name for field in fields(kind))


def measure_sign(before: Bytes, after: Bytes, inside: Mask, ring: Mask, threshold: float) -> Came:
    """Cues of which look shows the item.

    Args:
        before: (h, w, 3) the old look, with some surroundings.
        after: The new look.
        inside: (h, w) the place, as far as both looks were in view.
        ring: (h, w) its surroundings, likewise.
        threshold: Difference of features that counts.
    """
    energy = [edge_energy(look, inside) + 2.0 for look in (before, after)]
    change = inside & (difference(before, after) > threshold)
    lines = [outline_contrast(look, change, inside | ring) for look in (before, after)]
    alike = [likeness(look, change, ring) for look in (before, after)]
    return Came(
        edges=float(np.log(energy[1] / energy[0])),
        outline=lines[1] - lines[0],
        unlike=alike[0] - alike[1],
    )


def outline_contrast(look: Bytes, change: Mask, where: Mask) -> float:
    """Contrast across the outline of a patch, in 32 feature steps.

    An item that stands there has its outline where the change ends; a board that shows again goes
    on beneath it.
    """
    near = border(change, 2) & where
    edge = change & ~cv2.erode(change.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    if near.sum() < 4 or edge.sum() < 4:  # noqa: PLR2004 - too few to speak of
        return 0.0
    values = look.astype(np.float32)
    weights = cv2.blur(near.astype(np.float32), (7, 7))
    beyond = [cv2.blur(np.where(near, values[..., n], 0), (7, 7)) for n in range(3)]
    beside = edge & (weights > 0.02)  # noqa: PLR2004 - at least a pixel of it is near
    if not beside.any():
        return 0.0
    apart = [np.abs(values[..., n] - b / np.maximum(weights, 1e-6)) for n, b in enumerate(beyond)]
    strongest = np.maximum(apart[0], 1.5 * np.maximum(apart[1], apart[2]))
    return float(np.clip(strongest[beside].mean() / 32.0, 0, 3))


def likeness(look: Bytes, inside: Mask, ring: Mask) -> float:
    """Bhattacharyya coefficient of the colours in a patch and of those round it, in [0, 1]."""
    return similarity(look, inside, look, ring)


def similarity(look: Bytes, where: Mask, other: Bytes, there: Mask) -> float:
    """The same for parts of two looks."""
    if where.sum() < 8 or there.sum() < 8:  # noqa: PLR2004 - too few to speak of
        return 0.0
    one, two = _histogram(look[where]), _histogram(other[there])
    return float(np.sqrt(one * two).sum())


def correlations(
    before: Bytes, after: Bytes, box: tuple[int, int, int, int], mask: Mask
) -> tuple[float, float]:
    """`shifted_correlation` of a place inside its wider crop.

    Args:
        before: (h, w, 3) old look of the wider crop.
        after: New look of it.
        box: The place in the crop, x0, y0, x1, y1.
        mask: (h, w) pixels of the place that both looks show.
    """
    x0, y0, x1, y1 = box
    height, width = mask.shape
    pad = max(0, min(x0, y0, width - x1, height - y1, SEARCH_PX))
    scene = after[y0 - pad : y1 + pad, x0 - pad : x1 + pad]
    return shifted_correlation(before[y0:y1, x0:x1], scene, mask[y0:y1, x0:x1])


def border(mask: Mask, reach: int) -> Mask:
    """Pixels outside a mask, (h, w), that lie within some pixels of it."""
    side = 2 * reach + 1
    grown = cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)).astype(bool)
    return np.asarray(grown & ~mask)


def in_colour(before: Bytes, after: Bytes, change: Mask, threshold: float) -> float:
    """Share of changed pixels whose colour changed too: shadows change light alone."""
    if not change.any():
        return 0.0
    apart = cv2.absdiff(np.ascontiguousarray(before), np.ascontiguousarray(after))[change]
    return float((1.5 * np.maximum(apart[:, 1], apart[:, 2]) > threshold).mean())


def compactness(change: Mask) -> float:
    """Share of the changed pixels that lie in their largest patch."""
    if not change.any():
        return 0.0
    stats = np.asarray(cv2.connectedComponentsWithStats(change.astype(np.uint8))[2])
    return float(stats[1:, cv2.CC_STAT_AREA].max() / change.sum())


def spill(before: Bytes, after: Bytes, ring: Mask, threshold: float) -> float:
    """Share of the surroundings that changed too."""
    return changed_share(before, after, ring, threshold) if ring.any() else 0.0


def nearness(moments: Sequence[float], t_s: float, fade_s: float = 1.0) -> float:
    """1 where one of the moments is ``t_s``, falling to 0 with the distance in time."""
    apart = min((abs(moment - t_s) for moment in moments), default=float("inf"))
    return float(np.exp(-apart / fade_s))


def _histogram(pixels: Bytes) -> NDArray[np.float64]:
    # Colour is spread over few steps round the middle, structure over many.
    light = np.clip(pixels[:, 0] // 43, 0, BINS - 1).astype(int)
    colour = [
        np.clip((pixels[:, n].astype(int) - 128) // 10 + BINS // 2, 0, BINS - 1) for n in (1, 2)
    ]
    index = (light * BINS + colour[0]) * BINS + colour[1]
    counts = np.bincount(index, minlength=BINS**3).astype(np.float64)
    total: NDArray[np.float64] = counts / counts.sum()
    return total

"""Which facing a change belongs to, as probabilities over the facing that told it and its
neighbours.

Three things speak for a facing: what the judge made of its own change at that moment, how well the
changed pixels cover it, and how near the hand was. Their log weights add up, and a softmax makes
probabilities of them. One hand moves one item at a time: of two changes in the same moment that
share their pixels, one is explained by the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.shelf.bodies import Hand
from aeras.shelf.place import SURE, State
from aeras.shelf.view import Mask

Box = tuple[int, int, int, int]

LEAST = 0.6
"""Below this probability only the fixture is told. At one half two facings are as likely as each
other; an item that is named should be wrong in fewer cases than two in five."""
UNWEIGHED = -3.0
"""Log-odds of a facing at which no change was weighed in that moment: about one in twenty."""
NOTHING = 0.01
"""Added to the overlap, so that a facing with no changed pixel is unlikely and not impossible."""
HAND = 1.5
"""What a hand that is one side of the facing away takes from its log weight; one further off takes
no more, since an arm that is half hidden puts the hand in the wrong place."""
REACH = 0.5
"""Neighbours are facings within this share of a facing's longer side."""
SAME_S = 0.5
"""Changes this near in time are one movement: a hand needs longer to come for the next item."""
SHARED = 0.5
"""Changes are one if at least this share of the smaller one's pixels changed with the other too."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What speaks for a facing.

    Attributes:
        log_odds: The judge's, that an item came or went there in that moment.
        overlap: Intersection over union of the changed pixels and the facing, in [0, 1].
        hand: Distance of the nearest hand from the facing's box, in its longer sides; 0 where no
            hand was seen.
    """

    log_odds: float
    overlap: float
    hand: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A change that was decided, to compare others with.

    Attributes:
        to: The state it led to.
        happened_s: When.
        sure: Probability that it is one.
        pixels: (h, w) what changed.
    """

    to: State
    happened_s: float
    sure: float
    pixels: Mask


def attribute(claims: Sequence[Claim]) -> NDArray[np.float64]:
    """Probabilities that the change belongs to each facing, in their order; they sum to 1."""
    weights = np.array(
        [
            np.clip(claim.log_odds, -SURE, SURE)
            + np.log(claim.overlap + NOTHING)
            - HAND * min(claim.hand, 1.0)
            for claim in claims
        ]
    )
    shares = np.exp(weights - weights.max())
    return np.asarray(shares / shares.sum(), np.float64)


def log_odds(chance: float) -> float:
    """Of a probability in [0, 1], not beyond `SURE` either way."""
    chance = float(np.clip(chance, 1e-6, 1 - 1e-6))
    return float(np.clip(np.log(chance / (1 - chance)), -SURE, SURE))


def is_neighbour(here: Box, other: Box) -> bool:
    """Whether another facing overlaps this one or lies within `REACH` of it; crop pixels."""
    x0, y0, x1, y1 = here
    grow = REACH * max(x1 - x0, y1 - y0)
    return (
        other[0] < x1 + grow
        and other[2] > x0 - grow
        and (other[1] < y1 + grow and other[3] > y0 - grow)
    )


def changed_pixels(differs: Mask, facing: Mask, box: Box) -> Mask:
    """What changed with a facing: all patches that touch it, at most its own size beyond it.

    Args:
        differs: (h, w) what looks different now and is in view.
        facing: (h, w) the facing.
        box: The facing's box.

    Returns:
        (h, w); the facing itself where too little of it differs from the background, as when an
        item came back to where the background had it.
    """
    inside = differs & facing
    if inside.sum() < 0.05 * facing.sum():
        return facing
    x0, y0, x1, y1 = box
    grow = max(x1 - x0, y1 - y0)
    rows = slice(max(0, y0 - grow), y1 + grow)
    columns = slice(max(0, x0 - grow), x1 + grow)
    window = np.ascontiguousarray(differs[rows, columns], dtype=np.uint8)
    _, patches = cv2.connectedComponents(window)
    touching = np.unique(patches[inside[rows, columns]])
    found: Mask = np.zeros(differs.shape, dtype=bool)
    found[rows, columns] = np.isin(patches, touching[touching > 0])
    return found


def overlap(changed: Mask, facing: Mask) -> float:
    """Intersection over union of two masks."""
    either = int((changed | facing).sum())
    return float((changed & facing).sum() / either) if either else 0.0


def hand_distance(hands: Iterable[Hand], box: Box) -> float:
    """From the nearest hand to a box (crop pixels), in the box's longer sides; 0 without hands."""
    x0, y0, x1, y1 = box
    away = [
        float(np.hypot(max(x0 - hand.x, 0.0, hand.x - x1), max(y0 - hand.y, 0.0, hand.y - y1)))
        for hand in hands
    ]
    return min(away, default=0.0) / max(x1 - x0, y1 - y0)


def same(one: Moved, other: Moved) -> bool:
    """Whether two changes may be one: the same way, the same moment, and pixels that are mostly
    shared.
    """
    shared = (one.pixels & other.pixels).sum()
    return bool(
        one.to is other.to
        and abs(one.happened_s - other.happened_s) <= SAME_S
        and shared >= SHARED * min(one.pixels.sum(), other.pixels.sum())
    )

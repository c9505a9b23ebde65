"""One place as a state machine, with a judge that believes every change it is asked about."""

from __future__ import annotations

import numpy as np

from aeras.shelf.cues import Came, Real
from aeras.shelf.judge import Judge
from aeras.shelf.place import Change, Place, State
from aeras.shelf.view import Bytes, Look, Mask

SHAPE = (60, 60)
BOX = (slice(15, 45), slice(20, 40))
LEFT = (slice(15, 45), slice(20, 32))
FPS = 10.0


class _Credulous(Judge):
    def is_real(self, cues: Real) -> float:
        return 0.9

    def has_come(self, cues: Came) -> float:
        return 2.0 if cues.edges > 0 else -2.0


def _print(seed: int) -> Bytes:
    tiles = np.random.default_rng(seed).integers(60, 200, (10, 7, 3), dtype=np.uint8)
    return np.kron(tiles, np.ones((3, 3, 1), np.uint8))[:30, :20].astype(np.uint8)


def _standing(item: Bytes | None) -> Bytes:
    features = np.full((*SHAPE, 3), 128, np.uint8)
    if item is not None:
        features[BOX] = item
    return features


def test_a_put_back_seen_under_a_hand_is_no_take_once_it_is_in_full_view() -> None:
    item = _print(1)
    again = item.copy()
    again[:, 12:] = _print(2)[:, 12:]  # it stands a little otherwise than before
    mask: Mask = np.zeros(SHAPE, dtype=bool)
    mask[BOX] = True
    place = Place(mask, judge=_Credulous(0.0, np.zeros(18), np.zeros(3)))
    nowhere: Mask = np.zeros(SHAPE, dtype=bool)
    half = mask.copy()
    half[LEFT] = False
    script = [
        (2.0, item, nowhere, False),
        (3.0, item, mask, True),
        (4.5, None, nowhere, False),
        (5.0, None, mask, True),
        (7.0, again, half, True),
        (9.0, again, nowhere, False),
    ]
    told: list[Change] = []
    still = np.zeros(SHAPE, np.float32)
    last = _standing(item)
    for n in range(90):
        t_s = n / FPS
        _, shown, covered, contact = next(part for part in script if t_s < part[0])
        features = _standing(shown)
        moving = (features != last).any(axis=2) | (covered & (n % 3 == 0))
        still = np.where(moving, np.float32(0), still + np.float32(1 / FPS))
        last = features
        look = Look(t_s, features, still, nowhere, 0.0, shaken=False, threshold=11.0)
        decided = place.update(look, covered, contact=contact)
        if isinstance(decided, Change):
            told.append(decided)
    assert [change.to for change in told] == [State.AWAY, State.PRESENT]

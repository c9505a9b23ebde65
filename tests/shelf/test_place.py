"""One place as a state machine, with a judge that believes every change it is asked about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aeras.shelf.cues import Came, Real, names
from aeras.shelf.judge import MODELS, Judge, Weights
from aeras.shelf.place import Around, Change, Place, Shift, State, Touch
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


class _Doubting(Judge):
    def is_real(self, cues: Real) -> float:
        return 0.1


def _judge(kind: type[Judge], **biases: float) -> Judge:
    """All cues weigh nothing; constants as told, by model."""
    return kind(
        **{
            model: Weights(biases.get(model, -9.0), np.zeros(len(names(cues))))
            for model, cues in MODELS.items()
        }
    )


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
    mask = _box_mask()
    place = Place(mask, judge=_judge(_Credulous))
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
    told = [one for one in _play(place, script) if isinstance(one, Change)]
    assert [change.to for change in told] == [State.AWAY, State.PRESENT]


def test_what_fell_and_is_still_there_is_told_as_fallen_and_not_as_taken() -> None:
    mask = _box_mask()
    nowhere: Mask = np.zeros(SHAPE, dtype=bool)
    script = [
        (2.0, _print(1), nowhere, False),
        (3.0, _print(1), mask, True),
        (6.0, _print(2), nowhere, False),
    ]
    (told,) = _play(Place(mask, judge=_judge(_Credulous, fell=9.0)), script)
    assert isinstance(told, Shift)
    assert 1.9 <= told.happened_s <= 3.2


def test_a_look_at_the_bare_place_between_two_at_the_item_is_when_it_was_away() -> None:
    mask = _box_mask()
    nowhere: Mask = np.zeros(SHAPE, dtype=bool)
    item = _print(1)
    script = [
        (2.0, item, nowhere, False),
        (2.5, item, mask, True),
        (2.8, None, nowhere, True),  # too short to come to rest
        (3.3, item, mask, True),
        (5.0, item, nowhere, False),
    ]
    (told,) = _play(Place(mask, judge=_judge(_Doubting, brief=9.0)), script)
    assert isinstance(told, Touch)
    assert told.sure > 0.9
    assert told.away_s is not None
    assert 2.4 <= told.away_s[0] <= 2.6
    assert 2.75 <= told.away_s[1] <= 3.0


def _box_mask() -> Mask:
    mask: Mask = np.zeros(SHAPE, dtype=bool)
    mask[BOX] = True
    return mask


def _play(
    place: Place, script: Sequence[tuple[float, Bytes | None, Mask, bool]]
) -> list[Change | Shift | Touch]:
    """What a place decides; the script says until when, what stands there, what is hidden, and
    whether a hand is there.
    """
    nowhere: Mask = np.zeros(SHAPE, dtype=bool)
    told: list[Change | Shift | Touch] = []
    still = np.zeros(SHAPE, np.float32)
    last = _standing(script[0][1])
    for n in range(round(script[-1][0] * FPS)):
        t_s = n / FPS
        _, shown, covered, contact = next(part for part in script if t_s < part[0])
        features = _standing(shown)
        moving = (features != last).any(axis=2) | (covered & (n % 3 == 0))
        still = np.where(moving, np.float32(0), still + np.float32(1 / FPS))
        last = features
        look = Look(t_s, features, still, nowhere, 0.0, shaken=False, threshold=11.0)
        decided = place.update(look, covered, Around(contact, float(contact)))
        if decided is not None:
            told.append(decided)
    return told

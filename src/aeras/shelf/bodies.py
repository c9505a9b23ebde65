"""The pose cue: what a body hides, and where its hands are.

From 17 COCO keypoints a person is drawn as capsules (limbs), a torso and a head, a little too wide
rather than too narrow. Inside, a shelf cannot be judged; outside, it can be, however near the
person stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.seen import Detections, Person, Track
from aeras.shelf.view import Bytes, FixtureView, Mask

# COCO keypoint numbers.
SHOULDERS, WRISTS, HIPS = (5, 6), (9, 10), (11, 12)
_NOSE, _EARS, _ELBOWS, _KNEES = 0, (3, 4), (7, 8), (13, 14)

LIMB = 0.42
"""Width of an arm with its sleeve, as a share of the body's width."""
HEAD = 0.42
"""Radius of head and hair, likewise."""
TORSO = 0.28
"""How far clothes reach beyond the joints of shoulders and hips, likewise."""
HAND = 0.4
"""The middle of the hand lies beyond the wrist by this share of the forearm."""
PALM = 0.4
"""A hand and what it holds lie within this distance of its middle, likewise."""
LEAST_SCORE = 0.15
CLEAR_SCORE = 0.3
"""A joint below this score may be hidden: its place is not to be relied on, nor does a wrist touch
anything."""
HANGING = 0.85
"""A forearm that points down this steeply (sine) hangs at rest."""

Point = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand in a fixture's crop.

    Attributes:
        x: Crop pixels.
        y: Crop pixels.
        reaching: False when the arm hangs down or the wrist is not clearly seen.
        visit: Track of the person, or None where the hand was seen without one.
    """

    x: float
    y: float
    reaching: bool
    visit: int | None


def find_hands(
    detections: Detections, tracks: Sequence[Track], view: FixtureView, intruding: Mask
) -> list[Hand]:
    """Hands of all people, from their arms, and detected palms that belong to none of them.

    A palm counts only on something that reaches in from outside (``intruding``, (h, w)): prints on
    goods can look like hands.
    """
    track_of = {t.detection: t.id for t in tracks if t.detection is not None}
    hands = [
        hand
        for number, person in enumerate(detections.people)
        for hand in _hands_of(person, track_of.get(number), view)
    ]
    for palm in detections.hands:
        x0, y0, x1, y1 = palm.box
        x, y = _into((x0 + x1) / 2, (y0 + y1) / 2, view)
        size = (x1 - x0) * view.scale
        row, column = int(y), int(x)
        inside = 0 <= row < view.shape[0] and 0 <= column < view.shape[1]
        if not (inside and intruding[row, column]):
            continue
        if all(np.hypot(hand.x - x, hand.y - y) > 2 * size for hand in hands):
            hands.append(Hand(x, y, True, None))
    return hands


def hand_mask(hands: Sequence[Hand], people: Sequence[Person], view: FixtureView) -> Mask:
    """Pixels of the crop near hands, (h, w): what differs there is the hand or what it holds,
    however still it is.
    """
    drawn: Bytes = np.zeros(view.shape, dtype=np.uint8)
    widths = [_width(_joints(person, view)[0], view) for person in people]
    reach = PALM * max(widths, default=0.0)
    for hand in hands:
        cv2.circle(drawn, _px(np.array([hand.x, hand.y])), max(3, round(reach)), 1, -1)
    return drawn.astype(bool)


def body_mask(people: Sequence[Person], view: FixtureView) -> Mask:
    """Pixels of the crop that people hide, (h, w)."""
    drawn: Bytes = np.zeros(view.shape, dtype=np.uint8)
    for person in people:
        _draw(person, view, drawn)
    return drawn.astype(bool)


def _draw(person: Person, view: FixtureView, drawn: Bytes) -> None:
    points, sure = _joints(person, view)
    wide = _width(points, view)
    torso = [p for n in (*SHOULDERS, *HIPS[::-1]) if (p := _at(points, sure, n)) is not None]
    if len(torso) > 2:  # noqa: PLR2004 - a polygon
        _fill(drawn, torso, round(2 * TORSO * wide))
    for joints in (SHOULDERS, HIPS):
        _line(drawn, points, sure, joints, 2 * TORSO * wide)
    for side in (0, 1):
        _line(drawn, points, sure, (SHOULDERS[side], _ELBOWS[side]), LIMB * wide)
        _line(drawn, points, sure, (HIPS[side], _KNEES[side]), 1.4 * LIMB * wide)
        hand = _hand(points, sure, side)
        if hand is not None:
            cv2.line(drawn, _px(points[_ELBOWS[side]]), _px(hand), 1, max(1, round(LIMB * wide)))
    head = [p for n in (_NOSE, *_EARS) if (p := _at(points, sure, n)) is not None]
    if head:
        cv2.circle(drawn, _px(np.mean(head, axis=0)), max(1, round(HEAD * wide)), 1, -1)


def _hands_of(person: Person, visit: int | None, view: FixtureView) -> list[Hand]:
    points, sure = _joints(person, view)
    hands = []
    for side in (0, 1):
        hand = _hand(points, sure, side)
        if hand is None:
            continue
        forearm = points[WRISTS[side]] - points[_ELBOWS[side]]
        steep = forearm[1] / max(float(np.hypot(*forearm)), 1e-6)
        clear = float(person.keypoints[WRISTS[side], 2]) >= CLEAR_SCORE
        reaching = bool(clear and steep < HANGING)
        hands.append(Hand(float(hand[0]), float(hand[1]), reaching, visit))
    return hands


def _joints(person: Person, view: FixtureView) -> tuple[NDArray[np.float64], Mask]:
    """(17, 2) in crop pixels, and which of them are sure enough."""
    keypoints = person.keypoints.astype(np.float64)
    points = (keypoints[:, :2] - np.array(view.region[:2])) * view.scale
    return points, keypoints[:, 2] >= LEAST_SCORE


def _width(points: NDArray[np.float64], view: FixtureView) -> float:
    """Width of the body in crop pixels; seen from the side, from its height."""
    across = float(np.hypot(*(points[SHOULDERS[0]] - points[SHOULDERS[1]])))
    middle = points[list(SHOULDERS)].mean(axis=0) - points[list(HIPS)].mean(axis=0)
    return max(across, 0.55 * float(np.hypot(*middle)), 8.0 * view.scale)


def _hand(points: NDArray[np.float64], sure: Mask, side: int) -> Point | None:
    wrist, elbow = _at(points, sure, WRISTS[side]), _at(points, sure, _ELBOWS[side])
    if wrist is None or elbow is None:
        return None
    return np.asarray(wrist + HAND * (wrist - elbow))


def _at(points: NDArray[np.float64], sure: Mask, number: int) -> Point | None:
    return points[number] if sure[number] else None


def _line(
    drawn: Bytes,
    points: NDArray[np.float64],
    sure: Mask,
    ends: tuple[int, int],
    width: float,
) -> None:
    if sure[ends[0]] and sure[ends[1]]:
        a, b = _px(points[ends[0]]), _px(points[ends[1]])
        cv2.line(drawn, a, b, 1, max(1, round(width)))


def _fill(drawn: Bytes, corners: Sequence[Point], border: int) -> None:
    outline = np.round(np.array(corners)).astype(np.int32)
    cv2.fillPoly(drawn, [outline], 1)
    cv2.polylines(drawn, [outline], True, 1, max(1, border))


def _px(point: Point) -> tuple[int, int]:
    # Far-off coordinates would overflow in OpenCV's line drawing.
    x, y = np.clip(point, -4000, 4000)
    return round(float(x)), round(float(y))


def _into(x: float, y: float, view: FixtureView) -> tuple[float, float]:
    return (x - view.region[0]) * view.scale, (y - view.region[1]) * view.scale

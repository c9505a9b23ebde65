"""What an interaction says about the item: behaviour carries it, the face supports it.

Evidence is added up as log-odds against a prior that favours ``neutral``, so that where nothing is
known the reading is neutral. What a face shows is taken relative to the same person's own face
before, and capped: on a handling it can tip a reading but never make one. The words say what was
seen ("brow lowered"), never what anybody feels.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import FaceReading


class Weights(NamedTuple):
    """Log-odds that one piece of evidence adds to each class (neutral is the reference, 0)."""

    positive: float
    hesitant: float
    rejected: float


NEUTRAL_PRIOR = 1.6
"""Log-odds of neutral before any evidence: 0.62 against 0.13 for each of the others."""

BEHAVIOUR: dict[str, tuple[Weights, str]] = {
    # All weights here are judgement, not yet fitted: they are set so that one plain act passes one
    # half for its class and two acts that contradict each other do not.
    # Taking an item along is the strongest acceptance that a camera can see, though not a purchase.
    "kept": (Weights(2.6, 0.0, -1.0), "kept the item"),
    # Looked at and turned down at once.
    "put_back_fast": (Weights(-1.0, 0.4, 2.8), "put back after {hold} s"),
    "put_back": (Weights(-0.6, 0.8, 2.3), "put back after {hold} s"),
    # A long hold means reading and weighing; conflict makes people put a choice off (Tversky and
    # Shafir 1992, "Choice under conflict"), which is not the same as refusing.
    "put_back_slow": (Weights(-0.2, 1.9, 1.2), "held for {hold} s, then put back"),
    "taken_again": (Weights(0.2, 1.6, -0.2), "taken, put back and taken again"),
    "compared": (Weights(0.0, 1.0, 0.0), "changed between items"),
    "touched_only": (Weights(0.0, 1.1, 0.2), "touched, not taken"),
    "long_stay": (Weights(0.1, 0.6, 0.0), "stood there for {stay} s"),
    "looked_away": (Weights(-0.2, 0.1, 0.6), "head turned away"),
}
"""Behaviour: code -> weights and its words."""

EXPRESSION: dict[str, tuple[Weights, str]] = {
    # The weight is for a change of 0.5 in probability against the own baseline. Smiles are read
    # reliably; the negative classes are confused with one another and with thinking, so they count
    # as one group and half as much.
    "smile": (Weights(2.2, 0.0, -0.6), "smile"),
    "unhappy_face": (Weights(-0.3, 0.3, 1.1), "mouth or brow drawn"),
    "brow_lowered": (Weights(0.0, 0.3, 0.5), "brow lowered"),
    "brow_raised": (Weights(0.0, 0.5, 0.0), "brow raised"),
}
"""What faces show: code -> weights and its words."""

EXPRESSION_CAP = 0.9
"""Most that all expression together moves a class on a handling, in log-odds: less than the
neutral prior, so it is never enough alone, and about a quarter of what behaviour can reach."""
EXPRESSION_CAP_DWELL = 4.0
"""The same for standing before the shelf without handling, where there is no behaviour to read."""

FAST_S = 4.0
LONG_S = 12.0
LONG_STAY_S = 15.0
AGAIN_S = 30.0
"""A second take of the same item within this many seconds is a second thought."""
AWAY_DEGREES = 35.0
REST_QUANTILE = 0.2
"""A face at rest is its own lowest fifth: a median would be eaten up by a long smile."""
LEAST_READINGS = 3
"""Fewer readings of a face than this in an interaction say nothing."""

NEGATIVE = ("sadness", "anger", "disgust", "fear", "contempt")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was done, as far as the reaction needs it; times in seconds."""

    kind: Kind
    hold_s: float = 0.0
    stay_s: float = 0.0
    kept: bool = False
    taken_before: bool = False
    other_items: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Readings of the one face that belongs to an interaction.

    Attributes:
        during: Readings in the interaction's time, in order.
        before: Readings of the same face earlier in the visit: its baseline.
        coverage: Share of the interaction's time in which it could be read, in [0, 1].
    """

    during: tuple[FaceReading, ...] = ()
    before: tuple[FaceReading, ...] = ()
    coverage: float = 0.0


NO_FACES = Faces()


def fuse(behaviour: Behaviour, faces: Faces = NO_FACES) -> Reaction:
    """Adds up the evidence.

    Returns:
        Four probabilities that sum to 1, the coverage, and the codes of what spoke, strongest
        first; `say` puts them into words.
    """
    acted = [(code, BEHAVIOUR[code][0], 1.0) for code in _acts(behaviour, faces)]
    shown = _shown(faces)
    cap = EXPRESSION_CAP_DWELL if behaviour.kind is Kind.DWELL else EXPRESSION_CAP
    logits = _add(acted) + np.clip(_add(shown), -cap, cap)
    odds = np.exp(np.append(logits, NEUTRAL_PRIOR))
    positive, hesitant, rejected, neutral = (float(p) for p in odds / odds.sum())
    return Reaction(
        positive, hesitant, rejected, neutral, round(faces.coverage, 4), _strongest(acted + shown)
    )


def say(reaction: Reaction, *, hold_s: float = 0.0, stay_s: float = 0.0) -> list[str]:
    """The reasons of a reaction in plain words, strongest first."""
    words = {code: text for table in (BEHAVIOUR, EXPRESSION) for code, (_, text) in table.items()}
    return [
        words[code].format(hold=_length(hold_s), stay=_length(stay_s))
        for code in reaction.reasons
        if code in words
    ]


def _length(seconds: float | str) -> str:
    return seconds if isinstance(seconds, str) else str(round(seconds))


_Evidence = tuple[str, Weights, float]
"""Code, weights, and how much of it there is."""


def _acts(behaviour: Behaviour, faces: Faces) -> Iterable[str]:
    if behaviour.kind is Kind.TAKE and behaviour.kept:
        yield "kept"
    if behaviour.kind is Kind.PUT_BACK and behaviour.hold_s > 0:
        fast, long = behaviour.hold_s < FAST_S, behaviour.hold_s >= LONG_S
        yield "put_back_fast" if fast else "put_back_slow" if long else "put_back"
    if behaviour.kind is Kind.REACH:
        yield "touched_only"
    if behaviour.kind is Kind.DWELL and behaviour.stay_s >= LONG_STAY_S:
        yield "long_stay"
    if behaviour.taken_before:
        yield "taken_again"
    if behaviour.other_items > 1:
        yield "compared"
    if behaviour.kind is not Kind.DWELL and _looked_away(faces.during):
        yield "looked_away"


def _looked_away(readings: Sequence[FaceReading]) -> bool:
    """Whether the head was turned aside most of the last two seconds."""
    if len(readings) < LEAST_READINGS:
        return False
    last = readings[-1].t_s
    yaws = [abs(r.pose.yaw) for r in readings if r.pose and r.t_s >= last - 2.0]
    return len(yaws) >= LEAST_READINGS and float(np.median(yaws)) > AWAY_DEGREES


def _shown(faces: Faces) -> list[_Evidence]:
    """Evidence of the face, as change against its own baseline, scaled by coverage."""
    readings = [r for r in faces.during if r.expression is not None]
    if len(readings) < LEAST_READINGS:
        return []
    # Half of the coverage is enough to be heard in full: nobody faces a shelf all the time.
    heard = min(1.0, 2.0 * faces.coverage)
    smile = _peak(readings, ("happiness",)) - _baseline(faces, ("happiness",))
    unhappy = _peak(readings, NEGATIVE) - _baseline(faces, NEGATIVE)
    brow_down = _shape(faces, ("browDownLeft", "browDownRight"))
    brow_up = _shape(faces, ("browInnerUp",))
    found = {
        "smile": smile,
        "unhappy_face": unhappy - max(smile, 0.0),
        "brow_lowered": brow_down,
        "brow_raised": brow_up,
    }
    return [
        (code, EXPRESSION[code][0], heard * 2.0 * amount)
        for code, amount in found.items()
        if amount > 0.1  # noqa: PLR2004 - below this it is the reader's noise
    ]


def _probability(reading: FaceReading, names: Sequence[str]) -> float:
    assert reading.expression is not None
    return sum(reading.expression[name] for name in names)


def _peak(readings: Sequence[FaceReading], names: Sequence[str]) -> float:
    """The level that was reached for at least a quarter of the time: a smile is short."""
    return float(np.quantile([_probability(r, names) for r in readings], 0.75))


def _baseline(faces: Faces, names: Sequence[str]) -> float:
    """The same face before; where it was not seen before, half of its own lowest fifth.

    Half, since someone who smiles all the time does show something.
    """
    before = [r for r in faces.before if r.expression is not None]
    if len(before) >= LEAST_READINGS:
        return float(np.quantile([_probability(r, names) for r in before], REST_QUANTILE))
    during = [_probability(r, names) for r in faces.during if r.expression is not None]
    own = 0.5 * float(np.quantile(during, REST_QUANTILE))
    return max(own, 0.35) if len(names) > 1 else own  # the negative group is never near nought


def _shape(faces: Faces, names: Sequence[str]) -> float:
    """Rise of a face shape over the face at rest."""
    during = [max(r.blendshapes.get(n, 0.0) for n in names) for r in faces.during if r.blendshapes]
    before = [max(r.blendshapes.get(n, 0.0) for n in names) for r in faces.before if r.blendshapes]
    if len(during) < LEAST_READINGS:
        return 0.0
    rest = before if len(before) >= LEAST_READINGS else during
    base = np.quantile(rest, REST_QUANTILE)
    return float(np.quantile(during, 0.75) - base)


def _add(evidence: Sequence[_Evidence]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    total = np.zeros(3)
    for _, weights, amount in evidence:
        total += amount * np.array(weights)
    return total


def _strongest(evidence: Sequence[_Evidence]) -> tuple[str, ...]:
    ranked = sorted(evidence, key=lambda e: -abs(e[2]) * max(abs(w) for w in e[1]))
    return tuple(code for code, _, _ in ranked)

"""What an interaction says about the item: behaviour carries it, the face supports it.

Evidence is added up as log-odds against a prior that favours ``neutral``, so that where nothing is
known the reading is neutral. The signs and their weights are the table in `aeras.shelf.signs`.

What a face shows is taken relative to the same person's own face before, counts only as far as it
could be read, and is capped: it gives at most a quarter of the evidence that a class can gather,
moves no class's probability by more than a quarter, and never makes a reading alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aeras.domain.kept import Kind, Reaction, ReactionLabel
from aeras.domain.seen import FaceReading
from aeras.shelf.signs import BEHAVIOUR, EXPRESSION, UNCLEAR, Weights
from aeras.shelf.temporal import SMILE, UNHAPPY, rise

NEUTRAL_PRIOR = 1.6
"""Log-odds of neutral before any evidence: 0.62 against 0.13 for each of the others."""
BEHAVIOUR_REACH = 3.0
"""Most that behaviour moves a class, in log-odds: signs of one visit are not independent, so that
many of them must not add up to certainty."""
EXPRESSION_CAP = 1.0
"""Most that expression moves a class, in log-odds: a quarter of what a class can gather (3 + 1).
As the face never speaks against a class, a class's odds change by a factor of at most e either
way, which is at most tanh(1/4) = 0.245 in probability. Less than the prior, so that it is never
enough alone."""

FAST_S = 4.0
LONG_S = 12.0
LONG_STAY_S = 15.0
AGAIN_S = 30.0
"""A second take of the same item within this many seconds is a second thought."""
CONFLICT = 3
"""Changes between items from which somebody goes back and forth."""
UNUSUAL = 1.0
"""Standard deviations from the usual length (as a logarithm) that count."""
AWAY_DEGREES = 35.0
AWAY_S = 2.0
REST_QUANTILE = 0.2
"""A face at rest is its own lowest fifth: a median would be eaten up by a long smile."""
LEAST_READINGS = 3
"""Fewer readings of a face than this in an interaction say nothing."""
DISAGREE = 0.25
"""Two classes of at least this probability disagree."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What was done, as far as the reaction needs it; times in seconds.

    Attributes:
        kind: What was done.
        hold_s: How long the item was away from its place; 0 where that was not seen.
        stay_s: How long the interaction lasted.
        kept: Taken along.
        taken_before: Taken again after a put back.
        switches: How often the visit changed from one item to another.
        came_back: The visit had left this fixture and returned.
        unusual: Standard deviations by which ``hold_s`` (``stay_s`` for a dwell) differs from what
            is usual for this item and hour, or None where that is not known.
        moves: Codes of how the body moved: ``came_and_went``, ``pushed_away``, ``stepped_back``.
    """

    kind: Kind
    hold_s: float = 0.0
    stay_s: float = 0.0
    kept: bool = False
    taken_before: bool = False
    switches: int = 0
    came_back: bool = False
    unusual: float | None = None
    moves: frozenset[str] = frozenset()


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

_Evidence = tuple[str, Weights, float]
"""Code, weights, and how much of it there is."""


def fuse(behaviour: Behaviour, faces: Faces = NO_FACES) -> Reaction:
    """Adds up the evidence.

    Returns:
        Four probabilities that sum to 1, the coverage, and the codes of what spoke, strongest
        first; where no class reaches one half, the code of why comes before them. `say` puts them
        into words.
    """
    acted = [(code, BEHAVIOUR[code].weights, amount) for code, amount in _acts(behaviour, faces)]
    shown = _shown(faces)
    logits = np.clip(_add(acted), -BEHAVIOUR_REACH, BEHAVIOUR_REACH)
    logits = logits + np.minimum(_add(shown), EXPRESSION_CAP)
    return _reaction(logits, faces.coverage, acted + shown)


def face_alone(faces: Faces) -> Reaction:
    """What the face alone would say, without the cap: to look at a reader, never for an event."""
    shown = _shown(faces)
    return _reaction(_add(shown), faces.coverage, shown)


def say(reaction: Reaction, *, hold_s: float = 0.0, stay_s: float = 0.0) -> list[str]:
    """The reasons of a reaction in plain words, strongest first."""
    words = {code: sign.words for code, sign in (BEHAVIOUR | EXPRESSION).items()} | UNCLEAR
    return [
        words[code].format(hold=_length(hold_s), stay=_length(stay_s))
        for code in reaction.reasons
        if code in words
    ]


def _length(seconds: float | str) -> str:
    return seconds if isinstance(seconds, str) else str(round(seconds))


def _reaction(
    logits: np.ndarray[tuple[int], np.dtype[np.float64]],
    coverage: float,
    evidence: Sequence[_Evidence],
) -> Reaction:
    odds = np.exp(np.append(logits, NEUTRAL_PRIOR))
    positive, hesitant, rejected, neutral = (float(p) for p in odds / odds.sum())
    ranked = sorted(evidence, key=lambda e: -abs(e[2]) * max(abs(w) for w in e[1]))
    reasons = tuple(code for code, _, _ in ranked)
    read = Reaction(positive, hesitant, rejected, neutral, round(coverage, 4), reasons)
    if read.label is not ReactionLabel.UNCLEAR:
        return read
    disagree = sum(p >= DISAGREE for p in (positive, hesitant, rejected)) > 1
    why = "signs_disagree" if disagree else "few_signs"
    return replace(read, reasons=(why, *reasons))


def _acts(behaviour: Behaviour, faces: Faces) -> Iterator[tuple[str, float]]:
    """Codes of what was done, and how much each counts."""
    if behaviour.kind is Kind.TAKE and behaviour.kept:
        yield "kept", 1.0
    if behaviour.kind is Kind.PUT_BACK:
        yield _put_back(behaviour.hold_s), 1.0
    if behaviour.kind is Kind.REACH:
        yield "touched_only", 1.0
    if behaviour.kind is Kind.DWELL and behaviour.stay_s >= LONG_STAY_S:
        yield "long_stay", 1.0
    yield from ((code, 1.0) for code in _choosing(behaviour))
    if behaviour.unusual is not None and abs(behaviour.unusual) >= UNUSUAL:
        code = "shorter_than_usual" if behaviour.unusual < 0 else "longer_than_usual"
        yield code, min(abs(behaviour.unusual) / 2.0, 1.0)
    yield from ((code, 1.0) for code in sorted(behaviour.moves))
    if behaviour.kind is not Kind.DWELL and _looked_away(faces.during):
        yield "looked_away", 1.0


def _put_back(hold_s: float) -> str:
    if hold_s <= 0:
        return "put_back_unseen"
    if hold_s < FAST_S:
        return "put_back_fast"
    return "put_back_slow" if hold_s >= LONG_S else "put_back"


def _choosing(behaviour: Behaviour) -> Iterator[str]:
    """Signs of weighing: reading one item is told from going back and forth between several."""
    if behaviour.taken_before:
        yield "taken_again"
    if behaviour.switches >= CONFLICT:
        yield "alternated"
    elif behaviour.switches:
        yield "compared"
    elif behaviour.hold_s >= LONG_S and not behaviour.taken_before:
        yield "read_label"
    if behaviour.came_back:
        yield "came_back"


def _looked_away(readings: Sequence[FaceReading]) -> bool:
    """Whether the head was turned aside most of the last two seconds."""
    if len(readings) < LEAST_READINGS:
        return False
    last = readings[-1].t_s
    yaws = [abs(r.pose.yaw) for r in readings if r.pose and r.t_s >= last - AWAY_S]
    return len(yaws) >= LEAST_READINGS and float(np.median(yaws)) > AWAY_DEGREES


def _shown(faces: Faces) -> list[_Evidence]:
    """Evidence of the face, as change against its own baseline, scaled by coverage."""
    readings = [r for r in faces.during if r.expression is not None]
    if len(readings) < LEAST_READINGS:
        return []
    # Half of the coverage is enough to be heard in full: nobody faces a shelf all the time.
    heard = min(1.0, 2.0 * faces.coverage)
    smile = rise(faces.during, faces.before, SMILE)
    unhappy = rise(faces.during, faces.before, UNHAPPY)
    brow_down = _shape(faces, ("browDownLeft", "browDownRight"))
    brow_up = _shape(faces, ("browInnerUp",))
    found = {
        "smile": smile,
        "unhappy_face": unhappy - max(smile, 0.0),
        "brow_lowered": brow_down,
        "brow_raised": brow_up,
    }
    return [
        (code, EXPRESSION[code].weights, heard * 2.0 * amount)
        for code, amount in found.items()
        if amount > 0.1  # noqa: PLR2004 - below this it is the reader's noise
    ]


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

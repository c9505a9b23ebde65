"""What a face showed over time, against the same face at rest.

People's faces differ at rest: a heavy brow reads as anger all day long. So each reading counts as
log-odds against the shopper's own, taken from the first seconds in which the face could be read.
Readings add up with a decay: what lasts is heard, what flickers for one frame is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aeras.domain.seen import FaceReading

REST_S = 2.0
"""The first readable seconds of a visit show the face at rest."""
DECAY_S = 1.0
"""After this long a reading counts 1/e: about the length of a short smile."""
LEAST_BEFORE = 3
"""Readings from which a face at rest is known by itself."""
DOUBT = 2.0
"""Readings without evidence that are taken to come first, so that one frame never decides."""
CLIP = 0.05
"""Probabilities beyond this are as good as 0 or 1; their log-odds would be noise."""
USUAL = 0.15
"""A rise is told as if it began from here, so that all begin alike."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A group of expressions, and what faces at rest show of it.

    Attributes:
        names: Of `EXPRESSIONS`.
        usual: Probability that a face at rest usually gets.
        strength: Readings that this counts for where the face was not seen before. Low where faces
            at rest differ much: then only a change counts, and whoever frowns from first to last
            shows nothing. Higher where showing it all the time says something, as a smile does.
        quantile: Of the first seconds' readings that is the face at rest: their median, or less
            for what may well begin within them.
    """

    names: tuple[str, ...]
    usual: float
    strength: float
    quantile: float = 0.5


SMILE = Rest(("happiness",), usual=0.1, strength=6.0, quantile=0.25)
UNHAPPY = Rest(("sadness", "anger", "disgust", "fear", "contempt"), usual=0.35, strength=1.0)


def rise(during: Sequence[FaceReading], before: Sequence[FaceReading], rest: Rest) -> float:
    """How far a group of expressions rose at most over the face at rest.

    Args:
        during: Readings in which it is looked for, in order of time.
        before: Earlier readings of the same face in the same visit, in order of time.
        rest: The group.

    Returns:
        The rise in probability from a face that usually shows little of it, in [-1, 1].
    """
    times = np.array([r.t_s for r in during if r.expression is not None])
    if not len(times):
        return 0.0
    known = sum(r.expression is not None for r in before) >= LEAST_BEFORE
    own = baseline(before, rest, strength=0.0) if known else baseline([*before, *during], rest)
    odds = _log_odds(during, rest.names) - own
    start = _logit(USUAL)
    return float(1 / (1 + np.exp(-start - _peak(times, odds))) - USUAL)


def baseline(
    readings: Sequence[FaceReading], rest: Rest, *, strength: float | None = None
) -> float:
    """Log-odds of a group of expressions for one face at rest.

    Args:
        readings: From the first of the visit on, in order of time; only the first seconds count.
        rest: The group.
        strength: In place of the group's own.
    """
    read = [r for r in readings if r.expression is not None]
    first = [r for r in read if r.t_s <= read[0].t_s + REST_S]
    own = float(np.quantile(_log_odds(first, rest.names), rest.quantile)) if first else 0.0
    count, usual = len(first), rest.strength if strength is None else strength
    return (count * own + usual * _logit(rest.usual)) / (count + usual)


def _peak(times: np.ndarray[tuple[int], np.dtype[np.float64]], odds: np.ndarray) -> float:
    """The highest value of the decaying mean; nothing is taken for granted before it began."""
    total = weight = 0.0
    peak, last = -np.inf, times[0]
    for t_s, value in zip(times, odds, strict=True):
        fade = float(np.exp(-(t_s - last) / DECAY_S))
        total, weight, last = total * fade + float(value), weight * fade + 1.0, t_s
        peak = max(peak, total / (weight + DOUBT))
    return float(peak)


def _log_odds(readings: Sequence[FaceReading], names: tuple[str, ...]) -> np.ndarray:
    shares = [sum(r.expression[n] for n in names) for r in readings if r.expression is not None]
    clipped = np.clip(np.array(shares), CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))

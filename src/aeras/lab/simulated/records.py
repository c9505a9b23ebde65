"""Drawn stops and handlings as events, through the real privacy gate, and survey answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from aeras.domain.kept import Answer, Event, Kind, Origin, Reaction
from aeras.domain.seen import Interaction
from aeras.domain.shop import Shop
from aeras.lab.simulated.shoppers import (
    ACTS,
    CLASSES,
    KEPT,
    TOUCHED,
    Floats,
    Handlings,
    Ints,
    Shelf,
    Stops,
    moment,
)
from aeras.lab.simulated.words import LANGUAGES, REASONS, sentence
from aeras.privacy.gate import Gate, floor_time

DWELLS = 0.8
"""Share of stops that give a dwell."""
ANSWERED = np.array([0.004, 0.02, 0.08, 0.004])
"""Share of handlings that lead to an answer, by true class."""


def events_of(
    shop: Shop,
    shelf: Shelf,
    stops: Stops,
    handlings: Handlings,
    rng: np.random.Generator,
) -> Iterator[Event]:
    """Sends every interaction through the gate, in order of time."""
    made = [*_dwells(shelf, stops, rng), *_acts(shelf, handlings, rng)]
    made.sort(key=lambda interaction: interaction.end_s)
    digits = rng.bytes(16 * len(made)).hex()
    ids = iter([digits[i : i + 32] for i in range(0, len(digits), 32)])
    gate = Gate(shop, ids=lambda: next(ids), origin=Origin.SIMULATED)
    return map(gate.admit, made)


class _Readings:
    """What the system reads of N interactions: reactions, coverage, confidence.

    Args:
        read: (N,) class read, -1 where none is clear.
        rng: Draws.
    """

    def __init__(self, read: Ints, rng: np.random.Generator) -> None:
        count = len(read)
        self._shares = _shares(read, rng)
        self._coverage = rng.beta(2, 3, count)
        self._coverage[rng.random(count) < 0.35] = 0  # noqa: PLR2004 - no face in a third
        self._confidence = rng.uniform(0.7, 0.99, count)
        shown = (rng.random(count) < 0.6) & (self._coverage > 0)  # noqa: PLR2004 - most of the rest
        self._face = np.where(shown, read, -1)

    def of(self, n: int, code: str) -> tuple[Reaction, float]:
        """Reaction, led by the code of what was done, and confidence of one interaction."""
        positive, hesitant, rejected, neutral = self._shares[n].tolist()
        done = (code,) if code else ()
        reaction = Reaction(
            positive=positive,
            hesitant=hesitant,
            rejected=rejected,
            neutral=neutral,
            coverage=float(self._coverage[n]),
            reasons=(*done, *_face(int(self._face[n]))),
        )
        return reaction, float(self._confidence[n])


def _shares(read: Ints, rng: np.random.Generator) -> Floats:
    """(N, 4) probabilities: the class read holds 0.52 to 0.9, an unclear one less than half."""
    count = len(read)
    clear = read >= 0
    best = np.where(clear, read, rng.integers(0, 4, count))
    top = np.where(clear, rng.uniform(0.52, 0.9, count), rng.uniform(0.36, 0.47, count))
    rest = rng.uniform(0.5, 1.0, (count, 4))
    rest[np.arange(count), best] = 0
    shares: Floats = rest / rest.sum(axis=1, keepdims=True) * (1 - top)[:, None]
    shares[np.arange(count), best] = top
    return shares


def _dwells(shelf: Shelf, stops: Stops, rng: np.random.Generator) -> Iterator[Interaction]:
    """Looking without handling is mostly neutral."""
    count = len(stops.visit)
    read = np.searchsorted([0.1, 0.18, 0.22], rng.random(count), side="right")
    readings = _Readings(read, rng)
    for n in np.flatnonzero(rng.random(count) < DWELLS):
        long = stops.dwell_s[n] >= 15  # noqa: PLR2004 - seconds, as in shelf.reaction
        yield _interaction(
            shelf,
            int(stops.facing[n]),
            Kind.DWELL,
            visit=int(stops.visit[n]),
            span=(float(stops.at_s[n]), float(stops.at_s[n] + stops.dwell_s[n])),
            reading=readings.of(int(n), "long_stay" if long else ""),
        )


def _acts(shelf: Shelf, handlings: Handlings, rng: np.random.Generator) -> Iterator[Interaction]:
    """One interaction for a touch and a kept take, two for an item that was put back."""
    readings = _Readings(handlings.read, rng)
    for n, act in enumerate(handlings.act.tolist()):
        visit, facing = int(handlings.visit[n]), int(handlings.facing[n])
        start, hold = float(handlings.at_s[n]), float(handlings.hold_s[n])
        reading = readings.of(n, ACTS[act])
        kind = Kind.REACH if act == TOUCHED else Kind.TAKE
        yield _interaction(
            shelf,
            facing,
            kind,
            visit=visit,
            span=(start, start + (hold if act == TOUCHED else 1.0)),
            reading=reading,
            outcome=act in {KEPT, TOUCHED},
        )
        if act not in {KEPT, TOUCHED}:
            yield _interaction(
                shelf,
                facing,
                Kind.PUT_BACK,
                visit=visit,
                span=(start + hold, start + hold + 1.0),
                reading=reading,
                outcome=True,
                hold_s=hold,
            )


def _face(read: int) -> tuple[str, ...]:
    """What the face shows with a class that was read, as codes of ``shelf.reaction``."""
    if read < 0:
        return ()
    return {
        "positive": ("smile",),
        "hesitant": ("brow_raised",),
        "rejected": ("brow_lowered",),
    }.get(CLASSES[read], ())


def _interaction(
    shelf: Shelf,
    facing: int,
    kind: Kind,
    *,
    visit: int,
    span: tuple[float, float],
    reading: tuple[Reaction, float],
    outcome: bool = False,
    hold_s: float = 0.0,
) -> Interaction:
    start_s, end_s = span
    reaction, confidence = reading
    return Interaction(
        kind=kind,
        fixture=shelf.fixtures[shelf.fixture_of[facing]],
        facing=shelf.facings[facing],
        item=shelf.items[shelf.item_of[facing]],
        start_s=start_s,
        end_s=end_s,
        hold_s=hold_s,
        confidence=confidence,
        reaction=reaction,
        outcome=outcome,
        visit=visit,
        at=moment(end_s),
    )


def answers_of(
    shop: Shop, shelf: Shelf, handlings: Handlings, rng: np.random.Generator
) -> list[Answer]:
    """Answers of those who put an item back, mostly; three in four name the item's true cause."""
    home = shop.language if shop.language in LANGUAGES else LANGUAGES[0]
    chance = np.array([0.64 if code == home else 0.12 for code in LANGUAGES])
    answers = []
    for n in np.flatnonzero(rng.random(len(handlings.true)) < ANSWERED[handlings.true]):
        item = int(handlings.item[n])
        true_cause = rng.random() < 0.75  # noqa: PLR2004 - three in four
        reason = REASONS[shelf.cause[item] if true_cause else rng.integers(len(REASONS))]
        language = str(rng.choice(LANGUAGES, p=chance / chance.sum()))
        liked = handlings.true[n] != CLASSES.index("rejected")
        answers.append(
            Answer(
                id=rng.bytes(16).hex(),
                receipt=rng.bytes(10).hex().upper(),
                survey="put-back",
                version=1,
                item=shelf.items[item],
                trigger=None,
                at=floor_time(
                    moment(handlings.at_s[n] + rng.uniform(20, 300)), timedelta(minutes=15)
                ),
                channel=str(rng.choice(["kiosk", "qr"])),
                language=language,
                rating=int(rng.integers(3, 6) if liked else rng.integers(1, 4)),
                choice=reason,
                text=sentence(reason, language, rng) if rng.random() < 0.7 else "",  # noqa: PLR2004
                origin=Origin.SIMULATED,
            )
        )
    return answers

"""``aeras lab reaction``: what expression adds to a reading over behaviour alone.

Two kinds of visits with known truth, neither of which any weight was fitted to. Simulated: acts and
holds from `aeras.lab.simulated`, faces drawn from the stated probabilities below; nobody knows how
often a shopper's face shows what the handling was, so the figures are told for several shares, from
never to most of the time. Rendered: the demo's two videos through the whole pipeline, once with
expression and once with it blanked. A simulated reaction is simulated: the figures say how the
fusion behaves if shoppers were so, not how shoppers are.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aeras.capture import open_source
from aeras.domain.errors import InputError
from aeras.domain.geometry import as_polygon
from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import (
    EXPRESSIONS,
    Detections,
    Expression,
    FaceReading,
    Frame,
    Interaction,
)
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Shop
from aeras.lab.simulated.shoppers import ACT_GIVEN_CLASS, ACTS, CLASSES, HOLD_S, HOLD_SPREAD
from aeras.shelf.reaction import NO_FACES, Behaviour, Faces, fuse

Floats = NDArray[np.float64]

SHARES = (0.0, 0.25, 0.5, 0.75)
"""How many handlings show on the face; the truth is unknown, so each is told."""
UNRELATED = 0.15
"""Share of the other faces that show something else: a companion's joke, a thought."""
HIDDEN = 0.35
"""Share of handlings in which no face can be read; of the rest a beta(2, 3) share of the time."""
CONFUSED = {"happiness": 0.07, "surprise": 0.3, "disgust": 0.5, "anger": 0.3, "sadness": 0.35}
"""Share of faces that the network reads as another class, about as the shipped one's recalls."""
SHOWS = (("happiness",), ("surprise", "neutral"), ("disgust", "anger", "sadness"), ("neutral",))
"""What a face may show, per class."""
RESTING = 0.3
"""A face at rest leans by up to this much to some expression; that is what the baseline is for."""
JITTER = 0.08
READINGS_PER_S = 3.0
PRIOR = (0.30, 0.18, 0.27, 0.25)
"""What a handling is, in the order of `CLASSES`."""
DRAWS = 500
BINS = 10
MATCH_S = 1.5

TRUE_OF = {"smile": 0, "puzzled": 1, "repelled": 2, "neutral": 3}
"""Class of a rendered story's face."""

Line = dict[str, Any]


def simulated(visits: int, *, seed: int = 11) -> list[Line]:
    """One line of figures per share of faces that show anything."""
    lines = []
    for share in SHARES:
        rng = np.random.default_rng(seed)
        true, acts, holds = _handlings(visits, rng)
        faces = [_face(int(c), h, share, rng) for c, h in zip(true, holds, strict=True)]
        behaviours = [_behaviour(ACTS[a], h) for a, h in zip(acts, holds, strict=True)]
        both = [fuse(b, f) for b, f in zip(behaviours, faces, strict=True)]
        bare = [fuse(b) for b in behaviours]
        lines.append({"faces_that_show": share, **compare(true, both, bare, seed=seed)})
    return lines


def rendered(folders: Sequence[Path], *, fps: float = 5.0, seed: int = 11) -> Line:
    """Figures over demo videos, each folder as `aeras.lab.render.render_demo` fills it.

    Raises:
        InputError: A folder holds no rendered demo.
    """
    pairs = [pair for folder in folders for pair in _replayed(folder, fps)]
    if not pairs:
        raise InputError("nothing that was handled was found", where=str(folders[0]))
    true = np.array([t for t, _, _ in pairs])
    return compare(true, [a for _, a, _ in pairs], [b for _, _, b in pairs], seed=seed)


def compare(
    true: NDArray[np.intp], both: Sequence[Reaction], bare: Sequence[Reaction], *, seed: int
) -> Line:
    """Figures with and without expression, and their difference with its 95 % interval.

    Args:
        true: (N,) index into `CLASSES`.
        both: N readings with expression.
        bare: The same N without.
        seed: Of the intervals.
    """
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(true), (DRAWS, len(true)))
    with_, without = (_Scores.of(true, readings) for readings in (both, bare))
    line: Line = {"n": len(true), "coverage": round(_mean(r.coverage for r in both), 3)}
    for name in ("accuracy", "log_loss", "calibration_error", "said", "right_when_said"):
        told, alone = (scores.value(name) for scores in (with_, without))
        spread = [with_.value(name, rows) - without.value(name, rows) for rows in draws]
        low, high = np.quantile(spread, (0.025, 0.975))
        line[name] = {
            "with": round(told, 4),
            "without": round(alone, 4),
            "adds": round(told - alone, 4),
            "interval": [round(float(low), 4), round(float(high), 4)],
        }
    return line


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    """Per reading: whether the strongest class is right, the probability of the true and of the
    strongest class, and whether a label was given (no ``unclear``).
    """

    right: Floats
    of_true: Floats
    strongest: Floats
    said: Floats

    @classmethod
    def of(cls, true: NDArray[np.intp], readings: Sequence[Reaction]) -> _Scores:
        shares = np.array([[r.as_dict()[name] for name in CLASSES] for r in readings])
        best = shares.max(axis=1)
        return cls(
            (shares.argmax(axis=1) == true).astype(np.float64),
            shares[np.arange(len(true)), true],
            best,
            (best >= 0.5).astype(np.float64),  # noqa: PLR2004 - as `Reaction.label`
        )

    def value(self, name: str, rows: NDArray[np.int64] | slice = slice(None)) -> float:
        right, said = self.right[rows], self.said[rows]
        if name == "accuracy":
            return float(right.mean())
        if name == "log_loss":
            return float(-np.log(np.maximum(self.of_true[rows], 1e-9)).mean())
        if name == "said":
            return float(said.mean())
        if name == "right_when_said":
            return float((right * said).sum() / max(said.sum(), 1.0))  # 0 where nothing was said
        best = self.strongest[rows]
        bins = np.minimum((best * BINS).astype(int), BINS - 1)
        gaps = np.bincount(bins, right - best, minlength=BINS)
        return float(np.abs(gaps).sum() / len(best))


# --- simulated ----------------------------------------------------------------------------------


def _handlings(
    count: int, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """True classes, acts and seconds held."""
    true = rng.choice(len(CLASSES), count, p=PRIOR)
    acts = np.array([rng.choice(len(ACTS), p=ACT_GIVEN_CLASS[c]) for c in true])
    holds = np.array(HOLD_S)[acts] * rng.lognormal(0, HOLD_SPREAD, count).clip(0.5, 1.8)
    return true, acts, holds


def _behaviour(act: str, hold_s: float) -> Behaviour:
    if act == "kept":
        return Behaviour(Kind.TAKE, hold_s=hold_s, kept=True)
    if act == "touched_only":
        return Behaviour(Kind.REACH, stay_s=hold_s)
    return Behaviour(Kind.PUT_BACK, hold_s=hold_s)


def _face(true: int, hold_s: float, share: float, rng: np.random.Generator) -> Faces:
    """Readings of one handling, after some seconds of the same face before it."""
    hidden, seen = rng.random() < HIDDEN, float(rng.beta(2, 3))
    shown = "neutral"
    if rng.random() < share:
        shown = str(rng.choice(SHOWS[true]))
    elif rng.random() < UNRELATED:
        shown = str(rng.choice(EXPRESSIONS[1:6]))
    if rng.random() < CONFUSED.get(shown, 0.1):
        shown = str(rng.choice(EXPRESSIONS[:6]))
    rest, peak = rng.choice(EXPRESSIONS[1:6]), rng.uniform(0.4, 0.9)
    lean = rng.uniform(0, RESTING)
    before = _readings(max(3, int(rng.integers(3, 15))), 0.0, {rest: lean}, rng)
    count = round(max(hold_s, 1.0) * READINGS_PER_S * seen)
    half = _readings(count // 2, 10.0, {rest: lean}, rng)
    level = {rest: lean * (1 - peak)} | ({} if shown == "neutral" else {shown: peak})
    after = _readings(count - count // 2, 20.0, level, rng)
    return NO_FACES if hidden else Faces((*half, *after), before, seen)


def _readings(
    count: int, from_s: float, shown: dict[str, float], rng: np.random.Generator
) -> tuple[FaceReading, ...]:
    base = np.array([shown.get(name, 0.0) for name in EXPRESSIONS])
    base[0] += max(0.0, 1 - base.sum())
    noisy = np.abs(base + rng.normal(0, JITTER, (count, len(EXPRESSIONS))))
    noisy /= noisy.sum(axis=1, keepdims=True)
    return tuple(
        FaceReading(
            0, from_s + n / READINGS_PER_S, Expression(row.astype(np.float32)), None, _brows(row)
        )
        for n, row in enumerate(noisy)
    )


def _brows(row: Floats) -> dict[str, float]:
    """Brows go up with surprise and down with anger and disgust."""
    level = dict(zip(EXPRESSIONS, row.tolist(), strict=True))
    return {
        "browInnerUp": level["surprise"],
        "browDownLeft": max(level["anger"], level["disgust"]),
    }


# --- rendered -----------------------------------------------------------------------------------


class _Blanked:
    """Gives a second rig the same detections without what faces show."""

    def __init__(self) -> None:
        self.latest = Detections()

    def detect(self, *_: object, **__: object) -> Detections:
        bare = [replace(face, expression=None, blendshapes={}) for face in self.latest.faces]
        return replace(self.latest, faces=tuple(bare))


def _replayed(folder: Path, fps: float) -> list[tuple[int, Reaction, Reaction]]:
    """True class and the reading with and without expression, of each handling that was found."""
    # Models and wiring are loaded only where a video is to be read.
    from aeras.perceive import Perception  # noqa: PLC0415
    from aeras.wiring.rig import Rig  # noqa: PLC0415

    told = _truth(folder)
    shop = _shop(told, folder)
    blanked = _Blanked()
    rig, bare = Rig(shop, shop.cameras, Perception()), Rig(shop, shop.cameras, blanked)
    found: list[Interaction] = []
    alone: list[Interaction] = []
    streams = [open_source(c, clock=_now, sample_fps=fps).frames() for c in shop.cameras]
    for frame in heapq.merge(*streams, key=_time):
        blanked.latest, decided = rig.update(frame)
        found += decided
        alone += bare.update(frame)[1]
    pairs = zip([*found, *rig.finish()], [*alone, *bare.finish()], strict=True)
    return [
        (true, one.reaction, other.reaction)
        for one, other in pairs
        if one.outcome and (true := _true_class(told["events"], one)) is not None
    ]


def _true_class(events: Iterable[Line], found: Interaction) -> int | None:
    """Class of the true event that an interaction found, if it found one."""
    for event in events:
        same = event["kind"] == found.kind and event["item"] == found.item
        if same and abs(event["start_s"] - found.start_s) <= MATCH_S:
            return TRUE_OF[event["expression"]]
    return None


def _truth(folder: Path) -> Line:
    try:
        told: Line = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            "holds no rendered demo", where=str(folder), todo="render one with `aeras demo`"
        ) from error
    return told


def _shop(told: Line, folder: Path) -> Shop:
    facings = tuple(Facing(f["id"], f["item"], as_polygon(f["polygon"])) for f in told["facings"])
    size = (int(told["size"][0]), int(told["size"][1]))
    cameras = (
        CameraSpec("aisle", str(folder / "aisle.mp4"), CameraRole.AISLE, size),
        CameraSpec("shelf", str(folder / "shelf.mp4"), CameraRole.SHELF, size),
    )
    outline = as_polygon(told["fixture_polygon"])
    fixture = Fixture("shelf", "Shelf", "aisle", outline, facings, "shelf")
    return Shop("demo", "Demo", "UTC", (), cameras, (fixture,))


def _time(frame: Frame) -> float:
    return frame.t_s


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _now() -> datetime:
    return datetime.now(UTC)

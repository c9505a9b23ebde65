"""Learns what the shelf's cues weigh: ``python -m aeras.lab.shelffit DATA [--stories N]``.

Plays the annotated clips that may be used for fitting, the bottle clip and rendered training
stories through the product's own rig, with and without facings, writes down the cues of every
change that was weighed, says from the truth whether it was one, and fits two logistic models. Held
clips and test stories are never touched. Prints how the weights do on groups of clips that were
left out, and writes ``aeras/shelf/judge.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aeras.domain.geometry import Box, polygon_box
from aeras.domain.shop import Fixture
from aeras.lab.shelfbench import ANNOTATIONS, Bench, annotated, bottles
from aeras.lab.shelfscore import HANDLED, Truth
from aeras.lab.stories import Story, play, story
from aeras.perceive import Perception
from aeras.shelf.cues import Came, Real, names, vector
from aeras.shelf.fixture import MARGIN, FixtureOptions
from aeras.shelf.judge import WEIGHTS
from aeras.shelf.place import Candidate
from aeras.shelf.view import FixtureView
from aeras.shelf.zones import region_round
from aeras.wiring.rig import Rig, RigOptions

Floats = NDArray[np.float64]
SIZE = (640, 360)
"""Training stories are drawn at this size."""
NEAR_S = 1.2
"""A change where no facing is belongs to a true event this near in time ..."""
OVERLAP = 0.3
"""... whose item's box shares this much of the smaller of the two."""
UNSURE_S = 0.1
WIDTH = 0.01
"""Strength of the pull towards 0, on cues of standard deviation 1."""


@dataclass(frozen=True, slots=True)
class Example:
    """One change that was weighed.

    Attributes:
        group: Examples of one group show the same moments.
        place: What it was about, within the group.
        real: (17,) cues, see `Real`.
        came: (3,) cues, see `Came`.
        is_real: Whether an item came or went.
        has_come: Which of the two.
    """

    group: str
    place: str
    real: Floats
    came: Floats
    is_real: bool
    has_come: bool


class Scribe:
    """Writes down what is weighed at one fixture, with the truth.

    Args:
        group: See `Example`.
        fixture: With all its facings, also where the rig does not get to know them.
        size: (width, height) of the frames.
        truth: What happens.
    """

    def __init__(
        self, group: str, fixture: Fixture, size: tuple[int, int], truth: Sequence[Truth]
    ) -> None:
        self.examples: list[Example] = []
        self._group = group
        self._truth = [e for e in truth if e.kind in HANDLED]
        self._boxes = {f.item: polygon_box(f.polygon) for f in fixture.facings}
        view = FixtureView(region_round([fixture.polygon], MARGIN, size))
        self._scale, self._corner = view.scale, view.region[:2]

    def __call__(self, seen: Candidate) -> None:
        """Implements `aeras.shelf.place.Witness`."""
        label = self._at_facing(seen) if seen.place.name else self._anywhere(seen)
        if label is not None:
            place = str(seen.place.name or seen.place.box)
            self.examples.append(
                Example(self._group, place, vector(seen.real), vector(seen.came), *label)
            )

    def _at_facing(self, seen: Candidate) -> tuple[bool, bool] | None:
        before, now = (self._units(seen.place.name, t) for t in (seen.before_s, seen.now_s))
        return None if before is None or now is None else (before != now, now > before)

    def _anywhere(self, seen: Candidate) -> tuple[bool, bool]:
        x0, y0 = self._corner
        box = tuple(v / self._scale + c for v, c in zip(seen.place.box, (x0, y0) * 2, strict=True))
        for event in self._truth:
            near = event.from_s - NEAR_S <= seen.happened_s <= event.to_s + NEAR_S
            if near and _overlap(box, self._boxes[event.item]) >= OVERLAP:
                return True, event.kind == "put_back"
        return False, False

    def _units(self, item: str | None, t_s: float) -> int | None:
        """Units that came less those that went; None while one is on its way."""
        units = 0
        for event in self._truth:
            if event.item != item:
                continue
            takes = event.kind == "take"
            begun = event.from_s - (UNSURE_S if takes else 3 * UNSURE_S)
            done = (event.to_s if takes else event.from_s) + UNSURE_S
            if begun <= t_s < done:
                return None
            units += (t_s >= done) * (-1 if takes else 1)
        return units


def from_clips(data: Path, annotations: Path, cache: Path | None) -> Iterator[Example]:
    """Examples of the clips that may be used for fitting."""
    clips = [c for c in annotated(data / "clips", annotations) if c.split == "fit"]
    for clip in [*clips, *bottles(data / "clips")]:
        scribe = Scribe(clip.group, clip.fixture, clip.size, clip.truth)
        bench = Bench(cache, RigOptions(fixture=FixtureOptions(witness=scribe)))
        for known in (clip, clip.without_facings):
            bench.play(known)
        yield from scribe.examples


def from_stories(stories: Iterable[Story]) -> Iterator[Example]:
    """Examples of rendered stories."""
    perception = Perception()
    for one in stories:
        shop = one.shop()
        fixture, size = shop.fixtures[0], shop.cameras[0].size
        truth = [Truth(e.kind, e.item, e.from_s, e.to_s) for e in one.tale.events]
        restocked = [replace(e, kind="put_back") for e in truth if e.kind == "restock"]
        scribe = Scribe(f"story {one.number}", fixture, size, truth + restocked)
        zone = replace(fixture, id="without facings", facings=())
        both = replace(shop, fixtures=(fixture, zone))
        options = RigOptions(fixture=FixtureOptions(witness=scribe))
        rig = Rig(both, both.cameras, perception, options)
        play(rig, one.frames())
        yield from scribe.examples


def fit(examples: Sequence[Example]) -> tuple[Floats, Floats]:
    """Weights of `Real` with the constant last, and of `Came`."""
    real = np.array([e.real for e in examples])
    is_real = np.array([e.is_real for e in examples])
    changes = [e for e in examples if e.is_real]
    came = np.array([e.came for e in changes])
    has_come = np.array([e.has_come for e in changes])
    ones = np.ones((len(real), 1))
    # Before and after may be swapped: every change teaches twice, and no constant is needed.
    return _logistic(np.hstack([real, ones]), is_real, _weights(examples)), _logistic(
        np.vstack([came, -came]), np.r_[has_come, ~has_come], np.tile(_weights(changes), 2)
    )


def held_out(examples: Sequence[Example]) -> dict[str, float]:
    """How weights do on each group when fitted on all others."""
    right = found = false = missed = signs = 0
    for group in sorted({e.group for e in examples}):
        real, came = fit([e for e in examples if e.group != group])
        for one in (e for e in examples if e.group == group):
            told = one.real @ real[:-1] + real[-1] > 0
            found += told and one.is_real
            false += told and not one.is_real
            missed += one.is_real and not told
            signs += one.is_real
            right += one.is_real and (one.came @ came > 0) == one.has_come
    return {
        "examples": len(examples),
        "changes": signs,
        "precision": round(found / max(found + false, 1), 3),
        "recall": round(found / max(found + missed, 1), 3),
        "right_direction": round(right / max(signs, 1), 3),
    }


def write(examples: Sequence[Example], about: str, path: Path) -> None:
    """Fits all and writes the weights."""
    real, came = fit(examples)
    told = {
        "about": about,
        "left_out": held_out(examples),
        "real": {
            "bias": round(float(real[-1]), 4),
            "weights": _named(names(Real), real[:-1]),
        },
        "came": {"weights": _named(names(Came), came)},
    }
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _named(cues: Sequence[str], weights: Floats) -> dict[str, float]:
    return {cue: round(float(w), 4) for cue, w in zip(cues, weights, strict=True)}


def _weights(examples: Sequence[Example]) -> Floats:
    """A place that was looked at again and again counts little more than one seen once."""
    keys = [(e.group, e.place, e.is_real) for e in examples]
    counts = Counter(keys)
    return np.array([counts[key] ** -0.5 for key in keys])


def _logistic(cues: Floats, labels: NDArray[np.bool_], weights: Floats) -> Floats:
    scale = cues.std(axis=0) + 1e-3
    scale[cues.std(axis=0) == 0] = 1.0  # the constant
    pulled = cues.std(axis=0) > 0
    scaled, signs = cues / scale, np.where(labels, 1.0, -1.0)

    def loss(w: Floats) -> tuple[float, Floats]:
        margin = signs * (scaled @ w)
        pull = WIDTH * w * pulled
        slope = -(weights * signs / (1 + np.exp(margin))) @ scaled / weights.sum() + pull
        return float(weights @ np.logaddexp(0, -margin) / weights.sum() + pull @ w / 2), slope

    found: Floats = minimize(loss, np.zeros(cues.shape[1]), jac=True, method="L-BFGS-B").x
    weights_of: Floats = found / scale
    return weights_of


def _overlap(a: Sequence[float], b: Box) -> float:
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or down <= 0:
        return 0.0
    return across * down / min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Learn what the shelf's cues weigh.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--annotations", type=Path, default=ANNOTATIONS)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--stories", type=int, default=36)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    examples = list(from_clips(asked.data, asked.annotations, asked.cache))
    examples += from_stories(story(n, "train", size=SIZE) for n in range(asked.stories))
    about = (
        "Weights of the shelf's cues, learned by `python -m aeras.lab.shelffit` from annotated "
        f"clips of the fit groups and {asked.stories} rendered training stories."
    )
    write(examples, about, asked.out)
    sys.stdout.write(asked.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

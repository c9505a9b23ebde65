"""Learns what the shelf's cues weigh: ``python -m aeras.lab.shelffit [DATA]``.

With DATA: plays the annotated clips that may be used for fitting, the bottle clip and rendered
training stories through the product's own rig, with and without facings, writes down the cues of
everything that was weighed with what was true (`EXAMPLES`), and fits. Without: fits the examples
that were written down before. Held clips and test stories are never touched. Prints how the weights
do on groups of clips that were left out, and writes ``aeras/shelf/judge.json``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from aeras.domain.geometry import Box, polygon_box
from aeras.domain.shop import Fixture
from aeras.lab.render.tales import KINDS
from aeras.lab.shelfbench import ANNOTATIONS, Bench, annotated, bottles
from aeras.lab.shelfscore import HANDLED, TOUCH, Truth
from aeras.lab.stories import Story, play, story
from aeras.perceive import Perception
from aeras.shelf.cues import names, vector
from aeras.shelf.fixture import MARGIN, FixtureOptions
from aeras.shelf.judge import MODELS, WEIGHTS
from aeras.shelf.place import Candidate, Episode, Rest
from aeras.shelf.view import FixtureView
from aeras.shelf.zones import region_round
from aeras.wiring.rig import Rig, RigOptions

Floats = NDArray[np.float64]
EXAMPLES = Path("benchmarks/shelf-clips/examples.json.gz")
"""Where the examples are kept: numbers only, no picture."""
SLOW_FPS = 5.0
"""Some stories are read at a live camera's pace too."""
NEAR_S = 1.2
"""A change where no facing is belongs to a true event this near in time ..."""
OVERLAP = 0.3
"""... whose item's box shares this much of the smaller of the two."""
UNSURE_S = 0.1
EARLY_S, LATE_S = 0.4, 0.1
"""A disturbance belongs to a true event that ends this long before it at most, or begins after."""
REST_S = 6.0
"""Of a place at rest, so much lies between two examples."""
WIDTH = 0.01
"""Strength of the pull towards 0, on cues of standard deviation 1."""
KNOCK = "knock_over"
ALL_KINDS = 144
"""From this number on only stories of the kinds that are told worst are trained on."""
HARD = frozenset({"hesitate", "misplace", "touch", "knock-over", "two-hands", "two-people"})


@dataclass(frozen=True, slots=True)
class Example:
    """One thing that was weighed by one model.

    Attributes:
        model: Of `MODELS`.
        group: Examples of one group show the same moments.
        place: What it was about, within the group.
        cues: In the order of the model's fields.
        label: What is true.
    """

    model: str
    group: str
    place: str
    cues: tuple[float, ...]
    label: bool


class Scribe:
    """Writes down what is weighed at one fixture, with the truth.

    Args:
        group: See `Example`.
        fixture: With all its facings, also where the rig does not get to know them.
        size: (width, height) of the frames.
        truth: What happens; ``item`` is the facing's planned one, whatever was put there.
        stocked: Units of each item at first; None where that is told by what happens first.
    """

    def __init__(
        self,
        group: str,
        fixture: Fixture,
        size: tuple[int, int],
        truth: Sequence[Truth],
        stocked: dict[str, int] | None = None,
    ) -> None:
        self.examples: list[Example] = []
        self._group = group
        self._truth = list(truth)
        self._stocked = stocked
        self._boxes = {f.item: polygon_box(f.polygon) for f in fixture.facings}
        self._rested: dict[str, float] = {}
        view = FixtureView(region_round([fixture.polygon], MARGIN, size))
        self._scale, self._corner = view.scale, view.region[:2]

    def __call__(self, seen: Candidate | Episode | Rest) -> None:
        """Implements `aeras.shelf.place.Witness`."""
        if isinstance(seen, Candidate):
            self._candidate(seen)
        elif seen.place.name is None:
            return
        elif isinstance(seen, Episode):
            self._episode(seen, seen.place.name)
        else:
            self._rest(seen, seen.place.name)

    def _candidate(self, seen: Candidate) -> None:
        label = self._at_facing(seen) if seen.place.name else self._anywhere(seen)
        if label is None:
            return
        is_real, has_come, fell = label
        place = str(seen.place.name or seen.place.box)
        self._add("real", place, vector(seen.real), is_real or fell)
        if is_real:
            self._add("came", place, vector(seen.came), has_come)
        if is_real or fell:
            self._add("fell", place, vector(seen.real), fell)

    def _episode(self, seen: Episode, item: str) -> None:
        inside = {
            e.kind
            for e in self._truth
            if e.item == item and seen.from_s - EARLY_S <= e.to_s and e.from_s <= seen.to_s + LATE_S
        }
        handled = inside & HANDLED
        if len(handled) == 1:
            return  # it looks as before, and is not: nothing to learn here
        self._add("brief", item, vector(seen.brief), len(handled) > 1)
        self._add("touch", item, vector(seen.brief), bool(inside))

    def _rest(self, seen: Rest, item: str) -> None:
        units = self._units(item, seen.t_s)
        if units is None or seen.t_s - self._rested.get(item, float("-inf")) < REST_S:
            return
        self._rested[item] = seen.t_s
        self._add("empty", item, vector(seen.bare), self._at_first(item) + units <= 0)

    def _at_first(self, item: str) -> int:
        if self._stocked is not None:
            return self._stocked.get(item, 0)
        first = next((e.kind for e in self._truth if e.item == item and e.kind != TOUCH), "")
        return 0 if first == "put_back" else 1

    def _add(self, model: str, place: str, cues: Floats, label: bool) -> None:
        rounded = tuple(round(float(v), 4) for v in np.nan_to_num(cues))
        self.examples.append(Example(model, self._group, place, rounded, label))

    def _at_facing(self, seen: Candidate) -> tuple[bool, bool, bool] | None:
        before, now = (self._units(seen.place.name, t) for t in (seen.before_s, seen.now_s))
        if before is None or now is None:
            return None
        fell = any(
            e.kind == KNOCK
            and e.item == seen.place.name
            and seen.before_s < e.to_s
            and seen.now_s > e.from_s
            for e in self._truth
        )
        return before != now, now > before, fell and before == now

    def _anywhere(self, seen: Candidate) -> tuple[bool, bool, bool]:
        x0, y0 = self._corner
        box = tuple(v / self._scale + c for v, c in zip(seen.place.box, (x0, y0) * 2, strict=True))
        fell = False
        for event in self._truth:
            near = event.from_s - NEAR_S <= seen.happened_s <= event.to_s + NEAR_S
            if near and _overlap(box, self._boxes[event.item]) >= OVERLAP:
                if event.kind in HANDLED:
                    return True, event.kind == "put_back", False
                fell |= event.kind == KNOCK
        return False, False, fell

    def _units(self, item: str | None, t_s: float) -> int | None:
        """Units that came less those that went; None while one is on its way."""
        units = 0
        for event in self._truth:
            if event.item != item or event.kind not in HANDLED:
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
        for known in (clip, clip.without_facings, replace(clip, fps=SLOW_FPS)):
            scribe = Scribe(clip.group, clip.fixture, clip.size, clip.truth)
            Bench(cache, RigOptions(fixture=FixtureOptions(witness=scribe))).play(known)
            yield from scribe.examples


def truth_of(one: Story) -> list[Truth]:
    """What happens at each facing of a story, by the facing's planned item."""
    planned = {cell.id: cell.ware.id for cell in one.stage.cells}
    kinds = {"restock": "put_back"}
    return [
        Truth(kinds.get(e.kind, e.kind), planned[e.facing], e.from_s, e.to_s)
        for e in one.tale.events
        if e.kind != "dwell"
    ]


def training(last: int) -> Iterator[Story]:
    """The training stories up to a number."""
    for number in range(last):
        if number < ALL_KINDS or KINDS[number % len(KINDS)] in HARD:
            yield story(number, "train")


def from_stories(stories: Iterable[Story]) -> Iterator[Example]:
    """Examples of rendered stories: each at ten frames a second, and by turns without facings or
    at a live camera's pace.
    """
    perception = Perception()
    for one in stories:
        shop = one.shop()
        fixture, size = shop.fixtures[0], shop.cameras[0].size
        stocked = {c.ware.id: c.stocked for c in one.stage.cells}
        if one.tale.kind == "restock":  # somebody brings what stands there in the end
            for event in one.tale.events:
                stocked[event.item] = stocked.get(event.item, 0) - 1
        zone = replace(fixture, facings=())
        plans = [(fixture, 10.0)]
        plans += [(zone, 10.0)] if one.number % 3 == 0 else []
        plans += [(fixture, SLOW_FPS)] if one.number % 3 == 1 else []
        for known, fps in plans:
            scribe = Scribe(f"story {one.number}", fixture, size, truth_of(one), stocked)
            options = RigOptions(fixture=FixtureOptions(witness=scribe))
            rig = Rig(replace(shop, fixtures=(known,)), shop.cameras, perception, options)
            play(rig, one.frames(fps))
            yield from scribe.examples


def fit(examples: Sequence[Example], model: str) -> Floats:
    """Weights of one model's cues with the constant last."""
    of = [e for e in examples if e.model == model]
    cues = np.array([e.cues for e in of]).reshape(len(of), len(names(MODELS[model])))
    labels = np.array([e.label for e in of], dtype=bool)
    if model == "came":
        # Without evidence it says nothing: a constant of 0, and before and after may be swapped.
        found = _logistic(
            np.vstack([cues, -cues]), np.r_[labels, ~labels], np.tile(_weights(of), 2)
        )
        return np.append(found, 0.0)
    return _logistic(np.hstack([cues, np.ones((len(cues), 1))]), labels, _weights(of))


def held_out(examples: Sequence[Example], model: str, folds: int = 6) -> dict[str, float]:
    """How a model's weights do on groups of clips when fitted on all others."""
    of = [e for e in examples if e.model == model]
    groups = sorted({e.group for e in of})
    found = false = missed = 0
    for fold in range(folds):
        out = set(groups[fold::folds])
        weights = fit([e for e in of if e.group not in out], model)
        for one in (e for e in of if e.group in out):
            told = float(np.array(one.cues) @ weights[:-1] + weights[-1]) > 0
            found += told and one.label
            false += told and not one.label
            missed += one.label and not told
    return {
        "examples": len(of),
        "true": sum(e.label for e in of),
        "precision": round(found / max(found + false, 1), 3),
        "recall": round(found / max(found + missed, 1), 3),
    }


def write(examples: Sequence[Example], about: str, path: Path) -> None:
    """Fits all and writes the weights."""
    told: dict[str, Any] = {"about": about}
    for model, kind in MODELS.items():
        weights = fit(examples, model)
        told[model] = {
            "left_out": held_out(examples, model),
            "bias": round(float(weights[-1]), 4),
            "weights": {
                cue: round(float(w), 4) for cue, w in zip(names(kind), weights[:-1], strict=True)
            },
        }
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def keep(examples: Sequence[Example], path: Path) -> None:
    """Writes examples down."""
    text = json.dumps([astuple(e) for e in examples], separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def kept(path: Path) -> list[Example]:
    """Reads what `keep` wrote."""
    rows = json.loads(gzip.decompress(path.read_bytes()))
    return [Example(model, group, place, tuple(c), label) for model, group, place, c, label in rows]


def _weights(examples: Sequence[Example]) -> Floats:
    """A place that was looked at again and again counts little more than one seen once."""
    keys = [(e.group, e.place, e.label) for e in examples]
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
    parser.add_argument("data", type=Path, nargs="?", help="gather examples from here first")
    parser.add_argument("--annotations", type=Path, default=ANNOTATIONS)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--stories", type=int, default=240, help="number of the last")
    parser.add_argument("--examples", type=Path, default=EXAMPLES)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    asked = parser.parse_args()
    if asked.data is not None:
        found = list(from_clips(asked.data, asked.annotations, asked.cache))
        found += from_stories(training(asked.stories))
        keep(found, asked.examples)
    examples = kept(asked.examples)
    about = (
        "Weights of the shelf's cues, learned by `python -m aeras.lab.shelffit` from annotated "
        "clips of the fit groups, the bottle clip and "
        f"{len({e.group for e in examples if e.group.startswith('story')})} training stories."
    )
    write(examples, about, asked.out)
    sys.stdout.write(asked.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

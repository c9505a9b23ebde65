"""Figures of expression networks: FER+ test, faces of another origin, small and compressed faces.

    AERAS_DATA=... python benchmarks/expression.py [MODEL ...]

MODEL is a name of models.toml or an ONNX file with its spec beside it; default: the shipped one.
Needs the data sets `ferplus.npz` and `expressions/` under $AERAS_DATA. Prints one JSON line a
model. The test split and `expressions/` are for measuring: nothing is chosen on them.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aeras.domain.seen import EXPRESSIONS, Image
from aeras.lab.expression import (
    GROUP_OF,
    GROUPS,
    Degradation,
    evaluate_expression,
    read_labelled,
    reader_of_crops,
    reader_of_pictures,
)
from aeras.lab.train.data import FerPlus, scored_crops
from aeras.perceive.expression import OnnxExpression, load_expression
from aeras.perceive.limits import four_groups
from aeras.perceive.yunet import Yunet

CONDITIONS = {
    "as it is": Degradation(),
    "96 px": Degradation(96),
    "24 px, JPEG 60": Degradation(24, 60),
    "16 px, JPEG 60": Degradation(16, 60),
}
ABSTAIN = 0.24
BRIEF = ("n", "missed", "accuracy", "balanced_accuracy", "ece")


def main(models: list[str]) -> None:
    """Measures each model on the same faces."""
    data = Path(os.environ.get("AERAS_DATA", "data"))
    valid, (faces, names) = ferplus(data / "ferplus.npz")
    pictures, labels = read_labelled(data / "expressions/images", data / "expressions/labels.csv")
    for model in models or ["expression"]:
        network, detector = load_expression(model), Yunet()
        figures: dict[str, Any] = {"model": Path(model).name, "ferplus": {}, "expressions": {}}
        for condition, worse in CONDITIONS.items():
            scores = evaluate_expression(faces, names, reader_of_crops(network, worse))
            figures["ferplus"][condition] = {key: scores[key] for key in BRIEF}
            if condition == "as it is":
                figures |= {"per_class": scores["per_class"], "groups": scores["groups"]}
            found = reader_of_pictures(detector, network, worse)
            scores = evaluate_expression(pictures, labels, found)
            figures["expressions"][condition] = {key: scores[key] for key in BRIEF}
        figures["abstaining"] = abstaining(network, valid, faces, names)
        figures["ms_per_face"] = milliseconds(network.read_crops, faces[0])
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


def ferplus(path: Path) -> tuple[list[Image], tuple[list[Image], list[str]]]:
    """Validation faces; test faces with labels, where a majority agrees (Barsoum et al. 2016)."""
    splits = FerPlus(path).load(EXPRESSIONS, 48)
    valid, _ = scored_crops(splits.valid, EXPRESSIONS)
    return valid, scored_crops(splits.test, EXPRESSIONS)


def abstaining(
    network: OnnxExpression, valid: list[Image], faces: list[Image], names: list[str]
) -> dict[str, float]:
    """Precision of the four groups on the test faces when unsure ones are not read.

    A face is read as the group whose expressions together are most probable, if they are at least
    as probable as the threshold that leaves out `ABSTAIN` of the validation faces.
    """

    def shares(crops: list[Image]) -> NDArray[np.float64]:
        readings: NDArray[Any] = np.stack([e.probabilities for e in network.read_crops(crops)])
        return np.asarray(four_groups(readings), dtype=np.float64)

    threshold = float(np.quantile(shares(valid).max(1), ABSTAIN))
    told, truth = shares(faces), GROUP_OF[[EXPRESSIONS.index(name) for name in names]]
    read = told.max(1) >= threshold
    right = told.argmax(1) == truth
    figures = {"threshold": threshold, "abstained": 1 - float(read.mean())}
    for place, group in enumerate(GROUPS):
        figures[group] = float(right[read & (told.argmax(1) == place)].mean())
    return {key: round(value, 4) for key, value in figures.items()}


def milliseconds(read_crops: Any, face: Image) -> float:
    """Median time of one face, one thread, preprocessing included."""
    times = []
    for _ in range(500):
        began = time.perf_counter()
        read_crops([face])
        times.append(time.perf_counter() - began)
    return round(1000 * float(np.median(times)), 3)


if __name__ == "__main__":
    main(sys.argv[1:])

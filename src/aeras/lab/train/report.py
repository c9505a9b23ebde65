"""Before and after: the network in use and the one just trained, on faces neither was trained on.

One short Markdown page, made for who must decide whether the new file is worth installing.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, Any

from aeras.domain.seen import EXPRESSIONS
from aeras.lab.expression import Degradation, evaluate_expression, reader_of_crops
from aeras.lab.train.data import NO_LABEL, scored_crops
from aeras.perceive.expression import load_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aeras.domain.seen import Image
    from aeras.lab.train.data import Splits

SMALL = Degradation(24, 60)
CHANCE = 0.05
"""A difference that would come about by chance more often than this is called none."""
FEW = 100
"""Held-out faces below which the page warns."""


def compare(before: str, after: str, splits: Splits, classes: Sequence[str]) -> str:
    """Compares two networks on the test faces, or on the validation faces if there are none.

    Args:
        before: name in models.toml, or an ONNX file with its spec beside it.
        after: likewise.
        splits: the data set.
        classes: its expressions.

    Returns:
        The page.

    Raises:
        ModelError: if a network cannot be loaded.
    """
    part, faces = "test", splits.test
    if not (faces.labels != NO_LABEL).any():
        part, faces = "validation", splits.valid
    crops, labels = scored_crops(faces, classes)
    if not crops:
        return "# Before and after\n\nNo face was held out, so nothing can be said.\n"
    figures, right = zip(*(_figures(m, crops, labels) for m in (before, after)), strict=True)
    lines = [
        "# Before and after",
        "",
        f"{len(crops)} labelled faces of the {part} split, all in per cent.",
        "",
        f"| | before ({before}) | after |",
        "| --- | --: | --: |",
        *(f"| {name} | {_percent(figures[0][name])} | {_percent(figures[1][name])} |"
          for name in figures[0]),
        "",
        _verdict(*right),
    ]  # fmt: skip
    if part == "validation":
        lines += ["", "Prior and temperature were chosen on these faces: the truth is a bit worse."]
    if len(crops) < FEW:
        lines += ["", f"Fewer than {FEW} faces say little; hold out more before deciding."]
    return "\n".join(lines) + "\n"


def _figures(
    model: str, crops: list[Image], labels: list[str]
) -> tuple[dict[str, float | None], list[bool]]:
    """Named figures, and which faces were read rightly."""
    network = load_expression(model)
    plain = evaluate_expression(crops, labels, reader_of_crops(network, Degradation()))
    small = evaluate_expression(crops, labels, reader_of_crops(network, SMALL))
    figures: dict[str, Any] = {
        "accuracy": plain["accuracy"],
        "balanced accuracy": plain["balanced_accuracy"],
        "expected calibration error": plain["ece"],
        f"accuracy at {SMALL.downscale_px} px, JPEG {SMALL.jpeg}": small["accuracy"],
    }
    for name, rates in plain["per_class"].items():
        figures[f"recall of {name} ({labels.count(name)} faces)"] = rates["recall"]
    told = [int(reading.probabilities.argmax()) for reading in network.read_crops(crops)]
    return figures, [EXPRESSIONS[t] == label for t, label in zip(told, labels, strict=True)]


def _verdict(before: list[bool], after: list[bool]) -> str:
    """What a sign test says of the faces that only one of the two reads rightly."""
    pairs = list(zip(before, after, strict=True))
    lost, won = pairs.count((True, False)), pairs.count((False, True))
    chance = sign_test(lost, won)
    if chance >= CHANCE:
        end = "no difference that could not be chance. Keep the network in use."
    elif won > lost:
        end = "the new network reads these faces better."
    else:
        end = "the new network reads these faces worse. Keep the network in use."
    return (
        f"Only the network before reads {lost} faces rightly, only the one after {won} "
        f"(sign test, p = {chance:.2g}): {end}"
    )


def sign_test(a: int, b: int) -> float:
    """Two-sided probability of a split at least as uneven as a : b of fair coins."""
    tail = sum(comb(a + b, k) for k in range(min(a, b) + 1))
    return min(1.0, 2 * tail / (1 << (a + b)))


def _percent(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f}"

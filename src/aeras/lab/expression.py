"""How well a model reads expressions on labelled faces. No torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.seen import EXPRESSIONS, Expression, Image
from aeras.lab.labelled import as_bgr, read_picture, read_rows
from aeras.perceive.expression import load_expression, model_sha256
from aeras.perceive.limits import FOUR, four_groups, limits_of
from aeras.perceive.yunet import Yunet

if TYPE_CHECKING:
    from pathlib import Path

    from aeras.domain.seen_ports import ExpressionModel, FaceDetector

Reader = Callable[[Image], Expression | None]
"""Reads the one face of a BGR picture; None where it finds none or abstains."""

GROUPS = FOUR
GROUP_OF = four_groups(np.eye(len(EXPRESSIONS))).argmax(axis=1)
"""(8,): which of the four an expression belongs to."""

CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class Degradation:
    """Makes a face worse before it is read.

    Attributes:
        downscale_px: longer side of the face in pixels; 0 leaves it.
        jpeg: JPEG quality 1..100; 0 does not compress.
    """

    downscale_px: int = 0
    jpeg: int = 0

    def __post_init__(self) -> None:
        if self.downscale_px < 0 or not 0 <= self.jpeg <= 100:  # noqa: PLR2004  # JPEG's own range
            raise InputError(
                f"given downscale {self.downscale_px} px and JPEG quality {self.jpeg}, "
                "expected 0 or more and 0..100"
            )

    def apply(self, image: Image, face_px: float) -> tuple[Image, float]:
        """Degrades a picture whose face has a longer side of face_px pixels.

        Returns:
            The picture and the factor by which it was scaled.
        """
        scale = 1.0
        if 0 < self.downscale_px < face_px:
            scale = self.downscale_px / face_px
            height, width = (max(1, round(side * scale)) for side in image.shape[:2])
            image = _image(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))
        if self.jpeg:
            quality = [cv2.IMWRITE_JPEG_QUALITY, self.jpeg]
            image = _image(cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR))
        return image, scale


class CropModel(Protocol):
    """What a model offers for faces that are cropped already."""

    def read_crops(self, crops: Sequence[Image]) -> list[Expression]:
        """One expression a crop."""


def reader_of_crops(model: CropModel, degradation: Degradation) -> Reader:
    """Reads pictures that are cropped faces."""

    def read(image: Image) -> Expression | None:
        worse, _ = degradation.apply(image, max(image.shape[:2]))
        return model.read_crops([worse])[0]

    return read


def reader_of_pictures(
    detector: FaceDetector, model: ExpressionModel, degradation: Degradation
) -> Reader:
    """Finds the best face of a picture as it is, then reads it degraded."""

    def read(image: Image) -> Expression | None:
        faces = detector.detect(image)
        if not faces:
            return None
        x1, y1, x2, y2 = faces[0].box
        worse, scale = degradation.apply(image, max(x2 - x1, y2 - y1))
        return model.read(worse, [(x1 * scale, y1 * scale, x2 * scale, y2 * scale)])[0]

    return read


def evaluate_folder(
    folder: Path, labels: Path, *, model: str, detect: bool, degradation: Degradation
) -> dict[str, Any]:
    """Evaluates a model on a folder of pictures; what `aeras lab expression` prints.

    Args:
        folder: the pictures.
        labels: CSV with the columns file,expression.
        model: name in models.toml, or an ONNX file with its spec beside it.
        detect: find the faces first; else the pictures are cropped faces.
        degradation: makes the faces worse before they are read.

    Returns:
        See `evaluate_expression`.

    Raises:
        InputError: if pictures or labels cannot be used.
        ModelError: if a model cannot be used.
    """
    network = load_expression(model)
    reader = (
        reader_of_pictures(Yunet(), network, degradation)
        if detect
        else reader_of_crops(network, degradation)
    )
    best = limits_of(model, model_sha256(model)).bins.get("height_px", ())
    least = best[-1].least if best else 0.0
    return evaluate_expression(*read_labelled(folder, labels), reader, least=least)


def read_labelled(folder: Path, labels: Path) -> tuple[list[Image], list[str]]:
    """Reads the pictures and labels a CSV file with the columns file,expression names.

    Raises:
        InputError: if file or folder are missing or empty, or a picture or label cannot be used.
    """
    rows = read_rows(folder, labels, ("file", "expression"))
    _check_labels([row["expression"] for row in rows], str(labels))
    return [read_picture(folder / row["file"]) for row in rows], [row["expression"] for row in rows]


def evaluate_expression(
    images: Sequence[NDArray[Any]],
    labels: Sequence[str],
    model: Reader,
    *,
    least: float = 0.0,
) -> dict[str, Any]:
    """Compares what a model reads with labels.

    Classes that no label has are masked: their probability is shared out among the others, so a
    model is not blamed for knowing more classes than a data set.

    Args:
        images: N pictures, see `as_bgr`.
        labels: N of `EXPRESSIONS`.
        model: reads one picture; see `reader_of_crops` and `reader_of_pictures`.
        least: certainty from which a reading is told, see `aeras.perceive.limits`.

    Returns:
        n (labelled), missed (no face found, or abstained; not counted below), accuracy,
        balanced_accuracy (mean recall of the classes present), ece (expected calibration error of
        the leading class, 15 equal bins, Guo et al. 2017), per_class and groups ({recall,
        precision}, None where undefined), confusion (label -> reading -> count), ms_per_face (the
        reader's whole time, median), told ({kept, wrong, groups}: the share of readings that are
        certain enough to be told, how many of them name the wrong group, and their groups).

    Raises:
        InputError: if counts differ, there is nothing to evaluate, a label is unknown, or a picture
            cannot be used.
    """
    _check(images, labels)
    present = [name for name in EXPRESSIONS if name in set(labels)]
    columns = [EXPRESSIONS.index(name) for name in present]
    readings, truth, times = [], [], []
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        picture = as_bgr(image, f"picture {index}")
        began = time.perf_counter()
        expression = model(picture)
        times.append(time.perf_counter() - began)
        if expression is not None:
            readings.append(expression.probabilities[columns].astype(np.float64))
            truth.append(present.index(label))
    result: dict[str, Any] = {
        "n": len(images),
        "missed": len(images) - len(readings),
        "ms_per_face": round(1000 * float(np.median(times)), 3),
    }
    if not readings:
        raise InputError(f"no face was found in any of {len(images)} pictures")
    shares, classes = np.stack(readings), np.array(truth)
    told = _told(shares, classes, present, least)
    return result | _scores(shares, classes, present) | {"told": told}


def _check(images: Sequence[NDArray[Any]], labels: Sequence[str]) -> None:
    if len(images) != len(labels) or not images:
        raise InputError(
            f"given {len(images)} pictures and {len(labels)} labels, expected as many, not none"
        )
    _check_labels(labels, "labels")


def _check_labels(labels: Sequence[str], where: str) -> None:
    strangers = sorted(set(labels) - set(EXPRESSIONS))
    if strangers:
        known = ", ".join(EXPRESSIONS)
        raise InputError(
            f"unknown expression {', '.join(map(repr, strangers))}, expected one of {known}",
            where=where,
        )


def _scores(
    readings: NDArray[np.float64], truth: NDArray[np.intp], names: list[str]
) -> dict[str, Any]:
    """Scores of readings (N, classes), summing to at most 1, against class numbers (N,)."""
    shares = readings / np.maximum(readings.sum(1, keepdims=True), 1e-12)
    told = shares.argmax(1)
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (truth, told), 1)
    per_class = {name: _rates(counts, [i]) for i, name in enumerate(names)}
    recalls = [rates["recall"] for rates in per_class.values() if rates["recall"] is not None]
    return {
        "accuracy": _rounded(counts.trace() / counts.sum()),
        "balanced_accuracy": _rounded(float(np.mean(recalls))),
        "ece": _rounded(calibration_error(shares.max(1), told == truth)),
        "per_class": per_class,
        "groups": _group_scores(shares, truth, names),
        "confusion": {
            name: {other: int(counts[i, j]) for j, other in enumerate(names)}
            for i, name in enumerate(names)
        },
    }


def _told(
    readings: NDArray[np.float64], truth: NDArray[np.intp], names: list[str], least: float
) -> dict[str, Any]:
    """Scores of the four groups where the likeliest is certain enough."""
    shares = readings / np.maximum(readings.sum(1, keepdims=True), 1e-12)
    of = np.array([[name in members for members in GROUPS.values()] for name in names])
    four = shares @ of
    kept = four.max(1) >= least
    if not kept.any():
        return {"kept": 0.0, "wrong": None, "groups": {}}
    wrong = four[kept].argmax(1) != of[truth[kept]].argmax(1)
    return {
        "kept": _rounded(kept.mean()),
        "wrong": _rounded(wrong.mean()),
        "groups": _group_scores(shares[kept], truth[kept], names),
    }


def _group_scores(
    shares: NDArray[np.float64], truth: NDArray[np.intp], names: list[str]
) -> dict[str, dict[str, float | None]]:
    kept = {g: [names.index(m) for m in members if m in names] for g, members in GROUPS.items()}
    kept = {group: members for group, members in kept.items() if members}
    of_class = {member: g for g, members in enumerate(kept.values()) for member in members}
    told = np.stack([shares[:, members].sum(1) for members in kept.values()], axis=1).argmax(1)
    counts = np.zeros((len(kept), len(kept)), dtype=int)
    np.add.at(counts, (np.array([of_class[int(t)] for t in truth]), told), 1)
    return {group: _rates(counts, [g]) for g, group in enumerate(kept)}


def _rates(counts: NDArray[np.int_], members: list[int]) -> dict[str, float | None]:
    """Recall and precision of a class from counts (label, reading)."""
    hits = counts[np.ix_(members, members)].sum()
    labelled, told = counts[members].sum(), counts[:, members].sum()
    return {
        "recall": _rounded(hits / labelled) if labelled else None,
        "precision": _rounded(hits / told) if told else None,
    }


def calibration_error(
    confidence: NDArray[np.floating],
    right: NDArray[np.floating] | NDArray[np.bool_],
    weights: NDArray[np.floating] | None = None,
) -> float:
    """Mean gap between confidence and accuracy over equal bins of confidence, weighted by size.

    Args:
        confidence: (N,) in 0..1.
        right: (N,) whether the reading was right, or the share of people who agree.
        weights: (N,) of each face; default equal.
    """
    weights = np.ones(len(confidence)) if weights is None else weights
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    sums = np.bincount(bins, (confidence - right) * weights, minlength=CALIBRATION_BINS)
    return float(np.abs(sums).sum() / weights.sum())


def _rounded(value: float) -> float:
    return round(float(value), 4)


def _image(array: NDArray[Any] | None) -> Image:
    """cv2's stubs widen the dtype of what it returns; this narrows it again."""
    return np.asarray(array, dtype=np.uint8)

"""Labelled faces behind one port: FER+ and a retailer's own folder of crops."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aeras.domain.seen import Image

Grey = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

NO_LABEL = -1
"""Label of a face on which people disagree: it trains, but is not scored."""


@dataclass(frozen=True, slots=True)
class Split:
    """Faces of one split: images (N, S, S) uint8, targets (N, classes) summing to 1, labels (N,).

    A label is the class the majority named, or NO_LABEL. Training faces may have more: how often
    an epoch shows each (N,), and standardised blendshapes (N, channels), NaN where unknown.
    """

    images: Grey
    targets: Floats
    labels: Ints
    frequency: Floats | None = None
    muscles: Floats | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class Splits:
    """A data set, divided; no face of one split may be in another."""

    train: Split
    valid: Split
    test: Split


def scored_crops(faces: Split, classes: Sequence[str]) -> tuple[list[Image], list[str]]:
    """The faces that are scored as the product's pictures (S, S, 3), and what they show."""
    scored = faces.labels != NO_LABEL
    crops = [
        np.asarray(cv2.cvtColor(face, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
        for face in faces.images[scored]
    ]
    return crops, [classes[label] for label in faces.labels[scored]]


class LabelledFaces(Protocol):
    """The port: anything that can hand over divided, labelled faces."""

    def load(self, classes: Sequence[str], face_px: int) -> Splits:
        """Reads everything into memory as grey squares of face_px."""
        ...


@dataclass(frozen=True, slots=True)
class FerPlus:
    """FER2013 faces with the ten FER+ votes each (Barsoum et al. 2016), as one npz file."""

    path: Path
    near_duplicate_correlation: float = 0.97

    def load(self, classes: Sequence[str], face_px: int) -> Splits:
        """See `LabelledFaces`; the votes' order is the order of the classes.

        Raises:
            InputError: if the file is missing or lacks an array.
        """
        if not self.path.is_file():
            raise InputError(
                "no such file, expected the FER+ npz",
                where=str(self.path),
                todo="Point AERAS_DATA or --data at the folder that holds it",
            )
        with np.load(self.path) as arrays:
            missing = {"images", "votes", "split", "duplicate"} - set(arrays.files)
            if missing:
                raise InputError(f"lacks the array {min(missing)!r}", where=str(self.path))
            keep = ~arrays["duplicate"]
            images, votes, split = (arrays[k][keep] for k in ("images", "votes", "split"))
        readable, targets, labels = read_votes(votes, len(classes))
        images, split = _resize(images[readable], face_px), split[readable]
        targets, labels = targets[readable], labels[readable]
        train, valid, test = (split == part for part in (0, 1, 2))
        valid &= ~_seen_in(images, valid, test, self.near_duplicate_correlation)
        train &= ~_seen_in(images, train, test | valid, self.near_duplicate_correlation)
        return Splits(
            *(Split(images[part], targets[part], labels[part]) for part in (train, valid, test))
        )


def read_votes(votes: NDArray[np.uint8], classes: int) -> tuple[NDArray[np.bool_], Floats, Ints]:
    """The FER+ authors' reading of votes: single votes are outliers; a majority is over half.

    Args:
        votes: (N, classes + 2); the last two columns are "unknown" and "not a face".
        classes: number of expressions.

    Returns:
        Which faces are readable (N,): an expression leads the vote; targets (N, classes), the
        share of each expression; labels (N,), the majority's class or NO_LABEL.
    """
    clean = np.where(votes > 1, votes, 0).astype(np.float32)
    expressions = clean[:, :classes]
    total = clean.sum(1)
    readable = (clean.argmax(1) < classes) & (total > 0)
    targets = expressions / np.maximum(expressions.sum(1, keepdims=True), 1)
    majority = readable & (expressions.max(1) > 0.5 * total)
    labels = np.where(majority, expressions.argmax(1), NO_LABEL).astype(np.int64)
    return readable, targets.astype(np.float32), labels


def _resize(images: Grey, face_px: int) -> Grey:
    if images.shape[1:] == (face_px, face_px):
        return images
    return np.stack([to_square(image, face_px) for image in images])


def _seen_in(
    images: Grey, rows: NDArray[np.bool_], others: NDArray[np.bool_], least: float
) -> NDArray[np.bool_]:
    """Which of `rows` show the same picture, or its mirror image, as one of `others`."""
    seen = np.zeros(len(images), dtype=bool)
    if not rows.any() or not others.any():
        return seen
    reference = _thumbnails(images[others])
    reference = np.concatenate([reference, _thumbnails(images[others][:, :, ::-1])])
    for chunk in np.array_split(np.flatnonzero(rows), 1 + int(rows.sum()) // 1024):
        seen[chunk] = (_thumbnails(images[chunk]) @ reference.T).max(1) >= least
    return seen


def _thumbnails(images: Grey) -> Floats:
    """Unit vectors whose dot product is the correlation of two 16 px thumbnails."""
    small = np.stack(
        [
            cv2.resize(np.ascontiguousarray(i), (16, 16), interpolation=cv2.INTER_AREA)
            for i in images
        ]
    )
    flat = small.reshape(len(small), -1).astype(np.float32)
    flat -= flat.mean(1, keepdims=True)
    unit: Floats = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-3)
    return unit


@dataclass(frozen=True, slots=True)
class CropFolder:
    """A folder of cropped faces with `labels.csv`: columns file, expression and, if wanted, split.

    Without a split column, a face's split follows from its name, about 80 / 10 / 10.
    """

    path: Path

    def load(self, classes: Sequence[str], face_px: int) -> Splits:
        """See `LabelledFaces`.

        Raises:
            InputError: if the folder or a picture cannot be read, nothing is labelled, or a label
                is not one of the classes.
        """
        rows = read_rows(self.path, {"file", "expression"})
        images, labels, splits = [], [], []
        for line, row in enumerate(rows, start=2):
            if row["expression"] not in classes:
                raise InputError(
                    f"unknown expression {row['expression']!r}, expected one of "
                    + ", ".join(classes),
                    where=f"{self.path / 'labels.csv'}:{line}",
                )
            images.append(read_grey(self.path / row["file"], face_px))
            labels.append(list(classes).index(row["expression"]))
            splits.append(row.get("split") or _split_of(row["file"]))
        stacked, index = np.stack(images), np.array(labels, dtype=np.int64)
        targets = np.eye(len(classes), dtype=np.float32)[index]
        parts = [np.array([s == name for s in splits]) for name in ("train", "valid", "test")]
        if not parts[0].any():
            raise InputError("no face is in the split 'train'", where=str(self.path / "labels.csv"))
        return Splits(*(Split(stacked[p], targets[p], index[p]) for p in parts))


def read_rows(folder: Path, columns: set[str]) -> list[dict[str, str]]:
    """Reads a picture folder's `labels.csv`.

    Raises:
        InputError: if folder or table is missing or empty, or a column is missing.
    """
    path, wanted = folder / "labels.csv", ",".join(sorted(columns))
    if not folder.is_dir() or not any(folder.iterdir()):
        raise InputError(
            "empty, or not a folder", where=str(folder), todo="Put faces and labels.csv into it"
        )
    if not path.is_file():
        raise InputError(
            "has no labels.csv", where=str(folder), todo=f"Write one with the columns {wanted}"
        )
    with path.open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text))
    if not rows or not columns <= set(rows[0]):
        raise InputError(
            f"expected the columns {wanted} and one row a face, "
            f"given {','.join(rows[0]) if rows else 'no row'}",
            where=str(path),
        )
    return rows


def read_grey(path: Path, face_px: int) -> Grey:
    """Reads a picture as a grey square of face_px.

    Raises:
        InputError: if the file is no readable picture, or shows nothing (one constant level).
    """
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise InputError("not a readable picture", where=str(path))
    if image.min() == image.max():
        raise InputError("the picture has one constant level, no face", where=str(path))
    return to_square(np.asarray(image, dtype=np.uint8), face_px)


def to_square(grey: Grey, face_px: int) -> Grey:
    """Resizes a face as the product does."""
    how = cv2.INTER_AREA if grey.shape[1] > face_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (face_px, face_px), interpolation=how), dtype=np.uint8)


def _split_of(name: str) -> str:
    place = hashlib.sha256(name.encode()).digest()[0] % 10
    return {0: "valid", 1: "test"}.get(place, "train")

"""Recipes for data sets that must be asked for: RAF-DB and AffectNet, read as they unpack.

Both keep their labels in an order of their own; that order is the one thing to get right here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aeras.domain.errors import InputError
from aeras.lab.train.data import Split, Splits, read_grey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RAFDB_ORDER = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
"""Label 1 is surprise; RAF-DB has no contempt."""

AFFECTNET_ORDER = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""Label 0 is neutral; labels above 7 are no expression and are left out."""

Labelled = list[tuple["Path", str]]


@dataclass(frozen=True, slots=True)
class RafDb:
    """RAF-DB's basic part (Li et al. 2017): `EmoLabel/list_patition_label.txt`, `Image/aligned/`.

    Every tenth training face, by the list's order, is used for validation.
    """

    path: Path

    def load(self, classes: Sequence[str], face_px: int) -> Splits:
        """See `aeras.lab.train.data.LabelledFaces`.

        Raises:
            InputError: if the list or a picture cannot be read, or a label is unknown.
        """
        listing = self.path / "EmoLabel" / "list_patition_label.txt"  # spelt so by its authors
        if not listing.is_file():
            raise InputError("not found; is RAF-DB's basic part unpacked here?", where=str(listing))
        parts: dict[str, Labelled] = {"train": [], "valid": [], "test": []}
        for number, line in enumerate(listing.read_text(encoding="utf-8").splitlines(), start=1):
            words = line.split()
            if not words:
                continue
            name, label = words[0], words[-1]
            if not label.isdigit() or not 1 <= int(label) <= len(RAFDB_ORDER):
                raise InputError(
                    f"expected a file name and a label 1..7, given {line!r}",
                    where=f"{listing}:{number}",
                )
            picture = self.path / "Image" / "aligned" / name.replace(".jpg", "_aligned.jpg")
            part = name.split("_")[0]
            if part == "train" and number % 10 == 0:
                part = "valid"
            parts[part].append((picture, RAFDB_ORDER[int(label) - 1]))
        return _splits(parts, classes, face_px)


@dataclass(frozen=True, slots=True)
class AffectNet:
    """AffectNet-8 (Mollahosseini et al. 2017): `{train,val}_set/{images,annotations}/`.

    Its own validation set is the test split here, as in the literature; every fiftieth training
    face, by name, is used for validation.
    """

    path: Path

    def load(self, classes: Sequence[str], face_px: int) -> Splits:
        """See `aeras.lab.train.data.LabelledFaces`.

        Raises:
            InputError: if annotations are missing or a picture cannot be read.
        """
        train, test = (self._labelled(name) for name in ("train_set", "val_set"))
        parts = {
            "train": [face for i, face in enumerate(train) if i % 50],
            "valid": train[::50],
            "test": test,
        }
        return _splits(parts, classes, face_px)

    def _labelled(self, part: str) -> Labelled:
        folder = self.path / part / "annotations"
        files = sorted(folder.glob("*_exp.npy"))
        if not files:
            raise InputError("holds no *_exp.npy; is AffectNet unpacked here?", where=str(folder))
        labelled = []
        for file in files:
            label = int(np.load(file, allow_pickle=False))
            if label < len(AFFECTNET_ORDER):
                name = file.name.replace("_exp.npy", ".jpg")
                labelled.append((self.path / part / "images" / name, AFFECTNET_ORDER[label]))
        return labelled


def _splits(parts: dict[str, Labelled], classes: Sequence[str], face_px: int) -> Splits:
    return Splits(*(_split(parts[name], classes, face_px) for name in ("train", "valid", "test")))


def _split(faces: Labelled, classes: Sequence[str], face_px: int) -> Split:
    images = np.zeros((len(faces), face_px, face_px), dtype=np.uint8)
    labels = np.zeros(len(faces), dtype=np.int64)
    for row, (path, expression) in enumerate(faces):
        images[row] = read_grey(path, face_px)
        labels[row] = list(classes).index(expression)
    return Split(images, np.eye(len(classes), dtype=np.float32)[labels], labels)

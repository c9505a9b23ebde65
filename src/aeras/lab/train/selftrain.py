"""Self-training: the network's own reading of diverse unlabelled faces becomes its next lesson.

The teacher sees the face as it is and mirrored; the student sees it as a shop camera would
(consistency, after Xie et al. 2020). Nothing says that one group of people shows anger more often
than another in the same kind of photo, but a network may read it so. So the teacher's readings are
aligned first: within each gender, every race's mean reading is pulled to the common mean
(distribution alignment, after Berthelot et al. 2020).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from aeras.domain.errors import ConfigError, InputError
from aeras.lab.train.data import NO_LABEL, Split, read_rows, to_square
from aeras.perceive.expression import ExpressionSpec, crop_square

if TYPE_CHECKING:
    from pathlib import Path

    from aeras.domain.seen_ports import FaceDetector
    from aeras.lab.train.config import TrainConfig
    from aeras.lab.train.data import Floats, Grey, Ints

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Faces (N, S, S) uint8, their pictures; group of each (N,), and what that is aligned with."""

    images: Grey
    paths: list[Path]
    groups: Ints
    references: Ints


def load_unlabelled(
    config: TrainConfig, data_root: Path, detector: FaceDetector, cache: Path
) -> Unlabelled:
    """Finds and crops the unlabelled faces as the product does; keeps the crops in `cache`.

    Raises:
        InputError: if the folder or its labels.csv cannot be used, or no face is found.
        ConfigError: if the config names no unlabelled faces.
    """
    options = config.unlabelled
    if options is None:
        raise ConfigError("self_training needs the key 'unlabelled'")
    folder = data_root / options.path
    rows = read_rows(folder, {"file", *options.group_columns})
    if not cache.exists():
        crops = {
            i: _find_crop(folder / row["file"], config, detector) for i, row in enumerate(rows)
        }
        found = {i: crop for i, crop in crops.items() if crop is not None}
        if not found:
            raise InputError("no face was found in any picture", where=str(folder))
        np.savez(cache, images=np.stack(list(found.values())), rows=np.array(list(found)))
    with np.load(cache) as arrays:
        images, kept = arrays["images"], [rows[i] for i in arrays["rows"]]
    log.info("unlabelled faces: %d of %d found", len(images), len(rows))
    others = [c for c in options.group_columns if c != options.aligned_column]
    groups, references = _codes(kept, list(options.group_columns)), _codes(kept, others)
    return Unlabelled(images, [folder / row["file"] for row in kept], groups, references)


def _codes(rows: list[dict[str, str]], columns: list[str]) -> Ints:
    names = ["/".join(row[c] for c in columns) for row in rows]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _find_crop(path: Path, config: TrainConfig, detector: FaceDetector) -> Grey | None:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("not a readable picture", where=str(path))
    faces = detector.detect(np.asarray(image, dtype=np.uint8))
    if not faces:
        return None
    px = config.face_px
    spec = ExpressionSpec((px, px), config.classes, margin=config.crop, shift=config.crop_up)
    crop = crop_square(np.asarray(image, dtype=np.uint8), faces[0].box, spec)
    return to_square(np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), dtype=np.uint8), px)


def align(readings: Floats, groups: Ints, references: Ints, strength: float) -> Floats:
    """Gives each group the mean reading of its reference, by reweighting its members' readings.

    Args:
        readings: (N, classes), rows summing to 1.
        groups: (N,) group of each row.
        references: (N,) the wider group whose mean is the aim; constant within a group.
        strength: 0 changes nothing, 1 aims at equal means.

    Returns:
        (N, classes), rows summing to 1.
    """
    aligned = readings.astype(np.float64)
    names, first, member = np.unique(groups, return_index=True, return_inverse=True)
    related = references[first][:, None] == references[first][None, :]
    for _ in range(10 if strength == 1 else 1):  # rows are normalised again, so repeat to converge
        means = np.stack([aligned[member == g].mean(0) for g in range(len(names))])
        aims = related @ means / related.sum(1, keepdims=True)
        aligned *= ((aims / np.maximum(means, 1e-6)) ** strength)[member]
        aligned /= aligned.sum(1, keepdims=True)
    return aligned.astype(np.float32)


def frequencies(targets: Floats, rarity: float) -> Floats:
    """How often an epoch shows each labelled face, (N,), 1 on average.

    Args:
        targets: (N, classes), rows summing to 1.
        rarity: an expression is shown 1 / frequency to this power as often.
    """
    often = targets @ np.maximum(targets.mean(0), 1e-4) ** -rarity
    scaled: Floats = (often / often.mean()).astype(np.float32)
    return scaled


def with_unlabelled(
    labelled: Split,
    labelled_readings: Floats,
    unlabelled: Unlabelled,
    readings: Floats,
    *,
    alignment: float,
    teacher_share: float,
) -> Split:
    """Joins labelled faces and unlabelled ones, with the teacher's readings as targets.

    Args:
        labelled: the training split.
        labelled_readings: (N, classes), the teacher on it.
        unlabelled: the other faces.
        readings: (M, classes), the teacher on those.
        alignment: how strongly groups are aligned, see `align`.
        teacher_share: how far the teacher replaces the votes on labelled faces.

    Returns:
        N + M faces.
    """
    pseudo = align(readings, unlabelled.groups, unlabelled.references, alignment)
    targets = (1 - teacher_share) * labelled.targets + teacher_share * labelled_readings
    return Split(
        np.concatenate([labelled.images, unlabelled.images]),
        np.concatenate([targets, pseudo]).astype(np.float32),
        np.concatenate([labelled.labels, np.full(len(pseudo), NO_LABEL, dtype=np.int64)]),
    )

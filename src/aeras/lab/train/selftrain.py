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

from aeras.domain.errors import InputError
from aeras.lab.train.data import NO_LABEL, Split, read_rows

if TYPE_CHECKING:
    from pathlib import Path

    from aeras.domain.geometry import Box
    from aeras.domain.seen_ports import FaceDetector
    from aeras.lab.train.config import UnlabelledOptions
    from aeras.lab.train.data import Floats, Grey, Ints

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Faces (N, S, S) uint8; the group of each (N,), and what that group is aligned with (N,)."""

    images: Grey
    groups: Ints
    references: Ints


def load_unlabelled(
    folder: Path, options: UnlabelledOptions, face_px: int, detector: FaceDetector, cache: Path
) -> Unlabelled:
    """Finds and crops the unlabelled faces as the product does; keeps the crops in `cache`.

    Raises:
        InputError: if the folder or its labels.csv cannot be used, or no face is found.
    """
    rows = read_rows(folder, {"file", *options.group_columns})
    if not cache.exists():
        images, found = [], []
        for index, row in enumerate(rows):
            crop = _find_crop(folder / row["file"], options, face_px, detector)
            if crop is not None:
                images.append(crop)
                found.append(index)
        if not images:
            raise InputError("no face was found in any picture", where=str(folder))
        np.savez(cache, images=np.stack(images), rows=np.array(found))
    with np.load(cache) as arrays:
        images_found, index_found = arrays["images"], arrays["rows"]
    log.info("unlabelled faces: %d of %d found", len(images_found), len(rows))
    kept = [rows[i] for i in index_found]
    others = [c for c in options.group_columns if c != options.aligned_column]
    return Unlabelled(images_found, _codes(kept, list(options.group_columns)), _codes(kept, others))


def _codes(rows: list[dict[str, str]], columns: list[str]) -> Ints:
    names = ["/".join(row[c] for c in columns) for row in rows]
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def _find_crop(
    path: Path, options: UnlabelledOptions, face_px: int, detector: FaceDetector
) -> Grey | None:
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InputError("not a readable picture", where=str(path))
    faces = detector.detect(np.asarray(image, dtype=np.uint8))
    if not faces:
        return None
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
    return crop_square(grey, faces[0].box, options.crop, options.crop_up, face_px)


def crop_square(grey: Grey, box: Box, share: float, up: float, face_px: int) -> Grey:
    """Cuts the square of `share` longer sides round a face box, moved `up`, as face_px pixels."""
    x1, y1, x2, y2 = (float(v) for v in box)
    longer = max(x2 - x1, y2 - y1)
    side = max(2, round(share * longer))
    centre = ((x1 + x2) / 2, (y1 + y2) / 2 - up * longer)
    left, top = (round(c - side / 2) for c in centre)
    pad = max(0, -left, -top, left + side - grey.shape[1], top + side - grey.shape[0])
    padded = cv2.copyMakeBorder(grey, pad, pad, pad, pad, cv2.BORDER_REPLICATE)
    crop = padded[top + pad : top + pad + side, left + pad : left + pad + side]
    how = cv2.INTER_AREA if side > face_px else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, (face_px, face_px), interpolation=how), dtype=np.uint8)


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

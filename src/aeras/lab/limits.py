"""Measures down to which quality faces can be read, and writes the limits the product keeps to.

Labelled faces (FER+, the validation split) are made worse in steps: smaller, blurred, covered, and
compressed. Each goes through the product's own detector, landmarks and expression network, so that
the quality is measured as it will be in a shop. For each measure of quality the faces are put into
bins; a bin gets the temperature that makes its readings honest and the certainty below which they
are wrong too often. See `aeras.perceive.limits` for how they are used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.geometry import Box
from aeras.domain.seen import EXPRESSIONS, Face, Image
from aeras.lab.expression import GROUP_OF, Degradation, evaluate_expression, reader_of_crops
from aeras.lab.progress import shown
from aeras.lab.train.data import NO_LABEL, FerPlus, Split, scored_crops
from aeras.perceive.expression import OnnxExpression, load_expression, model_sha256
from aeras.perceive.facemesh import FaceMeshOptions, MediaPipeFaceMesh
from aeras.perceive.limits import MEASURES, four_groups, measure_face, softened
from aeras.perceive.yunet import Yunet

if TYPE_CHECKING:
    from pathlib import Path

HEIGHTS = (40, 34, 28, 24, 20, 16)
BLURS = (0.02, 0.04, 0.06, 0.09)
"""Standard deviations of the blur as shares of the face's height."""
COVERS = ("mouth", "eyes", "side")
JPEG = Degradation(jpeg=60)
STEPS = tuple(round(1 - 0.05 * step, 2) for step in range(15))
"""Coverages at which the curves are told."""
_PAD = 36
"""Pixels of surroundings given to a 48 px crop; detector and landmarks expect some."""
_GREY_48 = 48

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LimitsOptions:
    """What counts as too wrong.

    Attributes:
        most_wrong: Largest share of wrong readings, among those that are kept, in a bin. By
            default the loosest round one at which 96 % of the smiles told on validation faces
            are right.
        least_kept: A bin of which fewer can be kept at that is closed.
        least_faces: A bin with fewer faces says nothing; it is joined with the next better one.
        faces: Of each degradation, at most.
        seed: Chooses them.
    """

    most_wrong: float = 0.06
    least_kept: float = 0.5
    least_faces: int = 60
    faces: int = 400
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Faces that were read: (N, 8) probabilities, (N,) labels, (N,) of each measure, and (N,) the
    measure by which each was made worse, "" for none.
    """

    probabilities: Floats = field(repr=False)
    labels: NDArray[np.int64] = field(repr=False)
    measures: dict[str, Floats] = field(repr=False)
    spoiled: NDArray[np.str_] = field(repr=False)

    def __getitem__(self, rows: NDArray[np.bool_]) -> Read:
        return Read(
            self.probabilities[rows],
            self.labels[rows],
            {name: values[rows] for name, values in self.measures.items()},
            self.spoiled[rows],
        )

    def __len__(self) -> int:
        return len(self.labels)


def measure_limits(ferplus: Path, *, model: str, options: LimitsOptions) -> dict[str, Any]:
    """Measures a model's limits; what `aeras lab limits` writes.

    Args:
        ferplus: The npz file with faces and votes.
        model: Name in models.toml, or an ONNX file with its spec beside it.
        options: See `LimitsOptions`.

    Returns:
        model_sha256, most_wrong, n, and per measure its bins, see `aeras.perceive.limits.Bin`,
        each with ``n``, ``wrong`` (share over all of the bin), ``kept``, ``wrong_kept`` and
        ``curve`` (coverage -> share wrong); ``test``, see `tested`.

    Raises:
        InputError: The file cannot be used.
        ModelError: The model cannot be used.
    """
    splits = FerPlus(ferplus).load(EXPRESSIONS, _GREY_48)
    scored = splits.valid.labels != NO_LABEL
    faces, labels = splits.valid.images[scored], splits.valid.labels[scored]
    if not len(faces):
        raise InputError("holds no labelled face to validate on", where=str(ferplus))
    network = load_expression(model)
    read = read_degraded(faces, labels, network, options)
    bins = {name: bins_of(read, name, options) for name in MEASURES}
    return {
        "model_sha256": model_sha256(model),
        "most_wrong": options.most_wrong,
        "n": len(read),
        **bins,
        "test": tested(splits.test, network, bins["height_px"][-1]["least"]),
    }


def tested(test: Split, network: OnnxExpression, least: float) -> dict[str, float | None]:
    """What a least certainty does to the test faces as they are; nothing is chosen by it."""
    crops, labels = scored_crops(test, EXPRESSIONS)
    reader = reader_of_crops(network, Degradation())
    told = evaluate_expression(crops, labels, reader, least=least)["told"]
    precisions = {f"{name}_precision": row["precision"] for name, row in told["groups"].items()}
    return {"kept": told["kept"], "wrong": told["wrong"], **precisions}


def read_degraded(
    faces: NDArray[np.uint8],
    labels: NDArray[np.int64],
    network: OnnxExpression,
    options: LimitsOptions,
) -> Read:
    """Reads faces (N, 48, 48) grey as they are and made worse; what is not found is left out."""
    rng = np.random.default_rng(options.seed)
    detector, mesh = Yunet(), MediaPipeFaceMesh(FaceMeshOptions(presence=0.0))
    rows: list[tuple[NDArray[np.float32], int, dict[str, float], str]] = []
    chosen = rng.permutation(len(faces))
    for number, index in enumerate(shown(chosen.tolist(), "Reading faces")):
        picture = _surrounded(faces[index])
        found = detector.detect_all(picture)
        if not found:
            continue
        face = max(found, key=lambda one: one.score)
        worse = degraded(picture, face, rng) if number < options.faces else [("", picture, face)]
        for spoiled, image, placed in worse:
            fit = mesh.fit(image, placed)
            assert fit is not None, "nothing is too uncertain for a presence of 0"
            expression = network.read(image, [_nominal(placed, face, picture)])[0]
            quality = measure_face(image, placed, fit.pose, fit.presence)
            rows.append((expression.probabilities, int(labels[index]), quality, spoiled))
    if not rows:
        raise InputError(f"no face was found in any of {len(faces)} pictures")
    return Read(
        np.array([row[0] for row in rows], dtype=np.float64),
        np.array([row[1] for row in rows]),
        {name: np.array([row[2][name] for row in rows]) for name in MEASURES},
        np.array([row[3] for row in rows]),
    )


def _surrounded(face: NDArray[np.uint8]) -> Image:
    """A tight crop amid what its edges show, so that detector and landmarks have room."""
    bgr = cv2.cvtColor(face, cv2.COLOR_GRAY2BGR)
    sides = (_PAD, _PAD, _PAD, _PAD)
    return np.asarray(cv2.copyMakeBorder(bgr, *sides, cv2.BORDER_REPLICATE), dtype=np.uint8)


def _nominal(placed: Face, face: Face, picture: Image) -> Box:
    """The box whose crop is the data set's own: its crops are cut tighter than a detector cuts."""
    scale = (placed.box[3] - placed.box[1]) / (face.box[3] - face.box[1])
    middle, half = picture.shape[0] * scale / 2, _GREY_48 * scale / 0.8 / 2
    down = 0.05 * 2 * half
    return (middle - half, middle - half + down, middle + half, middle + half + down)


def degraded(
    picture: Image, face: Face, rng: np.random.Generator
) -> Iterator[tuple[str, Image, Face]]:
    """A face as it is and made worse, each compressed: by which measure, picture, where it is."""
    height = face.box[3] - face.box[1]
    yield "", picture, face
    for target in HEIGHTS:
        if target < height:
            yield "height_px", *_coded(*_scaled(picture, face, target / height))
    for blur in BLURS:
        soft = cv2.GaussianBlur(picture, (0, 0), blur * height)
        yield "sharpness", *_coded(np.asarray(soft, dtype=np.uint8), face)
    for part in COVERS:
        yield "presence", *_coded(_covered(picture, face, part, rng), face)


def _scaled(picture: Image, face: Face, scale: float) -> tuple[Image, Face]:
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    x0, y0, x1, y1 = (edge * scale for edge in face.box)
    points = (face.points * scale).astype(np.float32)
    return np.asarray(small, dtype=np.uint8), replace(face, box=(x0, y0, x1, y1), points=points)


def _covered(picture: Image, face: Face, part: str, rng: np.random.Generator) -> Image:
    """A plain patch over a part of the face: a mask, dark glasses, a hand or an arm."""
    x0, y0, x1, y1 = face.box
    eyes, mouth = float(face.points[:2, 1].mean()), float(face.points[3:, 1].mean())
    high, wide = y1 - y0, x1 - x0
    box = {
        "mouth": (x0, (mouth + float(face.points[2, 1])) / 2, x1, y1),
        "eyes": (x0, eyes - 0.1 * high, x1, eyes + 0.1 * high),
        "side": (x0, y0, x0 + float(rng.uniform(0.3, 0.5)) * wide, y1),
    }[part]
    left, top, right, bottom = (max(0, round(edge)) for edge in box)
    image = picture.copy()
    image[top:bottom, left:right] = int(rng.integers(20, 236))
    return image


def _coded(image: Image, face: Face) -> tuple[Image, Face]:
    return JPEG.apply(image, face.box[3] - face.box[1])[0], face


def bins_of(read: Read, measure: str, options: LimitsOptions) -> list[dict[str, Any]]:
    """The bins of one measure, worst first; too few faces are counted with the next better bin."""
    edges, better_high = MEASURES[measure]
    inner = np.searchsorted(edges, read.measures[measure], side="right") - 1
    counted = (inner >= 0) & np.isin(read.spoiled, ("", measure))
    order = list(range(len(edges)) if better_high else range(len(edges) - 1, -1, -1))
    groups: list[list[int]] = [[]]
    for at in order:
        groups[-1].append(at)
        if int((counted & np.isin(inner, groups[-1])).sum()) >= options.least_faces:
            groups.append([])
    if len(groups) > 1:
        rest = groups.pop()
        groups[-1] += rest
    best = _temperature(read[counted & np.isin(inner, groups[-1])])
    return [
        {"from": float(min(edges[at] for at in group))}
        | _judged(read[counted & np.isin(inner, group)], best, options)
        for group in groups
    ]


def _judged(read: Read, best: float, options: LimitsOptions) -> dict[str, Any]:
    """How wrong a bin is, and the certainty from which it is right often enough."""
    temperature = max(1.0, _temperature(read) / best)
    shares = four_groups(softened(read.probabilities, temperature))
    certain, wrong = shares.max(axis=1), shares.argmax(axis=1) != GROUP_OF[read.labels]
    order = np.argsort(-certain)
    risk = np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)
    allowed = np.flatnonzero(risk <= options.most_wrong)
    kept = int(allowed[-1]) + 1 if len(allowed) else 0
    closed = kept < options.least_kept * len(order)
    least = 0.0 if kept == len(order) else float(certain[order[kept - 1]])
    return {
        "temperature": round(temperature, 3),
        "least": 1.0 if closed else round(least, 4),
        "closed": closed,
        "n": len(order),
        "wrong": round(float(wrong.mean()), 4),
        "kept": 0.0 if closed else round(kept / len(order), 4),
        "wrong_kept": None if closed else round(float(risk[kept - 1]), 4),
        "curve": [round(float(risk[max(0, round(step * len(order)) - 1)]), 4) for step in STEPS],
    }


def _temperature(read: Read) -> float:
    """The temperature under which the labels are most likely (Guo et al. 2017)."""
    grid = np.geomspace(0.4, 4, 47)
    of = np.arange(len(read))
    losses = [
        -np.log(np.maximum(softened(read.probabilities, t)[of, read.labels], 1e-9)).mean()
        for t in grid
    ]
    return float(grid[int(np.argmin(losses))])


def write_limits(result: dict[str, Any], path: Path) -> None:
    """Writes the limits as TOML, with the curves they come from.

    Raises:
        InputError: The file cannot be written.
    """
    lines = [
        "# Down to which quality faces are read. Made by `aeras lab limits`; not to be edited.",
        "# wrong: share of readings, as one of four groups, that are wrong. curve: the same among",
        f"# the surest {STEPS[0]:g}, {STEPS[1]:g} ... {STEPS[-1]:g} of the bin's faces.",
        *(f"{key} = {_toml(result[key])}" for key in ("model_sha256", "most_wrong", "n")),
    ]
    for measure in MEASURES:
        for row in result[measure]:
            lines += ["", f"[[{measure}]]"]
            lines += [f"{key} = {_toml(value)}" for key, value in row.items() if value is not None]
    lines += ["", "# The test faces, by which nothing was chosen.", "[test]"]
    told = result["test"].items()
    lines += [f"{key} = {_toml(value)}" for key, value in told if value is not None]
    try:
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(path)) from error


def _toml(value: object) -> str:
    """Numbers, truth values, words and lists of numbers are the same in JSON and in TOML."""
    return json.dumps(value)

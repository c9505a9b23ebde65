"""Whether faces of all groups are found, read, and read as negative equally often. No torch."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import InputError
from aeras.domain.seen import EXPRESSIONS, Face, Frame, Image
from aeras.lab.expression import GROUP_OF, GROUPS, Degradation
from aeras.lab.labelled import read_picture, read_rows
from aeras.lab.progress import shown
from aeras.perceive.expression import model_sha256
from aeras.perceive.limits import four_groups
from aeras.perceive.look import Perception, PerceptionOptions

if TYPE_CHECKING:
    from datetime import datetime

FACES = frozenset({"faces"})
LEVEL = 0.95
"""Of all intervals."""

_GREY = (110, 110, 110)
_NEGATIVE = list(GROUPS).index("negative")

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What passes, and how the intervals are made.

    Attributes:
        margin: Most that a group's negative-reading rate may differ from the mean of the groups.
        detection_margin: The same for the share of faces that are found.
        draws: Bootstrap samples.
        sample: Pictures of each group, chosen by the seed; 0 takes all. For a quick gate: with few
            pictures the gaps between groups are mostly chance.
        seed: Of the samples; the same seed gives the same pictures and intervals.
    """

    margin: float = 0.03
    detection_margin: float = 0.01
    draws: int = 4000
    sample: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1 or not 0 < self.detection_margin < 1:
            raise InputError(
                f"the margin is {self.margin:g}, expected a share between 0 and 1",
                todo="3 points are 0.03",
            )


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What became of one picture in which a face is expected.

    Attributes:
        group: Of the person, from the audited column.
        found: Whether the detector saw a face.
        height_px: Of the face's box, 0 where none was found.
        abstained: Why it was not read (see `Face.abstained`), "" where it was or none was found.
        probabilities: (8,) of `EXPRESSIONS` where it was read.
        label: What it shows, one of `EXPRESSIONS`, or "" where nobody said.
    """

    group: str
    found: bool
    height_px: float = 0.0
    abstained: str = ""
    probabilities: NDArray[np.float32] | None = None
    label: str = ""


def audit_folder(
    folder: Path,
    labels: Path,
    *,
    group: str,
    now: datetime,
    model: str = "expression",
    degradation: Degradation | None = None,
    surround: bool = False,
    options: AuditOptions | None = None,
) -> dict[str, Any]:
    """Audits a model on a folder of pictures; what `aeras lab audit` prints.

    Args:
        folder: Pictures, each of one person; where several faces are found the largest counts.
        labels: CSV with the columns file and ``group``, and, if known, expression.
        group: Name of the audited column.
        now: UTC, stands in the record.
        model: Name in models.toml, or an ONNX file with its spec beside it.
        degradation: Makes the pictures worse before they are looked at.
        surround: Puts each picture into a grey one of three times its size; a face that fills its
            picture is easier to find than one in a scene.
        options: See `AuditOptions`.

    Returns:
        See `audit`; with model, model_sha256, by (the column), downscale_px, jpeg, surround, made
        (UTC) and seconds.

    Raises:
        InputError: Pictures or labels cannot be used.
        ModelError: A model cannot be used.
    """
    began = time.perf_counter()
    options = options or AuditOptions()
    worse = degradation or Degradation()
    rows = read_rows(folder, labels, ("file", group))
    _check_rows(rows, group, labels)
    rows = _sampled(rows, group, options)
    perception = Perception(PerceptionOptions(expression_model=model, max_read=1))
    perception.warm_up(FACES)
    finder = Perception(PerceptionOptions(expression=False))
    looks = []
    for row in shown(rows, "Reading faces"):
        frame = Frame("audit", now, 0.0, read_picture(folder / row["file"]))
        if worse != Degradation():
            frame = _worse(frame, finder, worse)
        if surround:
            frame = replace(frame, image=_surrounded(frame.image))
        looks.append(_look(perception, frame, row, group))
    return {
        "by": group,
        **audit(looks, options),
        "model": model,
        "model_sha256": model_sha256(model),
        "downscale_px": worse.downscale_px,
        "jpeg": worse.jpeg,
        "surround": surround,
        "made": now.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _check_rows(rows: Sequence[dict[str, str]], group: str, labels: Path) -> None:
    if len({row[group].strip() for row in rows}) < 2:  # noqa: PLR2004 - one has nothing beside it
        raise InputError(
            f"all rows have the same {group}, so there is nothing to compare",
            where=str(labels),
            todo="Add pictures of other groups or name another column",
        )
    strangers = {row.get("expression", "").strip() for row in rows} - {"", *EXPRESSIONS}
    if strangers:
        raise InputError(
            f"unknown expression {', '.join(map(repr, sorted(strangers)))}, "
            f"expected one of {', '.join(EXPRESSIONS)}, or nothing",
            where=str(labels),
        )


def _sampled(rows: list[dict[str, str]], group: str, options: AuditOptions) -> list[dict[str, str]]:
    """So many of each group, in the order of the file."""
    if not options.sample:
        return rows
    of: dict[str, list[int]] = {}
    for index in np.random.default_rng(options.seed).permutation(len(rows)):
        of.setdefault(rows[index][group].strip(), []).append(int(index))
    return [rows[i] for i in sorted(i for many in of.values() for i in many[: options.sample])]


def _worse(frame: Frame, finder: Perception, degradation: Degradation) -> Frame:
    """The frame made worse by the size of its face, or its own size where none is found."""
    faces = finder.detect(frame, FACES).faces
    face_px = max((_height(face) for face in faces), default=float(max(frame.size)))
    return replace(frame, image=degradation.apply(frame.image, face_px)[0])


def _surrounded(image: Image) -> Image:
    height, width = image.shape[:2]
    sides = (height, height, width, width)
    grey = cv2.copyMakeBorder(image, *sides, cv2.BORDER_CONSTANT, value=_GREY)
    return np.asarray(grey, dtype=np.uint8)


def _look(perception: Perception, frame: Frame, row: dict[str, str], group: str) -> Look:
    faces = perception.detect(frame, FACES).faces
    name, label = row[group].strip(), row.get("expression", "").strip()
    if not faces:
        return Look(name, found=False, label=label)
    face = max(faces, key=_height)
    return Look(
        name,
        found=True,
        height_px=_height(face),
        abstained=face.abstained,
        probabilities=face.expression.probabilities if face.expression else None,
        label=label,
    )


def _height(face: Face) -> float:
    return face.box[3] - face.box[1]


def audit(looks: Sequence[Look], options: AuditOptions) -> dict[str, Any]:
    """Compares groups.

    A face reads as the one of the four `GROUPS` whose expressions together are most probable.
    Intervals hold 95 % and come from resampling the faces of each group with replacement (Efron
    1979); where all faces of a group agree resampling cannot vary, and the exact bound of Clopper
    and Pearson (1934) stands instead.

    Args:
        looks: At least one a group, at least two groups.
        options: See `AuditOptions`.

    Returns:
        n; groups (name -> n, found, detection_recall, detection_interval, read, coverage,
        not_read {reason: count}, face_height_px, class_rates, group_rates, negative_rate,
        negative_interval, difference (to the mean of the groups), difference_interval, and where
        labels exist errors); mean_negative_rate and mean_detection_recall (each group counts
        alike); largest_gap; gap_by_chance (the largest gap that one of 20 audits of so many faces
        would show if all groups were read alike); gate.
    """
    rng = np.random.default_rng(options.seed)
    names = sorted({look.group for look in looks}, key=_naturally)
    of = {name: [look for look in looks if look.group == name] for name in names}
    present = sorted({EXPRESSIONS.index(look.label) for look in looks if look.label})
    groups = {name: _describe(of[name], present) for name in names}
    readable = [name for name in names if groups[name]["read"]]
    if not readable:
        raise InputError(f"no face could be read in any of {len(looks)} pictures")

    reads = np.array([groups[name]["read"] for name in readable])
    negatives = np.array([groups[name].pop("negatives") for name in readable])
    drawn = _resampled(negatives, reads, options.draws, rng)
    rates = negatives / reads
    gaps = drawn - drawn.mean(axis=1, keepdims=True)
    for at, name in enumerate(readable):
        groups[name] |= {
            "negative_rate": _rounded(rates[at]),
            "negative_interval": _interval(drawn[:, at], int(negatives[at]), int(reads[at])),
            "difference": _rounded(rates[at] - rates.mean()),
            "difference_interval": _percentiles(gaps[:, at]),
        }
    sizes = np.array([groups[name]["n"] for name in names])
    found = np.array([groups[name]["found"] for name in names])
    seen = _resampled(found, sizes, options.draws, rng)
    for at, name in enumerate(names):
        span = _interval(seen[:, at], int(found[at]), int(sizes[at]))
        groups[name]["detection_interval"] = span
    alike = _resampled(np.full(len(reads), rates.mean()) * reads, reads, options.draws, rng)
    by_chance = np.abs(alike - alike.mean(axis=1, keepdims=True)).max(axis=1)
    return {
        "n": len(looks),
        "found": int(found.sum()),
        "read": int(reads.sum()),
        "face_height_px": _median([look.height_px for look in looks if look.found]),
        "groups": groups,
        "mean_negative_rate": _rounded(rates.mean()),
        "mean_detection_recall": _rounded((found / sizes).mean()),
        "largest_gap": _rounded(np.abs(rates - rates.mean()).max()),
        "gap_by_chance": _rounded(np.quantile(by_chance, LEVEL)),
        "gate": _gate(groups, options),
    }


def _naturally(name: str) -> list[tuple[int, str]]:
    """Sorts 3-9 before 20-29."""
    return [
        (int(part), "") if part.isdecimal() else (0, part)
        for part in re.split(r"(\d+)", name.casefold())
    ]


def _describe(looks: Sequence[Look], present: list[int]) -> dict[str, Any]:
    """Figures of one group that need no other group."""
    vectors = [look.probabilities for look in looks if look.probabilities is not None]
    readings = np.array(vectors, dtype=np.float64).reshape(-1, len(EXPRESSIONS))
    classes = readings.argmax(1)
    four = four_groups(readings).argmax(1)
    found = sum(look.found for look in looks)
    reasons = Counter(look.abstained for look in looks if look.abstained)
    figures: dict[str, Any] = {
        "n": len(looks),
        "found": found,
        "detection_recall": _rounded(found / len(looks)),
        "detection_interval": None,
        "read": len(readings),
        "coverage": _rounded(len(readings) / len(looks)),
        "not_read": ({"not found": len(looks) - found} if found < len(looks) else {})
        | dict(sorted(reasons.items())),
        "face_height_px": _median([look.height_px for look in looks if look.found]),
        "class_rates": _shares(classes, EXPRESSIONS),
        "group_rates": _shares(four, tuple(GROUPS)),
        "negative_rate": None,
        "negative_interval": None,
        "difference": None,
        "difference_interval": None,
        "negatives": int((four == _NEGATIVE).sum()),
    }
    labelled = [look for look in looks if look.label and look.probabilities is not None]
    return figures | ({"errors": _errors(labelled, present)} if present else {})


def _shares(told: NDArray[np.intp], names: tuple[str, ...]) -> dict[str, float | None]:
    """How often each was told; None where nothing was."""
    counts = np.bincount(told, minlength=len(names))
    return {
        name: _rounded(count / len(told)) if len(told) else None
        for name, count in zip(names, counts, strict=True)
    }


def _errors(looks: Sequence[Look], present: list[int]) -> dict[str, Any]:
    """How often a group's labelled faces are read wrongly.

    Args:
        looks: Read and labelled.
        present: Numbers of the expressions that any group's labels have; others are masked.
    """
    if not looks:
        return {"n": 0, "error_rate": None, "balanced_error_rate": None, "falsely_negative": None}
    readings = np.array([look.probabilities for look in looks], dtype=np.float64)
    truth = np.array([EXPRESSIONS.index(look.label) for look in looks])
    wrong = np.array(present)[readings[:, present].argmax(1)] != truth
    negative = four_groups(readings).argmax(1) == _NEGATIVE
    other = GROUP_OF[truth] != _NEGATIVE
    return {
        "n": len(looks),
        "error_rate": _rounded(wrong.mean()),
        "balanced_error_rate": _rounded(
            np.mean([wrong[truth == label].mean() for label in np.unique(truth)])
        ),
        "falsely_negative": _rounded(negative[other].mean()) if other.any() else None,
    }


def _resampled(
    hits: NDArray[Any], of: NDArray[np.int_], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """(draws, groups) rates of samples with replacement.

    How many hits a sample of n faces with k hits holds is binomial (n, k / n), so no face needs to
    be drawn by itself.
    """
    return np.asarray(rng.binomial(of, hits / of, size=(draws, len(of))) / of)


def _interval(drawn: NDArray[np.float64], hits: int, of: int) -> Interval:
    if 0 < hits < of:
        return _percentiles(drawn)
    bound = ((1 - LEVEL) / 2) ** (1 / of)
    return (_rounded(bound), 1.0) if hits else (0.0, _rounded(1 - bound))


def _percentiles(drawn: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return _rounded(low), _rounded(high)


def _gate(groups: dict[str, dict[str, Any]], options: AuditOptions) -> dict[str, Any]:
    """Whether the model may be released, by the rates themselves; intervals say how surely."""
    recalls = [figures["detection_recall"] for figures in groups.values()]
    mean_recall = float(np.mean(recalls))
    failures = []
    for name, figures in groups.items():
        off = figures["detection_recall"] - mean_recall
        if abs(off) > options.detection_margin:
            failures.append(f"{name}: faces found {_points(off)} from the mean of the groups")
        if figures["negative_rate"] is None:
            failures.append(f"{name}: no face could be read")
        elif abs(figures["difference"]) > options.margin:
            failures.append(
                f"{name}: negative readings {_points(figures['difference'])} "
                "from the mean of the groups"
            )
    spans = [figures["difference_interval"] for figures in groups.values()]
    return {
        "passed": not failures,
        "certain": all(span and max(map(abs, span)) <= options.margin for span in spans),
        "margin": options.margin,
        "detection_margin": options.detection_margin,
        "largest_detection_gap": _rounded(max(abs(value - mean_recall) for value in recalls)),
        "failures": failures,
    }


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points"


def _median(values: Sequence[float]) -> float | None:
    return round(float(np.median(values)), 1) if values else None


def _rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)

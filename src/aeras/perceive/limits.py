"""Which faces are read and how surely: limits that were measured, bin by bin of quality.

Four measures tell how good a picture of a face is. Each has bins; what was measured on labelled
faces in a bin (``limits.toml``, made by `aeras lab limits`) says how much its readings must be
softened to be honest and how certain they must be to be right often enough. A face is judged by the
worst of its four bins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.domain.seen import EXPRESSIONS, Expression, Face, HeadPose, Image
from aeras.perceive.quality import sharpness
from aeras.perceive.registry import MODELS_DIR

LIMITS_FILE = MODELS_DIR / "limits.toml"

MEASURES: dict[str, tuple[tuple[float, ...], bool]] = {
    "height_px": ((14, 18, 22, 26, 30, 36, 44), True),
    "turn_deg": ((0, 10, 20, 30, 40), False),
    "sharpness": ((0, 0.02, 0.04, 0.06, 0.1), True),
    "presence": ((0, 0.5, 0.9, 0.99), True),
}
"""Name -> lower edges of its bins, and whether more is better: height of the face's box, how far
the head is turned from the camera, `aeras.perceive.quality.sharpness`, and the landmark network's
certainty that it sees a whole face."""

FOUR = {
    "positive": ("happiness",),
    "hesitant": ("surprise", "fear", "sadness"),
    "negative": ("anger", "disgust", "contempt"),
    "neutral": ("neutral",),
}
"""What a retailer is told; the eight classes are too fine for most faces in a shop."""

_OF_FOUR = np.array([[name in members for members in FOUR.values()] for name in EXPRESSIONS])


@dataclass(frozen=True, slots=True)
class Bin:
    """Faces whose measure is at least ``start`` and below that of the next bin.

    Attributes:
        start: In the measure's unit.
        temperature: By which readings are softened, at least 1.
        least: Least certainty (probability of the likeliest of the `FOUR`) of what is kept.
        closed: Nothing is read.
    """

    start: float
    temperature: float
    least: float
    closed: bool


@dataclass(frozen=True, slots=True)
class Limits:
    """Bins by measure, in rising order; a measure without bins limits nothing."""

    model_sha256: str = ""
    bins: Mapping[str, tuple[Bin, ...]] = field(default_factory=dict)

    def of(self, quality: Mapping[str, float]) -> tuple[float, float, str]:
        """Temperature, least certainty, and the measure that forbids reading at all, or ""."""
        temperature, least = 1.0, 0.0
        for name, bins in self.bins.items():
            inside = [one for one in bins if quality[name] >= one.start]
            if not inside or inside[-1].closed:
                return 1.0, 1.0, name
            temperature = max(temperature, inside[-1].temperature)
            least = max(least, inside[-1].least)
        return temperature, least, ""

    def read(self, expression: Expression, quality: Mapping[str, float]) -> Expression | None:
        """The reading as it may be told, or None where it would be wrong too often."""
        temperature, least, closed = self.of(quality)
        soft = softened(expression.probabilities[None].astype(np.float64), temperature)
        if closed or float(four_groups(soft).max()) < least:
            return None
        return Expression(soft[0].astype(np.float32))


def measure_face(image: Image, face: Face, pose: HeadPose, presence: float) -> dict[str, float]:
    """The four `MEASURES` of a face."""
    return {
        "height_px": face.box[3] - face.box[1],
        "turn_deg": float(np.hypot(pose.yaw, pose.pitch)),
        "sharpness": sharpness(image, face.box),
        "presence": presence,
    }


def softened(probabilities: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """(N, 8) probabilities at a temperature: 1 leaves them, more makes them more alike."""
    powers = np.power(np.maximum(probabilities, 0.0), 1 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def four_groups(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 8) to (N, 4), in the order of `FOUR`."""
    return np.asarray(probabilities @ _OF_FOUR)


def limits_path(model: str) -> Path:
    """Where the limits of a model are: its name in models.toml, or an ONNX file."""
    return Path(model + ".limits.toml") if model.endswith(".onnx") else LIMITS_FILE


def limits_of(model: str, sha256: str) -> Limits:
    """The limits that were measured for a model; none where it was never measured.

    Args:
        model: Name in models.toml, or an ONNX file, whose limits are in ``<file>.limits.toml``.
        sha256: Of its file. Limits of another file say nothing about this one.

    Raises:
        ModelError: The file of limits is malformed.
    """
    path = limits_path(model)
    if not path.exists():
        return Limits()
    limits = load_limits(path)
    return limits if limits.model_sha256 == sha256 else Limits()


def load_limits(path: Path = LIMITS_FILE) -> Limits:
    """Reads limits.

    Raises:
        ModelError: The file is missing or malformed.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        bins = {name: tuple(sorted(map(_bin, table[name]), key=_start)) for name in MEASURES}
        return Limits(str(table["model_sha256"]), bins)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ModelError(
            f"the limits of readable faces cannot be read ({error})",
            where=str(path),
            todo="Make them with `aeras lab limits`, or reinstall the package",
        ) from error


def _bin(row: Mapping[str, Any]) -> Bin:
    return Bin(
        float(row["from"]), float(row["temperature"]), float(row["least"]), bool(row["closed"])
    )


def _start(one: Bin) -> float:
    return one.start

"""Reads what faces show with any classifier in an ONNX file, driven by its spec."""

from __future__ import annotations

import hashlib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.domain.geometry import Box
from aeras.domain.seen import EXPRESSIONS, Expression, Image
from aeras.perceive.registry import MODELS_DIR, checked_bytes, model_bytes, model_card
from aeras.perceive.runtimes import OnnxModel

SPECS_DIR = MODELS_DIR / "specs"
"""Specs of networks that others publish; an own spec names one with ``like``."""

_COLOURS = {"grey": 1, "rgb": 3, "bgr": 3}


@dataclass(frozen=True, slots=True)
class ExpressionSpec:
    """What an expression network expects and gives.

    Attributes:
        size: (width, height) of its input in pixels.
        classes: Names of its outputs in order, all from `EXPRESSIONS`; a class it does not know
            gets probability 0.
        colour: ``grey``, ``rgb`` or ``bgr``.
        layout: ``nchw`` or ``nhwc``.
        scale: Pixels 0..255 are multiplied by this first,
        mean, std: then normalised per channel.
        margin: Side of the square crop as a share of the face box's longer side.
        shift: How far the crop is moved up, as a share of the same.
        output: ``logits`` or ``probabilities``.
        biases: Added to the logits (logarithms of probabilities), one a class; may be empty.
    """

    size: tuple[int, int]
    classes: tuple[str, ...]
    colour: str = "grey"
    layout: str = "nchw"
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    margin: float = 1.0
    shift: float = 0.0
    output: str = "logits"
    biases: tuple[float, ...] = ()

    @property
    def channels(self) -> int:
        """Number of colour channels."""
        return _COLOURS[self.colour]


def expression_spec(row: Mapping[str, Any], where: str) -> ExpressionSpec:
    """Checks the fields of a spec as they come from a TOML file or the site file.

    Raises:
        ModelError: Naming the field that is missing, unknown or wrong.
    """
    known = {item.name for item in fields(ExpressionSpec)}
    unknown = sorted(set(row) - known)
    missing = sorted({"size", "classes"} - set(row))
    if unknown or missing:
        named = f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(missing)}"
        raise _bad(f"the model's spec has fields that are {named}", where)
    values: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in row.items()}
    for name, value in values.items():
        _check_kind(name, value, where)
    try:
        spec = ExpressionSpec(**values)
        _check(spec, where)
    except (TypeError, ValueError) as error:
        raise _bad(f"the model's spec has a field of a wrong kind ({error})", where) from error
    return spec


_LISTS: dict[str, type | tuple[type, ...]] = {
    "size": int,
    "classes": str,
    "mean": (int, float),
    "std": (int, float),
    "biases": (int, float),
}
_WORDS = ("colour", "layout", "output")


def _check_kind(name: str, value: object, where: str) -> None:
    """Refuses a field over whose type the checks of its value would stumble."""
    listed = isinstance(value, tuple)
    items: tuple[object, ...] = value if isinstance(value, tuple) else (value,)
    kind = _LISTS.get(name, str if name in _WORDS else (int, float))
    right = all(isinstance(item, kind) and not isinstance(item, bool) for item in items)
    finite = all(math.isfinite(item) for item in items if isinstance(item, float))
    if listed != (name in _LISTS) or not right or not finite:
        form = "a list of " if name in _LISTS else "one of "
        words = "words" if kind is str else "whole numbers" if kind is int else "numbers"
        raise _bad(f"{name} is {value!r}, a field of a wrong kind: expected {form}{words}", where)


def _check(spec: ExpressionSpec, where: str) -> None:
    strangers = [name for name in spec.classes if name not in EXPRESSIONS]
    problems = {
        f"classes {strangers} are not among {list(EXPRESSIONS)}": bool(strangers),
        "a class is named twice": len(set(spec.classes)) != len(spec.classes),
        f"colour is {spec.colour!r}, expected grey, rgb or bgr": spec.colour not in _COLOURS,
        f"layout is {spec.layout!r}, expected nchw or nhwc": spec.layout not in ("nchw", "nhwc"),
        f"output is {spec.output!r}, expected logits or probabilities": spec.output
        not in ("logits", "probabilities"),
        f"size is {spec.size}, expected [width, height] in pixels": len(spec.size) != 2  # noqa: PLR2004
        or min(spec.size) < 1,
        "biases must be as many as classes": len(spec.biases) not in (0, len(spec.classes)),
        "std must not hold 0": 0 in spec.std,
        "margin must be above 0": spec.margin <= 0,
    }
    for problem, wrong in problems.items():
        if wrong:
            raise _bad(problem, where)
    allowed = (1, spec.channels)
    if len(spec.mean) not in allowed or len(spec.std) not in allowed:
        raise _bad(f"mean and std must hold 1 or {spec.channels} numbers", where)


def _bad(what: str, where: str) -> ModelError:
    return ModelError(what, where=where, todo="Correct the spec, see aeras/models/README.md")


class OnnxExpression:
    """An expression network.

    Args:
        data: Content of the ONNX file.
        spec: What it expects and gives.
        where: Name or path, for messages.
        biased: Adds the spec's biases, which favour rare expressions.

    Raises:
        ModelError: It cannot be loaded or does not fit its spec.
    """

    def __init__(
        self, data: bytes, spec: ExpressionSpec, *, where: str, biased: bool = False
    ) -> None:
        self.spec = spec
        self._model = OnnxModel(data, where)
        self._columns = [EXPRESSIONS.index(name) for name in spec.classes]
        bias = spec.biases if biased and spec.biases else (0.0,) * len(spec.classes)
        self._bias = np.asarray(bias, dtype=np.float32)
        self._fits(where)

    def read(self, image: Image, boxes: Sequence[Box]) -> list[Expression]:
        """One expression a box.

        Args:
            image: (H, W, 3) BGR.
            boxes: Face boxes as YuNet gives them, xyxy pixels.
        """
        return self.read_crops([crop_square(image, box, self.spec) for box in boxes])

    def read_crops(self, crops: Sequence[Image]) -> list[Expression]:
        """One expression a picture that shows nothing but a face; BGR of any size.

        A picture without any contrast shows nothing and reads as neutral.
        """
        if not crops:
            return []
        probabilities = self._probabilities(self._run(self._batch(crops)))
        for row, crop in zip(probabilities, crops, strict=True):
            if not np.isfinite(row).all() or crop.size == 0 or crop.min() == crop.max():
                row[:] = np.eye(len(EXPRESSIONS), dtype=np.float32)[0]
        return [Expression(row) for row in probabilities]

    def _run(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, classes) outputs. Many published files take exactly one picture at a time."""
        step = 1 if self._model.input_shape[:1] == (1,) else len(batch)
        name = self._model.outputs[0]
        parts = [self._model.run(batch[i : i + step])[name] for i in range(0, len(batch), step)]
        raw = np.concatenate([np.asarray(part, np.float32).ravel() for part in parts])
        return raw.reshape(len(batch), -1)

    def _probabilities(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, classes) network outputs to (N, 8)."""
        logits = raw if self.spec.output == "logits" else np.log(np.clip(raw, 1e-7, 1))
        logits = logits + self._bias
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        full = np.zeros((len(raw), len(EXPRESSIONS)), dtype=np.float32)
        full[:, self._columns] = powers / powers.sum(axis=1, keepdims=True)
        return full

    def _batch(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        batch = np.stack([self._pixels(crop) for crop in crops]) * np.float32(self.spec.scale)
        batch = (batch - np.array(self.spec.mean)) / np.array(self.spec.std)
        if self.spec.layout == "nchw":
            batch = batch.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(batch, dtype=np.float32)

    def _pixels(self, crop: Image) -> NDArray[np.float32]:
        """(height, width, channels)."""
        if crop.size == 0:
            return np.zeros((*self.spec.size[::-1], self.spec.channels), dtype=np.float32)
        shrinking = crop.shape[1] > self.spec.size[0]
        way = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR
        if self.spec.colour == "grey":
            crop = np.asarray(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
        resized = np.asarray(cv2.resize(crop, self.spec.size, interpolation=way), dtype=np.float32)
        if self.spec.colour == "grey":
            return resized[:, :, None]
        return resized[:, :, ::-1] if self.spec.colour == "rgb" else resized

    def _fits(self, where: str) -> None:
        """Runs one black picture: some files declare their shapes wrongly or not at all."""
        crop = np.zeros((8, 8, 3), dtype=np.uint8)
        found = self._model.run(self._batch([crop]))[self._model.outputs[0]]
        if found.size != len(self.spec.classes):
            raise ModelError(
                f"the model gives {found.size} values a face, "
                f"but its spec names {len(self.spec.classes)} classes",
                where=where,
                todo="List the classes in the order of the outputs",
            )


def crop_square(image: Image, box: Box, spec: ExpressionSpec) -> Image:
    """The square round a face that a network wants; beyond the edges the picture is repeated.

    Args:
        image: (H, W, 3) BGR.
        box: xyxy pixels.
        spec: Gives margin and shift.
    """
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    side = max(1, round(longer * spec.margin))
    left = round((x0 + x1) / 2 - side / 2)
    top = round((y0 + y1) / 2 - longer * spec.shift - side / 2)
    height, width = image.shape[:2]
    inside = image[
        min(max(top, 0), height) : min(max(top + side, 0), height),
        min(max(left, 0), width) : min(max(left + side, 0), width),
    ]
    if inside.size == 0:
        return inside
    pads = (max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width))
    if not any(pads):
        return inside
    return np.asarray(cv2.copyMakeBorder(inside, *pads, cv2.BORDER_REPLICATE), dtype=np.uint8)


def load_expression(model: str = "expression", *, biased: bool = False) -> OnnxExpression:
    """A model by its name in models.toml, or an ONNX file with ``<file>.toml`` beside it.

    The TOML holds the fields of `ExpressionSpec` and, if wanted, the file's ``sha256`` and
    ``like``, the name of a spec in `SPECS_DIR` that gives all fields it does not hold itself.

    Raises:
        ModelError: No such model or spec, a wrong hash, or a model that does not fit its spec.
    """
    if not model.endswith(".onnx"):
        card = model_card(model)
        if card.task != "expression":
            raise ModelError(
                f"{model!r} is a model for {card.task}, expected one for expression",
                where=card.file,
                todo="Name another one of `aeras models list` or an .onnx file",
            )
        spec = expression_spec(card.spec, where=card.file)
        return OnnxExpression(model_bytes(model), spec, where=card.file, biased=biased)
    path = Path(model)
    spec_path = path.with_name(path.name + ".toml")
    row = _read_toml(spec_path)
    sha256 = row.pop("sha256", None)
    if not isinstance(sha256, str | None):
        raise _bad(f"sha256 is {sha256!r}, expected a word", str(spec_path))
    if "like" in row:
        row = _known_spec(row.pop("like"), str(spec_path)) | row
    spec = expression_spec(row, where=str(spec_path))
    return OnnxExpression(checked_bytes(path, sha256), spec, where=str(path), biased=biased)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise ModelError(
            "an own model needs a spec, and there is none beside it",
            where=str(path),
            todo="Write size, classes, colour, margin ... into it, or like and a known spec's name",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _bad(f"the model's spec is no valid TOML ({error})", str(path)) from error


def _known_spec(name: object, where: str) -> dict[str, Any]:
    known = {path.stem: path for path in sorted(SPECS_DIR.glob("*.toml"))}
    if not isinstance(name, str) or name not in known:
        raise _bad(f"like is {name!r}, expected one of {', '.join(known)}", where)
    return _read_toml(known[name])


def model_sha256(model: str = "expression") -> str:
    """The hash of the file that `load_expression` would load under that name.

    Raises:
        ModelError: No such model.
    """
    if not model.endswith(".onnx"):
        return model_card(model).sha256
    return hashlib.sha256(checked_bytes(Path(model), None)).hexdigest()

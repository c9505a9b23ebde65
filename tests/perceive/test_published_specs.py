"""Networks that others publish, run by the specs that ship: stand-ins of their input and output."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from tiny_onnx import mean_classifier

from aeras.domain.errors import ModelError
from aeras.domain.seen import EXPRESSIONS, Image
from aeras.perceive.expression import SPECS_DIR, OnnxExpression, expression_spec, load_expression
from aeras.perceive.registry import MODELS_DIR

NAMES = sorted(path.stem for path in SPECS_DIR.glob("*.toml"))

SHAPES: dict[str, tuple[tuple[int | str, ...], int, tuple[str, str]]] = {
    "ferplus": ((1, 1, 64, 64), 8, ("Input3", "Plus692_Output_0")),
    "hsemotion": (("batch", 3, 224, 224), 8, ("input", "output")),
    "opencv-zoo": ((1, 3, 112, 112), 7, ("data", "label")),
}
"""Input, number of outputs and names as their publishers give them."""


def speckled(colour: tuple[int, int, int]) -> Image:
    """Almost one colour (BGR); a picture without any contrast would not be read."""
    image = np.full((40, 40, 3), colour, dtype=np.uint8)
    image[::2] += 2
    image[1::2] -= 2
    return image


def stand_in(folder: Path, name: str, weights: np.ndarray, spec: str = "") -> OnnxExpression:
    shape, outputs, names = SHAPES[name]
    assert weights.shape[1] == outputs
    path = folder / "theirs.onnx"
    path.write_bytes(mean_classifier(shape, weights, names=names))
    (folder / "theirs.onnx.toml").write_text(spec or f'like = "{name}"\n')
    return load_expression(str(path))


def test_every_spec_that_ships_is_tested_and_listed() -> None:
    assert sorted(SHAPES) == NAMES
    page = (MODELS_DIR / "README.md").read_text()
    for name in NAMES:
        expression_spec(tomllib.loads((SPECS_DIR / f"{name}.toml").read_text()), name)
        assert f"`{name}`" in page


def test_ferplus_takes_grey_levels_as_they_are_and_one_picture_at_a_time(tmp_path: Path) -> None:
    weights = np.zeros((1, 8))
    weights[0, EXPRESSIONS.index("anger")] = 0.01
    model = stand_in(tmp_path, "ferplus", weights)
    readings = model.read_crops([speckled((100, 100, 100)), speckled((200, 200, 200))])
    for reading, level in zip(readings, (100, 200), strict=True):
        expected = np.exp(level / 100) / (np.exp(level / 100) + 7)
        assert reading["anger"] == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("colour", "channel", "mean", "std"),
    [
        ((0, 0, 200), 0, 0.485, 0.229),
        ((0, 200, 0), 1, 0.456, 0.224),
        ((200, 0, 0), 2, 0.406, 0.225),
    ],
)
def test_hsemotion_takes_rgb_with_imagenets_mean_and_std(
    tmp_path: Path, colour: tuple[int, int, int], channel: int, mean: float, std: float
) -> None:
    weights = np.zeros((3, 8))
    weights[channel, 6] = 0.5  # its seventh output is sadness
    picture = speckled(tuple(min(max(c, 2), 253) for c in colour))  # type: ignore[arg-type]
    reading = stand_in(tmp_path, "hsemotion", weights).read_crops([picture, picture])[1]
    logit = 0.5 * (200 / 255 - mean) / std
    assert reading["sadness"] == pytest.approx(np.exp(logit) / (np.exp(logit) + 7), abs=1e-2)


def test_opencvs_net_takes_rgb_from_minus_one_to_one_and_knows_no_contempt(tmp_path: Path) -> None:
    weights = np.zeros((3, 7))
    weights[0, 6] = 2.0  # red: its last output is surprise
    reading = stand_in(tmp_path, "opencv-zoo", weights).read_crops([speckled((2, 2, 253))])[0]
    logit = 2 * (253 / 127.5 - 1)
    assert reading["surprise"] == pytest.approx(np.exp(logit) / (np.exp(logit) + 6), abs=1e-3)
    assert reading["contempt"] == 0


def test_an_own_spec_overrides_the_known_one(tmp_path: Path) -> None:
    spec = 'like = "hsemotion"\nsize = [224, 224]\nmargin = 0.9\n'
    assert stand_in(tmp_path, "hsemotion", np.zeros((3, 8)), spec).spec.margin == 0.9


def test_the_wrong_known_spec_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="refused an input of shape"):
        stand_in(tmp_path, "ferplus", np.zeros((1, 8)), 'like = "hsemotion"')


def test_a_class_list_that_does_not_match_the_outputs_names_both_counts(tmp_path: Path) -> None:
    spec = 'like = "hsemotion"\nclasses = ["neutral", "happiness"]\n'
    with pytest.raises(ModelError, match="gives 8 values a face, but its spec names 2 classes"):
        stand_in(tmp_path, "hsemotion", np.zeros((3, 8)), spec)


@pytest.mark.parametrize("like", ['"resnet"', "7", '["ferplus"]'])
def test_an_unknown_spec_lists_the_known_ones(tmp_path: Path, like: str) -> None:
    with pytest.raises(ModelError, match=re.escape(f"expected one of {', '.join(NAMES)}")):
        stand_in(tmp_path, "hsemotion", np.zeros((3, 8)), f"like = {like}")


@pytest.mark.parametrize(
    "line",
    [
        'size = "48"',
        "size = [48.5, 48]",
        "size = [true, true]",
        'mean = ["a"]',
        "mean = 0.5",
        "std = [nan]",
        "scale = inf",
        'scale = "1/255"',
        'classes = "neutral"',
        "colour = 3",
        "sha256 = 12",
    ],
)
def test_a_field_of_a_wrong_kind_is_named(tmp_path: Path, line: str) -> None:
    field = line.partition(" ")[0]
    with pytest.raises(ModelError, match=rf"theirs\.onnx\.toml: {field} is .*expected"):
        stand_in(tmp_path, "hsemotion", np.zeros((3, 8)), f'like = "hsemotion"\n{line}\n')


def test_a_model_for_something_else_is_named() -> None:
    with pytest.raises(ModelError, match="'yunet' is a model for faces, expected one for express"):
        load_expression("yunet")

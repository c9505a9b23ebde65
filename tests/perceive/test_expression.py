from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aeras.domain.errors import ModelError
from aeras.domain.seen import EXPRESSIONS, Image
from aeras.perceive.expression import (
    ExpressionSpec,
    OnnxExpression,
    crop_square,
    expression_spec,
    load_expression,
)
from aeras.perceive.registry import MODELS_DIR, model_bytes, model_card

load_cached = functools.cache(load_expression)

SPEC = """
size = [48, 48]
margin = 0.8
shift = 0.05
classes = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
"""


@pytest.fixture(scope="module")
def model() -> OnnxExpression:
    return load_expression()


def test_a_smile_reads_happy_and_a_straight_face_neutral(
    model: OnnxExpression, actor: Callable[..., Image]
) -> None:
    smile = actor(("black-female-20-39-happiness", 320))
    straight = actor(("white-male-40plus-neutral", 320))
    box = (75.0, 30.0, 265.0, 285.0)
    assert model.read(smile, [box])[0]["happiness"] > 0.8
    assert model.read(straight, [box])[0]["neutral"] > 0.8


def test_a_batch_reads_as_each_face_alone(
    model: OnnxExpression, actor: Callable[..., Image]
) -> None:
    image = actor(("indian-male-20-39-happiness", 300), ("east_asian-male-20-39-neutral", 300))
    boxes = [(70.0, 30.0, 250.0, 270.0), (380.0, 30.0, 560.0, 270.0)]
    together = model.read(image, boxes)
    for box, expression in zip(boxes, together, strict=True):
        alone = model.read(image, [box])[0]
        np.testing.assert_allclose(alone.probabilities, expression.probabilities, atol=1e-5)


@settings(deadline=None)
@given(
    st.tuples(st.floats(-900, 900), st.floats(-900, 900), st.floats(0.1, 900), st.floats(0.1, 900))
)
def test_any_box_gives_a_probability_vector(box: tuple[float, float, float, float]) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    x, y, width, height = box
    (expression,) = load_cached().read(image, [(x, y, x + width, y + height)])
    assert expression.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert (expression.probabilities >= 0).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_contrast_reads_neutral(model: OnnxExpression, level: int) -> None:
    flat = np.full((60, 60, 3), level, dtype=np.uint8)
    assert model.read_crops([flat])[0]["neutral"] == 1


def test_no_faces_no_work(model: OnnxExpression) -> None:
    assert model.read(np.zeros((10, 10, 3), dtype=np.uint8), []) == []


def test_biases_favour_rare_expressions(actor: Callable[..., Image], tmp_path: Path) -> None:
    own = tmp_path / "own.onnx"
    own.write_bytes((MODELS_DIR / "expression.onnx").read_bytes())
    biases = [0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0]
    own.with_name("own.onnx.toml").write_text(
        f'size = [48, 48]\ncolour = "grey"\nmargin = 0.8\nshift = 0.05\n'
        f"classes = {list(EXPRESSIONS)}\nbiases = {biases}\n"
    )
    image = actor(("white-male-40plus-neutral", 320))
    box = (75.0, 30.0, 265.0, 285.0)
    plain = load_expression(str(own)).read(image, [box])[0]
    biased = load_expression(str(own), biased=True).read(image, [box])[0]
    assert biased["disgust"] > plain["disgust"]
    assert biased["neutral"] < plain["neutral"]


def test_the_crop_is_a_square_of_the_margin_moved_up() -> None:
    rows = np.repeat(np.arange(200, dtype=np.uint8)[:, None], 200, axis=1)
    image = np.stack([rows] * 3, axis=2)
    spec = ExpressionSpec((48, 48), EXPRESSIONS, margin=0.8, shift=0.05)
    crop = crop_square(image, (60.0, 50.0, 140.0, 150.0), spec)
    assert crop.shape == (80, 80, 3)
    assert crop[0, 0, 0] == 100 - 5 - 40


def test_a_list_of_other_length_than_the_outputs_is_refused() -> None:
    spec = ExpressionSpec((48, 48), EXPRESSIONS[:7])
    with pytest.raises(ModelError, match=r"own: the model gives 8 values .* names 7 classes"):
        OnnxExpression(model_bytes("expression"), spec, where="own")


def test_an_input_size_that_the_model_does_not_take_is_refused() -> None:
    spec = ExpressionSpec((64, 64), EXPRESSIONS)
    with pytest.raises(ModelError, match="refused an input of shape"):
        OnnxExpression(model_bytes("expression"), spec, where="own")


def test_classes_in_another_order_are_put_in_ours() -> None:
    turned = tuple(reversed(EXPRESSIONS))
    spec = ExpressionSpec((48, 48), turned, margin=0.8)
    ours = ExpressionSpec((48, 48), EXPRESSIONS, margin=0.8)
    crop = np.random.default_rng(1).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    data = model_bytes("expression")
    one = OnnxExpression(data, ours, where="a").read_crops([crop])[0].probabilities
    other = OnnxExpression(data, spec, where="b").read_crops([crop])[0].probabilities
    np.testing.assert_allclose(one, other[::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"classes": ["happy"] * 8}, "happy"),
        ({"classes": ["neutral", "neutral"]}, "twice"),
        ({"colour": "cmyk"}, "cmyk"),
        ({"layout": "hwc"}, "hwc"),
        ({"output": "scores"}, "scores"),
        ({"size": [48]}, "size"),
        ({"size": [0, 48]}, "size"),
        ({"biases": [1.0]}, "biases"),
        ({"std": [0.0]}, "std"),
        ({"mean": [1.0, 2.0]}, "mean"),
        ({"margin": 0}, "margin"),
        ({"margin": "wide"}, "wrong kind"),
        ({"padding": 3}, "padding"),
    ],
)
def test_a_wrong_spec_names_its_field(change: dict[str, object], named: str) -> None:
    row = {"size": [48, 48], "classes": list(EXPRESSIONS), **change}
    with pytest.raises(ModelError, match=rf"own: .*{named}"):
        expression_spec(row, where="own")


def test_a_spec_without_classes() -> None:
    with pytest.raises(ModelError, match="missing: classes"):
        expression_spec({"size": [48, 48]}, where="own")


def test_an_own_model_with_its_spec_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes((MODELS_DIR / "expression.onnx").read_bytes())
    with pytest.raises(ModelError, match=r"mine\.onnx\.toml: .*needs a spec"):
        load_expression(str(path))
    spec = tmp_path / "mine.onnx.toml"
    spec.write_text(SPEC)
    assert load_expression(str(path)).spec.margin == 0.8
    spec.write_text(f'sha256 = "{model_card("expression").sha256}"\n{SPEC}')
    load_expression(str(path))
    spec.write_text(f'sha256 = "{"0" * 64}"\n{SPEC}')
    with pytest.raises(ModelError, match="has sha256"):
        load_expression(str(path))
    spec.write_text("size = [")
    with pytest.raises(ModelError, match="no valid TOML"):
        load_expression(str(path))


def test_an_own_model_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx.toml").write_text(SPEC)
    with pytest.raises(ModelError, match=r"mine\.onnx: .*cannot be read"):
        load_expression(str(tmp_path / "mine.onnx"))


class Halves:
    """An engine that answers one half for each of two classes and keeps what it was given."""

    def __init__(self, _data: bytes, where: str) -> None:
        self.where = where
        self.outputs = ["p"]
        self.input_shape = ("n", 2, 4, 3)
        self.given = np.zeros(0)

    def run(self, tensor: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        self.given = tensor
        return {"p": np.full((len(tensor), 2), 0.5, dtype=np.float32)}


def test_colour_order_layout_normalisation_and_biases_follow_the_spec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aeras.perceive.expression.OnnxModel", Halves)
    spec = ExpressionSpec(
        size=(4, 2),
        classes=("neutral", "anger"),
        colour="rgb",
        layout="nhwc",
        scale=1 / 255,
        mean=(0.5, 0.5, 0.0),
        std=(0.25, 0.25, 0.5),
        output="probabilities",
        biases=(0.0, math.log(3)),
    )
    model = OnnxExpression(b"", spec, where="made", biased=True)
    blue = np.zeros((2, 4, 3), dtype=np.uint8)
    blue[:, :, 0] = 255
    probabilities = model.read_crops([blue])[0].probabilities
    given = model._model.given  # type: ignore[attr-defined]
    assert given.shape == (1, 2, 4, 3)
    np.testing.assert_allclose(given[0, 0, 0], [-2, -2, 2])
    expected = dict.fromkeys(EXPRESSIONS, 0.0) | {"neutral": 0.25, "anger": 0.75}
    np.testing.assert_allclose(probabilities, list(expected.values()), atol=1e-5)

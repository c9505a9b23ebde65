"""Evaluation of expression readings against answers that can be worked out by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.domain.seen import EXPRESSIONS, Expression, Face, Image
from aeras.lab.expression import (
    Degradation,
    calibration_error,
    evaluate_expression,
    read_labelled,
    reader_of_crops,
    reader_of_pictures,
)

PICTURE = np.arange(40 * 40 * 3, dtype=np.uint32).reshape(40, 40, 3).astype(np.uint8)


def reading(**shares: float) -> Expression:
    return Expression(np.array([shares.get(n, 0.0) for n in EXPRESSIONS], dtype=np.float32))


class Script:
    """Reads faces by the script, in order; remembers what it was shown."""

    def __init__(self, *answers: Expression | None) -> None:
        self.answers, self.shown = list(answers), []

    def __call__(self, image: Image) -> Expression | None:
        self.shown.append(image.shape)
        return self.answers.pop(0)

    def read_crops(self, crops: list[Image]) -> list[Expression]:
        return [self(crop) for crop in crops]

    def read(self, image: Image, boxes: list[tuple[float, ...]]) -> list[Expression]:
        self.boxes = boxes
        return [self(image)]


def test_scores_are_those_of_a_hand_count():
    script = Script(
        reading(happiness=0.9, neutral=0.1),
        reading(happiness=0.4, neutral=0.6),
        reading(neutral=0.8, happiness=0.2),
        None,
    )
    labels = ["happiness", "happiness", "neutral", "neutral"]
    result = evaluate_expression([PICTURE] * 4, labels, script)
    assert (result["n"], result["missed"]) == (4, 1)
    assert result["accuracy"] == pytest.approx(2 / 3, abs=1e-4)
    assert result["balanced_accuracy"] == 0.75
    assert result["per_class"]["neutral"] == {"recall": 1.0, "precision": 0.5}
    assert result["groups"]["positive"] == {"recall": 0.5, "precision": 1.0}
    assert result["confusion"]["happiness"] == {"neutral": 1, "happiness": 1}
    assert result["ece"] == pytest.approx((0.1 + 0.6 + 0.2) / 3, abs=1e-4)


def test_what_is_too_uncertain_is_not_told():
    script = Script(
        reading(anger=0.4, disgust=0.35, neutral=0.25),
        reading(happiness=0.4, neutral=0.6),
        reading(neutral=0.9, happiness=0.1),
        reading(anger=0.2, neutral=0.8),
    )
    labels = ["disgust", "happiness", "neutral", "anger"]
    told = evaluate_expression([PICTURE] * 4, labels, script, least=0.7)["told"]
    assert (told["kept"], told["wrong"]) == (0.75, pytest.approx(1 / 3, abs=1e-4))
    assert told["groups"]["negative"] == {"recall": 0.5, "precision": 1.0}


def test_a_class_without_labels_is_masked():
    script = Script(reading(contempt=0.7, anger=0.2, neutral=0.1), reading(neutral=1.0))
    result = evaluate_expression([PICTURE] * 2, ["anger", "neutral"], script)
    assert result["accuracy"] == 1.0
    assert set(result["per_class"]) == {"neutral", "anger"}


def test_perfectly_calibrated_readings_have_no_error():
    confidence = np.full(100, 0.8)
    assert calibration_error(confidence, np.arange(100) < 80) == pytest.approx(0, abs=1e-9)
    assert calibration_error(confidence, np.arange(100) < 30) == pytest.approx(0.5)


def test_downscaling_shows_the_model_a_small_crop():
    script = Script(reading(neutral=1.0))
    reader_of_crops(script, Degradation(downscale_px=16, jpeg=60))(PICTURE)
    assert script.shown == [(16, 16, 3)]


def test_downscaling_goes_by_the_face_where_one_is_found():
    class Detector:
        def detect(self, image: Image) -> list[Face]:
            return [Face((10.0, 10.0, 30.0, 30.0), 0.9, np.zeros((5, 2), np.float32))]

    script = Script(reading(neutral=1.0))
    reader_of_pictures(Detector(), script, Degradation(downscale_px=10))(PICTURE)
    assert script.shown == [(20, 20, 3)]
    assert script.boxes == [(5.0, 5.0, 15.0, 15.0)]


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (np.full((40, 40, 3), np.nan), "no numbers"),
        (np.full((40, 40, 3), 7, np.uint8), "all pixels are equal"),
        (np.zeros((40, 40, 2), np.uint8), "no picture"),
        (np.zeros((0, 0, 3), np.uint8), "no picture"),
    ],
)
def test_unusable_pictures_are_named(picture, says):
    with pytest.raises(InputError, match=f"picture 1: .*{says}"):
        evaluate_expression(
            [PICTURE, picture], ["anger", "anger"], Script(reading(anger=1.0), None)
        )


@pytest.mark.parametrize("shape", [(40, 40), (40, 40, 1), (40, 40, 4)])
def test_grey_and_transparent_pictures_are_read(shape):
    picture = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    script = Script(reading(anger=1.0))
    evaluate_expression([picture], ["anger"], script)
    assert script.shown == [(40, 40, 3)]


@pytest.mark.parametrize(
    ("count", "labels", "says"),
    [
        (1, ["joy"], "unknown expression 'joy'"),
        (2, ["anger"], "2 pictures and 1 labels"),
        (0, [], "0 pictures"),
    ],
)
def test_labels_must_fit(count, labels, says):
    with pytest.raises(InputError, match=says):
        evaluate_expression([PICTURE] * count, labels, Script())


def test_finding_no_face_at_all_is_an_error():
    with pytest.raises(InputError, match="no face was found in any of 1"):
        evaluate_expression([PICTURE], ["anger"], Script(None))


def test_degradation_out_of_range_is_refused():
    with pytest.raises(InputError, match="quality 101"):
        Degradation(jpeg=101)


def test_labelled_pictures_are_read_from_a_folder(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "a.png"), PICTURE[:, :, 0])
    (tmp_path / "labels.csv").write_text("file,expression\na.png,fear\n")
    images, labels = read_labelled(tmp_path, tmp_path / "labels.csv")
    assert images[0].shape == (40, 40, 3)
    assert labels == ["fear"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,expression\n", "no labelled face"),
        ("name,label\na,b\n", "columns file,expression"),
        ("file,expression\nnone.png,fear\n", "none.png: not a readable picture"),
    ],
)
def test_unusable_folders_are_named(tmp_path: Path, text, says):
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=says):
        read_labelled(tmp_path, tmp_path / "labels.csv")
    with pytest.raises(InputError, match="no such file or folder"):
        read_labelled(tmp_path / "none", tmp_path / "labels.csv")

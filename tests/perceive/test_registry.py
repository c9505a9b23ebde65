from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aeras.domain.errors import ModelError
from aeras.perceive.registry import (
    LIST_NAME,
    MODELS_DIR,
    checked_bytes,
    list_models,
    model_bytes,
    model_card,
    verify_models,
)
from aeras.perceive.runtimes import LiteRtModel, OnnxModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the list with one small model."""
    for name in (LIST_NAME, "yunet.onnx"):
        shutil.copy(MODELS_DIR / name, tmp_path / name)
    return tmp_path


def test_every_shipped_model_is_the_one_on_its_card() -> None:
    for check in verify_models():
        assert check.problem == "", check.card.name
        assert (MODELS_DIR / check.card.file).stat().st_size == check.card.size


def test_every_shipped_file_is_on_the_list_and_names_licence_and_origin() -> None:
    cards = list_models()
    weights = {".onnx", ".tflite", ".task"}
    assert {card.file for card in cards} == {
        path.name for path in MODELS_DIR.iterdir() if path.suffix in weights
    }
    for card in cards:
        assert all((card.licence_code, card.licence_weights, card.source, card.measured))


def test_a_replaced_file_is_refused_with_both_hashes(folder: Path) -> None:
    path = folder / "yunet.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(ModelError, match=rf"yunet\.onnx: .*{model_card('yunet').sha256}") as error:
        model_bytes("yunet", folder)
    assert "fetch_models" in error.value.todo


def test_verification_names_missing_files_and_goes_on(folder: Path) -> None:
    problems = {check.card.name: check.problem for check in verify_models(folder)}
    assert problems["yunet"] == ""
    assert "cannot be read" in problems["movenet"]


def test_unknown_model() -> None:
    with pytest.raises(ModelError, match="no model 'resnet', only yunet"):
        model_bytes("resnet")


@pytest.mark.parametrize("text", ["not toml [", "", "[[model]]\nname = 'x'\n"])
def test_a_malformed_list(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST_NAME).write_text(text)
    with pytest.raises(ModelError, match="malformed"):
        list_models(tmp_path)


def test_a_missing_list(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        list_models(tmp_path)


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        checked_bytes(tmp_path, None)


@pytest.mark.parametrize("engine", [OnnxModel, LiteRtModel])
@pytest.mark.parametrize("data", [b"", b"no model", bytes(2000)])
def test_a_corrupt_model_is_one_clear_error(
    engine: type[OnnxModel] | type[LiteRtModel], data: bytes
) -> None:
    with pytest.raises(ModelError, match=r"own: .* cannot load the model"):
        engine(data, "own")


def test_the_engine_says_nothing_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    OnnxModel(model_bytes("yunet"), "yunet")
    LiteRtModel(model_bytes("palm"), "palm")
    assert capfd.readouterr().err == ""

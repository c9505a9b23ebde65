"""The list of models: what ships, where it is from, and that it is what it says it is."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aeras.domain.errors import ModelError

MODELS_DIR = Path(__file__).resolve().parent.parent / "models"
LIST_NAME = "models.toml"

_REINSTALL = "Reinstall the package, or rebuild the file with tools/fetch_models.py"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One row of ``models.toml``.

    Attributes:
        name: How the program asks for it.
        task: faces, mesh, expression, hands or people.
        file: File name beside the list.
        sha256: Hex digest of the file.
        size: Bytes.
        title: What it is, for people.
        source: Registry package it comes from.
        path: Path inside that package.
        licence_code, licence_weights: SPDX ids, with caveats.
        measured: Speed and accuracy.
        input, output: Tensors.
        spec: Machine-readable part of a model that is run by its spec (expression).
    """

    name: str
    task: str
    file: str
    sha256: str
    size: int
    title: str
    source: str
    path: str
    licence_code: str
    licence_weights: str
    measured: str
    input: str
    output: str
    spec: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelCheck:
    """A model and what is wrong with its file ("" when nothing is)."""

    card: ModelCard
    problem: str


def list_models(folder: Path = MODELS_DIR) -> list[ModelCard]:
    """All models of a folder in the order of its list.

    Raises:
        ModelError: The list is missing or malformed.
    """
    path = folder / LIST_NAME
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["model"]
        return [ModelCard(**row) for row in rows]
    except FileNotFoundError:
        raise ModelError(
            "the list of models is missing", where=str(path), todo=_REINSTALL
        ) from None
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise ModelError(
            f"the list of models is malformed ({error})", where=str(path), todo=_REINSTALL
        ) from error


def model_card(name: str, folder: Path = MODELS_DIR) -> ModelCard:
    """The model of that name. Raises ModelError, also for an unknown name."""
    cards = {card.name: card for card in list_models(folder)}
    if name not in cards:
        raise ModelError(
            f"there is no model {name!r}, only {', '.join(cards)}",
            where=str(folder / LIST_NAME),
            todo="Name one of these or an .onnx file",
        )
    return cards[name]


def model_bytes(name: str, folder: Path = MODELS_DIR) -> bytes:
    """The model's file, read once and checked, so that what is checked is what is run.

    Raises:
        ModelError: Unknown name, missing file, or a file with another hash.
    """
    card = model_card(name, folder)
    return checked_bytes(folder / card.file, card.sha256)


def checked_bytes(path: Path, sha256: str | None) -> bytes:
    """A file's content, refused when its hash is not ``sha256`` (None: not checked).

    Raises:
        ModelError: It is missing, unreadable, or another file than expected.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"the model file cannot be read ({error.strerror})", where=str(path), todo=_REINSTALL
        ) from None
    found = hashlib.sha256(data).hexdigest()
    if sha256 is not None and found != sha256.lower():
        raise ModelError(
            f"the model file has sha256 {found}, expected {sha256}; it is damaged or was replaced",
            where=str(path),
            todo=_REINSTALL,
        )
    return data


def verify_models(folder: Path = MODELS_DIR) -> list[ModelCheck]:
    """Compares every file with its hash. Raises ModelError only where the list itself fails."""
    return [ModelCheck(card, _problem(card, folder)) for card in list_models(folder)]


def _problem(card: ModelCard, folder: Path) -> str:
    try:
        checked_bytes(folder / card.file, card.sha256)
    except ModelError as error:
        return error.what
    return ""

"""Secrets by reference: the site file names an environment variable or a file, never the value."""

from __future__ import annotations

import os
import re
from pathlib import Path

from aeras.domain.errors import ConfigError


def secret_reference(value: str) -> str:
    """``${NAME}`` or ``file:PATH`` as it is; ValueError for anything else."""
    if not re.fullmatch(r"\$\{\w+\}|file:.+", value):
        raise ValueError(
            "a secret stands in the file: write ${NAME} and set the environment variable NAME, or "
            "file:PATH"
        )
    return value


def read_secret(reference: str, folder: Path) -> str:
    """What a reference stands for; ConfigError if it is not there or empty.

    Args:
        reference: The value from the site file.
        folder: Of the site file: paths are relative to it.
    """
    if reference.startswith("file:"):
        path = folder / reference.removeprefix("file:")
        try:
            value = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the secret cannot be read: {error}", where=str(path)) from None
        where = str(path)
    else:
        name = reference[2:-1]
        value, where = os.environ.get(name, "").strip(), f"environment variable {name}"
    if not value:
        raise ConfigError("the secret is empty", where=where, todo="Set it before the start")
    return value

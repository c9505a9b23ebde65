"""Training of the expression network. torch is imported by nothing else in `aeras.lab`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aeras.domain.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def train(
    config_path: Path, *, resume: bool, data_root: Path | None = None, out_root: Path | None = None
) -> dict[str, Any]:
    """Trains and exports the network a config describes; see `aeras.lab.train.run.train`.

    Raises:
        ConfigError: also if torch is not installed.
    """
    try:
        from aeras.lab.train import run  # noqa: PLC0415  # torch is an extra
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"training needs {error.name}, which is not installed",
            todo="Install the extra: pip install 'aeras[train]'",
        ) from error
    return run.train(config_path, resume=resume, data_root=data_root, out_root=out_root)

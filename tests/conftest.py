"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Helpers that several rooms' tests use; pytest's importlib mode adds no path by itself.
sys.path.insert(0, str(ROOT / "tests" / "support"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test clips and data sets beside the project, which a user does not have."""
    folder = Path(os.environ.get("AERAS_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the shared data folder, not at {folder} (set AERAS_SHARED)")
    return folder

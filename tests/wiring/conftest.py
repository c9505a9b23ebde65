from __future__ import annotations

from pathlib import Path

import pytest
from synthetic_shop import write_site


@pytest.fixture
def make_site(tmp_path):
    """Writes the clip and a site file; takes further camera rows."""

    def make(more_cameras: str = "") -> Path:
        return write_site(tmp_path, more_cameras)

    return make

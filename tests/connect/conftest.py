"""Fixtures of the connectors' tests."""

from __future__ import annotations

import pytest
from feeding import bench_in


@pytest.fixture
def bench(tmp_path):
    with bench_in(tmp_path) as opened:
        yield opened

"""Servers that the contract tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from servers import postgres

from aeras.lab.chdb import served


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with postgres() as (url, _):
        yield url


@pytest.fixture(scope="session")
def clickhouse_url(tmp_path_factory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("ch")) as url:
        yield url

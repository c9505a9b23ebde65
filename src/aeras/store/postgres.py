"""Events, sales and stock in PostgreSQL, of one shop or of a chain; optional extra ``hub``."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from aeras.domain.errors import StoreError
from aeras.domain.kept import Block
from aeras.store.arrow import blocks_table
from aeras.store.dialect import translated
from aeras.store.reading import EventTables, shown

if TYPE_CHECKING:
    import psycopg

SCHEMA_VERSION = 1
CONNECT_TIMEOUT_S = 10

# Sorted by bytes, as the other engines do.
_TEXT = 'TEXT COLLATE "C"'
_EVENT = f"""id {_TEXT} NOT NULL, at TIMESTAMP NOT NULL, site {_TEXT} NOT NULL,
    fixture {_TEXT} NOT NULL, facing {_TEXT}, item {_TEXT}, planogram {_TEXT} NOT NULL,
    kind {_TEXT} NOT NULL, dwell {_TEXT} NOT NULL, positive FLOAT8 NOT NULL,
    hesitant FLOAT8 NOT NULL, rejected FLOAT8 NOT NULL, neutral FLOAT8 NOT NULL,
    coverage FLOAT8 NOT NULL, reasons TEXT[] NOT NULL, confidence FLOAT8 NOT NULL,
    first_of SMALLINT NOT NULL, outcome BOOLEAN NOT NULL, origin {_TEXT} NOT NULL,
    attribution FLOAT8, bounded BOOLEAN NOT NULL"""
_BLOCK = f"""(at TIMESTAMP NOT NULL, fixture {_TEXT}, facing {_TEXT}, item {_TEXT},
    simulated BOOLEAN NOT NULL, measure {_TEXT} NOT NULL, visits BIGINT NOT NULL,
    count BIGINT NOT NULL, positive BIGINT NOT NULL, hesitant BIGINT NOT NULL,
    rejected BIGINT NOT NULL, neutral BIGINT NOT NULL, unclear BIGINT NOT NULL,
    events BIGINT NOT NULL, coverage FLOAT8 NOT NULL)"""
_KEY = "PRIMARY KEY (site, at, id)"
_DDL = (
    f"""CREATE TABLE events ({_EVENT}, rolled BOOLEAN NOT NULL DEFAULT FALSE, {_KEY})
        PARTITION BY RANGE (at)""",
    "CREATE INDEX ON events USING brin (at)",
    "CREATE INDEX ON events (at) WHERE NOT rolled",
    f"CREATE TABLE aside ({_EVENT}, why TEXT NOT NULL, {_KEY})",
    f"""CREATE TABLE sales (id {_TEXT} NOT NULL, at TIMESTAMP NOT NULL, site {_TEXT} NOT NULL,
        item {_TEXT} NOT NULL, quantity FLOAT8 NOT NULL, amount BIGINT NOT NULL,
        currency {_TEXT} NOT NULL, origin {_TEXT} NOT NULL, {_KEY})""",
    f"""CREATE TABLE stock (at TIMESTAMP NOT NULL, site {_TEXT} NOT NULL, item {_TEXT} NOT NULL,
        quantity FLOAT8 NOT NULL, origin {_TEXT} NOT NULL,
        PRIMARY KEY (site, at, item, quantity, origin))""",
    f"CREATE TABLE blocks {_BLOCK}",
    "CREATE INDEX ON blocks (at)",
    f"CREATE TABLE pending {_BLOCK}",
    "CREATE TABLE aeras_schema (version INTEGER NOT NULL)",
    f"INSERT INTO aeras_schema VALUES ({SCHEMA_VERSION})",
)


class PostgresEvents(EventTables):
    """An event store in the schema ``aeras`` of a PostgreSQL database.

    Several processes may use it at once. Methods may be called from any thread and take turns on
    one connection; a lost connection is opened again by the next call. Events are partitioned by
    month.

    Args:
        url: ``postgresql://user@host:port/database``; the password from the URL, ``PGPASSWORD`` or
            ``~/.pgpass``.

    Raises:
        StoreError: The extra is not installed, the server is away or refuses, or its tables were
            made by a newer AERAS.
    """

    _quarter = 'aeras_quarter("at")'

    def __init__(self, url: str) -> None:
        try:
            import psycopg  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise StoreError(
                "PostgreSQL needs an extra that is not installed",
                where=shown(url),
                todo="pip install 'aeras[hub]'",
            ) from None
        self._psycopg = psycopg
        self._url = url
        self._lock = threading.RLock()
        self._con: psycopg.Connection[Any] | None = None
        self._months: set[tuple[int, int]] = set()
        self._closed = False
        with self._guarded():
            pass

    def compact(self) -> bool:
        """Lets the engine use the room of deleted rows again; it does so by itself as well."""
        with self._guarded():
            self._do("VACUUM events")
        return True

    def close(self) -> None:
        """Closes the connection; safe to call twice."""
        with self._lock:
            self._closed = True
            self._drop()

    def _insert(self, table: str, batch: Any, *, keyed: bool) -> None:
        if not batch.num_rows:
            return
        names = ", ".join(batch.schema.names)
        with self._guarded(), self._connected().transaction():
            if table == "events":
                self._make_months(batch.column("at"))
            self._do(f"CREATE TEMP TABLE batch (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DROP")
            with (
                self._cursor() as cursor,
                cursor.copy(f"COPY batch ({names}) FROM STDIN (FORMAT csv)") as copy,
            ):
                copy.write(_csv(batch))
            self._do(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM batch ON CONFLICT DO NOTHING"
            )

    def _make_months(self, times: Any) -> None:
        """Makes the partitions that a batch needs; another process may do so at the same time."""
        months = zip(*(part.to_pylist() for part in (pc.year(times), pc.month(times))), strict=True)
        missing = {*months} - self._months
        if not missing:
            return
        self._do("SELECT pg_advisory_xact_lock(hashtext('aeras months'))")
        for year, month in sorted(missing):
            after = f"{year + month // 12:04}-{month % 12 + 1:02}-01"
            self._do(
                f"CREATE TABLE IF NOT EXISTS events_{year:04}_{month:02} PARTITION OF events "
                f"FOR VALUES FROM ('{year:04}-{month:02}-01') TO ('{after}')"
            )
        self._months |= missing

    def _rolled(self, chosen: str, end: datetime, done: list[Block], pending: list[Block]) -> None:
        self._do("DELETE FROM pending")
        for table, blocks in (("pending", pending), ("blocks", done)):
            names = ", ".join(blocks_table([]).schema.names)
            with (
                self._cursor() as cursor,
                cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT csv)") as copy,
            ):
                copy.write(_csv(blocks_table(blocks)))
        self._run(f"UPDATE events SET rolled = TRUE WHERE {chosen}", [end])

    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._cursor() as cursor:
            cursor.execute(translated(sql, "postgres").encode(), list(values))
            return cursor.fetchall() if cursor.description else []

    def _delete(self, table: str, which: str, values: Sequence[object]) -> int:
        with self._cursor() as cursor:
            sql = translated(f"DELETE FROM {table} WHERE {which}", "postgres")
            return int(cursor.execute(sql.encode(), list(values)).rowcount)

    def _do(self, sql: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(sql.encode())

    def _connected(self) -> psycopg.Connection[Any]:
        assert self._con is not None
        return self._con

    def _cursor(self) -> psycopg.Cursor[Any]:
        return self._connected().cursor()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """What it reads does not change under it, and no other process is in one."""
        self._do("SELECT pg_advisory_lock(hashtext('aeras'))")
        try:
            with self._connected().transaction():
                self._do("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                yield
        finally:
            with suppress(self._psycopg.Error):  # a lost connection has let go of it
                self._do("SELECT pg_advisory_unlock(hashtext('aeras'))")

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            if self._closed:
                raise StoreError("is closed", where=shown(self._url))
            try:
                if self._con is None:
                    self._open()
                yield
            except self._psycopg.Error as error:
                self._months.clear()
                if self._con is None or self._con.closed or self._con.broken:
                    self._drop()  # the next call connects again
                raise _complaint(error, self._url) from error
            except StoreError:
                self._months.clear()
                raise

    def _open(self) -> None:
        self._con = self._psycopg.connect(
            self._url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S, application_name="aeras"
        )
        self._do("SET client_min_messages = warning")
        self._do("CREATE SCHEMA IF NOT EXISTS aeras")
        self._do("SET search_path TO aeras")
        self._do("SET timezone TO 'UTC'")
        with self._transaction():
            if not self._run("SELECT 1 FROM pg_tables WHERE schemaname = 'aeras'"):
                for statement in _DDL:
                    self._do(statement)
                self._do(_QUARTER)
            version = int(self._run("SELECT max(version) FROM aeras_schema")[0][0])
        if version > SCHEMA_VERSION:
            self._drop()
            raise StoreError(
                f"was written by a newer AERAS (schema {version}, this one knows {SCHEMA_VERSION})",
                where=shown(self._url),
                todo="Upgrade AERAS, or name another database",
            )

    def _drop(self) -> None:
        con, self._con = self._con, None
        self._months.clear()
        if con is not None:
            with suppress(self._psycopg.Error):
                con.close()


_QUARTER = """CREATE FUNCTION aeras_quarter(at TIMESTAMP) RETURNS TIMESTAMP IMMUTABLE LANGUAGE sql
    RETURN date_bin('15 minutes', at, '2000-01-01')"""


def _csv(batch: Any) -> bytes:
    """An Arrow table as CSV as COPY reads it: nothing for NULL, quotes for every text."""
    columns = [
        _array_text(column) if pa.types.is_list(column.type) else column for column in batch.columns
    ]
    out = io.BytesIO()
    options = csv.WriteOptions(include_header=False)
    csv.write_csv(pa.table(columns, names=batch.schema.names), out, options)
    return out.getvalue()


def _array_text(lists: Any) -> Any:
    """Lists of text as PostgreSQL writes them: ``{"a","b"}``."""
    return pa.array(
        [
            "{" + ",".join('"' + _escaped(text) + '"' for text in texts) + "}"
            for texts in lists.to_pylist()
        ],
        pa.string(),
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


_COMPLAINTS = (
    ("password authentication|no password", "refuses the name or password", "Check the URL"),
    ("does not exist", "has no such database or user", "Create it (createdb), or correct the URL"),
    ("permission denied", "does not let this user make tables", "Grant it CREATE on the database"),
    (
        "No space left|disk full",
        "the server's disk is full; nothing of this write was stored",
        "Free some space there",
    ),
    (
        "refused|timeout|closed|terminat|resolve|translate|starting up|recovery|lost|unreachable",
        "the server cannot be reached",
        "Start it, or correct the URL",
    ),
    (
        'invalid connection option|missing "="|invalid URI|invalid port|invalid integer',
        "is no address of a PostgreSQL database",
        "Write postgresql://user@host:5432/database",
    ),
)


def _complaint(error: Exception, url: str) -> StoreError:
    text = str(error).strip() or type(error).__name__
    for pattern, what, todo in _COMPLAINTS:
        if re.search(pattern, text, re.IGNORECASE):
            return StoreError(what, where=shown(url), todo=todo)
    return StoreError(f"database error: {text.splitlines()[0]}", where=shown(url))

"""Events, sales and stock in ClickHouse, of one shop or of a chain; optional extra ``hub``.

ClickHouse has no transactions and no unique keys. Rows that are stored twice are one row when they
are read (``ReplacingMergeTree`` read with ``FINAL``), and what belongs together carries the number
of its roll, which counts from the moment that number stands in the table ``rolls``: one insert of
one row, which happens or does not.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from aeras.domain.errors import StoreError
from aeras.domain.kept import Block
from aeras.store.arrow import BLOCKS, EVENTS, SALES, STOCK, blocks_table
from aeras.store.dialect import translated
from aeras.store.reading import EventTables, shown

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

SCHEMA_VERSION = 1
_AT = "DateTime64(6, 'UTC')"
_NULLABLE = {"facing", "item", "attribution"}


def _type(field: Any, *, nullable: bool) -> str:
    kinds = {
        pa.timestamp("us"): _AT,
        pa.float64(): "Float64",
        pa.int64(): "Int64",
        pa.uint8(): "UInt8",
        pa.uint64(): "UInt64",
        pa.bool_(): "Bool",
        pa.list_(pa.string()): "Array(String)",
    }
    kind = kinds.get(field.type, "String")
    return f"Nullable({kind})" if nullable else kind


def _columns(schema: Any, nullable: set[str]) -> str:
    made = (f"`{f.name}` {_type(f, nullable=f.name in nullable)}" for f in schema)
    return ", ".join(made)


_NAMES = ", ".join(f'"{name}"' for name in EVENTS.names)
_BLOCK_NAMES = ", ".join(f"`{name}`" for name in BLOCKS.names)
_EVENT = _columns(EVENTS, _NULLABLE)
_BLOCK = _columns(BLOCKS, {"fixture", *_NULLABLE})
_MONTHS = "PARTITION BY toYYYYMM(at)"
_COMMITTED = "SELECT n FROM rolls"
_DDL = (
    f"""CREATE TABLE events_kept ({_EVENT}, roll UInt64) ENGINE = ReplacingMergeTree(roll)
        {_MONTHS} ORDER BY (site, at, id)""",
    f"""CREATE TABLE aside_kept ({_EVENT}, why String) ENGINE = ReplacingMergeTree
        {_MONTHS} ORDER BY (site, at, id)""",
    f"""CREATE TABLE sales_kept ({_columns(SALES, set())}) ENGINE = ReplacingMergeTree
        {_MONTHS} ORDER BY (site, at, id)""",
    f"""CREATE TABLE stock_kept ({_columns(STOCK, set())}) ENGINE = ReplacingMergeTree
        {_MONTHS} ORDER BY (site, at, item, quantity, origin)""",
    f"CREATE TABLE blocks_kept ({_BLOCK}, roll UInt64) ENGINE = MergeTree {_MONTHS} ORDER BY at",
    f"CREATE TABLE pending_kept ({_BLOCK}, roll UInt64) ENGINE = MergeTree ORDER BY roll",
    "CREATE TABLE rolls (n UInt64) ENGINE = MergeTree ORDER BY n",
    f"""CREATE VIEW events AS SELECT {_NAMES}, roll IN ({_COMMITTED}) AS rolled
        FROM events_kept FINAL""",
    *(
        f"CREATE VIEW {name} AS SELECT * FROM {name}_kept FINAL"
        for name in ("sales", "stock", "aside")
    ),
    f"""CREATE VIEW blocks AS SELECT {_BLOCK_NAMES} FROM blocks_kept
        WHERE roll IN ({_COMMITTED})""",
    f"""CREATE VIEW pending AS SELECT {_BLOCK_NAMES} FROM pending_kept
        WHERE roll = (SELECT max(n) FROM rolls)""",
    "CREATE TABLE aeras_schema (version UInt32) ENGINE = MergeTree ORDER BY version",
    f"INSERT INTO aeras_schema VALUES ({SCHEMA_VERSION})",
)


class ClickHouseEvents(EventTables):
    """An event store in a ClickHouse database; made if it is missing.

    One process may write, any number may read. Methods may be called from any thread and take
    turns.

    Args:
        url: ``clickhouse://user@host:8123/database``, with ``clickhouses://`` for TLS; the password
            from the URL or ``CLICKHOUSE_PASSWORD``.

    Raises:
        StoreError: The extra is not installed, the server is away or refuses, or its tables were
            made by a newer AERAS.
    """

    _quarter = 'toStartOfFifteenMinutes("at")'

    def __init__(self, url: str) -> None:
        try:
            import clickhouse_connect  # noqa: PLC0415 - an optional extra
        except ImportError:
            raise StoreError(
                "ClickHouse needs an extra that is not installed",
                where=shown(url),
                todo="pip install 'aeras[hub]'",
            ) from None
        self._module = clickhouse_connect
        self._url = url
        self._lock = threading.RLock()
        self._con: Client | None = None
        self._closed = False
        with self._guarded():
            pass

    def compact(self) -> bool:
        """Merges parts, so that deleted rows and copies are gone from the disk."""
        with self._guarded():
            for table in ("events", "aside", "sales", "stock"):
                self._do(f"OPTIMIZE TABLE {table}_kept FINAL")
        return True

    def close(self) -> None:
        """Closes the connection; safe to call twice."""
        with self._lock:
            self._closed = True
            self._drop()

    def _insert(self, table: str, batch: Any, *, keyed: bool) -> None:
        if not batch.num_rows:
            return
        if table == "events":  # in no roll: a copy of a rolled event is the older row of the two
            batch = _with_roll(batch, 0)
        with self._guarded():
            self._put(f"{table}_kept", batch)

    def _rolled(self, chosen: str, end: datetime, done: list[Block], pending: list[Block]) -> None:
        number = time.time_ns()
        self._put("pending_kept", _with_roll(blocks_table(pending), number))
        self._put("blocks_kept", _with_roll(blocks_table(done), number))
        self._run(
            f"""INSERT INTO events_kept ({_NAMES}, roll)
            SELECT {_NAMES}, {number} AS roll FROM events WHERE {chosen}""",
            [end],
        )
        self._do(f"INSERT INTO rolls VALUES ({number})")
        self._do(f"DELETE FROM pending_kept WHERE roll != {number}")

    def _put(self, table: str, batch: Any) -> None:
        assert self._con is not None
        if batch.num_rows:
            self._con.insert_arrow(table, batch, settings={"max_partitions_per_insert_block": 0})

    def _delete(self, table: str, which: str, values: Sequence[object]) -> int:
        """Deletes what the view shows, all its copies: an older one would come to light again."""
        found = int(self._run(f"SELECT count(*) FROM {table} WHERE {which}", values)[0][0])
        if not found:
            return 0
        if table == "events":
            keys = 'site, "at", id'
            which = f'"at" < ? AND ({keys}) IN (SELECT {keys} FROM events WHERE {which})'
            values = [*values, *values]
        self._run(f"DELETE FROM {table}_kept WHERE {which}", values)
        return found

    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        assert self._con is not None
        text = translated(sql, "clickhouse")
        named = {f"p{n}": value for n, value in enumerate(values)}
        bound = text % tuple(f"{{{name}:{_bound(value)}}}" for name, value in named.items())
        given = {name: _text(value) for name, value in named.items()}
        if re.match(r"\s*(SELECT|WITH)", text):
            return [tuple(row) for row in self._con.query(bound, parameters=given).result_rows]
        self._con.command(bound, parameters=given)
        return []

    def _do(self, sql: str) -> None:
        assert self._con is not None
        self._con.command(sql)

    def _transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        from clickhouse_connect.driver.exceptions import ClickHouseError  # noqa: PLC0415

        with self._lock:
            if self._closed:
                raise StoreError("is closed", where=shown(self._url))
            try:
                if self._con is None:
                    self._open()
                yield
            except (ClickHouseError, OSError) as error:
                self._drop()  # the next call connects again
                raise _complaint(error, self._url) from error

    def _open(self) -> None:
        parts = urlsplit(self._url)
        try:
            port = parts.port
        except ValueError:
            raise StoreError(
                "is no address of a ClickHouse database",
                where=shown(self._url),
                todo="Write clickhouse://user@host:8123/database",
            ) from None
        database = parts.path.strip("/") or "aeras"
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", database):
            raise StoreError(
                f"{database!r} is no name of a ClickHouse database",
                where=shown(self._url),
                todo="Write clickhouse://user@host:8123/database",
            )
        secure = parts.scheme == "clickhouses"
        options: dict[str, Any] = {
            "host": parts.hostname or "localhost",
            "port": port or (8443 if secure else 8123),
            "username": parts.username or "default",
            "password": parts.password or os.environ.get("CLICKHOUSE_PASSWORD", ""),
            "secure": secure,
            "connect_timeout": 10,
            "autogenerate_session_id": False,
        }
        first = self._module.get_client(**options)
        first.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        first.close()
        self._con = self._module.get_client(**options, database=database)
        self._con.set_client_setting("do_not_merge_across_partitions_select_final", 1)
        if not self._run(
            "SELECT 1 FROM system.tables WHERE database = ? AND name = 'aeras_schema'", [database]
        ):
            for statement in _DDL:
                self._do(statement)
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
        if con is not None:
            with suppress(OSError):
                con.close()


def _with_roll(batch: Any, number: int) -> Any:
    return batch.append_column("roll", pa.array([number] * batch.num_rows, pa.uint64()))


def _bound(value: object) -> str:
    kinds: dict[type, str] = {datetime: _AT, bool: "Bool", float: "Float64"}
    return kinds.get(type(value), "String")


def _text(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


_COMPLAINTS = (
    (
        "AUTHENTICATION_FAILED|Code: 516|Authentication failed",
        "refuses the name or password",
        "Check the URL",
    ),
    ("ACCESS_DENIED|Code: 497", "does not let this user make tables", "Grant it CREATE and INSERT"),
    (
        "NOT_ENOUGH_SPACE|No space left|Code: 243",
        "the server's disk is full; nothing of this write was stored",
        "Free some space there",
    ),
    (
        "refused|timed? ?out|Connection|resolve|Max retries|HTTPDriver",
        "the server cannot be reached",
        "Start it, or correct the URL",
    ),
)


def _complaint(error: Exception, url: str) -> StoreError:
    text = str(error).strip() or type(error).__name__
    for pattern, what, todo in _COMPLAINTS:
        if re.search(pattern, text, re.IGNORECASE):
            return StoreError(what, where=shown(url), todo=todo)
    return StoreError(f"database error: {text.splitlines()[0][:300]}", where=shown(url))

"""Events, sales and stock in one DuckDB file, written as Arrow batches.

Aggregations are ibis expressions over an unbound table called ``chosen``, compiled once (that
takes longer than DuckDB needs for a small query) and run on our own connection, where ``chosen``
is the rows of a period. ibis 12 itself calls a fetch method that DuckDB 2 has deprecated.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import ibis

from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import (
    Block,
    Event,
    FirstOf,
    Kind,
    Measure,
    Origin,
    ReactionLabel,
    Sale,
    Stock,
    Tally,
)
from aeras.domain.ports import Fold
from aeras.store.arrow import (
    EVENTS,
    SALES,
    blocks_table,
    events_table,
    naive_utc,
    sales_table,
    stock_table,
)
from aeras.store.compacting import drop_fresh, put_in_place, write_fresh
from aeras.store.shelf import SHELF_DDL, ShelfTable
from aeras.store.till import TILL_DDL, TillTable

SCHEMA_VERSION = 4

GROUPS = ("item", "facing", "fixture", "hour", "day", "site")
"""What `DuckEvents.tally` can group by."""

PUBLISHED = ("item", "facing", "site", "moment", "item_moment", "facing_moment")
"""What `DuckEvents.published` can group by; two names: both ids, a blank between."""
_MOMENT = 'time_bucket(INTERVAL 15 MINUTE, "at")'

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

_VERSION_SQL = f"INSERT INTO aeras_schema VALUES ({SCHEMA_VERSION})"  # noqa: S608 - our number

_TOO_OLD = {
    "events": 'rolled AND "at" < ?',
    **dict.fromkeys(("sales", "stock", "receipts", "pending", "shelf"), '"at" < ?'),
}
"""What goes with age: of which tables, which rows."""

_OPTIONS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,  # nothing is fetched from the network at run time
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}


class DuckEvents(ShelfTable, TillTable):
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

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._con: Any = None
        self._closed = False
        self._ready()

    def append(self, events: Sequence[Event]) -> None:
        """Stores events; copies of stored ones (same id, same time) are ignored."""
        unique = list({event.id: event for event in events}.values())
        self._insert("events", events_table(unique), keyed=True)

    def append_sales(self, sales: Sequence[Sale]) -> None:
        """Stores till lines; copies of stored ones (same id, same time) are ignored."""
        unique = list({sale.id: sale for sale in sales}.values())
        self._insert("sales", sales_table(unique), keyed=True)

    def append_stock(self, stock: Sequence[Stock]) -> None:
        """Stores stock levels; an identical one is ignored."""
        self._insert("stock", stock_table(list(dict.fromkeys(stock))), keyed=False)

    def tally(
        self,
        by: str,
        since: datetime,
        until: datetime,
        *,
        item: str | None = None,
        fixture: str | None = None,
    ) -> list[Tally]:
        """Counts per group, sorted by key; see `EventStore.tally`.

        Visits are counted at the finest scope that the grouping or a filter names: items and
        facings by the visit's first event with the item, fixtures by its first at the fixture,
        hours, days and the site by its first of all. A visit that meets an item on two facings
        is counted at the first of them only.
        """
        if by not in GROUPS:
            raise InputError(f"cannot tally by {by!r}, expected one of {', '.join(GROUPS)}")
        narrowed = {"item": item, "fixture": fixture}
        sql = _counts_sql(by, _scope(by, item, fixture))
        return [_tally(by, row) for row in self._query("events", sql, since, until, narrowed)]

    def tally_bounded(self, by: str, since: datetime, until: datetime) -> list[Tally]:
        """As `tally`, of the events that are marked ``bounded`` only; see `EventStore`."""
        if by not in GROUPS:
            raise InputError(f"cannot tally by {by!r}, expected one of {', '.join(GROUPS)}")
        sql = _counts_sql(by, _scope(by, None, None))
        rows = self._query("events", sql, since, until, {"bounded": True})
        return [_tally(by, row) for row in rows]

    def roll(self, until: datetime, fold: Fold) -> int:
        """Makes blocks of the events that are in none; see `EventStore.roll`."""
        chosen = "NOT rolled AND (\"at\" < ? OR origin = 'simulated')"
        end = [naive_utc(until)]
        with self._guarded():
            cells = self._cells(chosen, end)
            if not cells:
                return 0
            done, pending = fold(self._pending(), cells)
            with self._transaction():
                self._run("DELETE FROM pending")
                for table, blocks in (("pending", pending), ("blocks", done)):
                    self._con.register("aeras_batch", blocks_table(blocks))
                    self._run(f"INSERT INTO {table} SELECT * FROM aeras_batch")  # noqa: S608 - ours
                    self._con.unregister("aeras_batch")
                self._run(f"UPDATE events SET rolled = TRUE WHERE {chosen}", end)  # noqa: S608
            return len(done)

    def published(
        self, by: str, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[Tally]:
        """Sums of whole finished blocks; see `EventStore.published`."""
        if by not in PUBLISHED:
            raise InputError(f"cannot show by {by!r}, expected one of {', '.join(PUBLISHED)}")
        place = by.removesuffix("_moment")
        of_items = item is not None or place in {"item", "facing"}
        key = {"site": "'site'", "moment": _MOMENT}.get(by, place)
        if place != by:
            key = f"{place} || strftime({_MOMENT}, ' %Y-%m-%dT%H:%M+00:00')"
        values: list[object] = [naive_utc(since), naive_utc(until)]
        narrowed = "" if item is None else "AND item = ?"
        visits = Measure.VISITS if of_items else Measure.STARTS
        sql = _PUBLISHED_SQL.format(key=key, visits=visits.value, narrowed=narrowed)
        with self._guarded():
            rows = self._run(sql, values if item is None else [*values, item])
        return [
            _tally("hour" if by == "moment" else by, dict(zip(_TALLY, r, strict=True)))
            for r in rows
        ]

    def _pending(self) -> list[Block]:
        return [_block(row) for row in self._run("SELECT * FROM pending")]

    def _cells(self, chosen: str, values: Sequence[object]) -> list[Block]:
        """What each grain adds at each place, in order of time: one block a measure."""
        sql = f"WITH chosen AS (SELECT * FROM events WHERE {chosen}) {_cells_sql()}"  # noqa: S608
        return [cell for row in self._run(sql, values) for cell in _measured(row)]

    def sold(self, since: datetime, until: datetime) -> dict[str, float]:
        """Units sold per item."""
        rows = self._query("sales", _sold_sql(), since, until, {})
        return {row["item"]: row["units"] for row in rows}

    def reasons(
        self, item: str, since: datetime, until: datetime, *, of: ReactionLabel | Kind
    ) -> dict[str, int]:
        """How many handlings of an item with that label or of that kind name each reason."""
        which = "kind = ?" if isinstance(of, Kind) else f'"{ReactionLabel(of).value}" >= 0.5 OR ?'
        sql = f"""SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM events
            WHERE item = ? AND "at" >= ? AND "at" < ? AND outcome AND ({which}))
            GROUP BY reason ORDER BY reason"""  # noqa: S608 - our own names
        values = [item, naive_utc(since), naive_utc(until)]
        with self._guarded():
            return dict(self._run(sql, [*values, of.value if isinstance(of, Kind) else False]))

    def stock(self) -> dict[str, float]:
        """Latest known units on hand per item."""
        with self._guarded():
            rows = self._run('SELECT item, arg_max(quantity, "at") FROM stock GROUP BY item')
        return dict(sorted(rows))

    def stock_levels(self, since: datetime, until: datetime) -> list[Stock]:
        """Levels by time: those of [since, until), after each item's last one before."""
        before = 'SELECT arg_max(stock, "at") AS s FROM stock WHERE "at" < ? GROUP BY item'
        sql = f"""SELECT s."at", s.site, s.item, s.quantity, s.origin FROM (
            SELECT s FROM ({before}) UNION ALL
            SELECT stock AS s FROM stock WHERE "at" >= ? AND "at" < ?) ORDER BY s."at" """  # noqa: S608
        ends = [naive_utc(since), naive_utc(since), naive_utc(until)]
        with self._guarded():
            rows = self._run(sql, ends)
        return [
            Stock(at.replace(tzinfo=UTC), site, item, quantity, Origin(origin))
            for at, site, item, quantity, origin in rows
        ]

    def count(self) -> int:
        """Number of stored events."""
        with self._guarded():
            return int(self._run("SELECT count(*) FROM events")[0][0])

    def delete_before(self, moment: datetime) -> int:
        """Drops events, sales, stock and open blocks older than the moment (retention), and keeps
        finished blocks and events that are in none; returns how many events.
        """
        old = [naive_utc(moment)]
        with self._guarded(), self._transaction():
            gone = {
                table: int(self._run(f"DELETE FROM {table} WHERE {which}", old)[0][0])  # noqa: S608 - ours
                for table, which in _TOO_OLD.items()
            }
            return gone["events"]

    def older(self, moment: datetime) -> dict[str, int]:
        """How many records of each kind `delete_before` would drop."""
        old = [naive_utc(moment)]
        with self._guarded():
            return {
                table: int(self._run(f"SELECT count(*) FROM {table} WHERE {which}", old)[0][0])  # noqa: S608 - ours
                for table, which in _TOO_OLD.items()
            }

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
        with self._guarded():
            self._con.register("aeras_batch", batch)
            try:
                self._run(sql, [min(times), max(times)])
            finally:
                self._con.unregister("aeras_batch")

    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self._con.execute(sql, list(values)).fetchall()
        return rows

    def _query(
        self,
        table: str,
        sql: str,
        since: datetime,
        until: datetime,
        narrowed: Mapping[str, str | bool | None],
    ) -> list[dict[str, Any]]:
        """Runs an aggregation over the rows of [since, until) that have the values in narrowed."""
        wanted = {column: value for column, value in narrowed.items() if value is not None}
        conditions = ['"at" >= ?', '"at" < ?', *(f'"{column}" = ?' for column in wanted)]
        chosen = f"SELECT * FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608 - our names
        values = [naive_utc(since), naive_utc(until), *wanted.values()]
        with self._guarded():
            result = self._con.execute(f"WITH chosen AS ({chosen}) {sql}", values)
            names = [column[0] for column in result.description]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def _open(self) -> None:
        self._con = duckdb.connect(str(self._path), config=_OPTIONS)
        drop_fresh(self._path)
        with suppress(PermissionError):  # somebody else's file that we may write is theirs to close
            self._path.chmod(0o600)  # single events are below every k
        if not self._run("SELECT 1 FROM duckdb_tables() WHERE table_name = 'aeras_schema'"):
            self._create()
        self._run(SHELF_DDL)
        self._run(TILL_DDL)
        version = int(self._run("SELECT max(version) FROM aeras_schema")[0][0])
        if version == 1:
            self._in_one([*_BLOCKS_DDL, "UPDATE aeras_schema SET version = 2"])
        if version in {1, 2}:
            self._in_one([*_ATTRIBUTION_DDL, "UPDATE aeras_schema SET version = 3"])
        if version in {1, 2, 3}:
            self._in_one([*_BOUNDED_DDL, "UPDATE aeras_schema SET version = 4"])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"was written by a newer AERAS (schema {version}, this one knows {SCHEMA_VERSION})",
                where=str(self._path),
                todo="Upgrade AERAS, or move the file away to start a new one",
            )

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


_CELLS_SQL = """
SELECT "at", fixture, facing, item, origin = 'simulated' AS simulated,
    count(*) FILTER (first_of = 3 AND NOT beside) AS starts,
    count(*) FILTER (first_of >= CASE WHEN item IS NULL THEN 2 ELSE 1 END AND NOT beside) AS visits,
    count(*) FILTER (kind = 'dwell'), count(*) FILTER (kind = 'reach'),
    count(*) FILTER (kind = 'take'), count(*) FILTER (kind = 'put_back'),
    count(*) FILTER (outcome),
    count(*) FILTER (outcome AND label = 'positive'),
    count(*) FILTER (outcome AND label = 'hesitant'),
    count(*) FILTER (outcome AND label = 'rejected'),
    count(*) FILTER (outcome AND label = 'neutral'),
    count(*) FILTER (outcome AND label = 'unclear'),
    count(*) FILTER (NOT beside), coalesce(sum(coverage) FILTER (NOT beside), 0),
    count(*) FILTER (kind = 'misplaced'), count(*) FILTER (kind = 'misplaced' AND first_of = 3),
    count(*) FILTER (kind = 'knocked_over'),
    count(*) FILTER (kind = 'knocked_over' AND first_of = 3)
FROM (SELECT *, kind IN ('misplaced', 'knocked_over') AS beside FROM ({labelled}))
GROUP BY "at", fixture, facing, item, simulated ORDER BY "at", fixture, facing, item, simulated
"""

_PUBLISHED_SQL = """
SELECT {key} AS key,
    coalesce(sum("count") FILTER (measure = '{visits}'), 0),
    coalesce(sum("count") FILTER (measure = 'dwells'), 0),
    coalesce(sum("count") FILTER (measure = 'reaches'), 0),
    coalesce(sum("count") FILTER (measure = 'takes'), 0),
    coalesce(sum("count") FILTER (measure = 'put_backs'), 0),
    sum(positive), sum(hesitant), sum(rejected), sum(neutral), sum(unclear),
    coalesce(sum(coverage) / nullif(sum(events), 0), 0),
    coalesce(sum("count") FILTER (simulated AND measure NOT IN ('starts', 'visits')), 0)
        + coalesce(sum("count") FILTER (simulated AND measure = '{visits}'), 0),
    coalesce(sum("count") FILTER (measure = 'misplaced'), 0),
    coalesce(sum("count") FILTER (measure = 'knocked_over'), 0)
FROM blocks WHERE "at" >= ? AND "at" < ? {narrowed}
GROUP BY key HAVING key IS NOT NULL ORDER BY key
"""

_TALLY = tuple(field.name for field in fields(Tally))


def _block(row: tuple[Any, ...]) -> Block:
    at, fixture, facing, item, simulated, measure, *counts = row
    return Block(
        at.replace(tzinfo=UTC), fixture, facing, item, simulated, Measure(measure), *counts
    )


def _measured(row: tuple[Any, ...]) -> Iterator[Block]:
    """One row of `_CELLS_SQL` as the counts of its measures."""
    at, fixture, facing, item, simulated, starts, visits, *counts = row
    when, place = at.replace(tzinfo=UTC), (fixture, facing, item)
    if starts:
        yield Block(when, None, None, None, simulated, Measure.STARTS, starts, starts)
    *counts, misplaced, misplacing, knocked, knocking = counts
    *kinds, handled, positive, hesitant, rejected, neutral, unclear, events, coverage = counts
    labels = (positive, hesitant, rejected, neutral, unclear)
    if visits or events:
        read = {"events": events, "coverage": coverage}
        yield Block(when, *place, simulated, Measure.VISITS, visits, visits, **read)
    if handled or visits:
        yield Block(when, *place, simulated, Measure.HANDLED, visits, handled, *labels)
    for measure, count in zip(_KINDS, kinds, strict=True):
        if count or (visits and not simulated):
            yield Block(when, *place, simulated, measure, visits, count)
    if misplaced:
        yield Block(when, *place, simulated, Measure.MISPLACED, misplacing, misplaced)
    if knocked:
        yield Block(when, *place, simulated, Measure.KNOCKED_OVER, knocking, knocked)


_KINDS = (Measure.DWELLS, Measure.REACHES, Measure.TAKES, Measure.PUT_BACKS)

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


def _scope(by: str, item: str | None, fixture: str | None) -> FirstOf:
    """The finest scope named by the grouping or a filter."""
    if item is not None or by in {"item", "facing"}:
        return FirstOf.ITEM
    return FirstOf.FIXTURE if fixture is not None or by == "fixture" else FirstOf.SITE


_PLURALS = (
    (Kind.DWELL, "dwells"),
    (Kind.REACH, "reaches"),
    (Kind.TAKE, "takes"),
    (Kind.PUT_BACK, "put_backs"),
    (Kind.MISPLACED, "misplaced"),
    (Kind.KNOCKED_OVER, "knocked_over"),
)
_BESIDE = [kind.value for kind in Kind if kind.beside]


@cache
def _counts_sql(by: str, scope: FirstOf) -> str:
    """One row a group of ``chosen``, in the order of the groups."""
    events = ibis.table(EVENTS, name="chosen")
    starts = {"hour": events["at"].truncate("h"), "day": events["at"].truncate("D")}
    key = starts[by] if by in starts else events[by]
    keyed = events.mutate(key=key, label=_label(events)).filter(ibis._.key.notnull())
    kinds = {name: (keyed["kind"] == kind.value).sum() for kind, name in _PLURALS}
    labels = {
        label.value: (keyed["outcome"] & (keyed["label"] == label.value)).sum()
        for label in ReactionLabel
    }
    deed = keyed["kind"].notin(_BESIDE)
    grouped = keyed.group_by("key").aggregate(
        visits=((keyed["first_of"] >= int(scope)) & deed).sum(),
        coverage=keyed["coverage"].mean(where=deed).fill_null(0.0),
        simulated=(keyed["origin"] == Origin.SIMULATED.value).sum(),
        **kinds,
        **labels,
    )
    return str(ibis.to_sql(grouped.order_by("key"), dialect="duckdb"))


@cache
def _cells_sql() -> str:
    """What each grain of ``chosen`` adds at each place."""
    events = ibis.table(EVENTS, name="chosen")
    labelled = ibis.to_sql(events.mutate(label=_label(events)), dialect="duckdb")
    return _CELLS_SQL.format(labelled=labelled)


@cache
def _sold_sql() -> str:
    """Units an item of ``chosen``."""
    sales = ibis.table(SALES, name="chosen")
    units = sales.group_by("item").aggregate(units=sales["quantity"].sum())
    return str(ibis.to_sql(units.order_by("item"), dialect="duckdb"))


def _label(events: Any) -> Any:
    """`Reaction.label` in SQL: the classes in the same order, so that ties fall the same way."""
    named = [label.value for label in ReactionLabel if label is not ReactionLabel.UNCLEAR]
    branches = [(events[name] >= 0.5, name) for name in named]  # noqa: PLR2004 - one half
    return ibis.cases(*branches, else_=ReactionLabel.UNCLEAR.value)


def _tally(by: str, row: dict[str, Any]) -> Tally:
    if by in {"hour", "day"}:
        row["key"] = row["key"].replace(tzinfo=UTC).isoformat()
    return Tally(**row)

"""What every event store does alike, whatever engine holds its tables.

Queries are written once, in the SQL of DuckDB; the aggregations are ibis expressions over an
unbound table called ``chosen``, compiled once (that takes longer than DuckDB needs for a small
query). For another engine the text is translated by sqlglot, which ibis itself writes with; the
parity tests hold every engine to the same answers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import ibis

from aeras.domain.errors import InputError
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
    events_table,
    naive_utc,
    sales_table,
    stock_table,
)

GROUPS = ("item", "facing", "fixture", "hour", "day", "site")
"""What `EventTables.tally` can group by."""

PUBLISHED = ("item", "facing", "site", "moment", "item_moment", "facing_moment")
"""What `EventTables.published` can group by; two names: both ids, a blank between."""

_TOO_OLD = {
    "events": 'rolled AND "at" < ?',
    **dict.fromkeys(("sales", "stock", "pending", "aside"), '"at" < ?'),
}


class EventTables(ABC):
    """Implements `aeras.domain.ports.EventStore` but for how rows are read and written."""

    _too_old: Mapping[str, str] = _TOO_OLD
    """What goes with age: of which tables, which rows."""
    _quarter = 'time_bucket(INTERVAL 15 MINUTE, "at")'

    @abstractmethod
    def _insert(self, table: str, batch: Any, *, keyed: bool) -> None:
        """Adds an Arrow table's rows that are not there yet, durably; all or none of them."""

    @abstractmethod
    def _run(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Runs DuckDB's SQL with ``?`` for values."""

    @abstractmethod
    def _delete(self, table: str, which: str, values: Sequence[object]) -> int:
        """Deletes rows; how many."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[None]:
        """All or nothing, and one at a time, where the engine has transactions."""

    @abstractmethod
    def _guarded(self) -> AbstractContextManager[None]:
        """Takes the store for this thread, opens it if need be, translates errors."""

    @abstractmethod
    def _rolled(self, chosen: str, end: datetime, done: list[Block], pending: list[Block]) -> None:
        """Keeps blocks, takes ``pending`` for what was pending and marks the chosen events as
        rolled; all or nothing.
        """

    @abstractmethod
    def compact(self) -> bool:
        """Gives back the room of what was deleted; False if that has to wait."""

    @abstractmethod
    def close(self) -> None:
        """Releases the store; safe to call twice."""

    def append(self, events: Sequence[Event]) -> None:
        """Stores events; copies of stored ones (same id, same time) are ignored."""
        unique = list({(event.site, event.id): event for event in events}.values())
        self._insert("events", events_table(unique), keyed=True)

    def set_aside(self, events: Sequence[Event], why: str) -> None:
        """Keeps events whose time cannot be believed, apart from all figures."""
        unique = list({(event.site, event.id): event for event in events}.values())
        batch = events_table(unique)
        self._insert("aside", batch.append_column("why", [[why] * len(unique)]), keyed=True)

    def aside(self) -> dict[tuple[str, str], int]:
        """How many events are set aside, by shop and reason."""
        sql = "SELECT site, why, count(*) FROM aside GROUP BY site, why ORDER BY site, why"
        with self._guarded():
            return {(site, why): int(n) for site, why, n in self._run(sql)}

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
        return [tally_of(*row) for row in self._query("events", sql, since, until, narrowed)]

    def tally_bounded(self, by: str, since: datetime, until: datetime) -> list[Tally]:
        """As `tally`, of the events that are marked ``bounded`` only; see `EventStore`."""
        if by not in GROUPS:
            raise InputError(f"cannot tally by {by!r}, expected one of {', '.join(GROUPS)}")
        sql = _counts_sql(by, _scope(by, None, None))
        rows = self._query("events", sql, since, until, {"bounded": True})
        return [tally_of(*row) for row in rows]

    def roll(self, until: datetime, fold: Fold) -> int:
        """Makes blocks of the events that are in none; see `EventStore.roll`."""
        chosen = "NOT rolled AND (\"at\" < ? OR origin = 'simulated')"
        end = naive_utc(until)
        with self._guarded(), self._transaction():
            counted = [*self._cells(chosen, [end]), *self._passage_cells(chosen, [end])]
            cells = sorted(counted, key=lambda cell: cell.at)
            if not cells:
                return 0
            done, pending = fold(self._pending(), cells)
            self._rolled(chosen, end, done, pending)
            return len(done)

    def published(
        self, by: str, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[Tally]:
        """Sums of whole finished blocks; see `EventStore.published`."""
        if by not in PUBLISHED:
            raise InputError(f"cannot show by {by!r}, expected one of {', '.join(PUBLISHED)}")
        place = by.removesuffix("_moment")
        of_items = item is not None or place in {"item", "facing"}
        columns = {
            "place": {"site": "'site'", "moment": "''"}.get(place, place),
            "moment": self._quarter if by.endswith("moment") else "NULL",
            "visits": (Measure.VISITS if of_items else Measure.STARTS).value,
            "narrowed": "" if item is None else "AND item = ?",
        }
        values: list[object] = [naive_utc(since), naive_utc(until)]
        with self._guarded():
            rows = self._run(
                PUBLISHED_SQL.format(**columns), values if item is None else [*values, item]
            )
        return [
            tally_of(" ".join(part for part in (place, _iso(at)) if part), *counts)
            for place, at, *counts in rows
        ]

    def _pending(self) -> list[Block]:
        return [_block(row) for row in self._run(f"SELECT {_BLOCK} FROM pending")]  # noqa: S608

    def _cells(self, chosen: str, values: Sequence[object]) -> list[Block]:
        """What each grain adds at each place, in order of time: one block a measure."""
        sql = f"WITH chosen AS (SELECT * FROM events WHERE {chosen}) {_cells_sql()}"  # noqa: S608
        return [cell for row in self._run(sql, values) for cell in _measured(row)]

    def _passage_cells(self, chosen: str, values: Sequence[object]) -> list[Block]:
        """What the passers of each grain add; none where they are not kept."""
        return []

    def sold(self, since: datetime, until: datetime) -> dict[str, float]:
        """Units sold per item."""
        return dict(self._query("sales", _sold_sql(), since, until, {}))

    def reasons(
        self, item: str, since: datetime, until: datetime, *, of: ReactionLabel | Kind
    ) -> dict[str, int]:
        """How many handlings of an item with that label or of that kind name each reason."""
        which = "kind = ?" if isinstance(of, Kind) else f'"{ReactionLabel(of).value}" >= ?'
        sql = f"""SELECT reason, count(*) FROM (SELECT unnest(reasons) AS reason FROM events
            WHERE item = ? AND "at" >= ? AND "at" < ? AND outcome AND ({which})) AS named
            GROUP BY reason ORDER BY reason"""  # noqa: S608 - our own names
        values = [item, naive_utc(since), naive_utc(until)]
        with self._guarded():
            return dict(self._run(sql, [*values, of.value if isinstance(of, Kind) else 0.5]))

    def stock(self) -> dict[str, float]:
        """Latest known units on hand per item."""
        with self._guarded():
            rows = self._run(f"SELECT item, quantity FROM ({_LATEST}) AS l WHERE n = 1")  # noqa: S608
        return dict(sorted(rows))

    def stock_levels(self, since: datetime, until: datetime) -> list[Stock]:
        """Levels by time: those of [since, until), after each item's last one before."""
        newest = _LATEST.replace("FROM stock", 'FROM stock WHERE "at" < ?')
        sql = f"""SELECT {_LEVEL} FROM (
            SELECT {_LEVEL} FROM ({newest}) AS l WHERE n = 1 UNION ALL
            SELECT {_LEVEL} FROM stock WHERE "at" >= ? AND "at" < ?) AS b ORDER BY "at", item"""  # noqa: S608
        ends = [naive_utc(since), naive_utc(since), naive_utc(until)]
        with self._guarded():
            rows = self._run(sql, ends)
        return [
            Stock(as_utc(at), site, item, quantity, Origin(origin))
            for at, site, item, quantity, origin in rows
        ]

    def _query(
        self,
        table: str,
        sql: str,
        since: datetime,
        until: datetime,
        narrowed: Mapping[str, str | bool | None],
    ) -> list[tuple[Any, ...]]:
        """Runs an aggregation over the rows of [since, until) that have the values in narrowed."""
        wanted = {column: value for column, value in narrowed.items() if value is not None}
        conditions = ['"at" >= ?', '"at" < ?', *(f'"{column}" = ?' for column in wanted)]
        chosen = f"SELECT * FROM {table} WHERE {' AND '.join(conditions)}"  # noqa: S608 - our names
        values = [naive_utc(since), naive_utc(until), *wanted.values()]
        with self._guarded():
            return self._run(f"WITH chosen AS ({chosen}) {sql}", values)

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
                table: self._delete(table, which, old) for table, which in self._too_old.items()
            }
            return gone["events"]

    def forget_before(self, moment: datetime) -> int:
        """Drops every event and count of passers older than the moment, in a block or not; returns
        how many events.
        """
        old = [naive_utc(moment)]
        with self._guarded(), self._transaction():
            if "passages" in self._too_old:
                self._delete("passages", '"at" < ?', old)
            return sum(self._delete(table, '"at" < ?', old) for table in ("events", "aside"))

    def older(self, moment: datetime) -> dict[str, int]:
        """How many records of each kind `delete_before` would drop."""
        old = [naive_utc(moment)]
        with self._guarded():
            return {
                table: int(self._run(f"SELECT count(*) FROM {table} WHERE {which}", old)[0][0])  # noqa: S608 - ours
                for table, which in self._too_old.items()
            }


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
FROM (SELECT *, kind IN ('misplaced', 'knocked_over') AS beside FROM ({labelled}) AS l) AS b
GROUP BY "at", fixture, facing, item, simulated ORDER BY "at", fixture, facing, item, simulated
"""

PUBLISHED_SQL = """
SELECT {place} AS place, {moment} AS moment,
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
FROM blocks WHERE "at" >= ? AND "at" < ? AND {place} IS NOT NULL {narrowed}
    AND measure NOT IN ('passed', 'stopped')
GROUP BY place, moment ORDER BY place, moment
"""

_TALLY = tuple(field.name for field in fields(Tally))
_BLOCK = ", ".join(f'"{field.name}"' for field in fields(Block))
_LEVEL = '"at", site, item, quantity, origin'
_LATEST = f"""SELECT {_LEVEL}, row_number() OVER (PARTITION BY item ORDER BY "at" DESC) AS n
    FROM stock"""  # noqa: S608 - our own names


def _block(row: tuple[Any, ...]) -> Block:
    at, fixture, facing, item, simulated, measure, *counts = row
    return Block(as_utc(at), fixture, facing, item, bool(simulated), Measure(measure), *counts)


def _measured(row: tuple[Any, ...]) -> Iterator[Block]:
    """One row of `_CELLS_SQL` as the counts of its measures."""
    at, fixture, facing, item, simulated, starts, visits, *counts = row
    when, place, simulated = as_utc(at), (fixture, facing, item), bool(simulated)
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
    return str(ibis.to_sql(grouped.order_by("key").select(*_TALLY), dialect="duckdb"))


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


def tally_of(key: object, *counts: Any) -> Tally:
    """A row of `PUBLISHED_SQL` or of a tally; the counts as `Tally` has them."""
    row: dict[str, Any] = dict(zip(_TALLY[1:], counts, strict=True))
    whole = {name: int(count) for name, count in row.items() if name != "coverage"}
    return Tally(
        key=key if isinstance(key, str) else _iso(key), coverage=float(row["coverage"]), **whole
    )


def as_utc(at: datetime) -> datetime:
    """A stored time with its zone; engines give it back with or without."""
    return at.replace(tzinfo=UTC)


def _iso(at: object) -> str:
    """A truncated time as engines give it back: with or without zone, or as a day; "" for none."""
    if at is None:
        return ""
    if isinstance(at, datetime):
        return as_utc(at).isoformat()
    assert isinstance(at, date), at
    return datetime(at.year, at.month, at.day, tzinfo=UTC).isoformat()


def shown(url: str) -> str:
    """A URL without its password."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()

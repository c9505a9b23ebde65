"""The table of what facings showed, beside the events in the same file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from aeras.domain.errors import InputError
from aeras.domain.kept import Origin, ShelfLevel, StockLevel
from aeras.domain.ports import ItemGrain, Misplaced, ShelfTime
from aeras.store.arrow import naive_utc
from aeras.store.filed import Filed

SHELF_DDL = """CREATE TABLE IF NOT EXISTS shelf (
    "at" TIMESTAMP NOT NULL, "site" VARCHAR NOT NULL, "fixture" VARCHAR NOT NULL,
    "facing" VARCHAR NOT NULL, "item" VARCHAR NOT NULL, "planogram" VARCHAR NOT NULL,
    "level" VARCHAR NOT NULL, "coverage" DOUBLE NOT NULL, "origin" VARCHAR NOT NULL)"""

_NAMES = ("at", "site", "fixture", "facing", "item", "planogram", "level", "coverage", "origin")
_ROW = ", ".join(f's."{name}"' for name in _NAMES)
_SHELF = pa.schema(
    [
        (name, {"at": pa.timestamp("us"), "coverage": pa.float64()}.get(name, pa.string()))
        for name in _NAMES
    ]
)

_SHOWN_NOW = f"""
WITH told AS (SELECT *, rowid AS n FROM shelf WHERE level != 'unknown'),
newest AS (SELECT facing, arg_max(n, ("at", n)) AS n FROM told GROUP BY facing),
latest AS (SELECT told.* FROM told JOIN newest USING (n)),
broken AS (
    SELECT s.facing, max(t."at") AS "at" FROM latest s JOIN told t
        ON t.facing = s.facing AND (t.level != s.level OR t.planogram != s.planogram)
    GROUP BY s.facing)
SELECT {_ROW}, coalesce((
    SELECT min(t."at") FROM told t WHERE t.facing = s.facing AND t.planogram = s.planogram
        AND (b."at" IS NULL OR t."at" > b."at")), s."at") AS since
FROM latest s LEFT JOIN broken b ON b.facing = s.facing
ORDER BY s.facing
"""  # noqa: S608 - our own names


class ShelfTable(Filed):
    """Implements `aeras.domain.ports.ShelfBook` for `DuckEvents`, whose file and lock it uses."""

    def append_levels(self, levels: Sequence[ShelfLevel]) -> None:
        """Stores levels; one of the same facing, planogram and grain is replaced."""
        newest = {(one.at, one.facing, one.planogram): one for one in levels}
        if not newest:
            return
        rows = list(newest.values())
        columns: dict[str, Any] = {name: [getattr(r, name) for r in rows] for name in _NAMES}
        columns["at"] = [naive_utc(row.at) for row in rows]
        batch = pa.table(columns, schema=_SHELF)
        with self._guarded(), self._named(aeras_batch=batch), self._transaction():
            self._run(
                "DELETE FROM shelf USING aeras_batch b WHERE shelf.at = b.at "
                "AND shelf.facing = b.facing AND shelf.planogram = b.planogram"
            )
            self._run("INSERT INTO shelf SELECT * FROM aeras_batch")

    def levels(self, since: datetime, until: datetime) -> list[ShelfLevel]:
        """Levels of [since, until) in order of time, then facing."""
        sql = f'SELECT {_ROW} FROM shelf s WHERE "at" >= ? AND "at" < ? ORDER BY "at", facing'  # noqa: S608 - our own names
        with self._guarded():
            return [_level(row) for row in self._run(sql, [naive_utc(since), naive_utc(until)])]

    def shown_now(self) -> list[tuple[ShelfLevel, datetime]]:
        """What each facing showed last, and since when; see `ShelfBook.shown_now`."""
        with self._guarded():
            rows = self._run(_SHOWN_NOW)
        return [(_level(row), since.replace(tzinfo=UTC)) for *row, since in rows]

    def shelf_time(self, by: str, since: datetime, until: datetime) -> list[ShelfTime]:
        """Told and empty time; see `ShelfBook.shelf_time`."""
        if by not in {"item", "facing"}:
            raise InputError(f"cannot tell the shelf by {by!r}, expected item or facing")
        sql = f"""WITH {_grains_sql(by)} SELECT key, min("at"), sum(coverage),
            coalesce(sum(coverage) FILTER (level = 'empty'), 0), sum(n), sum(simulated)
            FROM grains GROUP BY key ORDER BY key"""  # noqa: S608 - our own names
        with self._guarded():
            rows = self._run(sql, [naive_utc(since), naive_utc(until)])
        return [
            ShelfTime(key, first.replace(tzinfo=UTC), told, empty, int(n), int(simulated))
            for key, first, told, empty, n, simulated in rows
        ]

    def item_grains(self, since: datetime, until: datetime) -> list[ItemGrain]:
        """What could be told of each item; see `ShelfBook.item_grains`."""
        sql = (
            f'WITH {_grains_sql("item")} SELECT key, "at", level, coverage FROM grains ORDER BY ALL'  # noqa: S608 - our own names
        )
        with self._guarded():
            rows = self._run(sql, [naive_utc(since), naive_utc(until)])
        return [
            ItemGrain(item, at.replace(tzinfo=UTC), StockLevel(level), coverage)
            for item, at, level, coverage in rows
        ]

    def misplacements(self, since: datetime, until: datetime) -> list[Misplaced]:
        """Every misplacement, in order of time; see `ShelfBook.misplacements`."""
        sql = """SELECT "at", item, facing FROM events WHERE kind = 'misplaced' AND "at" >= ?
            AND "at" < ? AND item IS NOT NULL AND facing IS NOT NULL ORDER BY "at" """
        with self._guarded():
            rows = self._run(sql, [naive_utc(since), naive_utc(until)])
        return [Misplaced(at.replace(tzinfo=UTC), item, facing) for at, item, facing in rows]


def _grains_sql(by: str) -> str:
    """One row a key and grain: there if any facing shows it, empty if all of them are told to be.
    A level that was told for next to nothing tells nothing.
    """
    there = "level IN ('full', 'low') AND coverage > 0"
    return f"""per AS (
        SELECT "{by}" AS key, "at", bool_or({there}) AS there,
            bool_and(level = 'empty' AND coverage > 0) AS gone,
            max(coverage) FILTER ({there}) AS seen, min(coverage) AS least, count(*) AS n,
            count(*) FILTER (origin = 'simulated') AS simulated
        FROM shelf WHERE "at" >= ? AND "at" < ? GROUP BY key, "at"),
    grains AS (
        SELECT key, "at", n, simulated,
            CASE WHEN there THEN 'full' WHEN gone THEN 'empty' ELSE 'unknown' END AS level,
            CASE WHEN there THEN seen WHEN gone THEN least ELSE 0.0 END AS coverage FROM per)"""  # noqa: S608 - our own names


def _level(row: Sequence[Any]) -> ShelfLevel:
    at, site, fixture, facing, item, planogram, level, coverage, origin = row
    return ShelfLevel(
        at=at.replace(tzinfo=UTC),
        site=site,
        fixture=fixture,
        facing=facing,
        item=item,
        planogram=planogram,
        level=StockLevel(level),
        coverage=coverage,
        origin=Origin(origin),
    )

"""The table of who came past the fixtures, counted, beside the events in the same file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from aeras.domain.errors import InputError
from aeras.domain.kept import Block, Measure, Passage
from aeras.domain.ports import PassedSum
from aeras.store.arrow import naive_utc
from aeras.store.filed import Filed

PASSAGES_DDL = """CREATE TABLE IF NOT EXISTS passages (
    "id" VARCHAR NOT NULL, "at" TIMESTAMP NOT NULL, "site" VARCHAR NOT NULL,
    "fixture" VARCHAR NOT NULL, "passed" BIGINT NOT NULL, "stopped" BIGINT NOT NULL,
    "coverage" DOUBLE NOT NULL, "origin" VARCHAR NOT NULL, "rolled" BOOLEAN DEFAULT FALSE)"""

PASSAGES = pa.schema(
    [
        ("id", pa.string()),
        ("at", pa.timestamp("us")),
        *((name, pa.string()) for name in ("site", "fixture")),
        *((name, pa.int64()) for name in ("passed", "stopped")),
        ("coverage", pa.float64()),
        ("origin", pa.string()),
    ]
)

# A worker that starts anew within a grain tells what it saw of it: one grain, several records.
_CELLS = """SELECT "at", fixture, origin = 'simulated' AS simulated, sum(passed)::BIGINT,
    sum(stopped)::BIGINT, least(1.0, sum(coverage)) FROM passages WHERE {chosen}
    GROUP BY ALL ORDER BY ALL"""

_PUBLISHED = """SELECT {key} AS key, coalesce(sum("count") FILTER (measure = 'passed'), 0)::BIGINT,
    coalesce(sum("count") FILTER (measure = 'stopped'), 0)::BIGINT,
    coalesce(sum(coverage) / nullif(sum(events), 0), 0),
    coalesce(sum("count") FILTER (measure = 'passed' AND simulated), 0)::BIGINT
FROM blocks WHERE "at" >= ? AND "at" < ? AND measure IN ('passed', 'stopped')
    AND {key} IS NOT NULL GROUP BY key ORDER BY key"""
_KEYS = {"fixture": "fixture", "moment": 'time_bucket(INTERVAL 15 MINUTE, "at")'}


def passages_table(passages: Sequence[Passage]) -> Any:
    """Counts of passers as an Arrow table with the schema `PASSAGES`."""
    columns: dict[str, Any] = {n: [getattr(one, n) for one in passages] for n in PASSAGES.names}
    columns["at"] = [naive_utc(one.at) for one in passages]
    return pa.table(columns, schema=PASSAGES)


class PassageTable(Filed):
    """Implements `aeras.domain.ports.PassageBook` for `DuckEvents`, whose file it uses."""

    def append_passages(self, passages: Sequence[Passage]) -> None:
        """Stores counts; copies of stored ones (same id, same time) are ignored."""
        unique = list({one.id: one for one in passages}.values())
        self._insert("passages", passages_table(unique), keyed=True)

    def published_passages(self, by: str, since: datetime, until: datetime) -> list[PassedSum]:
        """Sums of whole finished blocks; see `PassageBook.published_passages`."""
        if by not in _KEYS:
            raise InputError(f"cannot show passers by {by!r}, expected {' or '.join(_KEYS)}")
        with self._guarded():
            rows = self._run(_PUBLISHED.format(key=_KEYS[by]), [naive_utc(since), naive_utc(until)])
        return [
            PassedSum(key if by == "fixture" else key.replace(tzinfo=UTC).isoformat(), *counts)
            for key, *counts in rows
        ]

    def _passage_cells(self, chosen: str, values: Sequence[object]) -> list[Block]:
        """What each grain adds at each fixture; a grain without passers adds its coverage."""
        found = []
        for at, fixture, simulated, passed, stopped, coverage in self._run(
            _CELLS.format(chosen=chosen), values
        ):
            place = (at.replace(tzinfo=UTC), fixture, None, None, bool(simulated))
            found.append(Block(*place, Measure.PASSED, passed, passed, events=1, coverage=coverage))
            if stopped:
                found.append(Block(*place, Measure.STOPPED, stopped, stopped))
        return found

"""Which receipts are stored, in which revision: beside their lines in the same file, so that both
change in one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from aeras.domain.feeds import Booked
from aeras.store.arrow import SALES, naive_utc, sales_table
from aeras.store.filed import Filed

TILL_DDL = """CREATE TABLE IF NOT EXISTS receipts (
    "id" VARCHAR NOT NULL, "revision" BIGINT NOT NULL, "at" TIMESTAMP NOT NULL)"""

_RECEIPTS = pa.schema([("id", pa.string()), ("revision", pa.int64()), ("at", pa.timestamp("us"))])
_LINES = ", ".join(f's."{name}"' for name in SALES.names)
_NEWER = """CREATE OR REPLACE TEMP TABLE newer AS
    SELECT b.id, b.revision, b."at", r."at" AS was FROM aeras_receipts b
    LEFT JOIN receipts r USING (id) WHERE r.id IS NULL OR b.revision > r.revision"""
# The lines' time range keeps the search short however long the history is.
_DROP = """DELETE FROM sales WHERE "at" BETWEEN ? AND ? AND split_part(id, ':', 1) IN (
    SELECT id FROM newer WHERE was IS NOT NULL)"""


class TillTable(Filed):
    """Implements `aeras.domain.feeds.TillBook` for `DuckEvents`, whose file and lock it uses."""

    def receipt_revisions(self, ids: Sequence[str]) -> dict[str, int]:
        """The stored revision of those of the receipts that are stored."""
        if not ids:
            return {}
        wanted = pa.table({"id": pa.array(list(ids), pa.string())})
        with self._guarded(), self._named(aeras_ids=wanted):
            return dict(
                self._run("SELECT id, revision FROM receipts SEMI JOIN aeras_ids USING (id)")
            )

    def put_receipts(self, receipts: Sequence[Booked]) -> None:
        """Stores receipts and their lines in one transaction; see `TillBook.put_receipts`."""
        best: dict[str, Booked] = {}
        for receipt in receipts:
            if receipt.id not in best or receipt.revision > best[receipt.id].revision:
                best[receipt.id] = receipt
        if not best:
            return
        rows = list(best.values())
        columns: dict[str, Any] = {
            "id": [row.id for row in rows],
            "revision": [row.revision for row in rows],
            "at": [naive_utc(row.at) for row in rows],
        }
        lines = sales_table([sale for row in rows for sale in row.sales])
        booked = pa.table(columns, schema=_RECEIPTS)
        with (
            self._guarded(),
            self._named(aeras_receipts=booked, aeras_batch=lines),
            self._transaction(),
        ):
            self._replace()

    def _replace(self) -> None:
        self._run(_NEWER)
        first, last = self._run("SELECT min(was), max(was) FROM newer")[0]
        if first is not None:
            self._run(_DROP, [first, last])
            self._run("DELETE FROM receipts WHERE id IN (SELECT id FROM newer)")
        self._run('INSERT INTO receipts SELECT id, revision, "at" FROM newer')
        self._run(
            f"INSERT INTO sales SELECT {_LINES} FROM aeras_batch s "  # noqa: S608 - our own names
            "SEMI JOIN newer n ON split_part(s.id, ':', 1) = n.id"
        )
        self._run("DROP TABLE newer")

    def move_sales(self, item: str, to: str) -> int:
        """Gives all sales and stock of one item to another; how many sales."""
        with self._guarded(), self._transaction():
            self._run("UPDATE stock SET item = ? WHERE item = ?", [to, item])
            return int(self._run("UPDATE sales SET item = ? WHERE item = ?", [to, item])[0][0])

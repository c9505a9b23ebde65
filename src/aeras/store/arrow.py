"""Kept records as Arrow tables: the one place that knows the flat columns. Times are UTC without
zone (Arrow ``timestamp[us]``), because DuckDB needs no extension to read those.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from aeras.domain.errors import StoreError
from aeras.domain.kept import Block, Event, ReactionLabel, Sale, Stock

_TEXT = pa.string()
_AT = pa.timestamp("us")

EVENTS = pa.schema(
    [
        ("id", _TEXT),
        ("at", _AT),
        ("site", _TEXT),
        ("fixture", _TEXT),
        ("facing", _TEXT),
        ("item", _TEXT),
        ("planogram", _TEXT),
        ("kind", _TEXT),
        ("dwell", _TEXT),
        ("positive", pa.float64()),
        ("hesitant", pa.float64()),
        ("rejected", pa.float64()),
        ("neutral", pa.float64()),
        ("coverage", pa.float64()),
        ("reasons", pa.list_(_TEXT)),
        ("confidence", pa.float64()),
        ("first_of", pa.uint8()),
        ("outcome", pa.bool_()),
        ("origin", _TEXT),
        ("attribution", pa.float64()),
        ("bounded", pa.bool_()),
    ]
)
SALES = pa.schema(
    [
        ("id", _TEXT),
        ("at", _AT),
        ("site", _TEXT),
        ("item", _TEXT),
        ("quantity", pa.float64()),
        ("amount", pa.int64()),
        ("currency", _TEXT),
        ("origin", _TEXT),
    ]
)
STOCK = pa.schema(
    [
        ("at", _AT),
        ("site", _TEXT),
        ("item", _TEXT),
        ("quantity", pa.float64()),
        ("origin", _TEXT),
    ]
)

BLOCKS = pa.schema(
    [
        ("at", _AT),
        ("fixture", _TEXT),
        ("facing", _TEXT),
        ("item", _TEXT),
        ("simulated", pa.bool_()),
        ("measure", _TEXT),
        *((name, pa.int64()) for name in ("visits", "count")),
        *((label.value, pa.int64()) for label in ReactionLabel),
        ("events", pa.int64()),
        ("coverage", pa.float64()),
    ]
)

_PLACE = ("site", "fixture", "facing", "item", "planogram")
_PLAIN = ("id", *_PLACE, "outcome", "confidence", "attribution", "bounded")
_CODED = ("kind", "dwell", "origin")
_REACTION = ("positive", "hesitant", "rejected", "neutral", "coverage")


def naive_utc(at: datetime) -> datetime:
    """A moment as UTC without zone; raises StoreError for one that has no zone to begin with."""
    if at.tzinfo is None:
        raise StoreError(f"time {at} has no time zone", todo="Pass UTC datetimes")
    return at.astimezone(UTC).replace(tzinfo=None)


def events_table(events: Sequence[Event]) -> Any:
    """Events as an Arrow table with the schema `EVENTS`."""
    columns: dict[str, Any] = {name: [getattr(e, name) for e in events] for name in _PLAIN}
    columns |= {name: [getattr(e, name).value for e in events] for name in _CODED}
    columns |= {name: [getattr(e.reaction, name) for e in events] for name in _REACTION}
    columns["at"] = [naive_utc(e.at) for e in events]
    columns["reasons"] = [e.reaction.reasons for e in events]
    columns["first_of"] = [int(e.first_of) for e in events]
    return pa.table(columns, schema=EVENTS)


def sales_table(sales: Sequence[Sale]) -> Any:
    """Till lines as an Arrow table with the schema `SALES`."""
    return _table(sales, SALES)


def stock_table(stock: Sequence[Stock]) -> Any:
    """Stock levels as an Arrow table with the schema `STOCK`."""
    return _table(stock, STOCK)


def blocks_table(blocks: Sequence[Block]) -> Any:
    """Blocks as an Arrow table with the schema `BLOCKS`."""
    return _table(blocks, BLOCKS)


def _table(records: Sequence[Sale] | Sequence[Stock] | Sequence[Block], schema: Any) -> Any:
    columns: dict[str, Any] = {name: [getattr(r, name) for r in records] for name in schema.names}
    columns["at"] = [naive_utc(r.at) for r in records]
    return pa.table(columns, schema=schema)

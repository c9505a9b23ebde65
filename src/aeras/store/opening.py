"""The event store that a URL names."""

from __future__ import annotations

from pathlib import Path

from aeras.domain.errors import StoreError
from aeras.store.reading import EventTables


def open_events(where: str) -> EventTables:
    """Opens (and makes, where it is missing) an event store; drivers are loaded only here.

    Args:
        where: ``postgresql://...``, ``clickhouse://...``, ``clickhouses://...``, or a DuckDB file,
            plainly or as ``duckdb:///path``.

    Raises:
        StoreError: No such kind, its extra is not installed, the server is away or refuses.
    """
    scheme = where.partition("://")[0] if "://" in where else "duckdb"
    if scheme in {"postgresql", "postgres"}:
        from aeras.store.postgres import PostgresEvents  # noqa: PLC0415 - an optional extra

        return PostgresEvents(where)
    if scheme in {"clickhouse", "clickhouses"}:
        from aeras.store.clickhouse import ClickHouseEvents  # noqa: PLC0415 - an optional extra

        return ClickHouseEvents(where)
    if scheme == "duckdb":
        from aeras.store.events import DuckEvents  # noqa: PLC0415 - beside the other two

        return DuckEvents(Path(where.removeprefix("duckdb://")))
    raise StoreError(
        f"{scheme!r} is no kind of event store",
        where=where,
        todo="Write postgresql://, clickhouse://, clickhouses:// or the path of a DuckDB file",
    )

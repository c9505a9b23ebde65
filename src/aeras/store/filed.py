"""What the tables in one DuckDB file share: the connection, and how it reads Arrow tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aeras.store.reading import EventTables


class Filed(EventTables):
    """A base of `aeras.store.events.DuckEvents`, which opens the file."""

    _con: Any

    @contextmanager
    def _named(self, **tables: Any) -> Iterator[None]:
        """Lets queries read Arrow tables by these names meanwhile."""
        for name, table in tables.items():
            self._con.register(name, table)
        try:
            yield
        finally:
            for name in tables:
                self._con.unregister(name)

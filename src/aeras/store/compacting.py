"""Rewrites a DuckDB file, so that what was deleted is gone from the disk as well: DuckDB marks
deleted rows and freed blocks and leaves their bytes in place.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FRESH = ".fresh"
SINGLE, DOUBLE = "'", '"'
_OWNER_ONLY = 0o600


def write_fresh(con: Any, path: Path) -> Path:
    """Copies what a database holds, and nothing else, into a new file beside it.

    Args:
        con: Open connection to the database at ``path``; no transaction is running.
        path: Its file.

    Returns:
        The new file, complete and on disk.

    Raises:
        duckdb.Error: The copy failed; the new file is gone again.
    """
    fresh = drop_fresh(path)
    con.execute("CHECKPOINT")
    (name,) = con.execute("SELECT current_database()").fetchone()
    con.execute(f"ATTACH {_quoted(fresh, SINGLE)} AS aeras_fresh")
    try:
        con.execute(f"COPY FROM DATABASE {_quoted(name, DOUBLE)} TO aeras_fresh")
    except BaseException:
        con.execute("DETACH aeras_fresh")
        drop_fresh(path)
        raise
    con.execute("DETACH aeras_fresh")
    fresh.chmod(_OWNER_ONLY)
    _sync(fresh)
    return fresh


def put_in_place(fresh: Path, path: Path) -> bool:
    """Puts the new file in the old one's place, which no connection may hold open any more. False,
    and the new one dropped, when the old one still has a log that was not merged.
    """
    if path.with_name(path.name + ".wal").exists():
        drop_fresh(path)
        return False
    fresh.replace(path)
    _sync(path.parent)
    return True


def drop_fresh(path: Path) -> Path:
    """Removes what an attempt that was cut short has left; the new file's name."""
    fresh = path.with_name(path.name + FRESH)
    fresh.unlink(missing_ok=True)
    fresh.with_name(fresh.name + ".wal").unlink(missing_ok=True)
    return fresh


def _quoted(text: object, mark: str) -> str:
    return mark + str(text).replace(mark, 2 * mark) + mark


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

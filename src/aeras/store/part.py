"""What the parts of the control database share: how they read and write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from aeras.domain.errors import StoreError
from aeras.store.group import Group

T = TypeVar("T")
LOCK_WAIT_S = 15


class Part:
    """A base of `aeras.store.control.Control`, which opens the file."""

    _path: Path
    _engine: Engine
    _group: Group

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with self._translated(), Session(self._engine) as session, session.begin():
            yield session

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Runs a write that many may ask for at once, together with theirs."""
        with self._translated():
            return self._group.run(work)

    @staticmethod
    def _put_step(session: Session, table: Any, owner: str, row: dict[str, Any]) -> bool:
        """Stores the next step of a life; False, and nothing stored, when the life has a step of
        that number already or none before.

        Args:
            session: Open.
            table: Of steps, numbered ``n`` from 0 without gaps.
            owner: Its column that tells whose life it is.
            row: The step.
        """
        # The write comes first, so that SQLite takes the lock before anything was read.
        put: Any = session.execute(insert(table).values(row).on_conflict_do_nothing())
        if put.rowcount == 0:
            return False
        own = getattr(table, owner) == row[owner]
        if session.scalar(select(func.count()).where(own, table.n < row["n"])) != row["n"]:
            session.execute(delete(table).where(own, table.n == row["n"]))
            return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise  # the caller knows which rule was broken
        except DatabaseError as error:
            raise _store_error(error, self._path) from error


_COMPLAINTS = (
    (
        "disk is full",
        "the disk is full; nothing of this write was stored, everything before it is safe",
        "Free some space and try again",
    ),
    (
        "not a database|malformed",
        "is no readable SQLite database",
        "Restore it from a backup, or move it away to start a new one",
    ),
    (
        "locked",
        f"has been locked by another program for {LOCK_WAIT_S} s",
        "Close what holds it and try again",
    ),
    (
        "readonly|unable to open|I/O",
        "cannot be read or written there",
        "Check the disk and the rights of the user who runs AERAS",
    ),
)


def _store_error(error: DatabaseError, path: Path) -> StoreError:
    text = str(error.orig)
    for pattern, what, todo in _COMPLAINTS:
        if re.search(pattern, text):
            return StoreError(what, where=str(path), todo=todo)
    return StoreError(f"database error: {text}", where=str(path))

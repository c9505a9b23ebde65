"""Group commit: writers that come at the same time share one transaction and one sync to disk.

Whoever finds nobody writing leads: it takes all that wait, runs each in a savepoint of its own, and
commits once. The others wait until their work is on disk. A single writer waits for nobody.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
Work = Callable[[Connection], T]
MOST = 256
"""Works in one transaction: bounds how long the first of them waits."""


class _Job(Generic[T]):
    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None


class Group:
    """Runs works on an engine, many to a commit.

    Args:
        engine: SQLite in WAL mode.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._waiting: list[_Job[Any]] = []
        self._list = threading.Lock()
        self._turn = threading.Lock()

    def run(self, work: Work[T]) -> T:
        """What the work returns, once it is on disk; its own error if it raised one, the commit's
        if nothing of the group was stored.
        """
        job = _Job(work)
        with self._list:
            self._waiting.append(job)
        with self._turn:
            while not job.done:
                self._lead()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def _lead(self) -> None:
        with self._list:
            jobs, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            with self._engine.connect() as fresh:
                connection = fresh.execution_options(takes_write_lock=True)
                with connection.begin():
                    for job in jobs:
                        _run(job, connection)
        except BaseException as error:  # noqa: BLE001 - told to each writer, which raises it
            for job in jobs:
                job.error = job.error or error
        for job in jobs:
            job.done = True


def _run(job: _Job[Any], connection: Connection) -> None:
    savepoint = connection.begin_nested()
    try:
        job.result = job.work(connection)
    except Exception as error:  # noqa: BLE001 - told to the writer whose work it is
        savepoint.rollback()
        job.error = error
    else:
        savepoint.commit()

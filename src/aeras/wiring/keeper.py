"""Stores records as they come and holds on to them while the disk is full or the database
locked.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from aeras.domain.errors import StoreError

log = structlog.get_logger(__name__)

RETRY_S = 5.0
MOST_WAITING = 1_000_000  # about 1 GB; a busy shop makes that many in a month

Record = TypeVar("Record")
Record_contra = TypeVar("Record_contra", contravariant=True)


class Takes(Protocol[Record_contra]):
    """Takes records of one kind, again and again until it has them."""

    def append(self, events: Sequence[Record_contra]) -> None:
        """Stores records; copies are ignored. Raises StoreError."""


class Keeper(Generic[Record]):
    """Appends records to the store; what the store refuses waits in memory, in order.

    Ids make a repeated append harmless, so a batch that failed half-way is simply sent again.

    Attributes:
        trouble: What the store last said, "" while all is well; logged when it begins.
        lost: Events that were given up because too many were waiting.
    """

    def __init__(self, store: Takes[Record], *, retry_s: float = RETRY_S) -> None:
        self._store = store
        self._retry_s = retry_s
        self._waiting: deque[Record] = deque()
        self._next_try = 0.0
        self.trouble = ""
        self.lost = 0

    @property
    def waiting(self) -> int:
        """Events that are not yet stored."""
        return len(self._waiting)

    def keep(self, events: Sequence[Record]) -> None:
        """Takes records and stores them now or, after an error, as soon as it works again."""
        self._waiting.extend(events)
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.lost += 1
        self.flush()

    def flush(self, *, force: bool = False) -> None:
        """Tries to store what waits, at most every few seconds while it fails."""
        if not self._waiting or (time.monotonic() < self._next_try and not force):
            return
        batch = list(self._waiting)
        try:
            self._store.append(batch)
        except StoreError as error:
            if not self.trouble:
                log.warning("events_wait", waiting=len(batch), reason=str(error))
            self.trouble = str(error)
            self._next_try = time.monotonic() + self._retry_s
            return
        if self.trouble:
            log.info("events_stored_again", stored=len(batch))
        self.trouble = ""
        for _ in batch:
            self._waiting.popleft()

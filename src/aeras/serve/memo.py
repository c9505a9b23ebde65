"""Remembers the tables of board and shelves for a moment, so that many open pages cost one query.

After each live message every open page asks for the same tables at once. What was remembered is
dropped when a message comes in, and after a few seconds in any case.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar, cast

from aeras.domain.ports import Board, Subscription
from aeras.domain.published import (
    CameraStatus,
    FacingRow,
    FormAnswers,
    ItemRow,
    SurveySummary,
    TimePoint,
    Totals,
    TriggerRow,
)
from aeras.domain.shelves import MisplacedRow, OnShelf, ShelfRow, Shelves
from aeras.domain.shop import Shop

T = TypeVar("T")
KEEP_S = 5.0
MAX_KEYS = 64


class _Slot:
    """One remembered answer; its lock lets one thread ask while the others wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.until = float("-inf")
        self.value: object = None


class RememberingBoard:
    """A `Board` in front of a board.

    Args:
        board: Is asked when nothing fresh is remembered.
        monotonic: Seconds.
    """

    def __init__(self, board: Board, monotonic: Callable[[], float]) -> None:
        self._board = board
        self._monotonic = monotonic
        self._slots: dict[tuple[object, ...], _Slot] = {}
        self._lock = threading.Lock()

    def forget(self) -> None:
        """Something happened: ask anew. An answer on its way is not remembered any more."""
        with self._lock:
            self._slots = {}

    def once(self, key: tuple[object, ...], ask: Callable[[], T]) -> T:
        """What is remembered under the key, else what ``ask`` answers now."""
        with self._lock:
            if len(self._slots) >= MAX_KEYS:
                self._slots = {}
            slot = self._slots.setdefault(key, _Slot())
        with slot.lock:
            if slot.until <= self._monotonic():
                slot.value = ask()
                slot.until = self._monotonic() + KEEP_S
            return cast("T", slot.value)

    @property
    def shop(self) -> Shop:
        """The site."""
        return self._board.shop

    @property
    def k(self) -> int:
        """Visits below which a number is withheld."""
        return self._board.k

    def totals(self, since: datetime, until: datetime) -> Totals:
        """Numbers of the whole site."""
        return self.once(("totals", since, until), lambda: self._board.totals(since, until))

    def items(self, since: datetime, until: datetime) -> list[ItemRow]:
        """One row an item."""
        return self.once(("items", since, until), lambda: self._board.items(since, until))

    def facings(self, since: datetime, until: datetime) -> list[FacingRow]:
        """One row a facing."""
        return self.once(("facings", since, until), lambda: self._board.facings(since, until))

    def timeline(
        self, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[TimePoint]:
        """Points over time."""
        return self.once(
            ("timeline", since, until, item),
            lambda: self._board.timeline(since, until, item=item),
        )

    def triggers(self) -> list[TriggerRow]:
        """All triggers."""
        return self._board.triggers()

    def survey(self, item: str) -> SurveySummary:
        """Answers on one item."""
        return self._board.survey(item)

    def surveys(self) -> dict[str, SurveySummary]:
        """Answers on every item that has some."""
        return self.once(("surveys",), self._board.surveys)

    def form_answers(self, form: str) -> list[FormAnswers]:
        """What was answered to each version of a form."""
        return self._board.form_answers(form)

    def cameras(self) -> list[CameraStatus]:
        """State of each camera."""
        return self._board.cameras()

    def preview(self, camera: str) -> bytes | None:
        """Latest blurred JPEG."""
        return self._board.preview(camera)

    def subscribe(self) -> Subscription:
        """Live messages."""
        return self._board.subscribe()


class RememberingShelves:
    """`Shelves` in front of shelves; their tables are remembered and dropped with the board's.

    Args:
        shelves: Are asked when nothing fresh is remembered.
        board: Remembers.
    """

    def __init__(self, shelves: Shelves, board: RememberingBoard) -> None:
        self._shelves = shelves
        self._once = board.once

    @property
    def watched(self) -> bool:
        """Whether levels are told at all at this site."""
        return self._shelves.watched

    def now(self) -> list[ShelfRow]:
        """Facings that are empty or low."""
        return self._once(("shelves now",), self._shelves.now)

    def of_items(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of items."""
        return self._once(
            ("shelves items", since, until), lambda: self._shelves.of_items(since, until)
        )

    def of_facings(self, since: datetime, until: datetime) -> list[OnShelf]:
        """Availability of facings."""
        return self._once(
            ("shelves facings", since, until), lambda: self._shelves.of_facings(since, until)
        )

    def misplaced(self, since: datetime, until: datetime) -> list[MisplacedRow]:
        """Items that were misplaced."""
        return self._once(
            ("shelves misplaced", since, until), lambda: self._shelves.misplaced(since, until)
        )

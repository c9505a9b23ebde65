from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest

from aeras.domain.shelves import MisplacedRow
from aeras.serve.memo import KEEP_S, RememberingBoard, RememberingShelves
from tests.serve.conftest import Moment
from tests.serve.fake import NOW, FakeBoard
from tests.serve.test_shelves import Shelves

WEEK = (NOW - timedelta(days=7), NOW)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the queries that reach the real board."""
    calls: list[str] = []
    real = FakeBoard.items

    def items(self, since, until):
        calls.append("items")
        return real(self, since, until)

    monkeypatch.setattr(FakeBoard, "items", items)
    return calls


def test_a_table_is_asked_for_once_until_something_happens(asked: list[str]):
    clock = Moment()
    board = RememberingBoard(FakeBoard(), clock.monotonic)
    first = board.items(*WEEK)
    assert board.items(*WEEK) is first
    assert asked == ["items"]
    board.forget()
    board.items(*WEEK)
    assert asked == ["items"] * 2
    clock.seconds += KEEP_S
    board.items(*WEEK)
    assert asked == ["items"] * 3


def test_other_dates_are_another_question(asked: list[str]):
    board = RememberingBoard(FakeBoard(), Moment().monotonic)
    for days in range(80):
        board.items(NOW - timedelta(days=days + 1), NOW)
    assert len(asked) == 80


def test_many_threads_at_once_cost_one_query(asked: list[str]):
    board = RememberingBoard(FakeBoard(), Moment().monotonic)
    threads = [threading.Thread(target=board.items, args=WEEK) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == ["items"]


def test_the_shelves_tables_are_remembered_and_dropped_with_the_boards(
    monkeypatch: pytest.MonkeyPatch,
):
    periods: list[tuple[datetime, datetime]] = []
    real = Shelves.misplaced

    def misplaced(self: Shelves, *period: datetime) -> list[MisplacedRow]:
        periods.append(period)
        return real(self, *period)

    monkeypatch.setattr(Shelves, "misplaced", misplaced)
    board = RememberingBoard(FakeBoard(), Moment().monotonic)
    shelves = RememberingShelves(Shelves(), board)
    assert shelves.misplaced(*WEEK) == shelves.misplaced(*WEEK) == real(Shelves(), *WEEK)
    assert shelves.of_items(*WEEK) == Shelves().of_items(*WEEK)
    assert shelves.now() == Shelves().now()
    assert periods == [WEEK]
    board.forget()
    shelves.misplaced(*WEEK)
    assert periods == [WEEK] * 2

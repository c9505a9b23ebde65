from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from aeras.serve.memo import KEEP_S, RememberingBoard
from tests.serve.conftest import Moment
from tests.serve.fake import NOW, FakeBoard

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

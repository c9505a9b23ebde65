"""What is kept of connectors: receipts by revision, quarantine, catalogues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher

from aeras.domain.feeds import Booked, FeedState, FeedStatus, Held, Known, Reason
from aeras.domain.kept import Sale
from aeras.store.control import Control
from aeras.store.events import DuckEvents

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path):
    opened = DuckEvents(tmp_path / "events.duckdb")
    yield opened
    opened.close()


@pytest.fixture
def book(tmp_path):
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    opened = Control(tmp_path / "control.sqlite", hasher=quick)
    yield opened
    opened.close()


def booked(name: str, revision: int, *quantities: float, at: datetime = NOON) -> Booked:
    sales = tuple(
        Sale(f"{name}:{n}", at, "shop", "milk", quantity, 129, "EUR")
        for n, quantity in enumerate(quantities)
    )
    return Booked(name, revision, at, sales)


def sold(store) -> float:
    return store.sold(NOON - 100 * HOUR, NOON + 100 * HOUR).get("milk", 0.0)


def test_a_receipt_told_again_counts_once(store):
    store.put_receipts([booked("a", 1, 1, 2), booked("a", 1, 1, 2)])
    store.put_receipts([booked("a", 1, 1, 2)])
    assert sold(store) == 3
    assert store.receipt_revisions(["a", "b"]) == {"a": 1}


def test_a_newer_revision_replaces_every_line_also_at_another_time(store):
    store.put_receipts([booked("a", 1, 1, 2), booked("ab", 1, 5)])
    store.put_receipts([booked("a", 2, 1, at=NOON + 30 * HOUR)])
    assert sold(store) == 6
    store.put_receipts([booked("a", 3)])  # void
    assert sold(store) == 5


def test_an_older_revision_that_comes_late_changes_nothing(store):
    store.put_receipts([booked("a", 2, 1)])
    store.put_receipts([booked("a", 1, 1, 1, 1)])
    store.put_receipts([booked("b", 7, 4), booked("b", 6, 9)])  # in one page, either order
    assert sold(store) == 5


def test_receipts_expire_with_their_lines(store):
    store.put_receipts([booked("a", 1, 1), booked("b", 1, 1, at=NOON + HOUR)])
    store.delete_before(NOON + HOUR)
    assert store.receipt_revisions(["a", "b"]) == {"b": 1}
    assert sold(store) == 1


def test_sales_move_to_another_item(store):
    store.put_receipts([booked("a", 1, 1, 2)])
    assert store.move_sales("milk", "oat-milk") == 2
    assert store.sold(NOON - HOUR, NOON + HOUR) == {"oat-milk": 3}


def held(document: str, revision: int = 1, sku: str = "4711", **changes) -> Held:
    row = {
        "source": "till",
        "kind": "sale",
        "document": document,
        "revision": revision,
        "line": 0,
        "reason": Reason.UNKNOWN_ITEM,
        "note": "",
        "fields": {"sku": sku, "quantity": "1"},
        "since": NOON,
    }
    return Held(**{**row, **changes})


def test_quarantine_takes_each_record_once_and_groups_it(book):
    assert book.hold([held("a"), held("b"), held("c", sku="12")]) == 3
    assert book.hold([held("a"), held("b")]) == 0
    first, second = book.held_groups()
    assert (first.sku, first.count, first.sample["quantity"]) == ("4711", 2, "1")
    assert second.count == 1
    assert [row.document for row in book.held_of(first)] == ["a", "b"]
    assert book.held_counts() == {"till": 3}
    assert book.release(row.id for row in book.held_of(first)) == 2
    assert [row.document for row in book.held()] == ["c"]


def test_a_newer_revision_takes_the_old_one_out_of_quarantine(book):
    book.hold([held("a", 1), held("b", 3), held("a", 2, line=1)])
    book.supersede("till", {"a": 2, "b": 2})
    assert [(row.document, row.revision) for row in book.held()] == [("b", 3), ("a", 2)]


def test_a_state_is_kept_whole(book):
    state = FeedState(
        source="till",
        cursor="x" * 3000,
        ran_at=NOON,
        due_at=NOON + HOUR,
        status=FeedStatus.WAITING,
        trouble="busy",
        tries=2,
        counts={"new": 4},
    )
    assert book.feed("till") is None
    book.save_feed(FeedState("till"))
    book.save_feed(state)
    assert book.feed("till") == state


def test_the_catalogue_remembers_what_an_sku_meant_before(book):
    product = Known("till", "1", "milk", "Milk", price=129, parts=(("2", "6"),))
    book.save_products([product], NOON)
    book.save_products([Known("till", "1", "milk", "Milk 1 l")], NOON + HOUR)
    book.save_products([Known("till", "1", "oat-milk", "Oat milk")], NOON + 2 * HOUR)
    assert [p.name for p in book.products("till")] == ["Oat milk"]
    history = [(m.item, m.since) for m in book.sku_history("till")]
    assert history == [("milk", NOON), ("oat-milk", NOON + 2 * HOUR)]


def test_a_webhook_is_remembered(book):
    book.note_push("till", "msg_1", NOON)
    book.note_push("till", "msg_1", NOON)
    assert book.saw_push("till", "msg_1")
    assert not book.saw_push("other", "msg_1")


def test_quarantine_and_webhooks_expire(book):
    book.hold([held("a"), held("b", since=NOON + HOUR)])
    book.note_push("till", "old", NOON)
    gone = book.expire(NOON + HOUR, NOON + HOUR)
    assert (gone["feed_held"], gone["feed_pushes"]) == (1, 1)
    assert [row.document for row in book.held()] == ["b"]

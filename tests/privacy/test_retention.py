from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from argon2 import PasswordHasher
from records import NOON, answer, event

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import Sale, Stock, Trigger, TriggerState
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.privacy.retention import ClockGuard
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.store.expiry import EXPIRES
from aeras.wiring.expiry import EXPIRED_AT, Expiry

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

HOUR_S = 3600.0
YEAR = timedelta(days=365)


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def test_a_clock_that_runs_evenly_is_trusted():
    guard = ClockGuard(NOON)
    assert all(guard.trusted(NOON + hours(n), n * HOUR_S) for n in range(24 * 40))


def test_a_clock_that_jumps_a_year_is_not_trusted_and_comes_back_without_harm():
    guard = ClockGuard(NOON)
    assert guard.trusted(NOON, 0)
    assert not guard.trusted(NOON + YEAR, 60)
    assert not guard.trusted(NOON + YEAR + hours(0.9), 60 + 0.9 * HOUR_S)
    assert guard.trusted(NOON + hours(1), HOUR_S)


def test_a_jump_is_believed_after_an_hour_of_running_evenly():
    guard = ClockGuard(NOON)
    assert not guard.trusted(NOON + YEAR, 0)
    assert not guard.trusted(NOON + YEAR + hours(0.5), HOUR_S / 2)
    assert guard.trusted(NOON + YEAR + hours(1), HOUR_S)
    assert guard.trusted(NOON + YEAR + hours(2), 2 * HOUR_S)


def test_the_hour_begins_anew_when_the_clock_jumps_again():
    guard = ClockGuard(NOON)
    assert not guard.trusted(NOON + YEAR, 0)
    assert not guard.trusted(NOON + 2 * YEAR, HOUR_S)
    assert not guard.trusted(NOON + 2 * YEAR + hours(0.5), 1.5 * HOUR_S)
    assert guard.trusted(NOON + 2 * YEAR + hours(1), 2 * HOUR_S)


def test_a_restart_soon_after_is_trusted_and_one_after_a_long_pause_or_without_memory_waits():
    assert ClockGuard(NOON).trusted(NOON + hours(20), 5)
    assert not ClockGuard(NOON).trusted(NOON + hours(30), 5)
    assert not ClockGuard(None).trusted(NOON, 5)


def test_a_clock_that_went_back_deletes_nothing_wrong():
    assert ClockGuard(NOON).trusted(NOON - YEAR, 5)  # what is old for it is older still for us


# --- what a site forgets --------------------------------------------------------------------------

RETENTION = timedelta(days=30)
SECRET = "please-forget-this-sentence-7f3a"


@dataclass
class Shop:
    """The two stores of a site with a month and a half of everything, and what forgets it."""

    folder: Path
    store: DuckEvents
    control: Control
    expiry: Expiry
    seconds: float = 0.0

    def ticks(self, *hours_later: float, now: datetime = NOON) -> list[dict[str, int]]:
        """Ticks ten minutes apart for so long, the clock running evenly."""
        found = []
        for n in range(int(sum(hours_later) * 6) + 1):
            found.append(self.expiry.tick(now + timedelta(minutes=10 * n), self.seconds))
            self.seconds += 600
        return found

    def left(self) -> dict[str, int]:
        """Records older than the retention, by kind, and all younger ones together."""
        old = self.store.older(NOON - RETENTION)
        with self.control._engine.connect() as connection:
            for table in ("answers", "triggers", "tokens", "messages"):
                sql = f"SELECT count(*) FROM {table}"
                old[table] = connection.exec_driver_sql(sql).scalar_one()
        return old


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    store = DuckEvents(tmp_path / "events.duckdb")
    control = Control(tmp_path / "control.sqlite", hasher=QUICK)
    for days in (40, 35, 5):
        at = NOON - timedelta(days=days)
        store.append([event(at=at)])
        store.append_sales([Sale(f"s{days}", at, "corner", "gum", 2, 198, "EUR")])
        store.append_stock([Stock(at, "corner", "gum", 5)])
        control.add_answer(answer(at=at))
        control.issue_token(f"t{days}", "put-back", "gum", "qr", until=at + timedelta(days=2))
        control.put_message(["door"], "test", "k", {"n": days}, at=at)
        control.open_trigger(Trigger(f"c{days}", "r", "gum", at, {}, None, TriggerState.CLOSED))
        control.open_trigger(Trigger(f"o{days}", "r", "gum", at, {}, None))
    control.open_trigger(Trigger("o61", "r", "gum", NOON - timedelta(days=61), {}, None))
    control.issue_token("open", "put-back", "gum", "qr", until=NOON + timedelta(days=1))
    store.roll(NOON, lambda pending, cells: ([*pending, *cells], []))
    control.set_setting(EXPIRED_AT, (NOON - timedelta(hours=1)).isoformat())
    yield Shop(tmp_path, store, control, Expiry(store, control, RETENTION))
    store.close()
    control.close()


KEPT = {
    **dict.fromkeys(
        ("events", "sales", "stock", "receipts", "pending", "shelf", "passages", "aside"), 0
    ),
    "answers": 1,
    "triggers": 4,  # three that are open, one closed lately
    "tokens": 1,
    "messages": 1,
}


def test_all_that_is_too_old_goes_and_the_published_blocks_stay(shop):
    before = shop.store.published("item", NOON - 50 * DAY, NOON)
    [gone] = shop.ticks()
    assert (gone["events"], gone["sales"], gone["answers"], gone["tokens"]) == (2, 2, 2, 3)
    assert (gone["triggers"], gone["messages"]) == (3, 2)
    assert shop.left() == KEPT
    assert shop.store.count() == 1
    assert shop.store.published("item", NOON - 50 * DAY, NOON) == before
    assert not shop.control.token_spent("open")
    assert shop.control.token_spent("t5")


@pytest.mark.parametrize("jump", [-30 * DAY, -HOUR, HOUR, 30 * DAY])
def test_a_clock_that_jumps_and_comes_back_deletes_nothing_that_is_not_old(shop, jump):
    shop.ticks()
    shop.ticks(0.5, now=NOON + jump)
    shop.ticks(0.5, now=NOON + timedelta(minutes=40))
    assert shop.left() == KEPT
    assert shop.store.count() == 1


def test_a_clock_a_month_ahead_is_believed_only_after_an_even_hour(shop):
    shop.ticks()
    assert not any(shop.ticks(0.5, now=NOON + 30 * DAY))
    assert shop.left() == KEPT
    assert any(shop.ticks(1.0, now=NOON + 30 * DAY + timedelta(minutes=40)))
    assert shop.left()["answers"] == 0


def test_by_hand_a_clock_that_jumped_has_to_be_confirmed(shop):
    shop.ticks()
    with pytest.raises(PrivacyError, match="--trust-clock"):
        shop.expiry.by_hand(NOON + 40 * DAY, trust_clock=False, dry_run=False)
    would = shop.expiry.by_hand(NOON + 40 * DAY, trust_clock=False, dry_run=True)
    assert shop.left() == KEPT
    gone = shop.expiry.by_hand(NOON + 40 * DAY, trust_clock=True, dry_run=False)
    assert gone == would
    assert gone["answers"] == 1


def files_with(folder: Path, text: str) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_a_withdrawn_answer_is_in_no_file_any_more(shop):
    for n in range(300):
        shop.control.add_answer(answer(text="filler " * 20, at=NOON - timedelta(minutes=n)))
    shop.control.add_answer(answer(text=SECRET * 40, receipt="AAAA-BBBB-CCCC-DDDD"))
    shop.control.add_answer(answer(text="something newer"))
    assert files_with(shop.folder, SECRET) != []
    assert shop.control.withdraw("AAAA-BBBB-CCCC-DDDD")
    assert files_with(shop.folder, SECRET) == []
    assert len(shop.control.answers()) == 304


def test_an_expired_event_and_answer_are_in_no_file_any_more(shop):
    number = f"{0xFEED:064x}"
    shop.store.append([event(id=number, at=NOON - 45 * DAY) for _ in range(3000)])
    shop.store.roll(NOON, lambda pending, cells: ([*pending, *cells], []))
    shop.control.add_answer(answer(text=SECRET, at=NOON - 45 * DAY))
    shop.ticks()
    assert files_with(shop.folder, SECRET) == []
    assert files_with(shop.folder, number) == []


def test_every_table_has_a_rule_for_its_rows(shop):
    with shop.control._engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'")
        tables = {name for (name,) in found if not name.startswith("sqlite_")}
    assert tables == set(EXPIRES)


# --- batches of answers ---------------------------------------------------------------------------


def published(shop: Shop) -> set[str]:
    publisher = Publisher(10, share=rates.share, mean=rates.mean)
    answers, batches = shop.control.answers(item="oat-milk"), shop.control.batches(10)
    return {a.id for a in publisher.settled(answers, batches)}


def test_no_two_looks_at_the_answers_differ_by_fewer_than_k(shop):
    rng = np.random.default_rng(2)
    looks = [published(shop)]
    given = [f"R{n:03}" for n in range(90)]
    for n, receipt in enumerate(given):
        shop.control.add_answer(answer(receipt=receipt, at=NOON + timedelta(minutes=n)))
        if rng.random() < 0.15:
            shop.control.withdraw(given[rng.integers(n + 1)])
        if rng.random() < 0.05:
            shop.control.expire(NOON + timedelta(minutes=n - 40), NOON)
        looks.append(published(shop))
    assert max(map(len, looks)) >= 20
    differences = [len(one - other) for one in looks for other in looks]
    assert not [size for size in differences if 0 < size < 10]

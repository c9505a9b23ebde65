"""One suite over every event store, and one over every control store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from records import NOON, answer, event, reaction
from servers import fresh

from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import (
    Event,
    FirstOf,
    Kind,
    Origin,
    Reaction,
    ReactionLabel,
    Sale,
    Stock,
    Trigger,
    TriggerState,
)
from aeras.domain.ports import AnswerBook, EventStore, TriggerBook, UserBook
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.control import Control
from aeras.store.opening import open_events

DAY = timedelta(days=1)
EVENT_STORES = ("duckdb", "postgres", "clickhouse")
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CONTROL_STORES: dict[str, Callable[[Path], Control]] = {
    "sqlite": lambda folder: Control(folder / "control.sqlite", hasher=QUICK),
}


@pytest.fixture(params=EVENT_STORES)
def store(request, tmp_path) -> Iterator[EventStore]:
    if request.param == "duckdb":
        opened = open_events(str(tmp_path / "events.duckdb"))
    else:
        opened = open_events(fresh(request.getfixturevalue(f"{request.param}_url")))
    yield opened
    opened.close()


@pytest.fixture(params=CONTROL_STORES)
def control(request, tmp_path) -> Iterator[Control]:
    opened = CONTROL_STORES[request.param](tmp_path)
    yield opened
    opened.close()


# --- events ----------------------------------------------------------------------------------


def test_a_tally_counts_visits_kinds_and_handlings(store: EventStore):
    store.append(
        [
            event(kind=Kind.DWELL, outcome=False, first_of=FirstOf.SITE),
            event(kind=Kind.TAKE, outcome=False, first_of=FirstOf.NONE),
            event(kind=Kind.PUT_BACK, first_of=FirstOf.NONE, reaction=reaction("rejected")),
            event(kind=Kind.REACH, reaction=reaction("hesitant"), origin=Origin.SIMULATED),
            event(kind=Kind.TAKE, first_of=FirstOf.ITEM, reaction=reaction("positive")),
            event(kind=Kind.REACH, first_of=FirstOf.NONE, reaction=reaction("unclear", 1.0)),
        ]
    )
    [group] = store.tally("item", NOON, NOON + DAY)
    assert group.key == "oat-milk"
    assert group.visits == 3
    assert (group.dwells, group.reaches, group.takes, group.put_backs) == (1, 2, 2, 1)
    assert (group.positive, group.hesitant, group.rejected) == (1, 1, 1)
    assert (group.neutral, group.unclear, group.handled) == (0, 1, 4)
    assert group.coverage == pytest.approx((5 * 0.5 + 1.0) / 6)
    assert group.simulated == 1


def test_what_stands_beside_the_deeds_is_in_no_other_figure(store: EventStore):
    def beside(kind: Kind) -> Event:
        return event(kind=kind, outcome=False, reaction=Reaction(0, 0, 0, 1))

    store.append([event(), beside(Kind.MISPLACED), beside(Kind.KNOCKED_OVER)])
    store.append([beside(Kind.MISPLACED)])
    [group] = store.tally("item", NOON, NOON + DAY)
    assert (group.visits, group.put_backs, group.handled, group.coverage) == (1, 1, 1, 0.5)
    assert (group.misplaced, group.knocked_over) == (2, 1)


def test_misplaced_is_told_once_k_visits_have_done_so(store: EventStore):
    publisher = Publisher(2, share=rates.share, mean=rates.mean)
    moved = {"kind": Kind.MISPLACED, "outcome": False}
    store.append([event() for _ in range(5)])
    store.append([event(**moved), *(event(**moved, first_of=FirstOf.NONE) for _ in range(4))])
    store.roll(NOON + DAY, publisher.fold)
    [group] = store.published("item", NOON, NOON + DAY)
    assert (group.visits, group.misplaced) == (5, 0)  # one visit misplaced all five
    store.append([event(**moved, at=NOON + DAY)])
    store.roll(NOON + 2 * DAY, publisher.fold)
    [group] = store.published("facing", NOON, NOON + 2 * DAY)
    assert (group.key, group.visits, group.misplaced) == ("d1", 5, 6)
    assert publisher.one(group).misplaced == 6


@pytest.mark.parametrize(
    ("by", "visits"),
    [
        ("item", {"cola": 1, "oat-milk": 3}),
        ("facing", {"d1": 3, "d2": 1}),
        ("fixture", {"drinks": 2}),
        ("site", {"corner": 1}),
        ("hour", {"2026-11-20T12:00:00+00:00": 1, "2026-11-20T13:00:00+00:00": 0}),
        ("day", {"2026-11-20T00:00:00+00:00": 1}),
    ],
)
def test_visits_are_counted_at_the_scope_of_the_group(store: EventStore, by, visits):
    store.append(
        [
            event(first_of=FirstOf.SITE),
            event(first_of=FirstOf.FIXTURE),
            event(first_of=FirstOf.ITEM, at=NOON + timedelta(hours=1)),
            event(first_of=FirstOf.ITEM, item="cola", facing="d2"),
            event(first_of=FirstOf.NONE),
        ]
    )
    assert {t.key: t.visits for t in store.tally(by, NOON, NOON + DAY)} == visits


def test_a_filter_narrows_the_scope_of_visits(store: EventStore):
    store.append(
        [
            event(first_of=FirstOf.SITE),
            event(first_of=FirstOf.FIXTURE),
            event(first_of=FirstOf.ITEM),
            event(first_of=FirstOf.SITE, item="gum", fixture="sweets", facing="s1"),
        ]
    )
    [by_item] = store.tally("hour", NOON, NOON + DAY, item="oat-milk")
    [by_fixture] = store.tally("hour", NOON, NOON + DAY, fixture="drinks")
    [both] = store.tally("site", NOON, NOON + DAY, fixture="drinks", item="oat-milk")
    assert (by_item.visits, by_fixture.visits, both.visits) == (3, 2, 3)
    assert store.tally("item", NOON, NOON + DAY, item="nothing") == []


def test_events_of_no_item_are_left_out_by_item_and_counted_by_fixture(store: EventStore):
    store.append([event(item=None, facing=None)])
    assert store.tally("item", NOON, NOON + DAY) == []
    assert store.tally("facing", NOON, NOON + DAY) == []
    assert [t.key for t in store.tally("fixture", NOON, NOON + DAY)] == ["drinks"]


def test_a_window_takes_its_start_and_leaves_its_end(store: EventStore):
    store.append([event(at=NOON), event(at=NOON + DAY)])
    assert [t.visits for t in store.tally("site", NOON, NOON + DAY)] == [1]
    berlin = timezone(timedelta(hours=1))
    window = (datetime(2026, 11, 20, 13, tzinfo=berlin), datetime(2026, 11, 20, 14, tzinfo=berlin))
    assert [t.visits for t in store.tally("site", *window)] == [1]


def test_a_reaction_keeps_its_label_through_the_store(store: EventStore):
    tied = Reaction(0.0, 0.5, 0.5, 0.0)
    store.append([event(reaction=tied)])
    [group] = store.tally("site", NOON, NOON + DAY)
    assert tied.label is ReactionLabel.HESITANT
    assert (group.hesitant, group.rejected) == (1, 0)


def test_an_unknown_group_or_a_time_without_zone_is_refused(store: EventStore):
    with pytest.raises(InputError, match="expected one of item, facing"):
        store.tally("track", NOON, NOON + DAY)
    with pytest.raises(StoreError, match="no time zone"):
        store.append([event(at=datetime(2026, 11, 20))])  # noqa: DTZ001 - the fault under test


def test_a_repeated_append_changes_nothing(store: EventStore):
    events = [event(), event()]
    store.append(events)
    store.append([*events, events[0], event()])
    store.append([])
    assert store.count() == 3


def test_retention_drops_what_is_older_and_keeps_the_published_blocks(store: EventStore):
    store.append([event(at=NOON - DAY), event(at=NOON), event(at=NOON + DAY)])
    store.append_sales([Sale("s1", NOON - DAY, "corner", "gum", 2, 198, "EUR")])
    assert store.delete_before(NOON) == 0  # in no block yet
    store.roll(NOON + 2 * DAY, lambda pending, cells: ([*pending, *cells], []))
    before = store.published("item", NOON - DAY, NOON + 2 * DAY)
    assert store.delete_before(NOON) == 1
    assert store.count() == 2
    assert store.sold(NOON - DAY, NOON) == {}
    assert store.published("item", NOON - DAY, NOON + 2 * DAY) == before
    assert before[0].visits == 3


def test_retention_drops_old_answers_and_closed_triggers(control: Control):
    control.add_answers([answer(at=NOON - DAY), answer(at=NOON)])
    for number in (1, 2):
        control.open_trigger(trigger(number))
    control.close_trigger("t1")
    later = NOON + timedelta(hours=1)
    would = control.expire(later, later + DAY, dry_run=True)
    assert len(control.answers()) == 2
    assert control.expire(later, later + DAY) == would
    assert (would["answers"], would["triggers"]) == (2, 1)
    assert control.answers() == []
    assert [t.id for t in control.triggers()] == ["t2"]


def test_sales_add_up_and_repeat_safely(store: EventStore):
    lines = [
        Sale("s1", NOON, "corner", "gum", 2, 198, "EUR"),
        Sale("s2", NOON, "corner", "gum", 1.5, 99, "EUR"),
        Sale("s3", NOON + DAY, "corner", "cola", 1, 149, "EUR"),
    ]
    store.append_sales(lines)
    store.append_sales(lines)
    assert store.sold(NOON, NOON + DAY) == {"gum": 3.5}
    store.append_stock([Stock(NOON, "corner", "gum", 5)])
    store.append_stock([Stock(NOON, "corner", "gum", 5)])


def test_threads_may_write_and_read_at_once(store: EventStore):
    batches = [[event() for _ in range(20)] for _ in range(12)]
    failures: list[BaseException] = []

    def work(batch):
        try:
            store.append(batch)
            store.tally("item", NOON, NOON + DAY)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=work, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.count() == 240


# --- triggers, answers, users ------------------------------------------------------------------


def trigger(number: int = 1, **changes) -> Trigger:
    fields = {
        "id": f"t{number}",
        "rule": "often-rejected",
        "item": "oat-milk",
        "opened_at": NOON + timedelta(minutes=number),
        "evidence": {"rejections": 6.0},
        "survey": "put-back",
        "origin": Origin.SIMULATED,
    }
    return Trigger(**{**fields, **changes})


def test_triggers_come_back_as_they_were_newest_first(control: TriggerBook):
    first, second = trigger(1), trigger(2, item="gum", survey=None, origin=Origin.CAMERA)
    control.open_trigger(first)
    control.open_trigger(second)
    assert control.triggers() == [second, first]
    assert control.last_opened("often-rejected", "gum") == NOON + timedelta(minutes=2)
    assert control.last_opened("often-rejected", "cola") is None
    assert control.last_opened("other", "gum") is None


def test_a_closed_trigger_stays_in_the_book(control: TriggerBook):
    control.open_trigger(trigger(1))
    control.open_trigger(trigger(2))
    control.close_trigger("t1")
    assert [t.id for t in control.triggers(state=TriggerState.OPEN)] == ["t2"]
    assert [t.id for t in control.triggers(state=TriggerState.CLOSED)] == ["t1"]
    with pytest.raises(InputError, match="no trigger 'nine'"):
        control.close_trigger("nine")


def test_answers_come_back_newest_first_without_their_receipt(control: AnswerBook):
    old = answer(at=NOON - DAY, rating=None, choice=None, text="", trigger="t1")
    new = answer(language="ja", text="味が薄い \N{FACE WITH TEARS OF JOY}")
    other = answer(item="gum")
    for each in (old, new, other):
        assert control.add_answer(each)
    assert not control.add_answer(new)
    got = control.answers(item="oat-milk")
    assert [a.id for a in got] == [new.id, old.id]
    assert got[0].text == new.text
    assert got[0].at == NOON
    assert got[0].at.tzinfo is UTC
    assert {a.receipt for a in got} == {""}
    assert [a.id for a in control.answers(item="oat-milk", since=NOON)] == [new.id]


def test_an_answer_is_withdrawn_by_its_receipt_however_it_is_typed(control: AnswerBook):
    control.add_answer(answer(receipt="ABCD-EFGH-IJKL-MNOP"))
    assert not control.withdraw("ABCD-EFGH-IJKL-MNOQ")
    assert control.withdraw(" abcd efgh ijkl mnop ")
    assert control.answers() == []
    assert not control.withdraw("ABCD-EFGH-IJKL-MNOP")


def test_a_token_admits_one_answer(control: AnswerBook):
    control.issue_token("hash", "put-back", "oat-milk", "qr")
    assert not control.token_spent("hash")
    assert control.spend_token("hash", answer())
    assert control.token_spent("hash")
    assert not control.spend_token("hash", answer())
    assert not control.spend_token("never issued", answer())
    assert control.token_spent("never issued")
    assert len(control.answers()) == 1
    assert (control.tokens_issued("put-back"), control.tokens_issued("other")) == (1, 0)


def test_a_refused_consent_burns_the_token_and_stores_nothing(control: AnswerBook):
    control.issue_token("hash", "put-back", "oat-milk", "qr")
    assert control.spend_token("hash", None)
    assert not control.spend_token("hash", answer())
    assert control.answers() == []


def test_of_many_who_spend_a_token_at_once_one_is_admitted(control: AnswerBook):
    control.issue_token("hash", "put-back", "oat-milk", "qr")
    start, admitted = threading.Barrier(12), []

    def spend():
        mine = answer()
        start.wait()
        admitted.append(control.spend_token("hash", mine))

    threads = [threading.Thread(target=spend) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(admitted) == [False] * 11 + [True]
    assert len(control.answers()) == 1


def test_people_sign_in_with_their_password_only(control: UserBook):
    assert not control.has_users()
    control.add_user("amy", "a long password", "manager")
    assert control.has_users()
    signed_in = control.sign_in("amy", "a long password")
    assert signed_in is not None
    assert (signed_in.name, signed_in.role) == ("amy", "manager")
    assert control.sign_in("amy", "a long passwore") is None
    assert control.sign_in("bob", "a long password") is None
    assert control.user("amy") == signed_in
    assert control.user("bob") is None


@pytest.mark.parametrize(
    ("name", "password", "role", "complaint"),
    [
        ("amy", "another password", "viewer", "already a user"),
        ("", "a long password", "viewer", "user name"),
        ("a b", "a long password", "viewer", "user name"),
        ("bob", "short", "viewer", "5 characters"),
        ("bob", "x" * 5000, "viewer", "5000 characters"),
        ("bob", "a long password", "king", "unknown role"),
    ],
)
def test_an_unusable_user_is_refused(control: UserBook, name, password, role, complaint):
    control.add_user("amy", "a long password", "manager")
    with pytest.raises(InputError, match=complaint):
        control.add_user(name, password, role)
    assert control.user("bob") is None

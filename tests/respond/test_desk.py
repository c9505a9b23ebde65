from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON, small_shop

from aeras.domain.desk import Refusal, RefusedError
from aeras.domain.errors import InputError
from aeras.domain.kept import Origin, Trigger
from aeras.respond.desk import Desk
from aeras.respond.rules import CountRule
from aeras.respond.surveys import built_in_forms
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOUR = timedelta(hours=1)
RULE = CountRule("often-rejected", 2, HOUR, HOUR, survey="put-back", category="drinks")
GOOD = {"consent": True, "rating": 2, "choice": "price", "text": "mail me: a@b.com"}
TRIGGER = Trigger("t1", "often-rejected", "gum", NOON, {"rejections": 3}, "put-back")
CLIENT = "0123456789abcdef" * 2


class Bench:
    def __init__(self, folder):
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = NOON + timedelta(minutes=7, seconds=3)
        self.heard = []
        self.desk = self.make()

    def make(self, secret: str = "secret", **changes) -> Desk:
        options = {"forms": built_in_forms(), "rules": (RULE,)} | changes
        return Desk(
            small_shop(),
            triggers=self.book,
            answers=self.book,
            secret=secret,
            clock=lambda: self.now,
            on_answer=self.heard.append,
            **options,
        )


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def refusal(call, *args) -> Refusal:
    with pytest.raises(RefusedError) as refused:
        call(*args)
    return refused.value.reason


def test_a_link_admits_one_scrubbed_answer_at_a_coarse_time(bench):
    token = bench.desk.invite("oat-milk", "qr")
    invitation = bench.desk.admit(token)
    assert (invitation.survey, invitation.item_name) == ("put-back", "Oat milk 1 l")
    receipt = bench.desk.answer(token, GOOD, "de")
    [stored] = bench.book.answers()
    assert stored.at == NOON
    assert (stored.item, stored.survey, stored.version) == ("oat-milk", "put-back", 1)
    assert (stored.channel, stored.language, stored.trigger) == ("qr", "de", None)
    assert (stored.rating, stored.choice) == (2, "price")
    assert stored.text == "mail me: [e-mail removed]"
    assert stored.origin is Origin.CAMERA
    assert [a.id for a in bench.heard] == [stored.id]
    assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", receipt)
    assert bench.desk.withdraw(receipt.lower())
    assert bench.book.answers() == []


def test_a_spent_link_is_refused(bench):
    token = bench.desk.invite("oat-milk", "qr")
    bench.desk.answer(token, GOOD, "en")
    assert refusal(bench.desk.admit, token) is Refusal.SPENT
    assert refusal(bench.desk.answer, token, GOOD, "en") is Refusal.SPENT
    assert len(bench.book.answers()) == 1


def test_an_expired_link_is_refused(bench):
    token = bench.desk.invite("oat-milk", "qr")
    bench.now += timedelta(days=3)
    assert refusal(bench.desk.answer, token, GOOD, "en") is Refusal.EXPIRED


@pytest.mark.parametrize("spoil", ["", "x", "a.b.c", "🙂", "A" * 100_000])
def test_a_made_up_link_is_refused(bench, spoil):
    assert refusal(bench.desk.admit, spoil) is Refusal.FORGED


def test_a_changed_link_is_refused(bench):
    token = bench.desk.invite("oat-milk", "qr")
    payload, _, signature = token.partition(".")
    for forged in (f"{payload[:-2]}AA.{signature}", f"{payload}.{signature[::-1]}", token[:-1]):
        assert refusal(bench.desk.admit, forged) is Refusal.FORGED


def test_a_link_of_another_site_is_refused(bench):
    token = bench.make(secret="another").invite("oat-milk", "qr")
    assert refusal(bench.desk.admit, token) is Refusal.FORGED


def test_a_wrong_answer_does_not_spend_the_link(bench):
    token = bench.desk.invite("oat-milk", "qr")
    with pytest.raises(InputError, match="whole number"):
        bench.desk.answer(token, {**GOOD, "rating": 9}, "en")
    with pytest.raises(InputError, match="not shown in 'fr'"):
        bench.desk.answer(token, GOOD, "fr")
    assert bench.desk.answer(token, GOOD, "en")


def test_refused_consent_spends_the_link_and_stores_nothing(bench):
    token = bench.desk.invite("oat-milk", "qr")
    assert bench.desk.answer(token, {"consent": False}, "en") is None
    assert bench.book.answers() == []
    assert bench.heard == []
    assert refusal(bench.desk.admit, token) is Refusal.SPENT


def test_of_two_who_answer_one_link_at_once_one_is_thanked(bench):
    token = bench.desk.invite("oat-milk", "qr")
    start, outcomes = threading.Barrier(6), []

    def answer():
        start.wait()
        try:
            outcomes.append(bench.desk.answer(token, GOOD, "en"))
        except RefusedError as error:
            outcomes.append(error.reason)

    threads = [threading.Thread(target=answer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(o is Refusal.SPENT for o in outcomes) == [False] + [True] * 5
    assert len(bench.book.answers()) == 1


def test_an_item_without_a_survey_has_no_link(bench):
    for item in ("gum", "unknown"):
        with pytest.raises(InputError, match=f"item '{item}' has no survey"):
            bench.desk.invite(item, "qr")


def test_an_open_trigger_gives_its_item_a_survey_until_it_is_closed(bench):
    bench.book.open_trigger(TRIGGER)
    token = bench.desk.invite("gum", "qr")
    other = bench.desk.invite("gum", "qr")
    bench.desk.answer(token, GOOD, "en")
    assert bench.book.answers()[0].trigger == "t1"
    bench.book.close_trigger("t1")
    assert refusal(bench.desk.answer, other, GOOD, "en") is Refusal.CLOSED


def test_the_kiosk_asks_the_newest_open_triggers_question(bench):
    assert bench.desk.kiosk() is None
    bench.book.open_trigger(TRIGGER)
    newer = replace(TRIGGER, id="t2", item="cola", opened_at=NOON + HOUR)
    silent = replace(newer, id="t3", survey=None, opened_at=NOON + 2 * HOUR)
    bench.book.open_trigger(newer)
    bench.book.open_trigger(silent)
    invitation = bench.desk.kiosk()
    assert invitation is not None
    assert (invitation.id, invitation.item_name) == ("t2", "Cola 1 l")


def test_a_kiosk_that_sends_twice_is_stored_once_with_one_receipt(bench):
    bench.book.open_trigger(TRIGGER)
    first = bench.desk.answer_kiosk("t1", GOOD, "ja", CLIENT)
    assert bench.desk.answer_kiosk("t1", GOOD, "ja", CLIENT) == first
    assert bench.desk.answer_kiosk("t1", GOOD, "ja", CLIENT[::-1]) != first
    assert len(bench.book.answers()) == len(bench.heard) == 2
    assert bench.book.answers()[0].channel == "kiosk"
    assert bench.desk.withdraw(first)
    assert len(bench.book.answers()) == 1


def test_an_answer_a_kiosk_held_back_counts_after_the_trigger_closed(bench):
    bench.book.open_trigger(TRIGGER)
    bench.book.close_trigger("t1")
    assert bench.desk.answer_kiosk("t1", GOOD, "en", CLIENT)


def test_a_kiosk_with_a_strange_request_is_refused(bench):
    bench.book.open_trigger(TRIGGER)
    assert refusal(bench.desk.answer_kiosk, "t9", GOOD, "en", CLIENT) is Refusal.CLOSED
    with pytest.raises(InputError, match="32 hex digits"):
        bench.desk.answer_kiosk("t1", GOOD, "en", "../../etc")
    assert bench.desk.answer_kiosk("t1", {"consent": False}, "en", CLIENT) is None
    assert bench.book.answers() == []


def test_the_sites_language_comes_first(bench):
    assert bench.desk.languages("put-back")[0] == "en"
    assert bench.desk.form("put-back", "es")["locale"] == "es"
    with pytest.raises(InputError, match="no survey 'other'"):
        bench.desk.form("other", "en")


def test_in_a_simulated_shop_answers_say_so(bench):
    desk = bench.make(origin=Origin.SIMULATED)
    desk.answer(desk.invite("cola", "qr"), GOOD, "en")
    assert bench.book.answers()[0].origin is Origin.SIMULATED

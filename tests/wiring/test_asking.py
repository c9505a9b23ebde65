from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from receivers import receiver
from records import NOON
from waiting import wait_for

from aeras.config import load_site, read_site
from aeras.domain.asking import ArmHour, Counted, NotAsked
from aeras.domain.desk import Refusal, RefusedError
from aeras.domain.errors import ConfigError, InputError
from aeras.domain.kept import Trigger
from aeras.insight.rates import mean, share
from aeras.privacy.publish import Publisher
from aeras.respond.desk import Desk
from aeras.respond.surveys import built_in_forms
from aeras.store.asking import count
from aeras.store.control import Control
from aeras.wiring.asking import AskRoom
from aeras.wiring.triggers import rules_of

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
SITE = """\
site: {name: Corner Shop, timezone: Europe/Berlin}
items:
  - {id: oat-milk, name: Hafermilch 1 l für Müsli, category: drinks, gtin: "4006381333931"}
  - {id: gum, name: Gum}
triggers:
  - {id: often, item: oat-milk, survey: put-back}
channels:
  - {id: app, kind: member, url: "URL", secret: "${AERAS_HOOK}", private: true}
  - {id: kiosk, kind: kiosk}
  - {id: paper, kind: receipt, width: 32}
members: {secret: "${AERAS_MEMBERS}", text: v1}
incentives:
  - {id: coffee, survey: put-back, text: {en: One coffee}}
"""
GOOD = {"consent": True, "rating": 2, "choice": "price", "text": "too dear"}
BASE = "https://shop.example"
CLIENT = "ab" * 16


class Bench:
    def __init__(self, folder: Path, url: str, more: str = "") -> None:
        (folder / "site.yaml").write_text(SITE.replace("URL", url) + more, encoding="utf-8")
        self.site = load_site(folder / "site.yaml")
        self.now = NOON
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.room = AskRoom(
            self.site,
            control=self.book,
            publisher=Publisher(10, share=share, mean=mean),
            clock=lambda: self.now,
        )
        self.desk = Desk(
            self.site.shop,
            forms=built_in_forms(),
            rules=rules_of(self.site),
            triggers=self.book,
            answers=self.book,
            secret="secret",
            clock=lambda: self.now,
            trials=self.room.trials_of_site,
            prompted=self.room.prompted,
        )
        self.room.desk = self.desk

    def buy(self, *items: str, member: str | None = None) -> Any:
        return self.room.purchase(items, member=member, language="de", base=BASE)

    def consent(self, *members: str) -> None:
        given = {"text": "v1", "at": "2026-05-01T10:00:00+02:00", "source": "app"}
        self.room.add_members([{"member": member, **given} for member in members])


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.setenv("AERAS_HOOK", "whsec_" + "A" * 43 + "=")
    monkeypatch.setenv("AERAS_MEMBERS", "key of the membership ids")
    made: list[Bench] = []

    def make(url: str = "http://127.0.0.1:9/", more: str = "") -> Bench:
        made.append(Bench(tmp_path, url, more))
        return made[-1]

    yield make
    for bench in made:
        bench.room.post.stop()
        bench.book.close()


def test_a_purchase_puts_a_question_on_the_receipt(make):
    bench = make()
    asked = bench.buy("nothing-known", "gum", "4006381333931")
    assert (asked.item, asked.channel, asked.not_asked) == ("oat-milk", "receipt", None)
    lines = asked.text.splitlines()
    assert lines[0].startswith("Wie ist Hafermilch 1 l fuer")
    assert asked.text.isascii()
    assert all(len(line) <= 32 for line in lines[:-1])
    assert lines[-1] == asked.link
    token = asked.link.removeprefix(f"{BASE}/s/")
    assert bench.desk.answer(token, GOOD, "de")
    assert bench.book.answers()[0].channel == "receipt"
    assert bench.buy("gum").not_asked is NotAsked.NO_SURVEY


def test_a_consenting_member_is_asked_by_the_retailer_s_server_and_nobody_else_is(make):
    with receiver() as app:
        bench = make(app.url)
        bench.consent("4711")
        bench.room.post.start()
        assert bench.buy("oat-milk", member="4711").channel == "member"
        assert wait_for(lambda: len(app.taken) == 1, 10)
        data = app.taken[0]["data"]
        assert data["link"].startswith(f"{BASE}/s/")
        assert "4711" not in app.seen[0][1].decode()
        again = bench.buy("oat-milk", member="4711")
        assert (again.channel, again.not_asked) == ("receipt", NotAsked.COOL_DOWN)
        stranger = bench.buy("oat-milk", member="4712")
        assert (stranger.channel, stranger.not_asked) == ("receipt", NotAsked.NO_CONSENT)
        assert bench.room.remove_member("4711")
        token = data["link"].removeprefix(f"{BASE}/s/")
        bench.desk.answer(token, GOOD, "de")
        assert bench.book.answers()[0].channel == "member"


def test_the_same_answer_again_gives_the_same_receipt_and_code(make):
    bench = make()
    token = bench.desk.invite("oat-milk", "qr")
    bench.now += timedelta(seconds=30)
    receipt = bench.desk.answer(token, GOOD, "en", client_id=CLIENT)
    code = bench.room.reward(token, receipt, "en")
    assert bench.desk.answer(token, GOOD, "en", client_id=CLIENT) == receipt
    assert bench.room.reward(token, receipt, "en") == code
    assert len(bench.book.answers()) == 1
    for other in ("cd" * 16, None):
        with pytest.raises(RefusedError) as refused:
            bench.desk.answer(token, GOOD, "en", client_id=other)
        assert refused.value.reason is Refusal.SPENT
    assert bench.room.redeem(code.code) == "taken"
    no = bench.desk.invite("oat-milk", "qr")
    refusal = {"consent": False}
    assert bench.desk.answer(no, refusal, "en", client_id=CLIENT) is None
    assert bench.desk.answer(no, refusal, "en", client_id=CLIENT) is None


def test_what_a_machine_sends_is_kept_aside_and_what_people_send_is_not(make):
    bench = make()
    token = bench.desk.invite("oat-milk", "qr")
    assert bench.desk.answer(token, GOOD, "en", trap="http://spam")
    for _ in range(12):
        bench.desk.answer(bench.desk.invite("oat-milk", "qr"), GOOD, "en", client="bot")
    assert len(bench.book.answers()) == 10
    aside = sorted({answer.marks[0] for answer in bench.book.answers(aside=True)})
    assert (len(bench.book.answers(aside=True)), aside) == (3, ["fast", "trap"])
    assert bench.room.set_aside() is None
    for _ in range(12):
        token = bench.desk.invite("oat-milk", "qr")
        bench.now += timedelta(seconds=9)
        bench.desk.answer(token, GOOD, "en", client="one of many alike")
    assert len(bench.book.answers()) == 22


def test_ten_megabytes_a_script_and_a_wrong_language_cost_nobody_the_link(make):
    bench = make()
    token = bench.desk.invite("oat-milk", "qr")
    with pytest.raises(InputError, match="10485760 characters"):
        bench.desk.answer(token, GOOD | {"text": "x" * 10_485_760}, "en")
    with pytest.raises(InputError, match="was not shown in 'tlh'"):
        bench.desk.answer(token, GOOD, "tlh")
    assert bench.desk.answer(token, GOOD | {"text": "<script>alert(1)</script> dry"}, "en")
    assert "<script>" in bench.book.answers()[0].text  # kept as text; the pages escape it


def test_rates_by_channel_leave_out_today_and_small_numbers(make):
    bench = make()
    for n in range(20):
        token = bench.desk.invite("oat-milk", "qr")
        if n < 10:
            bench.desk.admit(token)
            bench.desk.admit(token)
        if n < 6:
            bench.desk.answer(token, GOOD if n < 5 else {"consent": False}, "en")
    bench.desk.invite("oat-milk", "receipt")
    assert bench.room.rates() == []
    bench.now += timedelta(days=1)
    qr, paper = bench.room.rates()
    assert (qr.channel, qr.invited) == ("qr", 20)
    assert (qr.opened.value, qr.answered.value, qr.refused.value) == (0.5, 0.25, 0.05)
    assert qr.answered.low < 0.25 < qr.answered.high
    assert (paper.channel, paper.invited, paper.answered) == ("receipt", None, None)


def test_somebody_at_a_flagged_item_prompts_the_kiosk_for_a_minute(make):
    bench = make()
    for item, at in (("gum", NOON), ("oat-milk", NOON - timedelta(hours=1))):
        bench.book.open_trigger(Trigger(item, "often", item, at, {"visits": 1}, "put-back"))
    assert bench.desk.kiosk().item == "gum"
    for _ in range(3):
        bench.room.near("oat-milk", "shelf")
    bench.room.near(None, "shelf")
    assert bench.room.post.send_due("kiosk") == 1
    assert bench.desk.kiosk().item == "oat-milk"
    bench.now += timedelta(seconds=61)
    assert bench.desk.kiosk().item == "gum"


TRIAL = """\
trials:
  - {id: way, survey: put-back, a: {channel: receipt}, b: {channel: member}}
"""


def test_a_comparison_of_channels_counts_only_who_could_be_asked_in_both(make):
    bench = make(more=TRIAL)
    bench.consent(*(f"m{n}" for n in range(40)))
    used = [bench.buy("oat-milk", member=f"m{n}").channel for n in range(40)]
    assert 8 < used.count("receipt") < 32
    assert bench.buy("oat-milk").channel == "receipt"
    hours = bench.book.trial_hours("way")
    assert sum(hour.invited for hour in hours) == 40
    assert {h.arm: h.invited for h in hours}["b"] == used.count("member")


def test_a_decided_comparison_ends_though_nobody_looks_at_the_page(make):
    bench = make(more=TRIAL)

    def work(connection):
        for hour in range(60):
            for arm, answered in (("a", 9), ("b", 1)):
                at = NOON - timedelta(hours=100 - hour)
                counted = Counted("put-back", "receipt", "2026-11-20", ArmHour("way", arm, at))
                for event, times in (("invited", 10), ("answered", answered)):
                    for _ in range(times):
                        count(connection, counted, event)

    bench.book._write(work)
    bench.room.tidy()
    [trial] = bench.site.file.trials
    assert {bench.room.trials_of_site.draw(trial, str(n)) for n in range(20)} == {"a"}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("kind: member", "kind: pigeon"), "channels.0"),
        (("${AERAS_HOOK}", "whsec_abc"), "a secret stands in the file"),
        (("url: ", "uri: "), "member.url' is missing"),
        (("private: true", "private: false"), "http is readable on the way"),
        (("text: v1}", "text: v1, quiet: late}"), "'late' is no span of the day"),
        (("id: paper", "id: kiosk"), "stands twice in channels"),
        (('members: {secret: "${AERAS_MEMBERS}", text: v1}\n', ""), "needs the section members"),
    ],
)
def test_a_wrong_channel_is_named_with_its_line(make, tmp_path, change, complaint):
    path = tmp_path / "wrong.yaml"
    path.write_text(SITE.replace("URL", "http://127.0.0.1:9/").replace(*change), encoding="utf-8")
    _, found = read_site(path)
    assert found
    assert re.search(complaint, str(found[0])), found[0]
    assert re.search(r"wrong\.yaml:\d+", str(found[0]))


def test_a_missing_secret_stops_the_start(make, monkeypatch):
    monkeypatch.delenv("AERAS_HOOK")
    with pytest.raises(ConfigError, match="AERAS_HOOK: the secret is empty"):
        make()

from __future__ import annotations

import threading
import time
from collections import defaultdict
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from receivers import Receiver, receiver
from records import NOON
from standardwebhooks.webhooks import Webhook as Verifier
from waiting import wait_for

from aeras.domain.errors import InputError
from aeras.domain.messages import Message, MessageState, UndeliveredError
from aeras.domain.ports import utc_now
from aeras.respond.channels.webhook import Webhook, WebhookOptions
from aeras.respond.outbox import Line, Pauses, Post
from aeras.store.control import Control

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEY = b"k" * 32
TOPIC = "trigger.opened"
SHORT = Pauses(first_s=0.02, longest_s=0.3)
DAYS = timedelta(days=3)


class Ear:
    """A channel in this process that takes what `refuses` lets through."""

    def __init__(self, name: str = "out") -> None:
        self.name = name
        self.taken: list[Message] = []
        self.tried = 0
        self.refuses: dict[str, UndeliveredError] = {}
        self.away: UndeliveredError | None = None

    def deliver(self, message: Message) -> str:
        self.tried += 1
        trouble = self.away or self.refuses.get(message.key)
        if trouble is not None:
            raise trouble
        self.taken.append(message)
        return "taken"

    def close(self) -> None:
        pass


class Bench:
    """An outbox whose clocks a test moves."""

    def __init__(self, folder) -> None:
        self.path = folder / "control.sqlite"
        self.book = Control(self.path, hasher=QUICK)
        self.now = NOON
        self.seconds = 0.0
        self.ear = Ear()
        self.post = self.make()

    def make(self, *ears: Ear) -> Post:
        lines = {ear.name: Line(ear, frozenset({TOPIC}), DAYS) for ear in (self.ear, *ears)}
        return Post(
            self.book,
            lines,
            clock=lambda: self.now,
            monotonic=lambda: self.seconds,
            seed=1,
        )

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds

    def live(self, seconds: float, step: float = 60.0) -> None:
        """Looks every `step` seconds for so long."""
        for _ in range(int(seconds / step)):
            while self.post.send_due("out"):
                pass
            self.pass_time(step)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.book.close()


def sequence(taken: list[Message]) -> dict[str, list[object]]:
    found = defaultdict(list)
    for message in taken:
        found[message.key].append(message.payload["n"])
    return found


def test_an_hour_without_a_receiver_loses_nothing_and_keeps_the_order(bench):
    bench.ear.away = UndeliveredError("away")
    for n in range(60):
        bench.post.put(TOPIC, f"item-{n % 5}", {"n": n})
        bench.live(60)
    assert bench.ear.taken == []
    assert bench.ear.tried < 40  # pauses grow: not sixty messages hammered for an hour
    bench.ear.away = None
    bench.live(1000)
    assert sequence(bench.ear.taken) == {f"item-{k}": list(range(k, 60, 5)) for k in range(5)}
    assert len({m.id for m in bench.ear.taken}) == 60


def test_a_message_that_is_refused_for_ever_becomes_a_dead_letter_and_the_others_go_on(bench):
    bench.ear.refuses["bad"] = UndeliveredError("answers 500", answered=True)
    for n in range(3):
        bench.post.put(TOPIC, "bad", {"n": n})
    for n in range(5):
        bench.post.put(TOPIC, "good", {"n": n})
    bench.live(120)
    assert sequence(bench.ear.taken) == {"good": [0, 1, 2, 3, 4]}
    bench.live(DAYS.total_seconds() * 1.5, step=600)
    [dead] = bench.book.messages(state=MessageState.DEAD)
    assert (dead.payload["n"], dead.trouble) == (0, "answers 500")
    assert 250 < dead.tries < 600
    bench.ear.refuses.clear()
    bench.live(2000)
    assert sequence(bench.ear.taken)["bad"] == [1, 2]
    assert bench.book.revive_messages("out", bench.now) == 1
    bench.live(120)
    assert sequence(bench.ear.taken)["bad"] == [1, 2, 0]


def test_what_a_receiver_will_never_take_is_dead_at_once(bench):
    bench.ear.refuses["gum"] = UndeliveredError("gone", final=True)
    bench.post.put(TOPIC, "gum", {"n": 0})
    bench.live(60)
    assert [m.tries for m in bench.book.messages(state=MessageState.DEAD)] == [1]


@pytest.mark.parametrize("jump", [timedelta(days=400), -timedelta(days=400)])
def test_a_clock_that_jumps_neither_kills_nor_delays(bench, jump):
    bench.ear.away = UndeliveredError("away")
    bench.post.put(TOPIC, "gum", {"n": 0})
    bench.live(600)
    bench.now += jump
    bench.live(600)
    assert bench.book.messages(state=MessageState.DEAD) == []
    bench.ear.away = None
    bench.live(1000)
    assert [m.payload["n"] for m in bench.ear.taken] == [0]


def test_a_message_is_put_once_under_its_name_also_after_it_was_sent(bench):
    assert bench.post.put(TOPIC, "gum", {"n": 0}, once="trigger:t1") == 1
    bench.live(60)
    assert bench.make().put(TOPIC, "gum", {"n": 0}, once="trigger:t1") == 0
    bench.live(60)
    assert len(bench.ear.taken) == 1
    assert bench.book.forget_sent(bench.now) == 1


def test_only_channels_that_listen_get_a_topic_and_an_unknown_one_is_refused(bench):
    assert bench.post.put("trigger.closed", "gum", {}) == 0
    with pytest.raises(InputError, match="is no topic"):
        bench.post.put("trigger.exploded", "gum", {})


def test_a_message_for_a_moment_is_dropped_when_the_moment_has_passed(bench):
    bench.ear.away = UndeliveredError("away")
    until = NOON + timedelta(seconds=60)
    bench.post.put(TOPIC, "gum", {"n": 0, "until": until.isoformat()})
    bench.live(300)
    bench.ear.away = None
    bench.live(1200)
    assert bench.ear.taken == []
    assert bench.book.channel_counts()["out"].waiting == 0


def test_a_waiting_message_survives_a_kill(bench):
    bench.post.put(TOPIC, "gum", {"n": 0})
    again = Control(bench.path, hasher=QUICK)  # nothing of the first was closed
    ear = Ear()
    post = Post(again, {"out": Line(ear, frozenset({TOPIC}), DAYS)}, clock=lambda: bench.now)
    assert post.send_due("out") == 1
    assert [m.payload["n"] for m in ear.taken] == [0]
    again.close()


# --- over real connections ---------------------------------------------------------------------


def webhook(url: str, name: str = "out", timeout: str = "5 s") -> Webhook:
    given = {"id": name, "url": url, "secret": "${X}", "private": True, "timeout": timeout}
    return Webhook(WebhookOptions.model_validate(given), KEY, utc_now)


def real_post(book: Control, *channels: Webhook) -> Post:
    lines = {c.name: Line(c, frozenset({TOPIC}), DAYS) for c in channels}
    return Post(book, lines, clock=utc_now, pauses=SHORT)


def test_a_receiver_that_comes_back_gets_all_in_order_none_twice_and_signed(bench):
    away = Receiver()
    port = away.port
    away.close()
    post = real_post(bench.book, webhook(f"http://127.0.0.1:{port}/hook"))
    post.start()
    for n in range(30):
        post.put(TOPIC, f"item-{n % 3}", {"n": n})
    time.sleep(0.5)
    back = Receiver(port)
    shaky = iter([503, 200, 500, 200] + [200] * 100)
    back.answer = lambda _: next(shaky)
    try:
        assert wait_for(lambda: len(back.taken) >= 30, 20)
        assert wait_for(lambda: bench.book.channel_counts()["out"].waiting == 0, 5)
    finally:
        post.stop()
        back.close()
    for k in range(3):
        assert [b["data"]["n"] for b in back.taken if b["key"] == f"item-{k}"] == list(
            range(k, 30, 3)
        )
    assert len({b["id"] for b in back.taken}) == 30
    for headers, raw in back.seen:
        assert Verifier(KEY).verify(raw, headers)["type"] == TOPIC


def test_a_slow_receiver_holds_up_no_other_channel(bench):
    release = threading.Event()
    with receiver() as slow, receiver() as quick:
        slow.answer = lambda _: 200 if release.wait(10) else 500
        post = real_post(
            bench.book, webhook(slow.url, "slow", timeout="0.3 s"), webhook(quick.url, "quick")
        )
        post.start()
        for n in range(5):
            post.put(TOPIC, "gum", {"n": n})
        assert wait_for(lambda: len(quick.taken) == 5, 10)
        assert wait_for(lambda: bench.book.messages(state=MessageState.WAITING)[-1].tries > 0, 5)
        release.set()
        assert wait_for(lambda: bench.book.channel_counts()["slow"].waiting == 0, 20)
        post.stop()
        # What timed out may have been taken: its id says so, and the receiver drops it.
        first = list(dict.fromkeys(b["id"] for b in slow.taken))
        known = {b["id"]: b["data"]["n"] for b in slow.taken}
        assert [known[i] for i in first] == [0, 1, 2, 3, 4]


def test_a_redirect_is_not_followed_and_inside_addresses_need_leave(bench):
    message = Message("msg_1", 1, "out", TOPIC, "gum", {}, NOON)
    with receiver() as there, receiver() as other:
        there.answer, there.location = lambda _: 302, other.url
        with pytest.raises(UndeliveredError, match="redirect"):
            webhook(there.url).deliver(message)
        assert other.seen == []
        given = {"id": "out", "url": f"https://localhost:{there.port}/", "secret": "${X}"}
        outside_only = Webhook(WebhookOptions.model_validate(given), KEY, utc_now)
        with pytest.raises(UndeliveredError, match="is the inside address"):
            outside_only.deliver(message)
        assert len(there.seen) == 1

"""Sends what waits in the outbox: one thread a channel, so that a slow receiver holds up nobody
else.

**Order.** Of the messages with one key only the first is tried; the next has its turn once that one
was taken or given up. Other keys go on.
**Once.** A message is marked as sent after the receiver took it. A kill in between sends it again
under the same id, by which the receiver drops it.
**Pauses.** They double from one second to a quarter of an hour, each shortened at random by up to
half so that many do not come at once. A receiver that cannot be reached three times in a row is
left alone as a whole, and then tried with one message. Once that is taken, all others are due. One
that is there and refuses a message is left alone with that message's key only.
**Dead letters.** Given up is what was tried for ``give_up`` (the sum of its pauses, so that a clock
that jumps kills nothing), or what the receiver will never take. They stay until somebody has
them sent again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from aeras.domain.errors import InputError, StoreError
from aeras.domain.messages import TOPICS, Message, MessageBook, UndeliveredError
from aeras.domain.ports import Channel, Clock

log = structlog.get_logger(__name__)

BATCH = 50
IN_A_ROW = 3
KEPT = timedelta(days=7)
"""How long it is remembered what was sent, so that it cannot be put twice."""
LOOK_EVERY_S = 1.0
TIDY_EVERY_S = 3600.0
MAX_KEY = 64


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses between tries, in seconds: from ``first``, doubling, up to ``longest``."""

    first_s: float = 1.0
    longest_s: float = 900.0

    def after(self, tries: int) -> float:
        """The pause after so many tries, before it is shortened at random."""
        return float(min(self.longest_s, self.first_s * 2.0 ** min(tries - 1, 40)))


@dataclass(slots=True)
class Line:
    """A channel and how it is doing.

    Attributes:
        channel: The channel.
        topics: What it gets.
        give_up: When its messages are given up.
        failures: In a row, in which it could not be reached.
        paused_until: Monotonic seconds.
    """

    channel: Channel
    topics: frozenset[str]
    give_up: timedelta
    failures: int = 0
    paused_until: float = 0.0


class Post:
    """Implements `aeras.domain.ports.Outbox` and sends what was put.

    Args:
        book: Keeps the messages.
        lines: By the channel's id.
        clock: UTC.
        pauses: Between tries.
        monotonic: Seconds that never jump.
        seed: Of the pauses' chance.
    """

    def __init__(
        self,
        book: MessageBook,
        lines: Mapping[str, Line],
        *,
        clock: Clock,
        pauses: Pauses | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        seed: int | None = None,
    ) -> None:
        self._book = book
        self._lines = dict(lines)
        self._clock = clock
        self._pauses = pauses or Pauses()
        self._monotonic = monotonic
        self._random = random.Random(seed)  # noqa: S311 - spreads tries in time
        self._stop = threading.Event()
        self._news = {name: threading.Event() for name in self._lines}
        self._threads: list[threading.Thread] = []

    def put(
        self,
        topic: str,
        key: str,
        payload: Mapping[str, object],
        *,
        once: str | None = None,
        to: str | None = None,
    ) -> int:
        """Stores a message for each channel that listens to the topic, or for the channel ``to``;
        see the port.
        """
        if topic not in TOPICS:
            raise InputError(f"{topic!r} is no topic", todo=f"Known: {', '.join(TOPICS)}")
        names = [
            name
            for name, line in self._lines.items()
            if (topic in line.topics if to is None else name == to)
        ]
        count = self._book.put_message(
            names, topic, key[:MAX_KEY], payload, at=self._clock(), once=once
        )
        for name in names:
            self._news[name].set()
        return count

    def start(self) -> None:
        """Starts one thread a channel."""
        for name in self._lines:
            thread = threading.Thread(target=self._run, args=(name,), name=f"to-{name}")
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends them; a delivery on its way is given a moment, and tried again at the next start."""
        self._stop.set()
        for news in self._news.values():
            news.set()
        for thread in self._threads:
            thread.join(timeout=3)
        for line in self._lines.values():
            line.channel.close()

    def _run(self, name: str) -> None:
        tidy_due = self._monotonic()
        while not self._stop.is_set():
            self._news[name].clear()
            try:
                if self.send_due(name):
                    continue
                if self._monotonic() >= tidy_due:
                    tidy_due = self._monotonic() + TIDY_EVERY_S
                    self._book.forget_sent(self._clock() - KEPT)
            except StoreError as error:  # a full disk must not end the thread; tried again
                log.warning("outbox_waits", channel=name, reason=str(error))
                self._stop.wait(LOOK_EVERY_S)
            self._news[name].wait(LOOK_EVERY_S)

    def send_due(self, name: str) -> int:
        """Tries the messages of a channel that are due, one of each key; how many were taken."""
        line = self._lines[name]
        if self._monotonic() < line.paused_until:
            return 0
        taken = 0
        longest = timedelta(seconds=self._pauses.longest_s)
        for message in self._book.due_messages(
            name, self._clock(), longest=longest, limit=1 if line.failures else BATCH
        ):
            if self._stop.is_set() or self._monotonic() < line.paused_until:
                break
            taken += self._send(line, message)
        return taken

    def _send(self, line: Line, message: Message) -> bool:
        if _too_late(message, self._clock()):
            self._book.message_sent(message)
            return True
        try:
            line.channel.deliver(message)
        except (UndeliveredError, InputError) as error:
            self._failed(line, message, error)
            return False
        self._book.message_sent(message)
        if line.failures:
            line.failures = 0
            self._book.wake_messages(message.channel, self._clock())
        return True

    def _failed(self, line: Line, message: Message, error: UndeliveredError | InputError) -> None:
        final = isinstance(error, InputError) or error.final
        pause_s = self._pauses.after(message.tries + 1) * self._random.uniform(0.5, 1)
        dead = final or message.waited_s + pause_s >= line.give_up.total_seconds()
        due = self._clock() + timedelta(seconds=pause_s)
        self._book.message_failed(message, str(error), due=due, pause_s=pause_s, dead=dead)
        log.warning(
            "message_dead" if dead else "message_waits",
            channel=message.channel,
            id=message.id,
            tries=message.tries + 1,
            reason=str(error),
        )
        if final or (isinstance(error, UndeliveredError) and error.answered):
            return  # this message failed, not the channel
        line.failures += 1
        if line.failures >= IN_A_ROW:
            over = self._pauses.after(line.failures - IN_A_ROW + 1) * self._random.uniform(0.5, 1)
            line.paused_until = self._monotonic() + over


def _too_late(message: Message, now: datetime) -> bool:
    """Whether a message is for a moment (its payload's ``until``, ISO) that has passed."""
    until = message.payload.get("until")
    return isinstance(until, str) and datetime.fromisoformat(until) <= now

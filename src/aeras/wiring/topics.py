"""Topics of a running shop: looked for beside it, at quiet times, and shown through the gate."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from aeras.config import Site
from aeras.domain.errors import AerasError, InputError, StoreError
from aeras.domain.kept import Answer, Topic
from aeras.domain.ports import AnswerBook, Clock, Settings
from aeras.domain.topics import LONGEST_NAME, Grouped, Grouper, TopicBook, TopicList
from aeras.insight.topics.summary import Reader, root_of, summarise
from aeras.privacy.publish import Publisher
from aeras.respond import scrub

log = structlog.get_logger(__name__)

GROUPED = "topics-grouped"
SMALL = 500
"""Answers up to which all are grouped anew whenever there are new ones: a matter of seconds."""
MOST = 50_000
"""Answers with words, the newest, that are grouped and shown."""
GROWN = 0.2
OLD = timedelta(days=7)
NIGHT = range(1, 5)
"""Hours of the site in which it is quiet, if it has no opening hours."""
FIRST_S, EVERY_S, AFTER_WORK_S, AFTER_TROUBLE_S = 10.0, 30.0, 600.0, 6 * 3600.0
SPLIT_FEWEST = 6
PATIENCE_S = 5.0
_MARKS = (
    *(scrub.EMAIL_MARK, scrub.LINK_MARK, scrub.NUMBER_MARK, scrub.NAME_MARK, scrub.HANDLE_MARK),
)


class Book(TopicBook, AnswerBook, Settings, Protocol):
    """What is read and written here."""


class Worker(Grouper, Protocol):
    """A grouper that can be ended."""

    def stop(self) -> None:
        """Ends what runs; nothing runs afterwards."""


@dataclass(slots=True)
class _Seen:
    """What was read at one state of the database."""

    state: tuple[object, ...]
    answers: list[Answer]
    of: dict[str, str]
    topics: list[Topic]
    lists: dict[tuple[str, str | None], TopicList] = field(default_factory=dict)


class ShopTopics:
    """Implements `aeras.domain.topics.TopicDesk`, and does the work in the background.

    Args:
        book: Answers and topics.
        publisher: Says which answers may be shown; others are not even grouped.
        grouper: Finds topics in a process of its own.
        clock: UTC.
        quiet: Whether the shop is quiet at a moment.
        changed: Told who did what to which topic.
    """

    def __init__(
        self,
        book: Book,
        publisher: Publisher,
        grouper: Worker,
        *,
        clock: Clock,
        quiet: Callable[[datetime], bool],
        changed: Callable[[str, str, str], None],
    ) -> None:
        self._book = book
        self._publisher = publisher
        self._grouper = grouper
        self._clock = clock
        self._quiet = quiet
        self._changed = changed
        self._lock = threading.Lock()
        self._working = threading.Lock()
        self._edits = 0
        self._seen: _Seen | None = None
        self._trouble = ""
        self._next = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topics", daemon=True)

    def start(self) -> None:
        """Begins to look after the topics."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and what runs."""
        self._stop.set()
        self._grouper.stop()
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    # --- what is shown ------------------------------------------------------------------------

    def topics(self, language: str, item: str | None = None) -> TopicList:
        """Topics as one reads them in a language, of all answers or those on an item."""
        with self._lock:
            seen = self._read()
            found = seen.lists.get((language, item))
            if found is None:
                reader = Reader(language, self._publisher.k, self._clock(), scrub.scrub)
                answers = [a for a in seen.answers if item is None or a.item == item]
                found = summarise(answers, seen.of, seen.topics, reader, item=item)
                seen.lists[language, item] = found
        grouped = self._grouped()
        at = datetime.fromisoformat(str(grouped["at"])) if grouped else None
        return replace(found, grouped_at=at, trouble=self._trouble)

    def _read(self) -> _Seen:
        k = self._publisher.k
        # Answers may have been settled by asking; the state of afterwards is the one that counts.
        batches = None if self._seen else self._book.batches(k)
        state = (*self._book.topics_state(), self._edits, self._clock().date())
        if self._seen is None or self._seen.state != state:
            batches = batches or self._book.batches(k)
            state = (*self._book.topics_state(), *state[-2:])
            settled = self._publisher.settled(self._book.answers(), batches)
            said = 0
            kept = []
            for answer in settled:
                said += bool(answer.text.strip())
                if said <= MOST:
                    kept.append(answer)
            self._seen = _Seen(state, kept, self._book.topic_of(), self._book.topics())
        return self._seen

    # --- what people do -------------------------------------------------------------------------

    def rename(self, topic: str, name: str, who: str) -> None:
        """Names a topic, "" to have it labelled again."""
        name = scrub.plain(" ".join(name.split()))
        if len(name) > LONGEST_NAME:
            raise InputError(
                f"the name has {len(name)} characters, at most {LONGEST_NAME} are expected",
                todo="Choose a shorter one",
            )
        self._book.name_topic(topic, name)
        self._note(who, "renamed", topic)

    def merge(self, topic: str, into: str, who: str) -> None:
        """Puts a topic into another."""
        known = {one.id: one for one in self._book.topics()}
        for one in (topic, into):
            if one not in known:
                raise InputError(f"there is no topic {one[:32]!r}", todo="See /topics")
        if root_of(into, known) == root_of(topic, known):
            raise InputError(
                "a topic cannot be put into itself or into one of its parts",
                todo="Choose another topic",
            )
        self._book.merge_topic(root_of(topic, known), root_of(into, known))
        self._note(who, "merged", topic)

    def release(self, topic: str, who: str) -> None:
        """Takes a topic out of the one that it was put into."""
        self._book.merge_topic(topic, None)
        self._note(who, "released", topic)

    def split(self, topic: str, who: str) -> None:
        """Divides a topic in two by what its answers say."""
        with self._lock:
            seen = self._read()
        own = [a for a in seen.answers if seen.of.get(a.id) == topic and a.text.strip()]
        if len(own) < SPLIT_FEWEST:
            raise InputError(
                f"the topic has {len(own)} answers of its own, too few to divide",
                todo="Topics that were put into it can be taken out again",
            )
        if not self._working.acquire(timeout=PATIENCE_S):
            raise InputError(
                "topics are being looked for at this moment", todo="Try again in some minutes"
            )
        try:
            found = self._grouper.split(_texts(own), topic)
            if len(found.labels) < 2:  # noqa: PLR2004 - parts
                raise InputError("its answers are too alike to divide it")
            self._book.divide_topic(topic, found, self._clock())
        finally:
            self._working.release()
        self._note(who, "divided", topic)

    def _note(self, who: str, what: str, topic: str) -> None:
        with self._lock:
            self._edits += 1
        self._changed(who, what, topic)

    # --- the work ---------------------------------------------------------------------------------

    def _run(self) -> None:
        wait = FIRST_S
        while not self._stop.wait(wait):
            wait = EVERY_S
            self.tick(time.monotonic())

    def tick(self, monotonic: float) -> str:
        """Does what is due: ``grouped``, ``placed`` or "" for nothing."""
        if monotonic < self._next:
            return ""
        try:
            with self._working:
                done = self._work()
        except AerasError as error:
            if self._stop.is_set():
                return ""
            log.warning("topics_wait", reason=str(error))
            self._trouble = "" if isinstance(error, StoreError) else error.what
            self._next = monotonic + AFTER_TROUBLE_S
            return ""
        if done:
            self._trouble = ""
            self._next = monotonic + AFTER_WORK_S
            with self._lock:
                self._edits += 1
        return done

    def _work(self) -> str:
        with self._lock:
            seen = self._read()
        said = {a.id: a for a in seen.answers if a.text.strip()}
        if len(said) < self._publisher.k:
            return ""
        new = [answer for name, answer in said.items() if name not in seen.of]
        if self._due(len(said), len(new)):
            self._group(list(said.values()), seen)
            return "grouped"
        if not new:
            return ""
        self._book.place_answers(self._grouper.place(_texts(new), *self._book.topic_means()))
        return "placed"

    def _due(self, said: int, new: int) -> bool:
        """Whether all answers are grouped anew."""
        grouped = self._grouped()
        if grouped is None:
            return True
        if said <= SMALL:
            return new > 0
        now, before = self._clock(), int(grouped["answers"])
        old = now - datetime.fromisoformat(str(grouped["at"])) >= OLD and said != before
        return self._quiet(now) and (old or abs(said - before) >= GROWN * before)

    def _group(self, said: list[Answer], seen: _Seen) -> None:
        held = [topic.id for topic in seen.topics if topic.held]
        means, _ = self._book.topic_means()
        found: Grouped = self._grouper.group(_texts(said), seen.of, held, means)
        now = self._clock()
        self._book.keep_topics(found, now)
        note = {"at": now.isoformat(), "answers": len(said)}
        self._book.set_setting(GROUPED, json.dumps(note))
        log.info("topics", answers=len(said), topics=len(found.labels))

    def _grouped(self) -> dict[str, str | int] | None:
        held = self._book.setting(GROUPED)
        note: dict[str, str | int] | None = json.loads(held) if held else None
        return note


def _texts(answers: list[Answer]) -> dict[str, tuple[str, str]]:
    """Text and form language by id, without the marks of what was taken out."""
    found = {}
    for answer in answers:
        text = answer.text
        for mark in _MARKS:
            text = text.replace(mark, " ")
        found[answer.id] = (text, answer.language)
    return found


def quiet_at(site: Callable[[], Site]) -> Callable[[datetime], bool]:
    """Whether a site is closed or, without opening hours, whether it is night there."""

    def quiet(moment: datetime) -> bool:
        hours = site().hours
        if hours is not None and not hours.always:
            return not hours.open_at(moment)
        return moment.astimezone(ZoneInfo(site().shop.timezone)).hour in NIGHT

    return quiet

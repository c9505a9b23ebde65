"""Topics of open answers: what is kept so that their ids last, and what the pages may show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from aeras.domain.kept import Topic
from aeras.domain.published import Rate

NO_TOPIC = ""
"""Topic of an answer that was looked at and belongs to none."""
LONGEST_NAME = 80
"""Characters of a topic's name."""


@dataclass(frozen=True, slots=True)
class TopicMean:
    """The mean of many answers' vectors; kept only of k answers or more.

    Attributes:
        vector: 512 float32, little-endian, unit length.
        answers: Answers behind it.
        reach: Cosine to the mean of the others that nine in ten of its answers reach; 0 for a
            language.
    """

    vector: bytes
    answers: int
    reach: float = 0.0


@dataclass(frozen=True, slots=True)
class Grouped:
    """What came of grouping all answers.

    Attributes:
        of: Topic by answer id, `NO_TOPIC` where it belongs to none.
        labels: By topic: label by language, the language it is mostly spoken of in first.
        means: By topic, of those with k answers or more.
        languages: Means by language, of those with k answers or more; "" for all rarer ones.
    """

    of: Mapping[str, str]
    labels: Mapping[str, Mapping[str, str]]
    means: Mapping[str, TopicMean] = field(default_factory=dict)
    languages: Mapping[str, TopicMean] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeekShare:
    """The share of a topic in the answers of seven days; None below k answers."""

    start: datetime
    share: float | None
    n: int | None


@dataclass(frozen=True, slots=True)
class TopicRow:
    """A topic as it may be shown.

    Attributes:
        id: Stays the same over time.
        name: What a person called it, else its label in the reader's language, else "".
        named: Whether a person called it so.
        answers: How many.
        share: Of all answers with words, with its interval.
        weeks: Oldest first.
        change: Share of the last 28 days less that of the 28 before, None below k answers in
            either; ``n`` counts both.
        rating: Mean rating of those of its answers that rated, None if fewer than k did.
        quotes: Answers in their own words, none if the topic has fewer than k.
        merged: Id and name of topics that a person put into this one.
        simulated: Share of its answers that are simulated.
    """

    id: str
    name: str
    named: bool
    answers: int
    share: Rate
    weeks: tuple[WeekShare, ...]
    change: Rate | None
    rating: Rate | None
    quotes: tuple[str, ...]
    merged: tuple[tuple[str, str], ...]
    simulated: float


@dataclass(frozen=True, slots=True)
class TopicList:
    """The topics of the shop's answers, or of those on one item.

    Attributes:
        item: Item id, None for all.
        answers: Answers with words that may be shown; None below k, and then nothing else is told.
        rows: The largest first.
        other: Share that was looked at and belongs to no topic.
        waiting: Share that was not looked at yet.
        wordless: Answers without words.
        grouped_at: When topics were last looked for anew (UTC), None if never.
        simulated: Share of the answers that are simulated.
        trouble: Why they could not be looked for the last time, "" if all is well.
    """

    item: str | None
    answers: int | None
    rows: tuple[TopicRow, ...] = ()
    other: Rate | None = None
    waiting: Rate | None = None
    wordless: int | None = None
    grouped_at: datetime | None = None
    simulated: float = 0.0
    trouble: str = ""


class TopicBook(Protocol):
    """Keeps topics. Writes are durable when the call returns. Raises StoreError."""

    def topics(self) -> list[Topic]:
        """All, those that were put into another too."""

    def topic_of(self) -> dict[str, str]:
        """Topic by answer id, of the answers that were looked at."""

    def topic_means(self) -> tuple[dict[str, TopicMean], dict[str, TopicMean]]:
        """Means by topic, and by language."""

    def keep_topics(self, found: Grouped, at: datetime) -> None:
        """Takes a new grouping over the earlier one; what people did to topics stays."""

    def place_answers(self, of: Mapping[str, str]) -> None:
        """Notes the topics of further answers."""

    def divide_topic(self, topic: str, found: Grouped, at: datetime) -> None:
        """Moves answers of a topic to new ones, which stay apart from it."""

    def name_topic(self, topic: str, name: str) -> None:
        """Names a topic, "" to have it labelled again; InputError if there is none of that id."""

    def merge_topic(self, topic: str, into: str | None) -> None:
        """Puts a topic into another or, with None, takes it out again; InputError if unknown."""

    def topics_state(self) -> tuple[int, ...]:
        """Numbers that change whenever answers that may be shown, or topics, do."""


class TopicDesk(Protocol):
    """Shows and changes topics, for the pages. Methods may be called from any thread."""

    def topics(self, language: str, item: str | None = None) -> TopicList:
        """Topics as one reads them in a language, of all answers or those on an item."""

    def rename(self, topic: str, name: str, who: str) -> None:
        """Names a topic; InputError for a name that is too long, or an unknown topic."""

    def merge(self, topic: str, into: str, who: str) -> None:
        """Puts a topic into another; InputError if one is unknown or both are the same."""

    def release(self, topic: str, who: str) -> None:
        """Takes a topic out of the one that it was put into."""

    def split(self, topic: str, who: str) -> None:
        """Divides a topic in two by what its answers say; InputError if that cannot be told."""


class Grouper(Protocol):
    """Finds topics; may take minutes. Raises GroupingError."""

    def group(
        self,
        texts: Mapping[str, tuple[str, str]],
        before: Mapping[str, str],
        held: Sequence[str],
        means: Mapping[str, TopicMean],
    ) -> Grouped:
        """Groups all answers (text and language of the form by id), keeping earlier ids."""

    def place(
        self,
        texts: Mapping[str, tuple[str, str]],
        means: Mapping[str, TopicMean],
        languages: Mapping[str, TopicMean],
    ) -> dict[str, str]:
        """The nearest topic of further answers."""

    def split(self, texts: Mapping[str, tuple[str, str]], topic: str) -> Grouped:
        """Divides the answers of one topic in two; the larger part keeps the id."""

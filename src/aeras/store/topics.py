"""The part of the control database that keeps topics of answers, and what people did to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Float, LargeBinary, String, delete, select, text, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, mapped_column

from aeras.domain.errors import InputError
from aeras.domain.kept import Topic
from aeras.domain.topics import Grouped, TopicMean
from aeras.store.part import Part
from aeras.store.tables import AnswerRecord, Base


class TopicRecord(Base):
    """See `aeras.domain.kept.Topic`; ``mean``, ``answers`` and ``reach`` are its `TopicMean`."""

    __tablename__ = "topics"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    labels: Mapped[dict[str, Any]]
    name: Mapped[str] = mapped_column(String(80))
    into: Mapped[str | None] = mapped_column(String(32))
    held: Mapped[bool]
    made_at: Mapped[datetime]
    mean: Mapped[bytes | None] = mapped_column(LargeBinary)
    answers: Mapped[int]
    reach: Mapped[float] = mapped_column(Float)


class TopicAnswerRecord(Base):
    """The topic of an answer that was looked at, "" if it belongs to none."""

    __tablename__ = "topic_answers"

    answer: Mapped[str] = mapped_column(String(64), primary_key=True)
    topic: Mapped[str] = mapped_column(String(32), index=True)


class TopicLanguageRecord(Base):
    """The mean of all answers in a language, "" for rarer languages together."""

    __tablename__ = "topic_languages"

    language: Mapped[str] = mapped_column(String(35), primary_key=True)
    mean: Mapped[bytes] = mapped_column(LargeBinary)
    answers: Mapped[int]


class Topics(Part):
    """Implements `aeras.domain.topics.TopicBook`; a base of `aeras.store.control.Control`."""

    def topics(self) -> list[Topic]:
        """All, those that were put into another too."""
        with self._session() as session:
            found = session.scalars(select(TopicRecord).order_by(TopicRecord.id))
            return [Topic(r.id, dict(r.labels), r.name, r.into, r.held, r.made_at) for r in found]

    def topic_of(self) -> dict[str, str]:
        """Topic by answer id, of the answers that were looked at."""
        with self._session() as session:
            rows = session.execute(select(TopicAnswerRecord.answer, TopicAnswerRecord.topic))
            return {row.answer: row.topic for row in rows}

    def topic_means(self) -> tuple[dict[str, TopicMean], dict[str, TopicMean]]:
        """Means by topic, and by language."""
        with self._session() as session:
            return (
                {
                    r.id: TopicMean(r.mean, r.answers, r.reach)
                    for r in session.scalars(select(TopicRecord))
                    if r.mean is not None
                },
                {
                    r.language: TopicMean(r.mean, r.answers)
                    for r in session.scalars(select(TopicLanguageRecord))
                },
            )

    def keep_topics(self, found: Grouped, at: datetime) -> None:
        """Takes a new grouping over the earlier one; what people did to topics stays."""

        def work(connection: Connection) -> None:
            _put_topics(connection, found, at)
            known = set(found.labels)
            # A mean of answers that may have gone since is not kept for longer than this.
            stale = TopicRecord.id.not_in(known)
            connection.execute(update(TopicRecord).where(stale).values(mean=None))
            connection.execute(delete(TopicRecord).where(stale, ~TopicRecord.held))
            connection.execute(delete(TopicAnswerRecord))
            _put_answers(connection, found.of)
            connection.execute(delete(TopicLanguageRecord))
            for language, mean in found.languages.items():
                row = {"language": language, "mean": mean.vector, "answers": mean.answers}
                connection.execute(insert(TopicLanguageRecord), [row])

        self._write(work)

    def place_answers(self, of: Mapping[str, str]) -> None:
        """Notes the topics of further answers."""
        self._write(lambda connection: _put_answers(connection, of))

    def divide_topic(self, topic: str, found: Grouped, at: datetime) -> None:
        """Moves answers of a topic to new ones, which stay apart from it."""

        def work(connection: Connection) -> None:
            _put_topics(connection, found, at)
            ids = {topic, *found.labels}
            connection.execute(update(TopicRecord).where(TopicRecord.id.in_(ids)).values(held=True))
            _put_answers(connection, found.of)

        self._write(work)

    def name_topic(self, topic: str, name: str) -> None:
        """Names a topic, "" to have it labelled again; InputError if there is none of that id."""
        self._change_topic(topic, {"name": name, "held": True})

    def merge_topic(self, topic: str, into: str | None) -> None:
        """Puts a topic into another or, with None, takes it out again; InputError if unknown."""
        if into is not None:
            self._change_topic(into, {"held": True})
        self._change_topic(topic, {"into": into, "held": True})

    def topics_state(self) -> tuple[int, ...]:
        """Numbers that change whenever answers that may be shown, or topics, do."""
        with self._session() as session:
            row = session.execute(_STATE).one()
            return tuple(int(value or 0) for value in row)

    def _change_topic(self, topic: str, values: dict[str, object]) -> None:
        def work(connection: Connection) -> int:
            change = update(TopicRecord).where(TopicRecord.id == topic).values(values)
            return int(connection.execute(change).rowcount)

        if self._write(work) == 0:
            raise InputError(f"there is no topic {topic[:32]!r}", todo="See /topics")


_STATE = text(
    "SELECT (SELECT count(*) FROM answers), (SELECT max(rowid) FROM answers),"
    " (SELECT count(*) FROM answer_batches), (SELECT max(rowid) FROM answer_batches),"
    " (SELECT count(*) FROM answer_batches WHERE batch = ''),"
    " (SELECT count(*) FROM topic_answers), (SELECT max(rowid) FROM topic_answers)"
)


def _put_topics(connection: Connection, found: Grouped, at: datetime) -> None:
    sizes = Counter(found.of.values())
    for topic, labels in found.labels.items():
        mean = found.means.get(topic)
        known = {
            "labels": dict(labels),
            "mean": mean.vector if mean else None,
            "answers": sizes[topic],
            "reach": mean.reach if mean else 0.0,
        }
        put = insert(TopicRecord).values(
            id=topic, name="", into=None, held=False, made_at=at, **known
        )
        connection.execute(put.on_conflict_do_update(index_elements=["id"], set_=known))


def _put_answers(connection: Connection, of: Mapping[str, str]) -> None:
    """Only of answers that are still there: one may have been withdrawn meanwhile."""
    rows = [{"answer": answer, "topic": topic} for answer, topic in of.items()]
    if not rows:
        return
    put = insert(TopicAnswerRecord)
    put = put.on_conflict_do_update(index_elements=["answer"], set_={"topic": put.excluded.topic})
    connection.execute(put, rows)
    there = select(AnswerRecord.id)
    connection.execute(delete(TopicAnswerRecord).where(TopicAnswerRecord.answer.not_in(there)))

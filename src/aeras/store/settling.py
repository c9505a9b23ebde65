"""The part of the control database that says which answers may be shown.

Answers are shown in batches of k, and a batch is never shown without one of its answers: so that no
two looks, at whatever time, differ by fewer than k answers. Which batch an answer is in is decided
once. When one is withdrawn or expires, its whole batch is shown no more.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from aeras.domain.kept import ASIDE, Origin
from aeras.store.part import Part
from aeras.store.tables import AnswerRecord, Base

RETIRED = ""


class BatchRecord(Base):
    """The batch in which an answer is shown; "" if it was in one that is shown no more."""

    __tablename__ = "answer_batches"

    answer: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch: Mapped[str] = mapped_column(String(32), index=True)


class Settling(Part):
    """Implements the batches of `aeras.domain.ports.AnswerBook`; a base of `Control`."""

    def batches(self, k: int, item: str | None = None) -> dict[str, str]:
        """Batch by answer id, of the answers that may be shown; see `AnswerBook.batches`."""
        self._settle(k, item)
        query = select(BatchRecord.answer, BatchRecord.batch).where(BatchRecord.batch != RETIRED)
        if item is not None:
            of_item = select(AnswerRecord.id).where(AnswerRecord.item == item)
            query = query.where(BatchRecord.answer.in_(of_item))
        with self._session() as session:
            return {row.answer: row.batch for row in session.execute(query)}

    def settled_counts(self, k: int, since: datetime) -> dict[str, int]:
        """How many answers on each item may be shown; see `AnswerBook.settled_counts`."""
        self._settle(k, None)
        with self._session() as session:
            counts = Counter(dict(_plain(session.execute(_SIMULATED, {"since": since}))))
            for item, count in _plain(session.execute(_IN_BATCHES, {"k": k, "since": since})):
                counts[item] += count
        return dict(counts)

    def answer_states(self, k: int) -> dict[str, bytes]:
        """What the answers on each item are now; see `AnswerBook.answer_states`."""
        self._settle(k, None)
        with self._session() as session:
            return {
                item: blake2b(lines.encode(), digest_size=16).digest()
                for item, lines in session.execute(_STATES)
            }

    def _settle(self, k: int, item: str | None) -> None:
        with self._session() as session:
            full = any(len(waiting) >= k for waiting in _waiting(session, item).values())
        if full:
            self._write(lambda connection: _settle(connection, k, item))


def _plain(rows: Iterable[Any]) -> list[tuple[str, int]]:
    return [(item, int(count)) for item, count in rows]


def _marked(mark: str) -> ColumnElement[bool]:
    return (literal(" ") + AnswerRecord.marks + " ").contains(f" {mark} ", autoescape=True)


_KEPT_ASIDE = or_(*(and_(*(_marked(mark) for mark in sorted(odd))) for odd in ASIDE))
_SHOWABLE = (AnswerRecord.marks == "") | ~_KEPT_ASIDE
_SINCE = bindparam("since", type_=AnswerRecord.__table__.c.at.type)
_SIMULATED = (
    select(AnswerRecord.item, func.count())
    .where(AnswerRecord.origin == Origin.SIMULATED.value, AnswerRecord.at >= _SINCE, _SHOWABLE)
    .group_by(AnswerRecord.item)
)
_BATCH = (
    select(
        AnswerRecord.item.label("item"),
        func.count().label("answers"),
        func.max(AnswerRecord.at).label("newest"),
        BatchRecord.batch.label("batch"),
    )
    .join(BatchRecord, BatchRecord.answer == AnswerRecord.id)
    .where(BatchRecord.batch != RETIRED, _SHOWABLE)
    .group_by(BatchRecord.batch, AnswerRecord.item)
    .subquery()
)
_IN_BATCHES = (
    select(_BATCH.c.item, func.sum(_BATCH.c.answers))
    .where(
        _BATCH.c.newest >= _SINCE,
        _BATCH.c.batch.in_(
            select(BatchRecord.batch)
            .group_by(BatchRecord.batch)
            .having(func.count() >= bindparam("k"))
        ),
    )
    .group_by(_BATCH.c.item)
)

_LINES = (
    select(
        AnswerRecord.item.label("item"),
        (
            AnswerRecord.id
            + literal(" ")
            + AnswerRecord.marks
            + literal(" ")
            + func.coalesce(BatchRecord.batch, literal("-"))
        ).label("line"),
    )
    .outerjoin(BatchRecord, BatchRecord.answer == AnswerRecord.id)
    .order_by(AnswerRecord.item, AnswerRecord.id)
    .subquery()
)
_STATES = select(_LINES.c.item, func.group_concat(_LINES.c.line, literal("\n"))).group_by(
    _LINES.c.item
)


def _settle(connection: Connection, k: int, item: str | None) -> None:
    for waiting in _waiting(connection, item).values():
        for start in range(0, len(waiting) - k + 1, k):
            batch = secrets.token_hex(16)
            rows = [{"answer": answer, "batch": batch} for answer in waiting[start : start + k]]
            connection.execute(insert(BatchRecord), rows)


def _waiting(
    connection: Connection | Session, item: str | None
) -> dict[tuple[object, ...], list[str]]:
    """Ids of real answers in no batch, oldest first, by all that figures are split by."""
    apart = (AnswerRecord.item, AnswerRecord.survey, AnswerRecord.version, AnswerRecord.trigger)
    query = (
        select(AnswerRecord.id, AnswerRecord.marks, *apart)
        .where(
            AnswerRecord.origin != Origin.SIMULATED.value,
            AnswerRecord.id.not_in(select(BatchRecord.answer)),
        )
        .order_by(AnswerRecord.at, AnswerRecord.id)
    )
    if item is not None:
        query = query.where(AnswerRecord.item == item)
    found: dict[tuple[object, ...], list[str]] = {}
    for answer, marks, *split in connection.execute(query):
        if not any(odd <= set(marks.split()) for odd in ASIDE):
            found.setdefault(tuple(split), []).append(answer)
    return found

"""The part of the control database that says which answers may be shown.

Answers are shown in batches of k, and a batch is never shown without one of its answers: so that no
two looks, at whatever time, differ by fewer than k answers. Which batch an answer is in is decided
once. When one is withdrawn or expires, its whole batch is shown no more.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, String, select
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
        with self._session() as session:
            full = any(len(waiting) >= k for waiting in _waiting(session, item).values())
        if full:
            self._write(lambda connection: _settle(connection, k, item))
        query = select(BatchRecord.answer, BatchRecord.batch).where(BatchRecord.batch != RETIRED)
        if item is not None:
            of_item = select(AnswerRecord.id).where(AnswerRecord.item == item)
            query = query.where(BatchRecord.answer.in_(of_item))
        with self._session() as session:
            return {row.answer: row.batch for row in session.execute(query)}


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

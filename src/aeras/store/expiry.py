"""The part of the control database that forgets: what is too old, and really from the disk."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from aeras.domain.kept import TriggerState
from aeras.store.feeds import HeldRecord, PushRecord
from aeras.store.lives import drop_lives, lived_since
from aeras.store.part import Part
from aeras.store.settling import RETIRED, BatchRecord
from aeras.store.tables import (
    AnswerRecord,
    MessageRecord,
    RedeemedRecord,
    TokenRecord,
    TriggerRecord,
)
from aeras.store.topics import TopicAnswerRecord

EXPIRES: Mapping[str, str] = {
    "answers": "when older than the retention, or withdrawn",
    "answer_batches": "with its answer",
    "topic_answers": "with its answer",
    "tokens": "when they could no longer be used",
    "triggers": "closed ones when older than the retention and left alone since, others after twice"
    " that",
    "trigger_steps": "with their trigger",
    "messages": "when older than the retention, sent or not; what they said when they were sent",
    "member_asks": "when no limit looks back so far any more; see `aeras.store.asking`",
    "redeemed_codes": "when the code would have expired",
    "sessions": "when they end; see `aeras.domain.accounts`",
    "invitations": "when they end",
    "api_tokens": "when they end",
    "attempts": "after a day",
    "feed_held": "when older than the retention",
    "feed_pushes": "when older than the retention",
    # kept: none of these is about a shopper's visit or answer
    "members": "kept until the consent is withdrawn",
    "incentive_codes": "kept: the retailer's own list; a claim leads to no answer",
    "responses": "kept: counts by day",
    "trial_hours": "kept: counts by hour",
    "form_versions": "kept: what was asked",
    "form_refusals": "kept: counts",
    "topics": "when no answer is left of one that nobody named; means are of k answers or more",
    "topic_languages": "kept: means of k answers or more, made anew with the topics",
    "prices": "kept: of items",
    "proposals": "kept: figures of k visits or more",
    "proposal_steps": "kept: what staff decided",
    "placed_weeks": "kept: published sums of weeks",
    "placed_rounds": "kept: made of published sums",
    "noisy_tables": "kept for ever: what was spent stays spent",
    "feeds": "kept: where connectors stand",
    "feed_products": "kept: of items",
    "feed_skus": "kept: of items",
    "users": "kept until removed",
    "recovery_codes": "kept until used",
    "settings": "kept",
    "alembic_version": "kept",
}
"""When each table's rows go. A table without a line here fails a test."""


class Expiring(Part):
    """Forgetting; a base of `aeras.store.control.Control`."""

    def expire(self, before: datetime, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
        """Drops what is too old, in one transaction.

        Args:
            before: What is older has reached its age (retention).
            now: What ended before has ended.
            dry_run: Counts only.

        Returns:
            How many rows of each kind.
        """
        doubly = before - (now - before)
        closed = (TriggerRecord.state == TriggerState.CLOSED.value) & ~lived_since(before)
        ended: dict[str, Any] = {
            "tokens": delete(TokenRecord).where(TokenRecord.until < now),
            "messages": delete(MessageRecord).where(MessageRecord.at < before),
            "feed_held": delete(HeldRecord).where(HeldRecord.since < before),
            "feed_pushes": delete(PushRecord).where(PushRecord.at < before),
            "redeemed_codes": delete(RedeemedRecord).where(RedeemedRecord.until < now),
            "triggers": delete(TriggerRecord).where(
                or_(TriggerRecord.opened_at < doubly, closed & (TriggerRecord.opened_at < before))
            ),
        }
        with self._session() as session:
            gone = {name: _rows(session.execute(drop)) for name, drop in ended.items()}
            gone["answers"] = drop_answers(session, AnswerRecord.at < before)
            drop_lives(session)
            if dry_run:
                session.rollback()
        return gone

    def clear_log(self) -> bool:
        """Merges SQLite's log into the file and empties it: deleted rows are overwritten with
        zeros there (``secure_delete``), but older pages of the log still hold them. False if
        somebody is reading at this moment; it is tried again at the next tidying.
        """
        connection = self._engine.raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            row: Any = cursor.fetchone()
            return not row[0]
        finally:
            connection.close()


def drop_answers(session: Session, which: ColumnElement[bool]) -> int:
    """Deletes answers and stops showing the batches they were in; how many answers."""
    ids = select(AnswerRecord.id).where(which)
    batches = select(BatchRecord.batch).where(BatchRecord.answer.in_(ids))
    # Writes only, so that SQLite takes the lock before anything was read.
    session.execute(
        update(BatchRecord)
        .where(BatchRecord.batch.in_(batches))
        .values(batch=RETIRED)
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(BatchRecord)
        .where(BatchRecord.answer.in_(ids))
        .execution_options(synchronize_session=False)
    )
    session.execute(
        delete(TopicAnswerRecord)
        .where(TopicAnswerRecord.answer.in_(ids))
        .execution_options(synchronize_session=False)
    )
    return _rows(session.execute(delete(AnswerRecord).where(which)))


def _rows(result: Any) -> int:
    return int(result.rowcount)

"""The part of the control database that keeps messages until their channel has taken them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, exists, func, or_, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import aliased

from aeras.domain.messages import ChannelCounts, Message, MessageState
from aeras.store.part import Part
from aeras.store.tables import MessageRecord

WAITING, SENT, DEAD = (state.value for state in MessageState)


class Messages(Part):
    """Implements `aeras.domain.messages.MessageBook`; a base of `aeras.store.control.Control`."""

    def put_message(
        self,
        channels: Sequence[str],
        topic: str,
        key: str,
        payload: Mapping[str, object],
        *,
        at: datetime,
        once: str | None = None,
    ) -> int:
        """Stores a message for each channel; how many were new."""
        rows = [
            {
                "id": f"msg_{secrets.token_hex(16)}",
                "channel": channel,
                "topic": topic,
                "key": key,
                "payload": dict(payload),
                "at": at,
                "due": at,
                "state": WAITING,
                "tries": 0,
                "waited_s": 0.0,
                "trouble": "",
                "once": once,
            }
            for channel in channels
        ]
        if not rows:
            return 0
        put = insert(MessageRecord).on_conflict_do_nothing(index_elements=["channel", "once"])

        def work(connection: Connection) -> int:
            return sum(int(connection.execute(put, row).rowcount) for row in rows)

        return self._write(work)

    def due_messages(
        self, channel: str, now: datetime, *, longest: timedelta, limit: int
    ) -> list[Message]:
        """The first waiting message of each key whose time has come. A time further ahead than the
        ``longest`` pause was set by a clock that has been put back since: it has come, too.
        """
        earlier = aliased(MessageRecord)
        blocked = exists().where(
            earlier.channel == MessageRecord.channel,
            earlier.state == WAITING,
            earlier.key == MessageRecord.key,
            earlier.sequence < MessageRecord.sequence,
        )
        query = (
            select(MessageRecord)
            .where(
                MessageRecord.channel == channel,
                MessageRecord.state == WAITING,
                or_(MessageRecord.due <= now, MessageRecord.due > now + longest),
                ~blocked,
            )
            .order_by(MessageRecord.sequence)
            .limit(limit)
        )
        with self._session() as session:
            return [_message(record) for record in session.scalars(query)]

    def message_sent(self, message: Message) -> None:
        """The channel has taken it. Its payload is forgotten; the row stays for `forget_sent`."""
        self._set_message(message, state=SENT, tries=message.tries + 1, payload={}, trouble="")

    def message_failed(
        self, message: Message, trouble: str, *, due: datetime, pause_s: float, dead: bool
    ) -> None:
        """The channel did not take it: tried again when due, or put with the dead letters."""
        self._set_message(
            message,
            state=DEAD if dead else WAITING,
            tries=message.tries + 1,
            waited_s=message.waited_s + pause_s,
            trouble=trouble[:500],
            due=due,
        )

    def _set_message(self, message: Message, **values: Any) -> None:
        change = update(MessageRecord).where(MessageRecord.id == message.id).values(**values)
        self._write(lambda connection: connection.execute(change))

    def wake_messages(self, channel: str, now: datetime) -> None:
        """All that wait for a channel are due: it takes messages again."""
        waiting = (MessageRecord.channel == channel) & (MessageRecord.state == WAITING)
        change = update(MessageRecord).where(waiting, MessageRecord.due > now).values(due=now)
        self._write(lambda connection: connection.execute(change))

    def revive_messages(self, channel: str, now: datetime, message_id: str | None = None) -> int:
        """Dead letters of a channel, or one of them, are tried again from the start; how many."""
        change = update(MessageRecord).where(
            MessageRecord.channel == channel, MessageRecord.state == DEAD
        )
        if message_id is not None:
            change = change.where(MessageRecord.id == message_id)
        change = change.values(state=WAITING, due=now, tries=0, waited_s=0.0)
        return self._write(lambda connection: int(connection.execute(change).rowcount))

    def messages(
        self, *, state: MessageState, channel: str | None = None, limit: int = 100
    ) -> list[Message]:
        """Messages in a state, newest first."""
        query = select(MessageRecord).where(MessageRecord.state == state.value)
        if channel is not None:
            query = query.where(MessageRecord.channel == channel)
        query = query.order_by(MessageRecord.sequence.desc()).limit(limit)
        with self._session() as session:
            return [_message(record) for record in session.scalars(query)]

    def channel_counts(self) -> dict[str, ChannelCounts]:
        """How many messages of each channel wait, were sent or are dead."""
        query = select(
            MessageRecord.channel,
            MessageRecord.state,
            func.count(),
            func.min(MessageRecord.at),
            func.max(MessageRecord.trouble),
        ).group_by(MessageRecord.channel, MessageRecord.state)
        found: dict[str, dict[str, Any]] = {}
        with self._session() as session:
            for channel, state, count, oldest, trouble in session.execute(query):
                counts = found.setdefault(channel, {})
                counts[state] = count
                if state == WAITING:
                    counts |= {"oldest": oldest, "trouble": trouble}
        return {channel: ChannelCounts(**counts) for channel, counts in found.items()}

    def forget_sent(self, before: datetime) -> int:
        """Deletes what was sent, and put before the moment; how many."""
        drop = delete(MessageRecord).where(MessageRecord.state == SENT, MessageRecord.at < before)
        return self._write(lambda connection: int(connection.execute(drop).rowcount))


def _message(record: MessageRecord) -> Message:
    return Message(
        id=record.id,
        sequence=record.sequence,
        channel=record.channel,
        topic=record.topic,
        key=record.key,
        payload=record.payload,
        at=record.at,
        state=MessageState(record.state),
        tries=record.tries,
        waited_s=record.waited_s,
        trouble=record.trouble,
    )

"""Messages that leave for channels: notes of triggers, invitations, signals to displays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from aeras.domain.errors import AerasError

TOPICS: dict[str, str] = {
    "trigger.opened": "a rule found something about an item",
    "trigger.changed": "a trigger moved on in its life",
    "trigger.closed": "a trigger was closed, with its measured effect where there is one",
    "answer.received": "somebody answered; the item and the survey only",
    "survey.invitation": "a consenting member may be asked; for the retailer's own server",
    "survey.prompt": "a display or kiosk may show an item's question now",
    "report.daily": "yesterday's report, by the section reports",
    "test": "a test message",
}
"""What messages can be about."""


class MessageState(StrEnum):
    """Where a message stands."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel.

    Attributes:
        id: Random; the same at each try, so that the receiver can drop what it has already.
        sequence: Counts up over all messages of the site: order within a key.
        channel: Id of the channel in the site file.
        topic: One of `TOPICS`.
        key: What it is about; order is kept within it.
        payload: JSON-ready.
        at: UTC, when it was put.
        state: Where it stands.
        tries: Deliveries tried so far.
        waited_s: Sum of the pauses between them, seconds.
        trouble: What the last try met, "" if nothing.
    """

    id: str
    sequence: int
    channel: str
    topic: str
    key: str
    payload: Mapping[str, object]
    at: datetime
    state: MessageState = MessageState.WAITING
    tries: int = 0
    waited_s: float = 0.0
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ChannelCounts:
    """Messages of one channel by state; since when (UTC) the oldest waits, and why."""

    waiting: int = 0
    sent: int = 0
    dead: int = 0
    oldest: datetime | None = None
    trouble: str = ""


class MessageBook(Protocol):
    """Keeps messages until they are taken. Writes are durable when the call returns."""

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

    def due_messages(
        self, channel: str, now: datetime, *, longest: timedelta, limit: int
    ) -> list[Message]:
        """The first waiting message of each key whose time has come. A time further ahead than the
        ``longest`` pause was set by a clock that has been put back since: it has come, too.
        """

    def message_sent(self, message: Message) -> None:
        """The channel has taken it."""

    def message_failed(
        self, message: Message, trouble: str, *, due: datetime, pause_s: float, dead: bool
    ) -> None:
        """The channel did not take it: tried again when due, or put with the dead letters."""

    def wake_messages(self, channel: str, now: datetime) -> None:
        """All that wait for a channel are due: it takes messages again."""

    def revive_messages(self, channel: str, now: datetime, message_id: str | None = None) -> int:
        """Dead letters of a channel, or one of them, are tried again from the start; how many."""

    def messages(
        self, *, state: MessageState, channel: str | None = None, limit: int = 100
    ) -> list[Message]:
        """Messages in a state, newest first."""

    def channel_counts(self) -> dict[str, ChannelCounts]:
        """How many messages of each channel wait, were sent or are dead."""

    def forget_sent(self, before: datetime) -> int:
        """Deletes what was sent, and put before the moment; how many."""


class UndeliveredError(AerasError):
    """A channel could not hand over a message.

    Args:
        what: As in `AerasError`.
        final: The receiver will never take this message: trying again cannot help.
        answered: The receiver is there and refused this message; it may take others.
        todo: As in `AerasError`.
    """

    def __init__(
        self, what: str, *, final: bool = False, answered: bool = False, todo: str = ""
    ) -> None:
        self.final = final
        self.answered = answered or final
        super().__init__(what, todo=todo)

    def __reduce__(self) -> tuple[object, ...]:
        return (_undelivered, (self.what, self.final, self.answered, self.todo))


def _undelivered(what: str, final: bool, answered: bool, todo: str) -> UndeliveredError:
    return UndeliveredError(what, final=final, answered=answered, todo=todo)

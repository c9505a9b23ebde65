"""Messages that leave for channels: notes of triggers, invitations, signals to displays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from aeras.domain.errors import AerasError

TOPICS: dict[str, str] = {
    "trigger.opened": "a rule found something about an item",
    "trigger.changed": "a trigger moved on in its life",
    "trigger.closed": "a trigger was closed, with its measured effect where there is one",
    "answer.received": "somebody answered; the item and the survey only",
    "survey.invitation": "a consenting member may be asked; for the retailer's own server",
    "survey.prompt": "a display or kiosk may show an item's question now",
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
    trouble: str = field(default="")


class UndeliveredError(AerasError):
    """A channel could not hand over a message.

    Args:
        what: As in `AerasError`.
        final: The receiver will never take this message: trying again cannot help.
        todo: As in `AerasError`.
    """

    def __init__(self, what: str, *, final: bool = False, todo: str = "") -> None:
        self.final = final
        super().__init__(what, todo=todo)

    def __reduce__(self) -> tuple[object, ...]:
        return (_undelivered, (self.what, self.final, self.todo))


def _undelivered(what: str, final: bool, todo: str) -> UndeliveredError:  # noqa: FBT001 - unpickling
    return UndeliveredError(what, final=final, todo=todo)

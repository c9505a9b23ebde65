"""The kiosk's screen: a prompt puts an item's question before the others for a moment."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from aeras.domain.messages import Message
from aeras.domain.ports import Channel, Clock
from aeras.respond.channels import Duration, Options, Topic


class KioskOptions(Options):
    """How long a prompt stays.

    Attributes:
        stay: From its arrival.
    """

    kind: Literal["kiosk"] = "kiosk"
    topics: tuple[Topic, ...] = ("survey.prompt",)
    stay: Duration = timedelta(seconds=60)

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel."""
        return Kiosk(self, clock)


class Kiosk:
    """Holds what was prompted last; implements `aeras.domain.ports.Channel`.

    The prompt says which item, never who stands there; a kiosk that asks it gets no more than the
    item's question.

    Args:
        options: How long a prompt stays.
        clock: UTC.
    """

    def __init__(self, options: KioskOptions, clock: Clock) -> None:
        self.name = options.id
        self._stay = options.stay
        self._clock = clock
        self._until: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def deliver(self, message: Message) -> str:
        """Shows the payload's ``item`` (else the key) for a while."""
        item = str(message.payload.get("item", message.key))
        with self._lock:
            self._until.pop(item, None)
            self._until[item] = self._clock() + self._stay
        return f"asks about {item}"

    def prompted(self) -> list[str]:
        """Items whose question should come first now, the latest prompt first."""
        now = self._clock()
        with self._lock:
            self._until = {i: t for i, t in self._until.items() if now < t <= now + self._stay}
            return list(reversed(self._until))

    def close(self) -> None:
        """Nothing is open."""

"""E-mail and chat through apprise: notes to staff. Members are not reached so: their addresses stay
with the retailer.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from aeras.domain.errors import ConfigError
from aeras.domain.messages import TOPICS, Message, UndeliveredError
from aeras.domain.ports import Channel, Clock
from aeras.domain.secret import read_secret
from aeras.respond.channels import Options, Secret


class AppriseOptions(Options):
    """Where to.

    Attributes:
        urls: apprise addresses (``mailtos://...``, ``slack://...``), which hold passwords.
    """

    kind: Literal["apprise"] = "apprise"
    urls: tuple[Secret, ...] = Field(min_length=1)

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel; ConfigError for an address that apprise does not know."""
        return AppriseChannel(self.id, [read_secret(url, folder) for url in self.urls])


class AppriseChannel:
    """Sends notes; implements `aeras.domain.ports.Channel`.

    Args:
        name: The channel's id.
        urls: apprise addresses.
    """

    def __init__(self, name: str, urls: list[str]) -> None:
        import apprise  # noqa: PLC0415 - loads all its services

        self.name = name
        self._notifiers: list[Any] = []
        for number, url in enumerate(urls, 1):
            one = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, secure_logging=True))
            if not one.add(url):
                raise ConfigError(
                    f"channel {name!r}: address {number} is none that apprise knows",
                    todo="See the list of services in apprise's documentation",
                )
            self._notifiers.append(one)
        self._reached: dict[str, set[int]] = {}

    def deliver(self, message: Message) -> str:
        """Sends it to every address; those that took it are not sent it again."""
        title, body = as_text(message)
        reached = self._reached.setdefault(message.id, set())
        file = message.payload.get("file")
        for number, one in enumerate(self._notifiers):
            takes = isinstance(file, dict) and all(s.attachment_support for s in one)
            attach = _attachment(file) if takes else None
            if number not in reached and one.notify(title=title, body=body, attach=attach):
                reached.add(number)
        missing = len(self._notifiers) - len(reached)
        if missing:
            raise UndeliveredError(f"{missing} of {len(self._notifiers)} addresses did not take it")
        del self._reached[message.id]
        return f"sent to {len(self._notifiers)}"

    def close(self) -> None:
        """Nothing stays open."""


def _attachment(file: Any) -> Any:
    """A payload's ``file`` ({name, type, content: base64}) as apprise attaches it."""
    from apprise import AppriseAttachment  # noqa: PLC0415 - loads all its services
    from apprise.attachment.memory import AttachMemory  # noqa: PLC0415

    content = base64.b64decode(file["content"])
    found = AppriseAttachment()
    found.add(AttachMemory(content=content, name=file["name"], mimetype=file["type"]))
    return found


def as_text(message: Message) -> tuple[str, str]:
    """Title and body: the payload's own ``title`` and ``text`` where it has them."""
    data = dict(message.payload)
    title = str(data.pop("title", "")) or f"AERAS: {TOPICS.get(message.topic, message.topic)}"
    text = str(data.pop("text", ""))
    lines = [f"{name}: {value}" for name, value in data.items() if not isinstance(value, dict)]
    return title, text or "\n".join(lines) or message.key

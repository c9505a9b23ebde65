"""Receipts: plain text for the till to print, and the link for the till's own QR code.

Only characters of every code page; lines no longer than the paper; the link on one line of its own,
which the till may print as a QR code instead (ESC/POS ``GS ( k``).
"""

from __future__ import annotations

import textwrap
import unicodedata
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from aeras.domain.messages import Message
from aeras.domain.ports import Channel, Clock
from aeras.respond.channels import Options

WORDS = {
    "en": ("How is {item}?", "One question, less than a minute, no name. Scan or open:"),
    "de": ("Wie ist {item}?", "Eine Frage, unter einer Minute, ohne Namen. Scannen oder oeffnen:"),
}
_SPELLED = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "€": "EUR"}


class ReceiptOptions(Options):
    """The paper.

    Attributes:
        width: Characters a line: 32 on 58 mm paper, 42 or 48 on 80 mm.
    """

    shown: ClassVar[bool] = True
    kind: Literal["receipt"] = "receipt"
    width: int = Field(default=42, ge=24, le=64)

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel."""
        return Receipt(self)


class Receipt:
    """Makes the text; implements `aeras.domain.ports.Channel`.

    Args:
        options: The paper.
    """

    def __init__(self, options: ReceiptOptions) -> None:
        self.name = options.id
        self._width = options.width

    def deliver(self, message: Message) -> str:
        """The lines to print, of the payload's ``item_name``, ``link`` and ``language``."""
        data = message.payload
        head, body = WORDS.get(str(data.get("language", "en")), WORDS["en"])
        lines = [
            *textwrap.wrap(head.format(item=printable(str(data["item_name"]))), self._width),
            *textwrap.wrap(body, self._width),
            str(data["link"]),
        ]
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """Nothing is open."""


def printable(text: str) -> str:
    """The text in the characters that every receipt printer has (ASCII without controls)."""
    spelled = "".join(_SPELLED.get(c, c) for c in text)
    plain = unicodedata.normalize("NFKD", spelled).encode("ascii", "ignore").decode()
    return "".join(c for c in plain if c.isprintable()).strip() or "?"

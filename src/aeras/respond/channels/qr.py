"""QR codes: the link as a picture on a shelf card, a kiosk or a receipt."""

from __future__ import annotations

import io
from pathlib import Path
from typing import ClassVar, Literal

import segno

from aeras.domain.errors import InputError
from aeras.domain.messages import Message
from aeras.domain.ports import Channel, Clock
from aeras.respond.channels import Options

_QUIET_ZONE = 4
"""Modules of white margin that readers need (ISO/IEC 18004, 9.1)."""


class QrOptions(Options):
    """Nothing to choose."""

    shown: ClassVar[bool] = True
    kind: Literal["qr"] = "qr"

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel."""
        return QrChannel(self.id)


class QrChannel:
    """Shows a survey link as a QR code; implements `aeras.domain.ports.Channel`."""

    def __init__(self, name: str = "qr") -> None:
        self.name = name

    def deliver(self, message: Message) -> str:
        """One standalone ``<svg>`` of the payload's ``link``; InputError for a link that no QR
        code can hold.
        """
        return svg(str(message.payload["link"]))

    def close(self) -> None:
        """Nothing is open."""


def svg(link: str) -> str:
    """The link as an SVG of dark squares on white, scalable, without script or style."""
    try:
        code = segno.make_qr(link, error="m", boost_error=False)
    except ValueError as error:
        raise InputError(f"{link[:60]!r} does not fit a QR code ({error})") from None
    out = io.BytesIO()
    code.save(
        out,
        kind="svg",
        border=_QUIET_ZONE,
        light="#fff",
        xmldecl=False,
        svgclass=None,
        lineclass=None,
        omitsize=True,
    )
    return out.getvalue().decode()

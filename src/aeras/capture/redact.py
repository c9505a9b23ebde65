"""Keeps passwords of camera addresses out of messages and logs."""

from __future__ import annotations

import re

# Up to the last @, since people do not escape what their passwords hold.
_USER = re.compile(r"(?<=://)\S*@")
_SECRET = re.compile(
    r"(?<=[?&;])([^=&;\s]*(?:pass|pwd|user|login|token|key|auth|secret|sig)[^=&;\s]*)=[^&;#\s]*",
    re.IGNORECASE,
)


def redact(address: str) -> str:
    """The address without user name, password and secret-looking query values."""
    return _SECRET.sub(r"\1=***", _USER.sub("***@", address))

"""Signatures of webhooks, out and in, as the Standard Webhooks specification 1.0 lays them down.

What is signed is ``id.timestamp.body``; the key is shared with the other side as
``whsec_`` and 24 to 64 bytes in base64. Several signatures may stand in one header while a key is
changed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta

from aeras.domain.errors import ConfigError, InputError

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
TOLERANCE = timedelta(minutes=5)
"""How far the clocks of the two sides may differ."""
_PREFIX = "whsec_"
_MIN_BYTES = 24


def webhook_key(secret: str) -> bytes:
    """The key of ``whsec_...``; ConfigError if it is none or too short."""
    try:
        key = base64.b64decode(secret.strip().removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.strip().startswith(_PREFIX) or len(key) < _MIN_BYTES:
        raise ConfigError(
            f"is no webhook secret: expected {_PREFIX} and at least {_MIN_BYTES} bytes in base64",
            todo='Make one: echo "whsec_$(head -c 32 /dev/urandom | base64)"',
        )
    return key


def signed_headers(key: bytes, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The three headers of a webhook that is sent at a moment (UTC)."""
    stamp = str(int(at.timestamp()))
    return {
        ID: message_id,
        TIMESTAMP: stamp,
        SIGNATURE: f"v1,{_sign(key, message_id, stamp, body)}",
    }


def verify_webhook(
    key: bytes,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
) -> str:
    """Checks a webhook that came in.

    Args:
        key: Shared with the sender.
        headers: Of the request, names in any case.
        body: As it came, before any parsing.
        now: UTC.
        tolerance: How old or new it may be.

    Returns:
        Its id: whoever handles it must drop an id that was handled before.

    Raises:
        InputError: A header is missing, the signature is wrong, or it is too old or too new.
    """
    found = {name.lower(): value for name, value in headers.items()}
    message_id, stamp = found.get(ID, ""), found.get(TIMESTAMP, "")
    signatures = found.get(SIGNATURE, "")
    if not (message_id and stamp and signatures):
        raise InputError(f"this webhook lacks one of the headers {ID}, {TIMESTAMP}, {SIGNATURE}")
    expected = _sign(key, message_id, stamp, body)
    known = [text.partition(",") for text in signatures.split()]
    if not any(v == "v1" and hmac.compare_digest(s, expected) for v, _, s in known):
        raise InputError(
            "the webhook's signature does not fit", todo="Give both sides the same secret"
        )
    try:
        age_s = now.timestamp() - int(stamp)
    except ValueError:
        raise InputError(f"the webhook's {TIMESTAMP} is no number of seconds") from None
    if abs(age_s) > tolerance.total_seconds():
        raise InputError(
            f"the webhook is {abs(age_s):.0f} s too {'old' if age_s > 0 else 'new'}: at most "
            f"{tolerance.total_seconds():.0f} s are taken",
            todo="Set the clocks of both machines",
        )
    return message_id


def _sign(key: bytes, message_id: str, stamp: str, body: bytes) -> str:
    signed = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()

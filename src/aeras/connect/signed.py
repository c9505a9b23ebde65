"""What Shopify's and WooCommerce's webhooks share: an HMAC over the body as it came."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from aeras.connect.port import BadDataError, ForgedError


def check_hmac(body: bytes, signature: str, secret: str, where: str) -> None:
    """Raises ForgedError unless the signature is base64 of the body's HMAC-SHA256; without a secret
    nothing is taken.
    """
    made = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    if not secret or not hmac.compare_digest(made, signature.encode()):
        raise forged(where)


def forged(where: str) -> ForgedError:
    """For a webhook that is not signed with our secret."""
    return ForgedError(
        "the webhook is not signed with our secret",
        where=where,
        todo="Compare the connector's `webhook_secret` with the one at the source",
    )


def read_json(body: bytes, where: str) -> Mapping[str, Any]:
    """The body as an object; BadDataError if it is none."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise BadDataError("the webhook's body is no JSON object", where=where)
    return found

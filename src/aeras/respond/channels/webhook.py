"""Signed webhooks (standardwebhooks.com): one POST a message to the retailer's own server."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from aeras.domain.messages import Message, UndeliveredError
from aeras.domain.ports import Channel, Clock
from aeras.domain.secret import read_secret
from aeras.domain.signing import signed_headers, webhook_key
from aeras.respond.channels import Duration, Options, Secret
from aeras.respond.net import post

GONE = 410
TOO_LARGE = 413


class HookOptions(Options):
    """What every signed webhook can be told.

    Attributes:
        url: https; http only where ``private`` is set.
        secret: ``whsec_...``, shared with the receiver.
        timeout: For one delivery.
        private: Lets it be inside: this machine or this network.
    """

    url: str
    secret: Secret
    timeout: Duration = timedelta(seconds=10)
    private: bool = False

    @model_validator(mode="after")
    def _check(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or parts.password:
            raise ValueError(f"url: {self.url!r} is no https address without a password")
        if parts.scheme == "http" and not self.private:
            raise ValueError("url: http is readable on the way; use https, or `private: true`")
        return self

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel."""
        return Webhook(self, webhook_key(read_secret(self.secret, folder)), clock)


class WebhookOptions(HookOptions):
    """A webhook's options."""

    kind: Literal["webhook"] = "webhook"


class Webhook:
    """Posts messages; implements `aeras.domain.ports.Channel`.

    Args:
        options: Where to.
        key: Signs.
        clock: UTC.
    """

    def __init__(self, options: HookOptions, key: bytes, clock: Clock) -> None:
        self.name = options.id
        self._options = options
        self._key = key
        self._clock = clock

    def deliver(self, message: Message) -> str:
        """Sends it; UndeliveredError unless the receiver answers with a status from 200 to 299."""
        body = as_json(message).encode()
        headers = {
            "content-type": "application/json",
            "user-agent": "AERAS",
            "connection": "close",
            **signed_headers(self._key, message.id, body, self._clock()),
        }
        options = self._options
        status, text = post(
            options.url,
            body,
            headers,
            timeout_s=options.timeout.total_seconds(),
            private=options.private,
        )
        if 200 <= status < 300:  # noqa: PLR2004 - success
            return f"answered {status}"
        if 300 <= status < 400:  # noqa: PLR2004 - redirects
            raise UndeliveredError(
                f"the receiver answers with a redirect ({status}), which is not followed",
                answered=True,
                todo="Set the channel's url to the new address",
            )
        raise UndeliveredError(
            f"the receiver answers {status}: {' '.join(text.split())[:120]}",
            final=status in {GONE, TOO_LARGE},
            answered=True,
        )

    def close(self) -> None:
        """Nothing stays open."""


def as_json(message: Message) -> str:
    """The body; see docs/channels.md."""
    return json.dumps(
        {
            "type": message.topic,
            "timestamp": message.at.isoformat().replace("+00:00", "Z"),
            "id": message.id,
            "key": message.key,
            "sequence": message.sequence,
            "data": message.payload,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )

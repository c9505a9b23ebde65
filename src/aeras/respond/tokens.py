"""Signed single-use survey tokens: what a survey link carries.

The token says survey, item, trigger and expiry, and carries 128 random bits. The store knows only
its hash, so that neither the database nor a log line lets anyone answer.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from itsdangerous import BadData, URLSafeSerializer

from aeras.domain.desk import Refusal, RefusedError
from aeras.domain.ports import AnswerBook, Clock

TTL = timedelta(days=2)
_MAX_CHARS = 1024


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a valid token says.

    Attributes:
        survey: Form id.
        item: Item asked about.
        trigger: Trigger that pushed the survey, or None.
        channel: How the link was given out (``qr`` ...).
        hash: SHA-256 of the token, by which the store knows it.
    """

    survey: str
    item: str
    trigger: str | None
    channel: str
    hash: str


class Tokens:
    """Issues and reads tokens.

    Args:
        secret: Key that signs them; keep it out of the site file.
        book: Remembers which were issued and spent.
        clock: Present moment in UTC.
        ttl: How long a token can be used.
    """

    def __init__(
        self, secret: str, *, book: AnswerBook, clock: Clock, ttl: timedelta = TTL
    ) -> None:
        self._signer = URLSafeSerializer(secret, salt="aeras.survey")
        self._book = book
        self._clock = clock
        self._ttl = ttl

    def issue(self, survey: str, item: str, *, channel: str, trigger: str | None = None) -> str:
        """A new token, URL-safe."""
        until = self._clock() + self._ttl
        expires = int(until.timestamp())
        nonce = secrets.token_urlsafe(16)
        token = str(self._signer.dumps([survey, item, trigger, channel, expires, nonce]))
        self._book.issue_token(_hash(token), survey, item, channel, until=until)
        return token

    def read(self, token: str) -> Ticket:
        """Checks a token without spending it; RefusedError if it is forged, expired or spent."""
        survey, item, trigger, channel, expires = self._opened(token)
        if datetime.fromtimestamp(expires, UTC) <= self._clock():
            raise RefusedError(
                Refusal.EXPIRED, "this survey link has expired", todo="Scan the code again"
            )
        ticket = Ticket(survey, item, trigger, channel, _hash(token))
        if self._book.token_spent(ticket.hash):
            raise spent()
        return ticket

    def _opened(self, token: str) -> tuple[str, str, str | None, str, int]:
        try:
            survey, item, trigger, channel, expires, _ = self._signer.loads(token[:_MAX_CHARS])
        except (BadData, ValueError, TypeError):
            raise RefusedError(
                Refusal.FORGED, "this survey link is not one of ours", todo="Scan the code again"
            ) from None
        return survey, item, trigger, channel, expires


def spent() -> RefusedError:
    """The refusal of a token that was used before."""
    return RefusedError(
        Refusal.SPENT, "this survey link was used before", todo="Scan the code again for a new one"
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

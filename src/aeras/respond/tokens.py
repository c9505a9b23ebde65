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

from aeras.domain.asking import Counted
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
        issued_at: UTC, to the second.
        arm: Trial and arm to which chance gave it, or None.
    """

    survey: str
    item: str
    trigger: str | None
    channel: str
    hash: str
    issued_at: datetime
    arm: tuple[str, str] | None = None


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

    def issue(
        self,
        survey: str,
        item: str,
        *,
        channel: str,
        trigger: str | None = None,
        nonce: str | None = None,
        counted: Counted | None = None,
    ) -> str:
        """A new token, URL-safe.

        Args:
            survey: See `Ticket`, as of the next three.
            item: Asked about.
            channel: By which it is given out.
            trigger: Which pushed it.
            nonce: Its random part, of `secrets.token_urlsafe`.
            counted: Where the invitation is counted.
        """
        until = self._clock() + self._ttl
        expires = int(until.timestamp())
        arm = [counted.arm.trial, counted.arm.arm] if counted and counted.arm else None
        said = [survey, item, trigger, channel, expires, nonce or secrets.token_urlsafe(16), arm]
        token = str(self._signer.dumps(said))
        named = token_hash(token)
        self._book.issue_token(named, survey, item, channel, counted=counted, until=until)
        return token

    def read(self, token: str) -> Ticket:
        """Checks a token without spending it; RefusedError if it is forged, expired or spent."""
        survey, item, trigger, channel, expires, arm = self._opened(token)
        until = datetime.fromtimestamp(expires, UTC)
        if until <= self._clock():
            raise RefusedError(
                Refusal.EXPIRED, "this survey link has expired", todo="Scan the code again"
            )
        issued_at = until - self._ttl
        ticket = Ticket(survey, item, trigger, channel, token_hash(token), issued_at, arm)
        if self._book.token_spent(ticket.hash):
            raise spent()
        return ticket

    def survey_of(self, token: str) -> str | None:
        """The form that a token names, None for a forged one."""
        try:
            return self._opened(token)[0]
        except RefusedError:
            return None

    def _opened(self, token: str) -> tuple[str, str, str | None, str, int, tuple[str, str] | None]:
        try:
            said = self._signer.loads(token[:_MAX_CHARS])
            survey, item, trigger, channel, expires, _, *more = said  # older links end here
            arm = (str(more[0][0]), str(more[0][1])) if more and more[0] else None
        except (BadData, ValueError, TypeError):
            raise RefusedError(
                Refusal.FORGED, "this survey link is not one of ours", todo="Scan the code again"
            ) from None
        return survey, item, trigger, channel, expires, arm


def spent() -> RefusedError:
    """The refusal of a token that was used before."""
    return RefusedError(
        Refusal.SPENT, "this survey link was used before", todo="Scan the code again for a new one"
    )


def token_hash(token: str) -> str:
    """By which the store knows a token."""
    return hashlib.sha256(token.encode()).hexdigest()

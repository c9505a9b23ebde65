"""Links to surveys: a signed card link that a shelf card may carry for weeks, and single-use ones.

Whoever scans a card is sent on to a fresh single-use link, so that a printed code serves many
people and still counts each answer once.
"""

from __future__ import annotations

from fastapi import Request
from itsdangerous import BadSignature, URLSafeSerializer

from aeras.domain.desk import Refusal, RefusedError


class CardLinks:
    """Signs item ids, so that only printed cards lead to a survey."""

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeSerializer(secret, salt="aeras.card")

    def sign(self, item: str) -> str:
        """The code in a card's link."""
        return str(self._signer.dumps(item))

    def read(self, code: str) -> str:
        """The item of a card; RefusedError if the code was not made here."""
        try:
            return str(self._signer.loads(code))
        except BadSignature:
            raise RefusedError(
                Refusal.FORGED, "this survey link is not one of ours", todo="Scan the code again"
            ) from None


def base_url(request: Request) -> str:
    """Where phones reach this site: the configured address, else the one that was asked."""
    return str(request.app.state.public_url or request.base_url).rstrip("/")


def card_link(request: Request, item: str) -> str:
    """The URL that an item's printed QR code holds."""
    cards: CardLinks = request.app.state.cards
    return f"{base_url(request)}/q/{cards.sign(item)}"


def single_link(request: Request, item: str, *, channel: str) -> str:
    """A URL that lets one person answer once; InputError if the item has no survey."""
    return f"{base_url(request)}/s/{request.app.state.desk.invite(item, channel)}"

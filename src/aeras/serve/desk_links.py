"""Links to surveys: printed ones that a shelf card may carry for weeks, and single-use ones.

A card holds a GS1 Digital Link (GS1 Digital Link standard: URI syntax): ``/01/`` and the item's
GTIN, and after ``/21/`` a serial made of the facing, so that each card is told from every other
and from one that was not printed here. An item without GTIN gets ``/q/`` and a signed code.

Whoever scans a card is sent on to a fresh single-use link, so that a printed code serves many
people and still counts each answer once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from fastapi import Request
from itsdangerous import BadSignature, URLSafeSerializer

from aeras.domain.desk import Refusal, RefusedError
from aeras.domain.shop import Item, Shop

_SERIAL = 12
"""Letters and digits of a serial, 60 bits; GS1 allows 20."""
GTIN_DIGITS = 14


class CardLinks:
    """Signs item ids and facings, so that only printed cards lead to a survey."""

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeSerializer(secret, salt="aeras.card")
        self._key = secret.encode()

    def sign(self, item: str) -> str:
        """The code in a card's link."""
        return str(self._signer.dumps(item))

    def read(self, code: str) -> str:
        """The item of a card; RefusedError if the code was not made here."""
        try:
            return str(self._signer.loads(code))
        except BadSignature:
            raise _forged() from None

    def serial(self, item: str, place: str) -> str:
        """The serial of an item's card at a facing ("" for one that belongs to none)."""
        digest = hmac.digest(self._key, f"card:{item}:{place}".encode(), hashlib.sha256)
        return base64.b32encode(digest).decode()[:_SERIAL]

    def item_of(self, shop: Shop, gtin: str, serial: str | None) -> Item:
        """The item of a Digital Link; RefusedError if it is none of the shop's, or its serial was
        not made for one of the item's places.
        """
        wanted = gtin.zfill(GTIN_DIGITS)
        known = gtin.isascii() and gtin.isdigit()
        for item in shop.items:
            if known and item.gtin and item.gtin.zfill(GTIN_DIGITS) == wanted:
                places = ("", *places_of(shop, item.id))
                mine = [self.serial(item.id, place) for place in places]
                if serial is None or serial.upper() in mine:
                    return item
        raise _forged()


def _forged() -> RefusedError:
    return RefusedError(
        Refusal.FORGED, "this survey link is not one of ours", todo="Scan the code again"
    )


def places_of(shop: Shop, item: str) -> list[str]:
    """The facings at which an item stands."""
    return [f.id for fixture in shop.fixtures for f in fixture.facings if f.item == item]


def base_url(request: Request) -> str:
    """Where phones reach this site: the configured address, else the one that was asked."""
    return str(request.app.state.public_url or request.base_url).rstrip("/")


def card_link(request: Request, item: str, place: str = "") -> str:
    """The URL that an item's printed QR code holds."""
    cards: CardLinks = request.app.state.cards
    shop: Shop = request.app.state.board.shop
    gtin = next((known.gtin for known in shop.items if known.id == item), None)
    if gtin is None:
        return f"{base_url(request)}/q/{cards.sign(item)}"
    return f"{base_url(request)}/01/{gtin.zfill(GTIN_DIGITS)}/21/{cards.serial(item, place)}"


def facing_links(request: Request, shop: Shop, item: str) -> list[tuple[str, str]]:
    """Each facing of an item with the link of its card; one without facing if it stands nowhere."""
    return [(place, card_link(request, item, place)) for place in places_of(shop, item) or [""]]


def single_link(request: Request, item: str, *, channel: str) -> str:
    """A URL that lets one person answer once; InputError if the item has no survey."""
    return f"{base_url(request)}/s/{request.app.state.desk.invite(item, channel)}"

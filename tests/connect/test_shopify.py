"""Shopify's own: its signature, its throttling, long orders, gross and net."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator

import pytest
from feeding import Bench

from aeras.connect.port import BadDataError, ForgedError, RevokedError, TemporaryError
from aeras.connect.shopify import Shopify
from tests.support.reading import Book
from tests.support.shapes import CANARY, ShopifyApi, Truth, as_json, serving
from tests.support.shop_links import ENVIRONMENT, SECRET, shopify

BODY = b'{"id": 820982911946154508, "email": "' + CANARY.encode() + b'"}'


@pytest.fixture
def api() -> Iterator[ShopifyApi]:
    with serving(ShopifyApi, Truth()) as opened:
        assert isinstance(opened, ShopifyApi)
        yield opened


@pytest.fixture
def shop(api: ShopifyApi, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Shopify:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    bench.clock = lambda: api.truth.now  # type: ignore[method-assign]
    made = shopify(api.url).build(bench.context)
    assert isinstance(made, Shopify)
    return made


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {"x-shopify-hmac-sha256": base64.b64encode(mac).decode(), "x-shopify-webhook-id": "w-1"}


def test_a_signed_webhook_asks_for_a_pull_and_tells_nothing_itself(shop: Shopify) -> None:
    push = shop.verify_webhook(signed(BODY), BODY, "")
    assert (push.id, push.page.more) == ("w-1", True)
    assert CANARY not in repr(push)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        (signed(BODY), BODY + b"\n"),
        (signed(BODY, secret="other"), BODY),
        ({"x-shopify-hmac-sha256": "ü"}, BODY),
    ],
)
def test_a_webhook_that_is_not_shopify_s_is_refused(
    shop: Shopify, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(ForgedError):
        shop.verify_webhook(headers, body, "")


def test_throttling_tells_how_long_to_wait(shop: Shopify, api: ShopifyApi) -> None:
    cost = {
        "requestedQueryCost": 752,
        "throttleStatus": {"currentlyAvailable": 152, "restoreRate": 100.0},
    }
    errors = [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]
    api.answer = lambda _: as_json({"errors": errors, "extensions": {"cost": cost}})
    with pytest.raises(TemporaryError) as told:
        shop.pull(None)
    assert told.value.retry_after_s == 6


def test_a_missing_right_is_told_as_revoked(shop: Shopify, api: ShopifyApi) -> None:
    errors = [{"message": CANARY, "extensions": {"code": "ACCESS_DENIED"}}]
    api.answer = lambda _: as_json({"errors": errors})
    with pytest.raises(RevokedError, match="read_orders") as told:
        shop.pull(None)
    assert CANARY not in str(told.value)


def test_an_unknown_field_is_told_without_shopify_s_words(shop: Shopify, api: ShopifyApi) -> None:
    errors = [{"message": CANARY, "extensions": {"code": "undefinedField"}}]
    api.answer = lambda _: as_json({"errors": errors})
    with pytest.raises(BadDataError, match="undefinedField") as told:
        shop.pull(None)
    assert CANARY not in str(told.value)


def test_a_long_order_is_read_to_its_last_line(shop: Shopify, api: ShopifyApi) -> None:
    order = api.truth.sell()
    order.lines = [("OAT-1", 1)] * 7
    assert len(Book().read(shop).receipts[str(order.id)].lines) == 7


def test_tax_stands_beside_net_prices(shop: Shopify, api: ShopifyApi) -> None:
    order = api.truth.sell()
    order.lines = [("OAT-1", 3)]
    order.back[0] = 1
    (line,) = Book().read(shop).receipts[str(order.id)].lines
    assert (str(line.amount), str(line.tax)) == ("3.58", "0.40")


def test_a_location_that_is_not_there_is_named(shop: Shopify, api: ShopifyApi) -> None:
    api.answer = lambda r: as_json({"data": {"location": None}}) if b"Stock" in r.body else None
    with pytest.raises(BadDataError, match="no location 11"):
        Book().read(shop)

"""Square's own: its signature, its cursor, its returns and its currencies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest
from feeding import Bench

from aeras.connect.port import BadDataError, ForgedError
from aeras.connect.square import SquareShop
from tests.support.reading import Book
from tests.support.shapes import SquareApi, Truth, as_json, iso, serving
from tests.support.shop_links import ENVIRONMENT, SECRET, square

URL = "https://shop.example/hooks/connect/till"
BODY = json.dumps({"type": "order.updated", "event_id": "e-1", "data": {"id": "O1"}}).encode()


@pytest.fixture
def api() -> Iterator[SquareApi]:
    with serving(SquareApi, Truth()) as opened:
        assert isinstance(opened, SquareApi)
        yield opened


@pytest.fixture
def shop(api: SquareApi, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[SquareShop]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    bench.clock = lambda: api.truth.now  # type: ignore[method-assign]
    made = square(api.url).build(bench.context)
    assert isinstance(made, SquareShop)
    yield made
    made.close()


def signed(body: bytes, url: str = URL, secret: str = SECRET) -> dict[str, str]:
    mac = hmac.new(secret.encode(), url.encode() + body, hashlib.sha256).digest()
    return {"x-square-hmacsha256-signature": base64.b64encode(mac).decode()}


def test_a_signed_webhook_asks_for_a_pull(shop: SquareShop) -> None:
    push = shop.verify_webhook(signed(BODY), BODY, URL)
    assert (push.id, push.page.more) == ("e-1", True)


@pytest.mark.parametrize(
    ("headers", "body", "url"),
    [
        ({}, BODY, URL),
        (signed(BODY), BODY + b" ", URL),
        (signed(BODY), BODY, URL + "x"),
        (signed(BODY, secret="other"), BODY, URL),
        (signed(b"\xff"), b"\xff", URL),
        (signed(b""), b"", URL),
    ],
)
def test_a_webhook_that_is_not_square_s_is_refused(
    shop: SquareShop, headers: dict[str, str], body: bytes, url: str
) -> None:
    with pytest.raises(ForgedError):
        shop.verify_webhook(headers, body, url)


def test_without_a_secret_no_webhook_is_taken(
    shop: SquareShop, api: SquareApi, bench: Bench
) -> None:
    del shop  # its environment is what counts
    open_shop = square(api.url, webhook_secret=None).build(bench.context)
    with pytest.raises(ForgedError):
        open_shop.verify_webhook(signed(BODY, secret=""), BODY, URL)  # type: ignore[attr-defined]
    open_shop.close()


def test_a_signed_webhook_that_is_no_object_is_bad(shop: SquareShop) -> None:
    with pytest.raises(BadDataError, match="no JSON object"):
        shop.verify_webhook(signed(b"[]"), b"[]", URL)


def test_a_lost_cursor_starts_the_part_again(shop: SquareShop, api: SquareApi) -> None:
    api.truth.live(20)
    book = Book()
    book.take(page := shop.pull(None))
    book.take(page := shop.pull(page.cursor))
    assert page.cursor is not None
    mark = json.loads(page.cursor)
    assert mark["next"], "some pages are left"
    book.cursor = json.dumps({**mark, "next": "lost"})
    book.read(shop)
    assert {k: float(v) for k, v in book.sold().items() if v} == api.truth.sold()


def test_an_order_without_what_a_sale_needs_is_held_and_the_rest_taken(
    shop: SquareShop, api: SquareApi
) -> None:
    api.truth.live(5)
    (good, *_) = [row for order in api.truth.orders for row in api._told(order)]
    bad = {**good, "id": "OBAD", "line_items": [{**good["line_items"][0], "quantity": "two"}]}
    api.answer = lambda r: as_json({"orders": [bad, good]}) if "orders" in r.path else None
    book = Book().read(shop)
    assert book.spoilt == ["OBAD"]
    assert list(book.receipts) == [good["id"]]


def test_yen_have_no_decimals_and_weights_their_unit(shop: SquareShop, api: SquareApi) -> None:
    now = iso(api.truth.now)
    line = {
        "catalog_object_id": "VOAT-1",
        "quantity": "0.450",
        "quantity_unit": {"measurement_unit": {"weight_unit": "METRIC_KILOGRAM"}, "precision": 3},
        "total_money": {"amount": 980, "currency": "JPY"},
    }
    order = {
        "id": "O9",
        "location_id": "L1",
        "state": "COMPLETED",
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "line_items": [line, {"quantity": "1", "name": "an amount typed in, no product"}],
        "total_money": {"amount": 980, "currency": "JPY"},
    }
    api.answer = lambda r: as_json({"orders": [order]}) if "orders" in r.path else None
    (told,) = Book().read(shop).receipts["O9"].lines
    assert (told.sku, told.gtin) == ("OAT-1", "4006381333931")
    assert (str(told.quantity), told.unit, told.amount) == ("0.450", "kg", 980)

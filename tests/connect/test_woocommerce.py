"""WooCommerce's own: its signature, its ping, deleted orders, many changes in one second."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest
from feeding import Bench

from aeras.connect.port import ForgedError, TemporaryError
from aeras.connect.woocommerce import WooCommerce, WooOptions
from tests.support.reading import Book
from tests.support.shapes import CANARY, Truth, WooApi, as_json, serving
from tests.support.shop_links import ENVIRONMENT, SECRET, woo

BODY = json.dumps({"id": 1001, "billing": {"email": CANARY}}).encode()


@pytest.fixture
def api() -> Iterator[WooApi]:
    with serving(WooApi, Truth()) as opened:
        assert isinstance(opened, WooApi)
        yield opened


@pytest.fixture
def shop(api: WooApi, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> WooCommerce:
    monkeypatch.setattr("aeras.connect.woocommerce._PAGE", 3)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    bench.clock = lambda: api.truth.now  # type: ignore[method-assign]
    made = woo(api.url).build(bench.context)
    assert isinstance(made, WooCommerce)
    return made


def signed(body: bytes, secret: str = SECRET, topic: str = "order.updated") -> dict[str, str]:
    mac = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return {
        "x-wc-webhook-signature": base64.b64encode(mac).decode(),
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-delivery-id": "d-1",
    }


def test_a_signed_webhook_asks_for_a_pull(shop: WooCommerce) -> None:
    push = shop.verify_webhook(signed(BODY), BODY, "")
    assert (push.id, push.page.more) == ("d-1", True)
    assert CANARY not in repr(push)


@pytest.mark.parametrize(
    ("headers", "body"),
    [({}, BODY), (signed(BODY), BODY + b" "), (signed(BODY, secret="other"), BODY)],
)
def test_a_webhook_that_is_not_the_shop_s_is_refused(
    shop: WooCommerce, headers: dict[str, str], body: bytes
) -> None:
    with pytest.raises(ForgedError):
        shop.verify_webhook(headers, body, "")


def test_the_unsigned_ping_of_a_new_webhook_is_answered_and_does_nothing(shop: WooCommerce) -> None:
    push = shop.verify_webhook({}, b"webhook_id=12", "")
    assert not push.page.more
    with pytest.raises(ForgedError):
        shop.verify_webhook({}, b"webhook_id=12&id=1", "")


def test_a_deleted_order_is_void(shop: WooCommerce, api: WooApi) -> None:
    order = api.truth.sell()
    book = Book().read(shop)
    body = json.dumps({"id": order.id}).encode()
    book.take(shop.verify_webhook(signed(body, topic="order.deleted"), body, "").page)
    assert book.receipts[str(order.id)].void


def test_more_changes_in_one_second_than_a_page_holds(shop: WooCommerce, api: WooApi) -> None:
    for _ in range(8):
        api.truth.sell()
    book = Book().read(shop)
    assert {k: float(v) for k, v in book.sold().items()} == api.truth.sold()


def test_an_order_that_changes_while_pages_are_read_is_not_skipped(
    shop: WooCommerce, api: WooApi
) -> None:
    from datetime import timedelta

    for _ in range(9):
        api.truth.now += timedelta(seconds=5)
        api.truth.sell()
    book = Book()
    while len(book.receipts) < 3:
        page = shop.pull(book.cursor)
        book.take(page)
        book.cursor = page.cursor
    first = api.truth.orders[0]
    first.changed = api.truth.now = api.truth.now + timedelta(seconds=5)
    book.read(shop)
    assert len(book.receipts) == 9


def test_refunds_from_an_old_copy_are_not_believed(shop: WooCommerce, api: WooApi) -> None:
    order = api.truth.sell()
    order.refunds.append((7, api.truth.now, 0, 1))
    api.answer = lambda r: as_json([]) if r.path.endswith("/refunds") else None
    with pytest.raises(TemporaryError, match="changes while it is read"):
        Book().read(shop)


def test_variations_are_named_after_their_product(shop: WooCommerce, api: WooApi) -> None:
    (product, *_) = api._products()
    variable = {**product, "type": "variable", "stock_quantity": None, "name": "Tee"}
    small = {**product, "id": 77, "sku": "TEE-S", "name": "Small", "type": "variation"}

    def answer(request):
        if request.path.endswith("/variations"):
            return as_json([small])
        return as_json([variable]) if request.path.endswith("/products") else None

    api.answer = answer
    book = Book().read(shop)
    assert [p.name for p in book.products.values()] == ["Tee Small"]
    assert list(book.stock()) == ["TEE-S"]


def test_http_needs_leave() -> None:
    row = {"id": "web", "url": "http://shop.local", "key": "${A}", "secret": "${B}"}
    with pytest.raises(ValueError, match="private: true"):
        WooOptions.model_validate(row)

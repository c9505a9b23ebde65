"""The generic signed webhook, checked against the specification's own library."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from feeding import NOON
from standardwebhooks.webhooks import Webhook as Sender

from aeras.connect.port import BadDataError, ForgedError
from aeras.connect.webhook import MOST, WebhookOptions

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
SALE = {
    "id": "R1",
    "at": NOON.isoformat(),
    "currency": "EUR",
    "lines": [{"sku": "milk", "quantity": 2, "amount": "2.58", "note": "for Ada"}],
    "customer": {"name": "Ada Lovelace", "email": "ada@example.org"},
}


@pytest.fixture
def feed(bench, monkeypatch):
    monkeypatch.setenv("POS_SECRET", SECRET)
    monkeypatch.setenv("POS_OLD", OLD)
    options = WebhookOptions(id="pos", secret=("${POS_SECRET}", "${POS_OLD}"))
    return bench.feed(options.build(bench.context), options)


def send(bench, feed, told, *, name="msg_1", secret=SECRET, late=timedelta(), spoil=b"") -> bool:
    body = told if isinstance(told, str) else json.dumps(told)
    at = bench.now - late
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Sender(secret).sign(name, at, body),
    }
    return feed.push(headers, body.encode() + spoil, "http://shop/api/public/hooks/pos")


@pytest.mark.parametrize("secret", [SECRET, OLD])
def test_sales_stock_and_items_of_one_message(bench, feed, secret):
    told = {
        "items": [{"sku": "77", "name": "Gum", "price": 0.99, "gtin": "96385074"}],
        "sales": [SALE],
        "stock": [{"sku": "77", "at": NOON.isoformat(), "quantity": 0}],
    }
    assert send(bench, feed, told, secret=secret) is False
    assert bench.sold == {"milk": 2}
    assert bench.store.stock() == {"pos.77": 0}
    assert feed.state().counts["items"] == 1


def test_the_same_message_counts_once_and_a_corrected_sale_replaces(bench, feed):
    send(bench, feed, {"sales": [SALE]})
    send(bench, feed, {"sales": [{**SALE, "lines": []}]})  # the id was handled
    assert bench.sold == {"milk": 2}
    send(
        bench, feed, {"sales": [{**SALE, "changed": bench.now.isoformat(), "void": True}]}, name="2"
    )
    assert bench.sold == {}


@pytest.mark.parametrize(
    "change",
    [
        {"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()},
        {"late": timedelta(minutes=6)},
        {"late": -timedelta(minutes=6)},
        {"spoil": b" "},
    ],
    ids=["another key", "old", "from the future", "changed on the way"],
)
def test_a_forged_or_late_message_is_refused(bench, feed, change):
    with pytest.raises(ForgedError):
        send(bench, feed, {"sales": [SALE]}, **change)
    assert bench.sold == {}


def test_a_message_that_broke_on_our_side_may_come_again(bench, feed, monkeypatch):
    def fails(*_):
        raise BadDataError("broke")

    with monkeypatch.context() as broken:
        broken.setattr(bench.store, "put_receipts", fails)
        with pytest.raises(BadDataError):
            send(bench, feed, {"sales": [SALE]})
    send(bench, feed, {"sales": [SALE]})
    assert bench.sold == {"milk": 2}


@pytest.mark.parametrize(
    "told", ["no json", "[]", {"sales": {}}, {"sales": [SALE] * (MOST + 1)}], ids=range(4)
)
def test_a_body_that_makes_no_sense_is_refused(bench, feed, told):
    with pytest.raises(BadDataError):
        send(bench, feed, told)


def test_a_bad_record_is_held_and_the_others_count_and_no_name_is_kept(bench, feed):
    bad = [
        {**SALE, "id": "R2", "at": "2026-11-20 12:00"},
        {**SALE, "id": "R3", "currency": "euro"},
        {**SALE, "id": "R4", "lines": [{"sku": "milk", "quantity": "NaN"}]},
        "what",
    ]
    send(bench, feed, {"sales": [*bad, SALE]})
    assert bench.sold == {"milk": 2}
    assert bench.held == [("unreadable", "", 4)]
    bench.control.close()
    kept = b"".join(p.read_bytes() for p in bench.folder.iterdir() if p.is_file())
    for secret in (b"Ada", b"Lovelace", b"ada@example"):
        assert secret not in kept

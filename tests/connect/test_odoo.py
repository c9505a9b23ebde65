"""Odoo's own: its errors, its places, its prices."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest
from feeding import Bench

from aeras.connect.odoo import Odoo
from aeras.connect.port import BadDataError, RevokedError, TemporaryError
from tests.support.reading import Book
from tests.support.shapes import CANARY, OdooApi, Truth, serving
from tests.support.shop_links import ENVIRONMENT, odoo


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[OdooApi]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with serving(OdooApi, Truth()) as opened:
        assert isinstance(opened, OdooApi)
        yield opened


def shop(api: OdooApi, bench: Bench, **options: object) -> Odoo:
    bench.clock = lambda: api.truth.now  # type: ignore[method-assign]
    made = odoo(api.url, **options).build(bench.context)
    assert isinstance(made, Odoo)
    return made


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("odoo.exceptions.AccessError", RevokedError),
        ("psycopg2.errors.SerializationFailure", TemporaryError),
        ("builtins.ValueError", BadDataError),
    ],
)
def test_errors_are_told_without_odoo_s_words(
    api: OdooApi, bench: Bench, name: str, error: type[Exception]
) -> None:
    api.answer = lambda _: api._error(name)
    with pytest.raises(error) as told:
        shop(api, bench).pull(None)
    assert CANARY not in str(told.value)


def test_one_place_of_several_is_counted(api: OdooApi, bench: Bench) -> None:
    book = Book().read(shop(api, bench, locations=["WH/Stock/0"]))
    assert book.stock() == dict.fromkeys(Truth.PRODUCTS, Decimal(50))


def test_other_tills_are_left_out(api: OdooApi, bench: Bench) -> None:
    api.truth.live(5)
    assert Book().read(shop(api, bench, points=["Till 1"])).receipts
    assert not Book().read(shop(api, bench, points=["Till 2"])).receipts


def test_net_prices_are_left_to_the_site_file(api: OdooApi, bench: Bench) -> None:
    assert Book().read(shop(api, bench, prices="net")).products["OAT-1"].price is None

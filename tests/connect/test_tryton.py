import os
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from aeras.connect.port import BadDataError, Context, RevokedError, TemporaryError
from aeras.connect.tryton import Tryton, TrytonOptions
from tests.support.reading import Book
from tests.support.tryton_server import PASSWORD, TrytonServer

CANARY = "Zebulon Quatermass"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    made = TrytonServer(tmp_path_factory.mktemp("tryton"))
    try:
        yield made
    finally:
        made.stop()


def erp(
    server: TrytonServer,
    *,
    password: str = PASSWORD,
    zone: str = "Europe/Berlin",
    **options: object,
) -> Tryton:
    settings = TrytonOptions.model_validate(
        {
            "id": "erp",
            "url": server.url,
            "private": True,
            "database": "retail",
            "user": "aeras",
            "password": "${TRYTON_PASSWORD}",
            **options,
        }
    )
    context = Context(Path(), lambda: datetime.now(UTC), zone, "EUR")
    return Tryton(settings, password, context)


def test_the_catalogue_comes_with_prices_and_eans(server: TrytonServer) -> None:
    book = Book().read(erp(server))
    oat = book.products["OAT-1"]
    assert (oat.name, oat.gtin) == ("Oat milk 1 l", "4006381333931")
    assert (oat.price, oat.currency) == (Decimal("1.99"), "EUR")


def test_a_sale_and_the_stock_it_takes_arrive(server: TrytonServer) -> None:
    connector = erp(server)
    before = Book().read(connector)
    began = datetime.now(UTC)
    sale = server.sell(("TEA-1", 3, "3.29"), ("SOAP-1", 1, "2.49"))
    ended = datetime.now(UTC)
    after = Book(cursor=before.cursor).read(connector)
    told = after.receipts[str(sale)]
    assert [(x.sku, x.quantity, x.amount) for x in told.lines] == [
        ("TEA-1", Decimal(3), Decimal("9.87")),
        ("SOAP-1", Decimal(1), Decimal("2.49")),
    ]
    second = timedelta(seconds=1)
    assert began - second <= told.at <= ended + second
    assert told.currency == "EUR"
    assert before.stock()["TEA-1"] - after.stock()["TEA-1"] == 3


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
def test_a_sale_keeps_its_minute_where_the_day_is_another(server: TrytonServer, zone: str) -> None:
    sale = server.sell(("OAT-1", 1, "1.99"))
    told = Book().read(erp(server, zone=zone)).receipts[str(sale)]
    assert abs(told.at - datetime.now(UTC)) < timedelta(minutes=10)


def test_a_sale_entered_on_another_day_is_at_noon_of_its_own(server: TrytonServer) -> None:
    sale = server.sell(("OAT-1", 1, "1.99"), post=False, date={"year": 2026, "month": 1, "day": 5})
    told = Book().read(erp(server)).receipts[str(sale)]
    assert told.at.isoformat() == "2026-01-05T12:00:00+01:00"


def test_an_exchange_brings_one_thing_back_and_sells_another(server: TrytonServer) -> None:
    sale = server.sell(("OAT-1", -1, "1.99"), ("TEA-1", 1, "3.29"))
    told = Book().read(erp(server)).receipts[str(sale)]
    assert [x.amount for x in told.lines] == [Decimal("-1.99"), Decimal("3.29")]


def test_a_cancelled_receipt_is_void(server: TrytonServer) -> None:
    connector = erp(server)
    sale = server.sell(("SOAP-1", 2, "2.49"), post=False)
    book = Book().read(connector)
    assert not book.receipts[str(sale)].void
    server.cancel(sale)
    assert book.read(connector).receipts[str(sale)].void


def test_a_restock_arrives_within_two_polls(server: TrytonServer) -> None:
    connector = erp(server)
    book = Book().read(connector)
    had = book.stock()["SOAP-1"]
    server.restock("SOAP-1", 24)
    began = time.monotonic()
    assert book.read(connector).stock()["SOAP-1"] == had + 24
    assert time.monotonic() - began < 5


def test_what_was_read_is_not_told_again_once_it_is_older_than_the_overlap(
    server: TrytonServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aeras.connect.sweep.OVERLAP", timedelta(0))
    connector = erp(server)
    server.sell(("OAT-1", 1, "1.99"))
    time.sleep(1.1)  # the server's clock in its answers has whole seconds
    server.sell(("OAT-1", 1, "1.99"))
    time.sleep(1.1)
    first = Book().read(connector)
    again = Book(cursor=first.cursor).read(connector)
    assert len(first.receipts) >= 2
    assert len(again.receipts) <= 1


def test_pages_join_to_the_whole(server: TrytonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        server.sell(("OAT-1", 1, "1.99"))
    whole = Book().read(erp(server))
    monkeypatch.setattr("aeras.connect.tryton._PAGE", 1)
    assert Book().read(erp(server)).receipts == whole.receipts


def test_a_wrong_password_is_told_as_revoked(server: TrytonServer) -> None:
    with pytest.raises(RevokedError, match="refuses our key"):
        erp(server, password="wrong").pull(None)


def test_an_ended_session_is_opened_again(server: TrytonServer) -> None:
    connector = erp(server)
    book = Book().read(connector)
    with sqlite3.connect(server.database) as database:
        database.execute("DELETE FROM ir_session WHERE create_uid != 1")
    assert book.read(connector).products


def test_a_missing_place_is_named(server: TrytonServer) -> None:
    with pytest.raises(BadDataError, match="0 of the places NOWHERE"):
        Book().read(erp(server, locations=["NOWHERE"]))


def test_a_server_that_is_gone_is_tried_later(tmp_path: Path, server: TrytonServer) -> None:
    settings = {"url": "http://127.0.0.1:9"}
    with pytest.raises(TemporaryError):
        erp(server, **settings).pull(None)


def test_only_other_tills_sales_are_left_out(server: TrytonServer) -> None:
    server.sell(("OAT-1", 1, "1.99"))
    assert Book().read(erp(server, points=["Till 1"])).receipts
    assert not Book().read(erp(server, points=["Till of another shop"])).receipts


def test_nothing_is_written_without_leave(server: TrytonServer) -> None:
    with pytest.raises(BadDataError, match="may only read"):
        erp(server).request_count("OAT-1", Decimal(5))


def test_a_count_request_is_a_draft_that_changes_no_stock(server: TrytonServer) -> None:
    connector = erp(server, requests="drafts")
    had = Book().read(connector).stock()["OAT-1"]
    number = int(connector.request_count("OAT-1", Decimal(7)))
    fields = ["state", "lines.quantity"]
    (draft,) = server.call("stock.inventory.read", [number], fields)
    assert (draft["state"], draft["lines."][0]["quantity"]) == ("draft", 7.0)
    assert Book().read(erp(server)).stock()["OAT-1"] == had
    server.call("stock.inventory.confirm", [number])
    assert Book().read(erp(server)).stock()["OAT-1"] == 7


def test_who_stood_at_the_till_is_never_asked_for(server: TrytonServer) -> None:
    (party,) = server.call("party.party.create", [{"name": CANARY}])
    (cashier,) = server.call("company.employee.create", [{"party": party, "company": 1}])
    sale = server.sell(("OAT-1", 1, "1.99"), employee=cashier)
    book = Book().read(erp(server))
    assert str(sale) in book.receipts
    assert CANARY not in repr(book)


def test_the_command_line_reads_a_live_tryton(server: TrytonServer, tmp_path: Path) -> None:
    server.restock("TEA-1", 240)
    server.sell(("TEA-1", 2, "3.29"))
    site = tmp_path / "site.yaml"
    site.write_text(f"""site: {{name: Corner Shop, timezone: Europe/Berlin}}
privacy: {{profile: behaviour-only}}
items:
  - {{id: tea, name: Tea, gtin: "4000417025005"}}
cameras: []
fixtures: []
connectors:
  - {{id: erp, kind: tryton, url: "{server.url}", private: true, database: retail, user: aeras,
     password: "${{TRYTON_PASSWORD}}", every: 5 s, locations: [STO]}}
""")

    def sync(password: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(Path(sys.executable).with_name("aeras")), "connect", "sync", str(site)],
            env={**os.environ, "TRYTON_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
        )

    done = sync(PASSWORD)
    assert done.returncode == 0, done.stderr
    assert re.search(r"new [1-9].*fine", done.stdout), done.stdout
    refused = sync("wrong")
    assert refused.returncode == 2
    assert "Renew the key" in refused.stdout + refused.stderr

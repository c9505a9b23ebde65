"""What holds for every connector to a shop's API, over servers that speak it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from feeding import Bench, shop_of

from aeras.connect.port import BadDataError, TemporaryError
from aeras.connect.sync import Feed
from aeras.domain.errors import ConfigError
from aeras.domain.feeds import FeedStatus
from aeras.domain.shop import Item
from tests.support.chaos_proxy import FAULTS, chaos
from tests.support.reading import Book
from tests.support.shapes import CANARY, Api, Reply, Truth, serving
from tests.support.shop_links import ENVIRONMENT, LINKS

SHOP = shop_of(
    *(
        Item(sku.lower(), name, "", gtin, int(price * 100))
        for sku, (name, gtin, price) in Truth.PRODUCTS.items()
    )
)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aeras.connect.woocommerce._PAGE", 3)
    monkeypatch.setattr("aeras.connect.odoo._PAGE", 3)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=LINKS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def truth() -> Truth:
    return Truth(seed=7)


@pytest.fixture
def api(kind: str, truth: Truth) -> Iterator[Api]:
    with serving(LINKS[kind][0], truth) as opened:
        yield opened


class Site:
    """A feed from an API into real stores, with the API's clock."""

    def __init__(self, kind: str, url: str, bench: Bench, truth: Truth) -> None:
        self.bench, self.truth = bench, truth
        bench.clock = lambda: truth.now  # type: ignore[method-assign]
        options = LINKS[kind][1](url)
        self.connector = options.build(bench.context)
        self.feed: Feed = bench.feed(self.connector, options, shop=SHOP)

    def run(self, times: int = 1) -> FeedStatus:
        for _ in range(times):
            status = self.feed.run().status
        return status

    def sold(self) -> dict[str, float]:
        return {item.upper(): units for item, units in self.bench.sold.items() if units}

    def turnover(self) -> int:
        return sum(int(row[2]) for row in self.bench.rows())


@pytest.fixture
def site(kind: str, api: Api, bench: Bench, truth: Truth) -> Iterator[Site]:
    made = Site(kind, api.url, bench, truth)
    yield made
    made.feed.close()


def test_totals_equal_the_truth_after_sales_refunds_and_cancellations(
    site: Site, truth: Truth
) -> None:
    for _ in range(4):
        truth.live(12)
        assert site.run() is FeedStatus.FINE
    truth.now += timedelta(seconds=3)
    site.run()
    assert site.sold() == truth.sold()
    assert site.turnover() == truth.turnover()
    assert site.bench.held == []


def test_stock_is_that_of_the_shop(kind: str, api: Api, bench: Bench, truth: Truth) -> None:
    connector = LINKS[kind][1](api.url).build(bench.context)
    book = Book()
    for _ in range(3):
        truth.live(10)
        book.read(connector)
    connector.close()
    assert {sku: int(units) for sku, units in book.stock().items()} == truth.stock


def test_catalogue_and_prices_come_with_their_codes(
    kind: str, api: Api, bench: Bench, truth: Truth
) -> None:
    connector = LINKS[kind][1](api.url).build(bench.context)
    oat = Book().read(connector).products["OAT-1"]
    connector.close()
    assert (oat.name, oat.gtin, str(oat.price), oat.currency) == (
        *("Oat milk 1 l", "4006381333931"),
        *("1.99", "EUR"),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_after_a_storm_the_totals_equal_the_truth(
    kind: str, api: Api, bench: Bench, truth: Truth, seed: int
) -> None:
    with chaos(api.url, seed) as proxy:
        site = Site(kind, proxy.url, bench, truth)
        for _ in range(8):
            truth.live(6)
            site.run(2)
        assert sum(proxy.done[fault] for fault in FAULTS) > 10
        proxy.share = 0.0
        truth.now += timedelta(seconds=3)
        # The first run ends the reading that the storm cut up, the second what changed behind it.
        assert site.run(2) is FeedStatus.FINE
        site.feed.close()
    assert site.sold() == truth.sold()
    assert site.turnover() == truth.turnover()
    assert site.bench.held == []


def test_half_the_pages_and_then_a_fault_lose_nothing(site: Site, api: Api, truth: Truth) -> None:
    truth.live(30)
    calls = iter(range(1000))

    def broken(_: object) -> Reply | None:
        return (500, {}, b"oops") if next(calls) >= 3 else None

    api.answer = broken
    assert site.run() is FeedStatus.WAITING
    api.answer = lambda _: None
    site.run()
    assert site.sold() == truth.sold()


def test_nothing_of_a_customer_gets_in(
    site: Site,
    api: Api,
    truth: Truth,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth.live(25)
    with caplog.at_level(logging.DEBUG):
        site.run()
        api.answer = lambda _: (400, {}, json.dumps({"message": CANARY}).encode())
        site.run()
        api.answer = lambda _: None
        api.token = "another"
        site.run()
    assert len(site.sold()) > 1
    told = caplog.text + "".join(capsys.readouterr())
    kept = b"".join(p.read_bytes() for p in Path(site.bench.folder).iterdir() if p.is_file())
    assert CANARY not in told + repr(site.feed.state())
    assert CANARY.encode() not in kept


def test_a_revoked_key_is_one_state_and_asked_once(site: Site, api: Api, truth: Truth) -> None:
    truth.live(5)
    site.run()
    api.token = "renewed at the source"
    before = len(api.asked)
    assert site.run() is FeedStatus.REVOKED
    state = site.feed.state()
    assert len(api.asked) - before <= 2
    assert state.due_at is None
    assert "refuses our key" in state.trouble


def test_a_pause_that_the_source_asks_for_is_told(kind: str, api: Api, bench: Bench) -> None:
    api.answer = lambda _: (429, {"retry-after": "17"}, b"{}")
    connector = LINKS[kind][1](api.url).build(bench.context)
    began = time.monotonic()
    with pytest.raises(TemporaryError) as told:
        connector.pull(None)
    connector.close()
    assert told.value.retry_after_s == 17
    assert len(api.asked) == 1, "the sync engine tries again, nobody else"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ahead", [timedelta(hours=-3), timedelta(hours=3)])
def test_a_wrong_clock_of_ours_loses_no_sale(
    kind: str, api: Api, bench: Bench, truth: Truth, ahead: timedelta
) -> None:
    bench.clock = lambda: truth.now + ahead  # type: ignore[method-assign]
    connector = LINKS[kind][1](api.url).build(bench.context)
    book = Book()
    for _ in range(3):
        truth.live(10)
        book.read(connector)
    truth.now += timedelta(seconds=3)
    book.read(connector)
    connector.close()
    assert {sku: float(units) for sku, units in book.sold().items() if units} == truth.sold()


def test_an_answer_of_another_kind_is_no_data(kind: str, api: Api, bench: Bench) -> None:
    api.answer = lambda _: (200, {"content-type": "text/html"}, b"<html>Please sign in")
    connector = LINKS[kind][1](api.url).build(bench.context)
    with pytest.raises((BadDataError, TemporaryError), match="no JSON"):
        connector.pull(None)
    connector.close()


def test_no_redirect_is_followed_with_the_key(kind: str, api: Api, bench: Bench) -> None:
    api.answer = lambda _: (302, {"location": f"{api.url}/elsewhere"}, b"")
    connector = LINKS[kind][1](api.url).build(bench.context)
    with pytest.raises((BadDataError, TemporaryError)):
        connector.pull(None)
    connector.close()
    assert all(request.path != "/elsewhere" for request in api.asked)


def test_a_key_in_the_site_file_is_refused(kind: str) -> None:
    names = {"square": "token", "shopify": "token", "woocommerce": "secret"}
    options = LINKS[kind][1]("https://shop.example")
    values = {**options.model_dump(), names.get(kind, "key"): "sk_live_1"}
    with pytest.raises(ValueError, match="a secret stands in the file"):
        type(options).model_validate(values)


@pytest.mark.parametrize("kind", ["square", "shopify"], scope="function")
def test_a_missing_extra_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("aeras.connect.net.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=rf"aeras\[{kind}\]"):
        LINKS[kind][1]("https://shop.example").build(bench.context)

"""A manager's morning in a real browser, over the demo shop's history and beside a live Tryton:
see what stands out, read what shoppers say, see its place and its sales, act, and print.

Each stretch is a method of its own. Nothing is rendered and no camera runs: those are in
``test_demo.py``.
"""

from __future__ import annotations

import json
import re
import secrets
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from records import answer
from waiting import wait_for

from aeras.domain.kept import Origin, TriggerState
from aeras.domain.life import Stage
from aeras.domain.shop import Item
from aeras.domain.signing import signed_headers
from aeras.lab import demo
from aeras.lab.render.production import RenderedDemo
from aeras.serve.words import Words
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import Web, bind, make_web
from tests.path.test_browser import browser  # noqa: F401 - a fixture
from tests.support.tryton_server import PASSWORD, TrytonServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
KEY = secrets.token_bytes(32)
STOCKED = 100
CONNECTORS: list[dict[str, Any]] = [
    {
        **{"id": "erp", "kind": "tryton", "private": True, "database": "retail", "user": "aeras"},
        **{"password": "${TRYTON_PASSWORD}", "locations": ["STO"], "every": "3 s"},
        "simulated": True,
    },
    {"id": "pos", "kind": "webhook", "secret": "${POS_SECRET}", "simulated": True},
]


@dataclass
class Shop:
    """The running demo shop, and the ERP that its goods are in."""

    web: Web
    runtime: Runtime
    erp: TrytonServer

    def item(self, name: str) -> Item:
        return next(item for item in self.runtime.site.shop.items if item.name == name)

    def answers_come(self, item: str, count: int = 10) -> None:
        """To the survey of the item's open trigger, and the rules look again."""
        (trigger,) = (one for one in self.runtime.control.triggers() if one.item == item)
        given = [
            answer(
                **{"item": item, "trigger": trigger.id, "at": self.runtime.clock(), "rating": 2},
                choice="label",
                origin=Origin.SIMULATED,
            )
            for _ in range(count)
        ]
        self.runtime.control.add_answers(given)

    def pos_sells(self, item: str, count: int) -> None:
        """A signed webhook of the till."""
        now = datetime.now(UTC)
        line = {"sku": item, "quantity": count, "amount": "1.00"}
        sale = {"id": secrets.token_hex(8), "at": now.isoformat(), "currency": "EUR"}
        body = json.dumps({"sales": [{**sale, "lines": [line]}]}).encode()
        headers = signed_headers(KEY, secrets.token_hex(8), body, now)
        url = f"{self.web.url}/api/public/hooks/pos"
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as told:
            assert told.status == 204


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("demo")
    erp = TrytonServer(tmp_path_factory.mktemp("tryton"))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TRYTON_PASSWORD", PASSWORD)
            patch.setenv("POS_SECRET", "whsec_" + b64encode(KEY).decode())
            runtime = open_shop(folder, erp, patch)
        web = make_web(runtime, bind("127.0.0.1", 0))
        with web.running():
            yield Shop(web, runtime, erp)
        runtime.stop()
    finally:
        erp.stop()


def code(item: Item) -> str:
    """In the ERP; the same goods are known by their GTIN."""
    return f"G-{item.id}"


def price(item: Item) -> str:
    return f"{(item.price or 0) / 100:.2f}"


def open_shop(folder: Path, erp: TrytonServer, patch: pytest.MonkeyPatch) -> Runtime:
    """The demo shop without its videos; its goods are in the ERP under codes of the ERP's own."""
    paths = {name: folder / f"{name}.mp4" for name in ("aisle", "shelf")}
    drawn = RenderedDemo(**paths, truth=folder / "truth.json")
    plain = demo.site_file
    links = [{"url": erp.url, **CONNECTORS[0]}, CONNECTORS[1]]
    patch.setattr(demo, "_render", lambda *_: drawn)
    patch.setattr(demo, "HISTORY_DAYS", 30)
    patch.setattr(demo, "site_file", lambda *a: {**plain(*a), "connectors": links})
    site = demo.prepare(folder, demo.DemoOptions(), say=lambda _: None)
    goods = [item for item in site.shop.items if item.id in demo.BAD_ITEMS]
    erp.list_goods(*((code(item), item.name, str(item.gtin), price(item)) for item in goods))
    for item in goods:
        erp.restock(code(item), STOCKED)
    runtime = Runtime(site, cameras=False, simulated=True)
    demo._add_history(runtime, lambda _: None)
    assert runtime.topics.tick(time.monotonic()) == "grouped"
    runtime.control.add_user("ann", "good morning 7", "manager")
    runtime.start()
    return runtime


def opened(browser: Browser, shop: Shop, language: str, width: int) -> Page:  # noqa: F811
    """A manager's page."""
    context = browser.new_context(
        base_url=shop.web.url,
        locale=language,
        viewport={"width": width, "height": 844},
        accept_downloads=True,
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    page.goto(shop.web.links.enter("ann"))
    return page


@pytest.fixture
def manager(browser: Browser, shop: Shop) -> Iterator[Callable[[str, int], Page]]:  # noqa: F811
    """Opens pages, of which none may log an error."""
    pages: list[Page] = []
    problems: list[str] = []

    def enter(language: str, width: int) -> Page:
        page = opened(browser, shop, language, width)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
        pages.append(page)
        return page

    yield enter
    for page in pages:
        page.context.close()
    assert problems == []


class Morning:
    """What a manager does one after the other.

    Args:
        page: Signed in.
        shop: The shop.
        words: Of the manager's language.
    """

    def __init__(self, page: Page, shop: Shop, words: Words) -> None:
        self.page, self.shop, self.t = page, shop, words.t
        self.name = ""

    @property
    def item(self) -> Item:
        return self.shop.item(self.name)

    def see_three_things(self) -> None:
        self.page.goto("/")
        expect(self.page.locator("#look-title")).to_have_text(self.t("look.title"))
        findings = self.page.locator(".look ol > li")
        expect(findings).to_have_count(3)
        for finding in findings.all():
            expect(finding.locator(".evidence li")).not_to_have_count(0)
            expect(finding.locator(".badge.sim")).to_be_visible()

    def follow_one(self) -> None:
        """To its item: the first finding on an item with a trigger that nobody decided on yet."""
        waiting = {
            self.shop.runtime.site.shop.item(one.item).name
            for one in self.shop.runtime.control.triggers(state=TriggerState.OPEN)
            if self.shop.runtime.triggers.lives.row(one.id).stage == Stage.SURVEY
        }
        findings = self.page.locator(".look ol > li")
        names = [text.removeprefix(": ") for text in findings.locator(".sr").all_inner_texts()]
        listed = [name for name in names if name in waiting]
        self.name = (listed or sorted(waiting))[0]
        if listed:
            findings.nth(names.index(self.name)).locator(".button").click()
        else:  # on some days the first three are none that a trigger waits on
            self.page.goto(f"/items/{self.item.id}")
        if "/triggers/" in self.page.url:
            self.page.locator(".under-head").get_by_text(self.name, exact=True).click()
        expect(self.page.locator("h1")).to_have_text(self.name)

    def read_its_topics(self) -> None:
        here = self.page.url
        self.page.locator(f"a[href='/topics?item={self.item.id}']").click()
        expect(self.page.locator("h1")).to_have_text(f"{self.t('topics.title')}: {self.name}")
        expect(self.page.locator(".topic[id]")).not_to_have_count(0)
        first = self.page.locator(".topic[id]").first
        expect(first.locator(".topic-share")).to_contain_text("%")
        self.page.goto(here)

    def look_at_its_place(self) -> None:
        """The map: its place, then played hour by hour."""
        page = self.page
        page.get_by_role("link", name=self.t("smap.open")).click()
        place = page.locator(f'.map-drawing [data-name="{self.name}"]').first
        expect(place).to_have_attribute("fill", re.compile("rgb"))
        place.hover()
        expect(page.locator("[data-readout]")).to_contain_text(self.name)
        expect(page.locator("[data-readout]")).to_contain_text("%")
        page.locator("select[name=by]").select_option("hour")
        expect(page).to_have_url(re.compile("by=hour"))
        slider = page.get_by_role("slider", name=self.t("smap.step"))
        before = page.locator("[data-map-player] output").inner_text()
        slider.press("ArrowRight")
        expect(page.locator("[data-map-player] output")).not_to_have_text(before)
        expect(page).to_have_url(re.compile(r"at=\d\d"))
        page.get_by_role("button", name=self.t("smap.play"), exact=True).click()
        page.get_by_role("button", name=self.t("js.smap.pause"), exact=True).click()
        page.reload()  # what was chosen stands in the address
        expect(page.get_by_role("slider", name=self.t("smap.step"))).not_to_have_value("0")

    def see_where_it_sells(self) -> None:
        """The till's layer, against the days before, and as files."""
        page = self.page
        page.locator("select[name=by]").select_option("")
        expect(page).not_to_have_url(re.compile("by=hour"))
        page.locator("select[name=layer]").select_option("sales")
        expect(page.locator("#layer-title")).to_have_text(self.t("smap.layer.sales"))
        page.locator("select[name=vs]").select_option("before")
        expect(page.get_by_text(self.t("smap.compare.help")[:40])).to_be_visible()
        page.get_by_text(self.t("smap.table")).click()
        row = page.locator("[data-place]").filter(has_text=self.name).first
        expect(row).to_contain_text("%")
        for kind, magic in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
            with page.expect_download() as saved:
                page.locator(".smap-save").get_by_text(kind, exact=True).click()
            assert Path(saved.value.path()).read_bytes().startswith(magic)

    def watch_it_sell(self) -> tuple[float, float]:
        """Its funnel, open, while the ERP and then the till sell it; seconds from the sale in the
        ERP to the page, and from the till's message.
        """
        page, item, erp = self.page, self.item, self.shop.erp
        page.goto(f"/items/{item.id}")
        page.get_by_role("link", name=self.t("sales.link")).click()
        expect(page.locator("#points canvas")).to_be_visible()
        assert painted(page.locator("#points canvas"), "--accent") > 100
        expect(page.locator("[data-part=model] .notice")).to_have_text(self.t("sales.cause"))
        expect(page.locator("[data-live-state=on]")).to_be_attached()
        bought = page.locator("[data-step=bought] .funnel-count")
        before = int(re.sub(r"\D", "", bought.inner_text()))
        erp.sell((code(item), 3, price(item)))
        sold = time.monotonic()
        expect(bought).to_have_text(str(before + 3), timeout=20_000)
        told = time.monotonic()
        self.shop.pos_sells(item.id, 2)
        expect(bought).to_have_text(str(before + 5), timeout=20_000)
        return told - sold, time.monotonic() - told

    def see_goods_come_in(self) -> None:
        """What the ERP moves into its store is the stock that is known here."""
        self.shop.erp.restock(code(self.item), 24)
        self.page.goto("/connectors")
        for source in ("erp", "pos"):
            card = self.page.locator(f"section[aria-labelledby=feed-{source}]")
            expect(card.locator(".badge.sim")).to_be_visible()
            expect(card.locator(".trouble")).to_have_count(0)
        stock = self.shop.runtime.store.stock
        assert wait_for(lambda: stock()[self.item.id] == STOCKED - 3 + 24, 20)

    def act(self) -> None:
        """Proposes an action by what shoppers answered, and approves it."""
        page = self.page
        self.shop.answers_come(self.item.id)
        page.goto(f"/items/{self.item.id}")
        page.get_by_role("link", name=self.t("trigger.life")).first.click()
        expect(page.locator("[data-findings]")).to_contain_text(self.t("choice.label"))
        step = page.locator("details[data-keep=propose]")
        if step.get_attribute("open") is None:
            step.locator("summary").click()
        step.locator("select").select_option("label_proposal")
        step.locator("textarea").fill("Say on the shelf label how sweet it is")
        step.get_by_role("button", name=self.t("life.do.propose")).click()
        now = page.locator("[aria-current=step]")
        expect(now).to_have_text(self.t("stage.proposed"))
        page.get_by_role("button", name=self.t("life.do.approve"), exact=True).click()
        expect(now).to_have_text(self.t("stage.approved"))
        expect(page.locator(".timeline")).to_contain_text("how sweet it is")

    def print_it(self) -> None:
        """The overview and the map on paper, and the one-page report."""
        page = self.page
        for path, drawing, most in (("/", "#map", 4), ("/map?vs=before", ".map-drawing", 2)):
            page.goto(path)
            page.emulate_media(media="print")
            expect(page.locator(".top")).not_to_be_visible()
            expect(page.locator(drawing)).to_be_visible()
            printed = page.pdf(format="A4", print_background=True)
            assert sheets(printed) <= most, path
            page.emulate_media(media="screen")
        page.goto("/")
        link = page.get_by_role("link", name=self.t("report.open")).get_attribute("href")
        report = page.request.get(str(link))
        assert report.headers["content-type"] == "application/pdf"
        assert sheets(report.body()) == 1


def sheets(pdf: bytes) -> int:
    assert pdf.startswith(b"%PDF")
    return len(re.findall(rb"/Type ?/Page\b", pdf))


def painted(canvas: Locator, colour: str) -> int:
    """Pixels of a canvas that are nearly in a colour of the page."""
    return int(
        canvas.evaluate(
            """(canvas, name) => {
              const probe = document.createElement("canvas").getContext("2d");
              const mark = document.body.appendChild(document.createElement("i"));
              mark.style.color = `var(${name})`;
              probe.fillStyle = getComputedStyle(mark).color;
              mark.remove();
              probe.fillRect(0, 0, 1, 1);
              const wanted = probe.getImageData(0, 0, 1, 1).data;
              const seen = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              const off = (at) => [0, 1, 2].reduce(
                (sum, c) => sum + Math.abs(seen.data[at + c] - wanted[c]), 0);
              let found = 0;
              for (let at = 0; at < seen.data.length; at += 4)
                found += seen.data[at + 3] > 150 && off(at) < 30;
              return found;
            }""",
            colour,
        )
    )


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("de", 390)], ids=["desk", "phone"])
def test_a_manager_s_morning(
    shop: Shop,
    manager: Callable[[str, int], Page],
    language: str,
    width: int,
):
    words = Words(language, "Europe/Berlin", datetime.now(UTC), "EUR")
    morning = Morning(manager(language, width), shop, words)
    morning.see_three_things()
    morning.follow_one()
    morning.read_its_topics()
    morning.look_at_its_place()
    morning.see_where_it_sells()
    polled_s, told_s = morning.watch_it_sell()
    sys.stdout.write(f"on the page after {polled_s:.2f} s (polled), {told_s:.2f} s (webhook)\n")
    assert told_s < 5
    morning.see_goods_come_in()
    morning.act()
    morning.print_it()


def test_topics_are_named_joined_and_divided_by_the_keyboard(
    manager: Callable[[str, int], Page],
):
    page = manager("en", 1440)
    page.goto("/topics")
    keys = page.keyboard
    first = page.locator(".topic[id]").first
    own = f"#{first.get_attribute('id')}"
    topics = page.locator(".topic[id]").count()

    def open_changes() -> None:
        page.locator(f"{own} .topic-edit summary").focus()
        keys.press("Enter")
        keys.press("Tab")
        expect(page.locator(f"{own} input[name=name]")).to_be_focused()

    open_changes()
    keys.type("How it tastes")
    keys.press("Enter")
    expect(page).to_have_url(re.compile(own))
    expect(page.locator(f"{own} h2")).to_have_text("How it tastes")

    open_changes()
    for _ in range(4):
        keys.press("Tab")
    expect(page.locator(f"{own} form[action$='/split'] button")).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".topic[id]")).to_have_count(topics + 1, timeout=15_000)

    open_changes()
    keys.press("Tab")
    keys.press("Tab")
    expect(page.locator(f"{own} select[name=into]")).to_be_focused()
    keys.press("ArrowDown")
    into = page.locator(f"{own} select[name=into]").input_value()
    keys.press("Tab")
    keys.press("Enter")
    expect(page).to_have_url(re.compile(f"#topic-{into}$"))
    expect(page.locator(f"#topic-{into}")).to_contain_text("How it tastes")
    expect(page.locator(".topic[id]")).to_have_count(topics)


@pytest.mark.parametrize(("language", "title"), [("de", "Karte"), ("es", "Mapa"), ("ja", "マップ")])
def test_every_language_fits_the_frame(
    manager: Callable[[str, int], Page], language: str, title: str
):
    page = manager(language, 1440)
    for path in ("/", "/map?vs=before", "/items"):
        page.goto(path)
        for width in (1440, 390):
            page.set_viewport_size({"width": width, "height": 844})
            expect(page.locator(".nav").get_by_text(title, exact=True)).to_be_visible()
            wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wider <= 0, (path, width)

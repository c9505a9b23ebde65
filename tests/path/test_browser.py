"""A real Chromium against the pages: what no parser can tell."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serve.conftest import Site, make_site
from tests.serve.fake import NOW, paint
from tests.serve.test_live import running, wait_for

pytestmark = pytest.mark.browser

ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """Where Chromium is; skips without one, fails if AERAS_REQUIRE_BROWSER=1 demands it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        why = "needs Chromium: apt-get install chromium, or make chromium"
        if os.environ.get("AERAS_REQUIRE_BROWSER") == "1":
            pytest.fail(why)
        pytest.skip(why)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=chromium(), args=ARGS)
        yield opened
        opened.close()


@pytest.fixture
def site() -> Site:
    made = make_site()
    paint(made.board, 0)
    return made


@pytest.fixture
def url(site: Site) -> Iterator[str]:
    with running(site) as url:
        yield url


@pytest.fixture
def context(browser: Browser, url: str) -> Iterator[BrowserContext]:
    opened = browser.new_context(base_url=url, locale="en-GB")
    opened.set_default_timeout(8000)
    opened.clock.set_fixed_time(NOW)  # the server's clock stands too: "just now" stays true
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not log an error: a refused script or style would be one."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    yield page
    unexpected = [text for text in problems if "ERR_INTERNET_DISCONNECTED" not in text]
    assert unexpected == []


def sign_in(page: Page) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("live", exact=True).first).to_be_visible()
    expect(page.locator("[data-live-state=on]")).to_be_visible()


def test_a_manager_sees_an_event_arrive_and_the_heat_change(site: Site, page: Page):
    sign_in(page)
    facing = page.locator("path[data-facing='f5-1']")  # Skyr vanilla
    expect(facing).to_have_attribute("fill", re.compile("rgb"))
    before = (facing.get_attribute("data-value"), page.locator("[data-total=visits]").inner_text())
    for _ in range(40):
        site.board.happen("skyr-vanilla")
    line = page.locator("[data-feed] li").first
    expect(line).to_contain_text("Put back \N{EN DASH} Skyr vanilla, held 5\N{EN DASH}15 s")
    expect(line).to_contain_text("just now")
    expect(facing).not_to_have_attribute("data-value", before[0] or "")
    expect(page.locator("[data-total=visits]")).not_to_have_text(before[1])
    expect(page.get_by_text("Simulated data").first).to_be_visible()


def test_withheld_places_are_hatched_and_a_click_leads_to_the_item(page: Page):
    sign_in(page)
    few = page.locator("path[data-facing='f4-6']")  # Tea lights
    expect(few).to_have_attribute("fill", "url(#hatch)")
    expect(few).to_have_attribute("aria-label", "Tea lights, fewer than 10 visits")
    page.get_by_role("radio", name="Taken").check()
    honey = page.locator("path[data-facing='f1-3']")
    expect(honey).to_have_attribute("aria-label", re.compile(r"Honey, \d+ . taken"))
    honey.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/items/strawberry-jam"))
    expect(page.locator("#chart canvas")).to_be_visible()


def test_the_table_sorts_filters_and_keeps_both_through_a_refresh(site: Site, page: Page):
    sign_in(page)
    page.get_by_role("link", name="Items", exact=True).click()
    rows = page.locator("tbody tr:visible")
    expect(page.locator("[data-filter-count]")).to_have_text("50 of 50")
    page.keyboard.press("/")
    page.keyboard.type("chocolate")
    expect(rows).to_have_count(2)
    expect(page.locator("[data-filter-count]")).to_have_text("2 of 50")
    page.get_by_role("button", name="Item", exact=True).click()
    expect(rows.first).to_contain_text("Dark chocolate")
    page.get_by_role("button", name="Item", exact=True).click()
    expect(rows.first).to_contain_text("Milk chocolate")
    handled = page.locator("#item-milk-chocolate .col-handled")
    before = handled.inner_text()
    site.board.happen("milk-chocolate")
    expect(handled).not_to_have_text(before)
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Milk chocolate")


def test_a_shopper_answers_by_the_printed_code_and_the_manager_sees_it(
    site: Site, page: Page, browser: Browser, url: str
):
    sign_in(page)
    page.goto("/surveys/card/vegan-salami")
    expect(page.locator(".shelf-card svg")).to_be_visible()
    link = page.locator(".no-print a").get_attribute("href")
    assert link
    page.goto("/items/vegan-salami")
    expect(page.locator("[data-live-state=on]")).to_be_visible()
    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="de-DE")
    shopper = phone.new_page()
    shopper.goto(link)
    answer_form(shopper, yes="Ja", send="Senden", text="Zu <b>rauchig</b>, ehrlich")
    expect(shopper).to_have_url(re.compile("/thanks"))
    expect(shopper.locator("[data-receipt-code]")).to_have_text(re.compile(r"^\w{8}$"))
    receipt = shopper.locator("[data-receipt-code]").inner_text()
    expect(page.get_by_text("Zu <b>rauchig</b>, ehrlich")).to_be_visible()
    shopper.get_by_role("link", name="Jetzt zurücknehmen").click()
    expect(shopper.get_by_label("Belegcode")).to_have_value(receipt)
    shopper.get_by_role("button", name="Meine Antwort löschen").click()
    expect(shopper.get_by_text("Ihre Antwort ist gelöscht.")).to_be_visible()
    assert site.desk.stored == []
    phone.close()


def answer_form(page: Page, *, yes: str, send: str, text: str = "") -> None:
    page.get_by_role("radio", name=yes, exact=True).check(force=True)
    page.locator(".sd-rating__item").nth(1).click()
    page.locator(".sd-selectbase .sd-item").nth(1).click()
    if text:
        page.locator("textarea").fill(text)
    page.get_by_role("button", name=send).click()


def test_a_kiosk_without_network_delivers_once_when_it_is_back(
    site: Site, page: Page, context: BrowserContext
):
    page.goto("/kiosk")
    expect(page.get_by_role("heading")).to_have_text("What do you think of Vegan salami?")
    context.set_offline(True)
    page.get_by_role("button", name="Start").click()
    answer_form(page, yes="Yes", send="Send", text="from the kiosk")
    expect(page.get_by_text("Saved on this device.")).to_be_visible()
    expect(page.locator("[data-queue]")).to_have_text("1 answer waits for the network")
    assert site.desk.stored == []
    page.get_by_role("button", name="Done").click()
    context.set_offline(False)
    wait_for(lambda: site.desk.stored, 10)
    expect(page.locator("[data-queue]")).to_be_hidden()
    assert len(site.desk.stored) == 1
    assert site.desk.stored[0]["text"] == "from the kiosk"
    page.wait_for_timeout(6000)  # one more round of sending: nothing may come twice
    assert len(site.desk.stored) == 1


def test_a_kiosk_survives_a_reload_without_network(site: Site, page: Page, context: BrowserContext):
    page.goto("/kiosk")
    expect(page.locator("[data-safe=yes]")).to_be_attached()
    context.set_offline(True)
    page.get_by_role("button", name="Start").click()
    answer_form(page, yes="Yes", send="Send", text="before the power cut")
    expect(page.get_by_text("Saved on this device.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.locator("[data-queue]")).to_have_text("1 answer waits for the network")
    context.set_offline(False)
    wait_for(lambda: site.desk.stored, 10)
    assert [one["text"] for one in site.desk.stored] == ["before the power cut"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_no_page_scrolls_sideways(site: Site, browser: Browser, url: str, width: int, theme: str):
    context = browser.new_context(
        base_url=url, viewport={"width": width, "height": 844}, color_scheme=theme
    )
    page = context.new_page()
    page.goto(site.links.enter("ann"))
    for path in ("/", "/items", "/items/vegan-salami", "/triggers", "/surveys", "/cameras"):
        page.goto(path)
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    context.close()


def test_appearance_is_kept_and_rendered_by_the_server(page: Page):
    sign_in(page)
    page.locator("summary[aria-label='You and settings']").click()
    page.get_by_role("radio", name="Dark").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    assert 'data-theme="dark"' in page.content()[:200]

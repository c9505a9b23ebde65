"""Kiosk and form editor in a real Chromium."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from tests.path.test_browser import (  # noqa: F401 - fixtures
    answer_form,
    browser,
    context,
    page,
    sign_in,
    site,
    url,
)
from tests.serve.conftest import Site, make_site
from tests.serve.fake import NOW
from tests.serve.test_live import wait_for
from tests.support.rtsp_server import free_port

pytestmark = pytest.mark.browser


@contextmanager
def on_port(site: Site, port: int) -> Iterator[None]:  # noqa: F811
    """The application on a port that can be taken again."""
    server = uvicorn.Server(uvicorn.Config(site.app, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_for(lambda: server.started, 10)
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(timeout=10)


def start_and_answer(page: Page, text: str) -> None:  # noqa: F811
    page.get_by_role("button", name="Start").click()
    answer_form(page, yes="Yes", send="Send", text=text)


def test_a_kiosk_outlives_network_reload_and_server_and_speaks_on(browser: Browser):  # noqa: F811
    made, port = make_site(), free_port()
    context = browser.new_context(base_url=f"http://127.0.0.1:{port}", locale="en-GB")  # noqa: F811
    context.set_default_timeout(8000)
    page = context.new_page()  # noqa: F811
    with on_port(made, port):
        page.goto("/kiosk")
        expect(page.locator("[data-safe=yes]")).to_be_attached()
        page.get_by_role("button", name="Start").click()
        page.get_by_role("radio", name="Yes", exact=True).check(force=True)
        page.locator(".sd-rating__item").nth(1).click()
        context.set_offline(True)  # in the middle of the survey
        page.locator("textarea").fill("cut in the middle")
        page.get_by_role("button", name="Send").click()
        expect(page.get_by_text("Saved on this device.")).to_be_visible()
        receipt = page.locator("[data-receipt-code]").inner_text()
        assert re.fullmatch(r"([A-Z2-7]{4}-){3}[A-Z2-7]{4}", receipt)
    context.set_offline(False)  # the network is back, the server is gone
    page.reload()
    expect(page.locator("[data-queue]")).to_have_text("1 answer waits for the network")
    page.get_by_role("button", name="Deutsch").click()  # its own words, kept for the outage
    expect(page.get_by_role("heading")).to_have_text("Was halten Sie von Vegan salami?")
    page.get_by_role("button", name="Start").click()
    answer_form(page, yes="Ja", send="Senden", text="ohne Netz")
    expect(page.get_by_text("Auf diesem Gerät gespeichert.")).to_be_visible()
    assert made.desk.stored == []
    with on_port(made, port):
        wait_for(lambda: len(made.desk.stored) == 2, 15)
        expect(page.locator("[data-queue]")).to_be_hidden()
        page.get_by_role("button", name="Fertig").click()
        expect(page.get_by_role("button", name="English")).to_be_visible()
    told = {one["text"]: one for one in made.desk.stored}
    assert told["cut in the middle"]["receipt"] == receipt
    assert told["ohne Netz"]["language"] == "de"
    context.close()


def test_the_next_person_finds_an_empty_form(site: Site, page: Page):  # noqa: F811
    page.goto("/kiosk")
    for text in ("first", "second"):
        start_and_answer(page, text)
        expect(page.locator("[data-receipt-code]")).to_be_visible()
        page.get_by_role("button", name="Done").click()
    assert [one["text"] for one in site.desk.stored] == ["first", "second"]


def test_a_form_that_nobody_touches_makes_way(
    site: Site,  # noqa: F811
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
):
    context = browser.new_context(base_url=url, locale="en-GB")  # noqa: F811
    page = context.new_page()  # noqa: F811
    page.clock.install()
    page.goto("/kiosk")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("radio", name="Yes", exact=True).check(force=True)
    page.clock.fast_forward(46_000)
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    expect(page.locator(".sd-rating__item")).to_have_count(0)
    assert site.desk.stored == []
    context.close()


def test_a_kiosk_beside_a_shelf_asks_while_somebody_is_there_and_answers_later(
    site: Site,  # noqa: F811
    browser: Browser,  # noqa: F811
    url: str,  # noqa: F811
):
    context = browser.new_context(base_url=url, locale="en-GB")  # noqa: F811
    page = context.new_page()  # noqa: F811
    page.clock.install(time=NOW)
    page.goto("/kiosk?fixture=chilled")
    expect(page.get_by_text("When you stop at this shelf")).to_be_visible()
    site.board.happen("butter")
    wait_for(lambda: site.app.state.hub.someone_at("chilled"))
    page.clock.fast_forward(8_000)
    start_and_answer(page, "beside the shelf")
    expect(page.get_by_text("sent later together with others")).to_be_visible()
    expect(page.locator("[data-receipt-code]")).to_have_text(re.compile("-"))
    page.clock.fast_forward(60_000)
    assert site.desk.stored == []  # 14:21: the next quarter has not come
    page.clock.fast_forward(15 * 60_000)
    wait_for(lambda: site.desk.stored, 10)
    assert page.request.get("/kiosk?fixture=nowhere").status == 404
    context.close()


def test_a_form_is_edited_by_keyboard_undone_saved_and_put_into_use(
    site: Site,  # noqa: F811
    page: Page,  # noqa: F811
):
    sign_in(page)
    page.goto("/forms")
    page.get_by_label("Short name").fill("my-taste")
    page.get_by_label("Start from").select_option("taste")
    page.get_by_role("button", name="Create").click()
    expect(page).to_have_url(re.compile("/forms/my-taste"))
    expect(page.get_by_text("Nothing is wrong.")).to_be_visible()
    cards = page.locator("[data-index]:not([data-index='-1'])")
    title = page.locator("[data-spot='rating.title.en']")
    title.fill("How does it taste?")
    title.press("Alt+ArrowDown")
    expect(cards.nth(1)).to_contain_text("rating")
    expect(page.locator("[data-said]")).to_have_text("rating is now number 2")
    page.keyboard.press("Alt+ArrowUp")
    expect(cards.nth(0)).to_contain_text("rating")
    page.get_by_role("button", name="Remove: text").click()
    expect(cards).to_have_count(2)
    page.keyboard.press("Control+z")
    expect(cards).to_have_count(3)
    page.locator("[data-spot='choice.if']").select_option("rating")
    page.get_by_role("combobox", name="Comparison").select_option(">=")
    with page.expect_response(re.compile("/review$")):
        page.get_by_role("combobox", name="Value").select_option("4")
    expect(page.locator("[data-review]")).to_have_text("Nothing is wrong.")
    preview = page.locator(".fe-frame")
    page.get_by_role("button", name="Start over").click()
    preview.get_by_role("radio", name="Yes").click(force=True)
    expect(preview).to_contain_text("How does it taste?")
    expect(preview).not_to_contain_text("What describes it best?")
    preview.locator(".sd-rating__item").nth(4).click()
    expect(preview).to_contain_text("What describes it best?")
    page.get_by_role("radio", name="日本語").check(force=True)
    expect(preview).to_contain_text("回答を保存してもよろしいですか")
    page.get_by_role("button", name="Save as new version").click()
    expect(page.locator("[data-said]")).to_contain_text("Saved as version 2.")
    page.get_by_role("button", name="Put into use").click()
    expect(page.locator("[data-said]")).to_have_text("Version 2 is in use now.")
    used = site.app.state.forms["my-taste"]
    choice = list(used.elements())[2]
    assert (used.version, choice["visibleIf"]) == (2, "{rating} >= 4")


def test_the_editor_says_where_a_fault_lies_and_what_is_missing(page: Page):  # noqa: F811
    sign_in(page)
    page.goto("/forms/put-back")
    expect(page.get_by_text("No difference to the version in use.")).to_be_visible()
    page.get_by_role("checkbox", name="Français").check()
    expect(page.locator("[data-review]")).to_contain_text("Missing in Français: 16 texts")
    page.get_by_role("checkbox", name="Français").uncheck()
    page.locator("[data-spot='text.title.en']").fill("Why? " * 100)
    expect(page.locator("[data-review]")).to_contain_text("s in 'en', at most 60 s are allowed")
    page.get_by_role("button", name="Undo").click()
    page.locator("[data-spot='rating.title.de']").fill("Wie finden Sie es?")
    expect(page.locator("[data-changes]")).to_contain_text("Changed: rating.title.de")
    expect(page.locator("[data-changes] ins")).to_have_text("Wie finden Sie es?")

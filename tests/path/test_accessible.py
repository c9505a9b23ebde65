"""axe-core over every page in a real Chromium: no WCAG 2.2 A or AA violation, light or dark."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from aeras.respond.surveys import built_in_forms
from tests.path.test_browser import browser  # noqa: F401 - a fixture
from tests.serve.conftest import Site, make_site
from tests.serve.fake import paint
from tests.serve.test_live import running

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
LEVELS = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']"
FORM = built_in_forms()["put-back"]

SHOPPERS = ["/thanks", "/withdraw", "/privacy", "/login", "/s/made-up", "/01/4006381333931"]
STAFF = [
    "/",
    "/items",
    "/map?vs=before&fixture=drinks",
    "/map?by=hour",
    "/items/vegan-salami",
    "/items/vegan-salami/sales?range=30d",
    "/ranks",
    "/connectors",
    "/triggers",
    "/triggers/trigger0",
    "/rules",
    "/rules/edit?id=often",
    "/surveys",
    "/topics",
    "/advice",
    "/advice/p1",
    "/advice/p3",
    "/surveys/cards",
    "/surveys/card/vegan-salami",
    "/forms",
    "/forms/put-back",
    "/forms/put-back/answers",
    "/channels",
    "/cameras",
    "/account",
    "/users",
]


@pytest.fixture(scope="module")
def axe() -> str:
    """The checker's source; fetched once from npm, never shipped."""
    spec = importlib.util.spec_from_file_location("web_assets", ROOT / "tools/web_assets.py")
    assert spec is not None
    assert spec.loader is not None
    assets = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(assets)
    try:
        assets.ensure(assets.TEST_VENDOR, assets.TEST_FILES)
    except SystemExit as problem:
        pytest.skip(str(problem).splitlines()[0])
    return (assets.TEST_VENDOR / "axe.js").read_text(encoding="utf-8")


class Judge:
    """Runs the checker on whatever a page shows."""

    def __init__(self, page: Page, axe: str) -> None:
        self.page, self.axe, self.found = page, axe, []

    def __call__(self, name: str) -> None:
        self.page.evaluate(f"{self.axe};0")
        whole = f"axe.run({{runOnly: {LEVELS}, resultTypes: ['violations']}})"
        colours = "axe.run({runOnly: ['color-contrast'], resultTypes: ['violations']})"
        for theme, run in (("light", whole), ("dark", colours)):
            self.page.emulate_media(color_scheme=theme)
            for fault in self.page.evaluate(run)["violations"]:
                where = [node["target"] for node in fault["nodes"][:3]]
                self.found.append(f"{name} ({theme}): {fault['id']} at {where}")


def speak_four_languages(site: Site) -> None:
    site.desk.languages = lambda survey: FORM.languages  # type: ignore[method-assign]
    site.desk.form = lambda survey, language: FORM.in_language(language)  # type: ignore[method-assign]


def opened(browser: Browser, url: str, axe: str) -> Judge:  # noqa: F811
    context = browser.new_context(
        base_url=url,
        locale="en-GB",
        reduced_motion="reduce",  # half-faded colours are judged as they are
        viewport={"width": 1280, "height": 900},
    )
    context.set_default_timeout(15000)
    return Judge(context.new_page(), axe)


def test_what_shoppers_open(browser: Browser, axe: str):  # noqa: F811
    site = make_site()
    speak_four_languages(site)
    with running(site) as url:
        judge = opened(browser, url, axe)
        for path in SHOPPERS:
            judge.page.goto(path)
            judge(path)
        token = site.desk.invite("vegan-salami", "qr")
        for language in FORM.languages:
            judge.page.set_viewport_size({"width": 390, "height": 844})
            judge.page.goto(f"/s/{token}?lang={language}")
            assert judge.page.locator("html").get_attribute("lang") == language
            judge.page.locator("input[type=radio]").first.check(force=True)
            judge.page.locator("textarea").wait_for()
            judge(f"survey in {language}")
        judge.page.goto("/kiosk")
        judge.page.locator("[data-start]").wait_for()
        judge("kiosk, idle")
        judge.page.locator("[data-start]").click()
        judge.page.locator("input[type=radio]").first.wait_for(state="attached")
        judge("kiosk, form")
        judge.page.locator("input[type=radio]").first.check(force=True)
        judge.page.locator(".sd-rating__item").nth(1).click()
        judge.page.get_by_role("button", name="Send").click()
        judge.page.locator("[data-receipt-code]").wait_for()
        judge("kiosk, thanks")
    assert judge.found == []


def test_what_staff_open(browser: Browser, axe: str):  # noqa: F811
    site = make_site()
    paint(site.board, 0)
    with running(site) as url:
        judge = opened(browser, url, axe)
        judge.page.goto(site.links.enter("ada"))
        for path in STAFF:
            judge.page.goto(path)
            judge.page.locator("main").wait_for()
            if path == "/forms/put-back":
                judge.page.locator(".fe-frame .sd-question").first.wait_for()
            judge(path)
    assert judge.found == []

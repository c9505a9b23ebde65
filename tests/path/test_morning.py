"""A manager's morning in a real browser, over the demo shop's history: see what stands out, go to
its place, its sales and what shoppers say, act, and print.

Each stretch is a function of its own, so that further ones can be walked between them. Nothing is
rendered and no camera runs: those are in ``test_demo.py``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from aeras.lab import demo
from aeras.lab.render.production import RenderedDemo
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import Web, bind, make_web
from tests.path.test_browser import browser  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser
WORD = "good morning 7"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        paths = {name: folder / f"{name}.mp4" for name in ("aisle", "shelf")}
        drawn = RenderedDemo(**paths, truth=folder / "truth.json")
        patch.setattr(demo, "_render", lambda *_: drawn)
        site = demo.prepare(folder, demo.DemoOptions(), say=lambda _: None)
    runtime = Runtime(site, cameras=False, simulated=True)
    demo._add_history(runtime, lambda _: None)
    for trigger in runtime.triggers.check():
        runtime.board.saw_trigger(trigger)
    runtime.control.add_user("ann", WORD, "manager")
    web = make_web(runtime, bind("127.0.0.1", 0))
    with web.running():
        yield web
    runtime.stop()


@pytest.fixture
def page(browser: Browser, shop: Web) -> Iterator[Page]:  # noqa: F811 - a fixture
    context = browser.new_context(base_url=shop.url, locale="en-GB", accept_downloads=True)
    context.set_default_timeout(10_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(shop.links.enter("ann"))
    yield page
    context.close()
    assert problems == []


def follow_a_finding(page: Page) -> str:
    """From the overview to the item of the first open trigger; returns its name."""
    page.goto("/")
    expect(page.get_by_text("Simulated data").first).to_be_visible()
    first = page.locator(".trigger h3 a").first
    name = first.inner_text()
    first.click()
    expect(page.locator("h1")).to_have_text(name)
    return name


def look_at_its_place(page: Page, name: str) -> None:
    """The map: its place, by the keyboard, then played hour by hour."""
    page.get_by_role("link", name="Layers, playback, comparison").click()
    place = page.locator(f'.map-drawing [data-name="{name}"]').first
    expect(place).to_have_attribute("fill", re.compile("rgb"))
    place.hover()
    expect(page.locator("[data-readout]")).to_contain_text(name)
    expect(page.locator("[data-readout]")).to_contain_text("handlings")
    page.get_by_label("By time").select_option("hour")
    expect(page).to_have_url(re.compile("by=hour"))
    slider = page.get_by_role("slider", name="Step")
    before = page.locator("[data-map-player] output").inner_text()
    slider.press("ArrowRight")
    expect(page.locator("[data-map-player] output")).not_to_have_text(before)
    expect(page).to_have_url(re.compile(r"at=\d\d"))
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.reload()  # what was chosen stands in the address
    expect(page.get_by_role("slider", name="Step")).not_to_have_value("0")


def look_at_its_sales(page: Page, name: str) -> None:
    """The till's layer, against the days before, and as files."""
    page.get_by_label("By time").select_option("")
    expect(page).not_to_have_url(re.compile("by=hour"))
    page.locator("select[name=layer]").select_option("sales")
    expect(page.locator("#layer-title")).to_have_text("Sold")
    page.get_by_label("Compare with").select_option("before")
    expect(page.get_by_text("Coloured is only what is more than chance")).to_be_visible()
    page.get_by_text("The same as a table").click()
    row = page.locator("[data-place]").filter(has_text=name).first
    expect(row).to_contain_text("%")
    for kind, magic in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as saved:
            page.locator(".smap-save").get_by_text(kind, exact=True).click()
        assert Path(saved.value.path()).read_bytes().startswith(magic)


def read_what_shoppers_say(page: Page) -> None:
    page.locator(".nav").get_by_text("More", exact=True).click()
    page.keyboard.press("Escape")
    page.goto("/topics")
    expect(page.locator("h1")).to_have_text("Topics")


def act(page: Page) -> None:
    """Dismisses the first open trigger with a reason."""
    page.goto("/triggers")
    page.get_by_role("link", name="All of it, and what became of it").first.click()
    step = page.locator("details[data-keep=dismiss]")
    step.locator("summary").click()
    step.get_by_label("Why not?").fill("The supplier changes the pack next week")
    step.get_by_role("button").click()
    expect(page.get_by_text("The supplier changes the pack next week")).to_be_visible()


def print_the_map(page: Page) -> None:
    page.goto("/map?vs=before")
    page.emulate_media(media="print")
    expect(page.locator(".top")).not_to_be_visible()
    expect(page.locator(".smap-form")).not_to_be_visible()
    expect(page.locator(".map-drawing")).to_be_visible()
    sheets = page.pdf(format="A4", print_background=True).count(b"/Type /Page\n")
    assert sheets <= 2
    page.emulate_media(media="screen")


@pytest.mark.timeout(120)
def test_a_manager_s_morning(page: Page):
    name = follow_a_finding(page)
    look_at_its_place(page, name)
    look_at_its_sales(page, name)
    read_what_shoppers_say(page)
    act(page)
    print_the_map(page)


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize(("language", "title"), [("de", "Karte"), ("es", "Mapa"), ("ja", "マップ")])
def test_every_language_fits_the_frame(page: Page, language: str, title: str, width: int):
    page.set_viewport_size({"width": width, "height": 844})
    page.context.add_cookies([{"name": "aeras_lang", "value": language, "url": page.url}])
    for path in ("/", "/map?vs=before", "/items", "/triggers"):
        page.goto(path)
        expect(page.locator(".nav").get_by_text(title, exact=True)).to_be_visible()
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, path

"""From a camera of which nothing is known to the first event at a facing, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from synthetic_shop import SIZE, write_site
from waiting import wait_for

from aeras.config import load_site
from aeras.lab.render.scene import Camera
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import bind, make_web
from tests.path.test_browser import browser  # noqa: F401 - a fixture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

MAP = (6.0, 4.0)
CAMERA = Camera((3.0, 2.6, 4.5), (3.0, 0.4, 2.0), 0.9, SIZE)
PLACES = ((2.0, 1.2), (4.1, 1.4), (2.3, 2.6), (3.6, 2.5), (3.1, 1.9))
SLOW_MS = 60_000


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """A site file with a camera and items only, and a comment that has to stay."""
    path = write_site(tmp_path)
    text = path.read_text()
    start, end = text.index("fixtures:"), text.index("server:")
    path.write_text("# by hand\n" + text[:start] + text[end:])
    return path


@pytest.fixture
def shop(empty: Path) -> Iterator[tuple[Runtime, str]]:
    runtime = Runtime(load_site(empty))
    web = make_web(runtime, bind("127.0.0.1", 0))
    runtime.start()
    runtime.control.add_user("ann", "a long sentence", "manager")
    with web.running():
        yield runtime, web.url + web.links.enter("ann")
    runtime.stop()


@pytest.fixture
def page(browser: Browser, shop: tuple[Runtime, str]) -> Iterator[Page]:  # noqa: F811
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 1100})
    context.set_default_timeout(SLOW_MS)
    expect.set_options(timeout=SLOW_MS)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(shop[1])
    page.goto(page.url.rstrip("/") + "/calibration/aisle")
    yield page
    expect.set_options(timeout=5000)
    context.close()
    assert problems == []


def on(page: Page, view: str, x: float, y: float) -> tuple[float, float]:
    """The place on the screen of a place in the picture (pixels) or on the map (metres)."""
    width, height = SIZE if view == "picture" else MAP
    box = page.locator(f"[data-view={view}] svg").bounding_box()
    assert box
    return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height


def drag(page: Page, view: str, *corners: tuple[float, float]) -> None:
    (x0, y0), (x1, y1) = corners
    page.mouse.move(*on(page, view, x0, y0))
    page.mouse.down()
    page.mouse.move(*on(page, view, (x0 + x1) / 2, (y0 + y1) / 2))
    page.mouse.move(*on(page, view, x1, y1))
    page.mouse.up()


def use(page: Page, tool: str) -> None:
    page.get_by_role("radio", name=tool, exact=True).check(force=True)


def pair(page: Page, x: float, y: float) -> None:
    u, v, _ = CAMERA.pixel((x, 0, y))
    page.mouse.click(*on(page, "picture", u, v))
    expect(page.locator("[data-hint]")).to_contain_text("on the map")
    page.mouse.click(*on(page, "map", x, y))


def calibrate(page: Page) -> None:
    """Points, a shelf on picture and map, one facing with its item."""
    expect(page.locator("[data-view=picture] image")).to_have_attribute("href", re.compile("^blob"))
    page.get_by_label("Width (m)").fill("6")
    page.get_by_label("Depth (m)").fill("4")
    page.get_by_label("Depth (m)").press("Tab")
    page.evaluate("scrollTo(0, 150)")
    for number, place in enumerate(PLACES, start=1):
        pair(page, *place)
        if number == 2:
            expect(page.locator("[data-problems]")).to_contain_text("2 points so far")
    expect(page.locator("[data-quality]")).to_contain_text("Off by")
    assert float(page.locator("[data-quality]").get_attribute("data-mean") or 9) < 0.1
    use(page, "Shelf")
    drag(page, "picture", (60, 60), (260, 200))
    drag(page, "map", (2, 0.4), (4, 1))
    use(page, "Facings")
    drag(page, "picture", (130, 90), (190, 170))
    page.locator("[data-list]").get_by_label("Item").select_option("box")


def save(page: Page) -> None:
    expect(page.locator("[data-quality]")).to_contain_text("Nothing stands in the way")
    page.get_by_role("button", name="Save").click()


def test_an_empty_camera_is_calibrated_and_gives_its_first_event(
    shop: tuple[Runtime, str], page: Page
) -> None:
    runtime, _ = shop
    calibrate(page)
    save(page)
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    text = runtime.site.path.read_text()
    assert text.startswith("# by hand\n")
    written = load_site(runtime.site.path).shop
    assert [f.item for f in written.fixtures[0].facings] == ["box"]
    assert len(written.camera("aisle").marks) == len(PLACES)
    assert written.camera("aisle").calibrated_on == SIZE
    expect(page.locator("[data-saved]")).to_contain_text("Back: aisle")

    def first() -> bool:
        now = datetime.now(UTC)
        day = timedelta(days=1)
        tallies = runtime.store.tally("facing", now - day, now + day)
        return any(t.key == "shelf-1-1" and t.takes for t in tallies)

    assert wait_for(first, 120)
    page.goto(page.url.split("/calibration")[0] + "/")  # what the retailer sees of it
    taken = page.locator("[data-feed] li", has_text="Taken").first
    expect(taken).to_contain_text(written.item("box").name)


def test_what_is_drawn_can_be_done_and_undone_by_keyboard(
    shop: tuple[Runtime, str], page: Page
) -> None:
    runtime, _ = shop
    calibrate(page)
    shapes = page.locator("[data-view=picture] polygon.facing")
    corner = page.get_by_role("button", name="Corner 1 of shelf-1-1 Box")
    before = shapes.first.get_attribute("points")
    corner.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    expect(shapes.first).not_to_have_attribute("points", before or "")
    expect(corner).to_be_focused()
    page.keyboard.press("Control+z")
    expect(shapes.first).to_have_attribute("points", before or "")
    page.keyboard.press("Control+Shift+Z")
    expect(shapes.first).not_to_have_attribute("points", before or "")
    page.get_by_role("button", name="Undo").click()
    use(page, "Points")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("[data-list] [data-row]")).to_have_count(len(PLACES) + 1)
    page.locator("[data-view=picture] [data-key='points/5']").focus()
    page.keyboard.press("Delete")
    expect(page.locator("[data-list] [data-row]")).to_have_count(len(PLACES))
    use(page, "Staff zone")
    for x, y in ((10, 10), (60, 60), (60, 10), (10, 60)):
        page.mouse.click(*on(page, "picture", x, y))
    page.keyboard.press("Enter")
    expect(page.locator("[data-problems]")).to_contain_text("edges cross")
    expect(page.locator("polygon.staff.bad")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.keyboard.press("Control+z")
    runtime.site.path.write_text(runtime.site.path.read_text() + "# meanwhile\n")
    save(page)
    expect(page.locator("[data-saved]")).to_contain_text("changed since this page was loaded")
    assert runtime.site.path.read_text().endswith("# meanwhile\n")


def test_a_phone_shows_what_is_set_and_draws_nothing(
    browser: Browser,  # noqa: F811
    shop: tuple[Runtime, str],
) -> None:
    context = browser.new_context(locale="en-GB", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(shop[1])
    page.goto(page.url.rstrip("/") + "/calibration/aisle")
    expect(page.get_by_text("too small to draw on")).to_be_visible(timeout=SLOW_MS)
    page.mouse.click(*on(page, "picture", 100, 100))
    assert page.locator("[data-list] [data-row]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    context.close()

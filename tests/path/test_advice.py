"""A proposal for placement as a manager walks it, from the evidence to the measured effect."""

from __future__ import annotations

import re
import socket
import threading

import pytest
import uvicorn
from advised_shop import AdvisedShop
from playwright.sync_api import Browser, expect

from tests.path.test_browser import browser  # noqa: F401 - a fixture
from tests.serve.conftest import make_site

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(tmp_path):
    found = AdvisedShop(tmp_path)
    yield found
    found.control.close()


@pytest.fixture
def address(shop):
    """Where the shop's pages are, with a link that signs a manager in."""
    site = make_site(advice_desk=shop.room)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        yield base, base + site.links.enter("ann")
        server.should_exit = True
        thread.join(timeout=10)


def test_from_the_evidence_to_the_measured_effect(shop, address, browser: Browser):  # noqa: F811
    base, enter = address
    before = shop.plan()
    shop.room.make()
    shop.pass_weeks(1)
    shop.room.make()
    with browser.new_context(locale="en-GB", viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto(enter)
        page.goto(f"{base}/advice")
        expect(page.locator(".proposal .pill")).to_have_text("Ready to try")
        page.locator(".proposal a").click()
        expect(page.locator(".moves li").first).to_contain_text("of the looks at its block")
        expect(page.locator("[data-judged=passed]")).to_contain_text("35 rounds")
        page.get_by_role("button", name="Approve").click()
        expect(page.locator("[aria-current=step]")).to_have_text("Approved")
        assert shop.plan() == before
        page.get_by_role("button", name="The shelf is rearranged").click()
        expect(page.locator("[aria-current=step]")).to_have_text("Moved")
        assert shop.plan() != before
        shop.pass_weeks(6)
        shop.room.make()
        page.reload()
        effect = page.locator("[data-measured]")
        expect(effect).to_contain_text("It surely earns more")
        expect(effect).to_contain_text(re.compile(r"\+\d+\.\d% of the reward, against shelf-"))
        page.get_by_role("button", name="Keep it so").click()
        expect(page.locator("[aria-current=step]")).to_have_text("Kept")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

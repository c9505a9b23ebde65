"""The life of a trigger as people walk it: from events to the measured effect, in two languages.

Each stretch of the way is a function of its own, so that further ones (kiosk, QR code, webhook) can
be walked between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from lived_shop import LivedShop
from playwright.sync_api import Browser, Page, expect

from aeras.wiring.web import Web
from tests.path.test_browser import browser  # noqa: F401 - a fixture

pytestmark = pytest.mark.browser


@dataclass(frozen=True)
class Speech:
    """What the pages say in one language."""

    locale: str
    rejected: str
    stages: dict[str, str]
    findings: str
    approve: str
    better: str
    close: str
    flagged: str
    preview: str
    save: str
    saved: str


ENGLISH = Speech(
    "en-GB",
    "rejected in 60%",
    {
        "survey": "survey running",
        "proposed": "action proposed",
        "approved": "approved",
        "measured": "measured",
        "closed": "closed",
    },
    "12 answers",
    "Approve",
    "Better: the interval lies below 0.",
    "Close",
    "With this rule, in the last 30 days: 1 item would have been flagged.",
    "Preview on history",
    "Save",
    "Saved and in use.",
)
GERMAN = Speech(
    "de-DE",
    "bei 60 % der lesbaren Griffe abgelehnt",
    {"survey": "Umfrage läuft", "proposed": "Maßnahme vorgeschlagen", "approved": "freigegeben",
     "measured": "gemessen", "closed": "geschlossen"},
    "12 Antworten",
    "Freigeben",
    "Besser: das Intervall liegt unter 0.",
    "Schließen",
    "Mit dieser Regel wäre in den letzten 30 Tagen 1 Artikel aufgefallen.",
    "Vorschau an der Vergangenheit",
    "Speichern",
    "Gespeichert und in Kraft.",
)  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LivedShop]:
    made = LivedShop(tmp_path)
    yield made
    made.close()


@pytest.fixture
def web(shop: LivedShop) -> Iterator[Web]:
    with shop.pages() as web:
        yield web


@pytest.fixture(params=[ENGLISH, GERMAN], ids=["en", "de"])
def speech(request: pytest.FixtureRequest) -> Speech:
    return request.param


@pytest.fixture
def page(browser: Browser, web: Web, speech: Speech) -> Iterator[Page]:  # noqa: F811
    """A manager's page, which must not log an error."""
    context = browser.new_context(base_url=web.url, locale=speech.locale)
    context.set_default_timeout(20_000)
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.goto(web.links.enter("ann"))
    yield page
    assert problems == []
    context.close()


def stage(page: Page, speech: Speech, name: str) -> None:
    """The page shows the stage, without being loaded again."""
    expect(page.locator("[aria-current=step]")).to_have_text(speech.stages[name], timeout=20_000)


# --- the way ------------------------------------------------------------------------------------


def shoppers_reject_it(shop: LivedShop) -> None:
    shop.pass_hours(8, {"oat-milk": 6})
    assert [trigger.item for trigger in shop.opened] == ["oat-milk"]


def the_manager_opens_it(page: Page, speech: Speech) -> None:
    page.goto("/triggers")
    card = page.locator(".trigger")
    expect(card).to_contain_text(speech.rejected)
    expect(card.locator(".pill")).to_have_text(speech.stages["survey"])
    card.locator(".trigger-actions a[href^='/triggers/']").press("Enter")
    expect(page).to_have_url(re.compile("/triggers/[0-9a-f]{32}$"))
    expect(page.locator("[data-live-state=on]")).to_be_visible()
    stage(page, speech, "survey")


def shoppers_answer(shop: LivedShop) -> None:
    shop.answers(12)
    shop.look()


def the_manager_approves(page: Page, speech: Speech) -> None:
    stage(page, speech, "proposed")
    expect(page.locator("[data-findings]")).to_contain_text(speech.findings)
    approve = page.get_by_role("button", name=speech.approve, exact=True)
    approve.focus()
    page.keyboard.press("Enter")
    stage(page, speech, "approved")


def time_passes(shop: LivedShop) -> None:
    shop.pass_hours(7 * 24, {"oat-milk": 2}, look=False)
    shop.look()


def the_manager_reads_the_effect_and_closes(page: Page, speech: Speech) -> None:
    stage(page, speech, "measured")
    expect(page.locator("[data-effect]")).to_contain_text(speech.better)
    page.get_by_role("button", name=speech.close, exact=True).click()
    stage(page, speech, "closed")
    expect(page.locator("[data-effect]")).to_contain_text(speech.better)
    deeds = page.locator(".timeline li").evaluate_all("rows => rows.map(row => row.dataset.deed)")
    assert deeds == ["close", "measure", "approve", "propose", "find", "ask", "open"]


@pytest.mark.timeout(180)
def test_from_events_to_the_measured_effect(shop: LivedShop, page: Page, speech: Speech):
    shoppers_reject_it(shop)
    the_manager_opens_it(page, speech)
    shoppers_answer(shop)
    the_manager_approves(page, speech)
    time_passes(shop)
    the_manager_reads_the_effect_and_closes(page, speech)


@pytest.mark.timeout(180)
def test_a_rule_is_tried_on_the_past_and_saved(shop: LivedShop, page: Page, speech: Speech):
    shop.pass_hours(12, {"oat-milk": 6}, look=False)
    page.goto("/rules/edit")
    page.locator("[name=id]").fill("often")
    expect(page.locator("[name=margin]")).to_be_hidden()
    page.locator("[name=threshold]").fill("11")
    page.get_by_role("button", name=speech.preview).click()
    expect(page.locator("[data-preview]")).to_contain_text(speech.flagged)
    expect(page.locator("[data-preview]")).to_contain_text("Oat milk")
    page.get_by_role("button", name=speech.save, exact=True).click()
    expect(page.get_by_role("status").filter(has_text=speech.saved)).to_be_visible()
    expect(page.locator("[data-rule]")).to_have_count(2)
    assert "threshold: 11" in shop.path.read_text()


def test_a_viewer_sees_the_life_and_can_do_nothing(browser: Browser, shop: LivedShop, web: Web):  # noqa: F811
    shoppers_reject_it(shop)
    context = browser.new_context(base_url=web.url, locale="en-GB")
    page = context.new_page()
    page.goto(web.links.enter("vic"))
    page.goto(f"/triggers/{shop.opened[0].id}")
    expect(page.get_by_text("A manager can take the next step.")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)
    context.close()

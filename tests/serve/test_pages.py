from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from aeras.domain.published import ItemRow
from aeras.domain.roles import allows
from aeras.serve.nav import DAILY, SETTINGS
from tests.serve.conftest import Site, make_site

SIGNED_IN = [
    "/",
    "/?range=today",
    "/items",
    "/items/vegan-salami?range=30d",
    "/items/tea-lights",
    "/triggers",
    "/surveys",
    "/surveys/card/vegan-salami",
    "/cameras",
    "/nothing-here",
]
PUBLIC = ["/login", "/kiosk", "/thanks", "/withdraw", "/s/forged", "/q/forged"]


class Findings(HTMLParser):
    """What the content policy would refuse, and images and controls nobody can name."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if tag == "script" and "src" not in held and held.get("type") != "application/json":
            self.bad.append("inline script")
        if tag == "style" or "style" in held:
            self.bad.append(f"inline style on {tag}")
        self.bad += [f"{name} on {tag}" for name in held if name.startswith("on")]
        for name in ("src", "href", "action"):
            target = held.get(name) or ""
            if target.startswith(("http:", "https:", "//")) and "testserver" not in target:
                self.bad.append(f"{name} to another host: {target}")
        if tag == "img" and "alt" not in held:
            self.bad.append("img without alt")
        if tag == "input" and held.get("type") == "text" and "name" not in held:
            self.bad.append("input without name")


@pytest.mark.parametrize("path", SIGNED_IN + PUBLIC)
def test_every_page_keeps_to_the_content_policy(ann: TestClient, client: TestClient, path: str):
    answer = (ann if path in SIGNED_IN else client).get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    findings = Findings()
    findings.feed(answer.text)
    assert findings.bad == []


def test_json_errors_carry_the_policy_too(client: TestClient):
    assert "content-security-policy" in client.get("/api/shop").headers


def visible(page: str) -> str:
    """The page without the data that its scripts read."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("path", ["/", "/items", "/items/vegan-salami", "/triggers", "/cameras"])
def test_the_simulated_badge_shows_only_where_it_is_due(path: str):
    assert "Simulated data" in make_site().signed_in().get(path).text
    assert "imulated" not in visible(make_site(simulated=0).signed_in().get(path).text)


def test_a_share_of_simulated_data_is_said():
    page = make_site(simulated=0.4).signed_in().get("/items").text
    assert "Up to 40% simulated data" in page


def test_withheld_numbers_are_words_not_numbers(ann: TestClient):
    page = ann.get("/items/tea-lights").text
    assert "Fewer than 10 visits in these days" in page
    assert "None" not in visible(page)
    big = re.findall(r'data-total="\w+">(.*?)</(?:p|dd)>', page, re.DOTALL)
    assert len(big) >= 9
    assert all("visits" in text and "%" not in text for text in big)
    table = ann.get("/items").text
    row = re.search(r'id="item-tea-lights".*?</tr>', table, re.DOTALL)
    assert row
    assert "fewer than 10 visits" in row[0]
    assert "%" not in re.sub(r'title="[^"]*"', "", row[0])


def test_each_rate_shows_its_n_interval_and_unclear_share(ann: TestClient):
    found = next(
        r for r in ann.get("/api/items?range=30d").json()["rows"] if r["numbers"]["visits"]
    )
    rate = found["numbers"]["rejection"]
    page = ann.get(f"/items/{found['id']}?range=30d").text
    assert f"{rate['value']:.0%}" in page
    assert f"{rate['low'] * 100:.0f}\N{EN DASH}{rate['high']:.0%}, {rate['n']:,} handlings" in page
    assert "Could not tell" in page


def test_what_people_write_is_text_and_never_markup(site: Site, ann: TestClient):
    nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    site.desk.stored.append({"item": "vegan-salami", "receipt": "R", "rating": 1, "text": nasty})
    for path in ("/items/vegan-salami", "/surveys"):
        page = ann.get(path).text
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "&lt;script&gt;alert(1)" in page


def test_names_from_the_site_file_cannot_end_a_data_block(site: Site):
    item = site.board.shop.items[0]
    evil = replace(item, name="</script><script>alert(1)</script>")
    site.board.shop = replace(site.board.shop, items=(evil, *site.board.shop.items[1:]))
    page = site.signed_in().get("/").text
    assert "<script>alert" not in page


def test_german_is_complete_and_numbers_follow(ann: TestClient):
    page = ann.get("/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}).text
    assert '<html lang="de"' in page
    assert "Wie die Kundschaft reagiert" in page
    assert re.search(r"\d\.\d{3}", page)
    ann.cookies.set("aeras_lang", "en")
    assert '<html lang="en"' in ann.get("/", headers={"Accept-Language": "de"}).text


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("range=today", "2026-11-22"),
        ("range=7d", "2026-11-16"),
        ("range=30d", "2026-10-24"),
        ("from=2026-11-01&to=2026-11-03", "2026-11-01"),
    ],
)
def test_the_range_is_in_the_url_and_in_local_days(ann: TestClient, query: str, first: str):
    period = ann.get(f"/api/totals?{query}").json()["period"]
    assert period["first"] == first
    assert period["since"].endswith("T23:00:00Z") or "10-2" in first
    assert ann.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize(
    "query", ["range=year", "from=soon", "from=2026-11-03&to=2026-11-01", "from=1999-01-01"]
)
def test_a_range_that_is_none_is_explained(ann: TestClient, query: str):
    assert ann.get(f"/?{query}").status_code == 422
    answer = ann.get(f"/api/items?{query}")
    assert answer.status_code == 422
    assert answer.json()["todo"]


def test_unknown_things_are_404_with_advice(ann: TestClient):
    for path in ("/items/nope", "/surveys/card/honey", "/surveys/card/nope", "/nope"):
        assert ann.get(path).status_code == 404
    assert "/api/items" in ann.get("/api/items/nope").json()["todo"]


def test_an_empty_shop_says_what_to_do(site: Site, monkeypatch: pytest.MonkeyPatch):
    nothing: list[ItemRow] = []
    monkeypatch.setattr(site.board, "items", lambda *_: nothing)
    monkeypatch.setattr(site.board, "cameras", list)
    monkeypatch.setattr(site.board, "facings", lambda *_: [])
    monkeypatch.setattr(site.board, "trigger_rows", [])
    page = site.signed_in().get("/").text
    assert "No items yet" in page
    assert "No camera" in page
    assert "That is good news" in page


@pytest.mark.parametrize("name", ["ann", "ada"])
def test_the_menu_leads_to_every_page_that_is_on_and_open(site: Site, name: str):
    menu = site.signed_in(name).get("/").text.split('<nav class="nav"', 1)[1].split("</nav>")[0]
    linked = set(re.findall(r'<a [^>]*href="([^"?]+)', menu))
    role = site.users.user(name).role
    on = [e for e in (*DAILY, *SETTINGS) if not e.part or getattr(site.app.state, e.part)]
    assert linked == {entry.path for entry in on if allows(role, entry.role)}
    assert {"/connectors", "/channels", "/map"} <= linked


def test_the_surveys_page_offers_cards_only_where_a_survey_runs(
    site: Site, ann: TestClient, monkeypatch: pytest.MonkeyPatch
):
    """An item keeps its answers after its survey has ended."""
    first, *others = re.findall(r'href="/surveys/card/([^"]+)"', ann.get("/surveys").text)
    left = [row for row in site.board.triggers() if row.item != first]
    monkeypatch.setattr(site.board, "triggers", lambda: left)
    page = ann.get("/surveys").text
    assert f'href="/items/{first}"' in page
    assert re.findall(r'href="/surveys/card/([^"]+)"', page) == others
    assert ann.get(f"/surveys/card/{first}").status_code == 404

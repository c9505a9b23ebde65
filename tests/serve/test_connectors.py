"""The connectors' page and their webhooks."""

from __future__ import annotations

import pytest

from tests.serve.conftest import Site, form_token, make_site
from tests.serve.fake_feeds import FakeFeeds


@pytest.fixture
def feeds() -> FakeFeeds:
    return FakeFeeds()


@pytest.fixture
def shop(feeds: FakeFeeds) -> Site:
    return make_site(feed_desk=feeds)


def test_the_page_tells_state_errors_and_quarantine_in_plain_words(shop: Site):
    page = shop.signed_in().get("/connectors").text
    for words in (
        "Working",
        "Access refused: somebody has to act",
        "the server answers 401",
        "12,345",
        "3 min ago",
        "No item has this SKU",
        "/api/public/hooks/till",
        "Simulated",
    ):
        assert words in page, words
    assert "&lt;b&gt;no&lt;/b&gt;" in page  # a source's text is text
    assert page.count('aria-label="Try again: ') == 1  # what cannot be read stays so


def test_the_page_speaks_german(shop: Site):
    client = shop.signed_in()
    client.cookies.set("aeras_lang", "de")
    page = client.get("/connectors").text
    assert "Zugang verweigert" in page
    assert "Kein Artikel hat diese Nummer" in page


def test_a_dry_run_shows_what_would_change(shop: Site, feeds: FakeFeeds):
    client = shop.signed_in()
    sent = {"csrf": form_token(client, "/connectors"), "source": "till"}
    page = client.post("/connectors/dry-run", data=sent).text
    assert "nothing was changed" in page
    assert "0.452" in page
    assert "Chewing gum" in page
    assert feeds.asked == []


def test_buttons_run_retry_and_discard_in_the_name_of_who_pressed(shop: Site, feeds: FakeFeeds):
    client = shop.signed_in()
    token = form_token(client, "/connectors")
    for path, name, value in (
        ("run", "source", "erp"),
        ("retry", "group", "g1"),
        ("discard", "group", "g2"),
    ):
        answer = client.post(f"/connectors/{path}", data={"csrf": token, name: value})
        assert answer.status_code == 303, path
        assert client.get(answer.headers["location"]).status_code == 200
    assert feeds.asked == [("run", "erp"), ("retry", "g1"), ("discard", "g2", "ann")]


def test_a_webhook_is_handed_on_as_it_came(shop: Site, feeds: FakeFeeds):
    answer = shop.client().post(
        "/api/public/hooks/till", content=b'{"sales": []}', headers={"Webhook-Signature": "v1,x"}
    )
    assert answer.status_code == 204
    url = "http://testserver/api/public/hooks/till"
    assert feeds.asked == [("push", "till", '{"sales": []}', url)]


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("till", 10, 422), ("nobody", 10, 404), ("till", 2_000_000, 413)],
)
def test_other_webhooks_are_refused(shop: Site, feeds: FakeFeeds, path, size, status):
    answer = shop.client().post(f"/api/public/hooks/{path}", content=b"x" * size)
    assert answer.status_code == status
    assert set(answer.json()) == {"what", "where", "todo"}
    assert feeds.asked == []


def test_the_api_tells_the_state(shop: Site):
    rows = shop.signed_in().get("/api/connectors").json()
    assert [(row["id"], row["status"], row["held"]) for row in rows] == [
        ("till", "fine", 13),
        ("erp", "revoked", 0),
    ]


def test_without_connectors_the_page_says_so():
    answer = make_site(feed_desk=None).signed_in().get("/connectors")
    assert answer.status_code == 404

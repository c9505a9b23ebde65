"""What a shopper with a bad link, a bad clock or bad intent gets: a page that says what to do."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from aeras.domain.errors import InputError
from tests.serve.conftest import Site, script_header


def cards(site: Site) -> dict[str, str]:
    """Path by item name of the printed sheet."""
    page = site.signed_in().get("/surveys/cards").text
    found = re.findall(
        r'data-link="http://testserver([^"]+)".*?<h2>What do you think of (.*?)\?', page, re.S
    )
    return {name: path for path, name in found}


def gtin_of(site: Site, item: str) -> str:
    return str(site.board.shop.item(item).gtin).zfill(14)


def test_a_card_holds_a_digital_link_of_its_facing_that_leads_to_the_survey(
    site: Site, client: TestClient
):
    path = cards(site)["Vegan salami"]
    gtin = gtin_of(site, "vegan-salami")
    assert re.fullmatch(rf"/01/{gtin}/21/[A-Z2-7]{{12}}", path)
    for scanned in (path, path.lower(), f"/01/{gtin}", f"/01/{gtin.lstrip('0')}"):
        answer = client.get(scanned)
        assert answer.status_code == 303, scanned
        assert site.desk.tokens[answer.headers["location"].removeprefix("/s/")] == "vegan-salami"


def test_forged_and_foreign_digital_links_are_told_apart_from_ended_surveys(
    site: Site, client: TestClient
):
    mine = cards(site)
    other = mine["Kombucha lemon"].rpartition("/")[2]
    gtin = gtin_of(site, "vegan-salami")
    for path in (f"/01/{gtin}/21/{other}", f"/01/{gtin}/21/MADEUP", "/01/99999999999999", "/01/x"):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "This link does not work" in answer.text
    site.board.trigger_rows = []
    ended = client.get(mine["Vegan salami"])
    assert ended.status_code == 410
    assert "This survey is closed" in ended.text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("es", "Este enlace ha caducado"),
        ("ja", "このリンクは期限切れです"),
        ("fr", "This link has expired"),
    ],
)
def test_a_dead_link_is_explained_in_the_shoppers_language(client: TestClient, language, words):
    answer = client.get("/s/expired-1", headers={"Accept-Language": language})
    assert answer.status_code == 410
    assert words in answer.text
    assert f'<html lang="{language if language != "fr" else "en"}"' in answer.text


def test_ten_megabytes_of_text_are_refused_before_they_are_read(site: Site, client: TestClient):
    token = site.desk.invite("vegan-salami", "qr")
    sent = {"token": token, "answers": {"consent": True, "text": "x" * 10_000_000}}
    assert client.post("/api/public/answers", json=sent).status_code == 413
    assert site.desk.stored == []
    assert client.get(f"/s/{token}").status_code == 200  # the link still works


def test_a_script_in_an_answer_stays_text(site: Site):
    site.board.say({"type": "answer", "item": "vegan-salami"})
    for _ in range(3):
        token = site.desk.invite("vegan-salami", "qr")
        site.desk.answer(token, {"consent": True, "text": "<script>alert(1)</script>"}, "en")
    page = site.signed_in().get("/items/vegan-salami").text
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert(1)" not in page


@pytest.mark.parametrize("version", [0, -1, 2**31, "one", 1.5])
def test_a_version_that_is_none_is_refused(site: Site, client: TestClient, version: object):
    token = site.desk.invite("vegan-salami", "qr")
    sent = {"token": token, "answers": {"consent": True}, "version": version}
    assert client.post("/api/public/answers", json=sent).status_code == 422


def test_presence_is_one_coarse_bit_and_off_while_reading_is_stopped(site: Site):
    from datetime import timedelta

    with TestClient(site.app, follow_redirects=False) as client:
        ask = "/api/public/kiosk?fixture=chilled"
        assert client.get(ask).json()["near"] is False
        site.app.state.hub._pass_on({"type": "event", "fixture": "chilled", "item": "butter"})
        near = client.get(ask).json()
        assert near["near"] is True
        assert "butter" not in str(near)
        assert client.get("/api/public/kiosk?fixture=care").json()["near"] is False
        site.oversight.switch.stop("olga")
        assert client.get(ask).json()["near"] is False
        site.oversight.switch.resume("olga")
        site.clock.now += timedelta(minutes=2)
        assert client.get(ask).json()["near"] is False
        assert client.get("/api/public/kiosk?fixture=nowhere").status_code == 404


def test_the_form_api_reviews_saves_and_publishes(site: Site):
    ann = site.signed_in()
    headers = script_header(ann, "/forms/put-back")
    source = dict(site.app.state.forms.open("put-back").source)
    reviewed = ann.post("/api/forms/put-back/review", json={"form": source}, headers=headers).json()
    assert reviewed["problems"] == reviewed["missing"] == reviewed["changes"] == []
    assert 20 < reviewed["seconds"]["en"] < 60
    broken = {**source, "pages": [{"elements": [{"type": "file"}]}]}
    answer = ann.post("/api/forms/put-back/versions", json={"form": broken}, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["where"] == "pages[0].elements[0].type"
    saved = ann.post("/api/forms/put-back/versions", json={"form": source}, headers=headers)
    assert saved.json() == {"form": "put-back", "version": 2}
    done = ann.post("/api/forms/put-back/publish", json={"version": 2}, headers=headers)
    assert done.status_code == 200
    wrong = ann.post("/api/forms/put-back/publish", json={"version": 9}, headers=headers)
    assert wrong.status_code == 422
    for path in ("/forms/none", "/forms/none/answers"):
        assert ann.get(path).status_code == 404
    with pytest.raises(InputError):
        site.app.state.forms.open("none")

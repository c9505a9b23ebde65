from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

from tests.serve.conftest import Site

YES = {"consent": True, "rating": 2, "choice": "price", "text": "too dear"}
CLIENT_ID = "0123456789abcdef0123456789abcdef"


def open_card(site: Site, client: TestClient) -> str:
    """Scans the printed card of an item; gives the token of the fresh link."""
    card = site.signed_in().get("/surveys/card/vegan-salami").text
    link = re.search(r'href="http://testserver(/01/[^"]+)"', card)
    assert link
    answer = client.get(link[1])
    assert answer.status_code == 303
    return answer.headers["location"].removeprefix("/s/")


def test_a_scanned_card_leads_to_a_survey_that_takes_one_answer(site: Site, client: TestClient):
    token = open_card(site, client)
    page = client.get(f"/s/{token}")
    assert page.status_code == 200
    assert "Vegan salami" in page.text
    sent = {"token": token, "language": "en", "answers": YES}
    receipt = client.post("/api/public/answers", json=sent).json()["receipt"]
    assert receipt
    assert site.desk.stored[0]["text"] == "too dear"
    again = client.post("/api/public/answers", json=sent)
    assert again.status_code == 410
    assert len(site.desk.stored) == 1
    closed = client.get(f"/s/{token}")
    assert closed.status_code == 410
    assert "Already answered" in closed.text


def test_each_scan_gives_a_link_of_its_own(site: Site, client: TestClient):
    assert open_card(site, client) != open_card(site, client)


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/s/expired-1", 410, "This link has expired"),
        ("/s/made-up", 404, "This link does not work"),
        ("/q/made-up", 404, "This link does not work"),
    ],
)
def test_dead_links_say_why(client: TestClient, path: str, status: int, words: str):
    answer = client.get(path)
    assert answer.status_code == status
    assert words in answer.text
    german = client.get(path, headers={"Accept-Language": "de"})
    assert '<html lang="de"' in german.text


def test_refusing_consent_keeps_nothing(site: Site, client: TestClient):
    sent = {"token": open_card(site, client), "answers": {"consent": False}}
    assert client.post("/api/public/answers", json=sent).json() == {"receipt": None}
    assert site.desk.stored == []


def test_the_survey_speaks_the_reader_s_language_and_can_be_switched(
    site: Site, client: TestClient
):
    token = open_card(site, client)
    german = client.get(f"/s/{token}", headers={"Accept-Language": "de-CH,de;q=0.9"}).text
    assert "Wie gefällt es Ihnen?" in german
    assert 'href="?lang=en"' in german
    english = client.get(f"/s/{token}?lang=en", headers={"Accept-Language": "de"}).text
    assert "How do you like it?" in english
    other = client.get(f"/api/public/form/{token}?language=xx", headers={"Accept-Language": "fr"})
    assert other.json()["language"] == "en"


def test_a_payload_that_does_not_fit_is_explained(site: Site, client: TestClient):
    token = open_card(site, client)
    for answers in ({"name": "Ann"}, "text"):
        answer = client.post("/api/public/answers", json={"token": token, "answers": answers})
        assert answer.status_code == 422
        assert answer.json()["todo"]
    sent = {"token": token, "answers": YES}
    assert client.post("/api/public/answers", json=sent).status_code == 200


def test_another_site_s_page_cannot_answer(site: Site, client: TestClient):
    sent = {"token": open_card(site, client), "answers": YES}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/public/answers", json=sent, headers=headers).status_code == 403
    assert site.desk.stored == []


def test_the_kiosk_asks_and_takes_each_answer_once(site: Site, client: TestClient):
    asked = client.get("/api/public/kiosk?language=de").json()["invitation"]
    assert asked["item_name"] == "Vegan salami"
    assert asked["language"] == "de"
    sent = {
        "invitation": asked["id"],
        "client_id": CLIENT_ID,
        "language": "de",
        "answers": YES,
    }
    first = client.post("/api/public/kiosk/answers", json=sent).json()
    second = client.post("/api/public/kiosk/answers", json=sent).json()
    assert first == second
    assert len(site.desk.stored) == 1


def test_a_kiosk_without_a_question_rests(site: Site, client: TestClient):
    site.desk.asking = None
    assert client.get("/api/public/kiosk").json()["invitation"] is None


@pytest.mark.parametrize("client_id", ["", "short", "g" * 32, "A" * 32])
def test_a_kiosk_answer_needs_a_proper_id(client: TestClient, client_id: str):
    sent = {"invitation": "kiosk-honey", "client_id": client_id, "answers": YES}
    answer = client.post("/api/public/kiosk/answers", json=sent)
    assert answer.status_code == 422
    assert "client_id" in answer.json()["where"]


def test_an_answer_can_be_taken_back_with_its_code(site: Site, client: TestClient):
    sent = {"token": open_card(site, client), "answers": YES}
    receipt = client.post("/api/public/answers", json=sent).json()["receipt"]
    page = client.get(f"/withdraw?code={receipt}").text
    token = re.search(r'name="csrf" value="([^"]+)"', page)
    assert token
    assert receipt in page
    assert client.post("/withdraw", data={"code": receipt}).status_code == 403
    form = {"code": f" {receipt} ", "csrf": token[1]}
    assert "is deleted" in client.post("/withdraw", data=form).text
    assert site.desk.stored == []
    unknown = client.post("/withdraw", data=form)
    assert unknown.status_code == 404
    assert "No answer has this code" in unknown.text


def test_flooding_is_slowed_down(client: TestClient):
    codes = [client.get("/q/made-up").status_code for _ in range(121)]
    assert codes[119] == 404
    assert codes[120] == 429

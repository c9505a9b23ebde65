from __future__ import annotations

from fastapi.testclient import TestClient

from tests.serve.conftest import Site, form_token, make_site
from tests.serve.fake_asking import FakeAsking

YES = {"consent": True, "rating": 2, "choice": "price"}


def test_the_page_tells_channels_dead_letters_rates_and_comparisons(ann: TestClient):
    page = ann.get("/channels").text
    for words in (
        "tries again since",
        "the receiver answers 503",
        "the receiver answers 500",
        "31\N{EN DASH}50%",
        "Fewer than 10 answers look as if made by a machine",
        "ended: put-back is answered by more people",
        "Fewer than 10 invitations in an arm",
    ):
        assert words in page, words
    german = ann.get("/channels", headers={"accept-language": "de"}).text
    assert "Kanäle" in german or "Channels" in german


def test_dead_letters_are_sent_again_and_a_test_goes_out(site: Site, ann: TestClient):
    desk = FakeAsking()
    site.app.state.asking = desk
    csrf = form_token(ann, "/channels")
    form = {"channel": "head-office", "message": "msg_1", "csrf": csrf}
    answer = ann.post("/channels/retry", data=form)
    assert answer.headers["location"] == "/channels?done=retry&n=1"
    assert "on its way again" in ann.get(answer.headers["location"]).text
    ann.post("/channels/test", data={"channel": "shelf-3", "csrf": csrf})
    assert desk.retried == [("head-office", "msg_1")]
    assert desk.tested == ["shelf-3"]


def test_without_channels_the_pages_say_so(site: Site, ann: TestClient):
    site.app.state.asking = None
    assert ann.get("/channels").status_code == 404


def scan(site: Site, client: TestClient) -> str:
    code = site.app.state.cards.sign("vegan-salami")
    location: str = client.get(f"/q/{code}").headers["location"]
    return location.removeprefix("/s/")


def test_an_answer_by_link_brings_its_code_along(site: Site, client: TestClient):
    sent = {"token": scan(site, client), "language": "de", "answers": YES}
    got = client.post("/api/public/answers", json=sent).json()
    assert (got["code"], got["code_text"]) == ("AAAAA-BBBBB", "One coffee (de)")


def test_many_guests_behind_one_address_are_let_in_and_one_flooding_browser_is_not():
    site = make_site()
    client = site.client()
    code = site.app.state.cards.sign("vegan-salami")
    for guest in range(8):
        phone = {"user-agent": f"phone {guest}"}
        codes = {client.get(f"/q/{code}", headers=phone).status_code for _ in range(100)}
        assert codes == {303}
    bot = {"user-agent": "bot"}
    assert [client.get(f"/q/{code}", headers=bot).status_code for _ in range(121)][-1] == 429


def test_guessed_links_are_slowed_down_and_true_ones_go_on(site: Site, client: TestClient):
    true = [scan(site, client) for _ in range(3)]
    sent = {"token": "made-up", "answers": YES}
    codes = [client.post("/api/public/answers", json=sent).status_code for _ in range(119)]
    assert set(codes) == {404}
    first = client.post("/api/public/answers", json={"token": true[0], "answers": YES})
    assert first.status_code == 200
    client.post("/api/public/answers", json=sent)
    assert client.post("/api/public/answers", json=sent).status_code == 429

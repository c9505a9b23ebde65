from __future__ import annotations

from datetime import timedelta

import pytest

from aeras.domain.errors import StoreError
from tests.serve.conftest import Site, form_token, script_header

SIGNED_IN = ["/", "/items", "/items/vegan-salami", "/triggers", "/surveys", "/cameras"]
OPEN = ["/login", "/kiosk", "/withdraw", "/thanks", "/privacy"]


def acts(site: Site) -> list[tuple[str, str]]:
    return [(entry.act, entry.who) for entry in site.oversight.audit.last(99)][::-1]


@pytest.mark.parametrize("name", ["vic", "ann", "olga"])
def test_everyone_who_is_signed_in_can_stop_and_every_page_then_says_so(site: Site, name: str):
    client = site.signed_in(name)
    page = client.get("/items").text
    assert 'action="/stop"' in page
    assert "Reading is stopped." not in page
    answer = client.post("/stop", data={"csrf": form_token(client, "/"), "next": "/items"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/items")
    for path in SIGNED_IN:
        assert "Reading is stopped." in client.get(path).text, path
        assert 'action="/stop"' not in client.get(path).text
    stranger = site.client()
    for path in OPEN:
        assert "Reading is stopped." in stranger.get(path).text, path
    assert ("stop", name) in acts(site)


@pytest.mark.parametrize(("name", "allowed"), [("vic", 403), ("ann", 403), ("olga", 303)])
def test_only_the_officer_resumes(site: Site, name: str, allowed: int):
    client = site.signed_in(name)
    site.oversight.switch.stop("vic")
    assert ('action="/resume"' in client.get("/").text) == (allowed == 303)
    assert client.post("/resume", data={"csrf": form_token(client, "/")}).status_code == allowed
    assert (site.oversight.switch.stopped() is None) == (allowed == 303)


def test_an_administrator_is_no_officer(site: Site):
    site.users.add_user("adam", "runs the machines", "admin")
    client = site.signed_in("adam")
    assert client.post("/api/resume", headers=script_header(client)).status_code == 403
    assert client.get("/privacy/officer").status_code == 403
    assert client.get("/privacy/papers/dpia").status_code == 403


def test_stop_and_resume_over_the_api(site: Site):
    vic, olga = site.signed_in("vic"), site.signed_in("olga")
    assert vic.post("/api/stop").status_code == 403  # no form token
    assert vic.get("/api/reading").json() == {"stopped": False, "since": None, "by": None}
    stopped = vic.post("/api/stop", headers=script_header(vic)).json()
    assert (stopped["stopped"], stopped["by"]) == (True, "vic")
    assert olga.get("/api/reading").json() == stopped
    assert olga.post("/api/resume", headers=script_header(olga)).json()["stopped"] is False


def test_a_form_from_elsewhere_stops_nothing(site: Site):
    assert site.signed_in("vic").post("/stop", data={"csrf": "x"}).status_code == 403
    assert site.client().post("/stop").status_code == 303  # to the sign-in page
    assert site.oversight.switch.stopped() is None


def test_a_stop_that_cannot_be_looked_up_is_shown_as_a_stop(site: Site, monkeypatch):
    def broken():
        raise StoreError("the disk is full")

    monkeypatch.setattr(site.oversight.switch, "stopped", broken)
    assert "Reading is stopped." in site.client().get("/login").text


def test_the_officer_s_page_shows_rules_papers_and_log_and_is_logged_once_a_while(site: Site):
    client = site.signed_in("olga")
    page = client.get("/privacy/officer").text
    assert "EU AI Act Art. 5(1)(f)" in page
    assert 'data-state="broken"' in page
    assert "The log is whole" in page
    assert "c4c4c4" in page
    client.get("/privacy/officer")
    assert acts(site).count(("view", "olga")) == 1
    site.clock.now += timedelta(minutes=11)
    client.get("/privacy/officer")
    assert acts(site).count(("view", "olga")) == 2
    site.oversight.audit.wrong.append("line 3: its hash does not fit")
    page = client.get("/privacy/officer").text
    assert "tampered with, in 1 place." in page
    assert "line 3: its hash does not fit" in page


def test_approval_holds_for_the_configuration_that_was_shown(site: Site):
    client = site.signed_in("olga")
    form = {"csrf": form_token(client, "/privacy/officer")}
    client.post("/privacy/approve", data={**form, "configuration": "another"})
    assert "Approved by" not in client.get("/privacy/officer").text
    client.post("/privacy/approve", data={**form, "configuration": "ab" * 32})
    assert "Approved by olga" in client.get("/privacy/officer").text


def test_papers_are_downloads_and_logged(site: Site):
    client = site.signed_in("olga")
    answer = client.get("/privacy/papers/dpia?form=html&lang=de")
    assert answer.headers["content-disposition"] == 'attachment; filename="dpia.html"'
    assert answer.content == b"<p>the assessment de</p>"
    assert ("papers", "olga") in acts(site)
    assert client.get("/privacy/papers/diary").status_code == 422
    assert client.get("/privacy/papers/dpia?lang=xx").status_code == 422


def test_the_officer_s_page_speaks_german_to_the_rules(site: Site):
    page = site.signed_in("olga").get("/privacy/officer", headers={"Accept-Language": "de"}).text
    assert "Europäische Union" in page
    assert "EU AI Act Art. 5(1)(f): nicht lesen" in page
    assert "papers/dpia?form=pdf&amp;lang=de" in page or "papers/dpia?form=pdf&lang=de" in page


@pytest.mark.parametrize(
    ("accept", "query", "language"),
    [("ja", "", "ja"), ("fr", "", "en"), ("de-DE", "?lang=es", "es"), ("de", "?lang=xx", "de")],
)
def test_shoppers_read_the_notice_in_their_language_without_signing_in(
    site: Site, accept: str, query: str, language: str
):
    answer = site.client().get(f"/privacy{query}", headers={"Accept-Language": accept})
    assert answer.status_code == 200
    assert f"Cameras ({language})" in answer.text
    assert "How to object" in answer.text


def test_a_failed_sign_in_is_logged_without_what_a_stranger_typed(site: Site):
    client = site.client()
    for name in ("ann", "my secret passphrase"):
        form = {"csrf": form_token(client), "name": name, "password": "wrong"}
        assert client.post("/login", data=form).status_code == 401
    assert acts(site) == [("sign_in_failed", "ann"), ("sign_in_failed", "system")]
    assert "passphrase" not in str(site.oversight.audit.last(9))


def test_looking_at_the_cameras_is_logged(site: Site):
    site.signed_in("vic").get("/cameras")
    assert acts(site) == [("view", "vic")]

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from aeras.domain.errors import ServeError
from tests.serve.conftest import Site, form_token, make_site


def sign_in(client: TestClient, name: str, password: str, **more: str):
    data = {"name": name, "password": password, "csrf": form_token(client), **more}
    return client.post("/login", data=data)


def test_name_and_password_open_the_page_that_was_asked_for(client: TestClient):
    asked = client.get("/items?range=30d")
    assert asked.headers["location"] == "/login?next=/items%3Frange%3D30d"
    answer = sign_in(client, "ann", "correct horse", next="/items?range=30d")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/items?range=30d"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/items").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_link_may_not_send_people_to_another_site(client: TestClient, target: str):
    answer = sign_in(client, "ann", "correct horse", next=target)
    assert answer.headers["location"] == "/"


def test_a_wrong_password_says_so_and_no_more(client: TestClient):
    wrong = sign_in(client, "ann", "wrong")
    unknown = sign_in(client, "nobody", "wrong")
    assert wrong.status_code == unknown.status_code == 401
    assert "Name or password is wrong." in wrong.text
    assert "Name or password is wrong." in unknown.text


def test_without_the_form_s_token_nothing_happens(client: TestClient):
    data = {"name": "ann", "password": "correct horse"}
    assert client.post("/login", data=data).status_code == 403
    other = make_site().client()
    assert client.post("/login", data={**data, "csrf": form_token(other)}).status_code == 403


def test_guessing_is_slowed_down_by_name_and_lets_up_with_time(site: Site, client: TestClient):
    for _ in range(5):
        assert sign_in(client, "ann", "guess").status_code == 401
    answer = sign_in(client, "Ann", "correct horse")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 200
    assert sign_in(client, "vic", "only looking").status_code == 303
    site.clock.now += timedelta(seconds=301)
    client.cookies.clear()
    assert sign_in(client, "ann", "correct horse").status_code == 303


def test_strangers_who_guess_at_a_name_do_not_lock_its_owner_out(site: Site, client: TestClient):
    assert sign_in(client, "ann", "correct horse").status_code == 303
    device = client.cookies["aeras_device"]
    stranger = site.client()
    for number in range(31):  # its own address is spent, which the shop's proxy may share with all
        sign_in(stranger, "ann" if number < 6 else f"name{number}", "guess")
    assert sign_in(site.client(), "ann", "correct horse").status_code == 429
    own = site.client()
    own.cookies.set("aeras_device", device)
    assert sign_in(own, "ann", "correct horse").status_code == 303
    assert sign_in(site.client(), "ann", "correct horse").status_code == 429


def test_a_known_browser_helps_with_one_name_only_and_may_not_guess_for_ever(site: Site):
    first = site.client()
    assert sign_in(first, "ann", "correct horse").status_code == 303
    stolen = site.client()
    stolen.cookies.set("aeras_device", first.cookies["aeras_device"])
    answers = [sign_in(stolen, "ann", "guess").status_code for _ in range(6)]
    assert answers == [401] * 5 + [429]
    for _ in range(5):
        sign_in(site.client(), "vic", "guess")
    assert sign_in(stolen, "vic", "only looking").status_code == 429
    forged = site.client()
    forged.cookies.set("aeras_device", first.cookies["aeras_device"][:-1] + "x")
    for _ in range(5):
        sign_in(forged, "olga", "guess")
    assert sign_in(forged, "olga", "sees to the law").status_code == 429


def test_guessing_many_names_is_slowed_down_by_machine(client: TestClient):
    answers = [sign_in(client, f"name{i}", "guess").status_code for i in range(31)]
    assert answers[29] == 401
    assert answers[30] == 429


def test_signing_out_ends_the_session_everywhere(site: Site):
    client = site.signed_in()
    stolen = client.cookies["aeras_session"]
    assert client.post("/logout").status_code == 403
    assert client.post("/logout", data={"csrf": form_token(client, "/")}).status_code == 303
    assert client.get("/api/shop").status_code == 401
    client.cookies.clear()
    client.cookies.set("aeras_session", stolen)
    assert client.get("/api/shop").status_code == 401


def test_the_set_up_link_makes_the_first_user_once(site: Site, client: TestClient):
    link = site.links.setup()
    form = {"token": link.split("=")[1], "csrf": form_token(client, link)}
    bad = {"name": "cy", "password": "short", "again": "short"}
    assert "at least 10 characters" in client.post("/setup", data={**form, **bad}).text
    bad = {"name": "cy", "password": "long enough 1", "again": "long enough 2"}
    assert "passwords differ" in client.post("/setup", data={**form, **bad}).text
    bad = {"name": "ann", "password": "long enough 1", "again": "long enough 1"}
    assert "taken" in client.post("/setup", data={**form, **bad}).text
    good = {"name": "cy", "password": "long enough 1", "again": "long enough 1"}
    assert client.post("/setup", data={**form, **good}).status_code == 303
    assert client.get("/").status_code == 200
    user = site.users.user("cy")
    assert user is not None
    assert user.role == "admin"
    again = {**form, **good, "csrf": form_token(client, "/")}
    assert client.post("/setup", data=again).status_code == 404


def test_one_time_links_work_once_and_not_for_ever(site: Site):
    link = site.links.enter("ann")
    assert site.client().get(link).status_code == 303
    assert site.client().get(link).status_code == 404
    assert site.client().get("/enter?token=guess").status_code == 404
    assert site.client().get(site.links.setup().replace("setup", "enter")).status_code == 404
    late = site.links.enter("ann")
    site.clock.now = site.clock.now.replace(hour=23)
    assert site.client().get(late).status_code == 404


def test_behind_tls_cookies_are_secure():
    site = make_site(https=True)
    answer = site.client().get(site.links.enter("ann"))
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers


def test_a_short_secret_is_refused():
    from aeras.serve.app import create_app

    site = make_site()
    with pytest.raises(ServeError, match="at least 32"):
        create_app(site.board, site.users, site.desk, oversight=site.oversight, secret="hunter2")

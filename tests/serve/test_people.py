from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from fastapi.testclient import TestClient

from tests.serve.conftest import Site, form_token, make_site
from tests.serve.test_sign_in import sign_in


def shown(page: str, pattern: str) -> str:
    found = re.search(pattern, page)
    assert found, pattern
    return found[1]


def post(client: TestClient, path: str, page: str, **data: str):
    return client.post(path, data={"csrf": form_token(client, page), **data})


def told(client: TestClient, path: str, page: str, **data: str) -> str:
    """The page that a form leads to, which shows a secret this once."""
    answer = post(client, path, page, **data)
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    return client.get(page).text


def changes(site: Site) -> list[str]:
    entries = [e for e in site.oversight.audit.last(99)[::-1] if e.act == "user_changed"]
    return [f"{e.who}: {e.about.get('user', '')} {e.about['what']}" for e in entries]


def test_an_invitation_works_once_and_the_invited_choose_their_password(site: Site):
    ada = site.signed_in("ada")
    page = told(ada, "/users/invite", "/users", name="ben", role="manager")
    assert "/join?token" not in ada.get("/users").text
    link = shown(page, r"(/join\?token=[\w-]+)")
    ben = site.client()
    form = {"token": link.split("=")[1], "password": "a long sentence", "again": "a long sentence"}
    assert "at least 10" in post(ben, "/join", link, **{**form, "password": "x", "again": "x"}).text
    assert post(ben, "/join", link, **form).headers["location"] == "/login"
    assert ben.get(link).status_code == 404
    assert sign_in(ben, "ben", "a long sentence").status_code == 303
    assert site.users.user("ben").role == "manager"
    assert changes(site) == ["ada: ben invited as manager", "ben: ben chose a password by a link"]


def test_an_invitation_that_is_too_old_or_replaced_is_dead(site: Site):
    ada = site.signed_in("ada")
    links = [
        shown(told(ada, "/users/invite", "/users", name="ben"), r"(/join\?token=[\w-]+)")
        for _ in range(2)
    ]
    assert site.client().get(links[0]).status_code == 404
    assert site.client().get(links[1]).status_code == 200
    site.clock.now += timedelta(days=4)
    assert site.client().get(links[1]).status_code == 404


def test_a_changed_or_locked_out_user_is_signed_out_at_once(site: Site):
    ada, vic = site.signed_in("ada"), site.signed_in("vic")
    post(ada, "/users/change", "/users", name="vic", what="role", role="manager")
    assert vic.get("/api/shop").status_code == 401
    vic = site.signed_in("vic")
    assert vic.get("/planogram").status_code == 404  # a manager's page, off in this test
    post(ada, "/users/change", "/users", name="vic", what="disable")
    assert vic.get("/api/shop").status_code == 401
    assert sign_in(site.client(), "vic", "only looking").status_code == 401
    post(ada, "/users/change", "/users", name="vic", what="enable")
    assert sign_in(site.client(), "vic", "only looking").status_code == 303
    assert changes(site)[0] == "ada: vic role manager"


@pytest.mark.parametrize("form", [{"what": "role", "role": "viewer"}, {"what": "disable"}])
def test_the_last_administrator_stays(site: Site, form: dict[str, str]):
    answer = post(site.signed_in("ada"), "/users/change", "/users", name="ada", **form)
    assert answer.status_code == 422
    assert "last administrator" in answer.text
    assert site.users.user("ada").role == "admin"


def turn_on(site: Site, client: TestClient) -> tuple[str, list[str]]:
    page = client.get("/account").text
    sealed = shown(page, r'name="sealed" value="([^"]+)"')
    secret = shown(page, r'<code class="wrap">([A-Z2-7 ]+)</code>').replace(" ", "")
    code = pyotp.TOTP(secret).at(site.clock.now)
    form = {"csrf": shown(page, r'name="csrf" value="([^"]+)"'), "sealed": sealed}
    assert client.post("/account/second-factor", data={**form, "code": "123"}).status_code == 422
    answer = client.post("/account/second-factor", data={**form, "code": code})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    codes, again = (
        re.findall(r"<li><code>([0-9a-f-]{23})</code>", client.get("/account").text)
        for _ in range(2)
    )
    assert again == []
    assert len(codes) == 8
    return secret, codes


def code_step(client: TestClient, name: str, password: str, code: str):
    page = sign_in(client, name, password).text
    form = {n: shown(page, rf'name="{n}" value="([^"]*)"') for n in ("csrf", "proof", "next")}
    return client.post("/login/code", data={**form, "code": code})


def test_a_second_step_is_asked_for_and_no_code_works_twice(site: Site):
    secret, codes = turn_on(site, site.signed_in("olga"))
    client = site.client()
    used = pyotp.TOTP(secret).at(site.clock.now)
    assert code_step(client, "olga", "sees to the law", used).status_code == 401
    assert client.get("/api/shop").status_code == 401
    site.clock.now += timedelta(seconds=30)
    code = pyotp.TOTP(secret).at(site.clock.now)
    assert code_step(client, "olga", "sees to the law", code).status_code == 303
    assert client.get("/api/shop").status_code == 200
    assert code_step(site.client(), "olga", "sees to the law", codes[0]).status_code == 303
    assert code_step(site.client(), "olga", "sees to the law", codes[0]).status_code == 401


def test_guessing_codes_is_slowed_down(site: Site):
    turn_on(site, site.signed_in("olga"))
    answers = [code_step(site.client(), "olga", "sees to the law", "0") for _ in range(5)]
    assert [a.status_code for a in answers] == [401] * 5
    assert sign_in(site.client(), "olga", "sees to the law").status_code == 429


def test_where_the_site_asks_for_it_an_administrator_must_set_it_up_first():
    site = make_site(second_factor=True)
    ada = site.signed_in("ada")
    assert ada.get("/users").headers["location"] == "/account"
    assert ada.get("/api/shop").status_code == 403
    assert site.signed_in("ann").get("/api/shop").status_code == 200
    turn_on(site, ada)
    assert ada.get("/users").status_code == 200


@pytest.mark.parametrize(
    ("step", "times", "alive"), [(61, 1, False), (50, 2, True), (50, 15, False)]
)
def test_sessions_end_when_idle_and_after_half_a_day(site: Site, step, times, alive):
    client = site.signed_in("vic")
    for _ in range(times):
        site.clock.now += timedelta(minutes=step)
        status = client.get("/api/shop").status_code
    assert status == (200 if alive else 401)


def test_signing_in_makes_a_new_session_and_ends_the_old_one(client: TestClient, site: Site):
    sign_in(client, "ann", "correct horse")
    first = client.cookies["aeras_session"]
    client.get(site.links.enter("ann"))
    assert client.cookies["aeras_session"] != first
    old = site.client()
    old.cookies.set("aeras_session", first)
    assert old.get("/api/shop").status_code == 401


def test_signing_out_everywhere_ends_every_session(site: Site):
    one, two = site.signed_in("vic"), site.signed_in("vic")
    assert post(one, "/account/sign-out", "/account").status_code == 303
    assert [c.get("/api/shop").status_code for c in (one, two)] == [401, 401]


def test_throttles_and_sessions_outlive_a_restart(site: Site):
    from aeras.serve.app import create_app
    from tests.serve.fake import SECRET

    cookie = site.signed_in("vic").cookies["aeras_session"]
    for _ in range(5):
        sign_in(site.client(), "ann", "guess")
    site.app = create_app(
        site.board,
        site.users,
        site.desk,
        oversight=site.oversight,
        secret=SECRET,
        clock=site.clock,
        hosts=("testserver",),
    )
    assert sign_in(site.client(), "ann", "correct horse").status_code == 429
    again = site.client()
    again.cookies.set("aeras_session", cookie)
    assert again.get("/api/shop").status_code == 200


def test_a_token_is_shown_once_and_opens_the_api_for_its_role_only(site: Site):
    ann = site.signed_in("ann")
    page = told(ann, "/account/tokens", "/account", name="till", role="viewer", days="2")
    token = shown(page, r"(aeras_[\w-]{43})")
    assert token not in ann.get("/account").text
    machine, header = site.client(), {"Authorization": f"Bearer {token}"}
    assert machine.get("/api/shop", headers=header).status_code == 200
    assert machine.post("/api/items/vegan-salami/invite", headers=header).status_code == 403
    assert machine.post("/api/stop", headers=header).json()["by"] == "ann/till"
    assert machine.get("/items", headers=header).status_code == 303  # pages are for people
    site.users.set_disabled("ann", True)
    assert machine.get("/api/shop", headers=header).status_code == 401
    site.users.set_disabled("ann", False)
    site.clock.now += timedelta(days=3)
    assert machine.get("/api/shop", headers=header).status_code == 401


def test_what_is_shown_once_waits_for_its_own_visitor_and_not_for_long(site: Site):
    ada, other = site.signed_in("ada"), site.signed_in("ada")
    post(ada, "/users/invite", "/users", name="ben")
    assert "/join?token" not in other.get("/users").text
    site.clock.now += timedelta(minutes=6)
    assert "/join?token" not in ada.get("/users").text


@pytest.mark.parametrize(
    ("owner", "role"), [("vic", "manager"), ("ada", "admin"), ("olga", "officer")]
)
def test_a_token_has_no_more_than_its_owner_and_never_a_person_s_duties(site: Site, owner, role):
    answer = post(
        site.signed_in(owner), "/account/tokens", "/account", name="x", role=role, days="2"
    )
    assert answer.status_code == 422
    assert site.users.tokens(site.clock.now) == []


def test_only_the_owner_or_an_administrator_revokes_a_token(site: Site):
    until = site.clock.now + timedelta(days=1)
    token = site.users.make_token("ann", "till", "manager", until)
    held = site.users.tokens(site.clock.now)[0]
    where = ("/account/tokens/revoke", "/account")
    assert post(site.signed_in("vic"), *where, id=held.id).status_code == 403
    assert post(site.signed_in("ada"), *where, id=held.id).status_code == 303
    assert site.users.token_user(token, site.clock.now) is None
    assert changes(site) == ["ada:  token revoked"]


@pytest.mark.parametrize(
    ("host", "status"),
    [("testserver", 200), ("192.0.2.7:8000", 200), ("[::1]:8000", 200), ("evil.example", 400)],
)
def test_only_this_site_s_names_are_answered(client: TestClient, host: str, status: int):
    assert client.get("/healthz", headers={"Host": host}).status_code == status


def test_no_secret_that_was_given_out_is_in_the_database(site: Site, tmp_path):
    ada = site.signed_in("ada")
    invited = shown(told(ada, "/users/invite", "/users", name="ben"), r"token=([\w-]+)")
    made = told(ada, "/account/tokens", "/account", name="till", role="viewer", days="2")
    _, codes = turn_on(site, ada)
    stored = b"".join(f.read_bytes() for f in site.users._path.parent.iterdir())
    for secret in (invited, shown(made, r"(aeras_[\w-]{43})"), ada.cookies["aeras_session"]):
        assert secret.encode() not in stored
    assert codes[0].replace("-", "").encode() not in stored

"""``aeras users``, ``aeras stop`` and ``aeras resume``, and the whole path of a new shop: from the
first start to an officer who resumes.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2 as httpx
import pyotp
import pytest
from typer.testing import CliRunner, Result

from aeras.cli import app
from aeras.domain.errors import InputError
from aeras.privacy.audit import HEAD, find_faults
from aeras.store.control import Control
from aeras.wiring.scaffold import write_example

SENTENCE = "a sentence to remember"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = write_example(tmp_path)
    path.write_text(path.read_text() + "server: {port: 0}\n")
    return path


def aeras(*arguments: object, **environment: str) -> Result:
    command = [str(argument) for argument in arguments]
    return CliRunner(env=environment).invoke(app, command, catch_exceptions=True)


def refused(result: Result) -> str:
    assert isinstance(result.exception, InputError), result.output
    return str(result.exception)


def listed(site: Path) -> dict[str, dict[str, object]]:
    lines = aeras("users", "list", site, "--json").stdout.splitlines()
    return {line["name"]: line for line in map(json.loads, lines)}


def join(site: Path, name: str, role: str) -> None:
    made = json.loads(aeras("users", "invite", site, name, "--role", role, "--json").stdout)
    control = Control(site.parent / "data" / "control.sqlite")
    control.join(made["link"].split("token=")[1], SENTENCE, datetime.now(UTC))
    control.close()


def logged(site: Path) -> list[str]:
    """What was done to whom; the chain must be whole."""
    data = (site.parent / "data" / "audit.jsonl").read_bytes()
    control = Control(site.parent / "data" / "control.sqlite")
    assert find_faults(data, control.setting(HEAD)) == []
    control.close()
    entries = [json.loads(line) for line in data.splitlines()]
    return [" ".join([e["act"], *e["about"].values()]) for e in entries]


def test_users_are_invited_listed_changed_and_locked_out(site: Path):
    join(site, "ada", "admin")
    join(site, "vic", "viewer")
    assert aeras("users", "invite", site, "olga", "--role", "officer").exit_code == 0
    assert {n: (u["role"], u["state"]) for n, u in listed(site).items()} == {
        "ada": ("admin", "active"),
        "vic": ("viewer", "active"),
        "olga": ("officer", "invited"),
    }
    assert "vic is manager now" in aeras("users", "role", site, "vic", "manager").stdout
    assert "vic is locked out" in aeras("users", "disable", site, "vic").stdout
    assert (listed(site)["vic"]["role"], listed(site)["vic"]["state"]) == ("manager", "locked out")
    assert "vic is let in again" in aeras("users", "enable", site, "vic").stdout
    assert aeras("users", "sign-out", site, "vic").exit_code == 0
    assert [line for line in logged(site) if "vic" in line] == [
        "user_changed vic invited as viewer",
        "user_changed vic role manager",
        "user_changed vic locked out",
        "user_changed vic let in again",
        "user_changed vic signed out everywhere",
    ]


REFUSED = {
    ("role", "ada", "viewer"): "last administrator",
    ("disable", "ada"): "last administrator",
    ("role", "ada", "queen"): "unknown role 'queen', expected one of viewer",
    ("role", "nobody", "viewer"): "there is no user 'nobody'. See aeras users list",
    ("reset-factor", "nobody"): "there is no user 'nobody'",
    ("sign-out", "nobody"): "there is no user 'nobody'",
    ("invite", "a b"): "'a b' cannot be a user name",
}


def test_what_cannot_be_is_one_clear_line_and_changes_nothing(site: Path):
    join(site, "ada", "admin")
    before = (listed(site), logged(site))
    for (command, *rest), words in REFUSED.items():
        assert words in refused(aeras("users", command, site, *rest))
    assert (listed(site), logged(site)) == before


def test_resuming_asks_for_the_code_of_an_officer_who_has_a_second_factor(site: Path):
    join(site, "olga", "officer")
    control = Control(site.parent / "data" / "control.sqlite")
    secret, now = pyotp.random_base32(), datetime.now(UTC)
    used = pyotp.TOTP(secret).at(now)
    codes = control.set_second_factor("olga", secret, used, now)
    assert codes is not None
    control.close()
    assert aeras("stop", site).exit_code == 0

    def resume(**environment: str) -> Result:
        return aeras("resume", site, "--user", "olga", "--json", **environment)

    assert "no terminal to ask on. Set the environment variable AERAS_PASSWORD" in refused(resume())
    assert "password is wrong" in refused(resume(AERAS_PASSWORD="guess"))
    assert "Set the environment variable AERAS_CODE" in refused(resume(AERAS_PASSWORD=SENTENCE))
    assert "code is wrong" in refused(resume(AERAS_PASSWORD=SENTENCE, AERAS_CODE=used))
    assert (site.parent / "data" / "STOP").exists()
    done = resume(AERAS_PASSWORD=SENTENCE, AERAS_CODE=codes[0])
    assert json.loads(done.stdout) == {"stopped": False, "by": "olga"}
    assert not (site.parent / "data" / "STOP").exists()
    assert logged(site)[-2:] == ["sign_in_failed second factor", "resume"]
    assert "reset" not in listed(site)
    assert aeras("users", "reset-factor", site, "olga").exit_code == 0
    assert listed(site)["olga"]["second_factor"] is False


# --- a new shop -----------------------------------------------------------------------------------


@pytest.fixture
def running(site: Path) -> Iterator[tuple[str, str]]:
    """A shop on its first start: its address and the set-up link it prints."""
    command = [sys.executable, "-m", "aeras.cli", "run", str(site)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        try:
            url = re.search(r"http://localhost:\d+", program.stderr.readline())
            link = re.search(r"http://\S+/setup\?token=\S+", program.stderr.readline())
            assert url
            assert link
            yield url[0], link[0]
        finally:
            program.send_signal(signal.SIGINT)
            assert program.wait(timeout=30) == 0


class Person:
    """A browser: keeps cookies, follows links, fills in the forms of pages."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=30)

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def fill(self, page: str, action: str, **fields: str) -> str:
        """Opens a page, sends its form with what it holds already and these fields."""
        shown = self.http.get(page).text
        return self.send(shown, action, **fields)

    def send(self, shown: str, action: str, **fields: str) -> str:
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', shown, re.S)
        assert form, f"no form to {action}"
        held = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        answer = self.http.post(action, data={**held, **fields})
        assert answer.status_code < 400, answer.text
        return answer.text


def test_from_the_first_start_to_an_officer_who_stops_and_resumes(
    site: Path, running: tuple[str, str]
):
    url, link = running
    with Person(url) as ada, Person(url) as olga:
        walk(site, link, ada, olga)
    lines = logged(site)
    assert lines == [
        *[line for line in lines if line.startswith("start ")],
        "user_changed first user, role admin",
        "user_changed olga invited as officer",
        "user_changed olga chose a password by a link",
        "user_changed olga second factor on",
        "stop page or command",
        "resume",
        "view /privacy/officer",
        *[line for line in lines if line.startswith("approval ")],
        "stop page or command",
        "resume",
    ]


def walk(site: Path, link: str, ada: Person, olga: Person) -> None:
    new = {"password": SENTENCE, "again": SENTENCE}
    ada.fill(link, "/setup", name="ada", **new)
    page = ada.fill("/users", "/users/invite", name="olga", role="officer")
    invited = re.search(r"http://localhost:\d+/join\?token=[\w-]+", page)
    assert invited
    page = olga.fill(invited[0], "/join", **new)
    page = olga.send(page, "/login", name="olga", password=SENTENCE)
    assert 'href="/privacy/officer"' in page
    page = olga.http.get("/account").text
    secret = re.search(r'<code class="wrap">([A-Z2-7 ]+)</code>', page)
    assert secret
    totp = pyotp.TOTP(secret[1].replace(" ", ""))
    page = olga.send(page, "/account/second-factor", code=totp.now())
    codes = re.findall(r"<li><code>([0-9a-f-]{23})</code>", page)
    page = ada.fill("/", "/stop")
    assert "Reading is stopped." in page
    assert 'action="/resume"' not in page
    assert "Reading is stopped." not in olga.fill("/", "/resume")
    assert 'name="configuration"' in olga.http.get("/privacy/officer").text
    olga.fill("/privacy/officer", "/privacy/approve")
    assert "Approved by olga" in olga.http.get("/privacy/officer").text
    assert aeras("stop", site).exit_code == 0
    assert "Reading is stopped." in ada.http.get("/").text
    secrets = {"AERAS_PASSWORD": SENTENCE, "AERAS_CODE": codes[0]}
    assert aeras("resume", site, "--user", "olga", **secrets).exit_code == 0
    assert "Reading is stopped." not in ada.http.get("/").text

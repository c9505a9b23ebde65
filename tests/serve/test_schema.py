"""Random requests to every operation, made from the application's own description, by everybody who
can ask: never a crash, never an open door. ``AERAS_FUZZ_EXAMPLES=200`` asks more often.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.serve.conftest import Site, make_site
from tests.serve.test_matrix import (
    ASKERS,
    MATRIX,
    Asker,
    each_route,
    known_path,
    may,
    to_sign_in,
    url_of,
    with_desk,
)

EXAMPLES = int(os.environ.get("AERAS_FUZZ_EXAMPLES", "3"))
"""Requests for each operation and asker."""

QUERY = st.dictionaries(
    st.sampled_from(["range", "since", "until", "lang", "form", "next", "token", "code", "after"]),
    st.text(max_size=12)
    | st.sampled_from(["7d", "custom", "2026-11-01", "9999-12-31", "-1", "pdf"]),
    max_size=3,
)


@pytest.fixture
def everything_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages and forms stand in the description too, not the API alone."""
    for route in each_route(make_site().app.routes):
        if hasattr(route, "include_in_schema"):
            monkeypatch.setattr(route, "include_in_schema", True)


def fuzz(operation: Any, check: Callable[[Any, dict[str, str]], None]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), query=QUERY)
    def run(case: Any, query: dict[str, str]) -> None:
        check(case, query)

    run()


def content(case: Any, token: str) -> dict[str, Any]:
    """The body: JSON as a script would send it, or a form."""
    body = case.body if isinstance(case.body, dict | list | str | int | float | bool) else None
    if case.method == "GET":
        return {}
    if case.path.startswith("/api/"):
        return {"json": body}
    form = body if isinstance(body, dict) else {}
    return {"data": {"csrf": token, **{name: str(value) for name, value in form.items()}}}


class Client:
    """Asks as one of `ASKERS`; signs in again where a request ended the session."""

    def __init__(self, site: Site, asker: Asker) -> None:
        self.site, self.asker = site, asker
        self.client, self.token = asker.client(site)

    def ask(self, method: str, url: str, headers: dict[str, Any] | None = None, **sent: Any):
        self.site.clock.seconds += 60  # throttles have tests of their own
        self.site.clock.now += timedelta(minutes=6)
        headers = {"X-CSRF-Token": self.token, **(headers or {})}
        answer = self.client.request(method, url, headers=headers, **sent)
        if self.asker.role and (answer.status_code == 401 or to_sign_in(answer)):
            self.client, self.token = self.asker.client(self.site)
        return answer


@pytest.mark.usefixtures("everything_described", "short_stream")
@pytest.mark.parametrize("asker", ASKERS, ids=str)
def test_no_request_crashes_or_opens_what_is_closed(asker: Asker, tmp_path):
    site = with_desk(tmp_path)
    schema = schemathesis.openapi.from_dict(site.app.openapi())
    who = Client(site, asker)
    wrong: list[str] = []
    statuses: list[int] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        route = f"{operation.method.upper()} {operation.path}"

        def check(case: Any, query: dict[str, str], route: str = route) -> None:
            if len(statuses) % 2:  # else random ids, which nothing has
                case.path_parameters = known_path(case.path_parameters)
            asked = query | {name: str(value) for name, value in (case.query or {}).items()}
            sent = content(case, who.token)
            answer = who.ask(case.method, case.formatted_path, params=asked, **sent)
            statuses.append(answer.status_code)
            open_door = not may(asker, route) and (
                answer.is_success or (answer.is_redirect and not to_sign_in(answer))
            )
            if answer.status_code >= 500 or open_door:
                told = f"{case.method} {case.formatted_path} {asked} {case.body!r}"
                wrong.append(f"{answer.status_code}: {told}")

        fuzz(operation, check)
    assert len(statuses) >= len(MATRIX)
    assert any(200 <= status < 300 for status in statuses)
    assert wrong == []


BODIES: dict[str, tuple[str, bytes]] = {
    "nothing": ("application/json", b""),
    "half": ("application/json", b'{"a":'),
    "null": ("application/json", b"null"),
    "list": ("application/json", b"[]"),
    "deep": ("application/json", b"[" * 60_000),
    "deep object": ("application/json", b'{"answers":' * 8_000),
    "long number": ("application/json", b"1" * 6_000),
    "not a number": ("application/json", b'{"token": NaN, "answers": {"rating": 1e999}}'),
    "no text": ("application/json", b'{"token": "\xff\xfe", "answers": {}}'),
    "half a sign": (
        "application/json",
        b'{"token": "\\ud800", "name": "\\ud800", "text": "\\ud800"}',
    ),
    "zero": ("application/json", b'{"token": "\\u0000", "name": "\\u0000", "text": "\\u0000"}'),
    "form": ("application/x-www-form-urlencoded", b"csrf=%ff&name=%00&%00=%f0%28&token=%ed%a0%80"),
    "many fields": ("application/x-www-form-urlencoded", b"a=1&" * 5_000),
    "no boundary": ("multipart/form-data", b"--x\r\n\r\n"),
    "file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="csrf"; filename="a"\r\n\r\n\x00\r\n--x--',
    ),
    "cut": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="na'),
    "picture": ("image/png; charset=none", b"\x89PNG"),
}


def changing() -> Iterator[str]:
    yield from (route for route in MATRIX if not route.startswith("GET"))


@pytest.mark.parametrize("kind", BODIES)
def test_no_body_however_broken_crashes_what_takes_one(kind: str, tmp_path):
    site = with_desk(tmp_path)
    media, body = BODIES[kind]
    wrong = []
    for asker in (ASKERS[0], *(a for a in ASKERS if str(a) in {"manager", "officer", "admin"})):
        who = Client(site, asker)
        for route in changing():
            method, path = route.split()
            answer = who.ask(method, url_of(path), {"Content-Type": media}, content=body)
            if answer.status_code >= 500 or (answer.is_success and not may(asker, route)):
                wrong.append(f"{asker} {route}: {answer.status_code}")
    assert wrong == []

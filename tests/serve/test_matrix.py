"""Who may ask for what: every route of the application with every role."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi.testclient import TestClient

from aeras.domain.roles import Role, allows
from aeras.serve.live import Listener
from tests.serve.conftest import Site, make_site

ANYONE = "anyone"
V, M, O, A = Role.VIEWER, Role.MANAGER, Role.OFFICER, Role.ADMIN  # noqa: E741 - a table

MATRIX: dict[str, str] = {
    # sign-in and what shoppers open
    "GET /login": ANYONE,
    "POST /login": ANYONE,
    "POST /logout": ANYONE,
    "GET /enter": ANYONE,
    "GET /setup": ANYONE,
    "POST /setup": ANYONE,
    "POST /login/code": ANYONE,
    "GET /join": ANYONE,
    "POST /join": ANYONE,
    "GET /healthz": ANYONE,
    "GET /metrics": ANYONE,  # this machine or the metrics token: tests/serve/test_access.py
    "GET /static/{version}/{name:path}": ANYONE,
    "GET /kiosk-worker.js": ANYONE,
    "GET /kiosk": ANYONE,
    "GET /withdraw": ANYONE,
    "POST /withdraw": ANYONE,
    "GET /privacy": ANYONE,
    "GET /thanks": ANYONE,
    "GET /q/{code}": ANYONE,
    "GET /s/{token}": ANYONE,
    "GET /api/public/form/{token}": ANYONE,
    "POST /api/public/answers": ANYONE,
    "GET /api/public/kiosk": ANYONE,
    "POST /api/public/kiosk/answers": ANYONE,
    # pages
    "GET /": V,
    "GET /items": V,
    "GET /items/{item_id}": V,
    "GET /triggers": V,
    "GET /surveys": V,
    "GET /surveys/card/{item_id}": V,
    "GET /cameras": V,
    "GET /calibration": M,
    "GET /calibration/{camera_id}": M,
    "GET /planogram": M,
    "POST /stop": V,
    "POST /resume": O,
    "GET /privacy/officer": O,
    "POST /privacy/approve": O,
    "GET /privacy/papers/{name}": O,
    "GET /account": V,
    "POST /account/second-factor": V,
    "POST /account/second-factor/off": V,
    "POST /account/sign-out": V,
    "POST /account/tokens": V,
    "POST /account/tokens/revoke": V,
    "GET /users": A,
    "POST /users/invite": A,
    "POST /users/change": A,
    # API
    "GET /api/openapi.json": V,
    "GET /api/shop": V,
    "GET /api/totals": V,
    "GET /api/items": V,
    "GET /api/items/{item_id}": V,
    "GET /api/items/{item_id}/timeline": V,
    "GET /api/items/{item_id}/survey": V,
    "POST /api/items/{item_id}/invite": M,
    "GET /api/timeline": V,
    "GET /api/facings": V,
    "GET /api/triggers": V,
    "GET /api/cameras": V,
    "GET /api/cameras/{camera_id}/preview.jpg": V,
    "GET /api/live": V,
    "GET /api/live/recent": V,
    "GET /api/reading": V,
    "POST /api/stop": V,
    "POST /api/resume": O,
    "GET /api/floor-plan": V,
    "POST /api/calibration/{camera_id}": M,
    "POST /api/calibration/{camera_id}/check": M,
    "GET /api/planogram.{kind}": M,
    "POST /api/planogram": M,
}
PEOPLE = {Role.VIEWER: "vic", Role.MANAGER: "ann", Role.OFFICER: "olga", Role.ADMIN: "ada"}


def routes(found: object) -> Iterator[str]:
    """``METHOD /path`` of every route, inside included routers too."""
    for route in found:  # type: ignore[attr-defined]
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from routes(inner.routes)
        else:
            yield from (f"{method} {route.path}" for method in route.methods - {"HEAD"})


def url_of(path: str) -> str:
    known = {"item_id": "vegan-salami", "camera_id": "shelf-1", "kind": "csv", "name": "dpia"}
    return re.sub(r"\{(\w+)[^}]*\}", lambda gap: known.get(gap[1], "x"), path)


def test_every_route_has_its_line():
    assert sorted(set(routes(make_site().app.routes))) == sorted(MATRIX)


@pytest.fixture
def short_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ends(_self: Listener) -> AsyncIterator[object]:
        for message in ():
            yield message

    monkeypatch.setattr(Listener, "messages", ends)


def ask(client: TestClient, route: str, site: Site):
    """Asks with a good form token, so that only the role decides."""
    method, path = route.split()
    page = client.get("/login", follow_redirects=True).text
    token = re.search(r'name="csrf" (?:value|content)="([^"]+)"', page)
    sent = {"headers": {"X-CSRF-Token": token[1]}} if token else {}
    data = {"csrf": token[1]} if token and not path.startswith("/api/") else None
    return client.request(method, url_of(path), data=data, **sent)


def refused(answer, route: str) -> bool:
    if "/api/" in route:
        return answer.status_code in {401, 403}
    to_sign_in = answer.headers.get("location", "").startswith("/login?next=")
    return answer.status_code == 403 or (answer.status_code == 303 and to_sign_in)


@pytest.mark.usefixtures("short_stream")
@pytest.mark.parametrize("role", [None, *Role])
def test_every_route_is_open_to_those_roles_only(role: Role | None):
    site = make_site()
    wrong = []
    for route, needed in MATRIX.items():
        client = site.signed_in(PEOPLE[role]) if role else site.client()
        answer = ask(client, route, site)
        allowed = needed == ANYONE or (role is not None and allows(role, Role(needed)))
        if refused(answer, route) == allowed or answer.status_code >= 500:
            wrong.append(f"{route}: {answer.status_code}, expected {allowed=}")
    assert wrong == []


@pytest.mark.parametrize("route", [r for r, needed in MATRIX.items() if needed != ANYONE])
def test_a_stranger_is_told_to_sign_in(site: Site, route: str):
    method, path = route.split()
    answer = site.client().request(method, url_of(path))
    if path.startswith("/api/"):
        assert answer.status_code == 401
        assert set(answer.json()) == {"what", "where", "todo"}
    else:
        assert answer.status_code == 303


MORE = ("token", "code", "role", "what", "sealed", "id", "proof")
CHANGING = [r for r in MATRIX if not r.startswith("GET") and not r.startswith("POST /api/public")]


@pytest.mark.parametrize("route", CHANGING)
def test_nothing_changes_without_the_page_s_token(site: Site, route: str):
    needed = MATRIX[route]
    client = site.client() if needed == ANYONE else site.signed_in(PEOPLE[Role(needed)])
    if route == "POST /logout":
        client = site.signed_in("vic")
    method, path = route.split()
    form = dict.fromkeys(("name", "password", "again", *MORE), "a" * 12) | {"days": "3"}
    sent = {"json": {}} if path.startswith("/api/") else {"data": form}
    assert client.request(method, url_of(path), **sent).status_code == 403

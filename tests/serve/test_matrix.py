"""Who may ask for what: every route of the application with every role, and with no role, and with
the tokens of machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aeras.domain.roles import Role, allows
from aeras.wiring.scaffold import EXAMPLE
from aeras.wiring.sitedesk import SiteFileDesk
from tests.serve.conftest import Site, form_token, make_site
from tests.serve.fake import NOW

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
    "GET /readyz": ANYONE,
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
    "GET /01/{gtin}": ANYONE,
    "GET /01/{gtin}/21/{serial}": ANYONE,
    "GET /api/public/form/{token}": ANYONE,
    "POST /api/public/answers": ANYONE,
    "GET /api/public/kiosk": ANYONE,
    "POST /api/public/kiosk/answers": ANYONE,
    # pages
    "GET /": V,
    "GET /items": V,
    "GET /items/{item_id}": V,
    "GET /items/{item_id}/sales": V,
    "GET /ranks": V,
    "GET /map": V,
    "GET /triggers": V,
    "GET /triggers/{trigger_id}": V,
    "POST /triggers/{trigger_id}/{deed}": M,
    "GET /rules": M,
    "GET /rules/edit": M,
    "POST /rules/edit": M,
    "POST /rules/delete": M,
    "GET /surveys": V,
    "GET /surveys/card/{item_id}": V,
    "GET /surveys/cards": V,
    "GET /topics": V,
    "POST /topics/{topic}/{deed}": M,
    "GET /advice": V,
    "GET /advice/{proposal}": V,
    "POST /advice/{proposal}/{deed}": M,
    "GET /forms": V,
    "GET /forms/{form}": M,
    "GET /forms/{form}/answers": V,
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
    "GET /api/items/{item_id}/sales": V,
    "GET /api/items/{item_id}/days.{kind}": M,
    "GET /api/funnels": V,
    "GET /api/ranks": V,
    "GET /api/items/{item_id}/survey": V,
    "POST /api/items/{item_id}/invite": M,
    "POST /api/forms": M,
    "POST /api/forms/{form}/review": M,
    "POST /api/forms/{form}/versions": M,
    "POST /api/forms/{form}/publish": M,
    "GET /api/topics": V,
    "GET /api/advice": V,
    "GET /api/advice/{proposal}": V,
    "POST /api/advice/{proposal}/{deed}": M,
    "GET /api/timeline": V,
    "GET /api/facings": V,
    "GET /api/map": V,
    "GET /api/map.svg": V,
    "GET /api/shelf": V,
    "GET /api/triggers": V,
    "GET /api/triggers/{trigger_id}": V,
    "POST /api/triggers/{trigger_id}/{deed}": M,
    "POST /api/public/hooks/{source}": ANYONE,
    "GET /connectors": M,
    "POST /connectors/run": M,
    "POST /connectors/dry-run": M,
    "POST /connectors/retry": M,
    "POST /connectors/discard": M,
    "GET /api/connectors": M,
    "GET /channels": M,
    "POST /channels/retry": M,
    "POST /channels/test": M,
    "GET /api/channels": M,
    "POST /api/purchases": M,
    "POST /api/members": M,
    "POST /api/members/withdraw": M,
    "POST /api/incentives/redeem": M,
    "GET /api/cameras": V,
    "GET /api/cameras/{camera_id}/preview.jpg": V,
    "GET /api/live": V,
    "GET /api/live/recent": V,
    "GET /api/export/{table}.{kind}": M,
    "GET /privacy/export/{table}.{kind}": O,
    "POST /api/noisy-table": M,
    "GET /report.{page}": M,
    "GET /api/v1/published.arrow": M,
    "POST /api/v1/sql": M,
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


@dataclass(frozen=True)
class Asker:
    """Somebody with a role, or a machine with a token of that role; without a role, a stranger."""

    role: Role | None
    machine: bool = False

    def __str__(self) -> str:
        return f"token {self.role}" if self.machine else str(self.role or "stranger")

    def client(self, site: Site) -> tuple[TestClient, str]:
        """A client that asks as this one, and its form token."""
        client = site.signed_in(PEOPLE[self.role]) if self.role else site.client()
        if self.machine:
            client = site.client()
            until = site.clock.now + timedelta(days=300)
            token = site.users.make_token("ada", "till", str(self.role), until)
            client.headers["Authorization"] = f"Bearer {token}"
        return client, form_token(client)


ASKERS = [
    Asker(None),
    *(Asker(role) for role in Role),
    Asker(Role.VIEWER, machine=True),
    Asker(Role.MANAGER, machine=True),
]


def may(asker: Asker, route: str) -> bool:
    """Whether the table lets them: tokens open the API only."""
    needed = MATRIX[route]
    if asker.machine and "/api/" not in route:
        return needed == ANYONE
    return needed == ANYONE or (asker.role is not None and allows(asker.role, Role(needed)))


def each_route(found: Any) -> Iterator[Any]:
    """Every route, inside included routers too."""
    for route in found:
        inner = getattr(route, "original_router", None)
        yield from each_route(inner.routes) if inner is not None else [route]


def with_desk(folder: Path) -> Site:
    """A site whose file can be changed, so that its pages and routes are on."""
    path = folder / "site.yaml"
    path.write_text(EXAMPLE)
    return make_site(site_desk=SiteFileDesk(path, clock=lambda: NOW))


KNOWN = {
    "item_id": "vegan-salami",
    "camera_id": "aisle-1",
    "kind": "csv",
    "page": "pdf",
    "name": "dpia",
    "form": "put-back",
    "table": "items",
    "trigger_id": "trigger0",
    "proposal": "p1",
}


def known_path(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Path parameters, those that the site knows put in."""
    return {name: KNOWN.get(name, value) for name, value in {**KNOWN, **parameters}.items()}


def url_of(path: str) -> str:
    return re.sub(r"\{(\w+)[^}]*\}", lambda gap: KNOWN.get(gap[1], "x"), path)


def test_every_route_has_its_line():
    declared = {
        f"{method} {route.path}"
        for route in each_route(make_site().app.routes)
        for method in route.methods - {"HEAD"}
    }
    assert sorted(declared) == sorted(MATRIX)


def ask(client: TestClient, route: str, token: str):
    """Asks with a good form token, so that only the role decides."""
    method, path = route.split()
    data = {"csrf": token} if method != "GET" and not path.startswith("/api/") else None
    return client.request(method, url_of(path), data=data, headers={"X-CSRF-Token": token})


def to_sign_in(answer: Any) -> bool:
    return answer.headers.get("location", "").startswith("/login")


def refused(answer: Any, route: str) -> bool:
    if "/api/" in route:
        return answer.status_code in {401, 403}
    asks = answer.headers.get("location", "").startswith("/login?next=")
    return answer.status_code == 403 or (answer.status_code == 303 and asks)


@pytest.mark.usefixtures("short_stream")
@pytest.mark.parametrize("asker", ASKERS, ids=str)
def test_every_route_is_open_to_those_only(asker: Asker, tmp_path: Path):
    site = with_desk(tmp_path)
    wrong = []
    client, token = asker.client(site)
    for route in MATRIX:
        answer = ask(client, route, token)
        if answer.is_redirect and to_sign_in(answer):  # signed out by what was asked
            client, token = asker.client(site)
        allowed = may(asker, route)
        if refused(answer, route) == allowed or answer.status_code >= 500:
            wrong.append(f"{route}: {answer.status_code}, expected {allowed=}")
    assert wrong == []


@pytest.mark.usefixtures("short_stream")
def test_what_the_table_opens_answers_and_is_not_merely_missing(tmp_path: Path):
    """Without this, a page that is off would count as a door that is shut."""
    site = with_desk(tmp_path)
    site.board.pictures["aisle-1"] = b"jpeg"
    clients = {role: Asker(role).client(site) for role in Role}
    missing = {
        route: answer.status_code
        for route, needed in MATRIX.items()
        if route.startswith("GET") and needed != ANYONE
        for answer in [ask(clients[Role(needed)][0], route, "")]
        if answer.status_code != 200
    }
    assert missing == {"GET /api/floor-plan": 404}  # the example has no plan: test_calibration


@pytest.mark.parametrize("route", [r for r, needed in MATRIX.items() if needed != ANYONE])
def test_a_stranger_is_told_to_sign_in(site: Site, route: str):
    method, path = route.split()
    answer = site.client().request(method, url_of(path))
    if path.startswith("/api/"):
        assert answer.status_code == 401
        assert set(answer.json()) == {"what", "where", "todo"}
    else:
        assert answer.status_code == 303


MORE = ("source", "group", "token", "code", "role", "what", "sealed", "id", "proof")
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

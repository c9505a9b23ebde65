"""What the audit log records: every route that changes, gives out or shows something sensitive."""

from __future__ import annotations

from pathlib import Path

import pytest

from aeras.domain.oversight import Act
from aeras.serve.words import CATALOGUES
from tests.serve.conftest import form_token
from tests.serve.test_matrix import MATRIX, Asker, may, with_desk

SHOPPERS = "a shopper's own deed, whom no log may follow"
OWN = "one's own session, nothing for others"
LINK = "a link for one anonymous answer"
CHECKS = "changes nothing"
KEPT = "the control database keeps it with its time: consent of a member, a code that was used"
SENT = "the list of messages, or the state of the connector, keeps it"
TILLS = "a till's own records, kept with the connector's state"

RECORDED: dict[str, Act | str] = {
    "POST /login": Act.SIGN_IN_FAILED,
    "POST /login/code": Act.SIGN_IN_FAILED,
    "POST /logout": OWN,
    "POST /setup": Act.USER_CHANGED,
    "POST /join": Act.USER_CHANGED,
    "POST /withdraw": SHOPPERS,
    "POST /api/public/answers": SHOPPERS,
    "POST /api/public/kiosk/answers": SHOPPERS,
    "POST /stop": Act.STOP,
    "POST /api/stop": Act.STOP,
    "POST /resume": Act.RESUME,
    "POST /api/resume": Act.RESUME,
    "POST /privacy/approve": Act.APPROVAL,
    "GET /privacy/papers/{name}": Act.PAPERS,
    "GET /privacy/officer": Act.VIEW,
    "GET /cameras": Act.VIEW,
    "GET /api/cameras/{camera_id}/preview.jpg": Act.VIEW,
    "POST /account/second-factor": Act.USER_CHANGED,
    "POST /account/second-factor/off": Act.USER_CHANGED,
    "POST /account/sign-out": Act.USER_CHANGED,
    "POST /account/tokens": Act.USER_CHANGED,
    "POST /account/tokens/revoke": Act.USER_CHANGED,
    "POST /users/invite": Act.USER_CHANGED,
    "POST /users/change": Act.USER_CHANGED,
    "POST /api/items/{item_id}/invite": LINK,
    "POST /api/forms": Act.FORM_CHANGED,
    "POST /api/forms/{form}/review": CHECKS,
    "POST /api/forms/{form}/versions": Act.FORM_CHANGED,
    "POST /api/forms/{form}/publish": Act.FORM_CHANGED,
    "POST /triggers/{trigger_id}/{deed}": Act.TRIGGER,
    "POST /topics/{topic}/{deed}": Act.TOPIC_CHANGED,
    "POST /advice/{proposal}/{deed}": Act.PLACEMENT,
    "POST /api/advice/{proposal}/{deed}": Act.PLACEMENT,
    "POST /api/triggers/{trigger_id}/{deed}": Act.TRIGGER,
    "POST /api/members": KEPT,
    "POST /api/members/withdraw": KEPT,
    "POST /api/incentives/redeem": KEPT,
    "POST /api/purchases": SHOPPERS,
    "POST /rules/edit": Act.SITE_CHANGED,
    "POST /rules/delete": Act.SITE_CHANGED,
    "POST /channels/retry": SENT,
    "POST /channels/test": SENT,
    "POST /connectors/run": SENT,
    "POST /connectors/dry-run": CHECKS,
    "POST /connectors/retry": SENT,
    "POST /connectors/discard": Act.RECORDS_DISCARDED,
    "POST /api/public/hooks/{source}": TILLS,
    "POST /api/v1/sql": Act.EXPORT,
    "GET /api/v1/published.arrow": Act.EXPORT,
    "GET /report.{page}": Act.EXPORT,
    "GET /api/items/{item_id}/days.{kind}": Act.EXPORT,
    "GET /api/export/{table}.{kind}": Act.EXPORT,
    "GET /privacy/export/{table}.{kind}": Act.EXPORT,
    "POST /api/noisy-table": Act.EXPORT,
    "POST /api/calibration/{camera_id}": Act.SITE_CHANGED,
    "POST /api/calibration/{camera_id}/check": CHECKS,
    "POST /api/planogram": Act.SITE_CHANGED,
}

ASKED: dict[str, tuple[str, dict[str, str]]] = {
    "POST /login": ("/login", {"name": "vic", "password": "guess"}),
    "POST /stop": ("/stop", {}),
    "POST /api/stop": ("/api/stop", {}),
    "POST /resume": ("/resume", {}),
    "POST /api/resume": ("/api/resume", {}),
    "GET /privacy/papers/{name}": ("/privacy/papers/dpia", {}),
    "GET /privacy/officer": ("/privacy/officer", {}),
    "GET /cameras": ("/cameras", {}),
    "GET /api/cameras/{camera_id}/preview.jpg": ("/api/cameras/aisle-1/preview.jpg", {}),
    "POST /account/sign-out": ("/account/sign-out", {}),
    "POST /account/tokens": ("/account/tokens", {"name": "t", "role": "viewer", "days": "2"}),
    "POST /users/invite": ("/users/invite", {"name": "ben"}),
    "POST /users/change": ("/users/change", {"name": "vic", "what": "disable"}),
    "GET /api/export/{table}.{kind}": ("/api/export/items.csv", {}),
    "GET /privacy/export/{table}.{kind}": ("/privacy/export/items.csv", {}),
}
"""What one request can show; the others have their tests where they are made."""


def test_every_route_that_changes_something_has_its_line():
    changing = {route for route in MATRIX if not route.startswith("GET")}
    assert sorted(changing - set(RECORDED)) == []
    exports = {route for route in MATRIX if "/export/" in route or "/papers/" in route}
    assert exports <= set(RECORDED)


@pytest.mark.parametrize("route", ASKED)
def test_the_log_says_who_did_it(route: str, tmp_path: Path):
    site = with_desk(tmp_path)
    site.board.pictures["aisle-1"] = b"jpeg"
    asker = next(a for a in map(Asker, ["viewer", "manager", "officer", "admin"]) if may(a, route))
    who = {"viewer": "vic", "manager": "ann", "officer": "olga", "admin": "ada"}[asker.role]
    if "resume" in route:
        site.oversight.switch.stop("vic")
    client = site.client() if route == "POST /login" else asker.client(site)[0]
    token = form_token(client)
    path, form = ASKED[route]
    header = {"X-CSRF-Token": token}
    sent = {"data": {"csrf": token, **form}} if route.startswith("POST") else {}
    answer = client.request(route.split(maxsplit=1)[0], path, headers=header, **sent)
    assert answer.status_code < 500
    last = site.oversight.audit.last(1)[0]
    assert (last.act, last.who) == (RECORDED[route], who)


def test_a_machine_that_looks_at_a_camera_is_recorded_once_in_a_while(tmp_path: Path):
    site = with_desk(tmp_path)
    site.board.pictures["aisle-1"] = b"jpeg"
    client, _ = Asker("viewer", machine=True).client(site)
    for _ in range(3):
        assert client.get("/api/cameras/aisle-1/preview.jpg").status_code == 200
    assert [(e.act, e.who) for e in site.oversight.audit.last(9)] == [("view", "ada/till")]


@pytest.mark.parametrize("language", CATALOGUES)
def test_every_kind_of_entry_has_its_word(language: str):
    assert [act for act in Act if f"act.{act}" not in CATALOGUES[language]] == []

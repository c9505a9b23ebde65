"""Sessions, roles and limits; each route with each role: `test_matrix`."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from aeras.serve.guard import MAX_BODY
from tests.serve.conftest import Site, make_site, script_header


def test_a_forged_or_removed_session_is_a_stranger(site: Site):
    client = site.signed_in()
    assert client.get("/api/shop").status_code == 200
    good = client.cookies["aeras_session"]
    client.cookies.clear()
    client.cookies.set("aeras_session", good[:-2] + ("AA" if good[-2:] != "AA" else "BB"))
    assert client.get("/api/shop").status_code == 401
    client = site.signed_in()
    site.users.set_disabled("ann", True)
    assert client.get("/api/shop").status_code == 401


def test_a_viewer_may_look_but_not_invite(site: Site):
    client = site.signed_in("vic")
    assert client.get("/items").status_code == 200
    answer = client.post("/api/items/vegan-salami/invite")
    assert answer.status_code == 403
    assert "role" in answer.json()["what"]


def test_inviting_needs_the_page_s_token(ann: TestClient):
    answer = ann.post("/api/items/vegan-salami/invite")
    assert answer.status_code == 403
    header = script_header(ann, "/surveys")
    answer = ann.post("/api/items/vegan-salami/invite", headers=header)
    assert answer.status_code == 200
    assert answer.json()["svg"].startswith("<svg")


@pytest.mark.parametrize("sent", [b"x" * (MAX_BODY + 1), [b"x" * 70_000, b"y" * 70_000]])
def test_a_huge_body_is_refused_before_it_is_read(client: TestClient, sent: object):
    content = iter(sent) if isinstance(sent, list) else sent
    answer = client.post("/api/public/answers", content=content)  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert "128 kB" in answer.json()["what"]


def test_metrics_are_for_this_machine_or_the_token(site: Site):
    answer = site.client().get("/metrics")
    assert answer.status_code == 200
    assert 'aeras_camera_up{camera="aisle-2"} 0.0' in answer.text
    assert site.client().get("/metrics", headers={"X-Forwarded-For": "8.8.8.8"}).status_code == 403
    closed = make_site(metrics_token="let me in").client()
    assert closed.get("/metrics").status_code == 403
    assert closed.get("/metrics", headers={"Authorization": "Bearer let me in"}).status_code == 200


def test_metrics_name_routes_and_never_tokens(site: Site):
    client = site.client()
    client.get("/s/very-secret-token")
    text = client.get("/metrics").text
    assert 'route="/s/{token}"' in text
    assert "very-secret-token" not in text

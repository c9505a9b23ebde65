"""Random requests made from the API's own description: never a crash, never an open door."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from starlette.testclient import TestClient

from aeras.domain.roles import Role, allows
from aeras.serve.live import Listener
from tests.serve.conftest import make_site
from tests.serve.test_matrix import ANYONE, MATRIX, PEOPLE

EXAMPLES = 6
"""Requests for each operation and role."""


def fuzz(operation: Any, check: Callable[[Any], None]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        check(case)

    run()


def send(client: TestClient, case: Any, header: dict[str, str]):
    body = case.body if isinstance(case.body, dict | list | str | int | float | bool) else None
    return client.request(
        case.method,
        case.formatted_path,
        params={name: str(value) for name, value in (case.query or {}).items()},
        headers=header,
        json=body,
    )


@pytest.mark.parametrize("role", [None, *Role])
def test_no_request_crashes_or_opens_what_is_closed(role, monkeypatch):
    async def ends(_self: Listener) -> AsyncIterator[object]:
        for message in ():
            yield message

    monkeypatch.setattr(Listener, "messages", ends)
    site = make_site()
    schema = schemathesis.openapi.from_dict(site.app.openapi())
    client = TestClient(site.app, follow_redirects=False, raise_server_exceptions=False)
    if role:
        client.get(site.links.enter(PEOPLE[role]))
    page = client.get("/login", follow_redirects=True).text
    token = re.search(r'name="csrf" (?:value|content)="([^"]+)"', page)
    header = {"X-CSRF-Token": token[1]} if token else {}
    wrong: list[str] = []
    statuses: list[int] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        needed = MATRIX[f"{operation.method.upper()} {operation.path}"]
        allowed = needed == ANYONE or (role is not None and allows(role, Role(needed)))

        def check(case: Any, allowed: bool = allowed) -> None:
            if len(statuses) % 2:  # else random ids, which nothing has
                known = {"item_id": "vegan-salami", "camera_id": "shelf-1", "kind": "csv"}
                case.path_parameters = {n: known.get(n, v) for n, v in case.path_parameters.items()}
            site.clock.seconds += 60  # the public throttle has its own test
            answer = send(client, case, header)
            statuses.append(answer.status_code)
            if answer.status_code >= 500 or (answer.is_success and not allowed):
                asked = f"{case.method} {case.formatted_path} {case.query} {case.body}"
                wrong.append(f"{answer.status_code}: {asked}")

        fuzz(operation, check)
    assert len(statuses) > 80
    assert any(200 <= status < 300 for status in statuses)
    assert wrong == []

from __future__ import annotations

import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from aeras.domain.oversight import Oversight
from aeras.respond.formdesk import Forms
from aeras.serve.app import create_app
from aeras.serve.links import OneTimeLinks
from aeras.serve.live import Listener
from aeras.store.control import Control
from aeras.wiring.reports import Reports
from tests.serve.fake import NOW, SECRET, FakeBoard, FakeDesk, FakeMaps, make_oversight, make_users
from tests.serve.fake_advice import FakeAdvice
from tests.serve.fake_asking import FakeAsking
from tests.serve.fake_feeds import FakeFeeds
from tests.serve.fake_insight import FakeInsight
from tests.serve.fake_topics import FakeTopics
from tests.serve.lives import FakeLives, FakeRules

FOLDER = tempfile.TemporaryDirectory(prefix="aeras-serve-")
"""Of the control databases; goes with the process."""


@dataclass
class Moment:
    """A clock that a test moves."""

    now: datetime = NOW
    seconds: float = 0.0

    def __call__(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class Site:
    """The application with the fakes behind it."""

    app: FastAPI
    board: FakeBoard
    users: Control
    desk: FakeDesk
    links: OneTimeLinks
    clock: Moment
    oversight: Oversight

    def client(self) -> TestClient:
        return TestClient(self.app, follow_redirects=False)

    def signed_in(self, name: str = "ann") -> TestClient:
        client = self.client()
        assert client.get(self.links.enter(name)).status_code == 303
        return client


def make_site(*, simulated: float = 1.0, **options: Any) -> Site:
    clock = Moment()
    board = FakeBoard(simulated=simulated)
    users = make_users(
        Path(tempfile.mkdtemp(dir=FOLDER.name)),
        ("ann", "correct horse", "manager"),
        ("vic", "only looking", "viewer"),
        ("olga", "sees to the law", "officer"),
        ("ada", "runs the machines", "admin"),
    )
    desk = FakeDesk(board)
    links = OneTimeLinks(clock)
    oversight = make_oversight()
    app = create_app(
        board,
        users,
        desk,
        oversight=oversight,
        form_desk=Forms(users, clock),
        secret=SECRET,
        hosts=("testserver",),
        links=links,
        clock=clock,
        monotonic=clock.monotonic,
        **{
            "asking": FakeAsking(),
            "feed_desk": FakeFeeds(),
            "topic_desk": FakeTopics(simulated),
            "advice_desk": FakeAdvice(),
            "maps": FakeMaps(board),
            "statistics": FakeInsight(board),
            "trigger_desk": FakeLives(board),
            "rule_desk": FakeRules(),
            "report_desk": Reports(board, None, clock),
            **options,
        },
    )
    return Site(app, board, users, desk, links, clock, oversight)


def form_token(client: TestClient, path: str = "/login") -> str:
    """The token that a page gives this visitor's forms (a field) or scripts (in its head)."""
    page = client.get(path, follow_redirects=True).text
    found = re.search(r'name="csrf" (?:value|content)="([^"]+)"', page)
    assert found, path
    return found[1]


def script_header(client: TestClient, path: str = "/") -> dict[str, str]:
    """What a page's script sends with a request that changes something."""
    return {"X-CSRF-Token": form_token(client, path)}


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def short_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Live streams that end at once."""

    async def ends(_self: Listener) -> AsyncIterator[object]:
        for message in ():
            yield message

    monkeypatch.setattr(Listener, "messages", ends)


@pytest.fixture
def client(site: Site) -> Iterator[TestClient]:
    with site.client() as client:
        yield client


@pytest.fixture
def ann(site: Site) -> Iterator[TestClient]:
    """Somebody signed in as manager, with the live hub running."""
    with TestClient(site.app, follow_redirects=False) as client:
        client.get(site.links.enter("ann"))
        yield client

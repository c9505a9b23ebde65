from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2 as httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from tests.serve.conftest import Site


@contextmanager
def running(site: Site) -> Iterator[str]:
    """The application behind a real server: a stream is only real over a real socket."""
    # asyncio turns off Nagle's delay (40 ms an answer) only for sockets that say they are TCP.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.bind(("127.0.0.1", 0))
    sock.listen()
    config = uvicorn.Config(site.app, log_level="warning", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        sock.close()


def wait_for(condition, seconds: float = 5.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def read_message(lines: Iterator[str]) -> tuple[str, dict[str, object]]:
    kind = ""
    for line in lines:
        if line.startswith("event:"):
            kind = line[6:].strip()
        if line.startswith("data:"):
            return kind, json.loads(line[5:])
    raise AssertionError("the stream ended")


def test_an_event_arrives_in_words_and_the_listener_is_cleaned_up(site: Site):
    hub = site.app.state.hub
    with running(site) as url, httpx.Client(base_url=url) as client:
        assert client.get("/api/live").status_code == 401
        client.get(site.links.enter("ann"))
        with client.stream("GET", "/api/live") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            wait_for(lambda: hub.listening == 1)
            site.board.happen("vegan-salami")
            kind, message = read_message(stream.iter_lines())
        assert kind == "event"
        assert message["text"] == (
            "Put back \N{EN DASH} Vegan salami, held 5\N{EN DASH}15 s, "
            "put back quickly, brow lowered"
        )
        wait_for(lambda: hub.listening == 0)
        assert len(site.board.subscriptions) == 1
        recent = client.get("/api/live/recent", headers={"Accept-Language": "de"}).json()
        assert recent[0]["text"].startswith("Zurückgestellt")
    assert site.board.subscriptions == []


def test_many_pages_share_one_subscription(site: Site):
    with running(site) as url:
        clients = [httpx.Client(base_url=url) for _ in range(5)]
        streams = []
        for client in clients:
            client.get(site.links.enter("ann"))
            streams.append(client.send(client.build_request("GET", "/api/live"), stream=True))
        wait_for(lambda: site.app.state.hub.listening == 5)
        assert len(site.board.subscriptions) == 1
        site.board.happen("honey", "take", "positive")
        for stream in streams:
            assert read_message(stream.iter_lines())[1]["item"] == "honey"
            stream.close()
        for client in clients:
            client.close()
        wait_for(lambda: site.app.state.hub.listening == 0)


def test_only_known_fields_leave_the_house(site: Site, ann: TestClient):
    site.board.say({"type": "event", "kind": "take", "item": "honey", "track": "t-17", "face": "x"})
    wait_for(site.app.state.hub.recent)
    told = ann.get("/api/live/recent").text
    assert "t-17" not in told
    assert "face" not in told


def test_a_malformed_message_is_counted_and_the_rest_goes_on(site: Site, ann: TestClient):
    site.board.say({"kind": "no type"})
    site.board.happen("honey")
    wait_for(site.app.state.hub.recent)
    assert site.app.state.hub.malformed == 1
    assert "aeras_live_malformed 1.0" in ann.get("/metrics").text


def test_a_slow_page_loses_its_oldest_messages_only(site: Site, ann: TestClient):
    from aeras.serve.live import BACKLOG, Listener
    from aeras.serve.schemas import LiveOut

    async def lag() -> list[str | None]:
        listener = Listener(asyncio.get_running_loop())
        for number in range(BACKLOG + 50):
            listener.put(LiveOut(type="event", item=str(number)))
        stream = listener.messages()
        return [(await anext(stream)).item for _ in range(BACKLOG)]

    items = asyncio.run(lag())
    assert items[0] == "50"
    assert items[-1] == str(BACKLOG + 49)


@pytest.mark.parametrize("camera", ["shelf-1", "unknown", "..%2f..%2fetc"])
def test_no_preview_before_the_first_picture(ann: TestClient, camera: str):
    answer = ann.get(f"/api/cameras/{camera}/preview.jpg")
    assert answer.status_code == 404


def test_a_preview_is_passed_on_and_not_kept(site: Site, ann: TestClient):
    site.board.pictures["shelf-1"] = b"\xff\xd8 opaque"
    answer = ann.get("/api/cameras/shelf-1/preview.jpg")
    assert answer.content == b"\xff\xd8 opaque"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"

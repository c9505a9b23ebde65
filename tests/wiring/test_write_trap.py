"""Nothing that a running shop writes, sends, logs or leaves behind in a crash holds a picture.

Looks for what encoded pictures begin with and for rows of pixels as frames hold them in memory. The
blurred preview is the one exception, and only where it is asked for.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import av
import httpx2 as httpx
import pytest
from synthetic_shop import story
from waiting import wait_for

from aeras.config import load_site
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import bind, make_web
from tests.serve.test_matrix import each_route

STARTS = {
    # Its first marker follows; filled up with 0xff it would also be any small negative number.
    "JPEG": re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"),
    "PNG": re.compile(re.escape(b"\x89PNG\r\n\x1a\n")),
    "GIF": re.compile(rb"GIF89a"),
    "WebP": re.compile(rb"WEBPVP8"),
    "MP4": re.compile(rb"ftypisom"),
    "AVI": re.compile(rb"AVI LIST"),
}
SHARED_MEMORY = Path("/dev/shm")
OWN_PICTURES = re.compile(r"^/static/|^/api/cameras/[^/]+/preview|/card/|qr")
"""Icons and codes that the program draws itself, and the preview."""


def rows_of_pixels(clip: Path) -> list[bytes]:
    """Stretches of rows of what the camera showed, where there is something to see."""
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    rows = []
    for image in frames[::25]:
        for y in range(60, image.shape[0], 17):
            for x in range(40, image.shape[1] - 32, 48):
                stretch = image[y, x : x + 16]
                if stretch.std() > 3:
                    rows.append(stretch.tobytes())
    return rows


def faults(name: str, content: bytes, rows: list[bytes]) -> Iterator[str]:
    yield from (f"{name} holds a {kind}" for kind, start in STARTS.items() if start.search(content))
    if any(row in content for row in rows):
        yield f"{name} holds pixels"


def test_the_trap_catches_what_it_is_for(tmp_path):
    image = story()[0]
    rows = [image[100, 40:56].tobytes()]
    assert list(faults("raw", image.tobytes(), rows)) == ["raw holds pixels"]
    assert list(faults("log", b"x\xff\xd8\xff\xe0", rows)) == ["log holds a JPEG"]


@pytest.fixture
def trapped(make_site, tmp_path, monkeypatch):
    """A shop that runs with folders of its own for everything that it may write."""
    for name in ("tmp", "home", "crash"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", None)
    site = load_site(make_site())
    monkeypatch.chdir(tmp_path / "crash")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))  # a worker has to see to it itself
    runtime = Runtime(site)
    runtime.start()
    yield runtime
    runtime.stop()
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def signed_in(client: httpx.Client) -> None:
    page = client.get("/login").text
    token = re.search(r'name="csrf" (?:value|content)="([^"]+)"', page)
    assert token
    form = {"name": "ann", "password": "correct horse battery", "csrf": token[1]}
    assert client.post("/login", data=form).status_code == 303


def addresses(app) -> list[str]:
    """Every address that can be asked for, with ids of this shop."""
    given = {"camera": "aisle", "camera_id": "aisle", "item_id": "box", "item": "box"}
    found = []
    for route in each_route(app.routes):
        path = getattr(route, "path", "")
        if "GET" in (getattr(route, "methods", None) or ()) and "live" not in path:
            found.append(re.sub(r"\{(\w+)(:\w+)?\}", lambda m: given.get(m[1], "x"), path))
    return sorted(set(found))


def listened(client: httpx.Client, into: list[bytes], stop: threading.Event) -> None:
    """What the live feed sends."""
    with suppress(httpx.HTTPError), client.stream("GET", "/api/live") as answer:
        for piece in answer.iter_raw():
            into.append(piece)
            if stop.is_set():
                return


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's folders")
def test_a_shop_that_runs_and_crashes_leaves_and_sends_no_picture(trapped, tmp_path, capfd):
    before = set(SHARED_MEMORY.rglob("*"))
    rows = rows_of_pixels(tmp_path / "clip.mp4")
    assert len(rows) > 100
    trapped.control.add_user("ann", "correct horse battery", "admin")
    web = make_web(trapped, bind("127.0.0.1", 0))
    url, heard, over = web.url.replace("localhost", "127.0.0.1"), [], threading.Event()
    found: list[str] = []
    with web.running(), httpx.Client(base_url=url, timeout=30) as client:
        signed_in(client)
        feed = threading.Thread(target=listened, args=(client, heard, over), daemon=True)
        feed.start()
        assert wait_for(lambda: trapped.frames > 40)
        assert wait_for(lambda: trapped.board.preview("aisle") is not None)
        (worker,) = trapped._workers.pids
        os.kill(worker, signal.SIGABRT)
        assert wait_for(lambda: trapped._workers.pids not in ([], [worker]))
        statuses = {}
        for path in addresses(web.server.config.app):
            answer = client.get(path)
            statuses[path] = answer.status_code
            if not OWN_PICTURES.search(path):
                found += faults(path, answer.content, rows)
            assert not any(row in answer.content for row in rows), path
        over.set()
        feed.join(timeout=20)
    assert sum(status == 200 for status in statuses.values()) > 15
    assert b"event" in b"".join(heard)
    found += faults("live feed", b"".join(heard), rows)
    trapped.stop()
    said = capfd.readouterr()
    found += faults("log", (said.out + said.err).encode(errors="surrogateescape"), rows)
    written = [p for p in tmp_path.rglob("*") if p.is_file() and p.name != "clip.mp4"]
    assert any(path.name == "events.duckdb" for path in written)
    left = {p for p in SHARED_MEMORY.rglob("*") if p.is_file()} - before
    for path in [*written, *left]:
        found += faults(str(path), path.read_bytes(), rows)
    assert list((tmp_path / "crash").iterdir()) == []
    assert found == []

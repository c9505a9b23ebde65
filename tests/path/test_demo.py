"""The demo as a newcomer meets it: one command, then a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.path.test_browser import answer_form, browser  # noqa: F401 - a fixture

START_S = 420  # rendering takes most of it, once


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home folder of its own: whatever the demo writes is in here."""
    return tmp_path_factory.mktemp("home")


def environment(home: Path) -> dict[str, str]:
    home.joinpath("tmp").mkdir(exist_ok=True)
    own = {"HOME": home, "TMPDIR": home / "tmp", "XDG_CACHE_HOME": home / ".cache"}
    kept = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    return {**kept, **{name: str(path) for name, path in own.items()}}


def command(home: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "aeras.cli", "demo", "--dir", str(home / "demo"), *more]


@pytest.fixture(scope="module")
def headless(home: Path) -> dict[str, float]:
    """The figures of a headless run in a folder of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    result = subprocess.run(
        command(home, "--headless", "--seconds", "100", "--json", "--port", port),
        env=environment(home),
        cwd=home,
        capture_output=True,
        text=True,
        timeout=START_S + 120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    figures: dict[str, float] = json.loads(result.stdout.splitlines()[-1])
    return figures


@pytest.mark.timeout(START_S + 180)
def test_headless_it_reads_events_fires_a_trigger_and_gets_an_answer(headless):
    assert headless["events"] >= 5
    assert headless["triggers"] >= 1
    assert headless["answers"] >= 1
    assert headless["frames"] > 200
    assert headless["latency_p95_s"] < 3  # generous for a busy machine; measured in benchmarks


@pytest.mark.timeout(START_S + 180)
def test_nothing_that_it_writes_holds_a_picture(headless, home: Path):
    """Looks in every file for what encoded pictures begin with and for rows of pixels seen."""
    videos = {home / "demo" / "aisle.mp4", home / "demo" / "shelf.mp4"}
    needles = [row for video in videos for row in rows_of_pixels(video)]
    assert len(needles) > 500
    written = [path for path in home.rglob("*") if path.is_file() and path not in videos]
    assert any(path.name == "events.duckdb" for path in written)
    for path in written:
        content = path.read_bytes()
        for kind, start in STARTS.items():
            assert start not in content, f"{path} holds what looks like a {kind}"
        assert not any(row in content for row in needles), f"{path} holds pixels"


STARTS = {
    "JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "GIF": b"GIF89a",
    "WebP": b"WEBPVP8",
    "MP4": b"ftypisom",
    "AVI": b"AVI LIST",
}


def rows_of_pixels(video: Path) -> Iterator[bytes]:
    """Stretches of rows as a frame in memory holds them, where there is something to see."""
    with av.open(str(video)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number % 60:
                continue
            image = frame.to_ndarray(format="bgr24")
            for y in range(100, image.shape[0], 90):
                for x in range(200, image.shape[1] - 64, 240):
                    stretch = image[y, x : x + 24]
                    if stretch.std() > 12:
                        yield stretch.tobytes()


@dataclass(frozen=True, slots=True)
class Open:
    """A demo that is open: where, and how to sign in."""

    url: str
    password: str


@pytest.fixture(scope="module")
def demo(home: Path, headless: dict[str, float]) -> Iterator[Open]:
    """The demo as `make demo` runs it; the videos are there from the headless run."""
    assert headless
    process = subprocess.Popen(
        command(home, "--port", "0"),
        env=environment(home),
        cwd=home,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        rest = threading.Thread(target=process.stderr.read, daemon=True)
        rest.start()
        url = re.search(r"Dashboard\s+(\S+)", said)
        password = re.search(r"password (\S+)", said)
        assert url
        assert password
        yield Open(url[1], password[1])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 0
        rest.join(timeout=5)
        process.stderr.close()


@pytest.fixture
def page(browser: Browser, demo: Open) -> Iterator[Page]:  # noqa: F811 - the fixture
    context = browser.new_context(base_url=demo.url, locale="en-GB")
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


@pytest.mark.browser
@pytest.mark.timeout(START_S + 300)
def test_a_newcomer_signs_in_sees_the_shop_live_and_a_shopper_answers(
    demo: Open,
    page: Page,
    browser: Browser,  # noqa: F811
):
    page.goto("/")
    page.get_by_label("Name").fill("demo")
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Simulated data").first).to_be_visible()

    visits = page.locator("[data-total=visits]")
    heat = page.locator("path[data-facing][data-value]")
    expect(heat.first).to_be_attached()
    before = visits.inner_text(), [h.get_attribute("data-value") for h in heat.all()]
    plan = page.get_by_alt_text("Floor plan of the store")
    expect(plan).to_be_visible()
    assert plan.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(page.locator("[data-feed] li").first).to_contain_text("just now", timeout=60_000)
    expect(visits).not_to_have_text(before[0], timeout=60_000)
    page.wait_for_function(
        "values => [...document.querySelectorAll('path[data-facing][data-value]')]"
        ".some((p, n) => p.dataset.value !== values[n])",
        arg=before[1],
        timeout=90_000,
    )

    opened = page.locator("article", has_text="rule often-rejected").get_by_text("Kale Crisps")
    expect(opened.first).to_be_visible(timeout=150_000)
    page.goto("/surveys/card/kale-crisps")
    link = page.locator(".no-print a").get_attribute("href")
    assert link
    page.goto("/items/kale-crisps")
    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
    shopper = phone.new_page()
    shopper.goto(link)
    answer_form(shopper, yes="Yes", send="Send", text="Too salty, the bag is too large")
    expect(shopper).to_have_url(re.compile("/thanks"))
    expect(page.get_by_text("Too salty, the bag is too large")).to_be_visible()
    phone.close()

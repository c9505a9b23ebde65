"""The demo shop: rendered shoppers before two cameras, sixty simulated days, every real part.

Nothing in it is recorded from a person, and every record says that it is simulated.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import json
import os
import secrets
import shutil
import socket
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import structlog
import yaml
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from aeras.capture.decoding import Video, file_address
from aeras.config import Site, load_site
from aeras.domain.errors import AerasError, StoreError
from aeras.domain.ports import utc_now
from aeras.lab.demo_advice import add_past
from aeras.lab.demo_floor import aisle_floor, floor_plan, shelf_camera_place, shelf_floor
from aeras.lab.demo_goods import BAD_ITEMS, DEMO_MAP_M, LIVE_FIXTURE_M, OTHER_FIXTURES, RULES
from aeras.lab.demo_till import CONNECTOR, FOLDER, DemoTill
from aeras.lab.render import RenderedDemo, demo_layout, render_demo
from aeras.lab.simulate import simulate
from aeras.wiring.oversight import write_notice
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import Web, bind, make_web

HISTORY_DAYS = 60
"""Sales and reactions are compared from 40 full days on."""
SEED = 7
ADVICE_SEED = 10
"""With it the proposal is about a fixture that no video shows."""
LOOP_S = 150.0
USER = "demo"
FLOOR_PLAN = "floor.svg"
OFFICER = "officer"
ADMIN = "admin"
WEBCAM_SIZE = (640, 480)
ROBOT_PAUSE_S = 4.0  # between a trigger and the simulated shopper's answer
Say = Callable[..., None]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Options of `run_demo`.

    Attributes:
        directory: Where videos and records live; default the user's cache folder.
        host, port: Where the dashboard listens.
        camera: Webcam number that is added as a shelf camera.
        video: Video file that is added as a shelf camera.
        headless_s: Seconds to run without a browser, or None to run until Ctrl-C.
    """

    directory: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    camera: str | None = None
    video: Path | None = None
    headless_s: float | None = None


def run_demo(options: DemoOptions, *, say: Say) -> dict[str, Any] | None:
    """Runs the demo; returns its figures when headless, else None after Ctrl-C.

    Raises:
        AerasError: Port taken, folder not writable, a second demo in the same folder.
    """
    sock = bind(options.host, options.port)  # a taken port is found before anything takes long
    with held(options.directory or _cache_folder()) as folder:
        site = prepare(folder, options, say=say)
        runtime = Runtime(site, simulated=True)
        try:
            return _run(runtime, sock, options, say)
        finally:
            runtime.stop()


def _run(
    runtime: Runtime, sock: socket.socket, options: DemoOptions, say: Say
) -> dict[str, Any] | None:
    _add_history(runtime, say)
    password = secrets.token_urlsafe(9)
    runtime.control.add_user(USER, password, "manager")
    runtime.control.add_user(OFFICER, password, "officer")
    runtime.control.add_user(ADMIN, password, "admin")
    web = make_web(runtime, sock)
    Robot(runtime).start()
    site = runtime.site
    DemoTill(site.path.parent, site.shop.items, runtime.clock, seed=SEED).start()
    if options.headless_s is None:
        runtime.start()
        _greet(web, password, say)
        web.run()
        return None
    with web.running():
        viewer = Viewer(runtime, web)
        viewer.start()
        runtime.start()
        time.sleep(options.headless_s)
        viewer.close()
        return figures(runtime, viewer)


def figures(runtime: Runtime, viewer: Viewer) -> dict[str, Any]:
    """What a headless run reports; latency is from a frame's capture to a page, in seconds."""
    delays = list(viewer.delays_s)
    return {
        **runtime.counts,
        "frames": runtime.frames,
        "latency_p95_s": round(float(np.percentile(delays, 95)), 3) if delays else None,
    }


class Viewer:
    """An open dashboard without a browser: signs in and reads the live stream over HTTP.

    Attributes:
        delays_s: For each event, seconds from the capture of its frame to its arrival here.
    """

    def __init__(self, runtime: Runtime, web: Web) -> None:
        self.delays_s: list[float] = []
        self._sent = runtime.board.subscribe()  # the same events in the same order, with times
        self._page = http.client.HTTPConnection(web.url.removeprefix("http://"), timeout=3600)
        self._page.request("GET", web.links.enter(USER))
        entered = self._page.getresponse()
        cookie = str(entered.headers["Set-Cookie"]).partition(";")[0]
        entered.read()
        self._page.request("GET", "/api/live", headers={"Cookie": cookie})
        self._stream = self._page.getresponse()

    def start(self) -> None:
        """Reads in the background until the server ends."""
        threading.Thread(target=self._read, name="viewer", daemon=True).start()

    def close(self) -> None:
        """Leaves the page."""
        self._page.sock.shutdown(socket.SHUT_RDWR)

    def _read(self) -> None:
        with closing(self._page), self._stream:
            self._follow()

    def _follow(self) -> None:
        for line in self._stream:
            if not line.startswith(b"data:"):
                continue
            arrived = time.time()
            if json.loads(line[5:]).get("type") == "event":
                self.delays_s.append(arrived - self._captured())

    def _captured(self) -> float:
        """When the frame of the next event was captured, Unix time."""
        while True:
            message = self._sent.get(timeout_s=5)
            if message and message["type"] == "event":
                return float(str(message["captured"]))


# --- preparing ---------------------------------------------------------------------------------


def prepare(folder: Path, options: DemoOptions, *, say: Say) -> Site:
    """Renders the videos if they are not there yet and writes the demo's site file."""
    videos = _render(folder, say)
    for old in ("data", FOLDER):  # each demo starts from its own history
        shutil.rmtree(folder / old, ignore_errors=True)
    (folder / FLOOR_PLAN).write_text(floor_plan(), encoding="utf-8")
    path = folder / "site.yaml"
    text = yaml.safe_dump(site_file(videos, options), sort_keys=False, allow_unicode=True)
    path.write_text("# The demo shop. Its privacy papers are samples.\n" + text, encoding="utf-8")
    site = load_site(path)
    write_notice(site, utc_now())
    return site


def site_file(videos: RenderedDemo, options: DemoOptions) -> dict[str, Any]:
    """The demo's site file as plain data."""
    layout = demo_layout()
    items = [
        {"id": i.id, "name": i.name, "category": i.category, "gtin": i.gtin, "price": i.price_eur}
        for i in layout.items
    ]
    facings = [
        {
            "id": facing.id,
            "item": facing.item,
            "polygon": [list(corner) for corner in facing.polygon],
            "on_map": _cell(LIVE_FIXTURE_M, number, columns=4, rows=3),
        }
        for number, facing in enumerate(layout.facings)
    ]
    live = {
        "id": "pantry-shelf",
        "name": "Pantry shelf",
        "camera": "aisle",
        "face_camera": "shelf",
        "face_camera_at": shelf_camera_place(),
        "on_map": list(LIVE_FIXTURE_M),
        "polygon": [list(corner) for corner in layout.fixture_polygon],
        "facings": facings,
    }
    for fixture in OTHER_FIXTURES:
        items += fixture.items()
    size = list(layout.size)
    cameras: list[dict[str, Any]] = [
        {"id": "aisle", "source": str(videos.aisle), "role": "aisle", "size": size},
        {"id": "shelf", "source": str(videos.shelf), "role": "shelf", "size": size},
    ]
    for camera, floor in zip(cameras, (aisle_floor(), shelf_floor()), strict=True):
        camera["floor"] = floor
        camera["simulated"] = True
        camera["staff"] = []
    fixtures = [live, *(fixture.as_section() for fixture in OTHER_FIXTURES)]
    _add_own_camera(options, cameras, fixtures)
    return {
        "site": {
            "id": "demo",
            "name": "Corner Shop (demo)",
            "timezone": "Europe/Berlin",
            "language": "en",
        },
        "privacy": {
            "profile": "eu",
            "expression": True,
            "jurisdiction": "DE",
            "controller": "Corner Shop demo (sample)",
            "dpia": "SAMPLE-DPIA-1",
            "notice": "SAMPLE-NOTICE-1",
            "retention": f"{HISTORY_DAYS + 30} d",
        },
        "hours": {"open": "always"},
        "map": {"size": list(DEMO_MAP_M), "image": FLOOR_PLAN},
        "items": items,
        "cameras": cameras,
        "fixtures": fixtures,
        "triggers": list(RULES),
        "advice": {"moves_a_week": 12},
        "connectors": [CONNECTOR],
        "data": "data",
    }


def _add_own_camera(
    options: DemoOptions, cameras: list[dict[str, Any]], fixtures: list[dict[str, Any]]
) -> None:
    """Adds the user's webcam or video beside the rendered cameras, with a fixture of its own."""
    if options.camera is None and options.video is None:
        return
    if options.video is not None:
        with Video(file_address(options.video.resolve(), "own")) as video:
            source, size = str(options.video.resolve()), video.size
    else:
        source, size = str(options.camera), WEBCAM_SIZE
    cameras.append(
        {"id": "own", "source": source, "role": "shelf", "size": list(size), "staff": []}
    )
    fixtures.append({"id": "own-camera", "name": "Your camera", "camera": "own"})


def _cell(box: tuple[float, ...], number: int, *, columns: int, rows: int) -> list[float]:
    """The cell of a facing in its fixture's rectangle on the map, metres."""
    row, column = divmod(number, columns)
    x0, y0, x1, y1 = box
    width, height = (x1 - x0) / columns, (y1 - y0) / rows
    left, top = x0 + column * width, y0 + row * height
    return [round(v, 3) for v in (left, top, left + width, top + height)]


def _render(folder: Path, say: Say) -> RenderedDemo:
    videos = RenderedDemo(
        aisle=folder / "aisle.mp4", shelf=folder / "shelf.mp4", truth=folder / "truth.json"
    )
    stamp = folder / "rendered.json"
    wanted = {"version": render_version(), "seconds": LOOP_S, "seed": SEED}
    done = stamp.is_file() and json.loads(stamp.read_text()) == wanted
    if done and all(p.is_file() for p in (videos.aisle, videos.shelf, videos.truth)):
        return videos
    say("Rendering the demo's two cameras (once; about a minute) ...")
    columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("drawing", total=1.0)
        made = render_demo(
            folder,
            seed=SEED,
            seconds=LOOP_S,
            on_progress=lambda done: bar.update(task, completed=done),
        )
    stamp.write_text(json.dumps(wanted))
    return made


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Makes the demo's folder and holds it, so that a second demo cannot wipe its records."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except OSError as error:
        raise StoreError(
            f"the demo's folder cannot be used: {error.strerror}",
            where=str(folder),
            todo="Name another with --dir",
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(
                "another demo is running in this folder",
                where=str(folder),
                todo="Stop it, or start this one with --dir and --port of its own",
            ) from None
        yield folder


def render_version() -> str:
    """Changes whenever the renderer's code does, so that old videos are not kept."""
    folder = Path(__file__).parent / "render"
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "aeras" / "demo"


# --- running --------------------------------------------------------------------------------


def _add_history(runtime: Runtime, say: Say) -> None:
    say(f"Simulating {HISTORY_DAYS} days of history ...")
    history = simulate(
        runtime.site.shop, HISTORY_DAYS, seed=SEED, now=utc_now(), bad_items=BAD_ITEMS
    )
    runtime.store.append(history.events)
    runtime.store.append_passages(history.passages)
    runtime.roll()
    runtime.store.append_sales(history.sales)
    runtime.store.append_stock(history.stock)
    runtime.control.add_answers(history.answers)
    add_past(runtime.advice, runtime.control, runtime.site.shop, utc_now(), ADVICE_SEED)


def _greet(web: Web, password: str, say: Say) -> None:
    say("")
    say("[bold]The demo shop is open.[/bold] All its data is simulated; no person was filmed.")
    say(f"  Dashboard      {web.url}")
    say(f"  Sign in        user [bold]{USER}[/bold], password [bold]{password}[/bold]")
    link = web.url + web.links.enter(USER)
    say(f"  or open once   {link}")
    say(f"  Officer        user [bold]{OFFICER}[/bold], same password: privacy, stop, resume")
    say(f"  Administrator  user [bold]{ADMIN}[/bold], same password: users, tokens")
    say(f"  Survey kiosk   {web.url}/kiosk")
    say("  Stop           Ctrl-C")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        threading.Timer(1.5, webbrowser.open, args=(link,)).start()


class Robot:
    """A simulated shopper who answers, once, each survey that a trigger pushes.

    It goes the way a person would: it takes a single-use link and submits the form's answers.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def start(self) -> None:
        """Listens in the background until the program ends."""
        threading.Thread(target=self._listen, name="robot", daemon=True).start()

    def _listen(self) -> None:
        messages = self._runtime.board.subscribe()
        while True:
            message = messages.get(timeout_s=5)
            if message and message["type"] == "trigger":
                time.sleep(ROBOT_PAUSE_S)
                self._answer(str(message["item"]))

    def _answer(self, item: str) -> None:
        desk = self._runtime.desk
        try:
            token = desk.invite(item, "qr")
            desk.answer(
                token,
                {
                    "consent": True,
                    "rating": 2,
                    "choice": "price",
                    "text": "Looked nice, but not for me at that price.",
                },
                "en",
            )
        except AerasError as error:
            log.warning("robot_could_not_answer", item=item, reason=str(error))

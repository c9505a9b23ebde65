"""Measures how long the dashboard's pages take over a store of many events.

    python benchmarks/dashboard.py fill var/dashboard --events 10000000 --days 730
    python benchmarks/dashboard.py measure var/dashboard --json

``fill`` makes a simulated shop with 48 items, its events (rolled into blocks week by week, as a
running shop does it), sales, shelf levels of 90 days and 10,000 answers. ``measure`` serves it as
``aeras run`` would, without cameras, and asks for each page over HTTP: ``first`` right after
everything changed at once (a block was finished, a level and an answer were told, nothing is
remembered), ``told`` after an event that finished no block, ``again`` as pages that are open ask,
and ``cpu`` and ``cpu_told``, the processor time of the first two, server and client together, which
a busy machine does not lengthen as it does the others. What the server gets ready at its start and
each hour is ready.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import shutil
import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from aeras.config import Site, load_site
from aeras.domain.kept import Origin, ShelfLevel, StockLevel, Trigger
from aeras.lab.simulate import simulate
from aeras.privacy.publish import Publisher
from aeras.store.arrow import events_table, sales_table
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.store.folder import make_folder
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import Web, bind, make_web

WEEK = timedelta(days=7)
GRAIN = timedelta(minutes=15)
SHELF_DAYS = 90
EMPTY = 0.05
"""Share of the time for which a facing is empty."""
ANSWERS = 10_000
TRIGGERS = 60
EVENTS_A_VISIT = 2.6
PAGES = (
    "/",
    "/?range=today",
    "/?range=30d",
    "/?from={long}&to={today}",
    "/items",
    "/items?range=30d",
    "/items/item-0-0",
    "/items/item-0-0?range=30d",
    "/triggers",
    "/surveys",
    "/cameras",
    "/account",
    "/map",
    "/map?range=30d&layer=conversion",
    "/map?range=30d&by=day",
    "/map?range=7d&by=hour",
    "/map?range=30d&vs=before",
    "/ranks?range=30d",
    "/items/item-0-0/sales",
    "/topics",
    "/connectors",
    "/rules",
    "/api/totals?range=30d",
    "/api/timeline?from={long}&to={today}",
    "/api/shelf?range=30d",
    "/api/funnels?range=30d",
)


def site_file(folder: Path) -> Path:
    """A shop with six fixtures of eight items each, on a map, and two cameras."""
    fixtures, items = [], []
    for x in range(6):
        left = 1.0 + 3 * x
        facings = []
        for k in range(8):
            items.append({"id": f"item-{x}-{k}", "name": f"Item {x}-{k}", "category": f"goods-{x}"})
            top = 1.0 + 0.5 * k
            corners = [[10 + 20 * k, 10], [28 + 20 * k, 10], [28 + 20 * k, 40], [10 + 20 * k, 40]]
            facings.append(
                {
                    "id": f"facing-{x}-{k}",
                    "item": f"item-{x}-{k}",
                    "polygon": corners,
                    "on_map": [left, top, left + 1, top + 0.5],
                }
            )
        fixtures.append(
            {
                "id": f"fixture-{x}",
                "name": f"Fixture {x}",
                "camera": "aisle",
                "polygon": [[5, 5], [190, 5], [190, 50], [5, 50]],
                "on_map": [left, 1, left + 1, 5],
                "facings": facings,
            }
        )
    camera = {"id": "aisle", "source": "aisle.mp4", "role": "aisle", "size": [640, 480]}
    plain: dict[str, Any] = {
        "site": {"name": "Big shop (simulated)", "id": "big", "timezone": "Europe/Berlin"},
        "privacy": {"profile": "behaviour-only", "retention": "730 d"},
        "map": {"size": [20, 8]},
        "items": items,
        "cameras": [{**camera, "simulated": True}],
        "fixtures": fixtures,
        "triggers": [{"id": "above", "mode": "rate", "window": "28 d"}],
        "data": "data",
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False), encoding="utf-8")
    return path


def fill(folder: Path, events: int, days: int) -> None:
    """Makes the shop's records."""
    shutil.rmtree(folder / "data", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    site = load_site(site_file(folder))
    make_folder(site.data)
    store, control = (
        DuckEvents(site.data / "events.duckdb"),
        Control(site.data / "control.sqlite"),
    )
    try:
        _fill_events(site, store, events, days)
        _fill_rest(site, store, control)
        print(json.dumps({"events": store.count(), "blocks": _blocks(store)}))
    finally:
        store.close()
        control.close()


def _blocks(store: DuckEvents) -> int:
    return int(store._run("SELECT count(*) FROM blocks")[0][0])


def _fill_events(site: Site, store: DuckEvents, events: int, days: int) -> None:
    """One simulated week again and again, oldest first, with ids of its own each time."""
    weeks = max(1, days // 7)
    now = datetime.now(UTC) - GRAIN
    rate = events / weeks / 7 / EVENTS_A_VISIT
    week = simulate(site.shop, 7, seed=7, now=now, visits_per_day=rate)
    publisher = Publisher(site.privacy.k, share=_no_share, mean=_no_mean)
    made = 0
    pattern = events_table(week.events)
    sales = sales_table(week.sales)
    per_week = min(pattern.num_rows, -(-events // weeks))
    print(f"{pattern.num_rows} events a week, {weeks} weeks", file=sys.stderr)
    for number, back in enumerate(reversed(range(weeks)), 1):
        count = min(pattern.num_rows if back else events - made, per_week, events - made)
        part = pattern.slice(pattern.num_rows - count)
        store._insert("events", _moved(part, WEEK * back), keyed=False)
        store._insert("sales", _moved(sales, WEEK * back), keyed=False)
        made += count
        store.roll(now - WEEK * back + GRAIN, publisher.fold)
        if number % 10 == 0:
            print(f"{made} events", file=sys.stderr)


def _moved(table: Any, back: timedelta) -> Any:
    """The same records earlier, with fresh ids."""
    shift = np.timedelta64(int(back.total_seconds() * 1e6), "us")
    at = pa.array(table.column("at").to_numpy() - shift, pa.timestamp("us"))
    hexed = secrets.token_hex(12 * table.num_rows)
    ids = pa.array([hexed[n * 24 : n * 24 + 24] for n in range(table.num_rows)])
    for name, column in (("at", at), ("id", ids)):
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def _no_share(count: int, n: int) -> Any:
    raise NotImplementedError


def _no_mean(values: Any, *, bounds: Any) -> Any:
    raise NotImplementedError


def _fill_rest(site: Site, store: DuckEvents, control: Control) -> None:
    now = datetime.now(UTC)
    week = simulate(site.shop, 30, seed=8, now=now)
    answers = week.answers
    more = [
        replace(answer, id=f"{answer.id}{n}", receipt=f"{answer.receipt}{n}")
        for n in range(-(-ANSWERS // max(1, len(answers))))
        for answer in answers
    ]
    control.add_answers(more[:ANSWERS])
    items = [item.id for item in site.shop.items]
    evidence = {
        "rejections": 40.0, "handled": 200.0, "threshold": 5.0, "window_h": 2.0, "visits": 150.0,
    }  # fmt: skip
    for n in range(TRIGGERS):
        at = now - timedelta(hours=3 * n)
        control.open_trigger(
            Trigger(secrets.token_hex(8), "above", items[n % len(items)], at, evidence, None,
                    origin=Origin.SIMULATED)
        )  # fmt: skip
    rng = np.random.default_rng(9)
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(days=SHELF_DAYS)
    for day in range(SHELF_DAYS):
        store.append_levels(
            [
                ShelfLevel(start + timedelta(days=day, hours=6) + GRAIN * grain, site.shop.id,
                           f.id, p.id, str(p.item), "1", draw, 0.9, Origin.SIMULATED)
                for f in site.shop.fixtures
                for p in f.facings
                for grain in range(56)
                for draw in [StockLevel("empty" if rng.random() < EMPTY else "full")]
            ]
        )  # fmt: skip


# --- measuring ----------------------------------------------------------------------------------


def measure(folder: Path, times: int, only: str) -> dict[str, Any]:
    """Milliseconds of each page, over HTTP."""
    runtime = Runtime(load_site(folder / "site.yaml"), cameras=False)
    try:
        if runtime.control.user("bench") is None:
            runtime.control.add_user("bench", secrets.token_urlsafe(9), "manager")
        web = make_web(runtime, bind("127.0.0.1", 0))
        with web.running():
            return {"events": runtime.store.count(), "pages": _pages(runtime, web, times, only)}
    finally:
        runtime.stop()


def _pages(runtime: Runtime, web: Web, times: int, only: str) -> dict[str, Any]:
    cookie = _sign_in(web)
    today = datetime.now(UTC).date()
    asked = [p.format(today=today, long=today - timedelta(days=729)) for p in PAGES]
    asked = [path for path in asked if only in path]
    took: dict[str, dict[str, list[float]]] = {
        p: {"first": [], "told": [], "again": [], "cpu": [], "cpu_told": []} for p in asked
    }
    runtime.get_ready()
    for _ in range(times):
        for path in asked:
            _forget(runtime)
            _tell(runtime)
            begun = time.process_time()
            took[path]["first"].append(_ask(web, cookie, path))
            took[path]["cpu"].append((time.process_time() - begun) * 1e3)
            _tell(runtime)
            begun = time.process_time()
            took[path]["told"].append(_ask(web, cookie, path))
            took[path]["cpu_told"].append((time.process_time() - begun) * 1e3)
            took[path]["again"].append(_ask(web, cookie, path))
    return {path: {when: _told(ms) for when, ms in found.items()} for path, found in took.items()}


def _forget(runtime: Runtime) -> None:
    """What a finished block, a level and an answer on the asked item make the shop forget."""
    runtime.store._kept, runtime.store._shown = {}, None
    runtime.board._summaries.pop(_Heard.item, None)


def _tell(runtime: Runtime) -> None:
    runtime.board.saw_answer(_Heard())  # type: ignore[arg-type]
    time.sleep(0.05)  # until the pages' memory has heard of it


class _Heard:
    item = "item-0-0"


def _told(ms: list[float]) -> dict[str, float]:
    ranked = sorted(ms)
    p95 = ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))]
    return {"p50": round(statistics.median(ms), 1), "p95": round(p95, 1)}


def _sign_in(web: Web) -> str:
    connection = http.client.HTTPConnection(web.url.removeprefix("http://"), timeout=60)
    connection.request("GET", web.links.enter("bench"))
    entered = connection.getresponse()
    cookies = entered.headers.get_all("Set-Cookie") or []
    entered.read()
    connection.close()
    return "; ".join(cookie.partition(";")[0] for cookie in cookies)


def _ask(web: Web, cookie: str, path: str) -> float:
    connection = http.client.HTTPConnection(web.url.removeprefix("http://"), timeout=120)
    connection.connect()
    begun = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - begun) * 1e3
    connection.close()
    if answer.status != HTTPStatus.OK:
        raise SystemExit(f"{path}: {answer.status} {body[:2000]!r}")
    return took


def main() -> None:
    """Fills or measures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("fill", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--only", default="", help="pages whose address contains this")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    if asked.what == "fill":
        fill(asked.folder, asked.events, asked.days)
        return
    found = measure(asked.folder, asked.times, asked.only)
    if asked.json:
        print(json.dumps(found))
        return
    for path, ms in found["pages"].items():
        shown = [ms["first"]["p50"], *(ms[one]["p95"] for one in ("first", "told", "again"))]
        shown += [ms["cpu"]["p50"], ms["cpu_told"]["p50"]]
        print(f"{path:44}" + "".join(f"{one:9.1f}" for one in shown))


if __name__ == "__main__":
    main()

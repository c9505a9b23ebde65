"""Measures when the pages over a filled store (see ``dashboard.py``) can be used in Chromium.

python benchmarks/dashboard_browser.py var/dashboard
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from dashboard import _forget, _tell
from playwright.sync_api import sync_playwright

from aeras.config import load_site
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import bind, make_web

PATHS = ("/", "/?range=30d", "/map", "/items/item-0-0", "/items/item-0-0/sales")
LOADS = 7
SETTLE_MS = 700
WATCH = """window.lastLong = 0;
new PerformanceObserver(list => { for (const task of list.getEntries())
  window.lastLong = Math.max(window.lastLong, task.startTime + task.duration);
}).observe({type: 'longtask', buffered: true})"""
READ = """() => { const page = performance.getEntriesByType('navigation')[0];
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  return [page.responseStart, Math.max(page.domContentLoadedEventEnd, window.lastLong,
    paint ? paint.startTime : 0)] }"""


def main() -> None:
    """Prints for each page: first byte, interactive (medians), worst interactive, in ms."""
    runtime = Runtime(load_site(Path(sys.argv[1]) / "site.yaml"), cameras=False)
    runtime.get_ready()
    web = make_web(runtime, bind("127.0.0.1", 0))
    with web.running(), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(web.url + web.links.enter("bench"))
        for path in PATHS:
            told = []
            for _ in range(LOADS):
                _forget(runtime)
                _tell(runtime)
                page.goto(web.url + path, wait_until="load")
                page.wait_for_timeout(SETTLE_MS)
                told.append(page.evaluate(READ))
            first, usable = zip(*told, strict=True)
            shown = (statistics.median(first), statistics.median(usable), max(usable))
            print(f"{path:30}" + "".join(f"{one:9.0f}" for one in shown))
        chromium.close()
    runtime.stop()


if __name__ == "__main__":
    main()

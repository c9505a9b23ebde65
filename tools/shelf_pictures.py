"""The pictures of docs/set-up-a-shelf.md, taken of the rendered demo shop in a real browser.

    python tools/shelf_pictures.py [--dir FOLDER] [--out docs/assets]

Needs Chromium and the ``dev`` extra. The demo's cameras are rendered on the first run (about a
minute); FOLDER keeps them. Nobody real is in any picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright

from aeras.config import load_site
from aeras.lab.demo import DemoOptions, prepare
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import bind, make_web

ROOT = Path(__file__).resolve().parent.parent
ARGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH, HEIGHT = 1440, 1000
WAIT_MS = 240_000


def main() -> None:
    """Takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dir", type=Path, default=ROOT / "var" / "pictures")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "assets")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    site = prepare(options.dir, DemoOptions(directory=options.dir), say=print)
    runtime = Runtime(load_site(site.path), simulated=True)
    web = make_web(runtime, bind("127.0.0.1", 0))
    runtime.start()
    runtime.control.add_user("ann", "a long sentence for pictures", "manager")
    try:
        with web.running(), sync_playwright() as play:
            chromium = play.chromium.launch(executable_path="/usr/bin/chromium", args=ARGS)
            page = chromium.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(web.url + web.links.enter("ann"))
            take(page, web.url, options.out)
            chromium.close()
    finally:
        runtime.stop()


def take(page: Page, url: str, out: Path) -> None:
    """The pages, in the order of the guide."""
    page.goto(f"{url}/calibration/aisle")
    page.wait_for_selector("[data-view=picture] image[href]", state="attached", timeout=WAIT_MS)
    page.wait_for_timeout(1500)
    shot(page, out / "calibration-points.webp")
    page.locator("input[name=tool][value=shelf]").check(force=True)
    page.locator("[data-row]").first.locator("input").first.focus()
    page.wait_for_timeout(500)
    shot(page, out / "calibration-shelf.webp")
    page.locator("input[name=tool][value=facing]").check(force=True)
    page.wait_for_timeout(500)
    shot(page, out / "calibration-facings.webp")
    second_version(page, url)
    page.goto(f"{url}/planogram")
    shot(page, out / "planogram.webp")


def second_version(page: Page, url: str) -> None:
    """Imports a version in which two neighbours swap and one goes on promotion."""
    page.goto(f"{url}/planogram")
    held = page.request.get(f"{url}/api/planogram.csv").text().splitlines()
    names = held[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in held[1:]]
    for row in rows:
        row.update(version="winter", valid_from="2030-12-01", valid_to="", gtin="")
    rows[0]["item"], rows[1]["item"] = rows[1]["item"], rows[0]["item"]
    rows[2]["promotion"] = "yes"
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    token = page.locator("meta[name=csrf]").get_attribute("content") or ""
    answer = page.request.post(
        f"{url}/api/planogram",
        data={"name": "winter.csv", "text": "\n".join(lines) + "\n"},
        headers={"X-CSRF-Token": token},
    )
    if not answer.ok or answer.json()["faults"]:
        raise SystemExit(f"the import was refused: {answer.text()}")


def shot(page: Page, path: Path) -> None:
    """A screenshot at three quarters of its size."""
    raw = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert raw is not None
    small = cv2.resize(raw, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(path), small, [cv2.IMWRITE_WEBP_QUALITY, 82])
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()

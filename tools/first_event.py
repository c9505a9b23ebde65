"""How long a newcomer waits: from a fresh clone and ``make demo`` to the first live event.

    python tools/first_event.py [--port 8137]

Clones this checkout into a temporary folder, runs ``make demo`` there with a home folder of its
own, opens the dashboard's live stream and prints one JSON line: seconds and installed size.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="8137")
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        clone = folder / "aeras"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        kept = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "DISPLAY"}}
        demo = subprocess.Popen(
            ["make", "demo", f"PORT={port}"],
            cwd=clone,
            env={**kept, "HOME": name, "XDG_CACHE_HOME": f"{name}/.cache"},
            stderr=subprocess.PIPE,
            stdout=sys.stderr,
            text=True,
            start_new_session=True,
        )
        try:
            link = one_time_link(demo)
            opened = time.monotonic() - began
            first_event(port, link)
            seen = time.monotonic() - began
            print(
                json.dumps(
                    {
                        "dashboard_open_s": round(opened, 1),
                        "first_event_s": round(seen, 1),
                        "installed_mb": size_mb(clone / ".venv") + size_mb(clone / "src"),
                        "torch": any((clone / ".venv").rglob("site-packages/torch")),
                    }
                )
            )
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            demo.wait(timeout=60)


def one_time_link(demo: subprocess.Popen[str]) -> str:
    """Reads what the demo says until it is open; its sign-in path."""
    assert demo.stderr is not None
    for line in demo.stderr:
        sys.stderr.write(line)
        found = re.search(r"(/enter\?token=\S+)", line)
        if found:
            return found[1]
    raise SystemExit("the demo ended before it was open")


def first_event(port: str, link: str) -> None:
    """Waits on the live stream for an event."""
    page = http.client.HTTPConnection("127.0.0.1", int(port), timeout=120)
    page.request("GET", link)
    entered = page.getresponse()
    cookie = str(entered.headers["Set-Cookie"]).partition(";")[0]
    entered.read()
    page.request("GET", "/api/live", headers={"Cookie": cookie})
    for line in page.getresponse():
        if line.startswith(b"data:") and json.loads(line[5:]).get("type") == "event":
            page.close()
            return


def size_mb(folder: Path) -> int:
    """Disk use in MB."""
    result = subprocess.run(["du", "-sm", str(folder)], capture_output=True, text=True, check=True)
    return int(result.stdout.split()[0])


if __name__ == "__main__":
    main()

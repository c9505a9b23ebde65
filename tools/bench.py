"""Runs the commands behind ``benchmarks/README.md``, each with its figures: ``make bench``.

The clips of the shared data folder are used where they are there; the rest runs anywhere.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("AERAS_SHARED", ROOT.parent / "shared"))


def commands(folder: Path) -> list[list[str]]:
    """What is run, in order; the demo comes first because the others read its videos."""
    aeras = [sys.executable, "-m", "aeras.cli"]
    demo = [*aeras, "demo", "--headless", "--json", "--dir", str(folder / "demo"), "--port", "0"]
    bench = [*aeras, "lab", "bench", "--seconds", "60", "--json"]
    found = [
        [*demo, "--seconds", "150"],
        [*bench, str(folder / "demo" / "aisle.mp4"), "--role", "aisle"],
        [*bench, str(folder / "demo" / "shelf.mp4"), "--role", "shelf"],
        [*aeras, "lab", "load", "--events", "1000000", "--store", str(folder / "load.duckdb")],
        [sys.executable, str(ROOT / "tools" / "first_event.py")],
    ]
    if (SHARED / "data").is_dir():
        found += [
            [*aeras, "lab", "tracking", str(SHARED / "data" / "mot" / name), "--json"]
            for name in ("PETS09-S2L1", "TUD-Stadtmitte")
        ]
    return found


def main() -> None:
    """Runs everything; stops at the first failure."""
    with tempfile.TemporaryDirectory() as name:
        for command in commands(Path(name)):
            print("$", " ".join(command), flush=True)
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

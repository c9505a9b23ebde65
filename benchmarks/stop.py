"""Measures how long a stop takes, in a shop that really runs.

    python benchmarks/stop.py --times 10

Prints, for the stop file and for the switch of the pages, the seconds until no worker lives and the
preview is black, and what one entry of the audit log costs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "support")]

from synthetic_shop import write_site  # noqa: E402
from waiting import wait_for  # noqa: E402

from aeras.config import load_site  # noqa: E402
from aeras.domain.oversight import SYSTEM, Act  # noqa: E402
from aeras.privacy.preview import BLACK  # noqa: E402
from aeras.wiring.runtime import Runtime  # noqa: E402


def ended(pid: int) -> bool:
    """Whether a process is gone or waits only to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def main() -> None:
    """Runs the tiny shop of the tests and stops it again and again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    times = parser.parse_args().times
    took: dict[str, list[float]] = {"file": [], "switch": []}
    with tempfile.TemporaryDirectory() as folder:
        runtime = Runtime(load_site(write_site(Path(folder))))
        runtime.start()
        for number in range(2 * times):
            how = ("file", "switch")[number % 2]
            assert wait_for(lambda: runtime.board.preview("aisle") not in (None, BLACK), 120)
            pids = runtime._workers.pids
            begun = time.monotonic()
            if how == "file":
                (runtime.site.data / "STOP").touch()
            else:
                runtime.oversight.switch.stop("bench")
            while not all(map(ended, pids)) or runtime.board.preview("aisle") != BLACK:
                time.sleep(0.01)
            took[how].append(time.monotonic() - begun)
            time.sleep(0.5)
            runtime.oversight.switch.resume("bench")
        begun = time.monotonic()
        for _ in range(50):
            runtime.oversight.audit.add(Act.VIEW, SYSTEM, page="/")
        entry_ms = (time.monotonic() - begun) / 50 * 1000
        faults = runtime.oversight.audit.faults()
        runtime.stop()
    result: dict[str, object] = {
        name: {"median_s": round(median(values), 2), "worst_s": round(max(values), 2)}
        for name, values in took.items()
    }
    figures = {**result, "entry_ms": round(entry_ms, 1), "faults": faults}
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

"""Looks up known holes in the locked packages with pip-audit. Run by ``make audit-deps``.

Exit code 1 if a package has one. Without pip-audit or without a network it says that nothing was
checked, and passes: a build that cannot reach the service must still be possible.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Runs the audit; returns the exit code."""
    base = [sys.executable, "-m", "uv", "tool", "run", "pip-audit"]
    options = ["--require-hashes", "--disable-pip", "-r", str(ROOT / "requirements.lock")]
    done = subprocess.run([*base, *options], capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    if re.search(r"Found \d+ known vulnerabilit", told):
        print(told, end="")
        return 1
    unknown = told.count("could not be audited")
    if done.returncode or unknown:
        reason = f"{unknown} packages unknown to the index" if unknown else told.strip()[-200:]
        print(f"NOT CHECKED: {reason}", file=sys.stderr)
    else:
        print("No known holes in the locked packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

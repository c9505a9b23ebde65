"""Writes ``requirements.lock`` and ``requirements-dev.lock``: exact pins with hashes.

Run by ``make lock``. The files name no index, so that any mirror serves them; torch, an optional
extra, is left out on purpose.
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# uv overlooks that newer ones are for older Pythons only, which pip then refuses.
HELD_BACK = ["backports-strenum<1.3"]
HEADER = "# Made by `make lock`; exact pins with hashes, no index address.\n"


def compile_lock(name: str, requirements: list[str], *, constraint: str | None = None) -> None:
    """Resolves requirements for Python 3.11 and writes one lock file."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal"),
        *("--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"),
        *("--no-emit-index-url", "--no-emit-find-links", "-o", name, "-"),
    ]
    if constraint:
        command += ["-c", constraint]
    subprocess.run(
        command, cwd=ROOT, input="\n".join([*requirements, *HELD_BACK]), text=True, check=True
    )
    path = ROOT / name
    path.write_text(HEADER + path.read_text())


def main() -> None:
    """Makes both files from pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    runtime = project["project"]["dependencies"]
    compile_lock("requirements.lock", runtime)
    dev = [*runtime, *project["dependency-groups"]["dev"]]
    compile_lock("requirements-dev.lock", dev, constraint="requirements.lock")


if __name__ == "__main__":
    main()

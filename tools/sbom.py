"""Writes a software bill of materials (CycloneDX 1.6, JSON) from the hashed lock file.

Run by ``make sbom``. Models stand in it as well, with their hashes and licences.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def packages(lock: str) -> list[dict[str, Any]]:
    """The lock's pins as CycloneDX components, in its order."""
    found = []
    for name, version, rest in PIN.findall(lock):
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)
        purl = f"pkg:pypi/{name.lower()}@{version}"
        found.append(
            {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                # Each is that of one wheel or source archive of the release.
                "externalReferences": [
                    {
                        "type": "distribution",
                        "url": purl,
                        "hashes": [{"alg": "SHA-256", "content": value} for value in hashes],
                    }
                ],
            }
        )
    return found


def models(cards: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The shipped model files."""
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": f"model:{card['name']}",
            "name": card["name"],
            "version": card["sha256"][:12],
            "description": card["title"],
            "hashes": [{"alg": "SHA-256", "content": card["sha256"]}],
            "licenses": [{"license": {"name": card["licence_weights"]}}],
        }
        for card in cards
    ]


def main() -> None:
    """Writes to the file that is named, or to standard output."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cards = tomllib.loads((ROOT / "src/aeras/models/models.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": project["name"],
                "version": project["version"],
                "licenses": [{"license": {"id": project["license"]}}],
            }
        },
        "components": [*packages(lock), *models(cards["model"])],
    }
    text = json.dumps(bom, indent=1) + "\n"
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()

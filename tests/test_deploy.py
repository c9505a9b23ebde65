from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_the_bill_of_materials_names_every_locked_package_and_every_model(tmp_path):
    path = tmp_path / "bom.json"
    subprocess.run([sys.executable, str(ROOT / "tools/sbom.py"), str(path)], check=True)
    bom = json.loads(path.read_text())
    libraries = {
        f"{c['name']}=={c['version']}" for c in bom["components"] if c["type"] == "library"
    }
    lock = (ROOT / "requirements.lock").read_text()
    assert libraries == set(re.findall(r"^[A-Za-z0-9._-]+==[^ ;\\]+", lock, re.MULTILINE))
    hashes = re.findall(r"sha256:([0-9a-f]{64})", lock)
    written = [
        h["content"]
        for c in bom["components"]
        for r in c.get("externalReferences", ())
        for h in r["hashes"]
    ]
    assert written == hashes
    names = re.findall(
        r'^name = "(.+)"', (ROOT / "src/aeras/models/models.toml").read_text(), re.MULTILINE
    )
    assert [c["name"] for c in bom["components"] if c["type"] != "library"] == names


def test_the_unit_gives_no_privilege():
    unit = (ROOT / "deploy/aeras.service").read_text()
    for line in (
        "CapabilityBoundingSet=",
        "NoNewPrivileges=yes",
        "DynamicUser=yes",
        "ProtectSystem=strict",
        "LimitCORE=0",
        "MemorySwapMax=0",
    ):
        assert line in unit.splitlines()


def test_systemd_understands_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = (ROOT / "deploy/aeras.service").read_text()
    (tmp_path / "aeras.service").write_text(unit.replace("/opt/aeras/bin/aeras", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(tmp_path / "aeras.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "aeras.service" not in done.stderr, done.stderr


def test_the_container_runs_as_nobody_special():
    last = (ROOT / "deploy/Containerfile").read_text().split("FROM ")[-1]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert last.index("USER 10001") < last.index("ENTRYPOINT")

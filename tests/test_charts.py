"""The compose files and the Helm chart, as far as that can be told without their programs: what
they mount, allow and ask is what the container file and the pages offer.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from aeras.config import load_site
from aeras.serve.watch import router

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
CHART = DEPLOY / "helm/aeras"
TEMPLATES = sorted((CHART / "templates").glob("*.yaml"), key=str)


def values() -> dict[str, Any]:
    return yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize("name", ["compose.yaml", "compose.hub.yaml"])
def test_our_containers_may_do_nothing_but_their_work(name):
    compose = yaml.safe_load((DEPLOY / name).read_text())
    ours = [s for s in compose["services"].values() if "build" in s]
    assert ours
    for service in ours:
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert (service["ulimits"]["core"], service["mem_swappiness"]) == (0, 0)
        assert (DEPLOY / service["build"]["context"] / "deploy/Containerfile").exists()
    named = {v.split(":")[0] for s in compose["services"].values() for v in s["volumes"]}
    assert set(compose["volumes"]) <= named


def test_no_file_holds_a_password():
    for file in DEPLOY.rglob("*"):
        if file.is_file():
            given = re.findall(r"(?:PASSWORD|TOKEN)\w*[:=] *(\S+)", file.read_text())
            assert [g for g in given if not g.startswith(("$", "...", '"...'))] == [], file


def look_up(path: str) -> Any:
    found: Any = values()
    for part in path.split("."):
        assert part in found, f"values.yaml has no {path}"
        found = found[part]
    return found


def test_the_chart_uses_the_values_that_there_are():
    used = {
        name for file in TEMPLATES for name in re.findall(r"\.Values\.([\w.]+)", file.read_text())
    }
    for name in used:
        look_up(name)
    known = {f"{k}.{n}" for k in ("image", "storage", "service") for n in values()[k]}
    known |= set(values()) - {"image", "storage", "service"}
    assert known - used == set()


def plainly(text: str) -> Any:
    """What the simple templates of this chart become with its own values."""

    def nested(match: re.Match[str]) -> str:
        found = look_up(match[1])
        told = found if isinstance(found, str) else yaml.safe_dump(found).strip()
        return "".join(f"\n{' ' * int(match[2])}{line}" for line in told.splitlines())

    text = re.sub(r"(?s)\{\{- range .*?\{\{- end \}\}", "", text)
    text = re.sub(r"\s*\{\{- (?:if .*?|end) \}\}", "", text)
    text = re.sub(r"\s*\{\{- (?:toYaml )?\.Values\.([\w.]+) \| nindent (\d+) \}\}", nested, text)
    text = text.replace("{{ .Release.Name }}", "shop")
    text = re.sub(
        r"\{\{ \.Values\.([\w.]+)(?: \| (?:quote|sha256sum))* \}\}",
        lambda m: str(look_up(m[1])).split("\n")[0].replace(":", "") or '""',
        text,
    )
    assert "{{" not in text
    return yaml.safe_load(text)


def test_the_chart_asks_for_paths_that_exist_and_gives_no_privilege():
    (pod,) = [
        plainly(f.read_text())["spec"]["template"]["spec"]
        for f in TEMPLATES
        if f.name == "statefulset.yaml"
    ]
    (container,) = pod["containers"]
    paths = {route.path for route in router.routes}  # type: ignore[attr-defined]
    probes = [container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")]
    assert [probe["path"] for probe in probes] == ["/healthz", "/healthz", "/readyz"]
    assert {probe["path"] for probe in probes} <= paths
    user = (DEPLOY / "Containerfile").read_text().split("USER ")[1].split(":")[0]
    assert pod["securityContext"]["runAsUser"] == int(user)
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_site_of_the_chart_is_valid(tmp_path):
    config = plainly((CHART / "templates/site.yaml").read_text())
    path = tmp_path / "site.yaml"
    path.write_text(config["data"]["site.yaml"])
    assert str(load_site(path).data).startswith("/data/")


def test_helm_takes_the_chart():
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed")
    for what in (["lint", "--strict"], ["template", "shop"]):
        subprocess.run(["helm", *what, str(CHART)], check=True, capture_output=True)

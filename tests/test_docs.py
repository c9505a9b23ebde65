from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from pydantic import BaseModel

from aeras import cli, config

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("tool", ["flowchart.py", "data_dictionary.py"])
def test_generated_pages_are_up_to_date(tool):
    command = [sys.executable, str(ROOT / "tools" / tool), "--check"]
    assert subprocess.run(command, check=False).returncode == 0, "run `make docs`"


def _sections() -> list[type[BaseModel]]:
    return [
        value
        for name, value in vars(config).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and not name.startswith("_")
    ]


@pytest.mark.parametrize("section", [s for s in _sections() if s.__module__ == "aeras.config"])
def test_every_setting_is_documented(section):
    page = (ROOT / "docs" / "site-file.md").read_text()
    for name in section.model_fields:
        assert re.search(rf"^\| `{name}` \||^#+ {name}$", page, re.MULTILINE), name


def test_the_documented_smallest_site_file_is_valid(tmp_path):
    page = (ROOT / "docs" / "site-file.md").read_text()
    block = re.search(r"smallest useful file:\n\n((?:    .*\n)+)", page)
    assert block
    path = tmp_path / "site.yaml"
    path.write_text("\n".join(line[4:] for line in block[1].splitlines()))
    assert config.load_site(path).shop.cameras


def test_every_page_of_the_documentation_exists_and_its_links_lead_somewhere():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [p for entry in nav for p in entry.values()]
    pages = [q for p in pages for q in (p if isinstance(p, list) else [p])]
    names = [q if isinstance(q, str) else next(iter(q.values())) for q in pages]
    assert sorted(names) == sorted(
        str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")
    )
    files = [ROOT / "docs" / name for name in names] + [ROOT / "README.md"]
    for file in files:
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text()):
            assert (file.parent / target).exists(), f"{file.name} links to {target}"


def _commands(command: Any, name: str) -> list[str]:
    """Full names of a command or of all commands below it."""
    below = getattr(command, "commands", {})
    found = [n for key, part in below.items() for n in _commands(part, f"{name} {key}")]
    return found or [name]


def test_every_command_is_documented():
    page = (ROOT / "docs" / "commands.md").read_text()
    names = _commands(typer.main.get_command(cli.app), "aeras")
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in page] == []

"""What several groups of commands share: options, and how they tell what they did."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from aeras.config import Site
    from aeras.domain.oversight import Oversight
    from aeras.store.control import Control

SiteArg = Annotated[Path, typer.Argument(help="Site file (YAML).", metavar="SITE")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
SHELL = "command line"
"""Who did it, in the audit log, where no account is known."""

out = Console()
err = Console(stderr=True)


def say(text: str) -> None:
    """A line for the person at the terminal; links are not broken over lines."""
    err.print(text, soft_wrap=True)


def print_plain(text: str) -> None:
    """A result, exactly as it is: no colours, no markup, no folding."""
    out.print(text, markup=False, highlight=False, soft_wrap=True)


def json_line(record: dict[str, Any]) -> None:
    """One line of JSON for machines, at once."""
    sys.stdout.write(json.dumps(record, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def tell(record: dict[str, Any], text: str, *, as_json: bool) -> None:
    """The same result for machines or for people."""
    if as_json:
        json_line(record)
    else:
        print_plain(text)


def show(figures: dict[str, Any], *, as_json: bool) -> None:
    """Figures by name, for machines or as a list for people."""
    if as_json:
        json_line(figures)
        return
    for name, value in figures.items():
        out.print(f"{name:24} {value}")


@contextmanager
def opened(site: Path) -> Iterator[tuple[Site, Control, Oversight]]:
    """The site with its control data, beside a running shop or without one."""
    from aeras.config import load_site
    from aeras.domain.ports import utc_now
    from aeras.store.control import Control
    from aeras.store.folder import make_folder
    from aeras.wiring.oversight import make_oversight

    loaded = load_site(site)
    make_folder(loaded.data)
    control = Control(loaded.data / "control.sqlite")
    try:
        yield loaded, control, make_oversight(loaded, control, utc_now)
    finally:
        control.close()

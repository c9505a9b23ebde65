"""Writes ``docs/data-dictionary.md`` from the types in ``aeras.domain.kept``: ``make docs``."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import fields
from pathlib import Path

from aeras.domain import kept

TARGET = Path(__file__).resolve().parent.parent / "docs" / "data-dictionary.md"
STORED = (
    *(kept.Event, kept.Reaction, kept.Block, kept.ShelfLevel, kept.Passage),
    *(kept.Answer, kept.Topic, kept.Trigger, kept.Sale, kept.Stock, kept.UsualLength),
)
INTRO = """# What is stored

Made from `aeras.domain.kept` by `make docs`. Nothing else is written to the databases but users'
names with their password hashes, hashes of survey links, and settings.
"""


def meanings(doc: str) -> dict[str, str]:
    """Attribute -> sentence, from a Google-style ``Attributes`` section."""
    section = doc.partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        match = re.match(r"    (\w[\w, ]*): (.*)", line)
        if match:
            names = [name.strip() for name in match[1].split(",")]
            found.update(dict.fromkeys(names, match[2]))
        elif line.strip():
            for name in names:
                found[name] += " " + line.strip()
    return found


def table(kind: type) -> str:
    """One type as a Markdown section."""
    doc = inspect.getdoc(kind) or ""
    known = meanings(doc)
    summary = doc.partition("Attributes:")[0].strip().replace("\n", " ")
    rows = "".join(
        f"| `{f.name}` | `{str(f.type).replace('|', 'or')}` | {known.get(f.name, '')} |\n"
        for f in fields(kind)
    )
    head = "| field | type | meaning |\n| --- | --- | --- |\n"
    return f"\n## {kind.__name__}\n\n{summary}\n\n{head}{rows}"


def render() -> str:
    """The whole page."""
    return INTRO + "".join(table(kind) for kind in STORED)


def main() -> None:
    """Writes the page, or with ``--check`` fails when the committed one is stale."""
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.is_file() and TARGET.read_text() == render() else 1)
    TARGET.write_text(render())


if __name__ == "__main__":
    main()

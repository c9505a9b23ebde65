"""How far a long command is, on stderr, where somebody watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def shown(things: Iterable[T], title: str, total: int | None = None) -> Iterable[T]:
    """The things one by one, with a bar that goes when the last is done."""
    return track(
        things,
        title,
        total=total,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )

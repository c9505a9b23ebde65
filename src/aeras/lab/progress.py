"""How far a long command is, on stderr, where somebody watches a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def shown(things: Sequence[T], title: str) -> Iterable[T]:
    """The things one by one, with a bar that goes when the last is done."""
    return track(
        things,
        title,
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )

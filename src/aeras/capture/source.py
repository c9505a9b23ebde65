"""What every camera source shows of itself to the rest of the program."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Protocol

from aeras.domain.seen import Frame


class CameraState(StrEnum):
    """How a source is doing."""

    STARTING = "starting"
    UP = "up"
    DOWN = "down"
    """Not delivering; a live source is trying again by itself."""
    ENDED = "ended"
    """The file is at its end, or the source was closed."""


class CameraSource(Protocol):
    """A `aeras.domain.seen_ports.Source` that can be watched from other threads."""

    @property
    def state(self) -> CameraState:
        """How the source is doing now."""

    @property
    def reason(self) -> str:
        """Why it is down, in words for a person and without credentials; "" while it is up."""

    @property
    def dropped(self) -> int:
        """Frames that were decoded but never taken: overtaken by newer ones or not sampled."""

    def frames(self) -> Iterator[Frame]:
        """Yields frames until the source ends or is closed. Raises SourceError."""

    def close(self) -> None:
        """Stops the reader and releases the source; safe to call twice and from any thread."""

"""Cameras at this machine (USB, laptop) through Video4Linux."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from aeras.capture.decoding import Address
from aeras.capture.fitting import Picture
from aeras.capture.live import as_they_come
from aeras.domain.ports import Clock


def device_path(source: str) -> str | None:
    """``/dev/video2`` for ``2`` or ``/dev/video2``; None where the source is no device."""
    if source.isascii() and source.isdigit():
        return f"/dev/video{int(source)}"
    return source if source.startswith("/dev/") else None


@dataclass(frozen=True, slots=True)
class DeviceFeed:
    """Pictures of a local camera, stamped when they are decoded.

    Attributes:
        path: ``/dev/video0``.
        camera: Camera id, for messages.
        size: (width, height) to ask the camera for; it may give another one.
        clock: For `Frame.at`.
        start_s: Zero of `Frame.t_s` on the monotonic clock.
    """

    path: str
    camera: str
    size: tuple[int, int]
    clock: Clock
    start_s: float = 0.0

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Opens the camera and yields pictures until it is unplugged or ``stop`` is set."""
        return as_they_come(self._address(), stop, start_s=self.start_s, clock=self.clock)

    def _address(self) -> Address:
        width, height = self.size
        return Address(
            self.path,
            where=f"camera {self.camera}: {self.path}",
            format="v4l2",
            options=(("video_size", f"{width}x{height}"),),
            timeout_s=(5.0, 5.0),
        )

"""Network cameras: RTSP, RTSPS and HTTP streams."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from aeras.capture.decoding import Address
from aeras.capture.fitting import Picture
from aeras.capture.live import Backoff, as_they_come
from aeras.capture.redact import redact
from aeras.domain.ports import Clock

SCHEMES = ("rtsp", "rtsps", "http", "https")


@dataclass(frozen=True, slots=True)
class RtspOptions:
    """How to talk to a network camera.

    Attributes:
        transport: ``tcp`` (survives lossy networks; the default) or ``udp``.
        open_s: Longest wait for a connection.
        read_s: Longest silence before the connection counts as lost.
        backoff: Waits between attempts.
    """

    transport: str = "tcp"
    open_s: float = 5.0
    read_s: float = 5.0
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True)
class RtspFeed:
    """Pictures of a network camera, stamped when they are decoded.

    Attributes:
        url: ``rtsp://``, ``rtsps://``, ``http://`` or ``https://``.
        camera: Camera id, for messages.
        clock: For `Frame.at`.
        start_s: Zero of `Frame.t_s` on the monotonic clock.
        options: See `RtspOptions`.
    """

    url: str
    camera: str
    clock: Clock
    start_s: float = 0.0
    options: RtspOptions = field(default_factory=RtspOptions)

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Connects and yields pictures until the stream breaks or ``stop`` is set."""
        return as_they_come(self._address(), stop, start_s=self.start_s, clock=self.clock)

    def _address(self) -> Address:
        # nobuffer and low_delay give the newest picture; the first frames may be lost for it.
        # Half a second of looking at the stream is enough, its description came with the answer.
        options = [("fflags", "nobuffer"), ("flags", "low_delay"), ("analyzeduration", "500000")]
        if self.url.lower().startswith("rtsp"):
            options.append(("rtsp_transport", self.options.transport))
        return Address(
            self.url,
            where=f"camera {self.camera}: {redact(self.url)}",
            options=tuple(options),
            timeout_s=(self.options.open_s, self.options.read_s),
        )

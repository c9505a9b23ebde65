"""How long the web server waits for a request that only trickles in."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 15.0
"""From the connection, or the first byte of a further request, to the end of its headers."""


class PatientProtocol(H11Protocol):
    """Ends connections that do not finish the headers of a request in `HEADERS_S` seconds.

    Uvicorn itself waits for ever, so that a handful of machines could take all connections. Bodies
    have a limit of their own (`aeras.serve.guard.BodyLimit`).
    """

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock starts."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """The clock stops while a request is answered, and starts with the next one."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
        elif self._late is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The clock stops."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEADERS_S, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        transport.abort()

"""Sends a shop's spool to the hub, for as long as that takes."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

import nats
import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext

from aeras.domain.errors import StoreError
from aeras.fleet.clock import HEADER, told
from aeras.fleet.spool import Sealed, Spool, Stamp, read_clocks
from aeras.fleet.subjects import LOST, MESSAGE_ID, events_of, inbox_of

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Messages on their way at the same time."""
IDLE_S = 0.25
ANSWER_S = 10.0
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0
"""After days without a network the first try comes so soon after it is back."""


class Sender:
    """A thread between a spool and the hub. A message leaves the spool when the hub's server has it
    on disk.

    Args:
        url: ``tls://host:port`` of the hub.
        shop: Id of the shop.
        spool: What is to be sent.
        tls: With the shop's pass.
        clocks: The present moment.

    Attributes:
        sent: Events that the hub took since the start.
        trouble: Why nothing can be sent, "" while all is well.
    """

    def __init__(
        self,
        url: str,
        shop: str,
        spool: Spool,
        *,
        tls: ssl.SSLContext | None,
        clocks: Callable[[], Stamp] = read_clocks,
    ) -> None:
        self._url = url
        self._shop = shop
        self._spool = spool
        self._tls = tls
        self._clocks = clocks
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="hub sender", daemon=True)
        self._refusal = ""
        self.sent = 0
        self.trouble = ""

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self, *, timeout_s: float = 10.0) -> None:
        """Ends; what is not acknowledged stays in the spool."""
        self._stop.set()
        self._thread.join(timeout_s)

    def _work(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        wait_s = FIRST_WAIT_S
        while not self._stop.is_set():
            before = self.sent
            try:
                await self._session()
            except (NatsError, OSError, TimeoutError, StoreError) as error:
                self._troubled(self._refusal or str(error) or type(error).__name__)
            wait_s = FIRST_WAIT_S if self.sent > before else min(2 * wait_s, LONGEST_WAIT_S)
            await asyncio.to_thread(self._stop.wait, wait_s)

    async def _session(self) -> None:
        """One connection; it is given up at the first trouble, and another one made."""
        self._refusal = ""
        hub = await nats.connect(
            self._url,
            tls=self._tls,
            name=f"edge {self._shop}",
            inbox_prefix=inbox_of(self._shop),
            allow_reconnect=False,
            connect_timeout=5,
            ping_interval=10,
            error_cb=self._noted,
        )
        try:
            await self._drain(hub, hub.jetstream(timeout=ANSWER_S))
        finally:
            with suppress(NatsError, OSError, TimeoutError):
                await asyncio.wait_for(hub.close(), 2)

    async def _drain(self, hub: Client, stream: JetStreamContext) -> None:
        while not self._stop.is_set():
            waiting = await asyncio.to_thread(self._spool.next, AT_ONCE)
            if not waiting:
                await asyncio.sleep(IDLE_S)
                if hub.is_closed:
                    raise OSError("the connection was closed")
                continue
            lost = str(await asyncio.to_thread(lambda: self._spool.lost))
            results = await asyncio.gather(
                *(self._send(stream, message, lost) for message in waiting), return_exceptions=True
            )
            kept = [m for m, r in zip(waiting, results, strict=True) if r is None]
            await asyncio.to_thread(self._spool.done, [message.n for message in kept])
            self.sent += sum(message.events for message in kept)
            for result in results:
                if result is not None:
                    raise result
            if self.trouble:
                log.info("hub_reached_again", hub=self._url)
            self.trouble = ""

    async def _send(self, stream: JetStreamContext, message: Sealed, lost: str) -> None:
        headers = {
            MESSAGE_ID: message.name,
            HEADER: told(message.stamp, self._clocks()),
            LOST: lost,
        }
        await stream.publish(events_of(self._shop), message.body, headers=headers)

    async def _noted(self, error: Exception) -> None:
        self._refusal = str(error)

    def _troubled(self, why: str) -> None:
        if not self.trouble:
            log.warning("hub_away", hub=self._url, reason=why)
        self.trouble = why

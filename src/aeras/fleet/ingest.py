"""Takes what shops sent out of the stream and stores it: acknowledged only once it is committed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

import nats
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from aeras.domain.errors import StoreError
from aeras.domain.kept import Event
from aeras.fleet.clock import HEADER, doubts, parted
from aeras.fleet.subjects import ALL_EVENTS, CONSUMER, LOST, PROBE, STREAM, shop_of
from aeras.fleet.wire import MOST_BYTES, NewerError, RefusedError, unpack

log = structlog.get_logger(__name__)

AT_ONCE = 64
"""Messages in one write: up to 32,000 events."""
ACK_WAIT_S = 60
PROBE_EVERY_S = 5.0
WAIT_S = (0.2, 5.0)
"""First and longest wait while the database or the server is away."""
COPIES_KNOWN_S = 3600.0
"""For so long the server itself drops copies; later ones the database does."""


class HubStore(Protocol):
    """What the hub needs of an event store. Raises StoreError."""

    def append(self, events: Sequence[Event]) -> None:
        """Stores events; copies are ignored."""

    def set_aside(self, events: Sequence[Event], why: str) -> None:
        """Keeps events apart from all figures; copies are ignored."""


class Ingest:
    """From the stream into the store, until `stop`.

    Args:
        url: Of the hub's own NATS server.
        tls: With the hub's own certificate.
        store: Where events go.
        most_bytes: Room on disk for what is not stored yet; beyond it shops keep what they have.

    Attributes:
        counts: ``stored``, ``aside``, ``refused`` (messages), ``held`` (messages of a newer AERAS).
        lost: By shop, events that its spool had to drop.
        away_since: Since when (`time.monotonic`) the NATS server cannot be used; None if it can.
    """

    def __init__(
        self, url: str, store: HubStore, *, tls: ssl.SSLContext | None, most_bytes: int
    ) -> None:
        self._url = url
        self._store = store
        self._tls = tls
        self._most = most_bytes
        self._stopping = asyncio.Event()
        self._troubled = False
        self.away_since: float | None = None
        self.counts: Counter[str] = Counter()
        self.lost: dict[str, int] = {}

    def stop(self) -> None:
        """Ends after what is being stored; from the thread of the loop."""
        self._stopping.set()

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Works until `stop`; no trouble of server or database ends it.

        Args:
            on_ready: Called as soon as the stream takes messages, again after each trouble.
        """
        wait_s = WAIT_S[0]
        while not self._stopping.is_set():
            try:
                await self._session(on_ready)
            except (NatsError, OSError, TimeoutError, StoreError) as error:
                if not self._troubled:
                    log.warning("hub_waits", reason=str(error) or type(error).__name__)
                    wait_s = WAIT_S[0]
                self._troubled = True
                if not isinstance(error, StoreError) and self.away_since is None:
                    self.away_since = time.monotonic()
                await self._pause(wait_s)
                wait_s = min(2 * wait_s, WAIT_S[1])

    async def _session(self, on_ready: Callable[[], None]) -> None:
        """One connection; given up at the first trouble. What is not acknowledged comes again."""
        server = await nats.connect(
            self._url,
            tls=self._tls,
            name="aeras hub",
            allow_reconnect=False,
            connect_timeout=5,
            error_cb=_ignore,
        )
        try:
            stream = server.jetstream(timeout=10)
            await self._make(stream)
            probed = await self._probe(stream)
            on_ready()
            pull = await stream.pull_subscribe_bind(CONSUMER, STREAM)
            while not self._stopping.is_set():
                if time.monotonic() - probed > PROBE_EVERY_S:
                    probed = await self._probe(stream)
                try:
                    messages = await pull.fetch(AT_ONCE, timeout=1)
                except TimeoutError:  # nothing came
                    if server.is_closed:
                        raise
                    continue
                await self._take(messages)
        finally:
            with suppress(NatsError, OSError, TimeoutError):
                await asyncio.wait_for(server.close(), 2)

    async def _probe(self, stream: JetStreamContext) -> float:
        """Whether the server still writes: after a full disk it answers, and keeps nothing."""
        await stream.publish(PROBE, b"")
        self.away_since = None
        return time.monotonic()

    async def _make(self, stream: JetStreamContext) -> None:
        wanted = StreamConfig(
            name=STREAM,
            subjects=[ALL_EVENTS],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
            max_bytes=self._most,
            max_msg_size=MOST_BYTES + 1000,
            duplicate_window=COPIES_KNOWN_S,
        )
        try:
            held = (await stream.stream_info(STREAM)).config
        except NotFoundError:
            await stream.add_stream(wanted)
        else:
            # Only if need be: for a moment the server reserves room for both, old and new.
            if (held.max_bytes, held.max_msg_size) != (wanted.max_bytes, wanted.max_msg_size):
                await stream.update_stream(wanted)
        reader = ConsumerConfig(
            durable_name=CONSUMER,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_WAIT_S,
            max_ack_pending=4 * AT_ONCE,
        )
        # Made anew: what an earlier hub was given and did not acknowledge comes at once.
        with suppress(NotFoundError):
            await stream.delete_consumer(STREAM, CONSUMER)
        await stream.add_consumer(STREAM, reader)

    async def _take(self, messages: Sequence[Msg]) -> None:
        good: list[Event] = []
        aside: dict[str, list[Event]] = {}
        kept: list[Msg] = []
        for message in messages:
            if message.subject == PROBE:
                kept.append(message)
                continue
            try:
                events = self._read(message, aside)
            except NewerError as error:
                self.counts["held"] += 1
                log.warning("message_held", shop=shop_of(message.subject), reason=str(error))
                await message.nak(delay=60)
            except RefusedError as error:
                self.counts["refused"] += 1
                log.warning("message_refused", shop=shop_of(message.subject), reason=str(error))
                await message.term()
            else:
                good += events
                kept.append(message)
        try:
            await asyncio.to_thread(self._keep, good, aside)
        except StoreError:
            for message in kept:
                await message.nak()
            raise
        for message in kept:
            await message.ack()
        if self._troubled and kept:
            log.info("hub_stores_again")
            self._troubled = False

    def _read(self, message: Msg, aside: dict[str, list[Event]]) -> list[Event]:
        """The events to be stored; those of a wrong clock are added to ``aside``."""
        shop = shop_of(message.subject)
        events = unpack(message.data, shop)
        headers = message.headers or {}
        with suppress(ValueError):
            self.lost[shop] = int(headers.get(LOST, "0"))
        reached = message.metadata.timestamp
        why = doubts(headers.get(HEADER), reached)
        if why:
            aside.setdefault(why, []).extend(events)
            return []
        good, odd = parted(events, reached)
        if odd:
            aside.setdefault("time cannot be", []).extend(odd)
        return good

    def _keep(self, good: Sequence[Event], aside: dict[str, list[Event]]) -> None:
        if good:
            self._store.append(good)
        for why, events in aside.items():
            self._store.set_aside(events, why)
            self.counts["aside"] += len(events)
        self.counts["stored"] += len(good)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


async def _ignore(_: Exception) -> None:
    """The loop tells of trouble where it meets it."""

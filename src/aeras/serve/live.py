"""Live messages: one subscription to the board, fanned out to every open page."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

import structlog
from pydantic import ValidationError

from aeras.domain.ports import Board, Clock
from aeras.serve.schemas import LiveOut

log = structlog.get_logger(__name__)

POLL_S = 0.5
KEPT = 30
"""Messages a page that opens now gets to see at once."""

NEAR = timedelta(minutes=1)

BACKLOG = 200
"""Messages a slow page may lie behind before its oldest are dropped."""


class Listener:
    """One open page; filled from the hub's thread, read in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[LiveOut] = deque(maxlen=BACKLOG)
        self._ready = asyncio.Event()

    def put(self, message: LiveOut) -> None:
        """Called from the hub's thread."""
        self._waiting.append(message)
        with suppress(RuntimeError):  # the loop closed between two messages: nobody listens
            self._loop.call_soon_threadsafe(self._ready.set)

    async def messages(self) -> AsyncIterator[LiveOut]:
        """Messages as they come, for ever."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            while self._waiting:
                yield self._waiting.popleft()


class Hub:
    """Reads the board's subscription in one thread, however many pages are open.

    Only the fields of `LiveOut` pass: whatever else a message held stays inside.
    """

    def __init__(
        self, board: Board, clock: Clock, on_message: Callable[[], None] = lambda: None
    ) -> None:
        self._board = board
        self._clock = clock
        self._on_message = on_message
        self._names: dict[object, str] = {f.id: f.name for f in board.shop.fixtures}
        self._listeners: set[Listener] = set()
        self._recent: deque[LiveOut] = deque(maxlen=KEPT)
        self._seen_at: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.malformed = 0

    def start(self) -> None:
        """Starts reading."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._read, name="serve-live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops reading and closes the subscription."""
        self._stop.set()
        if self._thread:
            self._thread.join(timeout=5 * POLL_S)
            self._thread = None

    def _read(self) -> None:
        subscription = self._board.subscribe()
        try:
            while not self._stop.is_set():
                raw = subscription.get(POLL_S)
                if raw is not None:
                    self._pass_on(raw)
        finally:
            subscription.close()

    def _pass_on(self, raw: dict[str, object]) -> None:
        try:
            received = self._clock().replace(second=0, microsecond=0)
            named = {
                **raw,
                "received": received,
                "fixture_name": self._names.get(raw.get("fixture")),
            }
            message = LiveOut.model_validate(named)
        except ValidationError as error:
            self.malformed += 1
            log.warning("live message left out", type=raw.get("type"), error=str(error))
            return
        self._on_message()
        if message.type == "event" and message.fixture:
            self._seen_at[message.fixture] = received
        with self._lock:
            if message.type in {"event", "trigger", "answer", "shelf"}:
                self._recent.append(message)
            listeners = list(self._listeners)
        for listener in listeners:
            listener.put(message)

    def recent(self) -> list[LiveOut]:
        """The last messages, newest first."""
        with self._lock:
            return list(reversed(self._recent))

    def someone_at(self, fixture: str) -> bool:
        """Whether anything happened at a fixture within this minute or the last: no finer, so that
        nobody can be followed by asking often.
        """
        seen = self._seen_at.get(fixture)
        now = self._clock().replace(second=0, microsecond=0)
        return seen is not None and now - NEAR <= seen <= now

    @property
    def listening(self) -> int:
        """Number of open pages."""
        return len(self._listeners)

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """A listener for as long as the block runs; call inside the event loop."""
        listener = Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
        try:
            yield listener
        finally:
            with self._lock:
                self._listeners.discard(listener)

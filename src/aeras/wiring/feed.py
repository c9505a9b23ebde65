"""Live messages from the runtime to every open page; a slow page loses old ones, never blocks."""

from __future__ import annotations

import queue
import threading

BACKLOG = 200


class Listener:
    """One page's subscription; see `aeras.domain.ports.Subscription`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._messages: queue.Queue[dict[str, object]] = queue.Queue(BACKLOG)

    def get(self, timeout_s: float) -> dict[str, object] | None:
        """The next message, or None when none came in time."""
        try:
            return self._messages.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def close(self) -> None:
        """Stops listening; safe to call twice."""
        self._feed.drop(self)

    def offer(self, message: dict[str, object]) -> None:
        """Adds a message, pushing out the oldest when the page is too slow."""
        while True:
            try:
                self._messages.put_nowait(message)
            except queue.Full:
                try:
                    self._messages.get_nowait()
                except queue.Empty:
                    continue
            else:
                return


class Feed:
    """Hands each message to all listeners."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._lock = threading.Lock()

    def subscribe(self) -> Listener:
        """A new listener; it sees messages from now on."""
        listener = Listener(self)
        with self._lock:
            self._listeners.add(listener)
        return listener

    def drop(self, listener: Listener) -> None:
        """Forgets a listener."""
        with self._lock:
            self._listeners.discard(listener)

    def publish(self, message: dict[str, object]) -> None:
        """Sends a message to everyone who listens now."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            listener.offer(message)

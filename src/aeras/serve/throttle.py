"""Counts attempts per key in a sliding window: in memory, or stored where guessing must not profit
from a restart.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from aeras.domain.accounts import Accounts
from aeras.domain.ports import Clock


@dataclass(frozen=True, slots=True)
class StoredThrottle:
    """Allows ``limit`` attempts in ``window_s`` seconds for each key, over restarts.

    Attributes:
        purpose: Keeps the keys of two throttles apart.
        limit: Attempts allowed.
        window_s: Length of the window in seconds.
        accounts: Where attempts are counted.
        secret: Keys are stored under an HMAC with it: an address cannot be found by trying all.
        clock: UTC.
    """

    purpose: str
    limit: int
    window_s: float
    accounts: Accounts
    secret: str
    clock: Clock

    def take(self, key: str) -> float:
        """Counts an attempt if there is room; the seconds to wait if there is none."""
        window = timedelta(seconds=self.window_s)
        return self.accounts.take_attempt(self._key(key), self.limit, window, self.clock())

    def clear(self, key: str) -> None:
        """Forgets a key, after a success."""
        self.accounts.clear_attempts(self._key(key))

    def _key(self, key: str) -> str:
        text = f"{self.purpose}:{key}".encode("utf-8", "surrogatepass")
        return hmac.new(self.secret.encode(), text, hashlib.sha256).hexdigest()


class Throttle:
    """Allows ``limit`` attempts in ``window_s`` seconds for each key.

    Args:
        limit: Attempts allowed.
        window_s: Length of the window in seconds.
        clock: Monotonic seconds.
        max_keys: Keys remembered; beyond it those whose window ran out are dropped first.
    """

    def __init__(
        self, limit: int, window_s: float, clock: Callable[[], float], *, max_keys: int = 10_000
    ) -> None:
        self._limit = limit
        self._window_s = window_s
        self._clock = clock
        self._max_keys = max_keys
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def wait_s(self, key: str) -> float:
        """Seconds until the key may try again; 0 if it may now."""
        with self._lock:
            attempts = self._recent(key)
            if len(attempts) < self._limit:
                return 0.0
            return max(0.0, attempts[-self._limit] + self._window_s - self._clock())

    def hit(self, key: str) -> None:
        """Counts one attempt."""
        with self._lock:
            self._recent(key).append(self._clock())
            if len(self._seen) > self._max_keys:
                self._forget()

    def clear(self, key: str) -> None:
        """Forgets a key, after a success."""
        with self._lock:
            self._seen.pop(key, None)

    def take(self, key: str) -> float:
        """Counts an attempt if there is room; the seconds to wait if there is none."""
        wait = self.wait_s(key)
        if wait <= 0:
            self.hit(key)
        return wait

    def _recent(self, key: str) -> deque[float]:
        attempts = self._seen.setdefault(key, deque())
        while attempts and attempts[0] <= self._clock() - self._window_s:
            attempts.popleft()
        return attempts

    def _forget(self) -> None:
        for key in list(self._seen):
            if not self._recent(key):
                del self._seen[key]
        while len(self._seen) > self._max_keys:
            del self._seen[next(iter(self._seen))]

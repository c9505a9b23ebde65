"""Secrets that a page shows once: kept between a form and the page it leads to, then forgotten."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from aeras.domain.ports import Clock

KEPT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Held:
    until: datetime
    facts: Mapping[str, str]


class ShownOnce:
    """In memory only, by visitor and page; a restart or `KEPT` forgets them unshown."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[tuple[str, str], _Held] = {}
        self._lock = threading.Lock()

    def keep(self, nonce: str, page: str, **facts: str) -> None:
        """Keeps what this visitor's next look at the page is to show."""
        now = self._clock()
        with self._lock:
            self._held = {key: held for key, held in self._held.items() if held.until > now}
            self._held[nonce, page] = _Held(now + KEPT, facts)

    def take(self, nonce: str, page: str) -> Mapping[str, str]:
        """What was kept, {} if nothing; the next call finds nothing."""
        with self._lock:
            held = self._held.pop((nonce, page), None)
        return held.facts if held is not None and held.until > self._clock() else {}

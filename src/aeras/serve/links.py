"""One-time links: the first user's set-up and the demo's way in. Printed by the command line."""

from __future__ import annotations

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from aeras.domain.ports import Clock

LIFETIME = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class _Link:
    purpose: str
    user: str
    until: datetime


class OneTimeLinks:
    """Issues unguessable tokens that work once, for a while, in this process only."""

    def __init__(self, clock: Clock, *, lifetime: timedelta = LIFETIME) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._links: dict[str, _Link] = {}
        self._lock = threading.Lock()

    def setup(self) -> str:
        """Path of a link that creates the first user."""
        return f"/setup?token={self._issue('setup', '')}"

    def enter(self, user: str) -> str:
        """Path of a link that signs an existing user in without a password."""
        return f"/enter?token={self._issue('enter', user)}"

    def _issue(self, purpose: str, user: str) -> str:
        token = secrets.token_urlsafe(24)
        with self._lock:
            self._links[_hash(token)] = _Link(purpose, user, self._clock() + self._lifetime)
        return token

    def valid(self, token: str, purpose: str) -> bool:
        """Whether `spend` would accept the token."""
        link = self._links.get(_hash(token))
        return link is not None and link.purpose == purpose and link.until > self._clock()

    def spend(self, token: str, purpose: str) -> str | None:
        """The user the link is for ("" for set-up), or None if it is not valid (any more)."""
        with self._lock:
            if not self.valid(token, purpose):
                return None
            return self._links.pop(_hash(token)).user


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

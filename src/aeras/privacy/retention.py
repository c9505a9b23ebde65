"""When records may be deleted for their age: only by a clock that has proved itself.

A wrong clock (an empty battery, a typing error, a bad time server) that says next year would make
every record look old. Deleting cannot be undone and can wait: a clock that has gone ahead by more
than a day since the last look is believed only after it has run on evenly for an hour.
"""

from __future__ import annotations

from datetime import datetime, timedelta

JUMP = timedelta(days=1)
"""How far a clock may be ahead of what is expected before it has to prove itself."""

PROOF_S = 3600.0
"""How long it has to run evenly then."""

LOOK = timedelta(minutes=2)
"""How far it may be off within that time."""


class ClockGuard:
    """Says whether the clock can be trusted with deleting.

    Args:
        last: The trusted time (UTC) at the last deletion, None if there was none.
    """

    def __init__(self, last: datetime | None) -> None:
        self._last = last
        self._mono: float | None = None
        self._since: tuple[datetime, float] | None = None

    def trusted(self, now: datetime, monotonic: float) -> bool:
        """Takes a look at the clock.

        Args:
            now: What it says, UTC.
            monotonic: Seconds of a clock that nobody can set.
        """
        if self._jumped(now, monotonic) and not self._proved(now, monotonic):
            return False
        self._last, self._mono, self._since = now, monotonic, None
        return True

    def _jumped(self, now: datetime, monotonic: float) -> bool:
        """Ahead of the last trusted look; after a start nobody knows how long the pause was."""
        if self._last is None:
            return True
        passed = timedelta(seconds=monotonic - self._mono) if self._mono is not None else 0 * JUMP
        return now - self._last - passed > JUMP

    def _proved(self, now: datetime, monotonic: float) -> bool:
        """It has run on evenly for long enough; where it has not, the proof begins anew."""
        began, at = self._since or (now, monotonic)
        if abs(now - began - timedelta(seconds=monotonic - at)) > LOOK:
            began, at = now, monotonic
        self._since = began, at
        return monotonic - at >= PROOF_S

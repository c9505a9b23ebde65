"""Deletes what is too old, in a running shop and by command."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from aeras.domain.errors import PrivacyError, StoreError
from aeras.privacy.retention import JUMP, ClockGuard
from aeras.store.control import Control
from aeras.store.events import DuckEvents

log = structlog.get_logger(__name__)

EXPIRED_AT = "expired-at"
COMPACTED_AT = "compacted-at"
COMPACT_EVERY = timedelta(days=1)


class Expiry:
    """What a site forgets.

    Args:
        store: Events.
        control: Triggers, answers and the rest.
        retention: Age at which records go.
    """

    def __init__(self, store: DuckEvents, control: Control, retention: timedelta) -> None:
        self._store = store
        self._control = control
        self._retention = retention
        self._guard = ClockGuard(self.last())

    def last(self) -> datetime | None:
        """When something was last deleted by a trusted clock (UTC)."""
        held = self._control.setting(EXPIRED_AT)
        return datetime.fromisoformat(held) if held else None

    def tick(self, now: datetime, monotonic: float) -> dict[str, int]:
        """Deletes, unless the clock may be wrong; how many of each kind. Raises StoreError."""
        if not self._guard.trusted(now, monotonic):
            log.info("expiry_waits", reason="first the clock has to run evenly for an hour")
            return {}
        gone = self.delete(now)
        if any(gone.values()):
            log.info("records_expired", count=sum(gone.values()))
        self._compact_daily(now)
        return gone

    def by_hand(self, now: datetime, *, trust_clock: bool, dry_run: bool) -> dict[str, int]:
        """As `tick`, for somebody who waits for it: the file is rewritten at once.

        Raises:
            PrivacyError: The clock may be wrong, and nobody said that it is right.
        """
        last = self.last()
        if not (trust_clock or dry_run) and last is not None and now - last > JUMP:
            raise PrivacyError(
                f"the clock says {now:%Y-%m-%d %H:%M} UTC, and records were last deleted on "
                f"{last:%Y-%m-%d %H:%M}: if it is wrong, deleting would wipe the shop",
                todo="Compare it with a watch; if it is right, say --trust-clock",
            )
        gone = self.delete(now, dry_run=dry_run)
        if not dry_run:
            self._compact(now)
        return gone

    def delete(self, now: datetime, *, dry_run: bool = False) -> dict[str, int]:
        """Deletes by the present moment, or counts what it would; how many of each kind."""
        old = now - self._retention
        found = self._store.older(old)
        if not dry_run:
            self._store.delete_before(old)
        found |= self._control.expire(old, now, dry_run=dry_run)
        if not dry_run:
            self._control.set_setting(EXPIRED_AT, now.isoformat())
            self._control.clear_log()
        return found

    def _compact_daily(self, now: datetime) -> None:
        held = self._control.setting(COMPACTED_AT)
        if held is None or abs(now - datetime.fromisoformat(held)) >= COMPACT_EVERY:
            self._compact(now)

    def _compact(self, now: datetime) -> None:
        """A full disk has no room for it: then it is tried again."""
        try:
            done = self._store.compact()
        except StoreError as error:
            log.warning("compacting_waits", reason=str(error))
            return
        if done:
            self._control.set_setting(COMPACTED_AT, now.isoformat())

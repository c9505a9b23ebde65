"""The site's connectors at work: one thread each, so that a slow source holds up nobody."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from aeras.config import Site
from aeras.connect.catalog import merged
from aeras.connect.intake import Place
from aeras.connect.port import Context, FeedError
from aeras.connect.sync import DRY_PAGES, Feed, Stores
from aeras.domain.errors import InputError, StoreError
from aeras.domain.feeds import DryRun, FeedRow, FeedStatus, HeldGroup
from aeras.domain.oversight import Act, AuditLog
from aeras.domain.ports import Clock
from aeras.domain.shop import Shop
from aeras.store.control import Control
from aeras.store.events import DuckEvents

log = structlog.get_logger(__name__)

HOOKS = "/api/public/hooks/"
DISK_PAUSE_S = 30.0
LONGEST_WAIT_S = 3600.0
STOP_S = 5.0


class ConnectRoom:
    """Implements `aeras.domain.feeds.FeedDesk`.

    Args:
        site: The site.
        store: Sales and stock.
        control: Cursors, quarantine, catalogues.
        audit: Where it is written who discarded what.
        clock: UTC.
        changed: Told after something new is stored.

    Raises:
        ConfigError: A secret or package of a connector is not there.
    """

    def __init__(
        self,
        site: Site,
        *,
        store: DuckEvents,
        control: Control,
        audit: AuditLog,
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._control = control
        self._audit = audit
        self._clock = clock
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._kinds = {options.id: options.kind for options in site.file.connectors}
        shop = site.shop
        context = Context(site.path.parent, clock, shop.timezone, shop.currency)
        place = Place(shop.id, shop.currency, site.privacy.time_grain)
        self._feeds = {
            options.id: Feed(
                options,
                options.build(context),
                stores=Stores(control, store),
                shop=shop,
                place=place,
                clock=clock,
                rng=random.Random(),  # noqa: S311 - spreads pauses
                changed=lambda _items: changed(),
            )
            for options in site.file.connectors
        }
        self._wakes = {source: threading.Event() for source in self._feeds}

    # --- at work -----------------------------------------------------------------------------

    def start(self) -> None:
        """Starts the threads; returns at once."""
        for source, feed in self._feeds.items():
            thread = threading.Thread(
                target=self._tend, args=(feed, self._wakes[source]), name=source, daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ends the threads after the page at hand, and gives up connections."""
        self._stop.set()
        for wake in self._wakes.values():
            wake.set()
        for thread in self._threads:
            thread.join(timeout=STOP_S)
        for feed in self._feeds.values():
            feed.close()

    def take(self, shop: Shop) -> None:
        """Goes on with the items of a changed site file."""
        for feed in self._feeds.values():
            feed.take(shop)

    def shown(self, shop: Shop) -> Shop:
        """The shop with what the sources tell of its items."""
        if not self._feeds:
            return shop
        feeds = list(self._feeds.values())
        adding = frozenset(feed.source for feed in feeds if feed.options.add_items)
        return merged(shop, [p for feed in feeds for p in feed.products()], add=adding)

    def _tend(self, feed: Feed, wake: threading.Event) -> None:
        """Runs a connector when it is due or called for. The first run comes at the start: a
        refused key may have been renewed meanwhile.
        """
        first = True
        while not self._stop.is_set():
            try:
                if first:
                    feed.release_known()
                    first = False
                wait_s = self._seconds_to(feed.run(self._stop.is_set).due_at)
            except StoreError as error:  # a full disk must not end it; it is tried again
                log.warning("connector_cannot_store", source=feed.source, reason=str(error))
                wait_s = DISK_PAUSE_S
            wake.wait(wait_s)
            wake.clear()

    def _seconds_to(self, due: datetime | None) -> float | None:
        if due is None:
            return None
        return max(0.0, min(LONGEST_WAIT_S, (due - self._clock()).total_seconds()))

    # --- what pages and commands ask for -----------------------------------------------------

    def feeds(self) -> list[FeedRow]:
        """All connectors of the site."""
        held, now = self._control.held_counts(), self._clock()
        rows = []
        for source, feed in self._feeds.items():
            state, card = feed.state(), feed.options.manifest
            rows.append(
                FeedRow(
                    id=source,
                    kind=self._kinds[source],
                    title=card.title,
                    maturity=card.maturity.value,
                    needs=card.needs,
                    state=state,
                    running=feed.running,
                    held=held.get(source, 0),
                    simulated=feed.options.simulated,
                    hook=f"{HOOKS}{source}" if feed.listens else None,
                    lag_s=(now - state.fine_at).total_seconds() if state.fine_at else None,
                )
            )
        return rows

    def has(self, source: str) -> bool:
        """Whether the site has a connector of that id."""
        return source in self._feeds

    def quarantine(self) -> list[HeldGroup]:
        """What could not be used, of the connectors that the site has."""
        return [group for group in self._control.held_groups() if group.source in self._feeds]

    def run_now(self, source: str) -> None:
        """Has a connector run at once; without threads, in this one."""
        feed = self._feed(source)
        if self._threads:
            self._wakes[source].set()
        else:
            feed.run(self._stop.is_set)

    def dry_run(self, source: str, pages: int | None = None) -> DryRun:
        """What a run would change; a source that cannot be read is told as InputError."""
        try:
            return self._feed(source).dry_run(pages or DRY_PAGES)
        except FeedError as error:
            raise InputError(error.what, where=error.where or source, todo=error.todo) from None

    def retry(self, group: str) -> int:
        """Tries the records of a group again; how many could be used."""
        found = self._group(group)
        return self._feed(found.source).retry(found)

    def discard(self, group: str, who: str) -> int:
        """Deletes the records of a group for good; the log is written first."""
        found = self._group(group)
        self._audit.add(
            Act.RECORDS_DISCARDED,
            who,
            source=found.source,
            reason=found.reason.value,
            sku=found.sku,
            count=str(found.count),
        )
        gone = 0
        while rows := self._control.held_of(found):
            gone += self._control.release(row.id for row in rows)
        return gone

    def push(self, source: str, headers: Mapping[str, str], body: bytes, url: str) -> None:
        """Takes a webhook; InputError for one that is forged or cannot be read."""
        try:
            more = self._feed(source).push(headers, body, url)
        except FeedError as error:
            raise InputError(error.what, where=source, todo=error.todo) from None
        if more:
            self._wakes[source].set()

    def _feed(self, source: str) -> Feed:
        feed = self._feeds.get(source)
        if feed is None:
            known = ", ".join(self._feeds) or "none"
            raise InputError(f"there is no connector {source!r}", todo=f"The site has: {known}")
        return feed

    def _group(self, key: str) -> HeldGroup:
        found = next((group for group in self.quarantine() if group.key == key), None)
        if found is None:
            raise InputError("these records are not in quarantine any more")
        return found


def status_line(row: FeedRow) -> str:
    """How a connector is doing, for a terminal."""
    state = row.state
    if state.status is FeedStatus.FINE:
        return f"fine, last run {row.lag_s or 0:.0f} s ago"
    return f"{state.status.value}{': ' + state.trouble if state.trouble else ''}"

"""A site's records without a running shop: for reports by command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aeras.config import Site
from aeras.domain.oversight import AuditLog
from aeras.domain.ports import utc_now
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.store.quick import QuickEvents
from aeras.wiring.board import ShopBoard
from aeras.wiring.feed import Feed
from aeras.wiring.noisy import NoisyTables
from aeras.wiring.reports import Reports
from aeras.wiring.shelves import ShopShelves


@dataclass(frozen=True, slots=True)
class Records:
    """What may be shown of a site."""

    board: ShopBoard
    reports: Reports
    noisy: NoisyTables
    audit: AuditLog


@contextmanager
def open_records(site: Site, control: Control, audit: AuditLog) -> Iterator[Records]:
    """Opens the events and counts what has closed since the shop last ran.

    Raises:
        StoreError: The shop is running and holds them.
    """
    store = QuickEvents(site.data / "events.duckdb", site.shop.timezone)
    try:
        publisher = Publisher(site.privacy.k, share=rates.share, mean=rates.mean)
        store.roll(utc_now() - site.privacy.time_grain, publisher.fold)
        feed = Feed()
        board = ShopBoard(
            site.shop,
            store=store,
            book=control,
            answers=control,
            publisher=publisher,
            feed=feed,
        )
        shelves = ShopShelves(
            lambda: site, store=store, publisher=publisher, feed=feed, clock=utc_now
        )
        reports = Reports(board, shelves, utc_now)
        yield Records(board, reports, noisy_tables(site, store, control, audit), audit)
    finally:
        store.close()


def noisy_tables(site: Site, store: DuckEvents, control: Control, audit: AuditLog) -> NoisyTables:
    """The site's tables with noise."""
    return NoisyTables(
        shop=site.shop,
        store=store,
        ledger=control,
        settings=site.privacy.differential_privacy,
        retention=site.privacy.retention,
        grain=site.privacy.time_grain,
        audit=audit,
        clock=utc_now,
    )

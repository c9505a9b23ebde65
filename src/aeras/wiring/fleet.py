"""``aeras hub``: takes the events of a chain's shops and stores them."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import structlog

from aeras.config import Site, load_site
from aeras.domain.errors import ServeError, StoreError
from aeras.domain.ports import utc_now
from aeras.fleet.broker import Broker, BrokerOptions
from aeras.fleet.credentials import context
from aeras.fleet.ingest import Ingest
from aeras.fleet.passes import Passes
from aeras.store.folder import make_folder
from aeras.store.opening import open_events
from aeras.wiring.hardening import no_core_dumps

log = structlog.get_logger(__name__)

TEND_EVERY_S = 1.0
AWAY_S = 10.0
"""For so long the NATS server may be unusable before it is started again."""
FORGET_EVERY_S = 3600.0


class Hub:
    """A hub from `run` until it is told to stop.

    Args:
        site: Its site file's; ``hub`` and ``privacy: retention`` count.
        store: URL of the event store; by default that of the file, else a DuckDB file.
    """

    def __init__(self, site: Site, *, store: str | None) -> None:
        self._site = site
        section = site.file.hub
        make_folder(site.data)
        folder = site.data / "hub"
        self._passes = Passes(folder)
        self.store = open_events(store or section.store or str(site.data / "hub.duckdb"))
        most = int(section.waiting_gb * 1e9)
        certificate = self._passes.of_hub(section.names)
        self._broker = Broker(
            BrokerOptions(
                host=section.host,
                port=section.port,
                folder=folder,
                certificate=certificate,
                authority=self._passes.authority,
                most_bytes=most,
            )
        )
        self.ingest = Ingest(
            f"tls://localhost:{section.port}",
            self.store,
            tls=context(certificate, self._passes.authority),
            most_bytes=int(most * 0.9),
        )

    def run(self, say: Callable[..., None]) -> dict[str, object]:
        """Works until SIGINT or SIGTERM; what it did.

        Raises:
            AerasError: The server cannot start.
        """
        try:
            self._broker.start(self._passes.names())
            told = f"{self._site.shop.name}: shops may send to port {self._site.file.hub.port}"
            asyncio.run(self._work(lambda: say(told)))
        finally:
            self._broker.stop()
            self.store.close()
        return {**self.ingest.counts, "lost_in_shops": sum(self.ingest.lost.values())}

    async def _work(self, on_ready: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ingest.stop)
        tending = asyncio.create_task(self._tend())
        try:
            await self.ingest.run(on_ready)
        finally:
            tending.cancel()
            with suppress(asyncio.CancelledError):
                await tending

    async def _tend(self) -> None:
        known, forget_in_s = self._passes.names(), 0.0
        while True:
            since = self.ingest.away_since
            away = since is not None and time.monotonic() - since > AWAY_S
            if away:
                self.ingest.away_since = None
            try:
                self._broker.tend(known, away=away)
            except ServeError as error:  # the disk may still be full
                log.warning("nats_waits", reason=str(error))
            names = self._passes.names()
            if names != known:
                known = names
                self._broker.take(known)
                log.info("shops_changed", shops=len(known))
            if forget_in_s <= 0:
                forget_in_s = FORGET_EVERY_S
                await asyncio.to_thread(self._forget, self._site.privacy.retention)
            await asyncio.sleep(TEND_EVERY_S)
            forget_in_s -= TEND_EVERY_S

    def _forget(self, retention: timedelta) -> None:
        try:
            gone = self.store.forget_before(utc_now() - retention)
        except StoreError as error:  # tried again in an hour
            log.warning("expiry_waits", reason=str(error))
            return
        if gone:
            log.info("records_expired", count=gone)


def run_hub(path: Path, *, store: str | None, say: Callable[..., None]) -> dict[str, object]:
    """Runs a hub until interrupted; what it did.

    Raises:
        AerasError: The site file is wrong, the database is away, the port is in use.
    """
    no_core_dumps()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how nats-py ends TLS
    return Hub(load_site(path), store=store).run(say)


def passes_of(path: Path) -> Passes:
    """The passes of the hub of a site file. Raises ConfigError, StoreError."""
    site = load_site(path)
    make_folder(site.data)
    return Passes(site.data / "hub")

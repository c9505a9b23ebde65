"""``aeras edge``: a shop that sends its events to a hub."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aeras.config import load_site
from aeras.domain.errors import InputError
from aeras.domain.kept import Event
from aeras.fleet.credentials import context
from aeras.fleet.sender import Sender
from aeras.fleet.spool import DEFAULT_BYTES, Spool
from aeras.store.folder import make_folder
from aeras.wiring.hardening import no_core_dumps
from aeras.wiring.keeper import Keeper, Takes
from aeras.wiring.runtime import Runtime
from aeras.wiring.serve import run_runtime
from aeras.wiring.web import bind


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """How a shop reaches its hub.

    Attributes:
        hub: ``tls://host:port``.
        pass_file: Made by ``aeras shops add``.
        spool_bytes: Room for events that wait.
    """

    hub: str
    pass_file: Path
    spool_bytes: int = DEFAULT_BYTES


class Both:
    """First the spool, then the shop's own store: an event that is in the store is never missing at
    the hub.
    """

    def __init__(self, spool: Spool, store: Takes[Event]) -> None:
        self._spool = spool
        self._store = store

    def append(self, events: Sequence[Event]) -> None:
        """Keeps events in both; if the store fails, the repeat is a copy that the hub ignores."""
        self._spool.put(events)
        self._store.append(events)


def run_edge(
    path: Path,
    options: EdgeOptions,
    *,
    host: str | None,
    port: int | None,
    say: Callable[..., None],
) -> None:
    """Runs a shop as ``aeras run`` does, and sends its events to the hub; until interrupted.

    Raises:
        AerasError: As ``aeras run``; or the pass or the hub's address cannot be used.
    """
    no_core_dumps()
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of how nats-py ends TLS
    site = load_site(path)
    if not options.hub.startswith("tls://"):
        raise InputError(
            "is no address of a hub", where=options.hub, todo="Write tls://hub.example.com:4222"
        )
    tls = context(options.pass_file)
    sock = bind(
        host if host is not None else site.server.host,
        port if port is not None else site.server.port,
    )
    make_folder(site.data)
    spool = Spool(site.data / "spool.sqlite", site.shop.id, most_bytes=options.spool_bytes)
    runtime = Runtime(site)
    runtime.keeper = Keeper(Both(spool, runtime.store))
    runtime.spool = spool
    sender = Sender(options.hub, site.shop.id, spool, tls=tls)
    sender.start()
    try:
        say(f"{spool.waiting} events wait for {options.hub}")
        run_runtime(runtime, sock, say=say)
    finally:
        sender.stop()
        spool.close()

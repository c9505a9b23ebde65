"""The web server over a running shop."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from aeras.config import ServerSection, TlsSection
from aeras.domain.errors import ServeError
from aeras.domain.oversight import Act
from aeras.domain.ports import utc_now
from aeras.serve.app import create_app
from aeras.serve.links import OneTimeLinks
from aeras.wiring.patience import PatientProtocol
from aeras.wiring.records import noisy_tables
from aeras.wiring.ruledesk import SiteRules
from aeras.wiring.runtime import Runtime
from aeras.wiring.sitedesk import SiteFileDesk
from aeras.wiring.storemap import StoreMaps
from aeras.wiring.vitals import vitals_of

START_S = 15.0
METRICS_TOKEN = "AERAS_METRICS_TOKEN"  # noqa: S105 - the name of a variable
"""With it another machine may read /metrics, sent as a bearer token."""
MOST_CONNECTIONS = 400
"""More are told to come back later, so that pages never take the files that events need."""


@dataclass(frozen=True, slots=True)
class Web:
    """A server that is about to run.

    Attributes:
        url: Where it is reached from this machine, without a slash at the end.
        links: Issues the one-time links that the command line prints.
        server: uvicorn's server.
        sock: The bound socket.
    """

    url: str
    links: OneTimeLinks
    server: uvicorn.Server
    sock: socket.socket

    def run(self) -> None:
        """Serves until interrupted or told to end; returns then, so that the caller can tidy up."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):
            self.server.run(sockets=[self.sock])

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serves from a thread while the block runs."""
        thread = threading.Thread(target=self.run, name="web", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.server.should_exit = True
            thread.join(timeout=START_S)


def make_web(runtime: Runtime, sock: socket.socket) -> Web:
    """Builds the server on a socket of `bind`.

    Raises:
        ServeError: The web assets are missing.
    """
    host, port = sock.getsockname()[:2]
    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host  # noqa: S104
    server = runtime.site.server
    secure = server.tls is not None
    url = f"{'https' if secure else 'http'}://{shown}:{port}"
    links = OneTimeLinks(utc_now)
    app = create_app(
        runtime.board,
        runtime.control,
        runtime.desk,
        shelves=runtime.shelves,
        maps=_maps(runtime),
        statistics=runtime.statistics,
        asking=runtime.asking,
        oversight=runtime.oversight,
        site_desk=_site_desk(runtime),
        noisy=noisy_tables(runtime.site, runtime.store, runtime.control, runtime.oversight.audit),
        form_desk=runtime.forms,
        trigger_desk=runtime.triggers.lives,
        rule_desk=_rule_desk(runtime),
        report_desk=runtime.reports,
        feed_desk=runtime.connect,
        topic_desk=runtime.topics,
        advice_desk=runtime.advice if runtime.site.file.advice else None,
        secret=runtime.control.secret("session"),
        links=links,
        public_url=server.public_url or url,
        hosts=_hosts(server),
        https=secure or bool(server.proxy),
        second_factor=server.second_factor,
        metrics_token=os.environ.get(METRICS_TOKEN) or None,
        alive=lambda: runtime.alive,
        vitals=lambda: vitals_of(runtime),
    )
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        http=PatientProtocol,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=2,
        lifespan="on",
        # Whose word on the asking address counts: nobody's but the proxy's.
        proxy_headers=bool(server.proxy),
        forwarded_allow_ips=list(server.proxy),
        **_tls(server.tls, runtime.site.path.parent),
    )
    return Web(url, links, uvicorn.Server(config), sock)


def _hosts(server: ServerSection) -> list[str]:
    """Names under which the pages may be asked for."""
    public = urlsplit(server.public_url or "").hostname
    return [name for name in (public, socket.gethostname(), server.host, *server.hosts) if name]


def _tls(tls: TlsSection | None, folder: Path) -> dict[str, Any]:
    """Uvicorn's options; ServeError if the files are no certificate and its key."""
    if tls is None:
        return {}
    cert, key = tls_files(tls, folder)
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except OSError as error:
        raise ServeError(
            f"the certificate or its key cannot be used: {error.strerror or error}",
            where=f"{cert}, {key}",
            todo="Set server.tls.cert and key to matching PEM files that AERAS may read",
        ) from None
    return {"ssl_certfile": str(cert), "ssl_keyfile": str(key)}


def tls_files(tls: TlsSection, folder: Path) -> tuple[Path, Path]:
    """Certificate and key of a site file in that folder."""
    return folder / tls.cert, folder / tls.key


def _changed(runtime: Runtime) -> Callable[[str, str], None]:
    """Records who changed what in the site file."""

    def changed(who: str, what: str) -> None:
        runtime.oversight.audit.add(Act.SITE_CHANGED, who, what=what)

    return changed


def _rule_desk(runtime: Runtime) -> SiteRules:
    return SiteRules(
        runtime.site.path,
        room=runtime.triggers,
        k=runtime.publisher.k,
        clock=runtime.clock,
        reload=runtime.reload,
        changed=_changed(runtime),
        forms=lambda: [row.id for row in runtime.forms.forms()],
    )


def _maps(runtime: Runtime) -> StoreMaps:
    return StoreMaps(
        lambda: runtime.site.shop,
        store=runtime.store,
        publisher=runtime.publisher,
        shelves=runtime.shelves,
        clock=runtime.clock,
    )


def _site_desk(runtime: Runtime) -> SiteFileDesk:
    return SiteFileDesk(
        runtime.site.path,
        clock=utc_now,
        reload=runtime.reload,
        stream=runtime.sent_size,
        changed=_changed(runtime),
    )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; ServeError says what is in the way."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (no Nagle delay of 40 ms).
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        raise ServeError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            todo="Stop the program that uses the port, or choose another with --port",
        ) from None
    return sock

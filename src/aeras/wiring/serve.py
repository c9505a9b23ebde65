"""``aeras run``: a shop from its site file until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from socket import socket

from aeras.config import load_site
from aeras.wiring.hardening import no_core_dumps
from aeras.wiring.runtime import Runtime
from aeras.wiring.vitals import told
from aeras.wiring.web import bind, make_web


def run_site(path: Path, *, host: str | None, port: int | None, say: Callable[..., None]) -> None:
    """Runs until interrupted.

    Raises:
        AerasError: The site file is wrong, a database or the port is in use.
    """
    no_core_dumps()
    site = load_site(path)
    sock = bind(
        host if host is not None else site.server.host,
        port if port is not None else site.server.port,
    )
    run_runtime(Runtime(site), sock, say=say)


def run_runtime(runtime: Runtime, sock: socket, *, say: Callable[..., None]) -> None:
    """Serves a shop's pages and runs its cameras until interrupted; then closes it."""
    try:
        web = make_web(runtime, sock)
        runtime.start()
        say(f"{runtime.site.shop.name}: {web.url}")
        if not runtime.control.has_users():
            say(f"Create the first user: {web.url}{web.links.setup()}")
        with told(lambda: runtime.alive):
            web.run()
    finally:
        runtime.stop()

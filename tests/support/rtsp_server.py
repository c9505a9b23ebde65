"""A real RTSP server, started and stopped by the test."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RtspServer:
    """Serves a folder of clips in a loop."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = Path(sys.executable).with_name("rtsp-server")
        command = str(program) if program.exists() else shutil.which("rtsp-server")
        assert command, "aio-rtsp-toolkit is a development dependency"
        arguments = ["-d", str(self._folder), "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            [command, *arguments, "-cp", str(free_port())],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def url(self, name: str, *, login: str = "") -> str:
        return f"rtsp://{login}127.0.0.1:{self.port}/{name}?play_count=0"

    def _wait(self) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the RTSP server did not start")

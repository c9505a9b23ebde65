"""Sends survey answers to a real server at a fixed rate, kills it half-way, and counts what is
stored: an answer that was acknowledged must be there, and none twice.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from aeras.config import Site, load_site
from aeras.domain.errors import ServeError
from aeras.domain.ports import utc_now
from aeras.respond.desk import Desk
from aeras.respond.surveys import built_in_forms
from aeras.store.control import Control, receipt_hash
from aeras.store.folder import make_folder
from aeras.wiring.triggers import rules_of

CLIENTS = 16
START_S = 90.0
OK = 200
SITE = """\
site: {name: Load test, timezone: UTC}
items:
  - {id: oat-milk, name: Oat milk 1 l, category: drinks}
triggers:
  - {id: often-rejected, item: oat-milk, survey: put-back}
server: {host: 127.0.0.1}
data: data
"""


@dataclass(slots=True)
class Tally:
    """What the clients saw; times in monotonic seconds."""

    receipts: dict[int, str] = field(default_factory=dict)
    done_at: list[float] = field(default_factory=list)
    took_s: list[float] = field(default_factory=list)
    retries: int = 0
    refused: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def load_answers(
    folder: Path, answers: int, *, per_s: float = 200.0, kill: bool = True
) -> dict[str, object]:
    """Sends so many answers, each with its own link and idempotency key.

    Args:
        folder: Empty; the site and its databases are made there.
        answers: How many.
        per_s: At which rate they come, whether or not the server keeps up.
        kill: Kill the server (-9) when half have been sent, and start it again.

    Returns:
        answers, acknowledged, stored, lost (acknowledged and not stored), twice, refused, retries,
        offered_per_s, down_s (longest time without an answer, that of the restart),
        sustained_per_s (acknowledged, over the time without that), p50_ms, p95_ms (of tries that
        were answered), seconds, server_cpu_ms (a server's processor time for an answer).

    Raises:
        ServeError: The server does not start.
    """
    (folder / "site.yaml").write_text(SITE, encoding="utf-8")
    site = load_site(folder / "site.yaml")
    make_folder(site.data)
    control = Control(site.data / "control.sqlite")
    try:
        tokens = _invite(site, control, answers)
    finally:
        control.close()
    port = _free_port()
    server = _start(folder, port)
    tally, spent_s = Tally(), 0.0
    began = time.monotonic() + 0.2
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            numbers = iter(range(answers))
            lock = threading.Lock()
            work = [
                pool.submit(_client, port, tokens, _Pace(numbers, lock, began, per_s), tally)
                for _ in range(CLIENTS)
            ]
            if kill:
                _wait_until(began + answers / per_s / 2)
                _end(server)
                server = _start(folder, port)
            done, spent_s = len(tally.done_at), _cpu_s(server)
            for one in work:
                one.result()
            spent_s = _cpu_s(server) - spent_s
    finally:
        _end(server)
    return {
        "answers": answers,
        "offered_per_s": per_s,
        **_figures(site.data / "control.sqlite", tally, began),
        "server_cpu_ms": round(spent_s / max(1, len(tally.done_at) - done) * 1e3, 1),
    }


def _invite(site: Site, control: Control, count: int) -> list[str]:
    desk = Desk(
        site.shop,
        forms=built_in_forms(),
        rules=rules_of(site),
        triggers=control,
        answers=control,
        secret=control.secret("desk"),
        clock=utc_now,
    )
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(lambda _: desk.invite("oat-milk", "link"), range(count)))


@dataclass(frozen=True, slots=True)
class _Pace:
    """Gives out numbers at a fixed rate."""

    numbers: Iterator[int]
    lock: threading.Lock
    began: float
    per_s: float

    def take(self) -> int | None:
        with self.lock:
            number = next(self.numbers, None)
        if number is not None:
            _wait_until(self.began + number / self.per_s)
        return number


def _client(port: int, tokens: list[str], pace: _Pace, tally: Tally) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    while (number := pace.take()) is not None:
        body = json.dumps(
            {
                "token": tokens[number],
                "client_id": secrets.token_hex(16),
                "answers": {"consent": True, "rating": 1 + number % 5, "text": f"answer {number}"},
            }
        )
        give_up = time.monotonic() + START_S
        while time.monotonic() < give_up:
            started = time.monotonic()
            try:
                connection.request(
                    "POST", "/api/public/answers", body, {"content-type": "application/json"}
                )
                answer = connection.getresponse()
                told = answer.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with tally.lock:
                    tally.retries += 1
                time.sleep(0.1)
                continue
            _note(tally, number, answer.status, told, started)
            break
    connection.close()


def _note(tally: Tally, number: int, status: int, told: bytes, started: float) -> None:
    now = time.monotonic()
    with tally.lock:
        if status == OK:
            tally.receipts[number] = str(json.loads(told)["receipt"])
            tally.done_at.append(now)
            tally.took_s.append(now - started)
        else:
            tally.refused.append(f"{status} {told[:200].decode(errors='replace')}")


def _figures(database: Path, tally: Tally, began: float) -> dict[str, object]:
    with closing(sqlite3.connect(database)) as opened:
        stored = [row[0] for row in opened.execute("SELECT receipt_hash FROM answers")]
        texts = [row[0] for row in opened.execute("SELECT text FROM answers")]
    known = {receipt_hash(code) for code in tally.receipts.values()}
    moments = [began, *sorted(tally.done_at)]
    seconds = moments[-1] - began
    down_s = max((b - a for a, b in pairwise(moments)), default=0.0)
    times = sorted(tally.took_s)
    return {
        "acknowledged": len(tally.receipts),
        "stored": len(stored),
        "lost": len(known - set(stored)),
        "twice": len(texts) - len(set(texts)),
        "refused": len(tally.refused),
        "retries": tally.retries,
        "down_s": round(down_s, 1),
        "sustained_per_s": round(len(tally.done_at) / (seconds - down_s), 1),
        "p50_ms": round(statistics.median(times) * 1e3, 1),
        "p95_ms": round(times[int(len(times) * 0.95)] * 1e3, 1),
        "seconds": round(seconds, 1),
    }


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", "from aeras.cli import main; main()", "run"]
    server = subprocess.Popen(  # noqa: S603 - our own program
        [*command, str(folder / "site.yaml"), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    end = time.monotonic() + START_S
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > end:
            _end(server)
            raise ServeError("the server under test did not start", where=str(folder))
        time.sleep(0.1)
    return server


def _cpu_s(server: subprocess.Popen[bytes]) -> float:
    """Processor time of the server so far."""
    fields = Path(f"/proc/{server.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(server: subprocess.Popen[bytes]) -> None:
    """Kills it with all its workers, as a power cut would."""
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))

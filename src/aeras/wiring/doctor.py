"""``aeras doctor``: looks over a site and its machine before trouble comes; changes nothing."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from pathlib import Path

from aeras.config import Site, load_site
from aeras.domain.errors import AerasError, ServeError
from aeras.domain.ports import utc_now
from aeras.perceive.registry import verify_models
from aeras.wiring.camera_check import Cost, Look, examine
from aeras.wiring.oversight import check_start, stop_file
from aeras.wiring.rig import groups
from aeras.wiring.web import bind, tls_files

GIGABYTE = 1e9
DISK_FAULT, DISK_ADVICE = 1 * GIGABYTE, 5 * GIGABYTE
BASE_MEMORY, WORKER_MEMORY = 0.5 * GIGABYTE, 0.5 * GIGABYTE
"""What the program itself and each worker need; see the memory figures in benchmarks/."""
CERTIFICATE_ADVICE_DAYS = 30
FULL = 0.7
"""Share of the cores that cameras may take; the rest is for busy hours and pages."""
AHEAD_S = 120.0
_TIME_ERROR = 5


class State(StrEnum):
    """How bad it is."""

    FINE = "fine"
    ADVICE = "advice"
    FAULT = "fault"
    UNKNOWN = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        about: What was looked at.
        state: How it is.
        what: In words, with figures.
        todo: What to do about it; "" if nothing.
    """

    about: str
    state: State
    what: str
    todo: str = ""


def doctor(path: Path, *, seconds: float = 5.0, cameras: bool = True) -> Iterator[Finding]:
    """Looks at law, models, disk, memory, clock, certificate, port, each camera, and the load.

    Args:
        path: Site file.
        seconds: How long each camera is watched; nothing that is seen is kept.
        cameras: Whether cameras are watched at all.

    Raises:
        ConfigError: The site file has mistakes.
    """
    site = load_site(path)
    running = is_running(site)
    yield _law(site)
    yield from _models()
    yield from _disk(site.data)
    yield _memory(len(groups(site.shop)))
    yield from _swap()
    yield from _clock(site.data)
    if site.server.tls is not None:
        yield _certificate(*tls_files(site.server.tls, site.path.parent))
    yield _port(site, running=running)
    yield from _cameras(site, seconds, asked=cameras, running=running)


def is_running(site: Site) -> bool:
    """Whether a process holds the site's events."""
    try:
        with (site.data / "events.duckdb").open("rb+") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in {errno.EACCES, errno.EAGAIN}
    return False


def _law(site: Site) -> Finding:
    try:
        check_start(site)
    except AerasError as error:
        return Finding("law profile", State.FAULT, error.what, error.todo)
    return Finding("law profile", State.FINE, f"{site.privacy.profile}: the shop may start")


def _models() -> Iterator[Finding]:
    checks = verify_models()
    bad = [check.problem for check in checks if check.problem]
    for problem in bad:
        yield Finding("models", State.FAULT, problem, "Install AERAS again")
    if not bad:
        yield Finding("models", State.FINE, f"{len(checks)} files are as recorded")


# --- the machine ---------------------------------------------------------------------------------


def _disk(folder: Path) -> Iterator[Finding]:
    there = folder if folder.exists() else _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"x")
    except OSError as error:
        yield Finding(
            "data folder",
            State.FAULT,
            f"{folder} cannot be written: {error.strerror}",
            "Set `data:` in the site file to a folder that this user may write",
        )
        return
    free = shutil.disk_usage(there).free
    state = State.FAULT if free < DISK_FAULT else State.ADVICE if free < DISK_ADVICE else State.FINE
    yield Finding(
        "disk",
        state,
        f"{free / GIGABYTE:.1f} GB free at {folder}",
        "" if state is State.FINE else "Make room: when it is full, events wait in memory",
    )
    if folder.exists() and folder.stat().st_mode & 0o077:
        yield Finding(
            "data folder",
            State.ADVICE,
            f"other users of this machine may open {folder}",
            f"chmod 700 {folder}",
        )


def _nearest(folder: Path) -> Path:
    return next((parent for parent in folder.parents if parent.exists()), Path("/"))


def _memory(workers: int) -> Finding:
    need = BASE_MEMORY + workers * WORKER_MEMORY
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free = next(int(line.split()[1]) for line in text.splitlines() if "MemAvailable" in line)
    except (OSError, StopIteration):
        return Finding("memory", State.UNKNOWN, "this system does not tell what is free")
    told = f"{free * 1024 / GIGABYTE:.1f} GB free, about {need / GIGABYTE:.1f} GB needed"
    if free * 1024 < need:
        return Finding("memory", State.ADVICE, told, "Close other programs or add memory")
    return Finding("memory", State.FINE, told)


def _swap() -> Iterator[Finding]:
    try:
        spaces = Path("/proc/swaps").read_text(encoding="utf-8").splitlines()[1:]
    except OSError:
        return
    if spaces:
        yield Finding(
            "swap",
            State.ADVICE,
            "memory, and with it what cameras show, may be written to a swap disk",
            "Run AERAS as the shipped service, which forbids that, or turn swap off or encrypt it",
        )


def _clock(folder: Path) -> Iterator[Finding]:
    set_by_network = _synchronised()
    if set_by_network is None:
        yield Finding("clock", State.UNKNOWN, "this system does not tell whether its clock is set")
    elif set_by_network:
        yield Finding("clock", State.FINE, "set by the network")
    else:
        yield Finding(
            "clock",
            State.ADVICE,
            "nothing sets this machine's clock",
            "Turn on network time (timedatectl set-ntp true): sales and events are joined by time",
        )
    newest = max((file.stat().st_mtime for file in folder.glob("*")), default=0.0)
    if newest - time.time() > AHEAD_S:
        minutes = (newest - time.time()) / 60
        yield Finding(
            "clock",
            State.FAULT,
            f"files in {folder} are {minutes:.0f} minutes newer than now: the clock went back",
            "Set the clock right before starting",
        )


def _synchronised() -> bool | None:
    """Whether the kernel holds its clock for set right; None where it cannot be asked."""
    try:
        ask = ctypes.CDLL(None, use_errno=True).adjtimex
    except (OSError, AttributeError):
        return None
    told = int(ask(ctypes.create_string_buffer(512)))  # modes 0: only asks
    return None if told < 0 else told != _TIME_ERROR


# --- the server ----------------------------------------------------------------------------------


def _certificate(cert: Path, key: Path) -> Finding:
    try:
        until = _valid_until(cert, key)
    except ssl.SSLCertVerificationError as error:
        return Finding("certificate", State.FAULT, error.verify_message, f"Renew {cert}")
    except OSError as error:
        return Finding(
            "certificate",
            State.FAULT,
            f"{cert} and {key} cannot be used: {error.strerror or error}",
            "Set server.tls.cert and key to matching PEM files that AERAS may read",
        )
    days = (until - utc_now()).days
    told = f"valid until {until:%Y-%m-%d}, {days} days"
    if days < CERTIFICATE_ADVICE_DAYS:
        return Finding("certificate", State.ADVICE, told, f"Renew {cert}, then restart AERAS")
    return Finding("certificate", State.FINE, told)


def _valid_until(cert: Path, key: Path) -> datetime:
    """End of a certificate's time; it is asked as a client would, without a connection.

    Raises:
        ssl.SSLCertVerificationError: It is expired or not valid yet.
        OSError: The files are no certificate with its key.
    """
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert))
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = server.wrap_bio(there, back, server_side=True)
    for side in (asking, answering, asking):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    found = asking.getpeercert() or {}
    return parsedate_to_datetime(_as_mail_date(str(found["notAfter"])))


def _as_mail_date(text: str) -> str:
    """``Jan  5 09:34:43 2030 GMT`` in the order of e-mail dates."""
    month, day, clock, year, zone = text.split()
    return f"{day} {month} {year} {clock} {zone}"


def _port(site: Site, *, running: bool) -> Finding:
    host, port = site.server.host, site.server.port
    if running:
        return Finding("port", State.FINE, f"the shop is running on {host}:{port}")
    try:
        bind(host, port).close()
    except ServeError as error:
        return Finding("port", State.FAULT, error.what, error.todo)
    return Finding("port", State.FINE, f"{host}:{port} is free")


# --- the cameras ---------------------------------------------------------------------------------


def _cameras(site: Site, seconds: float, *, asked: bool, running: bool) -> Iterator[Finding]:
    why = (
        "not asked for"
        if not asked
        else "the shop is running; see its cameras page"
        if running
        else "reading is stopped; see aeras resume"
        if stop_file(site).exists()
        else "the shop is closed now, and nothing is read outside its hours"
        if site.hours is not None and not site.hours.open_at(utc_now())
        else "its law profile does not let the shop start"
        if _law(site).state is State.FAULT
        else ""
    )
    if why:
        yield Finding("cameras", State.UNKNOWN, why)
        return
    costs = []
    for look in examine(site, seconds):
        if look.cost is not None:
            costs.append(look.cost)
        yield from _camera(look)
    if costs:
        yield _load(costs, len(site.shop.cameras))


def _camera(look: Look) -> Iterator[Finding]:
    about = f"camera {look.camera}"
    if look.cost is None:
        yield Finding(about, State.FAULT, look.trouble, look.todo)
        return
    for advice in look.advice:
        yield Finding(about, State.ADVICE, *advice)
    cost = look.cost
    told = (
        f"first picture after {look.first_s:.1f} s, {cost.frames / cost.seconds:.1f} of "
        f"{cost.fps:g} frames a second analysed, {cost.cores:.2f} cores"
    )
    yield Finding(about, State.FINE, told)


def _load(costs: list[Cost], cameras: int) -> Finding:
    cores = len(os.sched_getaffinity(0))
    used = sum(cost.cores for cost in costs)
    told = (
        f"{len(costs)} of {cameras} cameras took {used:.2f} of {cores} cores with what they saw "
        "just now; a busy hour takes two to three times that"
    )
    if used > FULL * cores:
        return Finding(
            "load", State.ADVICE, told, "Lower `fps` of some cameras, or share them over two boxes"
        )
    return Finding("load", State.FINE, told)

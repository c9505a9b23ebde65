"""The audit log: a file of JSON lines, each bound to the one before by SHA-256.

A line is canonical JSON that ends in its own hash, taken over the hash before it and all bytes of
the line up to there. So no byte can change, no line go or move, without a hash that does not fit.
The end is guarded by the *head* (number and hash of the last line), kept apart from the file; the
officer can note it down, and then even somebody who rewrites file and head together is found.
(The construction is that of a hash chain as in Schneier & Kelsey, "Secure audit logs", 1999,
without its keys: whoever holds the machine holds its keys as well.)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from aeras.domain.errors import InputError, StoreError
from aeras.domain.oversight import SYSTEM, Act, Entry
from aeras.domain.ports import Settings

START = "0" * 64
"""What the first line is bound to."""

_OWNER_ONLY = 0o600
_MAX_TEXT = 200
_LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}')
_HEAD = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


HEAD = "audit:head"
"""Name of the setting that keeps the head apart from the file."""
BASE = "audit:base"
"""Name of the setting that keeps where the file begins, once old entries have expired."""
LEAST_KEPT = timedelta(days=183)
"""Six months, EU AI Act Art. 26(6)."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in the chain."""

    n: int = 0
    hash: str = START

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"

    @classmethod
    def read(cls, text: str | None) -> _Mark:
        """From its text; the start of the log for what is none."""
        known = _HEAD.fullmatch(text or "")
        return cls(int(known[1]), known[2]) if known else cls()


class FileAuditLog:
    """Implements `aeras.domain.oversight.AuditLog`.

    Several processes and threads may write: each entry is one locked append. An entry is on disk
    before its head is; a crash between the two leaves one line more than the head knows, which
    still fits the chain and is accepted. A line torn by a crash was never acknowledged; the next
    write removes it and says so.

    Args:
        path: The file; made, readable by its owner only, with the first entry.
        heads: Where the head is kept.
        clock: UTC.
    """

    def __init__(self, path: Path, heads: Settings, clock: Callable[[], datetime]) -> None:
        self._path = path
        self._heads = heads
        self._clock = clock
        self._turn = threading.Lock()

    def add(self, act: Act, who: str, **about: str) -> Entry:
        """Writes an entry.

        Raises:
            StoreError: The disk is full or the file cannot be written; nothing was written then.
        """
        with self._turn, locked(self._path) as file:
            mark, broken = self._end(file)
            if broken:
                mark = self._append(file, mark, self._entry(mark, Act.LOG_BROKEN, SYSTEM, broken))
            entry = self._entry(mark, act, who, about)
            self._heads.set_setting(HEAD, str(self._append(file, mark, entry)))
            return entry

    def last(self, count: int) -> list[Entry]:
        """The newest entries, newest first."""
        entries = (_entry(line) for line in reversed(self._bytes().split(b"\n")) if line)
        return list(islice((entry for entry in entries if entry), count))

    def faults(self, noted: str = "") -> list[str]:
        """Everything that is wrong with the log.

        Args:
            noted: A head that was noted down earlier; the log must still run through it.
        """
        base = self._heads.setting(BASE)
        return find_faults(self._bytes(), self._heads.setting(HEAD), noted, base)

    def head(self) -> str:
        """The recorded head; ``0:00..`` for a log that was never written."""
        return self._heads.setting(HEAD) or str(_Mark())

    def expire(self, before: datetime, who: str) -> int:
        """Removes the oldest entries, all from before a moment; returns how many.

        The chain goes on unbroken: the log records itself what was removed, and begins with the
        entry that followed.

        Raises:
            InputError: The moment is less than `LEAST_KEPT` ago, or the log has faults, which the
                removal would hide.
            StoreError: As `add`.
        """
        now = self._clock().astimezone(UTC)
        if before > now - LEAST_KEPT:
            raise InputError(
                f"entries of the last {LEAST_KEPT.days} days must be kept (EU AI Act Art. 26(6))",
                todo="Name more days",
            )
        if self.faults():
            raise InputError(
                "the log has faults, which removing entries would hide",
                where=str(self._path),
                todo="See aeras privacy audit-verify; keep a copy of the file",
            )
        old = 0
        for line in self._bytes().splitlines(keepends=True):
            entry = _entry(line)
            if entry is None or entry.at >= before:
                break
            old, last = old + 1, _Mark(entry.n, _hash_of(line))
        if old:
            told = {"entries": str(old), "before": before.date().isoformat(), "base": str(last)}
            self.add(Act.LOG_EXPIRED, who, **told)
            self._drop(old, last)
        return old

    def _drop(self, old: int, last: _Mark) -> None:
        """Replaces the file by one without its first lines; whole at every moment."""
        with self._turn, locked(self._path):
            kept = self._bytes().split(b"\n", old)[old]
            fresh = self._path.with_name(f"{self._path.name}.new")
            try:
                fresh.unlink(missing_ok=True)
                fresh.touch(_OWNER_ONLY)
                with fresh.open("wb") as f:
                    f.write(kept)
                    f.flush()
                    os.fsync(f.fileno())
                # A whole file is still whole with a base: the walk tells them apart.
                self._heads.set_setting(BASE, str(last))
                fresh.replace(self._path)
            except OSError as error:
                fresh.unlink(missing_ok=True)
                raise _unwritable(self._path, str(error.strerror)) from None

    # --- writing ----------------------------------------------------------------------------

    def _end(self, file: int) -> tuple[_Mark, dict[str, str]]:
        """Where the next entry goes, and what is wrong there ({} if nothing). The hashes are taken
        as they stand: whether they fit is for `faults` to say.
        """
        data = self._bytes()
        whole = data.rfind(b"\n") + 1
        broken = {}
        if whole < len(data):
            broken["torn_bytes"] = str(len(data) - whole)
            os.ftruncate(file, whole)
        base = _start(data, self._heads.setting(BASE))
        lines = filter(None, map(_LINE.fullmatch, data[:whole].split(b"\n")))
        found = enumerate(lines, start=base.n + 1)
        marks = [base, *(_Mark(n, line[2].decode()) for n, line in found)]
        mark = marks[-1]
        known = self._heads.setting(HEAD)
        if known and known != str(mark) and known not in map(str, marks):
            broken |= {"expected": known, "found": str(mark)}
        elif known is None and data[:whole]:
            broken |= {"expected": "a recorded head", "found": str(mark)}
        return mark, broken

    def _entry(self, mark: _Mark, act: Act, who: str, about: dict[str, str]) -> Entry:
        facts = {name: value[:_MAX_TEXT] for name, value in about.items()}
        return Entry(mark.n + 1, self._clock().astimezone(UTC), who[:_MAX_TEXT], act.value, facts)

    def _append(self, file: int, mark: _Mark, entry: Entry) -> _Mark:
        line, new = _line(entry, mark)
        size = os.fstat(file).st_size
        try:
            written = os.write(file, line)
            os.fsync(file)
        except OSError as error:
            os.ftruncate(file, size)
            raise _unwritable(self._path, str(error.strerror)) from None
        if written < len(line):
            os.ftruncate(file, size)
            raise _unwritable(self._path, "the disk is full")
        return new

    # --- reading ----------------------------------------------------------------------------

    def _bytes(self) -> bytes:
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreError(
                f"the audit log cannot be read ({error.strerror})", where=str(self._path)
            ) from None


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The open log of a path, made if there is none, while nobody else makes an entry.

    Raises:
        StoreError: It cannot be opened for writing.
    """
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        while not _is_at(path, file):  # another process has put a shorter log in its place
            fresh = _open(path)
            os.close(file)
            file = fresh
            fcntl.flock(file, fcntl.LOCK_EX)
        yield file
    finally:
        os.close(file)  # and with it the lock


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _OWNER_ONLY)
    except OSError as error:
        raise _unwritable(path, str(error.strerror)) from None


def _is_at(path: Path, file: int) -> bool:
    """Whether an open file is still the one at the path."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _unwritable(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"the audit log cannot be written ({reason})",
        where=str(path),
        todo="Free some space, or let the user who runs AERAS write there",
    )


def find_faults(
    data: bytes, head: str | None, noted: str = "", base: str | None = None
) -> list[str]:
    """Everything that is wrong with a log, in plain words.

    Args:
        data: The file's content.
        head: The recorded head, None if none is recorded.
        noted: A head that was noted down earlier.
        base: Where the file is recorded to begin, None if nothing has expired.
    """
    start = _start(data, base)
    marks = {start.n: start.hash}
    found = []
    for number, (mark, fault) in enumerate(_walk(data, start), start=1):
        if fault:
            found.append(f"line {number}: {fault}")
        marks[mark.n] = mark.hash
    if start.n and not _says(data, start):
        found.append(f"the log begins after entry {start.n}, and no entry says that they expired")
    if head is None and len(marks) > 1:
        found.append("the recorded head is missing: the log's end cannot be checked")
    if head is not None:
        found += _head_faults(marks, head, "the recorded head")
    if noted:
        found += _head_faults(marks, noted, "the head that was noted down")
    return found


def _head_faults(marks: dict[int, str], head: str, name: str) -> Iterator[str]:
    known = _HEAD.fullmatch(head)
    if known is None:
        yield f"{name} is not a number and a hash: {head!r}"
    elif int(known[1]) < min(marks):
        yield f"{name} is entry {known[1]}, which has expired: the log begins after {min(marks)}"
    elif int(known[1]) not in marks:
        yield f"the log was cut: it ends at entry {max(marks)}, {name} is entry {known[1]}"
    elif marks[int(known[1])] != known[2]:
        yield f"entry {known[1]} is not the one of {name}: the log was rewritten"


def _line(entry: Entry, before: _Mark) -> tuple[bytes, _Mark]:
    body = {
        "n": entry.n,
        "at": entry.at.isoformat(timespec="milliseconds"),
        "who": entry.who,
        "act": entry.act,
        "about": dict(entry.about),
    }
    start = json.dumps(body, separators=(",", ":"), sort_keys=True).encode()[:-1]
    found = _hash(before.hash, start)
    return start + f',"hash":"{found}"}}\n'.encode(), _Mark(entry.n, found)


def _hash(before: str, start: bytes) -> str:
    return hashlib.sha256(before.encode() + start).hexdigest()


def _start(data: bytes, base: str | None) -> _Mark:
    """The mark before the first line: the log's start, or where expired entries ended."""
    first = _entry(data.split(b"\n", 1)[0])
    return _Mark() if first is not None and first.n == 1 else _Mark.read(base)


def _says(data: bytes, start: _Mark) -> bool:
    """Whether the log itself tells that it begins there."""
    entries = filter(None, map(_entry, data.split(b"\n")))
    expired = (entry for entry in entries if entry.act == Act.LOG_EXPIRED)
    return any(entry.about.get("base") == str(start) for entry in expired)


def _hash_of(line: bytes) -> str:
    found = _LINE.fullmatch(line.rstrip(b"\n"))
    return found[2].decode() if found else ""


def _walk(data: bytes, mark: _Mark) -> Iterator[tuple[_Mark, str]]:
    """Each line's place in the chain and what is wrong with it ("" if nothing)."""
    lines = data.split(b"\n")
    for line in lines[:-1]:
        found = _LINE.fullmatch(line)
        if found is None:
            yield mark, "is no entry"
            continue
        n = mark.n + 1
        fault = (
            ""
            if _hash(mark.hash, found[1]) == found[2].decode()
            else ("its hash does not fit: it, or the line before it, was changed, removed or moved")
        )
        entry = _entry(line)
        if entry is None or entry.n != n:
            fault = fault or f"is numbered {entry.n if entry else '?'}, expected {n}"
        elif entry.act == Act.LOG_BROKEN:
            fault = fault or "the log had been cut or replaced before this entry: " + ", ".join(
                f"{name} {value}" for name, value in entry.about.items()
            )
        mark = _Mark(n, found[2].decode())
        yield mark, fault
    if lines[-1]:
        yield mark, "is unfinished: a write was interrupted"


def _entry(line: bytes) -> Entry | None:
    try:
        body = json.loads(line)
        return Entry(
            int(body["n"]),
            datetime.fromisoformat(body["at"]),
            str(body["who"]),
            str(body["act"]),
            {str(name): str(value) for name, value in body["about"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None

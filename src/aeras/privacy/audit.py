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
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from aeras.domain.errors import StoreError
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


@dataclass(frozen=True, slots=True)
class _Mark:
    """A place in the chain."""

    n: int = 0
    hash: str = START

    def __str__(self) -> str:
        return f"{self.n}:{self.hash}"


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
        with self._turn, self._locked() as file:
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
        return find_faults(self._bytes(), self._heads.setting(HEAD), noted)

    def head(self) -> str:
        """The recorded head; ``0:00..`` for a log that was never written."""
        return self._heads.setting(HEAD) or str(_Mark())

    # --- writing ----------------------------------------------------------------------------

    @contextmanager
    def _locked(self) -> Iterator[int]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _OWNER_ONLY)
        except OSError as error:
            raise self._unwritable(str(error.strerror)) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)  # and with it the lock

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
        lines = filter(None, map(_LINE.fullmatch, data[:whole].split(b"\n")))
        marks = [_Mark(), *(_Mark(n, line[2].decode()) for n, line in enumerate(lines, start=1))]
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
            raise self._unwritable(str(error.strerror)) from None
        if written < len(line):
            os.ftruncate(file, size)
            raise self._unwritable("the disk is full")
        return new

    def _unwritable(self, reason: str) -> StoreError:
        return StoreError(
            f"the audit log cannot be written ({reason})",
            where=str(self._path),
            todo="Free some space, or let the user who runs AERAS write there",
        )

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


def find_faults(data: bytes, head: str | None, noted: str = "") -> list[str]:
    """Everything that is wrong with a log, in plain words.

    Args:
        data: The file's content.
        head: The recorded head, None if none is recorded.
        noted: A head that was noted down earlier.
    """
    marks = {0: START}
    found = []
    for number, (mark, fault) in enumerate(_walk(data), start=1):
        if fault:
            found.append(f"line {number}: {fault}")
        marks[mark.n] = mark.hash
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


def _walk(data: bytes) -> Iterator[tuple[_Mark, str]]:
    """Each line's place in the chain and what is wrong with it ("" if nothing)."""
    mark = _Mark()
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

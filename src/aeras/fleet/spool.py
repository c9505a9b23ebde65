"""What a shop has not yet handed to its hub: a file that survives kill and power cut.

Rows become messages when they are first sent: neighbouring rows are put together, and from then on
stay the same message under the same name, so that sending it again can be told from sending more.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from aeras.domain.errors import StoreError
from aeras.domain.kept import Event
from aeras.fleet.wire import COLUMNS, MOST_EVENTS, decode, encode, pack

DEFAULT_BYTES = 2_000_000_000
"""About ten million events: years of a shop."""
_SAME_CLOCK_S = 2.0

_DDL = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    n INTEGER PRIMARY KEY AUTOINCREMENT, message INTEGER, events INTEGER NOT NULL,
    wall REAL NOT NULL, awake REAL NOT NULL, boot TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_message ON rows (message);
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """When something was spooled: by the clock on the wall (s since 1970), and by the time since
    the machine started (s), which nobody can set, with the name of that start.
    """

    wall: float
    awake: float
    boot: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """A message that waits to be sent.

    Attributes:
        n: Its number in this spool.
        name: Never used for another message of any shop.
        body: See `aeras.fleet.wire`.
        events: How many.
        stamp: When its last event was spooled.
    """

    n: int
    name: str
    body: bytes
    events: int
    stamp: Stamp


def read_clocks() -> Stamp:
    """The present moment by both clocks of this machine."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return Stamp(
        time.time(),
        time.clock_gettime(time.CLOCK_BOOTTIME),
        boot.read_text().strip() if boot.exists() else secrets.token_hex(8),
    )


class Spool:
    """A bounded queue of events on disk, for one shop. Methods may be called from any thread.

    When it is full the oldest events go, for the newest tell most; how many is counted and told to
    the hub.

    Args:
        path: The file; made when missing. Its folder must exist.
        shop: Id of the shop.
        most_bytes: Room on disk.
        clocks: The present moment.

    Raises:
        StoreError: The file cannot be made, read or written, or the disk is full.
    """

    def __init__(
        self,
        path: Path,
        shop: str,
        *,
        most_bytes: int = DEFAULT_BYTES,
        clocks: Callable[[], Stamp] = read_clocks,
    ) -> None:
        self._path = path
        self._shop = shop
        self._clocks = clocks
        self._most = most_bytes
        self._lock = threading.Lock()
        with self._guarded():
            self._con = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            path.chmod(0o600)  # single events are below every k
            self._con.execute("PRAGMA journal_mode = WAL")
            self._con.execute("PRAGMA synchronous = FULL")
            self._con.executescript(_DDL)
            self._set_up()

    def put(self, events: Sequence[Event]) -> None:
        """Keeps events until the hub has them; on disk when it returns."""
        stamp = self._clocks()
        parts = [events[i : i + MOST_EVENTS] for i in range(0, len(events), MOST_EVENTS)]
        rows = [
            (len(part), stamp.wall, stamp.awake, stamp.boot, pack(part, self._shop))
            for part in parts
        ]
        with self._guarded(), self._transaction():
            self._con.executemany(
                "INSERT INTO rows (events, wall, awake, boot, body) VALUES (?, ?, ?, ?, ?)", rows
            )
            self._drop_oldest()

    def next(self, most: int) -> list[Sealed]:
        """The oldest messages, in order; the same again until they are `done`."""
        with self._guarded(), self._transaction():
            known = self._rows("SELECT DISTINCT message FROM rows WHERE message IS NOT NULL")
            if len(known) < most:
                self._seal(most - len(known))
            held = self._rows(
                """SELECT message, events, wall, awake, boot, body FROM rows WHERE message IN (
                SELECT DISTINCT message FROM rows WHERE message IS NOT NULL ORDER BY 1 LIMIT ?)
                ORDER BY message, n""",
                most,
            )
        return [self._sealed(n, list(rows)) for n, rows in groupby(held, lambda row: int(row[0]))]

    def done(self, messages: Sequence[int]) -> None:
        """Forgets messages that the hub has."""
        with self._guarded(), self._transaction():
            self._con.executemany("DELETE FROM rows WHERE message = ?", [(n,) for n in messages])

    @property
    def waiting(self) -> int:
        """Events that the hub does not have yet, as far as is known."""
        with self._guarded():
            return int(self._rows("SELECT coalesce(sum(events), 0) FROM rows")[0][0])

    @property
    def lost(self) -> int:
        """Events that were dropped because the spool was full, ever."""
        with self._guarded():
            return int(self._about("lost"))

    def close(self) -> None:
        """Releases the file."""
        with self._lock:
            self._con.close()

    def _set_up(self) -> None:
        rows = [("name", secrets.token_hex(8)), ("lost", 0), ("sealed", 0), ("shop", self._shop)]
        self._con.executemany("INSERT OR IGNORE INTO about VALUES (?, ?)", rows)
        if self._about("shop") != self._shop:
            raise StoreError(
                f"holds events of the shop {self._about('shop')!r}, not of {self._shop!r}",
                where=str(self._path),
                todo="Let that shop send them first, or move the file away",
            )
        self._name = str(self._about("name"))

    def _seal(self, most: int) -> None:
        """Makes up to so many messages of the oldest rows that are in none."""
        rows = self._rows(
            """SELECT n, events, wall - awake, boot FROM rows WHERE message IS NULL ORDER BY n
            LIMIT ?""",
            most * MOST_EVENTS,
        )
        number = int(self._about("sealed"))
        first, made = 0, 0
        while first < len(rows) and made < most:
            last, events = first, 0
            while last < len(rows) and self._fits(rows[first], rows[last], events):
                events += rows[last][1]
                last += 1
            made += 1
            self._con.execute(
                "UPDATE rows SET message = ? WHERE n BETWEEN ? AND ?",
                (number + made, rows[first][0], rows[last - 1][0]),
            )
            first = last
        if made:
            self._con.execute("UPDATE about SET value = ? WHERE name = 'sealed'", (number + made,))

    @staticmethod
    def _fits(first: Sequence[Any], row: Sequence[Any], events: int) -> bool:
        """Whether a row may join a message: there is room, and no clock was set in between."""
        same_clock = first[3] == row[3] and abs(first[2] - row[2]) < _SAME_CLOCK_S
        return events + int(row[1]) <= MOST_EVENTS and same_clock

    def _sealed(self, n: int, rows: Sequence[Sequence[Any]]) -> Sealed:
        *_, wall, awake, boot, body = rows[-1]
        if len(rows) > 1:
            parts = [decode(row[-1]) for row in rows]
            body = encode({name: [v for p in parts for v in p[name]] for name in COLUMNS})
        events = sum(row[1] for row in rows)
        return Sealed(n, f"{self._name}-{n}", body, events, Stamp(wall, awake, boot))

    def _drop_oldest(self) -> None:
        while self._used() > self._most:
            oldest = self._rows("SELECT n, events FROM rows ORDER BY n LIMIT 100")
            if len(oldest) <= 1:
                return
            oldest = oldest[: max(1, len(oldest) // 2)]
            self._con.execute("DELETE FROM rows WHERE n <= ?", (oldest[-1][0],))
            self._con.execute(
                "UPDATE about SET value = value + ? WHERE name = 'lost'",
                (sum(events for _, events in oldest),),
            )

    def _used(self) -> int:
        pages, free, size = (
            int(self._rows(f"PRAGMA {name}")[0][0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def _about(self, name: str) -> Any:
        return self._rows("SELECT value FROM about WHERE name = ?", name)[0][0]

    def _rows(self, sql: str, *values: object) -> list[Any]:
        return self._con.execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._con.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._con.execute("COMMIT")
        except BaseException:
            if self._con.in_transaction:
                self._con.execute("ROLLBACK")
            raise

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise _complaint(error, self._path) from error


def _complaint(error: sqlite3.Error, path: Path) -> StoreError:
    text = str(error)
    if "full" in text:
        what, todo = "the disk is full; these events wait in memory", "Free some space"
    elif "not a database" in text or "malformed" in text:
        what, todo = "is no spool of AERAS", "Move it away to start a new one"
    else:
        what, todo = f"cannot be used: {text}", "Check the disk and the rights of its folder"
    return StoreError(what, where=str(path), todo=todo)

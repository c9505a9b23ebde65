"""Watches a folder for files: each is read once it is whole, page by page, and then set aside.

What was read is remembered by name, size, time of change and content, so that neither a copy nor a
restart counts anything twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, Protocol

import structlog

from aeras.connect.port import Connector, Context, Duration, Options, Page, Spoilt, TemporaryError
from aeras.domain.errors import InputError

log = structlog.get_logger(__name__)

DONE, FAILED = "done", "failed"
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp")
_MOST_HASHES = 5_000
_CHUNK = 1 << 20


class WatchOptions(Options):
    """What every watched folder can be told.

    Attributes:
        path: The folder; from the site file's if it is not absolute.
        pattern: Which files, ``*`` and ``?`` as in a shell.
        settle: A file is read when it has not changed for so long.
        after: What becomes of a file that was read: ``move`` it to ``done/`` (or ``failed/``), or
            ``keep`` it where it is.
    """

    path: str
    pattern: str = "*"
    every: Duration = timedelta(seconds=30)
    settle: Duration = timedelta(seconds=5)
    after: Literal["move", "keep"] = "move"


class FileReader(Protocol):
    """Reads one format."""

    def pages(self, path: Path, start: int) -> Iterator[tuple[Page, int]]:
        """Pages of a file from a position on, each with the position after it. The positions are
        the reader's own; 0 is the beginning.

        Raises:
            InputError: The file as a whole cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class Mark:
    """Which file in which state: name, bytes, time of change (ns)."""

    name: str
    size: int
    changed: int


@dataclass(slots=True)
class _Cursor:
    """Where the reading stands: the file at hand and the position in it, what is finished, and the
    hashes of what was read.
    """

    at_hand: Mark | None
    position: int
    digest: str
    finished: dict[Mark, str]
    hashes: list[str]

    @staticmethod
    def read(text: str | None) -> _Cursor:
        if text is None:
            return _Cursor(None, 0, "", {}, [])
        found = json.loads(text)
        hand = found["hand"]
        return _Cursor(
            Mark(*hand) if hand else None,
            found["position"],
            found["digest"],
            {Mark(*mark): what for *mark, what in found["finished"]},
            found["hashes"],
        )

    def written(self) -> str:
        hand = self.at_hand
        return json.dumps(
            {
                "hand": [hand.name, hand.size, hand.changed] if hand else None,
                "position": self.position,
                "digest": self.digest,
                "finished": [[m.name, m.size, m.changed, w] for m, w in self.finished.items()],
                "hashes": self.hashes[-_MOST_HASHES:],
            }
        )

    def finish(self, what: str) -> None:
        """The file at hand is done with: ``done``, ``failed``, or ``repeated`` for a copy."""
        assert self.at_hand is not None  # there is one
        self.finished[self.at_hand] = what
        if self.digest and what == DONE:
            self.hashes.append(self.digest)
        self.at_hand, self.position, self.digest = None, 0, ""


class Watched(Connector):
    """A watched folder.

    Args:
        options: Of the connector.
        reader: Reads its files.
        context: Of the site.
    """

    def __init__(self, options: WatchOptions, reader: FileReader, context: Context) -> None:
        self.name = options.id
        self._options = options
        self._reader = reader
        self._clock = context.clock
        self.folder = context.folder / options.path
        self._seen: dict[str, tuple[Mark, datetime]] = {}
        self._open: tuple[str, Iterator[tuple[Page, int]]] | None = None

    def pull(self, cursor: str | None) -> Page:
        """The next page of the file at hand, or of the next file."""
        state = _Cursor.read(cursor)
        marks = self._marks()
        if marks is None:
            raise TemporaryError(
                "the folder is not there or cannot be read",
                where=str(self.folder),
                todo="Make it, or correct the connector's path",
            )
        state.finished = {m: w for m, w in state.finished.items() if m in marks}
        if state.at_hand is not None and state.at_hand not in marks:  # changed or gone meanwhile
            state.at_hand, state.position, state.digest = None, 0, ""
        if state.at_hand is None:
            waiting = [m for m in marks if m not in state.finished and self._is_whole(m)]
            if not waiting:
                return Page(cursor=state.written())
            state.at_hand = min(waiting, key=lambda mark: (mark.changed, mark.name))
            state.digest = self._digest(state.at_hand)
            if state.digest in state.hashes:
                state.finish("repeated")
                return Page(cursor=state.written(), more=True)
        return self._next_page(state, cursor)

    def _next_page(self, state: _Cursor, cursor: str | None) -> Page:
        assert state.at_hand is not None  # chosen by the caller
        name = state.at_hand.name
        try:
            page, state.position = next(self._pages(state, cursor))
        except StopIteration:
            state.finish(DONE)
            page = Page()
            self._open = None
        except InputError as error:
            state.finish(FAILED)
            page = Page(spoilt=(Spoilt(name, error.what),))
            self._open = None
        except OSError as error:
            raise _unread(self.folder / name, error) from None
        told = state.written()
        if self._open is not None:
            self._open = (told, self._open[1])
        return Page(page.sales, page.stock, page.items, told, more=True, spoilt=page.spoilt)

    def _pages(self, state: _Cursor, cursor: str | None) -> Iterator[tuple[Page, int]]:
        """Goes on with the open file if that is where the cursor stands."""
        assert state.at_hand is not None  # chosen by the caller
        if self._open is None or self._open[0] != cursor or not state.position:
            pages = self._reader.pages(self.folder / state.at_hand.name, state.position)
            self._open = ("", pages)
        return self._open[1]

    def applied(self, cursor: str | None) -> None:
        """Sets aside the files that are done with."""
        if self._options.after == "keep":
            return
        for mark, what in _Cursor.read(cursor).finished.items():
            source = self.folder / mark.name
            target = self.folder / (FAILED if what == FAILED else DONE)
            with suppress(FileNotFoundError):  # moved before the last start
                if _mark(source) != mark:
                    continue
                target.mkdir(exist_ok=True)
                source.replace(_free(target / mark.name))

    def close(self) -> None:
        """Closes the file at hand."""
        self._open = None

    def _marks(self) -> set[Mark] | None:
        try:
            found = [
                _mark(path)
                for path in self.folder.glob(self._options.pattern)
                if path.is_file() and not path.name.startswith(".")
                if not path.name.lower().endswith(_UNFINISHED)
            ]
        except OSError:
            return None
        return set(found) if self.folder.is_dir() else None

    def _is_whole(self, mark: Mark) -> bool:
        """Whether nobody has written to it for a while: by its own time of change, or (where the
        clock of a file server is ahead) since we first saw it so.
        """
        now, settle = self._clock(), self._options.settle
        known, since = self._seen.get(mark.name, (mark, now))
        self._seen[mark.name] = (mark, since if known == mark else now)
        changed = datetime.fromtimestamp(mark.changed / 1e9, UTC)
        return now - changed >= settle or (known == mark and now - since >= settle)

    def _digest(self, mark: Mark) -> str:
        digest = hashlib.sha256()
        try:
            with (self.folder / mark.name).open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except OSError as error:
            raise _unread(self.folder / mark.name, error) from None
        return digest.hexdigest()


def _unread(path: Path, error: OSError) -> TemporaryError:
    return TemporaryError(
        f"the file cannot be read: {error.strerror or type(error).__name__}",
        where=str(path),
        todo="Let the user who runs AERAS read it",
    )


def _mark(path: Path) -> Mark:
    stat = path.stat()
    return Mark(path.name, stat.st_size, stat.st_mtime_ns)


def _free(path: Path) -> Path:
    """A name that nothing has yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free

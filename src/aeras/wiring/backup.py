"""``aeras backup`` and ``aeras restore``: a shop in one file, and a shop from it.

The file is a compressed tar: a manifest with the hash of every part and the number of rows of every
table, the site's own files, and consistent copies of its databases. It is written beside its place
and moved there when it has been read back, and restored the same way: whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

import duckdb

from aeras import __version__
from aeras.config import Site, load_site, read_site
from aeras.domain.errors import InputError, StoreError
from aeras.domain.ports import Clock, utc_now
from aeras.privacy.audit import BASE, HEAD, find_faults, locked
from aeras.privacy.stop import FILE as STOP_FILE
from aeras.store.events import DuckEvents
from aeras.wiring import orders
from aeras.wiring.doctor import is_running
from aeras.wiring.oversight import AUDIT_FILE

MANIFEST = "manifest.json"
FORMAT = 1
COPY_S = 1800.0
"""A running shop may take so long to copy its events."""
CONTROL, EVENTS, HUB_EVENTS = "control.sqlite", "events.duckdb", "hub.duckdb"
_OWNER_ONLY = 0o600
_UNREADABLE = (tarfile.TarError, EOFError, zlib.error, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        format: Of the file.
        version: Of the AERAS that wrote it.
        site: Name of the shop.
        site_file: Name of its site file.
        at: ISO time, UTC.
        files: SHA-256 (hex) of each part, by name.
        rows: Number of rows by database, then table.
        audit_head: Number and hash of the last entry of the audit log that is surely in it.
        audit_faults: What was wrong with the audit log when it was written.
        left_out: What belongs to the site and is not in it, in words.
    """

    format: int
    version: str
    site: str
    site_file: str
    at: str
    files: dict[str, str]
    rows: dict[str, dict[str, int]]
    audit_head: str
    audit_faults: list[str]
    left_out: list[str]

    @property
    def row_count(self) -> int:
        """Over all tables."""
        return sum(sum(tables.values()) for tables in self.rows.values())


# --- backup --------------------------------------------------------------------------------------


def backup(
    path: Path,
    out: Path,
    *,
    clock: Clock = utc_now,
    noting: Callable[[Path], None] | None = None,
) -> Manifest:
    """Writes a shop into a file, beside a running shop or without one.

    Args:
        path: Site file.
        out: The file to be written; readable by its owner only.
        clock: UTC.
        noting: Writes into the audit log of that site that this is done.

    Raises:
        ConfigError: The site file is wrong.
        InputError: The file exists, or there is nothing to back up.
        StoreError: A database cannot be copied, or the disk is full; nothing is left then.
    """
    site = load_site(path)
    if out.exists():
        raise InputError("exists already", where=str(out), todo="Name another file")
    if not (site.data / CONTROL).exists() and not (site.data / "hub").is_dir():
        raise InputError(
            "the site has no records yet", where=str(site.data), todo=f"Start it: aeras run {path}"
        )
    if noting is not None and (site.data / CONTROL).exists():
        noting(path)
    with _told(out), _beside(out) as stage:
        left_out = _stage(site, stage)
        manifest = _manifest(site, stage, left_out, clock())
        part = stage.with_suffix(".part")
        try:
            _pack(stage, manifest, part)
            with tarfile.open(part, "r:gz") as tar:
                _unpack(tar, into=None)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    return manifest


def _stage(site: Site, stage: Path) -> list[str]:
    """Copies all parts into a folder; what is left out."""
    left_out = _stage_site(site, stage / "site")
    data = stage / "data"
    data.mkdir()
    if (site.data / CONTROL).exists():
        log = site.data / AUDIT_FILE
        # Entries of the log are made under this lock, and their head is in the control data.
        with locked(log) if log.exists() else nullcontext():
            _copy_sqlite(site.data / CONTROL, data / CONTROL)
            for name in (AUDIT_FILE, STOP_FILE):
                with suppress(FileNotFoundError):
                    shutil.copyfile(site.data / name, data / name)
    if (site.data / EVENTS).exists():
        _copy_events(site, data / EVENTS)
    hub = site.data / "hub"
    if hub.is_dir():
        for file in sorted([*hub.glob("*.pem"), *hub.glob("*.key"), *hub.glob("shops.json")]):
            _copy_file(file, data / "hub" / file.name)
        if (site.data / HUB_EVENTS).exists():
            _copy_closed(site.data / HUB_EVENTS, data / HUB_EVENTS)
        if "://" in (site.file.hub.store or ""):
            left_out.append("the hub's events: back up their database by its own means")
        left_out.append("messages that the hub has not stored yet")
    if (site.data / "spool.sqlite").exists():
        left_out.append("the spool: what still waits for the hub")
    return left_out


def _stage_site(site: Site, stage: Path) -> list[str]:
    """The site file and what it names as parts of itself."""
    folder, left_out = site.path.parent, []
    _copy_file(site.path, stage / site.path.name)
    image = site.file.map.image if site.file.map else None
    for name in (site.file.items_file, site.file.planogram_file, image, site.privacy.papers):
        if name is None or not (folder / name).exists():
            continue
        there = (folder / name).resolve()
        if not there.is_relative_to(folder.resolve()):
            left_out.append(f"{name}: it is outside the site's folder")
            continue
        files = [there] if there.is_file() else sorted(f for f in there.rglob("*") if f.is_file())
        for file in files:
            _copy_file(file, stage / file.relative_to(folder.resolve()))
    if site.server.tls is not None:
        left_out.append("the certificate of the pages and its key")
    if (folder / "hub.pass").exists():
        left_out.append("hub.pass: make a new one with aeras shops add")
    return left_out


def _copy_file(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, to)


def _copy_sqlite(file: Path, to: Path) -> None:
    """By SQLite's own means: whole, however many write meanwhile."""
    try:
        source = sqlite3.connect(f"{file.resolve().as_uri()}?mode=rw", uri=True)
        with closing(source), closing(sqlite3.connect(to)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise StoreError(f"cannot be copied: {error}", where=str(file)) from None


def _copy_events(site: Site, to: Path) -> None:
    """Asks the running shop for a copy, or makes it."""
    if not is_running(site):
        _copy_closed(site.data / EVENTS, to)
        return
    name = orders.give(site.data, "copy", wait_s=COPY_S)
    shutil.move(site.data / orders.FOLDER / name, to)


def _copy_closed(file: Path, to: Path) -> None:
    """Of a store that no other process holds."""
    store = DuckEvents(file)
    fresh = file.with_name(f"{file.name}.backup")
    try:
        store.copy_to(fresh)
        shutil.move(fresh, to)
    finally:
        fresh.unlink(missing_ok=True)
        store.close()


def _manifest(site: Site, stage: Path, left_out: list[str], at: datetime) -> Manifest:
    files = sorted(file for file in stage.rglob("*") if file.is_file())
    head, faults = _audit(stage / "data")
    return Manifest(
        format=FORMAT,
        version=__version__,
        site=site.shop.name,
        site_file=site.path.name,
        at=at.isoformat(),
        files={file.relative_to(stage).as_posix(): _hash_of(file) for file in files},
        rows=_rows(stage / "data"),
        audit_head=head,
        audit_faults=faults,
        left_out=left_out,
    )


def _pack(stage: Path, manifest: Manifest, part: Path) -> None:
    part.touch(mode=_OWNER_ONLY)
    (stage / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
    with part.open("wb") as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=3) as tar:
            for name in (MANIFEST, *manifest.files):  # the manifest first
                tar.add(stage / name, arcname=name, recursive=False, filter=_plain)
        file.flush()
        os.fsync(file.fileno())


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of the users of this machine."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = _OWNER_ONLY
    return info


# --- restore -------------------------------------------------------------------------------------


def restore(file: Path, folder: Path) -> Manifest:
    """Makes a site of a backup, and checks that it is whole: every hash, every table's rows and the
    audit log.

    Args:
        file: As `backup` wrote it.
        folder: For the site file and what it names; its databases come into ``data`` in it. It
            must not exist or be empty.

    Raises:
        InputError: The file is no whole backup, or of a newer AERAS; or the folder is not empty.
        StoreError: The folder cannot be written, or the disk is full; nothing is left then.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError("is not empty", where=str(folder), todo="Name a new folder")
    with _told(folder), _beside(folder) as stage:
        manifest = _read(file, stage)
        _check_rows(file, manifest, stage / "data")
        _put_down(stage, folder)
    return manifest


def _read(file: Path, stage: Path) -> Manifest:
    try:
        with tarfile.open(file, "r:gz") as tar:
            return _unpack(tar, into=stage)
    except FileNotFoundError:
        raise InputError("there is no such file", where=str(file)) from None
    except _UNREADABLE:
        raise _not_whole(file, "it cannot be read to its end") from None


def _unpack(tar: tarfile.TarFile, into: Path | None) -> Manifest:
    """Checks every part against the manifest, and writes them.

    Raises:
        ValueError: It is none, of another format, or a part is missing, strange or changed.
    """
    manifest = _manifest_of(tar)
    for name, known in manifest.files.items():
        info = tar.next()
        if info is None or info.name != name or not info.isreg() or not _inside(name):
            raise ValueError(name)
        source = tar.extractfile(info)
        assert source is not None  # it is a file
        if into is None:
            found = _digest(source, None)
        else:
            target = into / name
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.touch(mode=_OWNER_ONLY)
            with target.open("wb") as copy:
                found = _digest(source, copy)
        if found != known:
            raise ValueError(name)
    return manifest


def _manifest_of(tar: tarfile.TarFile) -> Manifest:
    first = tar.next()
    source = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if source is None:
        raise ValueError(MANIFEST)
    held = json.loads(source.read())
    if held["format"] != FORMAT:
        raise InputError(
            f"is a backup of AERAS {held['version']}, in a form that this one does not know",
            where=str(tar.name),
            todo="Restore it with that version, then upgrade",
        )
    return Manifest(**held)


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and path.parts[0] in {"site", "data"}


def _digest(source: IO[bytes], copy: IO[bytes] | None) -> str:
    digest = hashlib.sha256()
    while block := source.read(1 << 20):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def _check_rows(file: Path, manifest: Manifest, data: Path) -> None:
    """Opens what came back, as the next start will."""
    rows = _rows(data)
    if rows != manifest.rows:
        raise _not_whole(file, "a database has other rows than when it was written")
    if _audit(data) != (manifest.audit_head, manifest.audit_faults):
        raise _not_whole(file, "the audit log is not as it was written")


def _put_down(stage: Path, folder: Path) -> None:
    """Moves what was read into its place; the site file last, so that half of it is no site."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(stage / "data", folder / "data")
    for part in sorted((stage / "site").iterdir(), key=lambda p: p.suffix in {".yaml", ".yml"}):
        shutil.move(part, folder / part.name)


def data_folder_elsewhere(folder: Path, manifest: Manifest) -> Path | None:
    """Where the site file of a restored site looks for its databases, if that is not where they
    were put.
    """
    file, _ = read_site(folder / manifest.site_file)
    named = folder / file.data if file else folder / "data"
    return None if named.resolve() == (folder / "data").resolve() else named


# --- both ----------------------------------------------------------------------------------------


def _rows(data: Path) -> dict[str, dict[str, int]]:
    """Rows of each table of each database, read as they are and not brought up to date."""
    found: dict[str, dict[str, int]] = {}
    if (data / CONTROL).exists():
        with closing(_opened(data / CONTROL)) as db:
            names = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found[CONTROL] = {name: _count(db, name) for (name,) in sorted(names)}
    for file in (EVENTS, HUB_EVENTS):
        if (data / file).exists():
            options: dict[str, Any] = {"autoinstall_known_extensions": False}
            with duckdb.connect(str(data / file), read_only=True, config=options) as con:
                names = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
                found[file] = {name: _count(con, name) for (name,) in sorted(names)}
    return found


def _count(db: Any, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(db.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])  # noqa: S608 - quoted


def _audit(data: Path) -> tuple[str, list[str]]:
    """Head of the audit log as the control data knows it, and what is wrong with the log."""
    if not (data / CONTROL).exists():
        return "", []
    with closing(_opened(data / CONTROL)) as db:
        sql = "SELECT name, value FROM settings WHERE name IN (?, ?)"
        known = dict(db.execute(sql, (HEAD, BASE)).fetchall())
    log = data / AUDIT_FILE
    content = log.read_bytes() if log.exists() else b""
    return known.get(HEAD, ""), find_faults(content, known.get(HEAD), base=known.get(BASE))


def _opened(file: Path) -> sqlite3.Connection:
    """For reading; nothing is changed."""
    return sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)


def _hash_of(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


@contextmanager
def _beside(place: Path) -> Iterator[Path]:
    """A folder on the same disk that goes again, and that its owner alone may open."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as folder:
        stage = Path(folder) / "stage"
        stage.mkdir()
        yield stage


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """A disk that is full or may not be written, in one line."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"cannot be written ({error.strerror or error}); nothing was left there",
            where=str(place),
            todo="Make room, or name a place that this user may write",
        ) from None
    except duckdb.Error as error:
        raise StoreError(f"a copy cannot be read: {error}", where=str(place)) from None


def _not_whole(file: Path, why: str) -> InputError:
    return InputError(f"is no whole backup: {why}", where=str(file), todo="Take another one")

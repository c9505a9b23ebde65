"""``aeras analyze``: recordings of a camera become events, each once, however often it is run."""

from __future__ import annotations

import hashlib
import hmac
import json
import multiprocessing
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from aeras.capture import open_source
from aeras.capture.decoding import Video, file_address
from aeras.config import Site, load_site, reads_faces
from aeras.domain.errors import AerasError, InputError, PrivacyError
from aeras.domain.kept import Event
from aeras.domain.ports import Clock, EventStore, Settings, utc_now
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraSpec
from aeras.perceive import Perception, PerceptionOptions
from aeras.privacy.gate import Gate
from aeras.wiring.hardening import no_core_dumps
from aeras.wiring.oversight import stop_file
from aeras.wiring.rig import Rig, RigOptions

SUFFIXES = frozenset({".mp4", ".mkv", ".avi", ".mov", ".ts", ".m4v", ".webm"})
JOINED_S = 5.0
"""A file that begins so soon after another ends goes on with it: no visit is cut in two."""
LONGEST = timedelta(hours=1)
"""What goes on for longer is read in several parts, each of which can be taken up again."""
_NAMED = re.compile(
    r"(20\d{2})[-_.]?(\d{2})[-_.]?(\d{2})[T_ -]?(\d{2})[-_.:h]?(\d{2})(?:[-_.:m]?(\d{2}))?(?!\d)"
)
_UNIX = re.compile(r"(?<!\d)(1\d{9})(?:\d{3})?(?!\d)")


@dataclass(frozen=True, slots=True)
class Recording:
    """One file.

    Attributes:
        path: Where it is.
        at: UTC moment of its first frame.
        seconds: How long it is.
        sha256: Of its bytes.
    """

    path: Path
    at: datetime
    seconds: float
    sha256: str

    @property
    def end(self) -> datetime:
        """UTC moment of its end."""
        return self.at + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Part:
    """Recordings that go on from one to the next, read as one.

    Attributes:
        site: Site file.
        camera: Whose recordings they are.
        recordings: In order of time, at least one.
    """

    site: Path
    camera: str
    recordings: tuple[Recording, ...]

    @property
    def at(self) -> datetime:
        """UTC moment of its first frame."""
        return self.recordings[0].at

    @property
    def name(self) -> str:
        """The same for the same bytes at the same time from the same camera."""
        told = [self.camera, self.at.isoformat(), *(r.sha256 for r in self.recordings)]
        return hashlib.sha256("|".join(told).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a part.

    Attributes:
        part: What was read.
        events: How many events it gave.
        seconds: Seconds of video.
        before: It had been read in an earlier run.
        trouble: Why it could not be read; "" if it was.
    """

    part: Part
    events: int = 0
    seconds: float = 0.0
    before: bool = False
    trouble: str = ""


# --- finding -------------------------------------------------------------------------------------


def find_parts(
    site: Site,
    camera: str,
    folder: Path,
    *,
    start: datetime | None = None,
    clock: Clock = utc_now,
) -> list[Part]:
    """The recordings of a folder (or one file), joined where one goes on with the other.

    Args:
        site: The shop.
        camera: Which of its cameras recorded them.
        folder: Folder or file.
        start: When the only file begins; without it, file names must say so, in the site's time.
        clock: The present: nothing can have been recorded after it.

    Raises:
        InputError: No such camera or folder; a file whose name holds no time; files that overlap;
            a file from the future.
        SourceError: A file is no video.
    """
    known = [spec.id for spec in site.shop.cameras]
    if camera not in known:
        raise InputError(
            f"the site has no camera {camera!r}", todo=f"Known: {', '.join(known) or 'none'}"
        )
    files = _files(folder)
    if start is not None and len(files) > 1:
        raise InputError(
            f"--start says when one file begins, but there are {len(files)}",
            where=str(folder),
            todo="Name one file, or put the time into the files' names: 2026-11-20_14-30-00.mp4",
        )
    zone = ZoneInfo(site.shop.timezone)
    found = sorted(
        (_recording(path, start or _time_of(path, zone), camera) for path in files),
        key=lambda recording: (recording.at, recording.path),
    )
    late = next((recording for recording in found if recording.end > clock()), None)
    if late is not None:
        raise InputError(
            f"it would end at {late.end:%Y-%m-%d %H:%M} UTC, which is still to come",
            where=str(late.path),
            todo=f"Correct the time in its name (read in {site.shop.timezone})",
        )
    return [Part(site.path, camera, tuple(group)) for group in _joined(found)]


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise InputError("there is no such folder or file", where=str(folder), todo="Name one")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(
            "it holds no video", where=str(folder), todo=f"Known: {', '.join(sorted(SUFFIXES))}"
        )
    return files


def _time_of(path: Path, zone: ZoneInfo) -> datetime:
    """The moment that a file's name tells: a date with a time in the shop's zone, or Unix time."""
    if named := _NAMED.search(path.stem):
        try:
            numbers = [int(text or 0) for text in named.groups()]
            return datetime(*numbers[:6], tzinfo=zone).astimezone(UTC)  # type: ignore[arg-type,misc]
        except ValueError:
            pass  # numbers of another kind
    if unix := _UNIX.search(path.stem):
        return datetime.fromtimestamp(int(unix[1]), UTC)
    raise InputError(
        "its name does not say when it begins",
        where=str(path),
        todo="Name it like 2026-11-20_14-30-00.mp4 (the shop's time), or give --start for one file",
    )


def _recording(path: Path, at: datetime, camera: str) -> Recording:
    with Video(file_address(path, camera)) as video:
        seconds = video.duration_s() or video.measure_s()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Recording(path, at, seconds, digest)


def _joined(recordings: Sequence[Recording]) -> list[list[Recording]]:
    parts: list[list[Recording]] = []
    for recording in recordings:
        before = parts[-1][-1] if parts else None
        gap_s = (recording.at - before.end).total_seconds() if before else JOINED_S + 1
        if before and gap_s < -JOINED_S:
            raise InputError(
                f"it begins before {before.path} ends, so that the same minutes would count twice",
                where=str(recording.path),
                todo="Correct the times in the names, or take one of them away",
            )
        if gap_s <= JOINED_S and recording.end - parts[-1][0].at <= LONGEST:
            parts[-1].append(recording)
        else:
            parts.append([recording])
    return parts


# --- reading -------------------------------------------------------------------------------------


def analyze(
    site: Site,
    parts: Sequence[Part],
    *,
    store: EventStore,
    settings: Settings,
    key: str,
    processes: int = 1,
    clock: Clock = utc_now,
    read: Callable[[Part, str], tuple[Event, ...]] | None = None,
) -> Iterator[Done]:
    """Reads what has not been read yet; gives each part when its events are stored.

    A part's events are stored together, under ids that follow from its bytes, before it is noted
    as read: whenever a run is killed, the next one takes up the rest and stores nothing twice.

    Args:
        site: The shop.
        parts: As `find_parts` gives them.
        store: Where events go.
        settings: Remembers what was read.
        key: Secret of the event ids.
        processes: How many parts are read at once.
        clock: Decides what is older than the shop keeps.
        read: Stands in for `read_part` in tests; called in this process.

    Raises:
        PrivacyError: Reading is stopped.
    """
    waiting: list[Part] = []
    oldest = clock() - site.privacy.retention
    for part in parts:
        told = settings.setting(_noted(part))
        if told is not None:
            yield Done(part, **json.loads(told), before=True)
        elif part.at < oldest:
            days = site.privacy.retention.days
            yield Done(part, trouble=f"older than the {days} days that the shop keeps events")
        else:
            waiting.append(part)
    for part, events, trouble in _read_all(waiting, key, processes, read):
        if trouble:
            yield Done(part, trouble=trouble)
            continue
        store.append(events)
        seconds = round(sum(recording.seconds for recording in part.recordings), 1)
        note = {"events": len(events), "seconds": seconds}
        settings.set_setting(_noted(part), json.dumps(note))
        yield Done(part, len(events), seconds)


def _noted(part: Part) -> str:
    return f"archive:{part.name}"


Result = tuple[Part, tuple[Event, ...], str]


def _read_all(
    parts: Sequence[Part],
    key: str,
    processes: int,
    read: Callable[[Part, str], tuple[Event, ...]] | None,
) -> Iterator[Result]:
    if read is not None or (processes == 1 and len(parts) <= 1):
        for part in parts:
            yield _outcome(part, partial(read or read_part, part, key))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=no_core_dumps) as pool:
        tasks: dict[Future[tuple[Event, ...]], Part] = {
            pool.submit(read_part, part, key): part for part in parts
        }
        try:
            while tasks:
                for task in wait(tasks, return_when=FIRST_COMPLETED).done:
                    yield _outcome(tasks.pop(task), task.result)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _outcome(part: Part, events: Callable[[], tuple[Event, ...]]) -> Result:
    try:
        return part, events(), ""
    except PrivacyError:
        raise
    except BrokenProcessPool:
        return part, (), "its process was killed; run it again for the rest"
    except AerasError as error:
        return part, (), error.what


def read_part(part: Part, key: str) -> tuple[Event, ...]:
    """The events of a part, read with the planogram that was valid then; nothing else leaves.

    Args:
        part: What to read.
        key: Secret of the event ids.

    Raises:
        SourceError: A file breaks off.
        PrivacyError: Reading was stopped.
        ConfigError: The site file is wrong.
    """
    site = load_site(part.site, part.at)
    spec = site.shop.camera(part.camera)
    faces = reads_faces(site)
    perception = Perception(PerceptionOptions(expression=faces and site.privacy.expression))
    rig = Rig(site.shop, (spec,), perception, RigOptions(faces=faces))
    numbers = count()

    def event_id() -> str:
        told = f"{part.name}|{next(numbers)}".encode()
        return hmac.new(key.encode(), told, hashlib.sha256).hexdigest()[:32]

    gate = Gate(site.shop, grain=site.privacy.time_grain, ids=event_id, shared_visits=True)
    found = [each for frame in _frames(part, site, spec) for each in rig.update(frame)[1]]
    return tuple(gate.admit(interaction) for interaction in (*found, *rig.finish()))


def _frames(part: Part, site: Site, spec: CameraSpec) -> Iterator[Frame]:
    """Those of opening hours, at the times when they were recorded."""
    stop = stop_file(site)
    for recording in part.recordings:
        offset_s = (recording.at - part.at).total_seconds()
        named = replace(spec, source=str(recording.path))
        with closing(open_source(named, clock=utc_now, sample_fps=spec.fps)) as source:
            for frame in source.frames():
                if stop.exists():
                    raise PrivacyError(
                        "reading is stopped",
                        where=str(stop),
                        todo="See aeras resume, then run it again",
                    )
                at = recording.at + timedelta(seconds=frame.t_s)
                if site.hours is None or site.hours.open_at(at):
                    yield replace(frame, at=at, t_s=offset_s + frame.t_s)

"""The stop switch: a file that every camera's worker looks for before each frame.

The file alone stops reading, so anybody who can write to the data folder can stop it (``touch
STOP``). That it was stopped is also recorded in the control database: taking the file away does not
resume, only `FileStopSwitch.resume` does, and that is asked of the privacy officer alone.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from aeras.domain.errors import StoreError
from aeras.domain.oversight import SYSTEM, Act, AuditLog, Stopped
from aeras.domain.ports import Settings

log = structlog.get_logger(__name__)

FILE = "STOP"
"""Its name in the site's data folder."""

_SETTING = "stopped"


class FileStopSwitch:
    """Implements `aeras.domain.oversight.StopSwitch`; any number of processes may use one file.

    Args:
        path: The stop file.
        settings: Records the stop.
        audit: Is told of each stop and resumption.
        clock: UTC.
    """

    def __init__(
        self, path: Path, settings: Settings, audit: AuditLog, clock: Callable[[], datetime]
    ) -> None:
        self._path = path
        self._settings = settings
        self._audit = audit
        self._clock = clock

    def stopped(self) -> Stopped | None:
        """The stop in force. Where file and record differ, the one that stops wins."""
        try:
            recorded = self._recorded()
            if recorded and self._path.exists():
                return recorded
            return self._settle() if recorded or self._path.exists() else None
        except StoreError as error:  # a database in trouble must not allow reading
            if not self._path.exists():
                raise
            log.warning("stop_not_recorded", reason=str(error))
            return Stopped(None, "")

    def stop(self, who: str) -> Stopped:
        """Stops all reading; the file comes first, so that a full disk cannot prevent it."""
        self._make_file()
        with self._alone():
            return self._recorded() or self._record(who)

    def resume(self, who: str) -> None:
        """Allows reading again; does nothing while reading is allowed.

        Raises:
            StoreError: It could not be recorded; reading stays stopped then.
        """
        with self._alone():
            if self._recorded() is None and not self._path.exists():
                return
            self._audit.add(Act.RESUME, who)
            self._settings.set_setting(_SETTING, "")
            self._path.unlink(missing_ok=True)

    def _settle(self) -> Stopped | None:
        """Brings file and record together, to the side of stopping."""
        with self._alone():
            recorded = self._recorded()
            if recorded:
                self._make_file()
                return recorded
            return self._record("") if self._path.exists() else None

    def _record(self, who: str) -> Stopped:
        now = self._clock().astimezone(UTC)
        self._settings.set_setting(_SETTING, json.dumps({"since": now.isoformat(), "who": who}))
        self._audit.add(Act.STOP, who or SYSTEM, by="page or command" if who else "file")
        return Stopped(now, who)

    def _recorded(self) -> Stopped | None:
        text = self._settings.setting(_SETTING)
        if not text:
            return None
        held = json.loads(text)
        return Stopped(datetime.fromisoformat(held["since"]), str(held["who"]))

    def _make_file(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.touch()
        except OSError as error:
            raise StoreError(
                f"the stop file cannot be made ({error.strerror})",
                where=str(self._path),
                todo="End the program itself (Ctrl-C) and mend the folder",
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps other processes and threads from recording at the same moment."""
        with self._path.with_name(f".{self._path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

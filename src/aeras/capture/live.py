"""A source that never waits for its consumer: one reader thread, one slot, newest frame only."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from aeras.capture.decoding import Address, Video
from aeras.capture.fitting import Picture, fit
from aeras.capture.source import CameraState
from aeras.domain.errors import SourceError
from aeras.domain.ports import Clock
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraSpec

log = structlog.get_logger(__name__)


class Feed(Protocol):
    """One connection's worth of pictures."""

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Connects and yields decoded pictures as they come. Raises SourceError."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waiting times between attempts: exponential, with full jitter below half.

    Attributes:
        first_s: The first wait.
        factor: Growth from one failure to the next.
        longest_s: Upper end.
        jitter: Share of a wait that is random, so that a rack of cameras that lost power together
            is not asked all at once.
    """

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 30.0
    jitter: float = 0.5

    def wait_s(self, failures: int, random_share: float) -> float:
        """Seconds to wait after so many failures in a row, for a random number in [0, 1)."""
        # The exponent is bounded: a camera may be off for a year.
        full_s = min(self.longest_s, self.first_s * self.factor ** min(failures - 1, 30))
        return full_s * (1 - self.jitter * random_share)


@dataclass(slots=True)
class _Slot:
    """Holds the newest picture; a picture that is overwritten counts as dropped."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    picture: Picture | None = None
    dropped: int = 0
    ended: bool = False

    def put(self, picture: Picture) -> None:
        with self.changed:
            self.dropped += self.picture is not None
            self.picture = picture
            self.changed.notify_all()

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def take(self) -> Picture | None:
        """Waits for a picture; None when there will be no more."""
        with self.changed:
            self.changed.wait_for(lambda: self.picture is not None or self.ended)
            picture, self.picture = self.picture, None
            return picture


class LiveSource:
    """Reads a feed in its own thread and connects again when it breaks.

    Args:
        spec: The camera.
        feed: What to read; asked for pictures anew after each failure.
        where: For logs: the address without credentials.
        finite: True for a file that is played once: its end is no failure.
        sample_fps: Most frames a second that `frames` gives; None for as many as are asked for.
        backoff: Waits between attempts.
        rng: For the jitter.
    """

    def __init__(
        self,
        spec: CameraSpec,
        feed: Feed,
        *,
        where: str,
        finite: bool = False,
        sample_fps: float | None = None,
        backoff: Backoff | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._spec = spec
        self._feed = feed
        self._finite = finite
        self._step_s = 1 / sample_fps if sample_fps else 0.0
        self._backoff = backoff or Backoff()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._log = log.bind(camera=spec.id, where=where)
        self._slot = _Slot()
        self._stop = threading.Event()
        self._crash: BaseException | None = None
        self._state = CameraState.STARTING
        self._reason = ""
        self._thread = threading.Thread(target=self._run, name=f"capture-{spec.id}", daemon=True)
        self._thread.start()

    @property
    def state(self) -> CameraState:
        """How the camera is doing now."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is down; "" while it is up."""
        return self._reason

    @property
    def dropped(self) -> int:
        """Frames that were decoded but overtaken by a newer one before they were taken."""
        return self._slot.dropped

    def frames(self) -> Iterator[Frame]:
        """Yields the newest frame each time it is asked; waits where there is none.

        Raises:
            SourceError: The pictures have another shape than configured; trying again is useless.
        """
        due_s = time.monotonic()
        while not self._stop.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + self._step_s, time.monotonic())
            picture = self._slot.take()
            if picture is None:
                break
            try:
                frame = fit(picture, self._spec)
            except SourceError as error:
                self._set(CameraState.DOWN, error.what)
                self.close()
                raise
            yield frame
        if self._crash is not None:
            raise self._crash

    def close(self) -> None:
        """Stops reading. Does not wait for a hanging connection: its thread ends by itself at its
        timeout and holds nothing that others use.
        """
        self._stop.set()
        self._slot.end()
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout=0.2)

    def _run(self) -> None:
        try:
            self._read_until_stopped()
        except BaseException as crash:  # noqa: BLE001 - a bug; raised again in the consumer's thread
            self._crash = crash
            self._set(CameraState.DOWN, f"the reader failed: {type(crash).__name__}")
        finally:
            self._slot.end()

    def _read_until_stopped(self) -> None:
        failures = 0
        while not self._stop.is_set():
            seen, reason = self._read_once()
            if not reason or self._stop.is_set():
                self._set(CameraState.ENDED, "")
                return
            failures = 1 if seen else failures + 1
            wait_s = self._backoff.wait_s(failures, self._rng.random())
            self._set(CameraState.DOWN, reason, retry_in_s=round(wait_s, 1))
            self._stop.wait(wait_s)
        self._set(CameraState.ENDED, "")

    def _read_once(self) -> tuple[bool, str]:
        """Whether any picture came, and why it broke off ("" for a proper end)."""
        seen = False
        try:
            for picture in self._feed.pictures(self._stop):
                if self._stop.is_set():
                    break
                if not seen:
                    seen = True
                    self._set(CameraState.UP, "")
                self._slot.put(picture)
        except SourceError as error:
            return seen, error.what
        return seen, "" if self._finite else "the stream ended"

    def _set(self, state: CameraState, reason: str, **facts: float) -> None:
        changed = (state, reason) != (self._state, self._reason)
        self._state, self._reason = state, reason
        if changed:
            write = self._log.warning if state is CameraState.DOWN else self._log.info
            write("camera " + state, reason=reason, **facts)


def as_they_come(
    address: Address, stop: threading.Event, *, start_s: float, clock: Clock
) -> Iterator[Picture]:
    """Opens a live address and yields its pictures, stamped when they are decoded.

    Ends when the stream breaks or ``stop`` is set. ``start_s`` is zero of `Frame.t_s` on the
    monotonic clock. Raises SourceError.
    """
    with Video(address) as video:
        for image, _ in video.pictures():
            if stop.is_set():
                return
            yield Picture(image, time.monotonic() - start_s, clock())

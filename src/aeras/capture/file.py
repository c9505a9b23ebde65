"""Video files: every frame in order, or played as if the file were a camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aeras.capture.decoding import Address, Video, file_address
from aeras.capture.fitting import Picture, fit
from aeras.capture.source import CameraState
from aeras.domain.errors import SourceError
from aeras.domain.ports import Clock
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraSpec

_MISSING_SHARE = 0.02
_MISSING_FRAMES = 3
"""Frames a sound file may lack of what its header says (edit lists, open groups of pictures)."""

_MAX_LAG_S = 2.0
"""A player that starts further behind than this jumps ahead instead of showing the past."""


class FileSource:
    """Every frame of a file in order, as fast as they are asked for; `Frame.t_s` is its pts.

    Args:
        spec: The camera.
        clock: For `Frame.at`.
        sample_fps: Frames a second (of the video) to give; the others are decoded but not
            converted. None gives all.

    Raises:
        SourceError: At once when the file is missing or no video; from `frames` where it breaks
            off.
    """

    def __init__(self, spec: CameraSpec, clock: Clock, *, sample_fps: float | None = None) -> None:
        self._spec = spec
        self._clock = clock
        self._address = file_address(Path(spec.source), spec.id)
        self._step_s = 1 / sample_fps if sample_fps else 0.0
        self._closed = threading.Event()
        self.state = CameraState.STARTING
        self.reason = ""
        self.dropped = 0
        probe(self._address)

    def frames(self) -> Iterator[Frame]:
        """Yields frames to the end of the file."""
        self.state = CameraState.UP
        try:
            yield from self._sampled()
        except SourceError as error:
            self.state, self.reason = CameraState.DOWN, error.what
            raise
        self.state = CameraState.ENDED

    def close(self) -> None:
        """Ends `frames` before its next frame."""
        self._closed.set()

    def _sampled(self) -> Iterator[Frame]:
        due_s = 0.0
        with Video(self._address) as video:
            for image, t_s in video.pictures():
                if self._closed.is_set():
                    return
                # Half a frame of tolerance: 30 fps sampled at 5 gives every sixth frame even
                # where rounding of the timestamps puts it a hair before its due time.
                if t_s + video.frame_s / 2 < due_s:
                    self.dropped += 1
                    continue
                due_s = max(due_s + self._step_s, t_s)
                yield fit(Picture(image, t_s, self._clock()), self._spec)
            check_complete(video, self._address)


def probe(address: Address) -> None:
    """Raises SourceError unless the first frame can be decoded."""
    with Video(address) as video:
        if next(video.pictures(), None) is None:
            raise SourceError("it holds no frame", where=address.where, todo="Replace the file")


def check_complete(video: Video, address: Address) -> None:
    """Raises SourceError when a file ends well before the number of frames it declares."""
    missing = video.expected - video.decoded
    if missing > _MISSING_FRAMES + _MISSING_SHARE * video.expected:
        raise SourceError(
            f"the file breaks off after {video.decoded} of {video.expected} frames",
            where=address.where,
            todo="Copy it again from where it came",
        )


@dataclass(frozen=True, slots=True)
class Player:
    """A feed that plays a file in real time, see `aeras.capture.live`.

    Files that share ``start_s`` show the same moment at the same time, also after any number of
    loops, if they are equally long. `Frame.t_s` is the playing time since ``start_s``.

    Attributes:
        address: The file.
        clock: For `Frame.at`.
        start_s: Moment of the first frame on the monotonic clock.
        loop: Starts again at the end, for ever.
    """

    address: Address
    clock: Clock
    start_s: float
    loop: bool

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        """Yields each frame at its moment until the end, or until ``stop`` is set."""
        length_s = self._length_s()
        lap = self._lap(length_s)
        while not stop.is_set():
            yield from self._play(lap * length_s, stop)
            if not self.loop:
                return
            lap = max(lap + 1, self._lap(length_s))

    def _length_s(self) -> float:
        with Video(self.address) as video:
            return video.duration_s() or video.measure_s()

    def _now_s(self) -> float:
        return time.monotonic() - self.start_s

    def _lap(self, length_s: float) -> int:
        return max(0, int(self._now_s() // length_s)) if self.loop else 0

    def _play(self, offset_s: float, stop: threading.Event) -> Iterator[Picture]:
        with Video(self.address) as video:
            skip_s = self._now_s() - offset_s
            if skip_s > _MAX_LAG_S:
                video.seek(skip_s)
            for image, t_s in video.pictures():
                if t_s < skip_s - _MAX_LAG_S:
                    continue
                if stop.wait(max(0.0, offset_s + t_s - self._now_s())):
                    return
                yield Picture(image, offset_s + t_s, self.clock())

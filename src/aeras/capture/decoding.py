"""libav behind our errors: open a container, give its pictures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import av
import structlog
from av.container import InputContainer
from av.error import (
    ConnectionRefusedError as AvRefused,
)
from av.error import (
    ExitError,
    FFmpegError,
    HTTPForbiddenError,
    HTTPNotFoundError,
    HTTPUnauthorizedError,
    InvalidDataError,
)
from av.error import (
    FileNotFoundError as AvNotFound,
)
from av.video.stream import VideoStream

from aeras.domain.errors import SourceError

MAX_BAD_PACKETS = 60
"""Packets in a row that may fail to decode (two seconds of video) before the source is given up."""

_FALLBACK_FPS = 25.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """What to open.

    Attributes:
        url: For libav; may hold a password.
        where: For people; holds none.
        format: libav's input format, or None to find out.
        options: libav's options.
        timeout_s: (open, read) seconds, or None to wait for ever (plain files).
    """

    url: str
    where: str
    format: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    timeout_s: tuple[float, float] | None = None


class Video:
    """The first video stream of an opened container; a context manager.

    Raises:
        SourceError: It cannot be reached, is no video, or has no video stream. Messages never
            hold libav's own text, which repeats the address with its password.
    """

    def __init__(self, address: Address) -> None:
        self._where = address.where
        begin_s = time.monotonic()
        try:
            self._container: InputContainer = av.open(
                address.url,
                format=address.format,
                options=dict(address.options),
                timeout=address.timeout_s,
            )
        except (FFmpegError, OSError, ValueError) as error:
            # Some protocols report a silent host as bad data.
            late = address.timeout_s and time.monotonic() - begin_s >= address.timeout_s[0]
            raise self._error(TimeoutError() if late else error) from None
        if not self._container.streams.video:
            kinds = sorted({str(stream.type) for stream in self._container.streams})
            self._container.close()
            raise SourceError(
                f"it has no video, only {', '.join(kinds) or 'nothing'}",
                where=self._where,
                todo="Name a source with a picture",
            )
        self._stream: VideoStream = self._container.streams.video[0]
        self._stream.codec_context.thread_count = 1
        self._fps = float(self._stream.average_rate or 0) or _FALLBACK_FPS
        self._start = self._stream.start_time or 0
        self.decoded = 0

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    @property
    def expected(self) -> int:
        """Number of frames that the file says it has, or 0 when it does not say."""
        return int(self._stream.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, as the file declares it."""
        return (int(self._stream.codec_context.width), int(self._stream.codec_context.height))

    @property
    def frame_s(self) -> float:
        """Seconds a frame stands."""
        return 1 / self._fps

    def duration_s(self) -> float | None:
        """Declared length of the picture in seconds, or None when the file does not say."""
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return float(self._container.duration) / av.time_base
        return None

    def measure_s(self) -> float:
        """Length in seconds found by reading the whole file, which is then at its end.

        Raises:
            SourceError: It holds nothing.
        """
        base = self._stream.time_base
        ends = [
            float((packet.pts - self._start) * base) + self.frame_s
            for packet in self._container.demux(self._stream)
            if packet.pts is not None and base is not None
        ]
        if not ends:
            raise SourceError("it holds no frame", where=self._where, todo="Replace the file")
        return max(ends)

    def seek(self, t_s: float) -> None:
        """Goes to the key frame at or before ``t_s``, or to the start where that cannot be."""
        assert self._stream.time_base is not None
        ticks = self._start + int(t_s / self._stream.time_base)
        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except FFmpegError:
            log.debug("file cannot be sought", where=self._where)

    def pictures(self) -> Iterator[tuple[av.VideoFrame, float]]:
        """Decoded frames with their time in seconds since the start of the stream.

        Single damaged packets, which any radio link has, are skipped.
        """
        bad = 0
        try:
            for packet in self._container.demux(self._stream):
                try:
                    frames = packet.decode()
                except InvalidDataError:
                    bad += 1
                    if bad > MAX_BAD_PACKETS:
                        raise
                    continue
                for frame in frames:
                    bad = 0
                    yield frame, self._time_of(frame)
                    self.decoded += 1
        except (FFmpegError, OSError, ValueError) as error:
            raise self._error(error) from None

    def _time_of(self, frame: av.VideoFrame) -> float:
        if frame.pts is None or frame.time_base is None:
            return self.decoded / self._fps
        return float((frame.pts - self._start) * frame.time_base)

    def _error(self, error: Exception) -> SourceError:
        what, todo = _in_words(error)
        return SourceError(what, where=self._where, todo=todo)


def _in_words(error: Exception) -> tuple[str, str]:
    known: dict[type[Exception], tuple[str, str]] = {
        AvRefused: ("the connection was refused", "Check address, port and that it is switched on"),
        TimeoutError: ("no answer in time", "Check the address and the network"),
        ExitError: ("no answer in time", "Check the address and the network"),
        AvNotFound: ("there is no such stream, device or file", "Check the name"),
        HTTPNotFoundError: ("there is no such stream", "Check the path in its address"),
        HTTPUnauthorizedError: ("user name or password were refused", "Check both"),
        HTTPForbiddenError: ("user name or password were refused", "Check both"),
        InvalidDataError: ("this is no video that can be decoded, or it is damaged", "Replace it"),
    }
    for kind, words in known.items():
        if isinstance(error, kind):
            return words
    text = getattr(error, "strerror", None) or type(error).__name__
    return f"it cannot be read ({text})", "Check that it plays in a video player"


def file_address(path: Path, camera: str) -> Address:
    """A file, which may not pull in anything else (a playlist could name other addresses).

    Raises:
        SourceError: There is no such file.
    """
    where = f"camera {camera}: {path}"
    if not path.is_file():
        raise SourceError("there is no such video file", where=where, todo="Check the path")
    return Address(str(path), where, options=(("protocol_whitelist", "file"),))

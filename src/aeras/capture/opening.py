"""Chooses the reader that fits a camera's source string."""

from __future__ import annotations

import time
from pathlib import Path

from aeras.capture.decoding import file_address
from aeras.capture.device import DeviceFeed, device_path
from aeras.capture.file import FileSource, Player, probe
from aeras.capture.live import LiveSource
from aeras.capture.redact import redact
from aeras.capture.rtsp import SCHEMES, RtspFeed, RtspOptions
from aeras.capture.source import CameraSource
from aeras.domain.errors import SourceError
from aeras.domain.ports import Clock
from aeras.domain.shop import CameraSpec


def open_source(
    spec: CameraSpec,
    *,
    clock: Clock,
    realtime: bool = False,
    loop: bool = False,
    start_s: float | None = None,
    sample_fps: float | None = None,
    rtsp: RtspOptions | None = None,
) -> CameraSource:
    """Opens a camera.

    Args:
        spec: ``spec.source`` is a network address, a device number or path, or a file.
        clock: Gives the present moment for `Frame.at`.
        realtime: A file is played at its own speed and gives the newest frame only, as a live
            camera would; without it, it gives every frame as fast as asked. Live sources always
            are.
        loop: A file starts again at its end, for ever; implies ``realtime``.
        start_s: Moment on the monotonic clock (`time.monotonic`) that is zero of `Frame.t_s`.
            Sources of one worker must share it. For looped files it is also the moment of their
            first frame. Default: now for a file, the clock's own zero for a live source.
        sample_fps: Most frames a second to give; see `FileSource` and `LiveSource`.
        rtsp: Transport, timeouts and back-off of network cameras.

    Returns:
        A source. A live one connects in the background and never raises for a camera that is
        away: its `state` is ``down`` with a `reason` while it tries again.

    Raises:
        SourceError: A file that is missing or no video; an unknown kind of source.
    """
    scheme = spec.source.split("://", 1)[0].lower() if "://" in spec.source else ""
    path = device_path(spec.source)
    if scheme in SCHEMES:
        options = rtsp or RtspOptions()
        return LiveSource(
            spec,
            RtspFeed(spec.source, spec.id, clock, start_s or 0.0, options),
            where=redact(spec.source),
            sample_fps=sample_fps,
            backoff=options.backoff,
        )
    if scheme:
        raise SourceError(
            f"sources of kind {scheme}:// are not known",
            where=f"camera {spec.id}",
            todo=f"Use {', '.join(SCHEMES)}, a device number such as 0, or a file path",
        )
    if path is not None:
        feed = DeviceFeed(path, spec.id, spec.size, clock, start_s or 0.0)
        return LiveSource(spec, feed, where=path, sample_fps=sample_fps)
    if not (realtime or loop):
        return FileSource(spec, clock, sample_fps=sample_fps)
    return _play(spec, clock, loop=loop, start_s=start_s, sample_fps=sample_fps)


def _play(
    spec: CameraSpec, clock: Clock, *, loop: bool, start_s: float | None, sample_fps: float | None
) -> LiveSource:
    address = file_address(Path(spec.source), spec.id)
    probe(address)
    begin_s = time.monotonic() if start_s is None else start_s
    return LiveSource(
        spec,
        Player(address, clock, begin_s, loop),
        where=spec.source,
        finite=not loop,
        sample_fps=sample_fps,
    )

"""One suite over every kind of camera source."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from clips import SIZE, write_clip
from rtsp_server import RtspServer

from aeras.capture import CameraSource, CameraState, open_source
from aeras.domain.shop import CameraRole, CameraSpec

Opener = Callable[[], CameraSource]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips")
    write_clip(path / "clip.mp4", frames=60, fps=15)
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RtspServer]:
    running = RtspServer(folder)
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=["file", "played file", "looped file", "rtsp"])
def opener(request: pytest.FixtureRequest, folder: Path) -> Opener:
    clip = str(folder / "clip.mp4")

    def clock() -> datetime:
        return datetime.now(UTC)

    def spec(source: str) -> CameraSpec:
        return CameraSpec("cam", source, CameraRole.SHELF, SIZE)

    if request.param == "rtsp":
        url = request.getfixturevalue("server").url("clip.mp4")
        return lambda: open_source(spec(url), clock=clock)
    options = {
        "file": {},
        "played file": {"realtime": True},
        "looped file": {"loop": True},
    }[request.param]
    return lambda: open_source(spec(clip), clock=clock, **options)


def test_frames_are_bgr_of_the_configured_size_in_order_of_time(opener: Opener) -> None:
    source = opener()
    try:
        stream = source.frames()
        frames = [next(stream) for _ in range(5)]
    finally:
        source.close()
    for frame in frames:
        assert frame.camera == "cam"
        assert frame.size == SIZE
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.writeable
        assert frame.at.tzinfo is UTC
    times = [frame.t_s for frame in frames]
    assert times == sorted(set(times))


def test_state_is_up_while_frames_come_and_ended_after(opener: Opener) -> None:
    source = opener()
    stream = source.frames()
    next(stream)
    assert source.state is CameraState.UP
    assert source.reason == ""
    source.close()
    list(stream)
    until = time.monotonic() + 3
    while source.state is not CameraState.ENDED and time.monotonic() < until:
        time.sleep(0.02)
    assert source.state is CameraState.ENDED


def test_close_twice_from_another_thread_ends_the_frames(opener: Opener) -> None:
    source = opener()
    stream = source.frames()
    next(stream)
    for _ in range(2):
        closer = threading.Thread(target=source.close)
        closer.start()
        closer.join(timeout=2)
        assert not closer.is_alive()
    assert len(list(stream)) <= 1


def test_images_do_not_share_memory(opener: Opener) -> None:
    source = opener()
    try:
        stream = source.frames()
        first = next(stream)
        kept = first.image.copy()
        next(stream).image[:] = 0
        assert np.array_equal(first.image, kept)
    finally:
        source.close()

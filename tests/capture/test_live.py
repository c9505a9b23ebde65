from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import av
import pytest
from clips import SIZE, write_clip
from hypothesis import given, settings
from hypothesis import strategies as st
from rtsp_server import RtspServer, free_port
from structlog.testing import capture_logs

from aeras.capture import CameraSource, CameraState, open_source
from aeras.capture.fitting import Picture
from aeras.capture.live import Backoff, LiveSource
from aeras.capture.redact import redact
from aeras.capture.rtsp import RtspOptions
from aeras.domain.errors import SourceError
from aeras.domain.shop import CameraRole, CameraSpec

QUICK = RtspOptions(open_s=1.0, read_s=1.0, backoff=Backoff(first_s=0.1, longest_s=0.3))


def clock() -> datetime:
    return datetime.now(UTC)


def camera(source: str, size: tuple[int, int] = SIZE) -> CameraSpec:
    return CameraSpec("cam", source, CameraRole.SHELF, size)


def wait_for(condition: Callable[[], bool], limit_s: float = 10) -> None:
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RtspServer]:
    write_clip(tmp_path / "clip.mp4", frames=90, fps=15)
    running = RtspServer(tmp_path)
    running.start()
    yield running
    running.stop()


def test_a_slow_consumer_stays_near_live(server: RtspServer) -> None:
    source = open_source(camera(server.url("clip.mp4")), clock=clock, rtsp=QUICK)
    try:
        frames = source.frames()
        next(frames)
        ages = []
        for _ in range(6):
            time.sleep(0.3)  # the consumer's work: four frames come meanwhile
            ages.append(time.monotonic() - next(frames).t_s)
        assert sorted(ages)[3] < 0.25
        assert source.dropped >= 10
        assert source.state is CameraState.UP
    finally:
        source.close()


def test_a_camera_that_comes_back_is_found_again(server: RtspServer) -> None:
    source = open_source(camera(server.url("clip.mp4")), clock=clock, rtsp=QUICK)
    try:
        frames = source.frames()
        before = next(frames)
        server.stop()
        wait_for(lambda: source.state is CameraState.DOWN)
        assert source.reason
        server.start()
        wait_for(lambda: source.state is CameraState.UP)
        next(frames)  # may be the last one from before
        assert next(frames).t_s > before.t_s + 0.5
        assert source.reason == ""
    finally:
        source.close()


def test_a_refused_connection_is_told_without_the_password() -> None:
    url = f"rtsp://shop:geheim@127.0.0.1:{free_port()}/stream?token=s3cret"
    with capture_logs() as logs:
        source = open_source(camera(url), clock=clock, rtsp=QUICK)
        wait_for(lambda: source.state is CameraState.DOWN)
        reason = source.reason
        source.close()
    assert "refused" in reason
    told = f"{logs} {reason}"
    assert "geheim" not in told
    assert "s3cret" not in told
    assert "127.0.0.1" in told


def test_a_silent_host_times_out_and_closing_does_not_wait_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"rtsp://127.0.0.1:{silent.getsockname()[1]}/stream"
        source = open_source(camera(url), clock=clock, rtsp=QUICK)
        wait_for(lambda: source.state is CameraState.DOWN)
        assert "no answer" in source.reason
        begin_s = time.monotonic()
        source.close()
        source.close()
        assert time.monotonic() - begin_s < 0.5
        assert list(source.frames()) == []


def test_a_missing_device_is_down_and_tried_again() -> None:
    source = open_source(camera("73"), clock=clock)
    try:
        wait_for(lambda: source.state is CameraState.DOWN)
        assert "no such" in source.reason
    finally:
        source.close()


def test_a_stream_of_another_shape_ends_with_both_sizes(server: RtspServer) -> None:
    source = open_source(camera(server.url("clip.mp4"), (64, 64)), clock=clock, rtsp=QUICK)
    with pytest.raises(SourceError, match=r"128x96.*64x64"):
        next(source.frames())
    assert source.state is not CameraState.UP


def test_close_from_another_thread_ends_a_waiting_consumer() -> None:
    source = open_source(camera(f"rtsp://127.0.0.1:{free_port()}/x"), clock=clock, rtsp=QUICK)
    threading.Timer(0.2, source.close).start()
    assert list(source.frames()) == []


class Recropped:
    """A camera whose resolution is changed while it runs."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        for number, (width, height) in enumerate((SIZE, (SIZE[0] // 2, SIZE[1] // 2))):
            yield Picture(av.VideoFrame(width, height, "rgb24"), float(number), clock())
            self.go_on.wait(10)
        stop.wait(10)


def test_a_camera_that_changes_its_resolution_while_it_runs_is_refused() -> None:
    feed = Recropped()
    spec = replace(camera("x"), calibrated_on=SIZE)
    source = LiveSource(spec, feed, where="x")
    frames = source.frames()
    assert next(frames).size == SIZE
    feed.go_on.set()
    with pytest.raises(SourceError, match=r"was calibrated with .*mark them again"):
        next(frames)
    assert source.state is not CameraState.UP


class Broken:
    def pictures(self, stop: threading.Event) -> Iterator[Picture]:
        raise RuntimeError("a bug in a driver")


def test_a_bug_in_a_reader_reaches_the_consumer() -> None:
    source: CameraSource = LiveSource(camera("x"), Broken(), where="x")
    with pytest.raises(RuntimeError, match="a bug in a driver"):
        list(source.frames())
    assert source.state is CameraState.DOWN


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waits_grow_and_stay_bounded(failures: int, share: float) -> None:
    backoff = Backoff(first_s=0.5, longest_s=30)
    assert 0.25 <= backoff.wait_s(failures, share) <= 30
    assert backoff.wait_s(failures + 1, share) >= backoff.wait_s(failures, share)


def test_jitter_spreads_cameras_that_failed_together() -> None:
    rng = random.Random(3)
    waits = {round(Backoff().wait_s(4, rng.random()), 3) for _ in range(20)}
    assert len(waits) > 15


@settings(deadline=None)
@given(
    st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=20),
    st.sampled_from(
        ["rtsp://{}:x@h/s", "rtsp://u:{}@h/s", "http://h/s?pwd={}&a=1", "u://a:/{}/@h/"]
    ),
)
def test_secrets_never_survive_redaction(secret: str, form: str) -> None:
    assert secret not in redact(form.format(secret)).replace("password", "")


def test_redaction_keeps_what_finds_the_camera() -> None:
    told = redact("rtsp://admin:a%2Fb@10.0.0.7:554/live/1?channel=2&password=x#k")
    assert told == "rtsp://***@10.0.0.7:554/live/1?channel=2&password=***#k"

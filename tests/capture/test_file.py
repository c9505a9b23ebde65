from __future__ import annotations

import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from clips import CODECS, SIZE, grey_of, write_clip, write_sound

from aeras.capture import CameraState, open_source
from aeras.domain.errors import SourceError
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraRole, CameraSpec

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def clock() -> datetime:
    return NOW


def camera(source: Path | str, size: tuple[int, int] = SIZE, **more: object) -> CameraSpec:
    return CameraSpec("cam", str(source), CameraRole.SHELF, size, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("ending", sorted(CODECS))
def test_every_frame_comes_in_order_with_its_own_time(tmp_path: Path, ending: str) -> None:
    clip = write_clip(tmp_path / f"clip{ending}", frames=30, fps=10)
    frames = list(open_source(camera(clip), clock=clock).frames())
    assert len(frames) == 30
    if ending == ".mjpeg":  # knows no times: 25 frames a second are assumed
        assert frames[-1].t_s == pytest.approx(29 / 25)
    else:
        assert [round(frame.t_s, 2) for frame in frames] == [n / 10 for n in range(30)]
    levels = [int(frame.image.mean()) for frame in frames]
    assert np.abs(np.array(levels) - [grey_of(n) for n in range(30)]).max() < 20
    assert frames[0].at == NOW


def test_sampling_keeps_real_moments_and_counts_the_rest(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=30, fps=15)
    source = open_source(camera(clip), clock=clock, sample_fps=5)
    assert [round(frame.t_s, 2) for frame in source.frames()] == [n / 5 for n in range(10)]
    assert source.dropped == 20


def test_excluded_zones_are_black_before_anything_sees_them(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=8)
    zone = ((0.0, 0.0), (40.0, 0.0), (40.0, 95.0), (0.0, 95.0))
    *_, frame = open_source(camera(clip, excluded=(zone,)), clock=clock).frames()
    assert frame.image[:, :40].max() == 0
    assert frame.image[:, 45:].min() > 0


def test_a_camera_that_sends_another_size_than_when_calibrated_is_refused(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=2)
    good = camera(clip, (64, 48), calibrated_on=SIZE)
    assert next(open_source(good, clock=clock).frames()).sent_size == SIZE
    changed = camera(clip, (64, 48), calibrated_on=(SIZE[0] * 2, SIZE[1] * 2))
    with pytest.raises(SourceError, match=r"was calibrated with .*mark them again"):
        next(open_source(changed, clock=clock).frames())


def test_frames_of_the_same_shape_are_scaled_to_the_configured_size(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=2)
    frame = next(open_source(camera(clip, (64, 48)), clock=clock).frames())
    assert frame.size == (64, 48)


def test_a_clip_of_a_turned_phone_is_shown_upright(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=2, light_left=True)
    upright = bytes.fromhex("00010000" + "00000000" * 3 + "00010000")
    clockwise = bytes.fromhex("00000000" + "00010000" + "00000000" + "ffff0000" + "00000000")
    data = clip.read_bytes()
    place = data.rindex(b"tkhd")  # the track's header holds its display matrix
    matrix = data.index(upright, place)
    clip.write_bytes(data[:matrix] + clockwise + data[matrix + 20 :])
    frame = next(open_source(camera(clip, (96, 128)), clock=clock).frames())
    assert frame.image.shape == (128, 96, 3)
    assert frame.image[:60].mean() > 150  # what was left is above
    assert frame.image[68:].mean() < 60


def test_another_shape_is_refused_with_both_sizes(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=2)
    source = open_source(camera(clip, (128, 72)), clock=clock)
    with pytest.raises(SourceError, match=r"128x96.*128x72.*\[128, 96\]"):
        next(source.frames())
    assert source.state is CameraState.DOWN
    assert "128x72" in source.reason


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such video file"):
        open_source(camera(tmp_path / "none.mp4"), clock=clock)


@pytest.mark.parametrize("content", [b"", b"not a video at all" * 400, bytes(5000)])
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "garbage.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"cam: .*garbage\.mp4: .*(video|read)"):
        open_source(camera(path), clock=clock)


def test_a_file_cut_off_before_its_index_cannot_be_opened(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SourceError, match="no video that can be decoded"):
        open_source(camera(path), clock=clock)


def test_a_file_that_breaks_off_says_so_after_its_good_frames(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mp4", frames=120, index_first=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = open_source(camera(path), clock=clock)
    frames: list[Frame] = []
    with pytest.raises(SourceError, match=r"breaks off after \d+ of 120 frames"):
        frames.extend(source.frames())
    assert 20 < len(frames) < 110


def test_sound_without_a_picture(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no video, only audio"):
        open_source(camera(write_sound(tmp_path / "sound.mp4")), clock=clock)


def test_unknown_kind_of_source() -> None:
    with pytest.raises(SourceError, match="ftp://"):
        open_source(camera("ftp://camera/clip.mp4"), clock=clock)


def test_a_playlist_may_not_reach_other_addresses(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError):
        open_source(camera(path), clock=clock)


def test_looped_files_with_one_start_show_the_same_moment(tmp_path: Path) -> None:
    start_s = time.monotonic() - 100.3
    sources = [
        open_source(
            camera(write_clip(tmp_path / f"{name}.mp4", frames=15, fps=15)),
            clock=clock,
            loop=True,
            start_s=start_s,
        )
        for name in "ab"
    ]
    streams = [source.frames() for source in sources]
    apart, late = [], []
    try:
        for _ in range(20):
            one, other = (next(stream) for stream in streams)
            apart.append(abs(one.t_s - other.t_s))
            late.append(abs(one.t_s - (time.monotonic() - start_s)))
            expected = grey_of(round(one.t_s * 15) % 15)
            assert abs(int(one.image.mean()) - expected) < 6
        assert one.t_s > 101
        # Medians: a busy machine may hold up single frames, but nothing may drift.
        assert statistics.median(apart) < 0.15
        assert statistics.median(late) < 0.3
    finally:
        for source in sources:
            source.close()
    assert sources[0].state is CameraState.ENDED


def test_a_file_in_real_time_takes_its_time_and_ends(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", frames=15, fps=15)
    source = open_source(camera(clip), clock=clock, realtime=True)
    begin_s = time.monotonic()
    frames = list(source.frames())
    assert 0.8 < time.monotonic() - begin_s < 3
    assert frames[-1].t_s == pytest.approx(14 / 15, abs=0.01)
    assert source.state is CameraState.ENDED

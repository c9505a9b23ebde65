"""From frames to a finished video file: sensor noise, H.264, and names that mean "complete"."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render.canvas import Image

NOISE_LEVELS: Final = 1.3
"""Standard deviation of the sensor's noise in the brightness, of 255."""
NOISE_TILES: Final = 12
CRF: Final = "21"
LIGHT_WORK: Final = "rc-lookahead=4:weightp=0:subme=1:bframes=2:b-adapt=0"
"""Searches that a still camera's noise defeats anyway; without them encoding takes half the time
and the file is no larger."""


class Sensor:
    """Gives drawn frames what a small camera adds: vignetting and a little noise.

    Args:
        size: Width and height, px; both even.
        seed: Source of the noise.
    """

    def __init__(self, size: tuple[int, int], seed: int) -> None:
        width, height = size
        rng = np.random.default_rng(seed)
        noise = rng.normal(0, NOISE_LEVELS, (NOISE_TILES, height, width))
        across = np.linspace(-1, 1, width) ** 2
        down = np.linspace(-1, 1, height) ** 2
        fall = np.clip(1 - 0.085 * (across[None] + down[:, None]) ** 1.4, 0, 1)
        self._gain = np.rint(fall * 255).astype(np.uint8)
        self._noise = np.rint(noise).astype(np.int8)
        self._count = 0

    def yuv(self, frame: Image) -> npt.NDArray[np.uint8]:
        """Return a BGR frame as planar YUV 4:2:0, shape (height * 3 / 2, width)."""
        planes = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420)
        height = frame.shape[0]
        luma = cv2.multiply(planes[:height], self._gain, scale=1 / 255)
        grain = self._noise[self._count * 7 % NOISE_TILES]
        self._count += 1
        planes[:height] = cv2.add(luma, grain, dtype=cv2.CV_8U)
        return planes.astype(np.uint8, copy=False)


@contextmanager
def finished(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; it becomes `path` only if the block completes."""
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_video(
    path: Path,
    draw: Callable[[float], Image],
    *,
    size: tuple[int, int],
    seconds: float,
    fps: int,
    seed: int,
    on_frame: Callable[[float], None],
) -> None:
    """Draw and encode a video.

    Args:
        path: Where the finished file appears, at once and whole.
        draw: Returns the BGR frame at a time in seconds.
        size: Width and height, px. The file is the same byte for byte, given the same frames,
            where the width is a multiple of 128 (x264 reads whole blocks of 64 bytes of chroma).
        seconds: Length.
        fps: Frames per second.
        seed: Source of the sensor's noise.
        on_frame: Called with the share done, 0 to 1; may raise to stop.
    """
    count = round(seconds * fps)
    sensor = Sensor(size, seed)

    def planes() -> Iterator[npt.NDArray[np.uint8]]:
        for number in range(count):
            yield sensor.yuv(draw(number / fps))
            on_frame((number + 1) / count)

    _encode(path, planes(), size, fps)


def write_frames(path: Path, frames: Iterable[Image], size: tuple[int, int], fps: int) -> None:
    """Encode finished BGR frames; the file appears at once and whole."""
    planes = (cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).astype(np.uint8) for frame in frames)
    _encode(path, planes, size, fps)


def _encode(
    path: Path, planes: Iterable[npt.NDArray[np.uint8]], size: tuple[int, int], fps: int
) -> None:
    """Encode frames given as planar YUV 4:2:0."""
    with finished(path) as part, av.open(str(part), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        # One thread: both videos are encoded side by side, each in a process of its own.
        stream.options = {
            "crf": CRF,
            "preset": "veryfast",
            "threads": "1",
            "g": str(fps * 2),
            "x264-params": LIGHT_WORK,
        }
        for number, plane in enumerate(planes):
            picture = av.VideoFrame.from_ndarray(plane, "yuv420p")
            picture.pts = number
            picture.time_base = Fraction(1, fps)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)

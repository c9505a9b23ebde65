"""Makes tiny clips whose pictures tell which frame they are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (128, 96)
CODECS = {
    ".mp4": "libx264",
    ".mkv": "libx264",
    ".mov": "libx264",
    ".gif": "gif",
    ".mjpeg": "mjpeg",
}
PIXELS = {"libx264": "yuv420p", "gif": "rgb8", "mjpeg": "yuvj420p"}


def grey_of(number: int) -> int:
    """The grey level of the frame of that number."""
    return 20 + number * 3 % 220


def write_clip(
    path: Path,
    *,
    frames: int = 30,
    fps: int = 15,
    size: tuple[int, int] = SIZE,
    index_first: bool = False,
    light_left: bool = False,
) -> Path:
    """A clip whose n-th frame is plain grey of level `grey_of(n)`, with a little noise."""
    rng = np.random.default_rng(7)
    codec = CODECS[path.suffix]
    with av.open(str(path), "w", options={"movflags": "faststart"} if index_first else {}) as out:
        stream = out.add_stream(codec, rate=fps)
        stream.width, stream.height = size
        stream.pix_fmt = PIXELS[codec]
        stream.time_base = Fraction(1, fps)
        if codec == "libx264":
            stream.options = {"g": "10", "tune": "zerolatency", "profile": "baseline"}
        for number in range(frames):
            noise = rng.integers(-3, 4, (size[1], size[0], 1))
            picture = np.repeat(grey_of(number) + noise, 3, axis=2).astype(np.uint8)
            if light_left:
                picture[:, : size[0] // 2] = 200
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            out.mux(stream.encode(frame.reformat(format=PIXELS[codec])))
        out.mux(stream.encode(None))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=16000)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 16000
        for _ in range(20):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path

"""A tiny shop whose camera is a synthetic clip: a hand-sized block takes a box off a shelf."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np

SIZE = (320, 240)
SITE = """\
site: {{name: Test Shop}}
privacy: {{profile: behaviour-only, k: 2}}
items:
  - {{id: box, name: Box}}
cameras:
  - {{id: aisle, source: clip.mp4, role: aisle, size: [320, 240], fps: 10}}
{more_cameras}
fixtures:
  - id: shelf
    camera: aisle
    polygon: [[60, 60], [260, 60], [260, 200], [60, 200]]
    facings:
      - {{id: f1, item: box, polygon: [[130, 90], [190, 90], [190, 170], [130, 170]]}}
server: {{port: 0}}
"""


def scene(*, box: bool, hand: int | None) -> np.ndarray:
    """One frame; ``hand`` is how far (px) a block reaches in from below."""
    rng = np.random.default_rng(3)
    image = rng.integers(150, 170, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    cv2.rectangle(image, (60, 170), (260, 176), (90, 110, 130), -1)
    if box:
        cv2.rectangle(image, (135, 95), (185, 168), (40, 60, 200), -1)
        cv2.rectangle(image, (145, 110), (175, 130), (230, 230, 230), -1)
    if hand is not None:
        cv2.rectangle(image, (145, 240 - hand), (178, 239), (120, 150, 200), -1)
    return image


def story() -> list[np.ndarray]:
    """Ten seconds at 15 frames a second: there, reach, away, put back, there."""
    still = [scene(box=True, hand=None)] * 30
    reach = [scene(box=True, hand=h) for h in range(10, 140, 10)]
    leave = [scene(box=False, hand=h) for h in range(140, 0, -10)]
    gone = [scene(box=False, hand=None)] * 45
    back = [scene(box=h > 120, hand=h) for h in range(10, 140, 10)]
    away = [scene(box=True, hand=h) for h in range(140, 0, -10)]
    return [*still, *reach, *leave, *gone, *back, *away, *still]


def write_clip(path: Path) -> None:
    """Encodes the story."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=15)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "16", "preset": "veryfast"}
        for image in story():
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def write_site(folder: Path, more_cameras: str = "") -> Path:
    """Writes the clip and a site file that reads it."""
    write_clip(folder / "clip.mp4")
    path = folder / "site.yaml"
    path.write_text(SITE.format(more_cameras=more_cameras))
    return path

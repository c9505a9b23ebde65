"""How many faces are found, by their height and group: faces pasted into a shop's picture.

    python -m aeras.lab.finding DATA [FACES]

DATA is the folder of test data: ``fairface/`` (images and labels.csv with the column race) gives
the faces, ``clips/Retail02_short.mp4`` the shop, whose median over time is nearly empty. A face is
pasted at a known height into a zone of the 1080p picture, which is then compressed as JPEG 70.
Prints one JSON line a height and zone: recall, the recall of each group and its largest distance to
their mean, boxes beside any pasted face a picture, and the median CPU time a picture, one thread.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box, iou_matrix
from aeras.domain.seen import Image
from aeras.lab.expression import Degradation
from aeras.lab.labelled import read_picture, read_rows
from aeras.perceive.yunet import Yunet

HEIGHTS = (20, 24, 32, 40, 48, 56, 96, 160)
ZONES: dict[str, Box] = {
    "third": (640.0, 240.0, 1280.0, 720.0),
    "half": (480.0, 200.0, 1440.0, 740.0),
    "whole": (0.0, 0.0, 1920.0, 1080.0),
}
"""Where is looked; faces are always pasted into the smallest, so that all look at the same."""
SAME = 0.35
"""IoU from which a box counts as the face that was pasted."""
JPEG = Degradation(jpeg=70)
FACES = 2100


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """A picture of one face, xyxy of the face in it, and the person's group."""

    image: Image = field(repr=False)
    box: Box
    group: str


def portraits(folder: Path, count: int, rng: np.random.Generator) -> list[Portrait]:
    """Faces of a folder with ``labels.csv``, in random order.

    A face that the detector does not find even in its own large picture is left out: where it is
    would be a guess.
    """
    rows = read_rows(folder / "images", folder / "labels.csv", ("file", "race"))
    detector = Yunet()
    found = []
    for index in rng.permutation(len(rows))[:count]:
        image = read_picture(folder / "images" / rows[index]["file"])
        faces = detector.detect_all(image)
        if faces:
            largest = max(faces, key=lambda face: face.box[3] - face.box[1])
            found.append(Portrait(image, largest.box, rows[index]["race"]))
    return found


def empty_shop(clip: Path, every: int = 25) -> Image:
    """The median of a clip's frames: what does not move."""
    with av.open(str(clip)) as video:
        frames = [
            np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            for number, frame in enumerate(video.decode(video=0))
            if number % every == 0
        ]
    return np.asarray(np.median(np.stack(frames), axis=0), dtype=np.uint8)


def paste(scene: Image, portrait: Portrait, height: float, corner: tuple[int, int]) -> Box:
    """Puts a face of so many pixels into a scene, its picture's edges fading out; gives its box."""
    x0, y0, x1, y1 = portrait.box
    scale = height / (y1 - y0)
    small = cv2.resize(portrait.image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rows, columns = small.shape[:2]
    y, x = np.mgrid[:rows, :columns]
    across = np.abs((2 * x + 1 - columns) / columns) ** 4
    down = np.abs((2 * y + 1 - rows) / rows) ** 4
    cover = np.clip((1 - (across + down) ** 0.25) / 0.15, 0, 1)[:, :, None]
    left, top = corner
    place = scene[top : top + rows, left : left + columns]
    place[:] = (cover * small + (1 - cover) * place).astype(np.uint8)
    return (left + x0 * scale, top + y0 * scale, left + x1 * scale, top + y1 * scale)


def scenes(
    shop: Image, faces: list[Portrait], height: int, rng: np.random.Generator
) -> Iterator[tuple[Image, list[tuple[Box, str]]]]:
    """Pictures of the shop with as many faces each as the zone holds, and where they are."""
    left, top, right, bottom = (int(edge) for edge in ZONES["third"])
    # A picture is at most 2.2 times as large as the face in it.
    step = max(150, int(2.3 * height))
    places = [
        (x, y)
        for y in range(top, bottom - step + 1, step)
        for x in range(left, right - step + 1, step)
    ]
    for first in range(0, len(faces), len(places)):
        scene, truth = shop.copy(), []
        for face, (x, y) in zip(faces[first : first + len(places)], places, strict=False):
            corner = (x + int(rng.integers(0, 8)), y + int(rng.integers(0, 8)))
            truth.append((paste(scene, face, height, corner), face.group))
        yield JPEG.apply(scene, height)[0], truth


def measure(
    shop: Image, faces: list[Portrait], height: int, zone: str, seed: int
) -> dict[str, Any]:
    """Recall at one height in one zone."""
    detector, rng = Yunet(), np.random.default_rng(seed)
    seen: dict[str, list[bool]] = {}
    times, beside = [], 0
    for scene, truth in scenes(shop, faces, height, rng):
        began = time.thread_time()
        found = detector.detect(scene, [ZONES[zone]])
        times.append(time.thread_time() - began)
        boxes = np.array([face.box for face in found]).reshape(-1, 4)
        same = iou_matrix(np.array([box for box, _ in truth]), boxes) > SAME
        beside += int((~same.any(axis=0)).sum())
        for (_, group), hit in zip(truth, np.any(same, axis=1).tolist(), strict=True):
            seen.setdefault(group, []).append(hit)
    return {"height_px": height, "zone": zone, **_rates(seen)} | {
        "beside_a_picture": round(beside / len(times), 2),
        "cpu_ms": round(1000 * float(np.median(times)), 1),
    }


def _rates(seen: dict[str, list[bool]]) -> dict[str, Any]:
    by_group = {group: float(np.mean(hits)) for group, hits in sorted(seen.items())}
    rates: NDArray[np.float64] = np.array(list(by_group.values()))
    return {
        "n": sum(map(len, seen.values())),
        "recall": round(float(np.mean(np.concatenate(list(seen.values())))), 4),
        "largest_gap": round(float(np.abs(rates - rates.mean()).max()), 4),
        "by_group": {group: round(rate, 4) for group, rate in by_group.items()},
    }


def main(data: Path, count: int) -> None:
    """Prints all of it."""
    rng = np.random.default_rng(0)
    faces = portraits(data / "fairface", count, rng)
    shop = empty_shop(data / "clips/Retail02_short.mp4")
    for zone in ZONES:
        for height in HEIGHTS:
            sys.stdout.write(json.dumps(measure(shop, faces, height, zone, seed=1)) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else FACES)  # noqa: PLR2004

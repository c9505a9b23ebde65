"""Counts passers of sequences in MOTChallenge layout against their truth.

    python benchmarks/passers.py DIR... [VIDEO]

Everywhere in the picture stands a shelf: a row of outlines, each measured on its own. The truth are
the true persons of whom the feet come within a body's height of it for 0.4 s, once more if they are
out of the picture for longer than a passer may be. What is counted are the given detections,
tracked and counted as a shop does. Of a video, all who come through the picture are counted with
the shop's own models, at five frames a second.
"""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import av
import numpy as np

from aeras.domain.geometry import Box, Polygon
from aeras.domain.seen import Frame, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Shop
from aeras.lab.tracking import Floats, Sequence, read_sequence
from aeras.perceive import Perception, PerceptionOptions
from aeras.shelf.passing import NEAR_HEIGHTS, Passers, PassingOptions
from aeras.shelf.zones import Zone
from aeras.track.byte import ByteOptions, ByteTracker
from aeras.wiring.rig import Rig, RigOptions

COLUMNS, ROWS = 4, 3
FPS = (None, 5.0)
"""Analysed frames a second: as filmed, and at most as many as a camera of a shop gives."""


def shelves(sequence: Sequence) -> list[Polygon]:
    """Outlines over the part of the picture in which people walk."""
    feet = sequence.truth.xyxy[:, 3]
    x0, x1 = sequence.truth.xyxy[:, 0].min(), sequence.truth.xyxy[:, 2].max()
    xs, ys = np.linspace(x0, x1, COLUMNS + 1), np.linspace(feet.min(), feet.max(), ROWS + 1)
    found: list[Polygon] = []
    for left, right in itertools.pairwise(xs.tolist()):
        for top, low in itertools.pairwise(ys.tolist()):
            dx, dy = (right - left) / 4, (low - top) / 4
            box = (left + dx, top + dy, right - dx, low - dy)
            found.append(((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3])))
    return found


def truth(sequence: Sequence, zone: Zone, options: PassingOptions) -> int:
    """True passers of one outline."""
    count = 0
    for person in np.unique(sequence.truth.id):
        mine = sequence.truth.id == person
        order = np.argsort(sequence.truth.frame[mine])
        times = sequence.truth.frame[mine][order] / sequence.rate
        boxes = sequence.truth.xyxy[mine][order]
        for stay in np.split(np.arange(len(times)), np.flatnonzero(np.diff(times) > 4.0) + 1):
            near = [n for n in stay if zone.holds_feet(as_box(boxes[n]), NEAR_HEIGHTS)]
            count += bool(near) and times[near[-1]] - times[near[0]] >= options.least_s
    return count


def as_box(row: object) -> Box:
    """A row of an array as a box."""
    x0, y0, x1, y1 = (float(value) for value in row)  # type: ignore[attr-defined]
    return x0, y0, x1, y1


def counted(
    sequence: Sequence, zones: list[Zone], fps: float | None, options: ByteOptions, joins: bool
) -> list[int]:
    """Passers of each outline as the shop counts them."""
    plain = PassingOptions() if joins else PassingOptions(join_s=-1.0)
    near = [partial(holds, zone) for zone in zones]
    passers, tracker = [Passers(one, plain) for one in near], ByteTracker(options)
    found, due = [0] * len(zones), 0.0
    for frame in sequence.frames:
        t_s = frame / sequence.rate
        if fps is not None and t_s < due:
            continue
        due = t_s + (1 / fps if fps else 0.0) - 1e-6
        here = sequence.detections.of(frame)
        tracks = tracker.update(here.xyxy, scores(sequence, here.score), t_s)
        for n, one in enumerate(passers):
            found[n] += len(one.update(tracks, t_s))
    return [n + len(one.finish()) for n, one in zip(found, passers, strict=True)]


def scores(sequence: Sequence, raw: Floats) -> Floats:
    """Given scores as shares of the sequence's best."""
    low, high = sequence.detections.score.min(), np.quantile(sequence.detections.score, 0.99)
    return np.asarray(np.clip((raw - low) / max(high - low, 1e-9), 0.0, 1.0), dtype=np.float64)


def holds(zone: Zone, track: Track) -> bool:
    """Whether a track comes past."""
    return zone.holds_feet(track.box, NEAR_HEIGHTS)


def through(video: Path) -> tuple[int, int]:
    """Who comes through a video's picture, and how many frames were looked at."""
    with av.open(str(video)) as opened:
        picture = opened.streams.video[0]
        size, rate = (picture.width, picture.height), float(picture.average_rate or 25)
        camera = CameraSpec("c", str(video), CameraRole.AISLE, size)
        shop = Shop("s", "S", "UTC", (), (camera,), (Fixture("all", "All", "c", ()),))
        rig = Rig(shop, [camera], Perception(PerceptionOptions(expression=False)))
        looks = 0
        for number, frame in enumerate(opened.decode(picture)):
            if number % round(rate / 5) == 0:
                image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
                rig.update(Frame("c", datetime.now(UTC), number / rate, image))
                looks += 1
        rig.finish()
        return len(rig.passers()), looks


def main() -> None:
    """Prints a table."""
    for folder in sys.argv[1:]:
        if Path(folder).is_file():
            seen, looks = through(Path(folder))
            print(f"{Path(folder).name} counted={seen} in {looks} frames")
            continue
        sequence = read_sequence(Path(folder))
        zones = [Zone(one) for one in shelves(sequence)]
        true = [truth(sequence, zone, PassingOptions()) for zone in zones]
        for fps in FPS:
            for joins in (True, False):
                got = counted(sequence, zones, fps, RigOptions().people, joins)
                off = [abs(a - b) for a, b in zip(true, got, strict=True)]
                print(
                    f"{Path(folder).name} fps={fps or sequence.rate:g} joins={joins} "
                    f"true={sum(true)} counted={sum(got)} ratio={sum(got) / sum(true):.3f} "
                    f"mean off={np.mean(off):.2f} of {np.mean(true):.1f} most off={max(off)}"
                )


if __name__ == "__main__":
    main()

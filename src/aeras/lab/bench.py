"""What a camera costs: the rig's work on videos played as live cameras, beside decoding alone."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from aeras.capture import CameraSource, open_source
from aeras.capture.decoding import Video, file_address
from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Shop
from aeras.perceive import Perception, PerceptionOptions
from aeras.privacy.preview import render_preview
from aeras.wiring.rig import Rig


@dataclass(slots=True)
class _Load:
    """What was measured while some cameras were read."""

    frames: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    delays_s: list[float] = field(default_factory=list)


def bench(
    video: Path,
    *,
    cameras: int,
    seconds: float,
    fps: float = 5.0,
    role: CameraRole = CameraRole.AISLE,
    expression: bool = True,
) -> dict[str, Any]:
    """Plays one video as several live cameras and analyses each, then only decodes them.

    Args:
        video: The file; each camera plays it in a loop at its own speed.
        cameras: How many, at least 1.
        seconds: How long to measure, for each of the two runs.
        fps: Analysed frames a second and camera.
        role: Decides which models run.
        expression: Whether faces are read.

    Returns:
        ``fps_per_core``: analysed frames a second of CPU time; ``cores``: CPU seconds a second of
        wall time; ``latency_p50_s``/``p95``: from capture to the end of a frame's analysis;
        ``dropped``: frames due but not analysed; ``rss_mb``: peak memory of the process;
        ``decode_only_ratio``: CPU time against decoding alone in the same run.
    """
    if cameras < 1 or seconds <= 0:
        raise InputError(f"cameras {cameras} and seconds {seconds:g} must be above 0")
    specs = _specs(video, cameras, fps, role)
    analysed = _measure(specs, seconds, Rigs(specs, expression=expression))
    decoded = _measure(specs, seconds, None)
    due = round(cameras * fps * analysed.wall_s)
    return {
        "cameras": cameras,
        "frames": analysed.frames,
        "seconds": round(analysed.wall_s, 2),
        "cores": round(analysed.cpu_s / analysed.wall_s, 3),
        "fps_per_core": round(analysed.frames / analysed.cpu_s, 2),
        "latency_p50_s": _percentile(analysed.delays_s, 50),
        "latency_p95_s": _percentile(analysed.delays_s, 95),
        "dropped": max(0, due - analysed.frames),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "decode_only_cores": round(decoded.cpu_s / decoded.wall_s, 3),
        "decode_only_ratio": round(
            (analysed.cpu_s / analysed.wall_s) / (decoded.cpu_s / decoded.wall_s), 2
        ),
    }


def _percentile(values: list[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 3) if values else None


def _specs(video: Path, cameras: int, fps: float, role: CameraRole) -> list[CameraSpec]:
    with Video(file_address(video, "bench")) as opened:
        size = opened.size
    return [
        CameraSpec(id=f"cam-{n}", source=str(video), role=role, size=size, fps=fps)
        for n in range(cameras)
    ]


class Rigs:
    """One rig a camera, with one fixture in the middle half of the picture."""

    def __init__(self, specs: Sequence[CameraSpec], *, expression: bool) -> None:
        perception = Perception(PerceptionOptions(expression=expression))
        self._rigs = {spec.id: Rig(_shop(spec), (spec,), perception) for spec in specs}

    def analyse(self, frame: Any) -> None:
        """Everything a worker does with a frame, the preview included."""
        detections, _ = self._rigs[frame.camera].update(frame)
        render_preview(frame, detections, age_s=0.0)


def _shop(spec: CameraSpec) -> Shop:
    width, height = spec.size
    left, top, right, bottom = width / 4, height / 4, width * 3 / 4, height * 3 / 4
    middle: Polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
    face_camera = spec.id if spec.role is CameraRole.SHELF else None
    fixture = Fixture("bench", "bench", spec.id, middle, face_camera=face_camera)
    return Shop("bench", "bench", "UTC", (), (spec,), (fixture,))


def _measure(specs: Sequence[CameraSpec], seconds: float, rigs: Rigs | None) -> _Load:
    load = _Load()
    turn = threading.Lock()
    start_s = time.monotonic()
    sources = [_open(spec, start_s) for spec in specs]
    threads = [
        threading.Thread(target=_read, args=(source, rigs, load, turn), daemon=True)
        for source in sources
    ]
    for thread in threads:
        thread.start()
    time.sleep(min(3.0, seconds / 4))  # models load and encoders settle before it counts
    with turn:
        load.frames, load.delays_s = 0, []
        cpu_s, wall_s = time.process_time(), time.monotonic()
    time.sleep(seconds)
    with turn:
        load.cpu_s, load.wall_s = time.process_time() - cpu_s, time.monotonic() - wall_s
        measured = replace(load, delays_s=list(load.delays_s))
    for source in sources:
        source.close()
    for thread in threads:
        thread.join(timeout=5)
    return measured


def _open(spec: CameraSpec, start_s: float) -> CameraSource:
    return open_source(spec, clock=_now, loop=True, start_s=start_s, sample_fps=spec.fps)


def _read(source: CameraSource, rigs: Rigs | None, load: _Load, turn: threading.Lock) -> None:
    for frame in source.frames():
        with turn:
            if rigs is not None:
                rigs.analyse(frame)
            load.frames += 1
            load.delays_s.append((_now() - frame.at).total_seconds())


def _now() -> datetime:
    return datetime.now(UTC)

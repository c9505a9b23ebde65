"""Watches each camera of a site for some seconds: does it answer, can it be read, what does it
cost. Nothing that is seen is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from aeras.capture import CameraSource, open_source
from aeras.config import Site, reads_faces
from aeras.domain.errors import AerasError
from aeras.domain.ports import utc_now
from aeras.domain.seen import Frame
from aeras.domain.shop import CameraSpec
from aeras.perceive import Perception, PerceptionOptions
from aeras.wiring.rig import Rig, RigOptions, groups

PATIENCE_S, REFUSED_S = 10.0, 2.0
"""How long a picture is waited for, in silence and after a refusal."""
DARK, FLAT = 40.0, 6.0
"""Mean grey value and its spread (of 255) below which little can be seen."""
TOO_FEW = 0.8


@dataclass(frozen=True, slots=True)
class Cost:
    """What analysing a camera took.

    Attributes:
        fps: Frames a second that the site file asks for.
        frames: How many were analysed.
        seconds: In how long.
        cores: CPU seconds a second, decoding included.
    """

    fps: float
    frames: int
    seconds: float
    cores: float


@dataclass(frozen=True, slots=True)
class Look:
    """What was found about a camera.

    Attributes:
        camera: Its id.
        cost: None if it gave no picture.
        first_s: Seconds until the first picture.
        trouble: Why it gave no picture.
        todo: What to do about that.
        advice: What is wrong with the picture, and what to do, in pairs.
    """

    camera: str
    cost: Cost | None = None
    first_s: float = 0.0
    trouble: str = ""
    todo: str = ""
    advice: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Watch:
    frames: int = 0
    first_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    reason: str = ""
    last: Frame | None = field(default=None, repr=False)
    ended: threading.Event = field(default_factory=threading.Event)


def examine(site: Site, seconds: float) -> Iterator[Look]:
    """Watches one camera after the other, with the models that the shop would use."""
    faces = reads_faces(site)
    perception = Perception(PerceptionOptions(expression=faces and site.privacy.expression))
    perception.warm_up(frozenset({"faces"} if faces else set()) | {"people", "hands"})
    for group in groups(site.shop):
        rig = Rig(site.shop, group, perception, RigOptions(faces=faces))
        for spec in group:
            yield _look(spec, rig, seconds)


def _look(spec: CameraSpec, rig: Rig, seconds: float) -> Look:
    try:
        source = open_source(spec, clock=utc_now, loop=True, sample_fps=spec.fps)
    except AerasError as error:
        return Look(spec.id, trouble=error.what, todo=error.todo)
    begin_s = time.monotonic()
    watch = _Watch()
    guard = threading.Thread(target=_guard, args=(source, watch, begin_s, PATIENCE_S + seconds))
    guard.start()
    try:
        _watch(source, rig, watch, begin_s, seconds)
    except AerasError as error:
        return Look(spec.id, trouble=error.what, todo=error.todo)
    finally:
        watch.ended.set()
        guard.join()
    if watch.last is None:
        return Look(
            spec.id,
            trouble=watch.reason or f"no picture within {PATIENCE_S:.0f} s",
            todo="Check its address, cable and password, then run this again",
        )
    cost = Cost(spec.fps, watch.frames, watch.wall_s, watch.cpu_s / watch.wall_s)
    return Look(spec.id, cost, watch.first_s, advice=tuple(_advice(spec, watch, cost)))


def _watch(source: CameraSource, rig: Rig, watch: _Watch, begin_s: float, seconds: float) -> None:
    for frame in source.frames():
        if watch.last is None:
            watch.first_s = time.monotonic() - begin_s
            cpu_s, wall_s = time.process_time(), time.monotonic()
        rig.update(frame)
        watch.last = frame
        watch.frames += 1
        watch.cpu_s = time.process_time() - cpu_s
        watch.wall_s = time.monotonic() - wall_s
        if watch.wall_s >= seconds:
            return


def _guard(source: CameraSource, watch: _Watch, begin_s: float, most_s: float) -> None:
    """Closes the source when the watch ends, or when no picture can be hoped for."""
    while not watch.ended.wait(0.1):
        waited_s = time.monotonic() - begin_s
        watch.reason = source.reason or watch.reason
        refused = watch.last is None and watch.reason and waited_s > REFUSED_S
        if refused or waited_s > most_s:
            break
    source.close()


def _advice(spec: CameraSpec, watch: _Watch, cost: Cost) -> Iterator[tuple[str, str]]:
    assert watch.last is not None
    grey = np.mean(watch.last.image, axis=2)
    if grey.std() < FLAT:
        yield "its picture is all of one grey", "Look whether it is covered or out of focus"
    elif grey.mean() < DARK:
        yield "its picture is dark", "Look at it with the shop's lights on, or raise its exposure"
    if cost.frames < TOO_FEW * spec.fps * cost.seconds:
        yield (
            f"it gave {cost.frames / cost.seconds:.1f} frames a second of {spec.fps:g}",
            "Raise the frame rate in the camera, or lower `fps` in the site file",
        )

"""``aeras lab replay``: one camera's part of the pipeline over a recorded video; stores nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aeras.capture import open_source
from aeras.config import Site, reads_faces
from aeras.domain.errors import InputError
from aeras.domain.kept import Reaction
from aeras.domain.seen import Detections, FaceReading, Interaction
from aeras.perceive import Perception, PerceptionOptions
from aeras.shelf.reaction import Faces, face_alone, say
from aeras.wiring.rig import Perceiver, Rig, RigOptions

DEFAULT_FPS = 10.0
"""Analysed frames a second: twice a live camera's, so that times are good to a tenth."""
TRACE_S = 1.0
"""A traced reading looks back this far."""

Line = dict[str, Any]
"""One JSON line."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a replay went through.

    Attributes:
        frames: Analysed frames.
        faces_found: Face detections over all of them.
        faces_read: Those of which an expression was read.
        seconds: Length of the video that was analysed.
        took_s: Wall-clock seconds.
    """

    frames: int
    faces_found: int
    faces_read: int
    seconds: float
    took_s: float

    def line(self) -> Line:
        """The last JSON line."""
        return {
            "summary": {
                "frames": self.frames,
                "faces_found": self.faces_found,
                "faces_read": self.faces_read,
                "seconds": round(self.seconds, 3),
                "took_s": round(self.took_s, 3),
            }
        }


def replay(
    site: Site,
    camera_id: str,
    video: Path,
    *,
    fps: float | None = None,
    on_interaction: Callable[[Line], None],
    trace: bool = False,
    perception: Perceiver | None = None,
) -> Summary:
    """Plays a video as if it came from a camera of the site.

    Args:
        site: The site; its privacy section decides whether faces are read.
        camera_id: Which of its cameras the video stands for.
        video: Any file that PyAV decodes.
        fps: Analysed frames a second; None for `DEFAULT_FPS`.
        on_interaction: Gets each line as soon as it is decided.
        trace: Also give a ``reading`` line for each analysed frame.
        perception: Stands in for the models in tests.

    Raises:
        InputError: The site has no such camera.
        SourceError: The video cannot be read.
    """
    try:
        camera = site.shop.camera(camera_id)
    except StopIteration:
        known = ", ".join(c.id for c in site.shop.cameras) or "none"
        raise InputError(f"the site has no camera {camera_id!r}", todo=f"Known: {known}") from None
    camera = replace(camera, source=str(video))
    faces = site.privacy.expression and reads_faces(site)
    perception = perception or Perception(PerceptionOptions(expression=faces))
    rig = Rig(site.shop, (camera,), perception, RigOptions(faces=faces))
    source = open_source(camera, clock=_now, sample_fps=fps or DEFAULT_FPS)
    tally, tracer, begun = _Tally(), _Tracer(), time.monotonic()
    try:
        for frame in source.frames():
            detections, found = rig.update(frame)
            tally.count(detections, frame.t_s)
            if trace:
                on_interaction(tracer.line(detections, frame.t_s))
            for interaction in found:
                on_interaction(line_of(interaction))
        for interaction in rig.finish():
            on_interaction(line_of(interaction))
    finally:
        source.close()
    return tally.summary(time.monotonic() - begun)


def line_of(interaction: Interaction) -> Line:
    """An interaction as a JSON line; times are seconds of the clip."""
    reaction = interaction.reaction
    stay_s = interaction.end_s - interaction.start_s
    return {
        "kind": str(interaction.kind),
        "fixture": interaction.fixture,
        "facing": interaction.facing,
        "item": interaction.item,
        "start_s": round(interaction.start_s, 3),
        "end_s": round(interaction.end_s, 3),
        "hold_s": round(interaction.hold_s, 3),
        "confidence": round(interaction.confidence, 3),
        "outcome": interaction.outcome,
        "reaction": _rounded(reaction),
        "coverage": round(reaction.coverage, 3),
        "reasons": say(reaction, hold_s=interaction.hold_s, stay_s=stay_s),
    }


class _Tally:
    """Counts for the summary."""

    def __init__(self) -> None:
        self.frames = self.found = self.read = 0
        self.first_s: float | None = None
        self.last_s = 0.0

    def count(self, detections: Detections, t_s: float) -> None:
        self.frames += 1
        self.found += len(detections.faces)
        self.read += sum(face.expression is not None for face in detections.faces)
        self.first_s = t_s if self.first_s is None else self.first_s
        self.last_s = t_s

    def summary(self, took_s: float) -> Summary:
        seconds = self.last_s - (self.first_s or 0.0)
        return Summary(self.frames, self.found, self.read, seconds, took_s)


class _Tracer:
    """What the largest face alone shows in its last second, against its start; not a reaction."""

    def __init__(self) -> None:
        self._readings: list[FaceReading] = []

    def line(self, detections: Detections, t_s: float) -> Line:
        faces = sorted(detections.faces, key=lambda f: f.box[1] - f.box[3])
        if faces and faces[0].expression is not None:
            face = faces[0]
            self._readings.append(FaceReading(0, t_s, face.expression, face.pose, face.blendshapes))
        during = tuple(r for r in self._readings if r.t_s > t_s - TRACE_S)
        before = tuple(r for r in self._readings if r.t_s <= t_s - TRACE_S)
        reaction = face_alone(Faces(during, before, 1.0 if during else 0.0))
        read = sum(f.expression is not None for f in faces)
        return {
            "reading": {"t_s": round(t_s, 3), "faces": len(faces), "read": read}
            | _rounded(reaction)
        }


def _rounded(reaction: Reaction) -> dict[str, float]:
    return {name: round(value, 4) for name, value in reaction.as_dict().items()}


def _now() -> datetime:
    return datetime.now(UTC)

"""What the models read on real video; figures in benchmarks/ are made on the same clips."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from aeras.capture import open_source
from aeras.domain.seen import Face
from aeras.domain.shop import CameraRole, CameraSpec
from aeras.perceive import Perception

pytestmark = pytest.mark.shared


def faces_of(clip: Path, perception: Perception, fps: float) -> list[tuple[float, list[Face]]]:
    """(seconds, faces) of a clip at so many frames a second."""
    with av.open(str(clip)) as container:
        size = (container.streams.video[0].width, container.streams.video[0].height)
    spec = CameraSpec("cam", str(clip), CameraRole.SHELF, size)
    source = open_source(spec, clock=lambda: datetime.now(UTC), sample_fps=fps)
    tasks = frozenset({"faces"})
    return [(f.t_s, list(perception.detect(f, tasks).faces)) for f in source.frames()]


def happiness(seen: list[tuple[float, list[Face]]], start_s: float, end_s: float) -> float:
    values = [
        face.expression["happiness"]
        for t_s, faces in seen
        if start_s <= t_s < end_s
        for face in faces
        if face.expression is not None
    ]
    return float(np.mean(values))


def test_happiness_rises_as_sadness_turns_into_a_smile(
    shared: Path, perception: Perception
) -> None:
    seen = faces_of(shared / "data/clips/face-sad-to-smile.mp4", perception, fps=3)
    assert happiness(seen, 0, 9) < 0.25
    assert happiness(seen, 12, 20) > 0.9


def test_a_neutral_face_starts_to_smile(shared: Path, perception: Perception) -> None:
    seen = faces_of(shared / "data/clips/face-neutral-to-smile.mp4", perception, fps=10)
    assert happiness(seen, 0, 0.6) < 0.1
    assert happiness(seen, 1.2, 3) > 0.9


def test_nothing_is_read_where_no_face_can_be(shared: Path, perception: Perception) -> None:
    seen = faces_of(shared / "data/clips/Retail02_short.mp4", perception, fps=1)
    found = [face for _, faces in seen for face in faces]
    assert len(found) > 10
    assert [face.abstained for face in found if face.expression is not None] == []
    reasons = {face.abstained for face in found}
    assert reasons <= {"small", "hidden", "blurred", "turned", "cut", "unclear", "skipped"}


def test_every_frame_of_a_person_facing_the_camera_is_read(
    shared: Path, perception: Perception
) -> None:
    seen = faces_of(shared / "data/clips/asl-yes.mkv", perception, fps=5)
    assert all(len(faces) == 1 and faces[0].expression is not None for _, faces in seen)


def test_distant_faces_are_found_but_not_read(shared: Path, perception: Perception) -> None:
    clip = shared / "data/clips/face-demographics-walking-and-pause.gif"
    found = [face for _, faces in faces_of(clip, perception, fps=5) for face in faces]
    assert len(found) >= 10
    for face in found:
        if face.box[3] - face.box[1] < 48:
            assert face.abstained == "small"


def test_no_face_on_a_shelf(shared: Path, perception: Perception) -> None:
    seen = faces_of(shared / "data/clips/bottle-detection.mp4", perception, fps=1)
    assert not [face for _, faces in seen for face in faces]

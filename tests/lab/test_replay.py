"""`replay`: the contract of its lines, and that the site decides what may be read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import synthetic_shop

from aeras.config import Site, load_site
from aeras.domain.errors import InputError, SourceError
from aeras.domain.seen import Detections, Expression, Face, Frame
from aeras.lab.replay import Line, replay


class Smiler:
    """One face in every frame in which faces are wanted; remembers what was wanted."""

    def __init__(self) -> None:
        self.tasks: set[str] = set()

    def detect(self, frame: Frame, tasks: frozenset[str], **_: object) -> Detections:
        self.tasks |= tasks
        if "faces" not in tasks:
            return Detections(ran=tasks)
        width, height = frame.size
        vector = np.array([0, 1, 0, 0, 0, 0, 0, 0], dtype=np.float32)
        box = (width * 0.3, height * 0.3, width * 0.6, height * 0.8)
        points = np.zeros((5, 2), np.float32)
        return Detections((Face(box, 0.9, points, expression=Expression(vector)),), ran=tasks)


def _site(folder: Path, privacy: str, role: str = "shelf") -> Site:
    path = folder / "site.yaml"
    path.write_text(
        f"site: {{name: Test}}\nprivacy: {privacy}\n"
        f"cameras: [{{id: cam, source: none.mp4, role: {role}, size: [320, 240]}}]\n"
        "fixtures: [{id: fix, camera: cam}]\n"
    )
    return load_site(path)


READ = "{profile: eu, expression: true, jurisdiction: DE, controller: T, dpia: t, notice: t}"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    synthetic_shop.write_clip(path)
    return path


def test_a_stay_before_a_shelf_camera_is_a_dwell_with_reaction(tmp_path: Path, video: Path) -> None:
    lines: list[Line] = []
    summary = replay(
        _site(tmp_path, READ), "cam", video, on_interaction=lines.append, perception=Smiler()
    )
    (dwell,) = lines
    assert {"kind", "facing", "item", "start_s", "end_s", "confidence", "coverage"} <= set(dwell)
    assert dwell["kind"] == "dwell"
    assert sum(dwell["reaction"].values()) == pytest.approx(1, abs=1e-3)
    assert dwell["coverage"] == 1
    assert summary.faces_found == summary.faces_read > 0
    assert set(summary.line()["summary"]) >= {"frames", "faces_found", "faces_read", "seconds"}


def test_behaviour_only_never_asks_for_faces(tmp_path: Path, video: Path) -> None:
    models = Smiler()
    site = _site(tmp_path, "{profile: behaviour-only}")
    summary = replay(site, "cam", video, on_interaction=lambda _: None, perception=models)
    assert "faces" not in models.tasks
    assert summary.faces_found == 0


def test_a_trace_has_a_reading_a_frame(tmp_path: Path, video: Path) -> None:
    lines: list[Line] = []
    summary = replay(
        _site(tmp_path, READ),
        "cam",
        video,
        on_interaction=lines.append,
        trace=True,
        perception=Smiler(),
        fps=4.0,
    )
    readings = [line["reading"] for line in lines if "reading" in line]
    assert len(readings) == summary.frames
    assert all({"t_s", "faces", "positive"} <= set(reading) for reading in readings)


def test_an_unknown_camera_is_one_clear_error(tmp_path: Path, video: Path) -> None:
    with pytest.raises(InputError, match=r"no camera 'door'.*Known: cam"):
        replay(_site(tmp_path, READ), "door", video, on_interaction=lambda _: None)


def test_a_missing_video_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        replay(_site(tmp_path, READ), "cam", tmp_path / "no.mp4", on_interaction=lambda _: None)

"""The live preview covers what a closer look finds, and what was a face a moment ago."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np

from aeras import lab
from aeras.domain.seen import Detections, Face, Frame
from aeras.perceive import Perception, PerceptionOptions
from aeras.wiring.showing import EVERY_S, Showing, parts

ACTOR = Path(lab.__file__).parent / "assets" / "actors" / "white-male-40plus-neutral.jpg"
NOBODY = Detections(ran=frozenset({"people"}))


def frame(t_s: float, image: np.ndarray | None = None) -> Frame:
    image = np.full((720, 1280, 3), 90, np.uint8) if image is None else image
    return Frame("c", datetime(2026, 11, 22, tzinfo=UTC), t_s, image)


class Finds:
    """Finds the given faces and remembers what it was asked."""

    def __init__(self, *boxes) -> None:
        self.boxes, self.asked = boxes, []

    def detect(self, frame, tasks, *, face_regions=(), readable=None):
        self.asked.append((tasks, tuple(face_regions), readable))
        faces = tuple(Face(box, 0.9, np.zeros((5, 2), np.float32)) for box in self.boxes)
        return Detections(faces=faces, ran=tasks)


def test_the_whole_picture_and_its_parts_are_searched_and_no_face_is_read():
    finder = Finds((600.0, 300.0, 660.0, 380.0))
    found = Showing(finder, faces=True).found(frame(0), NOBODY)
    ((tasks, regions, readable),) = finder.asked
    assert tasks == {"faces"}
    assert not readable((0, 0, 50, 50))
    assert regions[0] == (0.0, 0.0, 1280.0, 720.0)
    assert len(regions) == 5
    assert found.faces[0].box == (600.0, 300.0, 660.0, 380.0)
    assert found.ran == {"faces", "people"}


def test_parts_overlap_so_that_no_face_is_cut_by_all_of_them():
    for x in range(0, 1180, 20):
        face = (float(x), 310.0, x + 90.0, 410.0)
        inside = [
            p[0] <= face[0] and p[2] >= face[2] and p[1] <= face[1] and p[3] >= face[3]
            for p in parts((1280, 720))[1:]
        ]
        assert any(inside), face


def test_a_face_stays_covered_a_moment_after_it_was_last_found_and_no_longer():
    finder = Finds((600.0, 300.0, 660.0, 380.0))
    showing = Showing(finder, faces=True)
    showing.found(frame(0), NOBODY)
    finder.boxes = ()
    ((x0, y0, x1, y1),) = showing.found(frame(1.0), NOBODY).unsure
    assert x0 < 600 and x1 > 660  # noqa: PT018
    assert y0 < 300 and y1 > 380  # noqa: PT018
    assert showing.found(frame(3.0), NOBODY).unsure == ()


def test_without_a_face_model_none_is_asked_for():
    finder = Finds((600.0, 300.0, 660.0, 380.0))
    assert Showing(finder, faces=False).found(frame(0), NOBODY).faces == ()
    assert finder.asked == []


def test_at_most_one_a_second_and_only_of_frames_in_which_somebody_was_looked_for():
    showing = Showing(Finds(), faces=True)
    assert not showing.due(frame(0), Detections(ran=frozenset({"hands"})))
    assert showing.due(frame(0), NOBODY)
    showing.found(frame(0), NOBODY)
    assert not showing.due(frame(EVERY_S / 2), NOBODY)
    assert showing.due(frame(EVERY_S), NOBODY)
    assert showing.due(frame(-5), NOBODY)  # a clip that starts anew


def test_a_small_face_that_one_look_misses_is_covered():
    picture = np.random.default_rng(1).integers(80, 100, (1080, 1920, 3), dtype=np.uint8)
    head = cv2.resize(cv2.imread(str(ACTOR)), (34, 34), interpolation=cv2.INTER_AREA)
    picture[700:734, 300:334] = head
    models = Perception(PerceptionOptions(expression=False))
    found = Showing(models, faces=True).found(frame(0, picture), NOBODY)
    boxes = [face.box for face in found.faces] + list(found.unsure)
    assert any(x0 < 317 < x1 and y0 < 717 < y1 for x0, y0, x1, y1 in boxes)

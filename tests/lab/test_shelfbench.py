"""Counting of the shelf bench, its cache, and that annotations become clips."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.domain.geometry import Box
from aeras.domain.seen import Detections, Frame, Hand, Person
from aeras.lab.seencache import CachedPerception
from aeras.lab.shelfbench import ANNOTATIONS, SPLITS, annotated, run
from aeras.lab.shelfscore import Counts, Found, Truth, compare, f1, figures

TAKE = Truth("take", "jar", 2.0, 3.0)
BACK = Truth("put_back", "jar", 6.0, 8.0)


@pytest.mark.parametrize(
    ("one", "hit"),
    [
        (Found("take", "jar", 2.0, 3.6), True),
        (Found("take", "jar", 2.0, 3.8), False),
        (Found("take", "jar", 3.0, 2.4), True),
        (Found("put_back", "jar", 3.0, 3.0), False),
        (Found("put_back", "jar", 5.4, 5.5), True),
        (Found("put_back", "jar", 8.6, 9.0), True),
        (Found("put_back", "jar", 8.8, 9.0), False),
    ],
)
def test_an_event_counts_when_its_time_is_near(one: Found, hit: bool) -> None:
    counts, _ = compare([TAKE, BACK], [one], 10.0)
    assert (counts.hits, counts.false) == ((1, 0) if hit else (0, 1))
    assert counts.hits + counts.missed == 2


def test_two_told_events_do_not_both_match_one() -> None:
    counts, rows = compare([TAKE], [Found("take", "jar", 2.9, 2.9)] * 2, 10.0)
    assert (counts.hits, counts.false) == (1, 1)
    assert sorted(row.outcome for row in rows) == ["false", "found"]


def test_of_two_that_fit_the_right_item_is_matched() -> None:
    others = [Found("take", "pack", 2.8, 3.0), Found("take", "jar", 2.0, 3.5)]
    counts, _ = compare([TAKE], others, 10.0)
    assert (counts.hits, counts.wrong_item, counts.false) == (1, 0, 1)


def test_wrong_item_is_told_apart_from_none() -> None:
    told = [Found("take", "pack", 2.8, 3.0), Found("put_back", None, 7.0, 7.0)]
    counts, _ = compare([TAKE, BACK], told, 10.0)
    assert (counts.hits, counts.wrong_item, counts.no_item) == (2, 1, 1)
    assert figures([[counts]])["right_item"] == 0.0
    assert compare([TAKE, BACK], told, 10.0, items=False)[0].wrong_item == 0


def test_a_doubtful_event_neither_helps_nor_harms() -> None:
    doubtful = Truth("take", "jar", 2.0, 3.0, scored=False)
    for told in ([], [Found("take", "jar", 2.0, 3.0)]):
        counts, _ = compare([doubtful], told, 10.0)
        assert (counts.hits, counts.missed, counts.false) == (0, 0, 0)


def test_touches_are_counted_apart() -> None:
    touch = Truth("touch", "jar", 4.0, 5.0)
    told = [Found("reach", "jar", 4.9, 5.6), Found("reach", "jar", 7.0, 7.5)]
    counts, _ = compare([touch], told, 10.0)
    assert (counts.touches_found, counts.touches_missed, counts.touches_false) == (1, 0, 1)
    assert counts.false == 0


def test_the_strict_figure_is_stricter() -> None:
    counts, _ = compare([TAKE], [Found("take", "jar", 3.0, 3.6)], 10.0)
    assert (counts.hits, counts.strict_hits) == (1, 0)


def test_figures_and_their_interval() -> None:
    good, bad = Counts(30.0, hits=4), Counts(30.0, missed=2, false=2)
    told = figures([[good], [bad]])
    assert told["F1"] == round(f1(4, 2, 2), 3) == 0.667
    assert told["false_per_min"] == 2.0
    low, high = told["F1_interval"]  # type: ignore[misc]
    assert low == 0.0
    assert high == 1.0
    assert figures([[good, bad]])["F1_interval"] is None


class Counting:
    """Counts how often it looks."""

    def __init__(self) -> None:
        self.looks = 0

    def detect(
        self,
        frame: Frame,
        tasks: frozenset[str],
        *,
        face_regions: Sequence[Box] = (),
        hand_regions: Sequence[Box] = (),
        readable: Callable[[Box], bool] | None = None,
    ) -> Detections:
        self.looks += 1
        points = np.full((17, 3), 1 / 3, dtype=np.float32)
        people = (Person((1.1, 2.0, 3.0, 4.0), 0.7, points),) if "people" in tasks else ()
        hands = (Hand((0.0, 0.0, 1 / 7, 1.0), 0.9),) if "hands" in tasks else ()
        return Detections(people=people, hands=hands, ran=tasks)


def test_a_second_reading_needs_no_model(tmp_path: Path) -> None:
    video, model = tmp_path / "v.mp4", Counting()
    video.write_bytes(b"video")
    frame = Frame("c", datetime(2026, 1, 1, tzinfo=UTC), 0.1, np.zeros((4, 4, 3), np.uint8))
    tasks = frozenset({"people", "hands"})
    seen = []
    for _ in range(2):
        cached = CachedPerception(video, tmp_path / "cache", model)
        seen.append(cached.detect(frame, tasks, hand_regions=[(0.0, 0.0, 2.0, 2.0)]))
        cached.save()
    assert model.looks == 2
    assert seen[0].people[0].box == seen[1].people[0].box == (1.1, 2.0, 3.0, 4.0)
    np.testing.assert_array_equal(seen[0].people[0].keypoints, seen[1].people[0].keypoints)
    assert seen[1].hands[0].box[2] == 1 / 7
    cached.detect(frame, tasks, hand_regions=[(0.0, 0.0, 3.0, 3.0)])
    assert model.looks == 3, "hands in another region are not known"
    video.write_bytes(b"another")
    CachedPerception(video, tmp_path / "cache", model).detect(frame, frozenset({"people"}))
    assert model.looks == 4


def test_layouts_groups_and_splits(tmp_path: Path) -> None:
    def entry(name: str) -> dict[str, object]:
        size = {"width": 640, "height": 480, "duration": 10.0}
        return {"file": name, "layout": "a", "events": [], **size}

    layout = {
        "zones": [{"id": "z", "polygon": [[0, 0], [9, 0], [9, 9]]}],
        "items": [{"id": "jar", "box": [0, 0, 2, 2]}],
    }
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf" / "events.json").write_text(json.dumps({"clips": []}))
    more = tmp_path / "more.json"
    told = {
        "layouts": {"a": layout},
        "groups": {"g": {"split": "held", "clips": ["2"]}},
        "clips": [entry("1"), entry("2")],
    }
    more.write_text(json.dumps(told))
    clips = annotated(tmp_path, more)
    assert [(c.name, c.group, c.split) for c in clips] == [("1", "1", "fit"), ("2", "g", "held")]
    assert clips[1].fixture.facings[0].item == "jar"
    assert clips[1].without_facings.fixture.facings == ()


def test_bad_input_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no suite shelves"):
        run(tmp_path, suites=["shelves"])
    with pytest.raises(InputError, match=r"events\.json"):
        run(tmp_path, suites=["table"])


@pytest.mark.shared
def test_the_committed_annotations_are_sound(shared: Path) -> None:
    clips = annotated(shared / "data" / "clips", Path(__file__).parents[2] / ANNOTATIONS)
    assert len({clip.name for clip in clips}) == len(clips)
    splits: dict[str, set[str]] = {}
    for clip in clips:
        splits.setdefault(clip.group, set()).add(clip.split)
        assert clip.video.is_file()
        known = {facing.item for facing in clip.fixture.facings}
        for event in clip.truth:
            assert event.item in known, (clip.name, event)
            assert 0 <= event.from_s <= event.to_s <= clip.seconds + 0.1, (clip.name, event)
    assert all(len(part) == 1 and part <= set(SPLITS) for part in splits.values())

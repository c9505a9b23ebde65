"""Rendered stories: repeatable, apart for training and tests, true to what is drawn."""

from __future__ import annotations

import colorsys
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from aeras.domain.kept import Kind as Deed
from aeras.domain.kept import StockLevel
from aeras.domain.seen import Detections, FacingState, Frame
from aeras.lab.render.goods import HUES, SHAPES, SYLLABLES
from aeras.lab.render.stage import ANGLES, COLUMNS, PAINTS
from aeras.lab.render.tales import KINDS
from aeras.lab.render.weather import TROUBLES, Disturbance
from aeras.lab.shelfscore import HANDLED
from aeras.lab.stories import (
    CAMERA,
    EPOCH,
    Story,
    read_with_product,
    run_suite,
    score,
    story,
)
from aeras.perceive import Perception, PerceptionOptions

SMALL = (320, 180)
Run = Callable[..., tuple[int, str, str]]


def frames(one: Story, fps: float = 5.0) -> dict[float, np.ndarray]:
    return dict(one.frames(fps))


def inside(one: Story, facing: str, image: np.ndarray) -> np.ndarray:
    mask = np.zeros(image.shape[:2], np.uint8)
    corners = np.array(one.stage.polygon(one.stage.cell(facing))).astype(int)
    cv2.fillPoly(mask, [corners], 1)
    return image[mask > 0].astype(np.float32)


def test_the_same_number_gives_the_same_frames_and_truth() -> None:
    one, again = (story(5, size=SMALL) for _ in range(2))
    assert one.truth() == again.truth()
    for (_, a), (_, b) in itertools.islice(
        zip(one.frames(2), again.frames(2), strict=True), 4, None, 4
    ):
        assert np.array_equal(a, b)


def test_training_and_test_stories_share_no_name_shape_paint_or_width() -> None:
    for table in (SYLLABLES, COLUMNS, PAINTS):
        assert not set(table["train"]) & set(table["test"])
    assert set(SHAPES["train"]) & set(SHAPES["test"]) == {"disc"}
    for rest, split in enumerate(("train", "test")):
        codes = {
            cell.ware.design.top
            for number in range(6)
            for cell in story(number, split, size=SMALL).stage.cells  # type: ignore[arg-type]
        }
        parts = {hue_part(code) for code in codes} - {None}
        assert len(parts) > 3
        assert {part % 2 for part in parts if part is not None} == {rest}


def hue_part(code: str) -> int | None:
    """Which twelfth of the colour circle a ``#rrggbb`` is in; None for greys."""
    red, green, blue = (int(code[i : i + 2], 16) / 255 for i in (1, 3, 5))
    hue, saturation, _ = colorsys.rgb_to_hsv(red, green, blue)
    return int(hue * HUES) if saturation > 0.2 else None


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_truth_is_ordered_and_at_facings_that_exist(number: int) -> None:
    for split in ("train", "test"):
        one = story(number, split)  # type: ignore[arg-type]
        facings = {cell.id for cell in one.stage.cells}
        wares = {cell.ware.id for cell in one.stage.cells}
        for event in one.tale.events:
            assert event.facing in facings
            assert event.item in wares
            assert 0 < event.contact_s <= event.from_s <= event.to_s < one.tale.seconds
        json.dumps(one.truth())


def test_every_kind_and_angle_comes_round() -> None:
    told = [story(number) for number in range(48)]
    assert {one.tale.kind for one in told} == set(KINDS)
    assert {one.stage.angle for one in told} == set(ANGLES)
    for kind in KINDS:
        assert {one.stage.angle for one in told if one.tale.kind == kind} == set(ANGLES)


@pytest.mark.parametrize("number", [1, 3, 13, 15])
def test_a_facing_changes_when_its_item_is_taken_and_only_then(number: int) -> None:
    one = story(number, kind="buy", light="bright", size=(640, 360))
    (take,) = (e for e in one.tale.events if e.kind == "take")
    seen = frames(one)
    first, last = (inside(one, take.facing, seen[t]) for t in (min(seen), max(seen)))
    assert np.abs(first - last).mean() > 4
    others = [c.id for c in one.stage.cells if c.id != take.facing]
    far = max(others, key=lambda o: abs(one.stage.cell(o).front[0].at[0]
                                        - one.stage.cell(take.facing).front[0].at[0]))  # fmt: skip
    calm = [inside(one, far, seen[t]) for t in (min(seen), max(seen))]
    assert np.abs(calm[0] - calm[1]).mean() < np.abs(first - last).mean() / 2


def test_a_misplaced_item_is_told_at_the_facing_where_it_now_stands() -> None:
    told = [e for n in range(12) for e in story(n, kind="misplace").tale.events if e.misplaced]
    assert len(told) > 5
    for n in range(12):
        one = story(n, kind="misplace")
        for event in one.tale.events:
            if event.misplaced:
                assert one.stage.cell(event.facing).ware.id != event.item


def test_hands_are_where_the_item_is_when_it_is_taken() -> None:
    one = story(2, kind="inspect")
    (take,) = (e for e in one.tale.events if e.kind == "take")
    x0, y0 = np.min(one.stage.polygon(one.stage.cell(take.facing)), axis=0)
    x1, y1 = np.max(one.stage.polygon(one.stage.cell(take.facing)), axis=0)
    truth = one.truth(10)
    (person,) = truth["people"][round(take.from_s * 10)]
    x, y = person["hands_px"][take.hand]
    room = 0.3 * (x1 - x0)
    assert x0 - room <= x <= x1 + room
    assert y0 - room <= y <= y1 + room


def test_the_floor_homography_maps_the_floor_points() -> None:
    floor = story(0).truth()["floor"]
    matrix = np.array(floor["pixels_to_metres"])
    assert len(floor["points"]) > 10
    for point in floor["points"]:
        x, y, w = matrix @ (*point["pixel"], 1.0)
        assert np.hypot(x / w - point["metres"][0], y / w - point["metres"][1]) < 0.03


@pytest.mark.parametrize("kind", TROUBLES)
def test_each_trouble_changes_the_picture_from_its_time_on(kind: str) -> None:
    clean = frames(story(4, kind="quiet", light="bright", size=SMALL))
    troubled = story(4, kind="quiet", light="bright", size=SMALL,
                     disturbances=[Disturbance(kind, 5.0)])  # type: ignore[arg-type]  # fmt: skip
    apart = {t: float(cv2.absdiff(image, clean[t]).mean()) for t, image in troubled.frames(5.0)}
    assert max(v for t, v in apart.items() if t < 5) == 0
    assert max(v for t, v in apart.items() if t > 5) > 0.3


def interaction(kind: str, item: str | None, facing: str | None, at_s: float) -> SimpleNamespace:
    return SimpleNamespace(kind=Deed(kind), item=item, facing=facing, start_s=at_s, end_s=at_s)


def test_scoring_counts_hits_wrong_items_and_false_ones() -> None:
    one = story(1, kind="inspect")
    take, put = (e for e in one.tale.events if e.kind in HANDLED)
    right = interaction("take", take.item, take.facing, take.to_s)
    wrong = interaction("put_back", "another", "z9", put.to_s)
    stray = interaction("take", take.item, take.facing, take.to_s + 3)
    scored = score(one, [right, wrong, stray])  # type: ignore[list-item]
    counts = scored.counts
    assert (counts.hits, counts.missed, counts.false, counts.wrong_item) == (2, 0, 1, 1)
    assert scored.right_facing == 1


def test_what_lies_at_a_wrong_place_or_fell_and_what_is_empty_is_counted_apart() -> None:
    told = (story(n, kind="misplace") for n in range(12))
    one = next(s for s in told if any(e.misplaced for e in s.tale.events))
    (put,) = (e for e in one.tale.events if e.misplaced)
    right = interaction("misplaced", put.item, put.facing, put.from_s)
    stray = interaction("knocked_over", put.item, put.facing, put.from_s)
    states = [
        FacingState(c.id, StockLevel.EMPTY, 0.0, 1.0) for c in one.stage.cells if not c.stocked
    ]
    moved = {e.facing for e in one.tale.events}
    full = next(c for c in one.stage.cells if c.stocked and c.id not in moved)
    states.append(FacingState(full.id, StockLevel.EMPTY, 0.0, 1.0))
    misplaced, fell, _touch, empty = score(one, [right, stray], states).beside  # type: ignore[list-item]
    assert (misplaced.found, misplaced.missed, misplaced.false) == (1, 0, 0)
    assert (fell.found, fell.missed, fell.false) == (0, 0, 1)
    assert empty.false == 1 + (put.facing in {s.facing for s in states})


def test_a_restocking_may_be_told_or_not() -> None:
    one = story(11, kind="restock")
    (event,) = one.tale.events
    told = interaction("put_back", event.item, event.facing, event.to_s)
    for found in ([], [told]):
        counts = score(one, found).counts  # type: ignore[arg-type]
        assert (counts.hits, counts.missed, counts.false) == (0, 0, 0)


class Blind:
    """Perception that sees nobody."""

    def detect(self, _frame: object, tasks: frozenset[str], **_regions: object) -> Detections:
        return Detections(ran=tasks)


def test_a_suite_is_split_by_traits() -> None:
    told = run_suite([story(n, kind="quiet", size=SMALL) for n in (0, 1)],
                     read_with_product(Blind(), 2.0))  # type: ignore[arg-type]  # fmt: skip
    assert told["all"]["stories"]["stories"] == 2
    assert sum(row["stories"] for row in told["angle"].values()) == 2
    assert told["kind"]["quiet"]["false"] == 0


def test_the_command_writes_videos_with_their_truth(run: Run, tmp_path: Path) -> None:
    code, text, _ = run("lab", "stories", "--count", 1, "--seed", 9, "--fps", 2,
                        "--out", tmp_path, "--json")  # fmt: skip
    assert code == 0
    (video,) = map(Path, json.loads(text)["written"])
    truth = json.loads(video.with_suffix(".json").read_text())
    assert truth["simulated"] is True
    assert truth["traits"]["kind"] == KINDS[9]
    assert video.stat().st_size > 1000


def test_an_unknown_kind_is_refused_with_the_known_ones(run: Run) -> None:
    code, _, text = run("lab", "stories", "--count", 1, "--kind", "dance")
    assert code == 2
    assert "dance" in text
    assert "two-hands" in text


def test_the_pose_model_finds_rendered_shoppers() -> None:
    perception = Perception(PerceptionOptions(expression=False))
    seen = looked = 0
    for number, angle in enumerate(("frontal", "oblique-30", "oblique-50") * 2):
        one = story(number, kind="inspect", angle=angle, light="bright", size=(640, 360))
        (take,) = (e for e in one.tale.events if e.kind == "take")
        people = one.truth(5)["people"]
        for place, (t_s, image) in enumerate(one.frames(5)):
            if not take.from_s <= t_s < take.from_s + 0.2:
                continue
            (head,) = (p["head_px"] for p in people[place])
            found = perception.detect(Frame(CAMERA, EPOCH, t_s, image), frozenset({"people"}))
            looked += 1
            seen += any(
                p.box[0] - 15 < head[0] < p.box[2] + 15 and p.box[1] - 15 < head[1] < p.box[3] + 15
                for p in found.people
            )
    assert looked >= 6
    assert seen / looked > 0.8

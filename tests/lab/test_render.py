"""The rendered demo: repeatable, whole or absent, true to its story, and readable by the models."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import av
import cv2
import numpy as np
import onnxruntime
import pytest

from aeras.lab.render import RenderedDemo, demo_layout, render_demo
from aeras.lab.render.actors import actor, names
from aeras.lab.render.aisle import AisleView
from aeras.lab.render.body import pose_at
from aeras.lab.render.expressions import expressed, mimic
from aeras.lab.render.frontal import ShelfView
from aeras.lab.render.production import render_sized, truth_of
from aeras.lab.render.scene import AISLE_CAMERA, SHELF_CAMERA, layout_for, with_check_digit
from aeras.lab.render.script import FACES, Plan, plan_demo

ROOT = Path(__file__).resolve().parents[2]
SMALL = (256, 144)
"""The encoder repeats itself byte for byte only where rows of chroma fill 64-byte blocks."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_demo(demo_layout(), seed=7, seconds=150)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> RenderedDemo:
    return render_sized(tmp_path_factory.mktemp("demo"), SMALL, seed=3, seconds=4, fps=8)


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def test_both_videos_have_the_asked_length_and_size(small: RenderedDemo) -> None:
    for path in (small.aisle, small.shelf):
        frames = decoded(path)
        assert len(frames) == 4 * 8
        assert {frame.shape for frame in frames} == {(144, 256, 3)}


def test_the_same_seed_gives_the_same_files(small: RenderedDemo, tmp_path: Path) -> None:
    again = render_sized(tmp_path, SMALL, seed=3, seconds=4, fps=8)
    assert again.shelf.read_bytes() == small.shelf.read_bytes()
    assert again.aisle.read_bytes() == small.aisle.read_bytes()
    assert again.truth.read_text() == small.truth.read_text()


def test_another_seed_tells_another_story() -> None:
    one, other = (plan_demo(demo_layout(), seed=seed, seconds=60) for seed in (1, 2))
    assert one.events != other.events


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupted_render_leaves_no_file(tmp_path: Path, processes: int) -> None:
    calls: list[float] = []

    def stop(share: float) -> None:
        calls.append(share)
        if len(calls) > 1:  # the first call comes before anything is drawn
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_sized(tmp_path, SMALL, seed=3, seconds=2, fps=8, processes=processes,
                     on_progress=stop)  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_progress_runs_from_nothing_to_all_in_full_size(tmp_path: Path) -> None:
    shares: list[float] = []
    made = render_demo(tmp_path, seconds=0.4, processes=1, on_progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    truth = json.loads(made.truth.read_text())
    assert truth["size"] == [1280, 720]
    assert [f["id"] for f in truth["facings"]] == [f.id for f in demo_layout().facings]


def test_check_digits_are_right() -> None:
    # The example of the GS1 General Specifications.
    assert with_check_digit("629104150021") == "6291041500213"
    for item in demo_layout().items:
        assert item.gtin == with_check_digit(item.gtin[:12])
        assert 200 <= int(item.gtin[:3]) <= 299


def test_facings_lie_apart_inside_the_fixture_and_the_image() -> None:
    layout = demo_layout()
    outline = np.array(layout.fixture_polygon, dtype=np.float32)
    for facing in layout.facings:
        for corner in facing.polygon:
            assert cv2.pointPolygonTest(outline, corner, False) > 0
            assert 0 <= corner[0] < layout.size[0]
            assert 0 <= corner[1] < layout.size[1]
    for one, other in itertools.combinations(layout.facings, 2):
        shapes = (np.array(f.polygon, dtype=np.float32) for f in (one, other))
        assert cv2.intersectConvexConvex(*shapes)[0] == 0


def test_truth_is_ordered_and_inside_the_video(plan: Plan) -> None:
    truth = truth_of(demo_layout(), plan, seconds=150, fps=15)
    events = truth["events"]
    assert isinstance(events, list)
    starts = [event["start_s"] for event in events]
    assert starts == sorted(starts)
    facings = {facing.id: facing.item for facing in demo_layout().facings}
    for event in events:
        assert 0 <= event["start_s"] < event["end_s"] <= 150
        assert facings[event["facing"]] == event["item"]


def test_every_kind_of_event_and_expression_is_told(plan: Plan) -> None:
    assert {e.kind for e in plan.events} == {"take", "put_back", "reach", "dwell"}
    assert {e.expression for e in plan.events} == {"neutral", "smile", "puzzled", "repelled"}


def test_one_item_is_rejected_three_times_in_the_first_minute(plan: Plan) -> None:
    rejections = [
        event.end_s
        for event in plan.events
        if event.kind == "put_back"
        and event.item == demo_layout().rejected_item
        and event.expression == "repelled"
    ]
    assert rejections[2] < 60


def test_an_item_is_put_back_only_after_it_was_taken(plan: Plan) -> None:
    away: dict[str, float] = {}
    for event in plan.events:
        if event.kind == "take":
            away[event.facing] = event.end_s
        if event.kind == "put_back":
            assert 2 < event.start_s - away.pop(event.facing) < 12


@pytest.mark.parametrize("seed", range(6))
def test_the_story_ends_as_it_began(seed: int) -> None:
    plan = plan_demo(demo_layout(), seed=seed, seconds=100)
    for time_s in (0.0, 99.9):
        assert plan.present(time_s) == []
        states = [plan.placement(f.id, time_s) for f in demo_layout().facings]
        assert {state.state for state in states if state} <= {"shifted"}


@pytest.mark.parametrize("seed", range(6))
def test_items_of_a_facing_are_in_one_place_at_a_time(seed: int) -> None:
    plan = plan_demo(demo_layout(), seed=seed, seconds=150)
    for facing in demo_layout().facings:
        spans = sorted((p.start_s, p.end_s) for p in plan.placements if p.facing == facing.id)
        for (_, end), (start, _) in itertools.pairwise(spans):
            assert end <= start + 1e-9


def test_a_taken_item_is_seen_gone_and_later_back(plan: Plan) -> None:
    layout = layout_for(AISLE_CAMERA.resized((640, 360)))
    drawn = AisleView(plan, layout, AISLE_CAMERA.resized((640, 360)), 7)
    kept = next(p for p in plan.placements if p.state == "gone")
    box = np.array(layout.facing(kept.facing).polygon)
    (x0, y0), (x1, y1) = box.min(axis=0).astype(int), box.max(axis=0).astype(int)

    def facing_at(time_s: float) -> np.ndarray:
        return drawn.draw(time_s)[y0:y1, x0:x1].astype(np.float32)

    before, gone = facing_at(0.0), facing_at(kept.start_s + 0.5)
    assert np.abs(gone - before).mean() > 15
    assert np.abs(facing_at(kept.end_s + 0.6) - before).mean() < 1


def test_actors_come_in_pairs_of_the_same_group() -> None:
    assert len(names()) == FACES
    for number in range(len(names())):
        who = actor(number)
        assert who.neutral.points.shape == who.smile.points.shape == (478, 2)
        shift = np.abs(who.neutral.points[[33, 263]] - who.smile.points[[33, 263]])
        assert shift.max() < 20


def test_expressions_change_the_face_where_they_should() -> None:
    face = mimic(2)
    rest = expressed(face, (0, 0, 0), 0, 0, 0).astype(np.float32)
    for weights in ((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)):
        change = np.abs(expressed(face, weights, 0, 0, 0) - rest).mean(axis=2)
        assert change[140:200, 80:160].mean() > 4  # round the mouth
        assert change[:12].mean() < 30


def models_folder() -> Path:
    here = Path(__file__).resolve().parents[2]
    return next(
        (f for f in (here / "src/aeras/models", here.parent / "shared/models")
         if (f / "yunet_dyn.onnx").exists()),
        here / "src/aeras/models",
    )  # fmt: skip


@pytest.fixture(scope="module")
def yunet() -> onnxruntime.InferenceSession:
    folders = (ROOT / "src/aeras/models", ROOT.parent / "shared/models")
    files = [folder / name for folder in folders for name in ("yunet.onnx", "yunet_dyn.onnx")]
    found = next((file for file in files if file.exists()), None)
    if found is None:
        pytest.skip("no YuNet among the models")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(found), options, providers=["CPUExecutionProvider"])


def test_the_face_detector_finds_who_looks_at_a_taken_item(
    plan: Plan, yunet: onnxruntime.InferenceSession
) -> None:
    half = (640, 352)
    camera = SHELF_CAMERA.resized(half)
    drawn = ShelfView(plan, demo_layout(), camera, 7)
    takes = [event for event in plan.events if event.kind == "take"][:4]
    for event in takes:
        time_s = event.end_s + 2.0
        shopper = plan.present(time_s)[0][1]
        head = camera.pixel(pose_at(shopper, actor(shopper.actor), time_s).head)
        assert face_score_near(yunet, drawn.draw(time_s), head) > 0.7


def face_score_near(
    net: onnxruntime.InferenceSession, frame: np.ndarray, head: tuple[float, float, float]
) -> float:
    """Return the detector's best score in the cells round a head (x px, y px, px a metre)."""
    names_out = [output.name for output in net.get_outputs()]
    blob = frame.transpose(2, 0, 1)[None].astype(np.float32)
    outputs = dict(zip(names_out, net.run(None, {"input": blob}), strict=True))
    best = 0.0
    for stride in (8, 16, 32):
        product = outputs[f"cls_{stride}"] * outputs[f"obj_{stride}"]
        rows, columns = frame.shape[0] // stride, frame.shape[1] // stride
        score = np.sqrt(np.clip(product, 0, 1)).reshape(rows, columns)
        row, column = int((head[1] + 0.03 * head[2]) / stride), int(head[0] / stride)
        top, left = max(row - 2, 0), max(column - 2, 0)
        best = max(best, float(score[top : row + 3, left : column + 3].max()))
    return best

"""Real clips through `replay`, as a user would run them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from aeras.config import Site, load_site
from aeras.domain.seen import Detections
from aeras.lab.replay import Summary, replay

pytestmark = pytest.mark.shared

EU = {
    "profile": "eu",
    "expression": True,
    "jurisdiction": "DE",
    "controller": "Test",
    "dpia": "test",
    "notice": "test",
}


class Blind:
    """Finds nobody: what is found then comes from the shelf's own picture."""

    def detect(self, *_: object, **__: object) -> Detections:
        return Detections()


def site(folder: Path, role: str, size: list[int], **more: Any) -> Site:
    facings = more.get("facings", [])
    path = folder / "site.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "site": {"name": "Test"},
                "privacy": more.get("privacy", {"profile": "behaviour-only"}),
                "items": [{"id": f["item"], "name": f["item"]} for f in facings],
                "cameras": [{"id": "c", "source": "none.mp4", "role": role, "size": size}],
                "fixtures": [
                    {"id": "f", "camera": "c", "polygon": more["polygon"], "facings": facings}
                ],
            }
        )
    )
    return load_site(path)


def box(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]


def play(place: Site, video: Path, **more: Any) -> tuple[list[dict[str, Any]], Summary]:
    lines: list[dict[str, Any]] = []
    return lines, replay(place, "c", video, on_interaction=lines.append, **more)


# --- bottles ------------------------------------------------------------------------------------

SLOTS = {"L": (80, 115), "M": (290, 333), "R": (516, 553)}
RELEASE_S = 1.7
"""The hand stays on a bottle at most this long after it stands."""


@pytest.mark.parametrize(
    ("shape", "fps"),
    [((105, 312, 8), 10.0), ((105, 145, 0), 10.0), ((0, 359, 8), 5.0), ((75, 335, 30), 5.0)],
    ids=["tight", "caps", "columns", "generous"],
)
def test_bottles_taken_and_put_back(
    shared: Path, tmp_path: Path, shape: tuple[int, int, int], fps: float
) -> None:
    top, bottom, wider = shape
    clips = shared / "data" / "clips"
    facings = [
        {"id": name, "item": f"bottle-{name}", "polygon": box(x0 - wider, top, x1 + wider, bottom)}
        for name, (x0, x1) in SLOTS.items()
    ]
    shop = site(tmp_path, "aisle", [640, 360], polygon=box(30, 40, 610, 345), facings=facings)
    lines, _ = play(shop, clips / "bottle-detection.mp4", fps=fps, perception=Blind())
    events = json.loads((clips / "bottle-detection.events.json").read_text())["events"]
    right = [event for event in events if any(_fits(event, line) for line in lines)]
    assert len(right) >= 7
    assert len(lines) - len(right) <= 1


def _fits(event: dict[str, Any], line: dict[str, Any]) -> bool:
    if line["facing"] != event["slot"] or line["item"] != f"bottle-{event['slot']}":
        return False
    if event["type"] == "pick":
        return bool(line["kind"] == "take" and abs(line["end_s"] - event["t"]) <= 0.5)
    return bool(line["kind"] == "put_back" and -0.5 <= line["start_s"] - event["t"] <= RELEASE_S)


# --- a cluttered table --------------------------------------------------------------------------


def test_takes_at_a_cluttered_table(shared: Path, tmp_path: Path) -> None:
    clips = shared / "data" / "clips"
    truth = json.loads((clips / "shelf" / "events.json").read_text())["clips"]
    clip = next(c for c in truth if c["file"].endswith("normal-4.mp4"))
    facings = [{"id": i["id"], "item": i["id"], "polygon": box(*i["box"])} for i in clip["items"]]
    polygon = clip["zones"][0]["polygon"]
    shop = site(tmp_path, "aisle", [640, 480], polygon=polygon, facings=facings)
    lines, _ = play(shop, clips / clip["file"], fps=5.0)
    handled = [(line["kind"], line["item"]) for line in lines if line["kind"] != "dwell"]
    assert handled == [("take", "orange_box"), ("put_back", "orange_box")]


# --- faces --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clip", "neutral_s", "smiling_s"),
    [("face-sad-to-smile.mp4", (3, 9), (11, 15)), ("face-neutral-to-smile.mp4", (0, 0.5), (1, 2))],
)
def test_positive_rises_as_a_person_starts_to_smile(
    shared: Path,
    tmp_path: Path,
    clip: str,
    neutral_s: tuple[float, float],
    smiling_s: tuple[float, float],
) -> None:
    shop = site(tmp_path, "shelf", [640, 360], polygon=box(0, 0, 640, 360), privacy=EU)
    lines, summary = play(shop, shared / "data" / "clips" / clip, trace=True, fps=5.0)
    readings = [line["reading"] for line in lines if "reading" in line]

    def mean(span: tuple[float, float]) -> float:
        values = [r["positive"] for r in readings if span[0] <= r["t_s"] <= span[1]]
        return float(sum(values) / len(values))

    assert mean(smiling_s) > mean(neutral_s) + 0.4
    (dwell,) = [line for line in lines if "kind" in line]
    assert dwell["kind"] == "dwell"
    # A smile without anything done tips the reading, and makes none.
    shares = dwell["reaction"]
    assert shares["positive"] > max(shares["hesitant"], shares["rejected"]) + 0.05
    assert shares["positive"] < 0.5
    assert "smile" in dwell["reasons"]
    assert dwell["coverage"] > 0.8
    assert summary.faces_read > 0.8 * summary.frames


def test_behaviour_only_reads_no_face(shared: Path, tmp_path: Path) -> None:
    shop = site(tmp_path, "shelf", [640, 360], polygon=box(0, 0, 640, 360))
    clip = shared / "data" / "clips" / "face-neutral-to-smile.mp4"
    lines, summary = play(shop, clip, fps=5.0)
    assert (summary.faces_found, summary.faces_read) == (0, 0)
    assert all(line["coverage"] == 0 for line in lines)


# --- a real shop --------------------------------------------------------------------------------


def test_shoppers_dwell_at_a_real_shelf_and_no_expression_is_read(
    shared: Path, tmp_path: Path
) -> None:
    polygon = [[120, 480], [560, 300], [830, 640], [560, 800], [250, 640]]
    shop = site(tmp_path, "aisle", [1920, 1080], polygon=polygon, privacy=EU)
    lines, summary = play(shop, shared / "data" / "clips" / "Retail02_short.mp4", fps=3.0)
    assert "dwell" in [line["kind"] for line in lines]
    assert summary.faces_read == 0
    assert all(line["coverage"] == 0 for line in lines)

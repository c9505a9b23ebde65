"""The figures of ``benchmarks/shelf.md``: ``python -m aeras.lab.shelfbench DATA [DEMO_DIR]``.

Matching: a take counts within 0.5 s of the item leaving; a put back from 0.3 s before the item is
down to 0.5 s after the hand lets go. Each found event matches at most one true one.
"""

from __future__ import annotations

import heapq
import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aeras.capture import open_source
from aeras.domain.kept import Kind
from aeras.domain.seen import Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Shop
from aeras.lab.tracking import score_sequence
from aeras.perceive import Perception
from aeras.wiring.rig import Rig

BOTTLE_RELEASE_S = 1.5
"""In the bottle clip the hand stays about this long after the bottle is first seen standing."""
BOTTLE_EARLY_S = 0.2
"""With `EARLY_S` the 0.5 s to which that clip is annotated."""
BOTTLE_ROWS = {"tight": (105, 312, 8), "caps": (105, 145, 0), "columns": (0, 359, 8)}
MATCH_S = 0.5
EARLY_S = 0.3


@dataclass(frozen=True, slots=True)
class Truth:
    """A true event; a take at ``to_s``, a put back from ``from_s`` to ``to_s``."""

    kind: str
    item: str
    from_s: float
    to_s: float


def main(data: Path, demo: Path | None) -> dict[str, Any]:
    """All figures."""
    clips = data / "clips"
    figures: dict[str, Any] = {
        f"bottles, {name}": _bottles(clips, *rows) for name, rows in BOTTLE_ROWS.items()
    }
    figures["table, item boxes"] = _table(clips, facings=True)
    figures["table, zone only"] = _table(clips, facings=False)
    for sequence in ("PETS09-S2L1", "TUD-Stadtmitte"):
        figures[sequence] = score_sequence(data / "mot" / sequence)
    if demo is not None:
        figures["rendered demo, 5 frames/s"] = _demo(demo)
    return figures


def _bottles(clips: Path, top: int, bottom: int, wider: int) -> dict[str, float]:
    told = json.loads((clips / "bottle-detection.events.json").read_text())
    facings = tuple(
        Facing(name, name, _box(x0 - wider, top, x1 + wider, bottom))
        for name, (x0, x1) in told["slots_x"].items()
    )
    truth = [
        Truth("take", e["slot"], e["t"], e["t"])
        if e["type"] == "pick"
        else Truth("put_back", e["slot"], e["t"] - BOTTLE_EARLY_S, e["t"] + BOTTLE_RELEASE_S)
        for e in told["events"]
    ]
    fixture = Fixture("f", "f", "c", _box(30, 40, 610, 345), facings)
    found = _play(fixture, clips / "bottle-detection.mp4", tuple(told["size"]))
    return _score([(truth, found)], told["frames"] / told["fps"])


def _table(clips: Path, *, facings: bool) -> dict[str, float]:
    told = json.loads((clips / "shelf" / "events.json").read_text())["clips"]
    pairs = []
    for clip in told:
        places = tuple(Facing(i["id"], i["id"], _box(*i["box"])) for i in clip["items"])
        polygon = tuple((float(x), float(y)) for x, y in clip["zones"][0]["polygon"])
        fixture = Fixture("f", "f", "c", polygon, places if facings else ())
        truth = [
            Truth(e["type"], e["item"], e["t_from_s"], e["t_s"])
            for e in clip["events"]
            if e["type"] != "touch"
        ]
        found = _play(fixture, clips / clip["file"], (clip["width"], clip["height"]))
        pairs.append((truth, found))
    return _score(pairs, sum(clip["duration"] for clip in told))


def _demo(folder: Path) -> dict[str, float]:
    told = json.loads((folder / "truth.json").read_text())
    size = tuple(told["size"])
    facings = tuple(Facing(f["id"], f["item"], _points(f["polygon"])) for f in told["facings"])
    fixture = Fixture("f", "f", "a", _points(told["fixture_polygon"]), facings, "s")
    cameras = (
        CameraSpec("a", str(folder / "aisle.mp4"), CameraRole.AISLE, size),
        CameraSpec("s", str(folder / "shelf.mp4"), CameraRole.SHELF, size),
    )
    begun = time.monotonic()
    found = _run(fixture, cameras, 5.0)
    truth = [
        Truth(e["kind"], e["item"], e["start_s"], e["end_s"])
        for e in told["events"]
        if e["kind"] in {"take", "put_back"}
    ]
    took = (time.monotonic() - begun) / told["seconds"]
    return _score([(truth, found)], told["seconds"]) | {"wall_s_per_s": round(took, 2)}


def _play(fixture: Fixture, video: Path, size: tuple[int, int]) -> list[Interaction]:
    return _run(fixture, (CameraSpec("c", str(video), CameraRole.AISLE, size),), 10.0)


def _run(fixture: Fixture, cameras: Sequence[CameraSpec], fps: float) -> list[Interaction]:
    shop = Shop("bench", "bench", "UTC", (), tuple(cameras), (fixture,))
    rig = Rig(shop, cameras, Perception())
    streams = [open_source(c, clock=_now, sample_fps=fps).frames() for c in cameras]
    found: list[Interaction] = []
    for frame in heapq.merge(*streams, key=lambda frame: frame.t_s):
        found += rig.update(frame)[1]
    return [*found, *rig.finish()]


def _score(
    pairs: Iterable[tuple[list[Truth], list[Interaction]]], seconds: float
) -> dict[str, float]:
    hits = right = false = missed = 0
    for truth, found in pairs:
        left = list(truth)
        for one in sorted(found, key=lambda i: i.start_s):
            if one.kind not in {Kind.TAKE, Kind.PUT_BACK}:
                continue
            fits = [event for event in left if _fits(event, one)]
            fits.sort(key=lambda event: event.item != one.item)
            if not fits:
                false += 1
                continue
            left.remove(fits[0])
            hits += 1
            right += fits[0].item == one.item
        missed += len(left)
    return {
        "events": hits + missed,
        "found": hits,
        "right_item": right,
        "false": false,
        "false_per_min": round(60 * false / seconds, 2),
        "F1": round(2 * hits / max(2 * hits + false + missed, 1), 3),
    }


def _fits(event: Truth, found: Interaction) -> bool:
    if event.kind != found.kind:
        return False
    if found.kind is Kind.TAKE:
        return abs(found.end_s - event.to_s) <= MATCH_S
    return event.from_s - EARLY_S <= found.start_s <= event.to_s + MATCH_S


def _box(x0: float, y0: float, x1: float, y1: float) -> tuple[tuple[float, float], ...]:
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _points(corners: Iterable[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in corners)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:]]
    figures = main(folders[0], folders[1] if len(folders) > 1 else None)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")

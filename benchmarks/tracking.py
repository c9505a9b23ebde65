"""Figures of the tracker beside published ones, and how its settings were chosen.

    python benchmarks/tracking.py MOT_DIR            ours, and what else is installed
    python benchmarks/tracking.py MOT_DIR --choose   settings chosen on one sequence, told on others

MOT_DIR holds PETS09-S2L1 and TUD-Stadtmitte in MOTChallenge layout. `trackers` and `trackeval` are
used where they are installed; they bring a second cv2 package, so give them an environment of their
own:  uv venv E && uv pip install -p E trackers trackeval  and run  PYTHONPATH=src E/bin/python ...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from aeras.lab.tracking import Boxes, Sequence, _Overlaps, evaluate, follow, read_sequence
from aeras.track.byte import ByteOptions, ByteTracker

NAMES = ("PETS09-S2L1", "TUD-Stadtmitte")
GRID = {
    "feet": (0.0, 2.0, 4.0, 6.0),
    "bridge": (0.0, 0.4, 0.6),
    "lost_s": (1.5, 2.0, 3.0),
    "coast_s": (0.0, 0.2, 0.4),
}
SHAKES = 2
"""Besides the detections as given, so many shaken copies: the score of one exact set of boxes
hangs on a handful of crossings."""
MISSING, MOVED = 0.05, 0.015


def shaken(sequence: Sequence, seed: int) -> Sequence:
    """The sequence with one box in twenty missing and edges moved by 1.5 % of the height."""
    if seed == 0:
        return sequence
    d, rng = sequence.detections, np.random.default_rng(seed)
    kept = rng.random(len(d.frame)) > MISSING
    heights = (d.xyxy[:, 3] - d.xyxy[:, 1])[:, None]
    xyxy = d.xyxy + rng.normal(0, MOVED, d.xyxy.shape) * heights
    return replace(sequence, detections=Boxes(d.frame[kept], d.id[kept], xyxy[kept], d.score[kept]))


def compare(sequences: dict[str, Sequence]) -> None:
    """One line a tracker and sequence."""
    for name, sequence in sequences.items():
        for title, make in {"aeras": ByteTracker, **_theirs(sequence.rate)}.items():
            found, ms = follow(sequence, make())
            scores = evaluate(sequence.truth, found)
            line = {"sequence": name, "tracker": title, **scores, "ms_per_frame": round(ms, 2)}
            _print(line | _trackeval(sequence.truth, found))


def choose(sequences: dict[str, Sequence]) -> None:
    """Takes the settings that do best on one sequence; tells their score on the other."""
    shaken_ones = {
        name: [shaken(sequence, seed) for seed in range(SHAKES + 1)]
        for name, sequence in sequences.items()
    }
    table = []
    for values in product(*GRID.values()):
        settings = dict(zip(GRID, values, strict=True))
        hota = {
            name: np.mean([_hota(one, settings) for one in ones])
            for name, ones in shaken_ones.items()
        }
        table.append((settings, hota))
        _print({**settings, **{name: round(float(v), 4) for name, v in hota.items()}})
    for name in sequences:
        settings, hota = max(table, key=lambda row: row[1][name])
        _print({"chosen_on": name, **settings, **{n: round(float(v), 4) for n, v in hota.items()}})


def _hota(sequence: Sequence, settings: dict[str, float]) -> float:
    found, _ = follow(sequence, ByteTracker(replace(ByteOptions(), **settings)))  # type: ignore[arg-type]
    return evaluate(sequence.truth, found)["HOTA"]


def _theirs(rate: float) -> dict[str, Callable[[], Any]]:
    if find_spec("trackers") is None:
        return {}
    import supervision
    import trackers

    class Adapter:
        def __init__(self, tracker: Any) -> None:
            self._tracker = tracker

        def update(self, boxes: Any, scores: Any, t_s: float) -> list[SimpleNamespace]:
            seen = supervision.Detections(
                xyxy=boxes, confidence=scores, class_id=np.zeros(len(boxes), dtype=int)
            )
            given = self._tracker.update(seen)
            return [
                SimpleNamespace(id=int(number), box=tuple(box))
                for box, number in zip(given.xyxy, given.tracker_id, strict=True)
                if number >= 0
            ]

    kinds = {
        "ByteTrack": trackers.ByteTrackTracker,
        "OC-SORT": trackers.OCSORTTracker,
        "SORT": trackers.SORTTracker,
    }
    return {
        name: lambda kind=kind: Adapter(kind(frame_rate=rate))  # type: ignore[misc]
        for name, kind in kinds.items()
    }


def _trackeval(truth: Boxes, found: Boxes) -> dict[str, float]:
    """The same measures from their authors' code."""
    if find_spec("trackeval") is None:
        return {}
    from trackeval.metrics import CLEAR, HOTA, Identity

    pairs = _Overlaps.of(truth, found)
    data = {
        "num_gt_ids": len(pairs.truth_n),
        "num_tracker_ids": len(pairs.found_n),
        "num_gt_dets": int(pairs.truth_n.sum()),
        "num_tracker_dets": int(pairs.found_n.sum()),
        "num_timesteps": len(pairs.frames),
        "gt_ids": [a for a, _, _ in pairs.frames],
        "tracker_ids": [b for _, b, _ in pairs.frames],
        "similarity_scores": [iou for _, _, iou in pairs.frames],
    }
    quiet = {"PRINT_CONFIG": False}
    return {
        "trackeval_HOTA": round(float(HOTA().eval_sequence(data)["HOTA"].mean()), 4),
        "trackeval_IDF1": round(float(Identity(quiet).eval_sequence(data)["IDF1"]), 4),
        "trackeval_MOTA": round(float(CLEAR(quiet).eval_sequence(data)["MOTA"]), 4),
    }


def _print(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    loaded = {name: read_sequence(folder / name) for name in NAMES}
    (choose if "--choose" in sys.argv else compare)(loaded)

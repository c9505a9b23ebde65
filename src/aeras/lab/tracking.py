"""Scores the tracker on a sequence in MOTChallenge layout: HOTA, IDF1, MOTA.

The measures are written from their papers: HOTA (Luiten et al. 2021), IDF1 (Ristani et al. 2016),
CLEAR MOT's MOTA (Bernardin and Stiefelhagen 2008). Where HOTA leaves the matching open, it follows
the authors' reference: matches maximise association first, localisation second.
"""

from __future__ import annotations

import configparser
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aeras.domain.errors import InputError
from aeras.domain.geometry import iou_matrix
from aeras.domain.seen_ports import Tracker
from aeras.track.byte import ByteTracker

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

ALPHAS = np.arange(1, 20) / 20
"""Localisation thresholds of HOTA, 0.05 to 0.95."""
MATCH_IOU = 0.5
"""Overlap from which CLEAR and IDF1 count a match."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """Boxes of a whole sequence: frame numbers (N,), ids (N,), xyxy (N, 4), scores (N,)."""

    frame: Ints
    id: Ints
    xyxy: Floats
    score: Floats

    def of(self, frame: int) -> Boxes:
        """Those of one frame."""
        chosen = self.frame == frame
        return Boxes(self.frame[chosen], self.id[chosen], self.xyxy[chosen], self.score[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """Given detections, true boxes (those that count) and the frame rate of a sequence."""

    detections: Boxes
    truth: Boxes
    rate: float

    @property
    def frames(self) -> range:
        """Numbers of its frames."""
        return range(1, int(max(self.detections.frame.max(), self.truth.frame.max())) + 1)


def read_sequence(directory: Path) -> Sequence:
    """Reads ``det/det.txt``, ``gt/gt.txt`` and ``seqinfo.ini``.

    Raises:
        InputError: A file is missing or not in MOTChallenge form.
    """
    truth = read_mot(directory / "gt" / "gt.txt")
    truth = _select(truth, truth.score != 0)  # rows flagged 0 are not to be scored
    return Sequence(read_mot(directory / "det" / "det.txt"), truth, _frame_rate(directory))


def score_sequence(directory: Path, make: Callable[[], Tracker] = ByteTracker) -> dict[str, float]:
    """Runs the tracker over a sequence, frame by frame as it would live, and compares.

    Returns:
        HOTA, IDF1, MOTA as shares of one and ms_per_frame (tracker only, median).

    Raises:
        InputError: A file is missing or not in MOTChallenge form.
    """
    sequence = read_sequence(directory)
    found, ms = follow(sequence, make())
    return {**evaluate(sequence.truth, found), "ms_per_frame": round(ms, 3)}


def follow(sequence: Sequence, tracker: Tracker) -> tuple[Boxes, float]:
    """What a tracker gives out for a sequence, and its median milliseconds a frame."""
    frame_of: list[int] = []
    ids: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    spent = []
    for frame in sequence.frames:
        seen = sequence.detections.of(frame)
        begun = time.perf_counter()
        tracks = tracker.update(seen.xyxy, seen.score, frame / sequence.rate)
        spent.append(time.perf_counter() - begun)
        frame_of += [frame] * len(tracks)
        ids += [track.id for track in tracks]
        boxes += [track.box for track in tracks]
    found = Boxes(
        np.array(frame_of, dtype=np.intp),
        np.array(ids, dtype=np.intp),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.ones(len(ids)),
    )
    return found, 1000 * float(np.median(spent))


def read_mot(path: Path) -> Boxes:
    """Reads ``frame,id,left,top,width,height,score,...`` lines."""
    try:
        rows = np.loadtxt(path, delimiter=",", ndmin=2, usecols=range(7))
    except OSError as error:
        raise InputError(
            "no such file", where=str(path), todo="give a folder with det/det.txt and gt/gt.txt"
        ) from error
    except ValueError as error:
        raise InputError(f"not in MOTChallenge form: {error}", where=str(path)) from error
    if not len(rows):
        raise InputError("holds no boxes", where=str(path))
    xyxy = np.concatenate([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]], axis=1)
    return Boxes(rows[:, 0].astype(np.intp), rows[:, 1].astype(np.intp), xyxy, rows[:, 6])


def evaluate(truth: Boxes, found: Boxes) -> dict[str, float]:
    """HOTA, IDF1 and MOTA of found boxes against true ones."""
    pairs = _Overlaps.of(truth, found)
    scores = {"HOTA": _hota(pairs), "IDF1": _idf1(pairs), "MOTA": _mota(pairs)}
    return {name: round(value, 4) for name, value in scores.items()}


@dataclass(frozen=True, slots=True, eq=False)
class _Overlaps:
    """Per frame: true ids (as 0..G-1), found ids (0..F-1), their IoU; and boxes an id."""

    frames: tuple[tuple[Ints, Ints, Floats], ...]
    truth_n: Floats
    found_n: Floats

    @classmethod
    def of(cls, truth: Boxes, found: Boxes) -> _Overlaps:
        _, true_id = np.unique(truth.id, return_inverse=True)
        _, found_id = np.unique(found.id, return_inverse=True)
        frames = []
        for frame in np.unique(np.concatenate([truth.frame, found.frame])):
            a, b = truth.frame == frame, found.frame == frame
            frames.append((true_id[a], found_id[b], iou_matrix(truth.xyxy[a], found.xyxy[b])))
        return cls(
            tuple(frames),
            np.bincount(true_id).astype(np.float64),
            np.bincount(found_id).astype(np.float64) if len(found_id) else np.zeros(1),
        )


def _hota(pairs: _Overlaps) -> float:
    # How well each true and found id agree over the sequence, whatever the threshold: this
    # breaks ties between matches so that they favour long associations.
    together = np.zeros((len(pairs.truth_n), len(pairs.found_n)))
    for a, b, iou in pairs.frames:
        union = iou.sum(axis=0)[None, :] + iou.sum(axis=1)[:, None] - iou
        together[np.ix_(a, b)] += np.divide(iou, union, out=np.zeros_like(iou), where=union > 0)
    agree = together / (pairs.truth_n[:, None] + pairs.found_n[None, :] - together)
    matched = np.zeros((len(ALPHAS), *together.shape))
    for a, b, iou in pairs.frames:
        if not iou.size:
            continue
        rows, columns = linear_sum_assignment(agree[np.ix_(a, b)] * iou, maximize=True)
        hits = iou[rows, columns][None, :] >= ALPHAS[:, None] - 1e-9
        for level, row in enumerate(hits):
            matched[level, a[rows[row]], b[columns[row]]] += 1
    true_positives = matched.sum(axis=(1, 2))
    everything = pairs.truth_n.sum() + pairs.found_n.sum() - true_positives
    association = matched / np.maximum(
        pairs.truth_n[:, None] + pairs.found_n[None, :] - matched, 1.0
    )
    ass_a = (matched * association).sum(axis=(1, 2)) / np.maximum(true_positives, 1.0)
    return float(np.sqrt(true_positives / everything * ass_a).mean())


def _idf1(pairs: _Overlaps) -> float:
    together = np.zeros((len(pairs.truth_n), len(pairs.found_n)))
    for a, b, iou in pairs.frames:
        together[np.ix_(a, b)] += iou >= MATCH_IOU
    rows, columns = linear_sum_assignment(together, maximize=True)
    hits = together[rows, columns].sum()
    return float(2 * hits / (pairs.truth_n.sum() + pairs.found_n.sum()))


def _mota(pairs: _Overlaps) -> float:
    last: dict[int, int] = {}
    hits = switches = 0
    for a, b, iou in pairs.frames:
        # A match that still holds is kept before new ones are sought.
        keeps = np.array([[last.get(int(i)) == int(j) for j in b] for i in a]).reshape(iou.shape)
        worth = np.where(iou >= MATCH_IOU, iou + 1000.0 * keeps, 0.0)
        rows, columns = linear_sum_assignment(worth, maximize=True)
        good = worth[rows, columns] > 0
        hits += int(good.sum())
        for i, j in zip(a[rows[good]].tolist(), b[columns[good]].tolist(), strict=True):
            switches += last.get(i, j) != j
            last[i] = j
    missed = pairs.truth_n.sum() - hits
    false = pairs.found_n.sum() - hits
    return float(1 - (missed + false + switches) / pairs.truth_n.sum())


def _select(boxes: Boxes, chosen: NDArray[np.bool_]) -> Boxes:
    return Boxes(boxes.frame[chosen], boxes.id[chosen], boxes.xyxy[chosen], boxes.score[chosen])


def _frame_rate(directory: Path) -> float:
    """From seqinfo.ini where there is one, else 25 frames a second."""
    info = configparser.ConfigParser()
    info.read(directory / "seqinfo.ini")
    return info.getfloat("Sequence", "frameRate", fallback=25.0)

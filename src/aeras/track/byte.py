"""A small tracker: overlap and feet, over Kalman predictions.

Association after ByteTrack (Zhang et al. 2022, "ByteTrack: Multi-Object Tracking by Associating
Every Detection Box"): confident boxes are matched first, then what is left of the tracks may take
up weak boxes, so that a half-hidden person keeps the id instead of losing it. Two things are added.
People who cross stand at different depths, so their feet stand on different rows of the picture:
that tells them apart where overlap cannot. And who comes out from behind something is picked up
near the predicted place even without any overlap. Motion is a constant velocity model in seconds,
so it works at 2 frames a second as at 30.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aeras.domain.geometry import iou_matrix
from aeras.domain.seen import Track

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ByteOptions:
    """Settings of `ByteTracker`; times in seconds, scores and overlaps in [0, 1].

    Attributes:
        high: Boxes scored at least this take part in the first round.
        low: Boxes scored below this are dropped.
        start: A box that found no track starts one from this score up.
        first_iou: Least overlap of prediction and box in the first round. Low, since people at 5
            frames a second move by half their width between frames.
        second_iou: The same for weak boxes; higher, since they are often background.
        feet: How fast a match loses worth with the distance between the lower edges, per body
            height: at 4, a tenth of a height costs a third.
        bridge: A confident box that overlaps no track's prediction may still take up a track whose
            predicted middle lies within this many body heights.
        confirm: Boxes in a row that a new track needs before it is given out.
        lost_s: A track without a box for this long ends.
        coast_s: A track without a box is still given out (at its predicted place) this long.
    """

    high: float = 0.6
    low: float = 0.1
    start: float = 0.7
    first_iou: float = 0.15
    second_iou: float = 0.5
    feet: float = 4.0
    bridge: float = 0.4
    confirm: int = 1
    lost_s: float = 2.0
    coast_s: float = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class _Frame:
    """One frame's boxes (N, 4) xyxy, scores (N,) and time."""

    boxes: Floats
    scores: Floats
    t_s: float


@dataclass(slots=True, eq=False)
class _Live:
    """One track inside the tracker: four independent (value, velocity) filters for cx, cy, w, h."""

    id: int
    mean: Floats  # (4, 2)
    cov: Floats  # (4, 2, 2)
    score: float
    started_s: float
    seen_s: float
    hits: int = 1
    confirmed: bool = False
    detection: int | None = None

    @property
    def box(self) -> Floats:
        """Xyxy."""
        return _to_xyxy(self.mean[:, 0])


# The noise is given as a share of the box height, since a person's pixels per metre grow with it.
# A walker of height h (about 1.7 m) does 1.4 m/s = 0.8 h/s: that is the spread of a new track's
# velocity. Walkers rarely change speed or direction within a second, so the velocity's own walk is
# a seventh of that: with more, a track follows the jitter of its boxes and flies off when they
# stop.
# Detectors place edges to about 5 % of the height; width and height drift slowly.
_MEASURE = np.array([0.05, 0.05, 0.07, 0.07])
_WALK = np.array([0.12, 0.09, 0.022, 0.022])
_START_VELOCITY = np.array([1.0, 0.6, 0.1, 0.1])
LEAST_ALIKE = 0.75
"""Heights (the smaller over the geometric mean) that may belong to the same person over a gap."""


class ByteTracker:
    """Follows the boxes of one camera; implements `aeras.domain.seen_ports.Tracker`."""

    def __init__(self, options: ByteOptions | None = None) -> None:
        self.options = options or ByteOptions()
        self._live: list[_Live] = []
        self._next_id = 1
        self._t_s: float | None = None

    def update(
        self,
        boxes: NDArray[np.float64],
        scores: NDArray[np.float64],
        t_s: float,
    ) -> list[Track]:
        """Takes one frame's boxes and gives the tracks alive after it.

        Args:
            boxes: (N, 4) xyxy pixels.
            scores: (N,) in [0, 1].
            t_s: Seconds; must not run backwards.

        Raises:
            ValueError: shapes do not agree or time runs backwards.
        """
        boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        scores = np.asarray(scores, dtype=np.float64).reshape(-1)
        if len(boxes) != len(scores):
            raise ValueError(f"{len(boxes)} boxes but {len(scores)} scores")
        # Before anything is matched: after a pause nobody may take up the id of who left in it.
        self._live = [track for track in self._live if t_s - track.seen_s <= self.options.lost_s]
        self._predict(t_s)
        strong = np.flatnonzero(scores >= self.options.high)
        weak = np.flatnonzero((scores >= self.options.low) & (scores < self.options.high))
        for track in self._live:
            track.detection = None
        frame = _Frame(boxes, scores, t_s)
        rest, strong = self._associate(self._live, frame, strong, self.options.first_iou)
        # Weak boxes may only keep alive what was seen a moment ago, never wake a lost track.
        fresh = [track for track in rest if track.confirmed and track.seen_s >= self._before]
        self._associate(fresh, frame, weak, self.options.second_iou)
        rest = [track for track in rest if track.detection is None]
        for index in self._bridge(rest, frame, strong):
            if scores[index] >= self.options.start:
                self._start(boxes[index], float(scores[index]), int(index), t_s)
        self._live = [track for track in self._live if track.confirmed or track.seen_s >= t_s]
        return [_give(track) for track in self._live if self._given_out(track, t_s)]

    def _predict(self, t_s: float) -> None:
        last = self._t_s if self._t_s is not None else t_s
        if t_s < last:
            raise ValueError(f"time runs backwards: {t_s:.3f} s after {last:.3f} s")
        self._before, self._t_s = last - 1e-6, t_s
        dt = t_s - last
        step = np.array([[1.0, dt], [0.0, 1.0]])
        for track in self._live:
            walk = (_WALK * track.mean[3, 0]) ** 2
            noise = walk[:, None, None] * np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
            track.mean = track.mean @ step.T
            track.mean[2:, 0] = np.maximum(track.mean[2:, 0], 1.0)
            track.cov = step @ track.cov @ step.T + noise

    def _associate(
        self,
        tracks: list[_Live],
        frame: _Frame,
        chosen: NDArray[np.intp],
        least_iou: float,
    ) -> tuple[list[_Live], NDArray[np.intp]]:
        """Matches and updates; gives what is left of the tracks and of the chosen boxes."""
        if not tracks or not len(chosen):
            return tracks, chosen
        predicted = np.stack([track.box for track in tracks])
        boxes = frame.boxes[chosen]
        iou = iou_matrix(predicted, boxes)
        heights = (predicted[:, 3] - predicted[:, 1])[:, None]
        apart = np.abs(predicted[:, 3][:, None] - boxes[:, 3]) / heights
        worth = iou * (0.5 + 0.5 * frame.scores[chosen]) * np.exp(-self.options.feet * apart)
        return self._match(tracks, frame, chosen, np.where(iou >= least_iou, worth, 0.0))

    def _bridge(
        self, tracks: list[_Live], frame: _Frame, chosen: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Takes up tracks whose prediction missed the box by a little; gives the boxes left."""
        if not tracks or not len(chosen) or not self.options.bridge:
            return chosen
        predicted = np.stack([track.mean[:, 0] for track in tracks])[:, None]
        seen = np.stack([_to_cxcywh(box) for box in frame.boxes[chosen]])[None]
        heights = np.sqrt(predicted[..., 3] * seen[..., 3])
        apart = np.hypot(*np.moveaxis(predicted[..., :2] - seen[..., :2], 2, 0)) / heights
        alike = np.minimum(predicted[..., 3], seen[..., 3]) / heights
        worth = np.where(alike >= LEAST_ALIKE, self.options.bridge - apart, 0.0)
        return self._match(tracks, frame, chosen, np.maximum(worth, 0.0))[1]

    def _match(
        self, tracks: list[_Live], frame: _Frame, chosen: NDArray[np.intp], worth: Floats
    ) -> tuple[list[_Live], NDArray[np.intp]]:
        """Pairs tracks and boxes for the greatest (N, M) worth; 0 is no pair."""
        rows, columns = linear_sum_assignment(worth, maximize=True)
        keep = worth[rows, columns] > 0
        for row, column in zip(rows[keep], columns[keep], strict=True):
            index = int(chosen[column])
            self._correct(tracks[row], frame, index)
        matched = set(rows[keep].tolist())
        left = [track for i, track in enumerate(tracks) if i not in matched]
        return left, np.delete(chosen, columns[keep])

    def _correct(self, track: _Live, frame: _Frame, index: int) -> None:
        measured, score = _to_cxcywh(frame.boxes[index]), float(frame.scores[index])
        # A weak box is placed worse (half hidden): trust it less.
        noise = (_MEASURE * measured[3] * (2.0 - score)) ** 2
        gain = track.cov[:, :, 0] / (track.cov[:, 0, 0] + noise)[:, None]
        track.mean = track.mean + gain * (measured - track.mean[:, 0])[:, None]
        track.cov = track.cov - gain[:, :, None] * track.cov[:, :1, :]
        track.score, track.seen_s, track.detection = score, frame.t_s, index
        track.hits += 1
        track.confirmed = track.confirmed or track.hits >= self.options.confirm

    def _start(self, box: Floats, score: float, index: int, t_s: float) -> None:
        at = _to_cxcywh(box)
        cov = np.zeros((4, 2, 2))
        cov[:, 0, 0] = (_MEASURE * at[3]) ** 2
        cov[:, 1, 1] = (_START_VELOCITY * at[3]) ** 2
        mean = np.stack([at, np.zeros(4)], axis=1)
        self._live.append(
            _Live(
                self._next_id,
                mean,
                cov,
                score,
                t_s,
                t_s,
                confirmed=self.options.confirm <= 1,
                detection=index,
            )
        )
        self._next_id += 1

    def _given_out(self, track: _Live, t_s: float) -> bool:
        return track.confirmed and t_s - track.seen_s <= self.options.coast_s


def _give(track: _Live) -> Track:
    x0, y0, x1, y1 = (float(v) for v in track.box)
    return Track(
        id=track.id,
        box=(x0, y0, x1, y1),
        score=track.score,
        started_s=track.started_s,
        seen_s=track.seen_s,
        detection=track.detection,
    )


def _to_cxcywh(box: Floats) -> Floats:
    x0, y0, x1, y1 = box
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, 1.0), max(y1 - y0, 1.0)])


def _to_xyxy(state: Floats) -> Floats:
    cx, cy, w, h = state
    return np.array([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2])

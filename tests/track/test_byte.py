"""The tracker keeps a person's id through what happens in a shop."""

from __future__ import annotations

import numpy as np
import pytest

from aeras.track.byte import ByteTracker


def walk(x: float, y: float = 100.0) -> list[float]:
    return [x, y, x + 40, y + 110]


def run(frames: list[list[list[float]]], scores: float = 0.9, fps: float = 5.0) -> list[list[int]]:
    tracker = ByteTracker()
    given = []
    for number, boxes in enumerate(frames):
        found = tracker.update(
            np.array(boxes).reshape(-1, 4), np.full(len(boxes), scores), number / fps
        )
        given.append([track.id for track in found if track.detection is not None])
    return given


def test_a_walker_keeps_the_id() -> None:
    assert {tuple(ids) for ids in run([[walk(20 + 12 * n)] for n in range(20)])[1:]} == {(1,)}


def test_a_short_occlusion_does_not_change_the_id() -> None:
    frames = [[walk(20 + 12 * n)] if not 8 <= n < 12 else [] for n in range(20)]
    assert run(frames)[-1] == [1]


def test_two_who_cross_keep_their_ids() -> None:
    frames = [[walk(20 + 14 * n, 100), walk(300 - 14 * n, 128)] for n in range(20)]
    given = run(frames)
    assert given[2] == given[-1] == [1, 2]


def test_a_weak_box_keeps_a_track_alive_but_starts_none() -> None:
    tracker = ByteTracker()
    for n in range(4):
        tracker.update(np.array([walk(20 + 5 * n)]), np.array([0.9]), n / 5)
    kept = tracker.update(np.array([walk(40), walk(400)]), np.array([0.2, 0.2]), 0.8)
    assert [(track.id, track.detection) for track in kept] == [(1, 0)]


def test_an_id_is_never_used_again() -> None:
    frames = [[walk(20)]] * 4 + [[]] * 20 + [[walk(20)]] * 4
    assert run(frames)[-1] == [2]


def test_the_frame_rate_does_not_matter() -> None:
    assert run([[walk(20 + 2 * n)] for n in range(100)], fps=30)[-1] == [1]


def test_time_must_not_run_backwards() -> None:
    tracker = ByteTracker()
    tracker.update(np.zeros((0, 4)), np.zeros(0), 1.0)
    with pytest.raises(ValueError, match="backwards"):
        tracker.update(np.zeros((0, 4)), np.zeros(0), 0.5)


def test_boxes_and_scores_must_agree() -> None:
    with pytest.raises(ValueError, match="1 boxes but 2 scores"):
        ByteTracker().update(np.array([walk(0)]), np.ones(2), 0.0)

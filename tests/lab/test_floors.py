from __future__ import annotations

from aeras.lab.floors import measure


def test_calibration_by_hand_holds_what_is_promised():
    figures = measure(12, seed=3)
    assert figures["stores"] == 12
    assert figures["mean_error_m"] < 0.1
    assert figures["mean_error_m"] < figures["shown_error_m"]  # the page never flatters
    assert figures["right_facing"] > 0.95
    assert measure(12, seed=3) == figures

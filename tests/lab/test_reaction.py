"""What expression adds: the figures are right, and the face is worth what it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.domain.kept import Reaction
from aeras.lab.reaction import SHARES, compare, rendered, simulated

SURE, HALF = Reaction(0.9, 0.1, 0, 0), Reaction(0.4, 0.3, 0.2, 0.1)


def test_figures_by_hand() -> None:
    true = np.array([0, 0, 0, 1])
    line = compare(true, [SURE] * 4, [HALF] * 4, seed=1)
    assert line["accuracy"] == {"with": 0.75, "without": 0.75, "adds": 0.0, "interval": [0.0, 0.0]}
    assert line["said"]["with"] == 1.0
    assert line["said"]["without"] == 0.0
    assert line["right_when_said"]["with"] == 0.75
    assert line["calibration_error"]["with"] == pytest.approx(0.9 - 0.75)
    assert line["log_loss"]["with"] == pytest.approx(-(3 * np.log(0.9) + np.log(0.1)) / 4, abs=1e-3)


def test_the_more_faces_show_the_more_expression_adds_and_never_much() -> None:
    lines = simulated(300, seed=3)
    assert [line["faces_that_show"] for line in lines] == list(SHARES)
    added = [line["log_loss"]["adds"] for line in lines]
    assert added[-1] < added[0]
    assert max(added) < 0.02  # faces that say nothing cost next to nothing
    assert all(abs(line["accuracy"]["adds"]) < 0.05 for line in lines)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert simulated(60, seed=5) == simulated(60, seed=5)


def test_a_folder_without_a_demo_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="rendered demo"):
        rendered([tmp_path])

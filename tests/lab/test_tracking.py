"""HOTA, IDF1 and MOTA, checked by hand on a case small enough to do so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.lab.tracking import Boxes, evaluate, score_sequence

BOX = [0.0, 0.0, 10.0, 20.0]


def boxes(rows: list[tuple[int, int]]) -> Boxes:
    """(frame, id) pairs, all at the same place."""
    frames, ids = (np.array(column, dtype=np.intp) for column in zip(*rows, strict=True))
    return Boxes(frames, ids, np.tile(BOX, (len(rows), 1)), np.ones(len(rows)))


TRUTH = boxes([(1, 1), (2, 1), (3, 1), (4, 1)])


def test_a_perfect_track_scores_one() -> None:
    assert evaluate(TRUTH, TRUTH) == {"HOTA": 1.0, "IDF1": 1.0, "MOTA": 1.0}


def test_a_track_broken_in_the_middle() -> None:
    # Four hits, one switch. IDF1 and the association credit half; DetA is 1, so HOTA is sqrt(1/2).
    found = evaluate(TRUTH, boxes([(1, 7), (2, 7), (3, 8), (4, 8)]))
    assert found == {"HOTA": pytest.approx(0.7071, abs=1e-4), "IDF1": 0.5, "MOTA": 0.75}


def test_half_of_the_boxes_missing() -> None:
    # DetA 2/4, AssA 2/4 -> HOTA 1/2; IDF1 2*2/(4+2); MOTA 1 - 2/4.
    found = evaluate(TRUTH, boxes([(1, 7), (2, 7)]))
    assert found == {"HOTA": 0.5, "IDF1": pytest.approx(0.6667, abs=1e-4), "MOTA": 0.5}


def test_a_folder_that_is_no_sequence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"det\.txt"):
        score_sequence(tmp_path)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "hota"), [("PETS09-S2L1", 0.46), ("TUD-Stadtmitte", 0.54)])
def test_the_tracker_holds_its_figures(shared: Path, name: str, hota: float) -> None:
    found = score_sequence(shared / "data" / "mot" / name)
    assert found["HOTA"] >= hota

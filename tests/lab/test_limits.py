"""The limits' arithmetic on readings whose errors are known, and the command on a tiny set."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest

from aeras.domain.seen import EXPRESSIONS
from aeras.lab.limits import LimitsOptions, Read, bins_of, write_limits
from aeras.perceive.limits import MEASURES, load_limits


def reads(
    height: float, certain: float, right: int, wrong: int, spoiled: str = "", **measures: float
) -> Read:
    """Faces told to be happy with a certainty, of which some are neutral."""
    n = right + wrong
    rng = np.random.default_rng(n)
    sure = certain + rng.uniform(-0.01, 0.01, (n, 1))
    rows = np.repeat((1 - sure) / 7, len(EXPRESSIONS), axis=1)
    rows[:, [EXPRESSIONS.index("happiness")]] = sure
    values = {"height_px": height, "turn_deg": 0.0, "sharpness": 0.3, "presence": 1.0} | measures
    labels = rng.permutation([1] * right + [0] * wrong)
    return Read(
        rows,
        labels,
        {name: np.full(n, value) for name, value in values.items()},
        np.array([spoiled] * n),
    )


def together(*parts: Read) -> Read:
    return Read(
        np.concatenate([p.probabilities for p in parts]),
        np.concatenate([p.labels for p in parts]),
        {name: np.concatenate([p.measures[name] for p in parts]) for name in MEASURES},
        np.concatenate([p.spoiled for p in parts]),
    )


GOOD = reads(60, 0.9, 95, 5)
HOW = LimitsOptions(most_wrong=0.1, least_faces=50)


def test_the_least_certainty_keeps_what_is_right_often_enough() -> None:
    small = together(reads(20, 0.8, 60, 4, "height_px"), reads(20, 0.45, 20, 16, "height_px"))
    small_bin, good_bin = bins_of(together(GOOD, small), "height_px", HOW)
    assert good_bin["least"] == 0.0
    assert good_bin["wrong"] == 0.05
    assert small_bin["wrong"] == 0.2
    assert 0.6 < small_bin["kept"] < 0.8
    assert small_bin["wrong_kept"] <= 0.1
    assert not small_bin["closed"]


def test_a_bin_that_is_wrong_however_certain_is_closed() -> None:
    bad = reads(20, 0.9, 50, 50, "height_px")
    assert bins_of(together(GOOD, bad), "height_px", HOW)[0]["closed"] is True


def test_a_bin_that_is_too_sure_of_itself_is_softened() -> None:
    bold = reads(20, 0.9, 70, 30, "height_px")
    soft, best = bins_of(together(GOOD, bold), "height_px", HOW)
    assert soft["temperature"] > 1.5
    assert best["temperature"] == 1.0


def test_faces_made_worse_otherwise_do_not_count() -> None:
    blurred = reads(60, 0.9, 0, 100, "sharpness", sharpness=0.01)
    assert bins_of(together(GOOD, blurred), "height_px", HOW)[-1]["wrong"] == 0.05
    assert bins_of(together(GOOD, blurred), "sharpness", HOW)[0]["closed"] is True


def test_too_few_faces_join_the_next_better_bin() -> None:
    few = reads(20, 0.9, 0, 9, "height_px")
    (only,) = bins_of(together(GOOD, few), "height_px", HOW)
    assert only["from"] == 14.0
    assert only["n"] == 109


def test_more_is_worse_for_the_turn_of_a_head() -> None:
    aside = reads(60, 0.9, 30, 70, turn_deg=50.0)
    worst, best = bins_of(together(GOOD, aside), "turn_deg", HOW)
    assert (worst["from"], worst["closed"]) == (40.0, True)
    assert best["from"] == 0.0


def test_what_is_written_is_what_the_product_reads(tmp_path: Path) -> None:
    bad = reads(20, 0.9, 50, 50, "height_px")
    result = {name: bins_of(together(GOOD, bad), name, HOW) for name in MEASURES}
    told = {"model_sha256": "ab", "most_wrong": 0.1, "n": 200, "test": {"kept": 1.0, "wrong": None}}
    path = tmp_path / "limits.toml"
    write_limits({**told, **result}, path)
    limits = load_limits(path)
    quality = {"height_px": 60.0, "turn_deg": 0.0, "sharpness": 0.3, "presence": 1.0}
    assert limits.model_sha256 == "ab"
    assert limits.of(quality)[2] == ""
    assert limits.of(quality | {"height_px": 20.0})[2] == "height_px"
    assert tomllib.loads(path.read_text())["height_px"][0]["curve"][0] == 0.5


def test_what_cannot_be_measured_is_one_clear_line(tmp_path: Path, run) -> None:
    code, out, err = run("lab", "limits", tmp_path / "none.npz")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "no such file" in err
    code, _, err = run("lab", "limits", tmp_path / "none.npz", "--model", "nope")
    assert code == 2


@pytest.mark.shared
def test_the_command_measures_a_tiny_set(shared: Path, tmp_path: Path, run) -> None:
    with np.load(shared / "data/ferplus.npz") as arrays:
        few = np.concatenate([np.flatnonzero(arrays["split"] == part)[:220] for part in (1, 2)])
        np.savez(
            tmp_path / "few.npz",
            **{name: arrays[name][few] for name in ("images", "votes", "split", "duplicate")},
        )
    limits = tmp_path / "limits.toml"
    code, _, err = run("lab", "limits", tmp_path / "few.npz", "--faces", 50, "--out", limits)
    assert (code, err) == (0, "")
    bins = load_limits(limits).bins
    assert set(bins) == set(MEASURES)
    assert len(bins["height_px"]) > 1

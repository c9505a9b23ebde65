"""The command's figures on a small market."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.lab import insight
from aeras.lab.insight import SCENARIOS, Market, draw, judged, judged_changes, measure

SMALL = Market(items=8, categories=2, days=40)


def test_every_scenario_tells_its_coverage_beside_the_plain_correlation() -> None:
    found = measure(1, market=SMALL)
    for name in ("main", *SCENARIOS):
        assert 0 <= found[name]["coverage"]["low"] <= found[name]["coverage"]["high"] <= 1
        assert set(found[name]["naive"]) == {"coverage", "sign_right", "fdr", "power"}
    assert found["simulated"] is True


def test_changes_of_price_are_held_by_their_intervals_and_placebos_hold_none() -> None:
    found = judged_changes(60, seed=2)
    assert found["coverage"]["value"] > 0.9
    assert found["placebo_holds"]["value"] > 0.9


def test_the_same_seed_gives_the_same_shop() -> None:
    one, other = (draw(SMALL, np.random.default_rng([7, 0])) for _ in range(2))
    assert judged([one], SMALL) == judged([other], SMALL)


def test_the_command_prints_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}
    monkeypatch.setattr(insight, "measure", lambda shops, **how: asked.update(how) or {"n": shops})
    done = CliRunner().invoke(app, ["lab", "insight", "--shops", "3", "--days", "45", "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"n": 3}
    assert asked["market"].days == 45

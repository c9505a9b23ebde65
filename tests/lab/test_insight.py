"""The command's figures on a small market."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from aeras.cli import app
from aeras.lab.insight import SCENARIOS, Market, judged_changes, measure


def test_every_scenario_tells_its_coverage_beside_the_plain_correlation() -> None:
    found = measure(1, market=Market(items=8, categories=2, days=40))
    for name in ("main", *SCENARIOS):
        assert 0 <= found[name]["coverage"]["low"] <= found[name]["coverage"]["high"] <= 1
        assert set(found[name]["naive"]) == {"coverage", "sign_right", "fdr", "power"}
    assert found["simulated"] is True


def test_changes_of_price_are_held_by_their_intervals_and_placebos_hold_none() -> None:
    found = judged_changes(60, seed=2)
    assert found["coverage"]["value"] > 0.9
    assert found["placebo_holds"]["value"] > 0.9


def test_the_same_seed_gives_the_same_figures_on_the_command_line() -> None:
    args = ["lab", "insight", "--shops", "1", "--days", "30", "--json"]
    first, second = (CliRunner().invoke(app, args) for _ in range(2))
    assert first.exit_code == 0
    assert json.loads(first.stdout) == json.loads(second.stdout)

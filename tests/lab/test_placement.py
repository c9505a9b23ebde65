from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.lab.placement import Market, in_words, measure


@pytest.fixture(scope="module")
def table():
    return measure(2, 2, market=Market(blocks=12))


def test_the_table_says_what_is_promised(table):
    assert table["simulated"]
    assert table["trials"] == 4
    assert set(table["policies"]) == {
        "today",
        "greedy",
        "assignment",
        "thompson",
        "bandit",
        "by_lot",
    }
    assert table["policies"]["today"]["share_of_oracle"] == 0
    assert table["worst_gated"] >= -0.02
    assert table["best_share_of_oracle"] > 0.6
    assert table["ope"]["dr"]["n"] == 20
    assert table["policies"]["by_lot"]["gain"] < table["policies"]["greedy"]["gain"]
    assert table["policies"]["by_lot"]["passed"] < 1
    for row in table["policies"].values():
        assert row["constraints_broken"] == 0
    json.dumps(table, allow_nan=False)


def test_people_can_read_it(table):
    text = in_words(table)
    assert "assignment" in text
    assert "hold the truth in" in text


def test_the_same_seed_gives_the_same_table():
    one, two = (measure(1, 1, market=Market(blocks=6)) for _ in range(2))
    assert one == two


def test_the_command_prints_one_line_of_json(monkeypatch):
    result = CliRunner().invoke(app, ["lab", "placement", "--shops", "1", "--seeds", "2", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["trials"] == 2

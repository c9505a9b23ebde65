import json

import pytest
from advised_shop import AdvisedShop
from typer.testing import CliRunner

from aeras.cli import app


@pytest.fixture
def run(tmp_path):
    """Runs `aeras advice` on a shop with one proposal."""
    shop = AdvisedShop(tmp_path)
    shop.room.make()
    shop.control.close()
    (tmp_path / "data").mkdir()
    (tmp_path / "control.sqlite").rename(tmp_path / "data" / "control.sqlite")

    def run(command: str, *rest: str):
        return CliRunner().invoke(app, ["advice", command, str(shop.path), *rest])

    return run


def test_list_and_show_tell_stage_interval_gate_and_moves(run):
    told = json.loads(run("list", "--json").stdout)
    assert (told["stage"], told["judged"]["why"]) == ("shadow", "passed")
    assert told["gain"]["low"] > 0
    line = run("list").stdout
    assert "shadow" in line
    assert "[simulated]" in line
    shown = run("show", told["id"][:6]).stdout
    for move in told["moves"]:
        assert f"{move['facing']}: {move['was']} -> {move['item']}" in shown


def test_rules_that_conflict_are_named_and_nothing_is_proposed(run, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(path.read_text().replace("moves_a_week: 12", "cold: [a0]"))
    found = run("make", "--json")
    assert found.exit_code == 2
    assert "cold chain" in json.loads(found.stdout)["trouble"]
    assert json.loads(run("list", "--json").stdout)["stage"] == "shadow"


def test_a_site_without_the_section_and_an_unknown_proposal_are_told(run, tmp_path):
    assert run("show", "nothing").exit_code != 0
    path = tmp_path / "site.yaml"
    path.write_text(path.read_text().replace("advice:", "#"))
    assert "asks for no advice" in str(run("list").exception)

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from aeras.cli import app
from aeras.lab.triggers import (
    Market,
    fixed_horizon,
    interval,
    measure,
    run,
    run_change,
    run_effect,
)

SMALL = Market(items=300, bad=15, categories=6, days=60)


@pytest.fixture(scope="module")
def figures():
    return run(SMALL, 6, seed=3, counts=True)


def test_looking_every_hour_finds_the_bad_items_and_hardly_another(figures):
    assert figures["fdr"]["value"] <= 0.05
    assert figures["power"]["value"] >= 0.9
    assert figures["delay_ratio"] <= 1.5


def test_counting_accuses_good_items_however_it_is_set(figures):
    assert all(
        rule["fdr"]["value"] > 0.5 or rule["power"]["value"] < 0.1
        for rule in figures["count"].values()
    )


def test_a_stock_out_wave_opens_nothing_once_it_is_set_aside():
    wave = replace(SMALL, empty=30)
    assert run(wave, 3, seed=4)["triggers_by_stock_out_a_shop"] == 0
    assert run(replace(wave, aside=False), 3, seed=4)["triggers_by_stock_out_a_shop"] > 0


@pytest.mark.parametrize("wave", ["promoted", "misplaced"])
def test_a_wave_that_the_shelf_tells_of_opens_nothing(wave):
    market = replace(SMALL, empty=30, wave=wave)
    assert run(market, 2, seed=4)["triggers_by_stock_out_a_shop"] == 0


def test_items_that_became_worse_are_found_and_no_others():
    market = replace(SMALL, days=40)
    found = run_change(market, 2, seed=2)
    assert found["power"]["value"] > 0.4
    assert found["fdr"]["value"] <= 0.05
    assert found["any_false_trigger_where_none_became_worse"]["value"] == 0


def test_the_interval_of_an_effect_holds_the_truth_as_often_as_it_says():
    coverage = run_effect(1200, seed=3)["coverage"]
    assert coverage["high"] >= 0.93
    assert coverage["low"] <= 0.97


def test_without_bad_items_there_is_nothing_to_find():
    assert run(replace(SMALL, bad=0), 6, seed=5)["false_triggers_a_shop"] <= 0.2


def test_the_fixed_test_needs_more_handlings_where_rejection_is_rare():
    assert fixed_horizon(0.10, 2.0, 1.0, 0.0025) > fixed_horizon(0.25, 2.0, 1.0, 0.0025) > 20


def test_an_interval_holds_its_mean():
    assert interval([0.0, 0.1, 0.2]) == {"value": 0.1, "low": 0.0, "high": 0.3484}


def test_the_same_seed_gives_the_same_figures():
    tiny = Market(items=60, bad=4, categories=2, days=4, visits=60)
    assert measure(2, seed=1, market=tiny) == measure(2, seed=1, market=tiny)


def test_the_command_prints_json():
    ran = CliRunner().invoke(app, ["lab", "triggers", "--shops", "1", "--days", "2", "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.stdout)["simulated"] is True

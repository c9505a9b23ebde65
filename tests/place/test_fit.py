from __future__ import annotations

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.domain.kept import Tally
from aeras.lab.placement import run_log
from aeras.place.fit import calibrate
from aeras.place.log import Reward, week_of
from aeras.place.policy import load
from aeras.place.shop import ShopEnv, misfit
from tests.support.layouts import layout_of


@pytest.fixture(scope="module")
def log(truth):
    return run_log(truth, [load("thompson")()], np.random.default_rng(1))


def test_visibility_and_appeal_are_found_again(truth, log):
    fit = calibrate(truth.layout, log.weeks, truth.weights)
    for slots in truth.layout.blocks:
        true = truth.visibility[slots] - truth.visibility[slots].mean()
        found = fit.visibility[slots] - fit.visibility[slots].mean()
        assert np.abs(found - true).mean() < 0.12
    assert np.corrcoef(fit.gain, truth.gain)[0, 1] > 0.97
    assert 0.3 < fit.nest.mean() < 1.0


def test_values_of_arrangements_nobody_tried_are_ranked_right(truth, log):
    fit = calibrate(truth.layout, log.weeks, truth.weights)
    rng = np.random.default_rng(0)
    for block, slots in enumerate(truth.layout.blocks):
        lots = np.array([rng.permutation(truth.today[slots]) for _ in range(60)])
        told, true = fit.value(block, slots, lots), truth.value(slots, lots)
        assert np.corrcoef(told, true)[0, 1] > 0.85


def test_the_calibration_says_how_far_it_is_off(truth, log):
    found = misfit(truth.layout, log.weeks, truth.weights, np.random.default_rng(0))
    assert found.weeks == 7
    assert 0 < found.off < 0.25
    assert found.within > 0.6


def test_too_few_weeks_say_how_many_are_needed(truth, log):
    with pytest.raises(InputError, match="2 weeks, three are needed"):
        misfit(truth.layout, log.weeks[:2], truth.weights, np.random.default_rng(0))
    with pytest.raises(InputError, match="at least 1 is needed"):
        calibrate(truth.layout, [], truth.weights)


def test_a_slot_that_was_empty_is_not_taken_for_hidden(truth):
    rng = np.random.default_rng(2)
    week = truth.week(truth.today, rng)
    slot = truth.layout.blocks[0][0]
    gone = np.ones(len(truth.today))
    gone[slot] = 0.25
    half = {
        name: np.where(gone < 1, np.round(getattr(week, name) * gone), getattr(week, name))
        for name in ("handled", "taken", "dwells", "positive", "rejected", "read")
    }
    kind = type(week)
    told = kind(plan=week.plan, visits=week.visits, available=gone, **half)
    silent = kind(plan=week.plan, visits=week.visits, available=np.ones(len(gone)), **half)
    at = [
        float((f.appeal[truth.today] + f.visibility)[slot])
        for f in (calibrate(truth.layout, [w] * 4, truth.weights) for w in (week, told, silent))
    ]
    assert at[1] == pytest.approx(at[0], abs=0.15)
    assert at[2] < at[0] - 0.4


def test_weeks_come_from_tallies_of_facings():
    tally = Tally("s1", 40, 30, 10, 12, 4, 3, 1, 2, 5, 9, 0.6, 0)
    week = week_of(layout_of(), np.arange(4), {"s1": tally}, {0: 100}, {"s2": 0.0})
    assert week.handled.tolist() == [0, 20, 0, 0]
    assert week.taken[1] == 8
    assert week.read[1] == 11
    assert week.available[2] == pytest.approx(0.02)
    weights = Reward(margin=1, positive=0.5, rejected=0.25)
    assert week.reward(layout_of(), weights).tolist() == [0, 8 + 1.5 - 0.5, 0, 0]


def test_the_environment_keeps_gymnasiums_rules_and_the_shops(truth, log):
    from gymnasium.utils.env_checker import check_env

    fit = calibrate(truth.layout, log.weeks, truth.weights)
    env = ShopEnv([fit], [truth.rules], [truth.today])
    check_env(env, skip_render_check=True)
    rng = np.random.default_rng(0)
    for block, slots in enumerate(truth.layout.blocks):
        env.reset(options={"block": block})
        total = 0.0
        for _ in range(env.steps):
            total += float(env.step(np.int64(rng.integers(1, env.action_space.n)))[1])
            assert truth.rules.keeps(slots, env.arrangement()[None, :])[0]
        today = truth.today[slots][None, :]
        before = fit.value(block, slots, today)[0]
        after = fit.value(block, slots, env.arrangement()[None, :])[0]
        assert total == pytest.approx(after / before - 1)


def test_a_masked_exchange_changes_nothing(truth, log):
    env = ShopEnv([calibrate(truth.layout, log.weeks, truth.weights)], [truth.rules], [truth.today])
    for block in range(len(truth.layout.blocks)):
        env.reset(options={"block": block})
        for action in np.flatnonzero(~env.mask()):
            env.reset(options={"block": block})
            assert env.step(np.int64(action))[1] == 0
            assert (env.arrangement() == env.today).all()

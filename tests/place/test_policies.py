from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from aeras.domain.errors import InputError
from aeras.lab.placement import DEFAULT, judged, run_log
from aeras.place.policy import Known, describe, load


@pytest.fixture(scope="module")
def log(truth):
    return run_log(truth, [load(name)() for name in DEFAULT], np.random.default_rng(1))


@pytest.fixture(scope="module")
def known(truth, log):
    rng = np.random.default_rng(2)
    return Known(truth.layout, truth.rules, truth.today, log.weeks, truth.weights, rng, log.rounds)


def plan_of(policy, known):
    plan = known.today.copy()
    for block, slots in enumerate(known.layout.blocks):
        plan[slots] = policy.propose(known, block, slots)
    return plan


@pytest.mark.parametrize("name", DEFAULT)
def test_every_policy_keeps_the_rules_and_prefers_by_probabilities(name, truth, known):
    policy = load(name)()
    assert policy.name == name
    plan = plan_of(policy, known)
    assert truth.rules.broken(plan) == []
    assert sorted(plan) == sorted(truth.today)
    slots = truth.layout.blocks[0]
    own = policy.propose(known, 0, slots)
    both = np.unique(np.array([truth.today[slots], own]), axis=0)
    preferred = policy.prefer(known, both, describe(known, 0, slots, both), own)
    assert preferred.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", DEFAULT)
def test_every_policy_works_before_anything_was_tried(name, truth):
    rng = np.random.default_rng(0)
    week = truth.week(truth.today, rng)
    first = Known(truth.layout, truth.rules, truth.today, [week], truth.weights, rng)
    assert truth.rules.broken(plan_of(load(name)(), first)) == []


def test_assignment_gains_most_of_what_the_oracle_gains(truth, known):
    best = truth.plan_value(truth.oracle(np.random.default_rng(0)))
    base = truth.plan_value(truth.today)
    found = truth.plan_value(plan_of(load("assignment")(), known))
    assert (found - base) / (best - base) > 0.75


def test_the_log_moves_no_more_than_a_week_allows(truth, log):
    plans = [truth.today, *(week.plan for week in log.weeks)]
    moved = [int((a != b).sum()) for a, b in pairwise(plans)]
    assert max(moved) <= truth.rules.constraints.moves_a_week
    assert all(truth.rules.broken(plan) == [] for plan in plans)


def test_every_policy_is_judged_by_probabilities_that_the_log_gave(log):
    for name in DEFAULT:
        rounds, true = judged(log, name)
        rounds.check(name)
        assert np.isfinite(rounds.reward).all()
        assert (name == "today") == (true == 0)


def test_an_unknown_policy_and_a_missing_package_are_said(monkeypatch):
    with pytest.raises(InputError, match="'clever' is unknown"):
        load("clever")
    import sys

    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    monkeypatch.delitem(sys.modules, "aeras.place.policies.deep", raising=False)
    with pytest.raises(InputError, match=r"needs the package .*aeras\[deep\]"):
        load("deep")


@pytest.mark.extra
def test_deep_reinforcement_learning_finds_gains_in_the_calibrated_shop(truth, known):
    pytest.importorskip("stable_baselines3", reason="needs the extra: pip install aeras[deep]")
    from aeras.place.policies.deep import Deep

    plan = plan_of(Deep(steps=4000), known)
    assert truth.rules.broken(plan) == []
    assert known.fit.plan_value(plan) > known.fit.plan_value(truth.today)

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import InputError
from aeras.place.plan import Constraints, Contract, Rules, moves, swaps, weeks_of_moves
from tests.support.layouts import layout_of

PLAN = np.arange(4)


def test_constraints_that_cannot_hold_together_are_named_and_no_others():
    contracts = (Contract("a", ("s0",)), Contract("b", ("s0",)), Contract("a", ("s2",)))
    rules = Rules(layout_of(), Constraints(contracts=contracts))
    with pytest.raises(InputError, match="no plan can keep to these constraints together") as told:
        rules.check(PLAN)
    assert rules.conflict() == [
        "contract with a for 1 of 1 slots (s0)",
        "contract with b for 1 of 1 slots (s0)",
    ]
    assert "contract with b for 1 of 1 slots (s0)" in str(told.value)
    assert "s2" not in str(told.value)


def test_more_facings_than_slots_are_a_conflict_and_today_stays():
    rules = Rules(layout_of(), Constraints(facings={"i1": 3}))
    assert "at least 3 facings of i1" in rules.conflict()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weight_kg": np.array([9.0, 1, 1, 1])}, "items over 5 kg"),
        ({"cold": np.array([True, False, False, False])}, "cold chain"),
        ({"item_block": np.array([1, 0, 0, 0])}, "category blocks"),
    ],
)
def test_a_plan_that_breaks_a_rule_says_where(change, said):
    rules = Rules(layout_of(**change), Constraints())
    broken = rules.broken(PLAN)
    assert [said in b and "s0" in b for b in broken] == [True]


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(facings={"milk": 2}),
        Constraints(contracts=(Contract("nobody", ("s0",)),)),
        Constraints(contracts=(Contract("a", ("s9",)),)),
    ],
)
def test_unknown_names_are_refused(constraints):
    with pytest.raises(InputError, match="is not in this shop"):
        Rules(layout_of(), constraints)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), heavy=st.integers(0, 3), contract=st.integers(0, 3))
def test_arrangements_keep_every_constraint_and_are_the_best_that_do(seed, heavy, contract):
    rng = np.random.default_rng(seed)
    weight = np.ones(4)
    weight[heavy] = 9.0
    rules = Rules(
        layout_of(weight_kg=weight, height_m=np.array([1.5, 1.0, 0.8, 0.4])),
        Constraints(contracts=(Contract("a", (f"s{contract}",)),)),
    )
    worth = rng.random((4, 4))
    best = rules.arrange(np.arange(4), PLAN, worth)
    assert rules.broken(best) == []
    every = np.array(np.meshgrid(*[range(4)] * 4)).reshape(4, -1).T
    every = every[[len(set(row)) == 4 for row in every]]
    fine = every[rules.keeps(np.arange(4), every)]
    values = worth[np.arange(4), fine].sum(axis=1)
    assert worth[np.arange(4), best].sum() == pytest.approx(values.max())


def test_a_proposal_is_reached_in_weeks_of_few_moves():
    rules = Rules(layout_of(6), Constraints(moves_a_week=2))
    after = np.array([5, 4, 3, 2, 1, 0])
    plans = [np.arange(6), *weeks_of_moves(rules, np.arange(6), after)]
    assert (plans[-1] == after).all()
    assert [moves(a, b) for a, b in pairwise(plans)] == [2, 2, 2]


def test_one_move_a_week_is_too_few_to_exchange_anything():
    rules = Rules(layout_of(), Constraints(moves_a_week=1))
    with pytest.raises(InputError, match="1 moves a week are too few"):
        weeks_of_moves(rules, PLAN, PLAN[::-1])


def test_swaps_leave_out_those_of_an_item_with_itself():
    assert len(swaps(np.array([0, 0, 1]))) == 2

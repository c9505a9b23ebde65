from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from aeras.domain.errors import InputError
from aeras.domain.proposals import (
    Deed,
    Judged,
    Kind,
    Measured,
    Move,
    PlacedRound,
    PlacedWeek,
    Proposal,
    Stage,
    Step,
    after,
)
from aeras.domain.published import Rate
from aeras.store.control import Control

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
MOVE = Move("f-1", was="cola", item="tea", looks=Rate(0.2, 0.1, 0.3, 90), handled=40)
PROPOSAL = Proposal("p1", Kind.MOVE, NOON, "shelf", "rack", "assignment", (MOVE,), weeks=8)


@pytest.fixture
def control(tmp_path):
    control = Control(tmp_path / "control.sqlite")
    yield control
    control.close()


def step(n: int, deed: Deed, stage: Stage) -> Step:
    return Step(n, NOON + timedelta(hours=n), "ann", deed, stage)


def test_a_life_is_kept_step_by_step_and_a_second_of_the_same_number_is_refused(control):
    judged = Judged(passed=False, why="few", gain=None, effective=0.0, needed=30)
    control.add_proposal(PROPOSAL, step(0, Deed.PROPOSE, Stage.SHADOW), judged)
    assert not control.add_deed("p1", step(2, Deed.APPROVE, Stage.APPROVED)), "a gap"
    assert control.add_deed("p1", step(1, Deed.PASS, Stage.CANARY))
    assert not control.add_deed("p1", step(1, Deed.DISMISS, Stage.DISMISSED)), "too late"
    measured = Measured(Rate(0.1, 0.02, 0.18, 10), None, before=6, after=4)
    control.add_deed(
        "p1", step(2, Deed.MEASURE, Stage.MEASURED), measured=measured, moves=[MOVE, MOVE]
    )
    (kept,) = control.proposals()
    assert kept.proposal == replace(PROPOSAL, moves=(MOVE, MOVE))
    assert [s.deed for s in kept.steps] == [Deed.PROPOSE, Deed.PASS, Deed.MEASURE]
    assert (kept.stage, kept.judged, kept.measured) == (Stage.MEASURED, judged, measured)
    assert [n.n for _, n in control.unlogged_deeds()] == [0, 1, 2]
    control.mark_deed("p1", 1)
    assert [n.n for _, n in control.unlogged_deeds()] == [0, 2]


def test_weeks_and_rounds_come_back_as_they_were_in_order(control):
    later = PlacedWeek(NOON, {"f-1": "tea"}, {"f-1": (9, 8, 7, 6, 5, 4)}, 80, {"f-1": 0.9}, True)
    sooner = replace(later, start=NOON - timedelta(days=7))
    control.add_weeks([later, sooner])
    control.add_weeks([replace(later, visits=81)])
    assert control.placed_weeks() == [sooner, replace(later, visits=81)]
    drawn = PlacedRound("r", "p1", ("f-1",), (("tea",), ("cola",)), (0.25, 0.75), 1,
                        {"assignment": (0.0, 1.0)}, (3.0, 4.0))  # fmt: skip
    control.add_rounds([drawn, replace(drawn, id="q", begun=NOON)])
    control.add_rounds([replace(drawn, reward=3.5, begun=NOON - timedelta(days=1))])
    assert [(r.id, r.reward) for r in control.placed_rounds()] == [("r", 3.5), ("q", None)]


def test_nothing_is_moved_that_was_not_approved_first():
    with pytest.raises(InputError, match="'confirm' is no step"):
        after(Kind.MOVE, Stage.CANARY, Deed.CONFIRM)
    with pytest.raises(InputError, match="'approve' is no step"):
        after(Kind.MOVE, Stage.SHADOW, Deed.APPROVE)
    assert after(Kind.ROLL_BACK, Stage.APPROVED, Deed.CONFIRM) is Stage.ROLLED_BACK

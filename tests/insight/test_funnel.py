from __future__ import annotations

from dataclasses import replace

import pytest

from aeras.domain.insight import Step
from aeras.domain.kept import Tally
from aeras.domain.ports import PassedSum
from aeras.insight.funnel import funnel
from aeras.insight.rates import mean, share
from aeras.privacy.publish import Publisher

GATE = Publisher(10, share=share, mean=mean)
TALLY = Tally(
    key="tea",
    visits=200,
    dwells=150,
    reaches=40,
    takes=60,
    put_backs=20,
    positive=10,
    hesitant=10,
    rejected=20,
    neutral=50,
    unclear=10,
    coverage=0.6,
    simulated=0,
)


def of(tally: Tally = TALLY, sold: float | None = 38.0):
    return funnel("tea", tally, GATE.one(tally), sold, 10)


def test_each_step_is_a_share_of_one_before_with_its_interval() -> None:
    found = of()
    assert [one.count for one in found.stages] == [None, 200, 100, 60, 20, 38]
    reached = found.stage(Step.REACHED).of
    assert reached is not None
    assert (reached.value, reached.n) == (0.5, 200)
    assert reached.low < 0.5 < reached.high
    assert found.stage(Step.PUT_BACK).of == share(20, 60)
    assert found.stage(Step.BOUGHT).base is Step.STOPPED
    assert found.coverage == 0.6


@pytest.mark.parametrize(("sold", "step"), [(38.0, Step.PASSED), (None, Step.BOUGHT)])
def test_what_nothing_measures_is_said_to_be_unmeasured(sold, step) -> None:
    stage = of(sold=sold).stage(step)
    assert (stage.count, stage.of, stage.why) == (None, None, "unmeasured")


def test_steps_below_k_are_withheld_and_leave_no_share_of_them() -> None:
    found = of(replace(TALLY, takes=9, put_backs=4))
    assert found.stage(Step.TOOK).why == "withheld"
    assert found.stage(Step.PUT_BACK).count is None
    assert found.stage(Step.REACHED).count == 100


def test_an_item_below_k_tells_nothing_that_was_seen() -> None:
    found = of(replace(TALLY, visits=4))
    assert {one.count for one in found.stages if one.step is not Step.BOUGHT} == {None}
    assert found.stage(Step.BOUGHT).of is None


def test_a_step_larger_than_the_one_before_has_no_share() -> None:
    stage = of(sold=500.0).stage(Step.BOUGHT)
    assert (stage.count, stage.of, stage.why) == (500, None, "apart")


def test_more_returned_than_sold_is_no_share() -> None:
    stage = of(sold=-3.0).stage(Step.BOUGHT)
    assert (stage.count, stage.of) == (-3, None)


def past(passed: int = 400, stopped: int = 240, simulated: int = 0) -> PassedSum:
    return PassedSum("tea", passed, stopped, 0.87, simulated)


def test_who_stopped_is_a_share_of_who_passed_as_far_as_blocks_tell() -> None:
    found = funnel("tea", TALLY, GATE.one(TALLY), None, 10, past())
    assert (found.stage(Step.PASSED).count, found.watched) == (400, 0.87)
    of = found.stage(Step.STOPPED).of
    assert of is not None
    assert (of.value, of.n) == (0.5, 400)
    assert (of.low, of.high) == (share(191, 400).low, share(209, 400).high)
    simulated = funnel("tea", TALLY, GATE.one(TALLY), None, 10, past(simulated=400))
    assert simulated.stage(Step.STOPPED).of == share(200, 400)  # those blocks hold nothing back
    assert simulated.simulated == 1.0


def test_at_a_fixture_the_same_people_passed_and_stopped_and_below_k_neither_is_told() -> None:
    found = funnel("tea", TALLY, GATE.one(TALLY), None, 10, past(), of="fixture")
    assert found.stage(Step.STOPPED).count == 240
    few = funnel("tea", TALLY, GATE.one(TALLY), None, 10, past(9, 9), of="fixture")
    assert [few.stage(s).why for s in (Step.PASSED, Step.STOPPED)] == ["withheld"] * 2
    assert few.watched is None

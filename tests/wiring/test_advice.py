from datetime import timedelta
from types import SimpleNamespace

import pytest
from advised_shop import MONDAY, AdvisedShop

from aeras.domain.errors import InputError
from aeras.domain.kept import Tally
from aeras.domain.proposals import Deed, Kind, Stage
from aeras.lab.demo_advice import WEEK


@pytest.fixture
def shop(tmp_path):
    found = AdvisedShop(tmp_path)
    yield found
    found.control.close()


def made(tmp_path, advice: str, **more) -> AdvisedShop:
    return AdvisedShop(tmp_path, advice, **more)


def proposed(shop):
    """A proposal that waits for approval."""
    assert shop.room.make() == "proposed"
    shop.pass_weeks(1)
    shop.room.make()
    assert shop.only().kept.stage is Stage.CANARY


def test_a_proposal_goes_from_the_shadow_to_a_measured_effect(shop):
    before = shop.plan()
    proposed(shop)
    own = shop.only().kept.proposal
    assert own.kind is Kind.MOVE
    assert 0 < len(own.moves) <= 12
    assert {m.facing[2] for m in own.moves} == {own.fixture[-1]}, "one fixture"
    assert own.control not in {own.fixture, ""}
    assert own.gain.low > 0
    assert own.gain.n > 100
    assert own.simulated == 1
    assert own.moves[0].looks.n > own.moves[0].handled > 5
    assert shop.plan() == before, "nothing moves by itself"

    shop.do(Deed.APPROVE)
    assert shop.plan() == before
    assert shop.do(Deed.CONFIRM).due == MONDAY + 6 * WEEK
    after = shop.plan()
    assert {f: (before[f], after[f]) for f in after if after[f] != before[f]} == {
        m.facing: (m.was, m.item) for m in own.moves
    }
    shop.pass_weeks(4)
    shop.room.make()
    assert shop.only().kept.stage is Stage.MOVED, "too early"
    shop.pass_weeks(1)
    shop.room.make()
    found = shop.only().kept.measured
    assert found.change.low > 0
    assert found.change.low < own.gain.value < found.change.high
    assert found.placebo.low < 0 < found.placebo.high
    assert found.after == 4
    shop.do(Deed.KEEP)
    assert shop.only().kept.stage is Stage.KEPT
    assert [line[2]["deed"] for line in shop.log.lines] == [
        *("propose", "pass", "approve", "confirm", "measure", "keep"),
    ]
    assert [line[1] for line in shop.log.lines] == [
        *("system", "system", "ann", "ann", "system", "ann"),
    ]


def test_what_surely_earns_less_is_proposed_to_be_put_back(shop):
    before = shop.plan()
    proposed(shop)
    shop.do(Deed.APPROVE)
    shop.do(Deed.CONFIRM)
    first = shop.only().kept.proposal
    number = {item: n for n, item in enumerate(shop.shelves._layout.items)}
    for move in first.moves:
        shop.shelves._taken[number[move.item]] *= 0.4
    shop.pass_weeks(6)
    shop.room.make()
    assert shop.room.row(first.id).kept.measured.worse
    back = shop.only().kept
    assert (back.proposal.kind, back.stage) == (Kind.ROLL_BACK, Stage.CANARY)
    assert shop.plan() != before, "a person decides"
    shop.do(Deed.APPROVE)
    shop.do(Deed.CONFIRM)
    assert shop.plan() == before
    assert shop.room.row(first.id).kept.stage is Stage.ROLLED_BACK
    assert shop.only().kept.stage is Stage.ROLLED_BACK


def test_without_trials_a_proposal_stays_in_the_shadow_and_says_how_much_is_needed(tmp_path):
    shop = made(tmp_path, "moves_a_week: 12", past=False)
    assert shop.room.make() == "trouble"
    assert "0 whole weeks" in shop.room.state().trouble
    assert "Wait 3 more" in shop.room.state().trouble
    shop.pass_weeks(4)
    assert shop.room.make() == "proposed"
    for _ in range(3):
        shop.pass_weeks(1)
        shop.room.make()
    shadows = [row for row in shop.room.rows() if not row.kept.stage.final]
    assert [row.kept.stage for row in shadows] == [Stage.SHADOW]
    assert (shadows[0].kept.judged.why, shadows[0].kept.judged.needed) == ("few", 30)
    assert shadows[0].deeds == (Deed.DISMISS,)
    with pytest.raises(InputError, match="no step"):
        shop.do(Deed.APPROVE)
    shop.control.close()


def test_a_trial_is_drawn_when_it_is_approved_and_its_rounds_are_counted(tmp_path):
    shop = made(tmp_path, "moves_a_week: 30, trial: true, hold_weeks: 1", past=False)
    base = shop.plan()
    shop.pass_weeks(4)
    shop.room.make()
    own = shop.only().kept.proposal
    rounds = shop.control.placed_rounds()
    assert own.kind is Kind.TRIAL
    assert len(rounds) == 5
    assert {r.chosen for r in rounds} == {-1}
    assert all(sum(r.propensity) == pytest.approx(1) and min(r.propensity) > 0 for r in rounds)
    shop.do(Deed.APPROVE)
    drawn = shop.only().kept.proposal.moves
    shop.do(Deed.CONFIRM)
    assert {f: i for f, i in shop.plan().items() if base[f] != i} == {
        m.facing: m.item for m in drawn
    }
    shop.pass_weeks(2)
    shop.room.make()
    assert [r.reward is not None for r in shop.control.placed_rounds()].count(True) == 5
    trials = [row.kept for row in shop.room.rows() if row.kept.proposal.kind is Kind.TRIAL]
    assert [kept.stage for kept in trials] == [Stage.CANARY, Stage.MEASURED], "the next is offered"
    assert shop.room._base() == base, "the plan to beat is no trial's"
    shop.now += timedelta(hours=1)
    shop.room.do(trials[1].proposal.id, Deed.ROLL_BACK, "ann", seen=len(trials[1].steps))
    shop.do(Deed.APPROVE)
    shop.do(Deed.CONFIRM)
    assert shop.plan() == base
    shop.control.close()


def test_what_is_twice_sent_is_done_once_and_what_is_outdated_is_refused(shop):
    proposed(shop)
    row = shop.only()
    seen = len(row.kept.steps)
    for _ in range(2):
        again = shop.room.do(row.kept.proposal.id, Deed.APPROVE, "ann", seen=seen)
        assert len(again.kept.steps) == seen + 1
    with pytest.raises(InputError, match="somebody else"):
        shop.room.do(row.kept.proposal.id, Deed.DISMISS, "bob", seen=seen, note="no")
    with pytest.raises(InputError, match="a few words"):
        shop.do(Deed.DISMISS)
    changed = {m.facing: m.was for m in row.kept.proposal.moves}
    first, second = list(changed)[:2]
    shop.now += timedelta(hours=1)
    shop._arrange("own", {first: changed[second], second: changed[first]}, shop.now)
    with pytest.raises(InputError, match="the plan has changed since"):
        shop.do(Deed.CONFIRM)


def test_rules_hold_and_a_plan_that_breaks_them_is_told(tmp_path):
    contract = "contracts: [{brand: B, items: [%s], facings: [f-a0, f-a1], at_least: 1}]"
    kept = made(tmp_path, "moves_a_week: 30, " + contract % "a0")
    kept.room.make()
    wanted = kept.plan() | {m.facing: m.item for m in kept.only().kept.proposal.moves}
    assert "a0" in {wanted["f-a0"], wanted["f-a1"]}
    kept.control.close()
    (tmp_path / "other").mkdir()
    broken = made(tmp_path / "other", contract % "a0")
    broken.site = broken.site.at(broken.now)
    broken._arrange("own", {"f-a0": "a5", "f-a5": "a0"}, broken.now)
    assert broken.room.make() == "trouble"
    assert "today's plan breaks contract with B" in broken.room.state().trouble
    assert broken.room.rows() == []
    broken.control.close()


def test_a_week_is_counted_from_published_sums_of_whole_weeks_under_one_plan(tmp_path):
    shop = made(tmp_path, "moves_a_week: 12", past=False)
    asked = []

    def published(by, since, until):
        asked.append((by, since, until))
        names = {"site": ["site"], "facing": ["f-a0"]}[by]
        return [Tally(n, 90, 50, 40, 30, 10, 6, 1, 2, 9, 12, 0.9, 0) for n in names]

    shop.room._store = SimpleNamespace(
        published=published,
        shelf_time=lambda *_: [SimpleNamespace(key="f-a0", told=100.0, empty=25.0)],
    )
    shop.now = MONDAY + timedelta(days=2)
    shop.room.make()
    weeks = shop.control.placed_weeks()
    assert len(weeks) == 26
    assert weeks[-1].start + WEEK == MONDAY, "this week is not over"
    assert {u - s for _, s, u in asked} == {WEEK}
    assert weeks[0].counts == {"f-a0": (50, 30, 10, 6, 1, 2, 9, 12)}
    assert (weeks[0].visits, weeks[0].available) == (90, {"f-a0": 0.75})
    assert not weeks[0].simulated
    asked.clear()
    shop.room.make()
    assert asked == [], "nothing is counted twice"
    shop.control.close()


def test_it_is_looked_once_a_week_and_only_when_it_is_quiet(shop):
    shop.room._quiet = lambda _: False
    assert shop.room.tick() == ""
    shop.room._quiet = lambda _: True
    assert shop.room.tick() == "proposed"
    assert shop.room.tick() == ""
    shop.pass_weeks(1)
    assert shop.room.tick() == "judged"

from __future__ import annotations

import pytest
from lived_shop import DAY, HOUR, LivedShop

from aeras.domain.errors import InputError
from aeras.domain.kept import TriggerState
from aeras.domain.life import Deed, Stage


@pytest.fixture
def shop(tmp_path):
    made = LivedShop(tmp_path)
    yield made
    made.close()


@pytest.fixture
def found(shop):
    """The shop with its open trigger on oat milk."""
    shop.pass_hours(8, {"oat-milk": 6})
    assert [trigger.item for trigger in shop.opened] == ["oat-milk"]
    return shop


def life(shop):
    return shop.runtime.triggers.lives.row(shop.opened[-1].id)


def do(shop, deed, **more):
    row = life(shop)
    more = {"seen": len(row.steps), **more}
    return shop.runtime.triggers.lives.do(row.trigger.id, deed, "ann", **more)


def logged(shop):
    return [
        (entry.who, entry.about["deed"])
        for entry in reversed(shop.runtime.oversight.audit.last(50))
        if entry.act == "trigger"
    ]


def approved(found):
    found.answers(12)
    found.look()
    do(found, Deed.APPROVE)
    return found


def test_the_whole_life_is_kept_logged_and_survives_restarts(found):
    assert life(found).stage is Stage.SURVEY
    found.answers(12)
    found.look()
    row = life(found)
    assert row.stage is Stage.PROPOSED
    assert row.findings is not None
    assert (row.findings.answers, row.findings.options[0][0]) == (12, "label")
    assert row.findings.options[0][1].low < 1.0
    assert row.proposal == ("label_proposal", "")
    do(found, Deed.APPROVE)
    found.restart()
    found.pass_hours(7 * 24, {"oat-milk": 2}, look=False)
    found.look()
    effect = life(found).effect
    assert life(found).stage is Stage.MEASURED
    assert effect is not None
    assert effect.enough
    assert effect.change.high < 0
    assert effect.controls == 4
    assert do(found, Deed.CLOSE).stage is Stage.CLOSED
    assert found.runtime.control.triggers(state=TriggerState.OPEN) == []
    system = [("system", deed) for deed in ("open", "ask", "find", "propose")]
    assert logged(found) == [*system, ("ann", "approve"), ("system", "measure"), ("ann", "close")]


def test_nothing_is_measured_before_its_time_nor_done_before_approval(found):
    found.answers(12)
    found.look()
    found.pass_hours(8 * 24, {"oat-milk": 6}, look=False)
    found.look()
    assert life(found).stage is Stage.PROPOSED
    do(found, Deed.APPROVE)
    found.pass_hours(24, {}, look=False)
    found.look()
    assert life(found).stage is Stage.APPROVED


def test_an_effect_that_cannot_be_told_says_what_is_missing(found):
    approved(found)
    found.now += 7 * DAY
    found.look()
    assert life(found).stage is Stage.APPROVED
    found.now += 14 * DAY
    found.look()
    effect = life(found).effect
    assert effect is not None
    assert (effect.enough, effect.change) == (False, None)
    assert effect.why == "controls"


def test_the_same_step_sent_twice_is_taken_once_and_a_late_one_is_refused(found):
    seen = len(life(found).steps)
    first = do(found, Deed.PROPOSE, note="bigger print", action="label_proposal", seen=seen)
    again = do(found, Deed.PROPOSE, note="bigger print", action="label_proposal", seen=seen)
    assert again.steps == first.steps
    with pytest.raises(InputError, match="moved this trigger on"):
        do(found, Deed.DISMISS, note="no", seen=seen)


@pytest.mark.parametrize(
    ("deed", "more", "message"),
    [
        (Deed.APPROVE, {}, "no step"),
        (Deed.CLOSE, {}, "no step"),
        (Deed.EXPIRE, {}, "by hand"),
        (Deed.DISMISS, {"note": "  "}, "words are missing"),
        (Deed.PROPOSE, {"note": "x", "action": "notify"}, "nothing that can be proposed"),
        (Deed.PROPOSE, {"note": "x" * 501, "action": "staff_help"}, "501 characters"),
        (Deed.FIND, {}, "too few answers"),
    ],
)
def test_a_step_that_does_not_fit_is_refused_with_its_reason(found, deed, more, message):
    before = life(found).steps
    with pytest.raises(InputError, match=message):
        do(found, deed, **more)
    assert life(found).steps == before


def test_a_dismissed_trigger_is_over(found):
    assert do(found, Deed.DISMISS, note="the label was torn").stage is Stage.DISMISSED
    assert found.runtime.control.triggers(state=TriggerState.OPEN) == []
    with pytest.raises(InputError, match="no step"):
        do(found, Deed.PROPOSE, note="x", action="staff_help")


def test_evidence_that_fades_expires_a_trigger_unless_somebody_took_it_up(found):
    found.pass_hours(40, {"oat-milk": 1}, look=False)
    found.look()
    assert life(found).stage is Stage.EXPIRED
    assert logged(found)[-1] == ("system", "expire")


def test_a_proposed_action_keeps_it_open(found):
    do(found, Deed.PROPOSE, note="bigger print", action="label_proposal")
    found.pass_hours(40, {"oat-milk": 1}, look=False)
    found.look()
    assert life(found).stage is Stage.PROPOSED


def test_steps_whose_log_entry_was_lost_are_logged_later(found, monkeypatch):
    from aeras.domain.errors import StoreError

    audit = found.runtime.oversight.audit
    real = audit.add

    def full(*_args, **_more):
        raise StoreError("the disk is full")

    monkeypatch.setattr(audit, "add", full)
    do(found, Deed.PROPOSE, note="bigger print", action="label_proposal")
    monkeypatch.setattr(audit, "add", real)
    found.look()
    assert logged(found)[-1] == ("ann", "propose")


def test_a_changed_rule_is_in_use_without_a_restart(shop):
    text = shop.path.read_text().replace("mode: rate, window: 14 d,", "threshold: 3, window: 2 h,")
    shop.path.write_text(text)
    shop.runtime.reload()
    shop.pass_hours(1, {"oat-milk": 4})
    assert [t.evidence.get("threshold") for t in shop.opened] == [3.0]


def test_a_price_that_changes_in_the_site_file_is_a_change(shop):
    assert shop.runtime.triggers.changes() == []
    shop.now += HOUR
    text = shop.path.read_text()
    shop.path.write_text(
        text.replace(
            "name: Cola, category: drinks, price: 2", "name: Cola, category: drinks, price: 3"
        )
    )
    shop.runtime.reload()
    [changed] = shop.runtime.triggers.changes()
    assert (changed.item, changed.at, changed.why) == ("cola", shop.now, "price")


class Outbox:
    """Takes messages as the real one does: a name is taken once."""

    def __init__(self):
        self.sent = {}

    def put(self, topic, key, payload, *, once=None):
        self.sent.setdefault(once, (topic, key, payload))
        return 1


def test_channels_are_told_of_each_step_once_and_of_no_action_before_approval(found):
    outbox = Outbox()
    found.runtime.triggers.lives._outbox = outbox
    do(found, Deed.PROPOSE, note="somebody shows it", action="staff_help")
    stages = [payload["stage"] for _, _, payload in outbox.sent.values()]
    assert "approved" not in stages
    do(found, Deed.APPROVE)
    found.look()
    topic, key, payload = list(outbox.sent.values())[-1]
    assert (topic, key) == ("trigger.changed", "oat-milk")
    told = (payload["stage"], payload["action"], payload["note"])
    assert told == ("approved", "staff_help", "somebody shows it")
    do(found, Deed.DISMISS, note="sold out for good")
    assert list(outbox.sent.values())[-1][0] == "trigger.closed"

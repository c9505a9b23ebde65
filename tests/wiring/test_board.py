from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from records import NOON, answer, event, reaction, small_shop

from aeras.domain.evidence import Finding
from aeras.domain.kept import Event, Origin, Trigger
from aeras.domain.published import Rate
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.respond.rate import evidence_of
from aeras.respond.rules import RateRule
from aeras.serve.words import Words
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.board import ShopBoard
from aeras.wiring.feed import Feed

DAY = timedelta(days=1)
SINCE, UNTIL = NOON - timedelta(days=1), NOON + timedelta(days=1)


class Shown:
    """A board with its stores."""

    def __init__(self, folder: Path) -> None:
        self.store = DuckEvents(folder / "events.duckdb")
        self.control = Control(folder / "control.sqlite")
        self.publisher = Publisher(10, share=rates.share, mean=rates.mean)
        self.board = ShopBoard(
            small_shop(),
            store=self.store,
            book=self.control,
            answers=self.control,
            publisher=self.publisher,
            feed=Feed(),
        )

    def keep(self, events: Sequence[Event], now: datetime = UNTIL) -> None:
        """Stores events and publishes the grains that have closed."""
        self.store.append(events)
        self.store.roll(now, self.publisher.fold)


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    made = Shown(tmp_path)
    yield made
    made.store.close()
    made.control.close()


def live(board: ShopBoard, one: Event) -> dict[str, object]:
    listener = board.subscribe()
    board.saw_event(one, 0.0)
    message = listener.get(1)
    assert message is not None
    return message


def test_a_number_with_fewer_than_k_visits_behind_it_is_not_shown(shown):
    shown.keep([event() for _ in range(9)])
    rows = {row.id: row for row in shown.board.items(SINCE, UNTIL)}
    assert rows["oat-milk"].numbers.visits is None
    assert rows["oat-milk"].numbers.rejection is None
    assert shown.board.totals(SINCE, UNTIL).numbers.visits is None


def test_a_number_with_k_visits_is_shown_with_its_n_and_interval(shown):
    shown.keep([event(reaction=reaction("rejected")) for _ in range(12)])
    shown.keep([event(reaction=reaction("neutral")) for _ in range(12)])
    (row,) = [row for row in shown.board.items(SINCE, UNTIL) if row.id == "oat-milk"]
    rejection = row.numbers.rejection
    assert rejection is not None
    assert (rejection.value, rejection.n) == (0.5, 24)
    assert rejection.low < 0.5 < rejection.high


def test_what_is_surely_rejected_comes_before_what_only_may_be(shown):
    few = [event(item="cola", facing="d2", reaction=reaction("rejected")) for _ in range(12)]
    many = [event(reaction=reaction("rejected" if n < 80 else "neutral")) for n in range(100)]
    some = [event(item="cola", facing="d2", reaction=reaction("neutral")) for _ in range(4)]
    shown.keep([*few, *some, *many])
    assert [row.id for row in shown.board.items(SINCE, UNTIL)][:2] == ["oat-milk", "cola"]


def test_a_real_shoppers_single_reaction_is_never_shown_live(shown):
    message = live(shown.board, event(origin=Origin.CAMERA))
    assert message["kind"] == "put_back"
    assert "reaction" not in message
    assert "reasons" not in message
    assert "reject" not in json.dumps(message)


def test_a_rendered_shoppers_reaction_is_shown_with_its_reasons(shown):
    seen = event(origin=Origin.SIMULATED)
    reasons = reaction("rejected").__class__(0.1, 0.1, 0.7, 0.1, 0.5, ("put_back_fast",))
    message = live(shown.board, Event(**{**_fields(seen), "reaction": reasons}))
    assert message["reaction"] == "rejected"
    assert message["reasons"] == ["put_back_fast"]


def _fields(one: Event) -> dict[str, object]:
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


@pytest.mark.parametrize(("visits", "said"), [(4, "fewer than"), (25, "at least")])
def test_a_trigger_says_its_rule_and_no_counts(shown, visits, said):
    evidence = {
        "rejections": 3.0,
        "handled": float(visits),
        "visits": float(visits),
        "threshold": 2.0,
        "window_h": 0.5,
    }
    shown.control.open_trigger(Trigger("t1", "often", "oat-milk", NOON, evidence, "put-back"))
    (row,) = shown.board.triggers()
    assert row.item_name == "Oat milk 1 l"
    assert row.evidence == ("more than 2 rejections within 30 min", f"from {said} 10 visits")


def test_a_grain_is_not_shown_before_it_has_closed(shown):
    shown.keep([event() for _ in range(12)], now=NOON)
    assert shown.board.totals(SINCE, UNTIL).numbers.visits is None
    shown.keep([], now=NOON + timedelta(minutes=15))
    numbers = shown.board.totals(SINCE, UNTIL).numbers
    assert (numbers.visits, numbers.put_backs) == (10, 12)  # shop visits are told by tens


def test_simulated_visits_are_shown_at_once_and_never_mixed_with_real_ones(shown):
    shown.keep([event(origin=Origin.SIMULATED) for _ in range(12)], now=NOON)
    assert shown.board.totals(SINCE, UNTIL).numbers.simulated == 1
    shown.keep([event() for _ in range(9)])
    numbers = shown.board.totals(SINCE, UNTIL).numbers
    assert (numbers.visits, numbers.simulated) == (12, 1)


def test_days_of_a_timeline_begin_at_the_sites_midnight(shown):
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # half past midnight in Berlin
    shown.keep([event() for _ in range(12)] + [event(at=late) for _ in range(13)], now=late + DAY)
    points = shown.board.timeline(NOON - 3 * DAY, NOON + 3 * DAY)
    assert [(p.at.isoformat(), p.numbers.visits) for p in points] == [
        ("2026-11-19T23:00:00+00:00", 10),
        ("2026-11-20T23:00:00+00:00", 10),
    ]


def test_answers_are_shown_k_at_a_time(shown):
    shown.control.add_answers([answer(at=NOON - n * DAY, rating=1) for n in range(1, 11)])
    shown.control.add_answers([answer(at=NOON, rating=5, text="the newest") for _ in range(9)])
    summary = shown.board.survey("oat-milk")
    assert (summary.answers, summary.ratings) == (10, (10, 0, 0, 0, 0))
    assert "the newest" not in summary.quotes
    shown.control.add_answers([answer(at=NOON, rating=5)])
    assert shown.board.survey("oat-milk").answers == 20
    rows = {row.id: row for row in shown.board.items(NOON - DAY / 2, UNTIL)}
    assert rows["oat-milk"].answers == 10


def test_the_live_message_of_an_answer_does_not_hold_the_answer(shown):
    listener = shown.board.subscribe()
    shown.board.saw_answer(answer(text="my own words"))
    assert "my own words" not in json.dumps(listener.get(1))


def test_records_of_an_item_that_left_the_site_file_still_have_a_name(shown):
    assert live(shown.board, event(item="gone"))["item_name"] == "gone"


def test_a_rate_trigger_says_how_much_above_its_category_and_when_it_would_close(shown):
    finding = Finding(
        item="oat-milk",
        rate=Rate(value=0.31, low=0.25, high=0.37, n=187),
        hits=60,
        baseline=Rate(value=0.15, low=0.14, high=0.16, n=4000),
        e_value=512.4,
        needed=400.0,
        found=True,
        handled=200,
        unclear=13,
        away=234,
    )
    rule = RateRule("above")
    told = {"left_out": {"empty": 8.0}, "reasons": {"brow_lowered": 27, "smile": 3}}
    for visits, name in ((120, "t1"), (4, "t2")):
        evidence = evidence_of(rule, replace(finding, visits=visits), **told)
        shown.control.open_trigger(Trigger(name, "above", "oat-milk", NOON, evidence, None))
    few, many = sorted(shown.board.triggers(), key=lambda row: len(row.evidence))
    assert few.evidence == ("from fewer than 10 visits",)
    assert [line.split(":")[0] for line in many.evidence] == [
        "rejected in 31% of the handlings that could be read (25% to 37%, however often one looks)",
        "the other items of its category",
        "about 180 of them within 28 days at most",
        "could not tell",
        "evidence 512, 400 was needed",
        "brow lowered",
        "left out",
        "closes by itself below 20",
        "beside it",
    ]
    assert many.evidence[5] == "brow lowered: about 20 times"
    assert many.evidence[7].endswith("after about 240 more at 15%, as its baseline")
    assert "would not have opened" in many.evidence[8]
    german = [Words("de", "Europe/Berlin", NOON).fact(fact) for fact in many.facts]
    assert german[6] == "ausgelassen: 8 h, in denen das Regal leer war"


def test_answers_on_an_item_are_read_again_when_they_change_and_only_then(shown, monkeypatch):
    given = [answer(item=item) for item in ("cola", "oat-milk") for _ in range(10)]
    shown.control.add_answers(given)
    assert {item: one.answers for item, one in shown.board.surveys().items()} == {
        "cola": 10,
        "oat-milk": 10,
    }
    read: list[str | None] = []
    answers = shown.control.answers

    def reading(**asked):
        read.append(asked.get("item"))
        return answers(**asked)

    monkeypatch.setattr(shown.control, "answers", reading)
    assert shown.board.surveys()["cola"].answers == 10
    assert read == []
    shown.control.withdraw(given[0].receipt)
    after = shown.board.surveys()
    assert read == ["cola"]
    assert after["cola"].answers != 10
    assert after["oat-milk"].answers == 10
    for one in given[1:10]:
        shown.control.withdraw(one.receipt)
    assert set(shown.board.surveys()) == {"oat-milk"}

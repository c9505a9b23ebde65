from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON, event, reaction, small_shop

from aeras.domain.errors import ConfigError
from aeras.domain.evidence import Aside, Watched
from aeras.domain.kept import Origin, Stock, TriggerState
from aeras.insight.evidence import weigh
from aeras.respond.hours import out_of_stock
from aeras.respond.rules import CountRule, RateRule
from aeras.respond.triggers import Statistics, Watch
from aeras.store.control import Control
from aeras.store.events import DuckEvents

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR
RULE = RateRule("above-its-shelf", window=14 * DAY, survey="put-back")
START = RULE.start(NOON) + 14 * DAY
"""Beginning of a window."""


class Bench:
    """A watch over real stores and real statistics, with a clock that the test sets."""

    def __init__(self, folder):
        self.store = DuckEvents(folder / "events.duckdb")
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = START
        self.asides: list[Aside] = []
        self.restart()

    def restart(self, rules=(RULE,)):
        self.watch = Watch(
            rules,
            shop=small_shop(),
            store=self.store,
            book=self.book,
            clock=lambda: self.now,
            statistics=Statistics(weigh),
            asides=lambda since, until: self.asides,
        )

    def hours(self, since, count, **rejected_of_ten):
        """Ten handlings of each item an hour, so many of them rejected."""
        self.store.append(
            [
                event(
                    at=since + hour * HOUR,
                    item=item.replace("_", "-"),
                    reaction=reaction("rejected" if n < rejected else "neutral"),
                )
                for hour in range(count)
                for item, rejected in rejected_of_ten.items()
                for n in range(10)
            ]
        )

    def check(self, now):
        self.now = now
        return [trigger.item for trigger in self.watch.check()]

    def open(self):
        return [trigger.item for trigger in self.book.triggers(state=TriggerState.OPEN)]


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.store.close()
    made.book.close()


def test_an_item_above_its_category_opens_a_trigger_with_its_evidence(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.now = START + 6 * HOUR
    [trigger] = bench.watch.check()
    assert (trigger.item, trigger.rule, trigger.survey) == ("oat-milk", RULE.id, "put-back")
    assert trigger.origin is Origin.CAMERA
    found = trigger.evidence
    assert (found["handled"], found["hits"], found["visits"]) == (60, 36, 60)
    assert found["baseline"] == pytest.approx(0.2, abs=0.01)
    assert found["rate_low"] < 0.6 < found["rate_high"] + 0.01
    assert found["e_value"] >= found["needed"] >= 20
    assert bench.check(START + 8 * HOUR) == []


def test_what_all_of_a_category_do_is_no_finding(bench):
    bench.hours(START, 10, oat_milk=6, cola=6)
    assert bench.check(START + 10 * HOUR) == []


def test_an_hour_counts_once_it_is_over(bench):
    bench.hours(START, 4, oat_milk=9, cola=0)
    assert bench.check(START + HOUR / 2) == []
    assert bench.check(START + 4 * HOUR) == ["oat-milk"]


def test_records_that_came_late_still_count(bench):
    bench.hours(START, 6, cola=2)
    assert bench.check(START + 6 * HOUR) == []
    bench.hours(START, 6, oat_milk=6)
    assert bench.check(START + 7 * HOUR) == ["oat-milk"]


def test_hours_that_are_set_aside_do_not_count(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.asides = [Aside("oat-milk", START, START + 6 * HOUR, "empty")]
    assert bench.check(START + 6 * HOUR) == []
    bench.hours(START + 6 * HOUR, 6, oat_milk=6, cola=2)
    bench.now = START + 12 * HOUR
    [trigger] = bench.watch.check()
    assert trigger.evidence["aside.empty"] == 6
    assert trigger.evidence["trials"] == 60


def test_a_restart_opens_nothing_twice(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    assert bench.check(START + 6 * HOUR) == ["oat-milk"]
    bench.restart()
    assert bench.check(START + 7 * HOUR) == []
    assert bench.open() == ["oat-milk"]


def test_a_trigger_closes_when_the_evidence_fades(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.check(START + 6 * HOUR)
    bench.hours(START + DAY, 40, oat_milk=2, cola=2)
    assert bench.check(START + DAY + 2 * HOUR) == []
    assert bench.open() == ["oat-milk"]
    bench.check(START + 3 * DAY)
    assert bench.open() == []


def test_in_the_next_window_it_stays_until_as_much_was_seen_again(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.check(START + 6 * HOUR)
    following = START + 14 * DAY
    bench.hours(following, 5, oat_milk=2, cola=2)
    bench.check(following + 5 * HOUR)
    assert bench.open() == ["oat-milk"]
    bench.hours(following + 5 * HOUR, 1, oat_milk=2, cola=2)
    bench.check(following + 6 * HOUR)
    assert bench.open() == []


def test_a_trigger_of_which_nothing_is_seen_any_more_closes_after_the_next_window(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.check(START + 6 * HOUR)
    bench.check(START + 27 * DAY)
    assert bench.open() == ["oat-milk"]
    bench.check(START + 28 * DAY)
    assert bench.open() == []


def test_hesitation_and_put_backs_can_be_watched(bench):
    bench.store.append(
        [
            event(
                at=START + hour * HOUR,
                item=item,
                reaction=reaction("hesitant" if item == "cola" and n < 7 else "neutral"),
            )
            for hour in range(6)
            for item in ("cola", "oat-milk")
            for n in range(10)
        ]
    )
    bench.restart((RateRule("doubt", window=14 * DAY, measure=Watched.HESITATION),))
    assert bench.check(START + 6 * HOUR) == ["cola"]
    bench.restart((RateRule("back", window=14 * DAY, measure=Watched.PUT_BACK_RATE),))
    assert bench.check(START + 6 * HOUR) == []


def test_both_modes_live_side_by_side(bench):
    bench.restart((CountRule("often", 10, HOUR, DAY), RULE))
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.now = START + 6 * HOUR
    assert {trigger.rule for trigger in bench.watch.check()} == {RULE.id}


@pytest.mark.parametrize("broken", [{"margin": 0.9}, {"fdr": 0.0}, {"window": HOUR}])
def test_a_rule_that_makes_no_sense_is_refused(broken):
    with pytest.raises(ConfigError, match="expected a window of a day"):
        RateRule("odd", **broken)


def test_an_item_out_of_stock_is_set_aside_until_an_hour_after_it_is_filled_up():
    levels = [
        Stock(START - DAY, "corner", "cola", 0.0),
        Stock(START, "corner", "gum", 4.0),
        Stock(START + HOUR, "corner", "cola", 12.0),
        Stock(START + 2 * HOUR, "corner", "gum", 0.0),
    ]
    assert out_of_stock(levels, START + DAY) == [
        Aside("cola", START - DAY, START + HOUR, "empty"),
        Aside("cola", START + HOUR, START + 2 * HOUR, "restocked"),
        Aside("gum", START + 2 * HOUR, START + DAY, "empty"),
    ]


def test_the_store_knows_the_levels_of_a_time_and_the_last_before(bench):
    levels = [Stock(START + n * HOUR, "corner", "cola", float(n)) for n in range(-2, 3)]
    bench.store.append_stock(levels)
    assert bench.store.stock_levels(START, START + 2 * HOUR) == levels[1:4]


def test_what_could_not_be_told_is_evidence_neither_way(bench):
    bench.hours(START, 6, oat_milk=6, cola=2)
    bench.store.append(
        [event(at=START + HOUR, item="oat-milk", reaction=reaction("unclear")) for _ in range(40)]
    )
    bench.now = START + 6 * HOUR
    [trigger] = bench.watch.check()
    found = trigger.evidence
    assert (found["handled"], found["trials"], found["unclear"]) == (100, 60, 40)
    assert found["rate"] == pytest.approx(0.6)
    assert found["away"] > 0

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
from argon2 import PasswordHasher
from records import NOON, event, reaction, small_shop

from aeras.domain.errors import ConfigError
from aeras.domain.evidence import Aside, Watched
from aeras.domain.kept import Kind, Origin, TriggerState
from aeras.respond.rules import CountRule, Segment
from aeras.respond.triggers import Watch
from aeras.store.control import Control
from aeras.store.events import DuckEvents

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
RULE = CountRule("often-rejected", 2, window=HOUR, cool_down=6 * HOUR, survey="put-back")


class Bench:
    """A watch over real stores, with a clock that the test sets."""

    def __init__(self, folder, rules=(RULE,)):
        self.store = DuckEvents(folder / "events.duckdb")
        self.book = Control(folder / "control.sqlite", hasher=QUICK)
        self.now = NOON
        self.restart(rules)

    def restart(self, rules=(RULE,)):
        self.watch = Watch(
            rules, shop=small_shop(), store=self.store, book=self.book, clock=lambda: self.now
        )

    def rejections(self, count: int, at: datetime, **changes):
        self.store.append([event(at=at, **changes) for _ in range(count)])

    def check(self, now: datetime) -> list[tuple[str, float]]:
        self.now = now
        return [(t.item, t.evidence["rejections"]) for t in self.watch.check()]


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.store.close()
    made.book.close()


def test_more_rejections_than_the_threshold_open_a_trigger_with_its_evidence(bench):
    bench.rejections(2, NOON)
    assert bench.check(NOON + MINUTE) == []
    bench.rejections(1, NOON)
    bench.store.append([event(kind=Kind.TAKE, reaction=reaction("positive"))])
    bench.now = NOON + 2 * MINUTE
    [trigger] = bench.watch.check()
    assert (trigger.rule, trigger.item, trigger.survey) == (
        "often-rejected",
        "oat-milk",
        "put-back",
    )
    assert trigger.opened_at == NOON + 2 * MINUTE
    assert trigger.state is TriggerState.OPEN
    assert trigger.origin is Origin.CAMERA
    assert trigger.evidence == {
        "rejections": 3,
        "handled": 4,
        "visits": 4,
        "threshold": 2,
        "window_h": 1,
        "measure": 0,
        "quiet_h": 6,
        "unclear": 0,
    }
    assert bench.book.triggers() == [trigger]


def test_other_readings_and_dwells_do_not_count_as_rejection(bench):
    bench.store.append([event(reaction=reaction("hesitant")) for _ in range(5)])
    bench.store.append([event(kind=Kind.DWELL, outcome=False) for _ in range(5)])
    assert bench.check(NOON + MINUTE) == []


def test_a_rule_fires_once_in_its_cool_down_even_after_a_restart(bench):
    bench.rejections(3, NOON)
    assert bench.check(NOON + MINUTE) == [("oat-milk", 3)]
    bench.rejections(5, NOON + 15 * MINUTE)
    assert bench.check(NOON + 20 * MINUTE) == []
    bench.restart()
    assert bench.check(NOON + 30 * MINUTE) == []
    late = NOON + 6 * HOUR + 30 * MINUTE
    bench.rejections(3, late)
    assert bench.check(late + MINUTE) == [("oat-milk", 3)]


def test_the_same_rejections_never_open_two_triggers(bench):
    bench.restart((CountRule("quick", 2, window=4 * HOUR, cool_down=HOUR, survey=None),))
    bench.rejections(3, NOON)
    assert bench.check(NOON + MINUTE) == [("oat-milk", 3)]
    assert bench.check(NOON + 2 * HOUR) == []
    bench.rejections(2, NOON + 2 * HOUR)
    assert bench.check(NOON + 2 * HOUR + MINUTE) == []
    bench.rejections(1, NOON + 2 * HOUR)
    assert bench.check(NOON + 2 * HOUR + MINUTE) == [("oat-milk", 3)]


def test_a_window_never_falls_short_of_its_length_for_coarse_times(bench):
    # Rejections at 11:14 are stored as 11:00; at 12:10 they are 56 minutes old.
    bench.rejections(3, NOON - HOUR)
    assert bench.check(NOON + 10 * MINUTE) == [("oat-milk", 3)]


def test_what_lies_a_grain_or_more_before_the_window_is_past(bench):
    bench.rejections(3, NOON - HOUR - 15 * MINUTE)
    assert bench.check(NOON) == []


def test_an_event_of_this_very_moment_counts(bench):
    bench.rejections(3, NOON)
    assert bench.check(NOON) == [("oat-milk", 3)]


def test_a_month_of_history_fires_nothing_at_the_first_check(bench):
    for day in range(1, 31):
        bench.rejections(10, NOON - timedelta(days=day), origin=Origin.SIMULATED)
    assert bench.check(NOON) == []


def test_any_simulated_evidence_marks_the_trigger(bench):
    bench.rejections(2, NOON)
    bench.rejections(1, NOON, origin=Origin.SIMULATED)
    [trigger] = bench.watch.check()
    assert trigger.origin is Origin.SIMULATED


def test_a_rule_looks_only_at_its_items(bench):
    gum = {"fixture": "sweets", "facing": "s1", "item": "gum"}
    bench.rejections(3, NOON)
    bench.rejections(4, NOON, **gum)
    bench.rejections(9, NOON, item="delisted", facing=None)
    bench.restart((CountRule("a", 2, HOUR, HOUR, item="gum"),))
    assert bench.check(NOON) == [("gum", 4)]
    bench.restart((CountRule("b", 2, HOUR, HOUR, category="drinks"),))
    assert bench.check(NOON) == [("oat-milk", 3)]
    bench.restart((CountRule("c", 2, HOUR, HOUR, item="gum", category="drinks"),))
    assert bench.check(NOON) == []
    bench.restart((CountRule("d", 2, HOUR, HOUR),))
    assert bench.check(NOON) == [("gum", 4), ("oat-milk", 3)]


@pytest.mark.parametrize(
    "broken",
    [
        {"threshold": -1, "window": HOUR, "cool_down": HOUR},
        {"threshold": 1, "window": timedelta(0), "cool_down": HOUR},
        {"threshold": 1, "window": HOUR, "cool_down": -HOUR},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(broken):
    with pytest.raises(ConfigError, match=r"triggers\.odd: rule 'odd'"):
        CountRule("odd", **broken)


def watching(bench, rule, asides=()):
    bench.watch = Watch(
        (rule,),
        shop=small_shop(),
        store=bench.store,
        book=bench.book,
        clock=lambda: bench.now,
        asides=lambda since, until: list(asides),
    )


def test_time_that_is_set_aside_does_not_count_and_the_rest_does(bench):
    empty = Aside("oat-milk", NOON, NOON + HOUR / 2, "empty")
    watching(bench, RULE, [empty])
    bench.rejections(5, NOON + HOUR / 4)
    assert bench.check(NOON + 3 * HOUR / 4) == []
    bench.rejections(3, NOON + HOUR / 2)
    assert bench.check(NOON + 3 * HOUR / 4) == [("oat-milk", 3)]


@pytest.mark.parametrize(
    ("narrowed", "opens"),
    [
        ({"fixture": "drinks"}, True),
        ({"fixture": "fridge"}, False),
        ({"when": Segment("UTC", frozenset({4}), time(11), time(13))}, True),  # NOON is a Friday
        ({"when": Segment("UTC", frozenset({5}))}, False),
        ({"when": Segment("UTC", frozenset(), time(13), time(18))}, False),
        ({"min_visits": 5}, True),
        ({"min_visits": 6}, False),
        ({"measure": Watched.HESITATION}, False),
        ({"measure": Watched.PUT_BACK_RATE}, True),
        ({"measure": Watched.POSITIVE_WITHOUT_PURCHASE}, False),
    ],
)
def test_a_rule_looks_where_and_when_and_at_what_it_says(bench, narrowed, opens):
    watching(bench, CountRule("x", 2, HOUR, HOUR, **narrowed))
    bench.rejections(5, NOON)
    assert bool(bench.check(NOON + MINUTE)) is opens


def test_reasons_are_kept_with_their_counts(bench):
    told = replace(reaction("rejected"), reasons=("brow_lowered",))
    bench.store.append([event(reaction=told) for _ in range(4)])
    bench.now = NOON + MINUTE
    [trigger] = bench.watch.check()
    assert trigger.evidence["reason.brow_lowered"] == 4


def test_a_count_goes_away_when_it_has_been_quiet(bench):
    bench.rejections(3, NOON)
    bench.check(NOON + MINUTE)
    bench.check(NOON + 6 * HOUR)
    assert bench.book.triggers(state=TriggerState.OPEN) != []
    bench.check(NOON + 8 * HOUR)
    assert bench.book.triggers(state=TriggerState.OPEN) == []

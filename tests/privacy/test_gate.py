from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import NOON, small_shop

from aeras.domain.errors import PrivacyError
from aeras.domain.kept import DwellClass, Event, FirstOf, Kind, Origin, Reaction
from aeras.domain.seen import Interaction
from aeras.privacy.gate import CONTRIBUTIONS, Gate, floor_time

SHOP = small_shop()
PLAIN = Interaction(
    kind=Kind.REACH,
    fixture="drinks",
    facing="d1",
    item="oat-milk",
    start_s=100.0,
    end_s=101.5,
    hold_s=0.0,
    confidence=0.876,
    reaction=Reaction(0.333, 0.333, 0.334, 0.0, 0.333, ("touched_only", "brow_raised")),
    outcome=True,
    visit=7,
    at=datetime(2026, 11, 20, 12, 14, 59, 999_999, tzinfo=UTC),
)


def at_second(start_s: float, **changes: object) -> Interaction:
    return replace(PLAIN, start_s=start_s, end_s=start_s + 1, **changes)  # type: ignore[arg-type]


def firsts(gate: Gate, *interactions: Interaction) -> list[FirstOf]:
    return [gate.admit(interaction).first_of for interaction in interactions]


def test_an_event_says_what_happened_coarsely():
    event = Gate(SHOP, ids=lambda: "f" * 32).admit(PLAIN)
    assert event.at == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert (event.site, event.fixture, event.facing, event.item) == (
        "corner",
        "drinks",
        "d1",
        "oat-milk",
    )
    assert event.planogram == "1"
    assert event.dwell is DwellClass.UNDER_2
    assert event.confidence == 0.88
    assert event.attribution is None
    assert event.reaction.coverage == 0.35
    assert event.reaction.reasons == ("touched_only", "brow_raised")
    assert event.outcome
    assert event.id == "f" * 32


def test_a_table_with_noise_counts_no_more_than_a_few_deeds_of_a_visit():
    gate = Gate(SHOP)
    told = [gate.admit(at_second(100 + n)).bounded for n in range(CONTRIBUTIONS + 3)]
    assert told == [True] * CONTRIBUTIONS + [False] * 3
    assert gate.admit(at_second(110, visit=8)).bounded
    assert not gate.admit(at_second(111, visit=8, kind=Kind.KNOCKED_OVER)).bounded


def test_deeds_that_no_visit_can_be_named_for_count_against_all_near_ones():
    gate = Gate(SHOP)
    told = [gate.admit(at_second(100 + n, visit=n % 2 or None)).bounded for n in range(12)]
    assert sum(told) <= CONTRIBUTIONS
    told = [gate.admit(at_second(200, visit=v)).bounded for v in (5, 6)]
    lone = [gate.admit(at_second(201 + n, visit=None)).bounded for n in range(9)]
    assert sum(lone) == CONTRIBUTIONS - 1
    assert not gate.admit(at_second(212, visit=6)).bounded


def test_attribution_is_rounded_and_must_be_a_number():
    gate = Gate(SHOP)
    assert gate.admit(replace(PLAIN, attribution=0.9049)).attribution == 0.9
    with pytest.raises(PrivacyError, match="attribution"):
        gate.admit(replace(PLAIN, attribution=float("nan")))


def test_a_put_back_carries_how_long_the_item_was_held():
    put_back = replace(PLAIN, kind=Kind.PUT_BACK, hold_s=20.0)
    assert Gate(SHOP).admit(put_back).dwell is DwellClass.UNDER_60


@pytest.mark.parametrize("kind", [Kind.MISPLACED, Kind.KNOCKED_OVER])
def test_what_stands_beside_the_deeds_counts_no_visit_and_no_handling(kind):
    gate = Gate(SHOP)
    beside = replace(PLAIN, kind=kind, visit=7)
    events = [gate.admit(one) for one in (beside, replace(PLAIN, visit=7), beside)]
    assert [e.first_of for e in events] == [FirstOf.SITE, FirstOf.SITE, FirstOf.NONE]
    assert [e.outcome for e in events] == [False, True, False]
    assert events[0].reaction == Reaction(0, 0, 0, 1)


def test_ids_are_random_and_long():
    gate = Gate(SHOP)
    ids = {gate.admit(PLAIN).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(name) == 32 for name in ids)


def test_origin_follows_the_fixtures_camera_unless_all_is_simulated():
    on_sweets = replace(PLAIN, fixture="sweets", facing="s1", item="gum")
    assert Gate(SHOP).admit(PLAIN).origin is Origin.CAMERA
    assert Gate(SHOP).admit(on_sweets).origin is Origin.SIMULATED
    assert Gate(SHOP, origin=Origin.SIMULATED).admit(PLAIN).origin is Origin.SIMULATED


@pytest.mark.parametrize(
    "changes",
    [
        {"fixture": "track-17"},
        {"facing": "face-of-bob"},
        {"facing": "s1"},
        {"item": "person_3"},
        {"at": datetime(2026, 11, 20, 12, 0)},  # noqa: DTZ001 - the fault under test
        {"confidence": float("nan")},
        {"reaction": Reaction(0, 0, 0, 1, 0.5, ("track_17",))},
        {"reaction": Reaction(0, 0, 0, 1, 0.5, ("a" * 200,))},
        {"reaction": Reaction(0, 0, 0, 1, 0.5, ("Bob",))},
        {"reaction": Reaction(float("nan"), 0, 0, 1, 0.5)},
        {"reaction": Reaction(0, 0, 0, 1, float("inf"))},
    ],
)
def test_what_could_carry_an_identity_is_refused(changes):
    with pytest.raises(PrivacyError):
        Gate(SHOP).admit(replace(PLAIN, **changes))


@pytest.mark.parametrize("grain", [timedelta(seconds=30), timedelta(minutes=7), timedelta(0)])
def test_a_grain_that_does_not_divide_a_day_is_refused(grain):
    with pytest.raises(PrivacyError, match="divisor of a day"):
        Gate(SHOP, grain=grain)


def test_a_visit_is_first_once_for_the_site_each_fixture_and_each_item():
    got = firsts(
        Gate(SHOP),
        at_second(0),
        at_second(2),
        at_second(4, facing="d2", item="cola"),
        at_second(6, fixture="drinks", facing=None, item=None),
        at_second(8, fixture="fridge", facing=None, item=None),
        at_second(10, visit=8),
    )
    assert got == [
        FirstOf.SITE,
        FirstOf.NONE,
        FirstOf.ITEM,
        FirstOf.NONE,
        FirstOf.FIXTURE,
        FirstOf.SITE,
    ]


def test_an_item_met_at_two_fixtures_is_one_visit_of_it_and_the_second_fixture_counts_later():
    got = firsts(
        Gate(SHOP),
        at_second(0, facing="d2", item="cola"),
        at_second(2, fixture="fridge", facing="f1", item="cola"),
        at_second(4, fixture="fridge", facing=None, item=None),
    )
    assert got == [FirstOf.SITE, FirstOf.NONE, FirstOf.FIXTURE]


def test_cameras_number_their_visits_apart():
    gate = Gate(SHOP)
    on_sweets = at_second(2, fixture="sweets", facing="s1", item="gum")
    assert firsts(gate, at_second(0), on_sweets) == [FirstOf.SITE, FirstOf.SITE]


def test_a_visit_is_forgotten_when_it_ends_or_falls_silent():
    gate = Gate(SHOP, visit_timeout_s=60)
    gate.admit(at_second(0))
    assert gate.remembered == 1
    gate.visit_ended("aisle", 7)
    assert gate.remembered == 0
    gate.visit_ended("aisle", 7)
    gate.admit(at_second(10))
    assert firsts(gate, at_second(100, visit=9)) == [FirstOf.SITE]
    assert gate.remembered == 1


def test_a_film_that_starts_again_brings_new_visits():
    gate = Gate(SHOP, visit_timeout_s=60)
    assert firsts(gate, at_second(500), at_second(2, visit=9)) == [FirstOf.SITE, FirstOf.SITE]
    assert gate.remembered == 1


def test_nobody_in_sight_joins_whoever_is_near():
    got = firsts(
        Gate(SHOP, lone_s=30),
        at_second(0),
        at_second(5, visit=None),
        at_second(7, visit=None, facing="d2", item="cola"),
        at_second(9, facing="d2", item="cola"),
    )
    assert got == [FirstOf.SITE, FirstOf.NONE, FirstOf.ITEM, FirstOf.NONE]


def test_nobody_in_sight_is_first_only_if_it_were_for_everyone_near():
    cola = {"facing": "d2", "item": "cola"}
    got = firsts(
        Gate(SHOP, lone_s=30),
        at_second(0, visit=7),
        at_second(2, visit=8, **cola),
        at_second(4, visit=None, **cola),
        at_second(6, visit=7, **cola),
    )
    assert got == [FirstOf.SITE, FirstOf.SITE, FirstOf.NONE, FirstOf.NONE]


def test_nobody_in_sight_for_long_is_a_visit_of_its_own():
    got = firsts(Gate(SHOP, lone_s=30), at_second(0), at_second(60, visit=None))
    assert got == [FirstOf.SITE, FirstOf.SITE]


def test_a_nameless_visit_is_taken_over_by_the_next_that_starts():
    got = firsts(
        Gate(SHOP, lone_s=30),
        at_second(0, visit=None),
        at_second(10, visit=3),
        at_second(20, visit=4),
    )
    assert got == [FirstOf.SITE, FirstOf.NONE, FirstOf.SITE]


moments = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2035, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
grains = st.sampled_from([1, 5, 15, 30, 60, 1440]).map(lambda m: timedelta(minutes=m))


@settings(max_examples=50, deadline=None)
@given(moments, grains)
def test_times_lie_on_the_grain_and_less_than_one_grain_before(moment, grain):
    coarse = floor_time(moment, grain)
    assert coarse.tzinfo is UTC
    assert timedelta(0) <= moment - coarse < grain
    midnight = coarse.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (coarse - midnight) % grain == timedelta(0)


@st.composite
def visits(draw):
    """Interactions of a few visits in order of time, some without a visit."""
    places = [("drinks", "d1", "oat-milk"), ("drinks", "d2", "cola"), ("fridge", "f1", "cola")]
    at_s, made = 0.0, []
    for _ in range(draw(st.integers(1, 40))):
        at_s += draw(st.floats(0.1, 200))
        fixture, facing, item = draw(st.sampled_from(places))
        if draw(st.booleans()):
            facing = item = None
        shares = draw(
            st.lists(st.floats(0, 1), min_size=4, max_size=4).filter(lambda s: sum(s) > 0.1)
        )
        four = [share / sum(shares) for share in shares]
        made.append(
            replace(
                PLAIN,
                fixture=fixture,
                facing=facing,
                item=item,
                start_s=at_s,
                end_s=at_s + draw(st.floats(0, 100)),
                confidence=draw(st.floats(0, 1)),
                reaction=Reaction(*four, coverage=draw(st.floats(0, 1))),
                visit=draw(st.sampled_from([None, 4_111, 4_222, 4_333])),
                at=NOON + timedelta(seconds=at_s),
            )
        )
    return sorted(made, key=lambda interaction: interaction.end_s)


@settings(max_examples=50, deadline=None)
@given(visits())
def test_no_track_id_and_no_fine_number_survives(interactions):
    gate = Gate(SHOP, ids=lambda: "id")
    for interaction in interactions:
        event = gate.admit(interaction)
        assert not any(str(visit) in repr(event) for visit in (4_111, 4_222, 4_333))
        assert event.at.minute % 15 == event.at.second == event.at.microsecond == 0
        shares = event.reaction.as_dict().values()
        assert sum(round(share * 100) for share in shares) == 100
        assert all(share == round(share, 2) for share in shares)
        assert event.confidence == round(event.confidence, 2)
        assert round(event.reaction.coverage * 100) % 5 == 0


def counted(events: list[Event], scope: FirstOf) -> int:
    return sum(event.first_of >= scope for event in events)


@settings(max_examples=50, deadline=None)
@given(visits())
def test_visits_are_counted_exactly_where_each_has_its_track(interactions):
    known = [i for i in interactions if i.visit is not None]
    gate = Gate(SHOP, visit_timeout_s=1e9)
    events = [gate.admit(interaction) for interaction in known]
    assert counted(events, FirstOf.SITE) == len({i.visit for i in known})
    for item in ("oat-milk", "cola"):
        real = {i.visit for i in known if i.item == item}
        assert counted([e for e in events if e.item == item], FirstOf.ITEM) == len(real)
    for fixture in ("drinks", "fridge"):
        real = {i.visit for i in known if i.fixture == fixture}
        there = [e for e in events if e.fixture == fixture]
        assert counted(there, FirstOf.FIXTURE) <= len(real)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.booleans(), st.floats(0, 25)), max_size=40))
def test_losing_tracks_never_overstates_the_visits(steps):
    gate, at_s, events = Gate(SHOP, lone_s=30), 0.0, []
    for visit, lost, wait_s in steps:
        at_s += wait_s
        events.append(gate.admit(at_second(at_s, visit=None if lost else visit)))
    assert counted(events, FirstOf.SITE) <= len({visit for visit, _, _ in steps})

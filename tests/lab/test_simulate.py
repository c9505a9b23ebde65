from __future__ import annotations

import json
import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow.parquet as pq
import pytest
from records import small_shop

from aeras.domain.errors import InputError
from aeras.domain.kept import FirstOf, Kind, Origin
from aeras.domain.shop import Facing, Fixture, Item, Shop
from aeras.insight import rates
from aeras.lab.simulate import Simulation, simulate, write_simulation
from aeras.lab.simulated.shoppers import HOURS, MISTAKEN
from aeras.lab.simulated.words import LANGUAGES, OPENINGS, REASONS, REMARKS
from aeras.privacy.publish import Publisher
from aeras.respond.surveys import DEFAULT_FORM, built_in_forms, validate_answer
from aeras.shelf.signs import BEHAVIOUR, EXPRESSION
from aeras.store.events import DuckEvents

NOW = datetime(2026, 11, 20, 16, 7, tzinfo=UTC)
DAYS = 12


def shop_of(fixtures: int = 4, facings: int = 4) -> Shop:
    count = fixtures * facings
    return Shop(
        "corner",
        "Corner Shop",
        "Europe/Berlin",
        tuple(Item(f"item-{n}", f"Item {n}", "goods", None, 100 + n) for n in range(count)),
        (),
        tuple(
            Fixture(
                f"fixture-{x}",
                f"Fixture {x}",
                None,
                (),
                tuple(Facing(f"f{x}-{k}", f"item-{x * facings + k}", ()) for k in range(facings)),
            )
            for x in range(fixtures)
        ),
    )


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate(shop_of(), DAYS, seed=7, now=NOW)


def test_the_same_seed_gives_the_same_records_and_another_seed_others():
    first, again, other = (simulate(shop_of(), 1, seed=s, now=NOW) for s in (1, 1, 2))
    assert first == again
    assert first.events[0].id != other.events[0].id


def test_every_record_says_that_it_is_simulated(simulation):
    records = [*simulation.events, *simulation.sales, *simulation.stock, *simulation.answers]
    assert {record.origin for record in records} == {Origin.SIMULATED}


def test_ids_are_unique_and_events_lie_in_order_in_the_period(simulation):
    events = simulation.events
    assert len({e.id for e in events}) == len(events)
    assert len({s.id for s in simulation.sales}) == len(simulation.sales)
    assert len({a.receipt for a in simulation.answers}) == len(simulation.answers)
    times = [e.at for e in events]
    assert times == sorted(times)
    assert times[0] >= NOW - timedelta(days=DAYS, minutes=15)
    assert times[-1] <= NOW
    assert all(record.at <= NOW for record in [*simulation.answers, *simulation.sales])
    assert all(record.at <= NOW for record in simulation.stock)


def test_visits_are_those_of_the_truth(simulation):
    site = sum(e.first_of >= FirstOf.SITE for e in simulation.events)
    assert 0.9 * simulation.truth.visits < site <= simulation.truth.visits
    assert simulation.truth.visits == pytest.approx(DAYS * 1000, rel=0.1)


def test_the_shop_is_open_by_day_in_its_own_time_zone(simulation):
    hours = Counter(e.at.astimezone(ZoneInfo("Europe/Berlin")).hour for e in simulation.events)
    closed = {hour for hour in range(24) if HOURS[hour] == 0}
    assert hours.keys().isdisjoint(closed - {22})  # a visit may run a little over
    assert hours[17] > 1.5 * hours[9]


def test_what_is_read_agrees_with_the_truth_item_by_item(simulation):
    for item, truth in simulation.truth.items.items():
        handled = [e for e in simulation.events if e.item == item and e.outcome]
        rejected = sum(e.reaction.label == "rejected" for e in handled)
        expected = truth.read_rejected
        error = math.sqrt(expected * (1 - expected) / len(handled))
        assert abs(rejected / len(handled) - expected) < 4.5 * error, item


def test_bad_items_are_rejected_far_more_than_any_other(simulation):
    items = simulation.truth.items.values()
    worst_good = max(item.rejected for item in items if not item.bad)
    assert all(item.rejected > 3 * worst_good for item in items if item.bad)
    assert sum(item.bad for item in items) == 2
    for item in items:
        total = item.positive + item.hesitant + item.rejected + item.neutral
        assert total == pytest.approx(1, abs=0.001)


def test_good_places_are_handled_more(simulation):
    truth = simulation.truth
    handled = Counter(e.facing for e in simulation.events if e.outcome)
    pull = {f: truth.placement[f] * truth.items[i].appeal for f, i in facing_items().items()}
    share = {
        facing: weight / sum(pull[f] for f in pull if f[:2] == facing[:2])
        for facing, weight in pull.items()
    }
    fixture = Counter(e.fixture for e in simulation.events if e.outcome)
    gone = {out.item for out in truth.stock_outs}
    for facing, item in facing_items().items():
        if item not in gone:
            seen = handled[facing] / fixture[f"fixture-{facing[1]}"]
            assert seen == pytest.approx(share[facing], rel=0.25), facing


def facing_items() -> dict[str, str]:
    return {f.id: str(f.item) for x in shop_of().fixtures for f in x.facings}


def test_whatever_is_put_back_was_taken_and_coverage_is_never_whole(simulation):
    open_takes = sum(e.kind == Kind.TAKE and not e.outcome for e in simulation.events)
    assert open_takes == sum(e.kind == Kind.PUT_BACK for e in simulation.events)
    assert all(not e.outcome for e in simulation.events if e.kind == Kind.DWELL)
    coverage = np.array([e.reaction.coverage for e in simulation.events])
    assert 0.1 < coverage.mean() < 0.5
    assert (coverage == 0).any()
    assert coverage.max() <= 1


def test_reasons_are_codes_of_the_reaction_model(simulation):
    known = {*BEHAVIOUR, *EXPRESSION}
    reasons = {reason for e in simulation.events for reason in e.reaction.reasons}
    assert reasons <= known
    assert {"put_back_fast", "kept", "touched_only", "smile"} <= reasons


def test_sales_follow_kept_takes_at_the_items_price(simulation):
    kept = Counter(e.item for e in simulation.events if e.kind == Kind.TAKE and e.outcome)
    sold = Counter(s.item for s in simulation.sales)
    assert sold.keys() <= kept.keys()
    for item in kept:
        assert sold[item] == pytest.approx(kept[item], rel=0.15), item
    prices = {item.id: item.price for item in shop_of().items}
    assert all(s.amount == prices[s.item] * s.quantity for s in simulation.sales)
    assert {s.currency for s in simulation.sales} == {"EUR"}


def test_nothing_is_handled_while_it_is_out_of_stock(simulation):
    assert simulation.truth.stock_outs
    assert min(s.quantity for s in simulation.stock) == 0
    grain = timedelta(minutes=15)
    for out in simulation.truth.stock_outs:
        assert out.since < out.until
        inside = [
            e
            for e in simulation.events
            if e.item == out.item and e.outcome and out.since + grain < e.at < out.until - grain
        ]
        assert inside == []


def test_answers_fit_the_form_and_name_the_true_cause_most_often(simulation):
    form = built_in_forms()[DEFAULT_FORM]
    for a in simulation.answers:
        sent = {"consent": True, "rating": a.rating, "choice": a.choice, "text": a.text}
        reply = validate_answer(form, sent)
        assert reply is not None
        assert reply.text == a.text  # nothing in it looks like a way to reach a person
        assert (a.survey, a.version) == (form.id, form.version)
        assert a.language in form.languages
    assert {a.language for a in simulation.answers} == set(LANGUAGES)
    for item, truth in simulation.truth.items.items():
        if truth.bad:
            choices = Counter(a.choice for a in simulation.answers if a.item == item)
            assert choices.most_common(1)[0][0] == truth.cause


def test_there_is_something_to_say_for_every_reason_in_every_language():
    for reason in REASONS:
        for language in LANGUAGES:
            assert len(set(REMARKS[reason][language])) >= 5
    assert set(OPENINGS) == set(LANGUAGES)


def test_an_error_in_reading_never_turns_a_kept_item_into_a_rejected_one():
    assert 2 not in MISTAKEN[:, 4]


def test_a_store_takes_it_and_counts_the_same(simulation, tmp_path):
    store = DuckEvents(tmp_path / "events.duckdb")
    store.append(simulation.events)
    store.append_sales(simulation.sales)
    store.append_stock(simulation.stock)
    since = NOW - timedelta(days=DAYS + 1)
    tallies = store.tally("item", since, NOW)
    assert sum(t.handled for t in tallies) == sum(e.outcome for e in simulation.events)
    assert sum(store.sold(since, NOW + timedelta(days=1)).values()) == sum(
        s.quantity for s in simulation.sales
    )
    assert store.stock().keys() == simulation.truth.items.keys()
    store.close()


def test_it_is_written_as_parquet_with_its_truth_and_without_receipts(simulation, tmp_path):
    report = write_simulation(simulation, tmp_path / "out")
    assert report == {
        "out": str(tmp_path / "out"),
        "events": len(simulation.events),
        "sales": len(simulation.sales),
        "stock": len(simulation.stock),
        "answers": len(simulation.answers),
        "passages": len(simulation.passages),
    }
    events = pq.read_table(tmp_path / "out" / "events.parquet")
    assert events.column("id")[0].as_py() == simulation.events[0].id
    assert set(events.column("origin").to_pylist()) == {"simulated"}
    assert "receipt" not in pq.read_table(tmp_path / "out" / "answers.parquet").column_names
    truth = json.loads((tmp_path / "out" / "truth.json").read_text(encoding="utf-8"))
    assert truth["seed"] == 7
    assert truth["items"].keys() == simulation.truth.items.keys()


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    simulation = simulate(shop_of(), 1, seed=1, now=NOW, visits_per_day=20)
    with pytest.raises(InputError, match="cannot be written"):
        write_simulation(simulation, tmp_path / "file" / "out")


def test_a_shop_with_cameras_items_at_two_places_and_no_visitors_works():
    busy = simulate(small_shop(), 2, seed=3, now=NOW, visits_per_day=60)
    assert {e.fixture for e in busy.events} == {"drinks", "sweets", "fridge"}
    empty = simulate(small_shop(), 1, seed=3, now=NOW, visits_per_day=0)
    assert empty.events == empty.sales == empty.answers == []


@pytest.mark.parametrize("days", [0, -3])
def test_no_days_cannot_be_simulated(days):
    with pytest.raises(InputError, match="days cannot be simulated"):
        simulate(shop_of(), days, seed=1, now=NOW)


def test_a_shop_without_goods_cannot_be_simulated():
    bare = Shop("bare", "Bare", "UTC", (), (), (Fixture("x", "X", None, (), ()),))
    with pytest.raises(InputError, match="no facing has an item"):
        simulate(bare, 1, seed=1, now=NOW)


def test_passers_stop_as_often_as_the_truth_says_and_all_are_said_to_be_simulated(tmp_path):
    made = simulate(small_shop(), 2, seed=3, now=NOW, visits_per_day=60)
    assert {one.origin for one in made.passages} == {Origin.SIMULATED}
    assert all(0 <= one.stopped <= one.passed for one in made.passages)
    store = DuckEvents(tmp_path / "e.duckdb")
    store.append_passages(made.passages)
    store.roll(NOW, Publisher(10, share=rates.share, mean=rates.mean).fold)
    shown = store.published_passages(
        "fixture", made.truth.since - timedelta(hours=1), made.truth.until
    )
    store.close()
    shares = {one.key: round(one.stopped / one.passed, 4) for one in shown}
    assert shares == made.truth.stop_share
    assert 0 < min(shares.values()) <= max(shares.values()) < 1

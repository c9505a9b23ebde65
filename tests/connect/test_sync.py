"""Pages become sales once, whatever order, repetition or accident they come in."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal

import pytest
from feeding import (
    HOUR,
    ITEMS,
    MILK,
    NOON,
    ScriptedConnector,
    level,
    line,
    product,
    receipt,
    shop_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aeras.connect.port import (
    BadDataError,
    Connector,
    Options,
    Page,
    RevokedError,
    Spoilt,
    TemporaryError,
)
from aeras.connect.sync import pause_s
from aeras.domain.errors import InputError, StoreError
from aeras.domain.feeds import FeedStatus
from aeras.domain.shop import Item


def sales(*receipts) -> Page:
    return Page(sales=tuple(receipts))


def test_a_run_stores_all_pages_and_the_cursor(bench):
    feed = bench.run(
        sales(receipt("a"), receipt("b", line("bread", 2, "6.98"))), sales(receipt("c"))
    )
    state = feed.state()
    assert bench.sold == {"milk": 2, "bread": 2}
    assert (state.cursor, state.status, state.trouble) == ("2", FeedStatus.FINE, "")
    assert (state.counts["new"], state.latest, state.fine_at) == (3, NOON, bench.now)
    assert state.due_at == bench.now + feed.options.every
    assert bench.changed == [{"milk", "bread"}, {"milk"}]


def test_duplicate_receipts_count_once_also_after_a_restart(bench):
    bench.run(sales(receipt("a"), receipt("a")))
    again = bench.feed(ScriptedConnector(sales(receipt("a")), sales(receipt("a"))))
    bench.control.save_feed(replace(again.state(), cursor=None))  # asks from the beginning
    again.run()
    assert bench.sold == {"milk": 1}
    assert again.state().counts["repeated"] == 3


def test_refunds_voids_and_exchanges(bench):
    bench.run(
        sales(receipt("sale", line("milk", 3, "3.87")), receipt("gone", line("bread", 9, 9))),
        sales(receipt("refund", line("milk", -1, "-1.29"))),
        sales(receipt("gone", revision=2, void=True)),
        sales(receipt("swap", line("milk", -1, "-1.29"), line("bread", 1, "3.49"))),
    )
    assert bench.sold == {"milk": 1, "bread": 1}
    assert sum(int(str(row[2])) for row in bench.rows()) == 387 - 129 - 129 + 349


def test_an_older_revision_that_comes_late_changes_nothing(bench):
    bench.run(
        sales(receipt("a", line("milk", 2, 2), revision=5)),
        sales(receipt("a", line("milk", 7, 7), line("nowhere"), revision=4)),
    )
    assert bench.sold == {"milk": 2}
    assert bench.held == []


def test_a_corrected_receipt_leaves_quarantine_too(bench):
    bench.run(
        sales(receipt("a", line("milk"), line("nowhere"))),
        sales(receipt("a", line("milk"), line("bread"), revision=2)),
    )
    assert bench.sold == {"milk": 1, "bread": 1}
    assert bench.held == []


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False))
def test_any_order_and_repetition_ends_in_the_newest_revisions(bench, rng):
    bench.store._run("DELETE FROM sales")
    bench.store._run("DELETE FROM receipts")
    told = [
        receipt(f"r{n}", line("milk", n + 1, 1), line("bread", revision, 1), revision=revision)
        for n in range(4)
        for revision in range(1, 4)
    ]
    told += rng.sample(told, 6)
    rng.shuffle(told)
    pages = [sales(*told[start : start + 5]) for start in range(0, len(told), 5)]
    feed = bench.feed(ScriptedConnector(*pages))
    bench.control.save_feed(replace(feed.state(), cursor=None))
    feed.run()
    assert bench.sold == {"milk": 1 + 2 + 3 + 4, "bread": 4 * 3}


# --- accidents ------------------------------------------------------------------------------------


def test_half_a_page_then_500_applies_nothing_of_it(bench):
    connector = ScriptedConnector(
        sales(receipt("a")), TemporaryError("the server answers 500"), sales(receipt("b"))
    )
    feed = bench.feed(connector)
    state = feed.run()
    assert bench.sold == {"milk": 1}
    assert (state.cursor, state.status, state.tries) == ("1", FeedStatus.WAITING, 1)
    assert "500" in state.trouble
    state = feed.run()
    assert bench.sold == {"milk": 2}
    assert (state.status, state.tries, state.trouble) == (FeedStatus.FINE, 0, "")


class FullDisk:
    """A store that fails at a given write."""

    def __init__(self, store, at: str) -> None:
        self._store, self._at = store, at

    def __getattr__(self, name):
        if name == self._at:
            self._at = ""

            def fails(*_):
                raise StoreError("the disk is full")

            return fails
        return getattr(self._store, name)


@pytest.mark.parametrize("write", ["put_receipts", "append_stock", "receipt_revisions"])
def test_a_full_disk_in_the_middle_of_a_page_loses_and_doubles_nothing(bench, write):
    page = Page(sales=(receipt("a"), receipt("b", line("nowhere"))), stock=(level(),))
    connector = ScriptedConnector(page)
    feed = bench.feed(connector, store=FullDisk(bench.store, write))
    state = feed.run()
    assert (state.cursor, state.status) == (None, FeedStatus.WAITING)
    assert connector.done == []
    feed.run()
    assert bench.sold == {"milk": 1}
    assert bench.held == [("unknown_item", "nowhere", 1)]
    assert bench.store.stock() == {"milk": 5}
    assert connector.done == ["1"]


def test_a_revoked_token_is_not_asked_again(bench):
    feed = bench.run(RevokedError("the server refuses our key", todo="Renew it"))
    state = feed.state()
    assert (state.status, state.due_at) == (FeedStatus.REVOKED, None)
    assert state.trouble == "the server refuses our key. Renew it"


def test_a_connector_s_own_fault_is_told_and_tried_again(bench):
    state = bench.run(KeyError("who knows")).state()
    assert state.status is FeedStatus.BAD_DATA
    assert "KeyError" in state.trouble
    assert "who knows" not in state.trouble  # an answer's content does not belong on a page
    assert state.due_at > bench.now


def test_a_source_that_does_not_get_on_is_not_asked_for_ever(bench):
    class Stuck(Connector):
        name = "stuck"

        def pull(self, cursor):
            return Page(cursor="x", more=True)

    feed = bench.feed(Stuck())
    assert feed.run().status is FeedStatus.BAD_DATA


def test_pauses_double_with_jitter_and_keep_to_what_the_source_asks():
    rng = random.Random(1)
    for tries in range(1, 12):
        full = min(3600, 5 * 2 ** (tries - 1))
        waits = [pause_s(tries, None, rng) for _ in range(50)]
        assert full / 2 <= min(waits) < max(waits) <= full
    assert pause_s(1, 120.0, rng) >= 120
    assert pause_s(500, None, rng) <= 3600
    assert pause_s(1, 1e12, rng) <= 86_400 + 5


def test_a_stop_between_pages_goes_on_later(bench):
    feed = bench.feed(ScriptedConnector(sales(receipt("a")), sales(receipt("b"))))
    state = feed.run(stopped=lambda: True)
    assert (state.cursor, state.fine_at, state.due_at) == ("1", None, bench.now)
    feed.run()
    assert bench.sold == {"milk": 2}


# --- what a line means ----------------------------------------------------------------------------


def test_tax_units_and_currency_end_in_the_site_s_terms(bench):
    bench.run(
        sales(
            receipt("net", line("milk", 1, "1.00", tax=Decimal("0.19"))),
            receipt("weighed", line("bread", 452, "3.16", unit="GRM")),
            receipt("cartons", line("milk", 2, "28", unit="ct")),
            receipt("dollars", line("milk", 1, "2.00"), currency="USD"),
        ),
        packs={"CT": 12},
        rates={"USD": "0.925"},
    )
    assert bench.rows() == [
        ("bread", 0.452, 316, "EUR", "camera"),
        ("milk", 1.0, 119, "EUR", "camera"),
        ("milk", 1.0, 185, "EUR", "camera"),
        ("milk", 24.0, 2800, "EUR", "camera"),
    ]


def test_a_bundle_is_taken_apart_and_its_price_adds_up(bench):
    bench.run(
        Page(items=(product("box", parts=(("milk", Decimal(2)), ("bread", Decimal(1)))),)),
        sales(receipt("a", line("box", 1, "5.00")), receipt("b", line("hamper", 2, "9.99"))),
        bundles={"hamper": {"box": 1, "milk": 1}},
    )
    assert bench.sold == {"milk": 2 + 6, "bread": 1 + 2}
    assert sum(int(str(row[2])) for row in bench.rows()) == 500 + 999
    assert ("milk", 2.0, 213, "EUR", "camera") in bench.rows()  # by list price: 2.58 of 6.07


def test_an_amount_that_nobody_tells_is_the_list_price(bench):
    bench.run(sales(receipt("a", line("milk", 3, None))))
    assert bench.rows() == [("milk", 3.0, 387, "EUR", "camera")]


def test_sales_keep_the_time_grain_only(bench):
    at = NOON.replace(minute=37, second=12)
    bench.run(sales(receipt("a", at=at)))
    assert bench.store._run('SELECT "at" FROM sales')[0][0].isoformat() == "2026-11-20T12:30:00"


def test_what_is_made_up_says_so(bench):
    bench.run(sales(receipt("a", simulated=True)), Page(stock=(level(),)), simulated=True)
    assert bench.rows()[0][-1] == "simulated"
    assert bench.store._run("SELECT DISTINCT origin FROM stock") == [("simulated",)]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (receipt("a", line("4711")), "unknown_item"),
        (receipt("a", currency="CHF"), "wrong_currency"),
        (receipt("a", at=NOON + 30 * HOUR), "future"),
        (receipt("a", line(unit="barrel")), "unknown_unit"),
        (receipt("a", line(quantity="NaN")), "bad_number"),
        (receipt("a", line(quantity="1e9")), "bad_number"),
        (receipt("a", line(amount="Infinity")), "bad_number"),
        (receipt("a", line("loop")), "bundle_loop"),
        (receipt("a", at=NOON.replace(tzinfo=None)), "unreadable"),
        (level(quantity=-3), "negative_stock"),
        (level("4711"), "unknown_item"),
        (level(at=NOON + 30 * HOUR), "future"),
        (Spoilt("sales.csv:17", "no date"), "unreadable"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_held_with_its_reason_and_the_rest_is_taken(bench, bad, reason):
    kind = {"Receipt": "sales", "Level": "stock", "Spoilt": "spoilt"}[type(bad).__name__]
    page = Page(**{kind: (bad,)})
    page = replace(page, sales=(*page.sales, receipt("good")))
    feed = bench.run(page, bundles={"loop": {"loop": 1}})
    assert [found for found, _, _ in bench.held] == [reason]
    assert bench.sold == {"milk": 1}
    assert feed.state().counts["held"] == 1


def test_a_till_whose_clock_is_a_little_ahead_sells_now(bench):
    feed = bench.run(sales(receipt("a", at=bench.now + HOUR / 20)))
    assert bench.sold == {"milk": 1}
    assert feed.state().counts["clamped"] == 1
    assert feed.state().latest == bench.now


def test_only_listed_fields_of_a_bad_record_are_kept(bench):
    sample = {"sku": "1", "customer": "Ada Lovelace", "email": "ada@example.org"}
    bench.run(Page(spoilt=(Spoilt("17", "no date", sample),)))
    [row] = bench.control.held()
    assert dict(row.fields) == {"sku": "1"}


# --- quarantine and catalogue --------------------------------------------------------------------


def test_an_unknown_item_is_released_when_the_catalogue_tells_it(bench):
    feed = bench.feed(
        ScriptedConnector(
            Page(sales=(receipt("a", line("4711", 2, 4)),), stock=(level("4711"),)),
            Page(items=(product("4711", "Chewing gum", gtin=MILK),)),
        )
    )
    feed.run()
    assert bench.sold == {"milk": 2}
    assert bench.store.stock() == {"milk": 5}
    assert bench.held == []


def test_an_unknown_item_is_released_when_the_site_file_lists_it(bench):
    feed = bench.run(sales(receipt("a", line("gum", 2, 4))))
    assert bench.sold == {}
    feed.take(shop_of(*ITEMS, Item("gum", "Chewing gum")))
    assert bench.sold == {"gum": 2}
    assert bench.held == []


def test_a_product_that_the_site_lists_later_takes_its_sales_along(bench):
    feed = bench.run(
        Page(items=(product("4711", "Chewing gum", gtin="96385074"),)),
        sales(receipt("a", line("4711"))),
    )
    assert bench.sold == {"till.4711": 1}
    feed.take(shop_of(*ITEMS, Item("gum", "Chewing gum", "", "96385074")))
    assert bench.sold == {"gum": 1}
    late = bench.feed(
        ScriptedConnector(
            sales(receipt("a")), sales(receipt("a")), sales(receipt("b", line("4711")))
        ),
        shop=shop_of(*ITEMS, Item("gum", "Chewing gum", "", "96385074")),
    )
    late.run()
    assert bench.sold == {"gum": 2}


def test_an_sku_that_means_another_item_now_keeps_its_old_sales(bench):
    connector = ScriptedConnector(
        Page(items=(product("1", gtin=MILK, revision=1),)), sales(receipt("a", line("1")))
    )
    feed = bench.feed(connector)
    feed.run()
    changed_at = bench.now = bench.now + 10 * HOUR
    bread = shop_of(*ITEMS[:1], replace(ITEMS[1], gtin="96385074"))
    feed.take(bread)
    connector.script += [
        Page(items=(product("1", gtin="96385074", revision=2),)),
        Page(items=(product("1", gtin=MILK, revision=1),)),  # comes late
        sales(receipt("late", line("1"), at=changed_at - HOUR)),
        sales(receipt("new", line("1"), at=changed_at)),
    ]
    feed.run()
    assert bench.sold == {"milk": 2, "bread": 1}


def test_a_new_sku_that_replaces_an_old_one_is_the_same_item(bench):
    bench.run(
        Page(items=(product("old", gtin=MILK), product("new", replaces="old"))),
        sales(receipt("a", line("new"))),
    )
    assert bench.sold == {"milk": 1}


def test_a_gtin_with_a_wrong_check_digit_is_told_and_the_sku_still_works(bench):
    bench.run(Page(items=(product("7", gtin="4006381333932"),)), sales(receipt("a", line("7"))))
    assert bench.sold == {"till.7": 1}
    assert bench.held == [("unreadable", "7", 1)]


def test_a_record_from_the_future_waits_for_a_person(bench):
    feed = bench.run(sales(receipt("a", at=NOON + 30 * HOUR)))
    [group] = bench.control.held_groups()
    assert feed.retry(group) == 0
    bench.now = NOON + 40 * HOUR
    assert feed.release_known() == 0
    assert feed.retry(group) == 1
    assert bench.sold == {"milk": 1}


def test_a_rate_that_is_given_later_releases_the_sales(bench):
    bench.run(sales(receipt("a", line(amount=2), currency="USD")))
    assert (
        bench.feed(ScriptedConnector(), Options(id="till", rates={"USD": "0.9"})).release_known()
        == 1
    )
    assert bench.rows() == [("milk", 1.0, 180, "EUR", "camera")]


def test_a_released_line_of_a_receipt_that_changed_since_is_dropped(bench):
    feed = bench.run(sales(receipt("a", line("4711"), revision=1)))
    rows = bench.control.held()
    feed._connector.script += [sales(receipt("a", line("milk", 2, 2), revision=2))]
    feed.run()
    bench.control.hold(rows)  # as if it had come back
    feed.take(shop_of(*ITEMS, Item("4711", "Gum")))
    assert bench.sold == {"milk": 2}
    assert bench.held == []


# --- dry run --------------------------------------------------------------------------------------


def test_a_dry_run_tells_and_changes_nothing(bench):
    connector = ScriptedConnector(
        Page(items=(product("4711", "Gum", gtin=MILK),)),
        Page(sales=(receipt("a", line("4711")), receipt("b", line("?"))), stock=(level(),)),
        sales(receipt("a", line("4711"))),
    )
    feed = bench.feed(connector)
    found = feed.dry_run()
    wanted = {"new": 2, "changed": 0, "stock": 1, "items": 1, "held": 1, "clamped": 0}
    assert {name: found.counts[name] for name in wanted} == wanted
    assert (found.pages, found.more) == (3, False)
    assert [sale.item for sale in found.samples] == ["milk"]
    assert [(g.reason.value, g.sku) for g in found.held] == [("unknown_item", "?")]
    assert (bench.sold, bench.held, bench.store.stock()) == ({}, [], {})
    assert feed.state().ran_at is None
    assert connector.done == []
    feed.run()
    assert bench.sold == {"milk": 1}


def test_a_dry_run_during_a_run_is_refused(bench):
    feed = bench.run(Page())
    with feed._pulling, pytest.raises(InputError, match="running now"):
        feed.dry_run()


def test_a_source_s_refusal_ends_a_dry_run(bench):
    feed = bench.feed(ScriptedConnector(BadDataError("no JSON")))
    with pytest.raises(BadDataError):
        feed.dry_run()

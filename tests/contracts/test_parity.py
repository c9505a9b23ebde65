"""Every query gives the same answer, whatever engine holds the tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from records import NOON, small_shop
from servers import fresh

from aeras.domain.errors import StoreError
from aeras.domain.kept import Kind, Origin, ReactionLabel, Sale, Stock
from aeras.insight import rates
from aeras.lab.simulate import simulate
from aeras.privacy.publish import Publisher
from aeras.store.opening import open_events
from aeras.store.reading import GROUPS, PUBLISHED

DAY = timedelta(days=1)
SINCE, UNTIL = NOON - 9 * DAY, NOON - 2 * DAY


@pytest.fixture(scope="module")
def stores(tmp_path_factory, postgres_url, clickhouse_url):
    folder = tmp_path_factory.mktemp("parity")
    urls = [str(folder / "e.duckdb"), fresh(postgres_url), fresh(clickhouse_url)]
    opened = [open_events(url) for url in urls]
    simulated = simulate(small_shop(), 10, seed=3, now=NOON).events
    odd = ("a'b", 'say "so"', "back\\slash", "comma, new\nline", "{braces}", "ÄÖ 味")
    events = [
        replace(
            event,
            origin=Origin.CAMERA if n % 3 else Origin.SIMULATED,
            bounded=n % 2 == 0,
            attribution=None if n % 5 else 0.75,
            facing=odd[n % 6] if n % 7 == 0 else event.facing,
            item=None if n % 11 == 0 else event.item,
            kind=Kind.MISPLACED if n % 23 == 0 else event.kind,
            outcome=event.outcome and n % 23 != 0,
            site=f"shop-{n % 3}",
        )
        for n, event in enumerate(simulated)
    ]
    assert len(events) > 2000
    for store in opened:
        for start in range(0, len(events), 1500):
            store.append(events[start : start + 1500])
            store.append(events[start : start + 10])  # copies
        store.append_sales(
            [
                Sale(f"s{n}", NOON - n * DAY / 4, "x", f"i{n % 4}", n / 8, n, "EUR")
                for n in range(40)
            ]
        )
        store.append_stock([Stock(NOON - n * DAY / 4, "x", f"i{n % 4}", n / 8) for n in range(40)])
        publisher = Publisher(5, share=rates.share, mean=rates.mean)
        for back in (7, 3, 1):
            store.roll(NOON - back * DAY, publisher.fold)
    yield opened
    for store in opened:
        store.close()


QUERIES = {
    "count": lambda s: s.count(),
    "stock": lambda s: s.stock(),
    "stock_levels": lambda s: s.stock_levels(SINCE, UNTIL),
    "sold": lambda s: s.sold(SINCE, UNTIL),
    "older": lambda s: {
        k: v for k, v in s.older(UNTIL).items() if k not in {"shelf", "receipts", "passages"}
    },
    "rejected": lambda s: s.reasons("oat-milk", SINCE, UNTIL, of=ReactionLabel.REJECTED),
    "put back": lambda s: s.reasons("oat-milk", SINCE, UNTIL, of=Kind.PUT_BACK),
    "aside": lambda s: s.aside(),
    **{f"tally {by}": lambda s, by=by: s.tally(by, SINCE, UNTIL) for by in GROUPS},
    **{f"of item {by}": lambda s, by=by: s.tally(by, SINCE, UNTIL, item="cola") for by in GROUPS},
    **{
        f"of fixture {by}": lambda s, by=by: s.tally(by, SINCE, UNTIL, fixture="drinks")
        for by in GROUPS
    },
    **{f"bounded {by}": lambda s, by=by: s.tally_bounded(by, SINCE, UNTIL) for by in GROUPS},
    **{f"published {by}": lambda s, by=by: s.published(by, SINCE, UNTIL) for by in PUBLISHED},
    **{
        f"published of item {by}": lambda s, by=by: s.published(by, SINCE, UNTIL, item="gum")
        for by in PUBLISHED
    },
}


def rounded(answer):
    """Means are summed in another order by each engine."""
    if isinstance(answer, list) and answer and hasattr(answer[0], "coverage"):
        return [replace(row, coverage=round(row.coverage, 9)) for row in answer]
    return answer


@pytest.mark.parametrize("name", QUERIES)
def test_every_engine_answers_alike(stores, name):
    answers = [rounded(QUERIES[name](store)) for store in stores]
    assert answers[0] or name == "aside"
    for one, other in pairwise(answers):
        assert one == other


def test_deleting_by_age_drops_the_same_and_a_late_copy_is_a_new_event(stores):
    late = replace(simulate(small_shop(), 1, seed=3, now=NOON).events[0], at=NOON - 20 * DAY)
    seen = []
    for store in stores:
        store.append([late])
        store.roll(NOON - 19 * DAY, lambda pending, cells: ([*pending, *cells], []))
        gone = store.delete_before(NOON - 18 * DAY)
        store.append([late])
        seen.append((gone, store.delete_before(NOON - 18 * DAY), store.compact()))
    assert seen == [(1, 0, True)] * 3


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("mysql://host/db", "'mysql' is no kind of event store"),
        ("postgresql://u:secret@127.0.0.1:1/db", "cannot be reached"),
        ("postgresql://127.0.0.1:port/db", "no address of a PostgreSQL database"),
        ("clickhouse://u:secret@127.0.0.1:1/db", "cannot be reached"),
        ("clickhouse://127.0.0.1/a-b", "no name of a ClickHouse database"),
        ("clickhouse://127.0.0.1:port/db", "no address of a ClickHouse database"),
    ],
)
def test_a_wrong_url_is_one_clear_error_without_the_password(url, complaint):
    with pytest.raises(StoreError, match=complaint) as caught:
        open_events(url)
    assert "secret" not in str(caught.value)

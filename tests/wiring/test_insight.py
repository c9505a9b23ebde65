"""Published sums and the till's, put together by day: a shop whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from records import small_shop

from aeras.config import PrivacySection
from aeras.domain.errors import InputError
from aeras.domain.evidence import Aside, Changed
from aeras.domain.insight import Step
from aeras.domain.kept import Tally
from aeras.domain.ports import PassedSum
from aeras.domain.shop import CameraRole, Facing, Item
from aeras.insight import rates
from aeras.insight.rates import share
from aeras.privacy.publish import Publisher
from aeras.wiring.board import nothing
from aeras.wiring.insight import ShopInsight
from aeras.wiring.passing import counted_at, past_of

DAY = timedelta(days=1)
NOW = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
START = datetime(2026, 6, 1, tzinfo=UTC)
ITEMS = tuple(Item(f"i{n}", f"Item {n}", "tea") for n in range(8))
CUT = START - 30 * DAY


class Store:
    """Days of eight items: rejections of the first drift, and cost it sales; its price falls once
    and it then sells half as much again.
    """

    def __init__(self, days: int = 90, *, till: bool = True) -> None:
        rng = np.random.default_rng(5)
        self.days = days
        steps = np.arange(days)
        self.rate = 0.25 + 0.15 * np.sin(steps / 6)
        self.handled = rng.poisson(80, (8, days))
        rates_of = np.where(np.arange(8)[:, None] == 0, self.rate, 0.2)
        self.rejected = rng.binomial(self.handled, rates_of)
        mean = np.full((8, days), 30.0)
        mean[0] *= np.exp(-3 * (self.rate - 0.25))
        mean[1, steps >= days - 30] *= 1.5
        self.units = rng.poisson(mean) if till else np.zeros((8, days))

    def _of(self, since: datetime, until: datetime) -> range:
        first, last = (self.days + round((at - START) / DAY) for at in (since, until))
        return range(max(0, first), max(0, min(self.days, last)))

    def sold(self, since: datetime, until: datetime) -> dict[str, float]:
        sums = self.units[:, self._of(since, until)].sum(axis=1)
        return {f"i{n}": float(sold) for n, sold in enumerate(sums) if sold}

    def published_passages(self, by: str, since: datetime, until: datetime) -> list[PassedSum]:
        if by == "fixture":
            return [PassedSum("drinks", 800, 320, 0.9, 0)] if self._of(since, until) else []
        return [
            PassedSum((START - DAY + n * timedelta(hours=1)).isoformat(), 50, 20, 0.9, 0)
            for n in range(24)
        ]

    def published(self, by: str, since: datetime, until: datetime, **_: Any) -> list[Tally]:
        days = self._of(since, until)
        if not days:
            return []
        if by == "moment":
            return [
                replace(tally("", 40, 4), key=(START - DAY + n * timedelta(hours=1)).isoformat())
                for n in range(24)
            ]
        if by == "facing":
            return [tally("d1", 200, 30), tally("d2", 100, 10), tally("gone", 50, 5)]
        found = [
            tally(f"i{n}", int(self.handled[n, days].sum()), int(self.rejected[n, days].sum()))
            for n in range(8)
        ]
        return found if by == "item" else [tally("site", sum(one.handled for one in found), 0)]


def tally(key: str, handled: int, rejected: int) -> Tally:
    return replace(
        nothing(key),
        visits=2 * handled,
        takes=handled // 2,
        rejected=rejected,
        neutral=handled - rejected - handled // 10,
        unclear=handled // 10,
        coverage=0.5,
    )


def insight(
    store: Store,
    asides: list[Aside] | None = None,
    changes: list[Changed] | None = None,
    kept_days: int = 30,
) -> ShopInsight:
    shop = replace(small_shop(), items=ITEMS, timezone="UTC")
    site = SimpleNamespace(
        shop=shop,
        hours=None,
        undeclared=(),
        privacy=PrivacySection(
            profile="behaviour-only",
            controller="Corner Shop",
            retention=f"{kept_days} d",
        ),
    )
    return ShopInsight(
        lambda: site,  # type: ignore[arg-type,return-value] - all that is asked of a site
        store=store,  # type: ignore[arg-type] - the two sums that are asked for
        publisher=Publisher(10, share=rates.share, mean=rates.mean),
        asides=lambda _since, _until: asides or [],
        changes=lambda: changes or [],
        clock=lambda: NOW,
    )


def test_days_are_full_days_with_what_was_the_matter_with_them() -> None:
    out = Aside("i0", START - 3 * DAY, START - 2.5 * DAY, "empty")
    promoted = Aside("i0", START - 9 * DAY, START - 8 * DAY, "promoted")
    days = insight(Store(), [out, promoted]).days("i0", NOW)
    assert len(days) == 90
    assert days[-1].day == (START - DAY).date()
    assert days[-3].out == 0.5
    assert [one.day for one in days if one.promoted] == [(START - 9 * DAY).date()]
    assert days[0].units is not None
    assert days[0].share is not None
    assert days[0].share.n < 80 + 40  # those that could be told


def test_who_sells_less_while_it_is_rejected_more_is_found_and_others_are_not() -> None:
    room = insight(Store())
    link = room.link("i0", NOW)
    assert link.change is not None
    assert link.found
    assert link.change.low < np.expm1(-0.3) < link.change.high < 0
    assert link.tested == 8
    assert not room.link("i5", NOW).found


@pytest.mark.parametrize(
    ("store", "kept_days", "why"),
    [
        (Store(till=False), 30, "no_till"),
        (Store(days=20), 30, "short_memory"),
        (Store(days=20), 60, "few_days"),
    ],
)
def test_what_cannot_be_told_says_why(store: Store, kept_days: int, why: str) -> None:
    assert insight(store, kept_days=kept_days).link("i0", NOW).why == why


def test_a_fall_of_price_is_measured_against_like_items() -> None:
    price = Changed("i1", CUT - timedelta(hours=12), "price")
    [change] = insight(Store(), changes=[price]).changes("i1", NOW)
    assert change.what == "price"
    assert change.moved is not None
    assert change.moved.change.low < 0.5 < change.moved.change.high
    assert change.moved.change.low > 0
    assert insight(Store()).changes("i1", NOW) == []


def test_a_second_change_close_by_cannot_be_told_apart() -> None:
    changes = [Changed("i1", CUT, "price"), Changed("i1", CUT + 3 * DAY, "planogram")]
    assert [one.moved for one in insight(Store(), changes=changes).changes("i1", NOW)] == [None] * 2


def test_funnels_by_item_fixture_and_hour() -> None:
    room = insight(Store())
    since, until = START - 7 * DAY, START
    [first, *_] = room.funnels("item", since, until)
    assert first.stage(Step.BOUGHT).count is not None
    fixtures = room.funnels("fixture", since, until)
    assert fixtures[0].stage(Step.REACHED).count == 300
    drinks, sweets, _ = fixtures
    assert (drinks.stage(Step.PASSED).count, drinks.stage(Step.STOPPED).count) == (800, 320)
    assert drinks.watched == 0.9
    of = drinks.stage(Step.STOPPED).of
    assert of is not None
    assert of.low < share(311, 800).low + 1e-9 < of.value < share(329, 800).high - 1e-9 < of.high
    assert sweets.stage(Step.PASSED).why == "withheld"
    assert fixtures[0].stage(Step.BOUGHT).why == "unmeasured"
    assert [one.key for one in room.funnels("hour", since, until)] == [
        f"{n:02d}" for n in range(24)
    ]
    with pytest.raises(InputError, match="expected item, fixture or hour"):
        room.funnels("colour", since, until)


def test_an_item_is_passed_where_all_its_places_are_watched_and_an_hour_has_no_share() -> None:
    items = {f"f{n}": Facing(f"f{n}", f"i{n}", ()) for n in range(3)}
    shop = small_shop()
    drinks, _, fridge = shop.fixtures
    unseen = replace(fridge, camera=None, facings=(items["f1"], items["f2"]))
    shop = replace(shop, fixtures=(replace(drinks, facings=(items["f0"], items["f1"])), unseen))
    past = past_of(Store(), shop, "item", START - DAY, START, faces=True)  # type: ignore[arg-type]
    assert {key: one.passed for key, one in past.items()} == {"i0": 800}
    [hour, *_] = insight(Store()).funnels("hour", START - DAY, START)
    assert hour.stage(Step.PASSED).count == 50
    assert (hour.stage(Step.STOPPED).of, hour.stage(Step.STOPPED).why) == (None, "apart")
    funnel = insight(Store()).funnels("item", START - 7 * DAY, START)[0]
    assert funnel.stage(Step.PASSED).why == "unmeasured"  # it stands on no facing
    assert funnel.stage(Step.STOPPED).count is not None


@pytest.mark.parametrize(
    ("role", "faces", "counted"),
    [
        (CameraRole.AISLE, True, True),
        (CameraRole.SHELF, True, False),
        (CameraRole.SHELF, False, True),
    ],
)
def test_passers_are_counted_where_bodies_are_read(role, faces, counted) -> None:
    shop = small_shop()
    shop = replace(shop, cameras=tuple(replace(one, role=role) for one in shop.cameras))
    assert counted_at(shop, faces=faces) == ({"drinks", "sweets", "fridge"} if counted else set())


def test_the_report_leaves_out_what_is_below_k() -> None:
    store = Store(days=1)
    store.handled[7], store.rejected[7] = 3, 1
    found = insight(store).report(START - DAY, START)
    assert len(found.rows) == 7
    assert found.withheld == 1

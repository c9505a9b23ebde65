"""Nobody can subtract what is shown and be left with fewer than k visits.

Random shops are asked random pairs and triples of questions through the board: one lies inside the
other (facing in item in shop, shorter in longer period, earlier in later look), so that their
difference counts the records in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from argon2 import PasswordHasher
from records import NOON, event

from aeras.domain.kept import Event, FirstOf, Kind, Tally
from aeras.domain.published import Numbers
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Item, Shop
from aeras.insight import rates
from aeras.privacy.publish import Publisher
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.board import ShopBoard
from aeras.wiring.feed import Feed

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
K = 10
SHOPS = 10
PAIRS = 1000
DAY = timedelta(days=1)
GRAIN = timedelta(minutes=15)
COLUMNS = ("visits", "dwells", "reaches", "takes", "put_backs", "handled")

Counts = dict[str, int]
"""What is shown of one group, by column; what is withheld is missing."""


@dataclass(frozen=True)
class Question:
    """One figure: of the shop, an item or a facing, in a period, looked up at a moment."""

    look: int
    since: datetime
    until: datetime
    item: str | None = None
    facing: str | None = None

    def holds(self, other: Question) -> bool:
        """Whether all that the other counts is counted here too."""
        return (
            self.look >= other.look
            and self.since <= other.since
            and other.until <= self.until
            and self.item in {None, other.item}
            and self.facing in {None, other.facing}
        )

    def apart(self, other: Question) -> bool:
        """Whether nothing can be counted by both."""
        return (
            self.until <= other.since
            or other.until <= self.since
            or (None not in {self.item, other.item} and self.item != other.item)
            or (None not in {self.facing, other.facing} and self.facing != other.facing)
        )


def make_shop(rng: np.random.Generator) -> Shop:
    items = [Item(f"i{n}", f"Item {n}", "c", None, 100) for n in range(rng.integers(1, 6))]
    facings = [
        Facing(f"f{n}", f"i{n if n < len(items) else rng.integers(len(items))}", (), (0, 0, 1, 1))
        for n in range(len(items) + rng.integers(0, 4))
    ]
    camera = CameraSpec("a", "rtsp://camera.local/1", CameraRole.AISLE, (640, 480))
    fixture = Fixture("shelf", "Shelf", "a", (), tuple(facings))
    return Shop("corner", "Corner", "Europe/Berlin", tuple(items), (camera,), (fixture,))


def make_events(shop: Shop, rng: np.random.Generator, days: int) -> list[Event]:
    """Visits, each to a few facings; some shops have few, some many."""
    events: list[Event] = []
    facings = shop.fixtures[0].facings
    share = rng.dirichlet(np.full(len(facings), 0.6))
    for _ in range(int(rng.integers(20, 60 * days))):
        at = NOON + GRAIN * int(rng.integers(0, days * 96))
        first, seen = FirstOf.SITE, set[str | None]()
        for which in rng.choice(len(facings), size=rng.integers(1, 4), p=share):
            facing = facings[which]
            scope = first if first is FirstOf.SITE or facing.item not in seen else FirstOf.NONE
            kind = list(Kind)[rng.integers(5)]
            events.append(
                event(
                    at=at,
                    fixture="shelf",
                    facing=facing.id,
                    item=facing.item,
                    kind=kind,
                    outcome=kind is not Kind.DWELL and not kind.beside,
                    first_of=FirstOf.SITE if kind.beside else scope,
                )
            )
            if kind.beside:
                continue
            first = FirstOf.ITEM
            seen.add(facing.item)
    return sorted(events, key=lambda e: e.at)


def shown(numbers: Numbers) -> Counts:
    found = {name: getattr(numbers, name) for name in (*COLUMNS[:-1], "misplaced")}
    found["handled"] = numbers.rejection.n if numbers.rejection else None
    return {name: count for name, count in found.items() if count is not None}


class Blocks:
    """The product's own way: what the board shows."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        self.shop = shop
        self.store = DuckEvents(folder / "events.duckdb")
        self.control = Control(folder / "control.sqlite", hasher=QUICK)
        self.publisher = Publisher(K, share=rates.share, mean=rates.mean)
        self.board = ShopBoard(
            shop,
            store=self.store,
            book=self.control,
            answers=self.control,
            publisher=self.publisher,
            feed=Feed(),
        )

    def close(self) -> None:
        self.store.close()
        self.control.close()

    def keep(self, events: list[Event], now: datetime) -> None:
        self.store.append(events)
        self.store.roll(now, self.publisher.fold)

    def tables(self, since: datetime, until: datetime) -> Iterator[tuple[dict[str, str], Counts]]:
        """Every group that is shown of a period."""
        yield {}, shown(self.board.totals(since, until).numbers)
        for row in self.board.items(since, until):
            yield {"item": row.id}, shown(row.numbers)
        for facing in self.board.facings(since, until):
            yield {"item": str(facing.item), "facing": facing.id}, shown(facing.numbers)

    def points(
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[str | None, datetime, datetime, Counts]]:
        """Every point of the timelines of the shop and of an item: hours, or days of the shop."""
        zone = ZoneInfo(self.shop.timezone)
        for item in (None, self.shop.items[0].id):
            for point in self.board.timeline(since, until, item=item):
                end = point.at + timedelta(hours=1)
                if until - since > 2 * DAY:
                    midnight = point.at.astimezone(zone) + DAY
                    end = midnight.astimezone(UTC)
                yield item, max(since, point.at), min(until, end), shown(point.numbers)


class Threshold(Blocks):
    """What the blocks replaced: every count of any period is shown from k visits on."""

    def points(
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[str | None, datetime, datetime, Counts]]:
        yield from ()

    def tables(self, since: datetime, until: datetime) -> Iterator[tuple[dict[str, str], Counts]]:
        items = {f.id: str(f.item) for f in self.shop.fixtures[0].facings}
        for by in ("site", "item", "facing"):
            for tally in self.store.tally(by, since, until):
                key = {"item": items.get(tally.key, tally.key)} if by != "site" else {}
                yield key | ({"facing": tally.key} if by == "facing" else {}), above_k(tally)


def above_k(tally: Tally) -> Counts:
    counts = {name: int(getattr(tally, name)) for name in COLUMNS}
    return {n: c for n, c in counts.items() if tally.visits >= K and (c >= K or c == 0)}


def ask(make: type[Blocks], folder: Path, seed: int) -> dict[Question, Counts]:
    """All answers of one random shop: at several moments, of many periods."""
    rng = np.random.default_rng(seed)
    days = int(rng.integers(2, 9))
    shop = make_shop(rng)
    events = make_events(shop, rng, days)
    cuts = [NOON + timedelta(hours=int(h)) for h in np.sort(rng.choice(24 * days, 4, False))]
    cuts += [cuts[1] + GRAIN, NOON + days * DAY]  # one period differs by one grain only
    gate = make(shop, folder)
    answers: dict[Question, Counts] = {}
    before = NOON
    for look, now in enumerate((NOON + days * DAY / 2, NOON + days * DAY / 2 + GRAIN, cuts[-1])):
        gate.keep([e for e in events if before <= e.at < now], now)
        before = now
        for since, until in combinations(sorted(cuts), 2):
            for key, counts in gate.tables(since, until):
                answers[Question(look, since, until, **key)] = counts
        for since, until in ((cuts[0], cuts[-1]), (cuts[-1] - 2 * DAY, cuts[-1])):
            for item, first, end, counts in gate.points(since, until):
                answers[Question(look, first, end, item=item)] = counts
    gate.close()
    return answers


def isolated(answers: dict[Question, Counts], pairs: int, rng: np.random.Generator) -> int:
    """How many of so many random pairs and triples leave 1 to k-1 when they are subtracted."""
    questions = sorted(answers, key=repr)
    held: dict[Question, list[Question]] = {}
    found = asked = 0
    while asked < pairs:
        whole = questions[rng.integers(len(questions))]
        if whole not in held:
            held[whole] = [p for p in questions if p != whole and whole.holds(p)]
        inside = held[whole]
        if not inside:
            continue
        asked += 1
        part = inside[rng.integers(len(inside))]
        others = [q for q in inside if q.apart(part)]
        third = others[rng.integers(len(others))] if others else None
        found += any(leaves_few(answers, whole, part, third))
    return found


def leaves_few(
    answers: dict[Question, Counts], whole: Question, part: Question, third: Question | None
) -> Iterator[bool]:
    for name in COLUMNS:
        asked = [q for q in (part, third) if q is not None]
        if name == "visits" and whole.item is None and any(q.item is not None for q in asked):
            continue  # visits of the shop and of an item are not the same count: see below
        parts = [answers[q].get(name) for q in asked]
        if name not in answers[whole]:
            continue
        for taken in (parts[:1], parts):
            if None not in taken:
                yield 0 < answers[whole][name] - sum(p or 0 for p in taken) < K


def total(make: type[Blocks], folder: Path, shops: int) -> int:
    found = 0
    for seed in range(shops):
        place = folder / f"{make.__name__}-{seed}"
        place.mkdir()
        answers = ask(make, place, seed)
        assert sum(map(bool, answers.values())) > 10  # something is shown at all
        found += isolated(answers, PAIRS, np.random.default_rng(seed))
    return found


@pytest.mark.timeout(600)  # on a busy machine; a few seconds of work
def test_ten_thousand_pairs_and_triples_of_questions_isolate_nobody(tmp_path: Path):
    assert total(Blocks, tmp_path, SHOPS) == 0


def test_overlapping_periods_tell_no_more_than_nested_ones(tmp_path: Path):
    answers = ask(Blocks, tmp_path, 3)
    checked = 0
    for one, other in combinations(answers, 2):
        if not (one.look == other.look and one.since < other.since < one.until < other.until):
            continue
        if (one.item, one.facing) != (other.item, other.facing):
            continue
        both = replace(one, since=other.since)
        either = replace(one, until=other.until)
        for name in COLUMNS:
            parts = [answers.get(q, {}).get(name, 0) for q in (one, other, both, either)]
            if both in answers and either in answers:
                first, second, common, whole = parts
                assert first + second == common + whole  # what is shown adds up, and so hides
                assert all(n == 0 or n >= K for n in (first - common, second - common))
                checked += any(parts)
    assert checked > 100


def test_shop_visits_less_those_of_items_leave_a_span_of_k(tmp_path: Path):
    """Who touched nothing is the one count that is no sum of blocks: of the shop's visits only a
    multiple of k is told, so that the true difference may be anything within k of what is left.
    """
    answers = ask(Blocks, tmp_path, 6)
    told = [c["visits"] for q, c in answers.items() if q.item is None and "visits" in c]
    assert len(told) > 10
    assert {count % K for count in told} == {0}


def test_a_plain_threshold_is_caught(tmp_path: Path):
    assert total(Threshold, tmp_path, 1) > 0


def test_the_shop_without_all_its_items_isolates_nobody(tmp_path: Path):
    answers = ask(Blocks, tmp_path, 5)
    rest: dict[tuple[object, ...], int] = {}
    for q, counts in answers.items():
        for name in COLUMNS[1:]:
            sign = {(True, True): 1, (False, True): -1}.get((q.item is None, q.facing is None), 0)
            key = (q.look, q.since, q.until, name)
            rest[key] = rest.get(key, 0) + sign * counts.get(name, 0)
    assert any(left == 0 for left in rest.values())
    assert not [left for left in rest.values() if 0 < left < K]

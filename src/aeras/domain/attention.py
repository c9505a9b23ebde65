"""What to look at first: findings that have passed the gate, ranked by evidence times impact.

**Impact** is how many shoppers a day meet the problem, from the published figures of the period.
**Evidence** says how far the finding can be trusted, from 0 to 1. Both are plain numbers that stand
here and in the manual, so that a manager can see why one comes before the other:

| finding | impact a day | evidence |
| --- | --- | --- |
| trigger that compares rates | handlings times the lowest share that the data allow | 0.95 |
| trigger that counts | the same | 0.6 |
| facing empty | visits of the item | 0.9 |
| facing low | visits of the item | 0.3 |
| answers that rate an item low | visits times (middle of the scale - upper end) / 2 | 0.95 |
| camera that reads nothing | the site's visits over its cameras | 1 |

An item is named once, by its strongest finding. Where the figures are withheld the impact is not
known: such findings come after those with a known one, in the order of their evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aeras.domain.kept import Origin, StockLevel, TriggerState
from aeras.domain.ports import Board
from aeras.domain.published import (
    CameraStatus,
    Fact,
    ItemRow,
    Rate,
    SurveySummary,
    Totals,
    TriggerRow,
)
from aeras.domain.reporting import Span
from aeras.domain.shelves import ShelfRow

MIDDLE = 3.0
"""Of the scale from 1 to 5."""
SURE, COUNTED = 0.95, 0.6
OF_LEVEL = {StockLevel.EMPTY: 0.9, StockLevel.LOW: 0.3}
BLIND = ("down", "ended", "uncalibrated")
"""States of a camera in which somebody has to act."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One finding that a manager should look at.

    Attributes:
        kind: ``trigger``, ``empty``, ``low``, ``answers`` or ``camera``.
        about: Item or camera id.
        name: Of the item or camera.
        href: The page where something can be done about it.
        evidence: See the module.
        affected: Shoppers a day that meet it, None where the figures are withheld.
        facts: Lines of evidence of a trigger.
        rate: The share of rejections, or the rating, with its interval and n.
        place: Fixture's name, reason or state, "" if there is none.
        choice: The reason that was given most, "" if none.
        since: When it began (UTC), None if that is not known.
        simulated: Whether it rests on simulated records.
    """

    kind: str
    about: str
    name: str
    href: str
    evidence: float
    affected: float | None
    facts: tuple[Fact, ...] = ()
    rate: Rate | None = None
    place: str = ""
    choice: str = ""
    since: datetime | None = None
    simulated: bool = False

    @property
    def weight(self) -> tuple[bool, float, float]:
        """Sorts what matters more before what matters less."""
        known = self.affected is not None
        return (known, self.evidence * (self.affected or 0.0), self.evidence)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the ranking is made of, as the pages show it.

    Attributes:
        days: Length of the period behind the figures.
        totals, items: Of the period.
        triggers, shelf, cameras: As they stand now.
        surveys: By item.
    """

    days: int
    totals: Totals
    items: Sequence[ItemRow]
    triggers: Sequence[TriggerRow] = ()
    shelf: Sequence[ShelfRow] = ()
    cameras: Sequence[CameraStatus] = ()
    surveys: Mapping[str, SurveySummary] = field(default_factory=dict)

    @classmethod
    def of(cls, board: Board, span: Span, shelf: Sequence[ShelfRow], now: datetime) -> Seen:
        """What a board shows over some days, beside what the shelves show now (UTC)."""
        return cls(
            days=span.days_so_far(now),
            totals=board.totals(span.since, span.until),
            items=board.items(span.since, span.until),
            triggers=board.triggers(),
            shelf=shelf,
            cameras=board.cameras(),
            surveys=board.surveys(),
        )

    def row(self, item: str) -> ItemRow | None:
        """The item's figures."""
        return next((row for row in self.items if row.id == item), None)


def to_look_at(seen: Seen, most: int = 3) -> list[Thing]:
    """The findings that matter most, the first one first; empty if there is nothing to do."""
    found = sorted(_all(seen), key=lambda thing: thing.weight, reverse=True)
    named: dict[str, Thing] = {}
    for thing in found:
        named.setdefault(f"{thing.kind == 'camera'} {thing.about}", thing)
    return list(named.values())[:most]


def _all(seen: Seen) -> Iterator[Thing]:
    yield from (_of_trigger(row, seen) for row in seen.triggers if row.state is TriggerState.OPEN)
    yield from (_of_shelf(row, seen) for row in seen.shelf)
    yield from _of_answers(seen)
    yield from (_of_camera(one, seen) for one in seen.cameras if one.state in BLIND)


def _a_day(count: float | None, seen: Seen) -> float | None:
    return None if count is None else count / max(1, seen.days)


def _of_trigger(row: TriggerRow, seen: Seen) -> Thing:
    item = seen.row(row.item)
    rate = item.numbers.rejection if item else None
    rated = any(fact.key.startswith("evidence.rate.") for fact in row.facts)
    return Thing(
        kind="trigger",
        about=row.item,
        name=row.item_name,
        href=f"/triggers/{row.id}",
        evidence=SURE if rated else COUNTED,
        affected=_a_day(rate.n * rate.low if rate else None, seen),
        facts=row.facts,
        rate=rate,
        since=row.opened_at,
        simulated=row.origin is Origin.SIMULATED,
    )


def _of_shelf(row: ShelfRow, seen: Seen) -> Thing:
    item = seen.row(row.item)
    return Thing(
        kind=row.level.value,
        about=row.item,
        name=row.item_name,
        href=f"/items/{row.item}",
        evidence=OF_LEVEL[row.level],
        affected=_a_day(item.numbers.visits if item else None, seen),
        place=row.fixture_name,
        since=row.since,
        simulated=row.origin is Origin.SIMULATED,
    )


def _of_answers(seen: Seen) -> Iterator[Thing]:
    for item, summary in seen.surveys.items():
        rating, row = summary.rating, seen.row(item)
        if row is None or rating is None or rating.high >= MIDDLE:
            continue
        visits = row.numbers.visits
        yield Thing(
            kind="answers",
            about=item,
            name=row.name,
            href=f"/items/{item}",
            evidence=SURE,
            affected=_a_day(None if visits is None else visits * (MIDDLE - rating.high) / 2, seen),
            rate=rating,
            choice=summary.choices[0][0] if summary.choices else "",
            simulated=summary.simulated > 0,
        )


def _of_camera(one: CameraStatus, seen: Seen) -> Thing:
    visits = seen.totals.numbers.visits
    share = None if visits is None else visits / max(1, len(seen.cameras))
    return Thing(
        kind="camera",
        about=one.id,
        name=one.id,
        href="/calibration" if one.state == "uncalibrated" else "/cameras",
        evidence=1.0,
        affected=_a_day(share, seen),
        place=one.reason or one.state,
        simulated=one.simulated,
    )

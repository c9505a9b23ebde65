"""Statistics of nobody, for the pages."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from aeras.domain.insight import (
    ChangeOfItem,
    Day,
    Funnel,
    Moved,
    Report,
    SalesLink,
    Stage,
    Step,
)
from aeras.domain.ports import Board
from aeras.domain.published import Rate
from aeras.insight import ranks
from aeras.insight.rates import share


class FakeInsight:
    """One item has everything; the others have a till that says nothing."""

    def __init__(self, board: Board) -> None:
        self._items = board.shop.items
        self.full = self._items[0].id

    def funnel(self, item: str, since: datetime, until: datetime) -> Funnel:
        if item != self.full:
            why = dict.fromkeys(Step, "withheld") | {Step.PASSED: "unmeasured"}
            return Funnel(item, tuple(Stage(s, None, why=why[s]) for s in Step), None, 0.0)
        stages = (
            Stage(Step.PASSED, 3100),
            Stage(Step.STOPPED, 1240, share(1240, 3100), Step.PASSED),
            Stage(Step.REACHED, 420, share(420, 1240), Step.STOPPED),
            Stage(Step.TOOK, 300, share(300, 420), Step.REACHED),
            Stage(Step.PUT_BACK, 96, share(96, 300), Step.TOOK),
            Stage(Step.BOUGHT, 188, share(188, 1240), Step.STOPPED),
        )
        return Funnel(item, stages, 0.62, 1.0, 0.94)

    def funnels(self, by: str, since: datetime, until: datetime) -> list[Funnel]:
        return [self.funnel(item.id, since, until) for item in self._items]

    def report(self, since: datetime, until: datetime) -> Report:
        rows = [
            (item.id, item.name, item.category, 8 + 3 * n % 17, 40 + 13 * n % 90, n % 6)
            for n, item in enumerate(self._items)
        ]
        return ranks.report(rows, withheld=2, simulated=1.0)

    def days(self, item: str, until: datetime) -> list[Day]:
        draw = random.Random(7)
        if item != self.full:
            return []
        found = []
        for n in range(90):
            told, promoted = draw.randint(25, 60), float(40 <= n < 47)
            out = 0.3 if n % 23 == 5 else 0.0
            rejected = round(told * (0.18 + 0.1 * draw.random() + 0.12 * promoted + 0.3 * out))
            units = round(30 + 25 * promoted - 30 * out + draw.gauss(0, 5))
            when = (until - timedelta(days=90 - n)).date()
            known = None if n % 31 == 3 else share(rejected, told)
            found.append(Day(when, float(units), known, promoted, out))
        return found

    def link(self, item: str, until: datetime) -> SalesLink:
        if item != self.full:
            return SalesLink(None, found=False, tested=0, naive=None, why="no_till")
        return SalesLink(Rate(-0.12, -0.19, -0.05, 87), found=True, tested=31, naive=0.34)

    def changes(self, item: str, until: datetime) -> Sequence[ChangeOfItem]:
        if item != self.full:
            return []
        moved = Moved(Rate(-0.21, -0.32, -0.08, 1630), 9, Rate(0.03, -0.08, 0.15, 800))
        return [
            ChangeOfItem(until - timedelta(days=30), "price", moved),
            ChangeOfItem(until - timedelta(days=80), "planogram", None),
        ]

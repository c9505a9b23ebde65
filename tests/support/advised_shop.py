"""A shop with four fixtures, a simulated past of trials, and a clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from aeras.config import Site, load_site
from aeras.domain.oversight import Entry
from aeras.lab.demo_advice import PAST_WEEKS, WEEK, SimulatedShelves, simulate_past
from aeras.store.control import Control
from aeras.wiring.advice import AdviceRoom, write_version
from aeras.wiring.placing import ground_of, margins_of

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
SIZE = 6
HEAD = """\
site: {name: Advised Shop, timezone: UTC}
privacy: {profile: behaviour-only, k: 5}
advice: {%s}
items:
"""


class Log:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, str]]] = []

    def add(self, act: str, who: str, **about: str) -> Entry:
        self.lines.append((str(act), who, about))
        return Entry(len(self.lines), MONDAY, who, str(act), about)


class AdvisedShop:
    """See the module; ``advice`` is the section's inside."""

    def __init__(
        self,
        folder: Path,
        advice: str = "moves_a_week: 12",
        *,
        past: bool = True,
        fixtures: int = 5,
    ) -> None:
        names = [f"{x}{n}" for x in "abcdefgh"[:fixtures] for n in range(SIZE)]
        lines = [f"  - {{id: {i}, name: Item {i}, category: c{i[0]}, price: {2 + int(i[1]) / 4}}}"
                 for i in names]  # fmt: skip
        lines.append("fixtures:")
        for x in "abcdefgh"[:fixtures]:
            facings = ", ".join(f"{{id: f-{x}{n}, item: {x}{n}}}" for n in range(SIZE))
            lines.append(f"  - {{id: shelf-{x}, name: Shelf {x}, facings: [{facings}]}}")
        self.path = folder / "site.yaml"
        self.path.write_text(HEAD % advice + "\n".join(lines) + "\n")
        self.now = MONDAY + timedelta(hours=3)
        self.site: Site = load_site(self.path, self.now)
        self.control = Control(folder / "control.sqlite")
        self.log = Log()
        self.rng = np.random.default_rng(11)
        self.room = AdviceRoom(
            lambda: self.site,
            store=None,
            book=self.control,
            k=5,
            audit=self.log,  # type: ignore[arg-type]
            clock=lambda: self.now,
            quiet=lambda _moment: True,
            arrange=self._arrange,
            rng=self.rng,
        )
        options = self.site.file.advice
        assert options is not None
        ground = ground_of(self.site.shop, options, self.plan())
        self.shelves = SimulatedShelves(ground, self.rng)
        starts = [MONDAY - n * WEEK for n in range(PAST_WEEKS, 0, -1)]
        if past:
            margin = margins_of(self.site.shop, options)
            found = simulate_past(ground, options, margin, starts, self.shelves, self.rng)
            self.control.add_weeks(found.weeks)
            self.control.add_rounds(found.rounds)

    def plan(self) -> dict[str, str]:
        valid = next(v for v in self.site.planograms if v.holds(self.now))
        return {f: i for f, i in valid.items.items() if i}

    def _arrange(self, name: str, changed: object, at: datetime) -> None:
        write_version(self.site, name, changed, at)  # type: ignore[arg-type]
        self.site = load_site(self.path, self.now)

    def pass_weeks(self, count: int) -> None:
        """Shoppers come under the plan as it is; a week in which it changed is not counted."""
        for _ in range(count):
            start = self.room.week_of(self.now)
            version = next(v for v in self.site.planograms if v.holds(self.now))
            if version.valid_from is None or version.valid_from <= start:
                self.control.add_weeks([self.shelves.week(self.plan(), start)])
            self.now += WEEK
            self.site = load_site(self.path, self.now)

    def only(self):
        """The newest proposal."""
        return self.room.rows()[0]

    def do(self, deed, who: str = "ann", note: str = ""):
        row = self.only()
        return self.room.do(row.kept.proposal.id, deed, who, seen=len(row.kept.steps), note=note)

"""A small shop with real stores and pages, no cameras, and a clock that a test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from records import answer, event, reaction

from aeras.config import load_site
from aeras.domain.kept import Origin, Trigger
from aeras.wiring.runtime import Runtime
from aeras.wiring.web import Web, bind, make_web

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
ITEMS = {"oat-milk": "Oat milk", "cola": "Cola", "juice": "Juice", "water": "Water", "tea": "Tea"}
SITE = """\
# A shop for tests: this line must survive every change.
site: {name: Lived Shop, timezone: UTC}
privacy: {profile: behaviour-only, k: 5}
items:
%s
fixtures:
  - {id: shelf, facings: [%s]}
triggers:
  - {id: above, mode: rate, window: 14 d, action: label_proposal, survey: put-back,
     answers: 10, follow_up: 7 d}
server: {port: 0}
"""


@dataclass
class LivedShop:
    """The running shop; `pass_hours` lets shoppers come and the rules look every hour.

    ``more`` is added to its site file.
    """

    folder: Path
    now: datetime = START
    more: str = ""
    runtime: Runtime = field(init=False)
    opened: list[Trigger] = field(default_factory=list)

    def __post_init__(self) -> None:
        items = "\n".join(
            f"  - {{id: {i}, name: {name}, category: drinks, price: 2}}"
            for i, name in ITEMS.items()
        )
        facings = ", ".join(f"{{id: f-{i}, item: {i}}}" for i in ITEMS)
        self.path = self.folder / "site.yaml"
        self.path.write_text(SITE % (items, facings) + self.more, encoding="utf-8")
        self.start()

    def start(self) -> None:
        self.runtime = Runtime(load_site(self.path), clock=lambda: self.now, cameras=False)
        self.runtime.asking.post.start()

    def restart(self) -> None:
        self.runtime.stop()
        self.start()

    @contextmanager
    def pages(self) -> Iterator[Web]:
        """The pages, and people of each role."""
        for name, role in (("ann", "manager"), ("vic", "viewer")):
            if self.runtime.control.user(name) is None:
                self.runtime.control.add_user(name, "correct horse 7", role)
        web = make_web(self.runtime, bind("127.0.0.1", 0))
        with web.running():
            yield web

    def pass_hours(self, hours: int, rejected_of_ten: dict[str, int], *, look: bool = True) -> None:
        """Ten handlings an hour of each item, so many of them rejected; others 2."""
        if not look:
            self._come(hours, rejected_of_ten)
            return
        for _ in range(hours):
            self._come(1, rejected_of_ten)
            self.opened += self.look()

    def _come(self, hours: int, rejected_of_ten: dict[str, int]) -> None:
        self.runtime.store.append(
            [
                event(
                    at=self.now + hour * HOUR,
                    item=item,
                    fixture="shelf",
                    facing=f"f-{item}",
                    site="lived-shop",
                    reaction=reaction(
                        "rejected" if n < rejected_of_ten.get(item, 2) else "neutral"
                    ),
                )
                for hour in range(hours)
                for item in ITEMS
                for n in range(10)
            ]
        )
        self.now += hours * HOUR

    def look(self) -> list[Trigger]:
        """What the running shop does every few seconds."""
        fired = self.runtime.triggers.check()
        for trigger in fired:
            self.runtime.board.saw_trigger(trigger)
        self.runtime.triggers.lives.tend()
        return fired

    def answers(self, count: int, choice: str = "label", origin: Origin = Origin.SIMULATED) -> None:
        """So many answers to the newest trigger's survey."""
        trigger = self.opened[-1]
        self.runtime.control.add_answers(
            [
                answer(
                    item=trigger.item,
                    trigger=trigger.id,
                    at=self.now,
                    choice=choice,
                    rating=2,
                    origin=origin,
                )
                for _ in range(count)
            ]
        )

    def close(self) -> None:
        self.runtime.stop()

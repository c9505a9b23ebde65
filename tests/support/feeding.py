"""A connector that tells what a test writes down, over real stores."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from argon2 import PasswordHasher

from aeras.connect.intake import Place
from aeras.connect.port import Connector, Context, Level, Line, Options, Page, Product, Receipt
from aeras.connect.sync import Feed, Stores
from aeras.domain.shop import Item, Shop
from aeras.store.control import Control
from aeras.store.events import DuckEvents

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
MILK = "4006381333931"
ITEMS = (
    Item("milk", "Milk 1 l", "dairy", MILK, 129),
    Item("bread", "Rye bread", "bakery", None, 349),
)
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def shop_of(*items: Item, currency: str = "EUR") -> Shop:
    return Shop("shop", "Shop", "Europe/Berlin", items or ITEMS, (), (), currency=currency)


def line(sku: str = "milk", quantity: object = 1, amount: object = "1.29", **more) -> Line:
    paid = None if amount is None else Decimal(str(amount))
    return Line(sku, Decimal(str(quantity)), paid, **more)


def receipt(name: str = "R1", *lines: Line, revision: int = 1, at=NOON, **more) -> Receipt:
    return Receipt(name, at, more.pop("currency", "EUR"), lines or (line(),), revision, **more)


def level(sku: str = "milk", quantity: object = 5, at=NOON, **more) -> Level:
    return Level(sku, at, Decimal(str(quantity)), **more)


def product(sku: str, name: str = "A product", **more) -> Product:
    return Product(sku, name, **more)


class ScriptedConnector(Connector):
    """Tells pages in turn: the cursor is the number of the next. What is no page is raised."""

    name = "till"

    def __init__(self, *script: Page | Exception) -> None:
        self.script = list(script)
        self.asked: list[str | None] = []
        self.done: list[str | None] = []

    def pull(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        number = int(cursor or 0)
        if number >= len(self.script):
            return Page(cursor=str(number))
        step = self.script[number]
        if isinstance(step, Exception):
            del self.script[number]  # it goes well the next time
            raise step
        more = number + 1 < len(self.script)
        return Page(step.sales, step.stock, step.items, str(number + 1), more, step.spoilt)

    def applied(self, cursor: str | None) -> None:
        self.done.append(cursor)


class Bench:
    """A feed over stores in a folder; the clock stands still until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = NOON + HOUR
        self.store = DuckEvents(folder / "events.duckdb")
        self.control = Control(folder / "control.sqlite", hasher=QUICK)
        self.changed: list[set[str]] = []

    def clock(self) -> datetime:
        return self.now

    @property
    def context(self) -> Context:
        return Context(self.folder, self.clock, "Europe/Berlin", "EUR")

    def feed(
        self,
        connector: Connector,
        options: Options | None = None,
        *,
        shop: Shop | None = None,
        store: object = None,
        grain: timedelta = timedelta(minutes=15),
    ) -> Feed:
        return Feed(
            options or Options(id="till"),
            connector,
            stores=Stores(self.control, store or self.store),  # type: ignore[arg-type]
            shop=shop or shop_of(),
            place=Place("shop", "EUR", grain),
            clock=self.clock,
            rng=random.Random(0),
            changed=self.changed.append,
        )

    def run(self, *script: Page | Exception, **options: object) -> Feed:
        """Feeds pages and returns the feed after one run."""
        feed = self.feed(ScriptedConnector(*script), Options(id="till", **options))  # type: ignore[arg-type]
        feed.run()
        return feed

    @property
    def sold(self) -> dict[str, float]:
        return self.store.sold(NOON - 5000 * HOUR, NOON + 5000 * HOUR)

    def rows(self) -> list[tuple[object, ...]]:
        """All sales: item, quantity, amount, currency, origin."""
        sql = "SELECT item, quantity, amount, currency, origin FROM sales ORDER BY ALL"
        return self.store._run(sql)

    @property
    def held(self) -> list[tuple[str, str, int]]:
        return [(g.reason.value, g.sku, g.count) for g in self.control.held_groups()]

    def close(self) -> None:
        self.store.close()
        self.control.close()


@contextmanager
def bench_in(folder: Path):
    bench = Bench(folder)
    try:
        yield bench
    finally:
        bench.close()

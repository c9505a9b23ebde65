"""Reads a connector as the sync engine does, without a database: the highest revision counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from aeras.connect.port import Connector, Level, Page, Product, Receipt, TemporaryError


@dataclass
class Book:
    """What was told so far."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    levels: dict[str, Level] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    spoilt: list[str] = field(default_factory=list)
    cursor: str | None = None
    failures: int = 0

    def take(self, page: Page) -> None:
        for receipt in page.sales:
            known = self.receipts.get(receipt.id)
            if known is None or receipt.revision > known.revision:
                self.receipts[receipt.id] = receipt
        for level in page.stock:
            known_level = self.levels.get(level.sku)
            if known_level is None or level.at >= known_level.at:
                self.levels[level.sku] = level
        for product in page.items:
            known_product = self.products.get(product.sku)
            if known_product is None or product.revision > known_product.revision:
                self.products[product.sku] = product
        self.spoilt += [s.id for s in page.spoilt]

    def read(self, connector: Connector, *, patience: int = 0) -> Book:
        """One run, to the end; failures that may pass are tried again so many times."""
        while True:
            try:
                page = connector.pull(self.cursor)
            except TemporaryError:
                self.failures += 1
                if self.failures > patience:
                    raise
                continue
            self.take(page)
            self.cursor = page.cursor
            if not page.more:
                return self

    def sold(self) -> Counter[str]:
        """Units by SKU."""
        total: Counter[str] = Counter()
        for receipt in self.receipts.values():
            for line in () if receipt.void else receipt.lines:
                total[line.sku] += line.quantity  # type: ignore[assignment]
        return total

    def turnover(self) -> Decimal:
        """Of all receipts, tax included."""
        lines = [x for r in self.receipts.values() if not r.void for x in r.lines]
        return sum((x.amount + x.tax for x in lines if x.amount is not None), Decimal(0))

    def stock(self) -> dict[str, Decimal]:
        return {sku: level.quantity for sku, level in self.levels.items()}

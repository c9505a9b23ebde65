"""Which item an SKU is: the site file's word first, then the source's catalogue, then the codes."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from aeras.connect.codes import gtin14, scan
from aeras.connect.money import hundredths, rate_to
from aeras.connect.port import Options, Product
from aeras.domain.feeds import Known, Mapped
from aeras.domain.shop import Item, Shop

_LONGEST_ID = 64
_LONGEST_SKU = 128
_LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Learnt:
    """What a page of products changed.

    Attributes:
        known: To be stored.
        moved: Item ids that were made up for products and turned out to be items of the site.
        bad_codes: SKUs whose GTIN is none; they are known by the SKU only.
    """

    known: tuple[Known, ...]
    moved: tuple[tuple[str, str], ...]
    bad_codes: tuple[str, ...]


class Catalogue:
    """The products of one source; kept in step with what is stored.

    Args:
        options: Of the connector.
        shop: The site's items.
        products: As stored.
        history: What SKUs meant before, oldest first.
    """

    def __init__(
        self, options: Options, shop: Shop, products: Iterable[Known], history: Iterable[Mapped]
    ) -> None:
        self._options = options
        self._products = {product.sku: product for product in products}
        self._history: dict[str, list[Mapped]] = {}
        for mapped in history:
            self._history.setdefault(mapped.sku, []).append(mapped)
        self.take(shop)

    def take(self, shop: Shop) -> None:
        """Goes on with the items of a changed site file."""
        self._ids = {item.id for item in shop.items}
        self._currency = shop.currency
        self._listed = {item.id: item.price for item in shop.items if item.price is not None}
        self._prices: dict[str, int] | None = None
        codes = ((scan(i.gtin, self._options.region), i.id) for i in shop.items if i.gtin)
        self._by_gtin = {code.gtin: item for code, item in codes if code}

    def item_of(self, sku: str, gtin: str | None, at: datetime) -> str | None:
        """The item that an SKU meant at a moment (UTC), None if nobody knows."""
        named = self._options.skus.get(sku)
        if named is not None:
            return named
        known = self._products.get(sku)
        if known is not None:
            return self._then(known, at)
        return self._ours(sku, gtin)

    def parts_of(self, sku: str) -> tuple[tuple[str, Decimal], ...]:
        """What a bundle is made of; empty for anything else."""
        named = self._options.bundles.get(sku)
        if named:
            return tuple(named.items())
        known = self._products.get(sku)
        return tuple((part, Decimal(pieces)) for part, pieces in known.parts) if known else ()

    def price_of(self, item: str) -> int | None:
        """List price of an item (minor units): the source's, or else the site file's."""
        if self._prices is None:
            told = {p.item: p.price for p in self._products.values() if p.price is not None}
            self._prices = {**self._listed, **told}
        return self._prices.get(item)

    def learn(self, products: Sequence[Product], at: datetime) -> Learnt:
        """Takes products over; older revisions than the known one change nothing."""
        known: dict[str, Known] = {}
        bad = []
        for product in products:
            sku = product.sku.strip()[:_LONGEST_SKU]
            was = self._products.get(sku)
            if not sku or (was is not None and was.revision > product.revision):
                continue
            before = known.get(product.replaces or "") or self._products.get(product.replaces or "")
            new = self._known(sku, product, before)
            if product.gtin and new.gtin is None:
                bad.append(sku)
            if new != was:
                known[sku] = new
        return self._keep(known, at, tuple(bad))

    def renew(self, at: datetime) -> Learnt:
        """Looks again which items the products are, after the site file changed."""
        known = {}
        for sku, product in self._products.items():
            item = self._options.skus.get(sku) or self._ours(sku, product.gtin)
            if item is not None and item != product.item and _made_up(product):
                known[sku] = replace(product, item=item)
        return self._keep(known, at, ())

    def products(self) -> tuple[Known, ...]:
        """All of them."""
        return tuple(self._products.values())

    def _keep(self, known: dict[str, Known], at: datetime, bad: tuple[str, ...]) -> Learnt:
        moved = []
        if known:
            self._prices = None
        for sku, new in known.items():
            was = self._products.get(sku)
            if was is None or was.item != new.item:
                self._history.setdefault(sku, []).append(Mapped(new.source, sku, new.item, at))
            if was is not None and was.item != new.item and _made_up(was):
                moved.append((was.item, new.item))
            self._products[sku] = new
        return Learnt(tuple(known.values()), tuple(moved), bad)

    def _known(self, sku: str, product: Product, before: Known | None) -> Known:
        gtin, price = gtin14(product.gtin), None
        currency = product.currency or self._currency
        rate = rate_to(self._currency, currency, self._options.rates)
        if product.price is not None and product.price.is_finite() and rate is not None:
            price = hundredths(product.price * rate)
        return Known(
            source=self._options.id,
            sku=sku,
            item=self._item(sku, gtin, before),
            name=product.name.strip()[:_LONGEST_TEXT] or sku,
            category=product.category.strip()[:_LONGEST_TEXT],
            gtin=gtin,
            price=price,
            parts=tuple((part, str(pieces)) for part, pieces in product.parts),
            revision=product.revision,
            gone=product.gone,
        )

    def _item(self, sku: str, gtin: str | None, before: Known | None) -> str:
        found = self._options.skus.get(sku) or self._ours(sku, gtin)
        if found is None and before is not None:
            found = before.item
        return found or made_up_id(self._options.id, sku)

    def _ours(self, sku: str, gtin: str | None) -> str | None:
        """An item of the site file, by its id or a code."""
        if sku in self._ids:
            return sku
        for text in (gtin, sku):
            code = scan(text, self._options.region) if text else None
            if code and code.gtin in self._by_gtin:
                return self._by_gtin[code.gtin]
        return None

    def _then(self, known: Known, at: datetime) -> str:
        history = self._history.get(known.sku, ())
        if len(history) < 2:  # noqa: PLR2004 - it never changed
            return known.item
        place = bisect_right([mapped.since for mapped in history], at)
        item = history[max(0, place - 1)].item
        return known.item if item == made_up_id(known.source, known.sku) else item


def made_up_id(source: str, sku: str) -> str:
    """An item id for a product that the site file does not list."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", sku)
    whole = f"{source}.{plain}"
    if plain == sku and len(whole) <= _LONGEST_ID:
        return whole
    mark = hashlib.sha256(sku.encode()).hexdigest()[:8]
    return f"{whole[: _LONGEST_ID - 9]}-{mark}"


def _made_up(product: Known) -> bool:
    return product.item == made_up_id(product.source, product.sku)


def merged(shop: Shop, products: Iterable[Known], *, add: frozenset[str]) -> Shop:
    """The shop with what its sources tell of items: prices are the till's; names and categories are
    the site file's where it lists the item.

    Args:
        shop: As the site file says.
        products: Of all sources; of an item that several tell, the first counts.
        add: Sources whose products become items though the site file does not list them.
    """
    listed = {item.id: item for item in shop.items}
    told: dict[str, Known] = {}
    for product in products:
        if not product.gone:
            told.setdefault(product.item, product)
    items = [_with_price(item, told.get(item.id)) for item in shop.items]
    items += [
        Item(p.item, p.name, p.category, p.gtin, p.price)
        for p in told.values()
        if p.source in add and p.item not in listed
    ]
    return shop if tuple(items) == shop.items else replace(shop, items=tuple(items), _items={})


def _with_price(item: Item, product: Known | None) -> Item:
    if product is None:
        return item
    price = item.price if product.price is None else product.price
    return replace(item, price=price, gtin=item.gtin or product.gtin)

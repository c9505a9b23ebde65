"""Shopify: orders, product variants and the stock of one location, over the GraphQL Admin API.

The query names each field that is wanted; none says who bought. The SDK keeps the session and knows
the address; the request itself is ours, because the SDK's has no deadline and prints what it gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from aeras.connect.net import Address, Answer, ask, need_package
from aeras.connect.port import (
    BadDataError,
    Connector,
    Context,
    Level,
    Line,
    Manifest,
    Maturity,
    Options,
    Page,
    Product,
    Push,
    Receipt,
    RevokedError,
    Secret,
    TemporaryError,
    revision_of,
)
from aeras.connect.signed import check_hmac, read_json
from aeras.connect.sweep import ITEMS, SALES, STOCK, Found, StalePageError, Sweep, settled
from aeras.domain.secret import read_secret

Row = Mapping[str, Any]

_ORDERS = 10
_LINES = 10
_ROWS = 100
"""A query may cost 1,000 points: an order costs some 70 with its lines, a variant 2, a level 4."""
_LINE = """
  pageInfo { hasNextPage endCursor }
  nodes {
    sku quantity currentQuantity
    variant { legacyResourceId barcode }
    discountedUnitPriceAfterAllDiscountsSet { shopMoney { amount } }
    taxLines { priceSet { shopMoney { amount } } }
  }"""
_ORDERS_QUERY = f"""query Orders($query: String!, $after: String) {{
  orders(first: {_ORDERS}, after: $after, query: $query, sortKey: UPDATED_AT) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
      id legacyResourceId processedAt updatedAt cancelledAt test taxesIncluded currencyCode
      lineItems(first: {_LINES}) {{ {_LINE} }}
    }}
  }}
}}"""
_LINES_QUERY = f"""query Lines($id: ID!, $after: String) {{
  order(id: $id) {{ updatedAt lineItems(first: 100, after: $after) {{ {_LINE} }} }}
}}"""
_VARIANTS_QUERY = f"""query Variants($query: String, $after: String) {{
  shop {{ currencyCode taxesIncluded }}
  productVariants(first: {_ROWS}, after: $after, query: $query, sortKey: ID) {{
    pageInfo {{ hasNextPage endCursor }}
    nodes {{
      legacyResourceId sku barcode price title updatedAt
      product {{ title productType status }}
    }}
  }}
}}"""
_STOCK_QUERY = f"""query Stock($id: ID!, $query: String, $after: String) {{
  location(id: $id) {{
    inventoryLevels(first: {_ROWS}, after: $after, query: $query) {{
      pageInfo {{ hasNextPage endCursor }}
      nodes {{
        updatedAt
        quantities(names: ["on_hand"]) {{ quantity }}
        item {{ sku variant {{ legacyResourceId barcode }} }}
      }}
    }}
  }}
}}"""


class ShopifyOptions(Options):
    """A Shopify shop's location.

    Attributes:
        shop: Its name before ``.myshopify.com``.
        token: Admin API access token with the rights read_orders, read_products and read_inventory.
        location: Number of the location whose stock is read; without it none is.
        version: Of the Admin API.
        webhook_secret: Client secret of the app; signs its webhooks. Without it none is taken.
        url: In place of Shopify's own address (a proxy).
    """

    kind: Literal["shopify"] = "shopify"
    manifest = Manifest(
        title="Shopify",
        owner="AERAS maintainers",
        needs=(
            "a custom app's access token that may read orders, products and inventory",
            "the extra `shopify`",
        ),
        maturity=Maturity.SHAPES,
        tells=(SALES, STOCK, ITEMS),
        package="shopify",
        extra="shopify",
    )

    shop: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    token: Secret
    location: str | None = Field(default=None, pattern=r"^\d+$")
    version: str = Field(default="2026-01", pattern=r"^\d{4}-\d{2}$")
    webhook_secret: Secret | None = None
    url: Address | None = None

    def build(self, context: Context) -> Connector:
        """The connector."""
        need_package(self.manifest)
        secret = self.webhook_secret and read_secret(self.webhook_secret, context.folder)
        return Shopify(self, read_secret(self.token, context.folder), secret or "", context)


class Shopify(Sweep):
    """Reads a shop; see `ShopifyOptions`.

    Args:
        options: Which.
        token: Access token.
        secret: Signs webhooks; "" if there are none.
        context: Of the site.
    """

    def __init__(self, options: ShopifyOptions, token: str, secret: str, context: Context) -> None:
        parts = {ITEMS: self._items, SALES: self._sales}
        if options.location:
            parts[STOCK] = self._stock
        super().__init__(options, context, parts)
        self._options = options
        self._token = token
        self._secret = secret

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, url: str) -> Push:
        """That something changed; it is pulled at once."""
        del url
        check_hmac(body, headers.get("x-shopify-hmac-sha256", ""), self._secret, self.name)
        read_json(body, self.name)
        return Push(headers.get("x-shopify-webhook-id", ""), Page(more=True))

    def _items(self, since: datetime, after: str) -> Found:
        data, answer = self._ask(_VARIANTS_QUERY, after, query=_since(since))
        rows, going_on = _page(data["productVariants"])
        shop = data["shop"]
        items = tuple(_product(row, shop) for row in rows)
        return Found(Page(items=items), going_on, _newest(rows), answer.at)

    def _sales(self, since: datetime, after: str) -> Found:
        data, answer = self._ask(_ORDERS_QUERY, after, query=_since(since))
        rows, going_on = _page(data["orders"])
        at = answer.at or self._clock()
        sales = tuple(self._receipt(row, at) for row in rows if not row["test"])
        return Found(Page(sales=sales), going_on, _newest(rows), answer.at)

    def _receipt(self, row: Row, at: datetime) -> Receipt:
        """What is left of an order: refunded and removed units are not counted."""
        lines, more = _page(row["lineItems"])
        while more:
            data, answer = self._ask(_LINES_QUERY, more, id=row["id"])
            if data["order"] is None or data["order"]["updatedAt"] != row["updatedAt"]:
                raise TemporaryError("an order changes while it is read", where=answer.where)
            found, more = _page(data["order"]["lineItems"])
            lines += found
        net = not row["taxesIncluded"]
        return Receipt(
            id=row["legacyResourceId"],
            at=_time(row["processedAt"]),
            currency=row["currencyCode"],
            lines=tuple(_line(line, net=net) for line in lines if line["currentQuantity"]),
            revision=settled(_time(row["updatedAt"]), at),
            void=row["cancelledAt"] is not None,
        )

    def _stock(self, since: datetime, after: str) -> Found:
        place = f"gid://shopify/Location/{self._options.location}"
        data, answer = self._ask(_STOCK_QUERY, after, id=place, query=_since(since))
        if data["location"] is None:
            raise BadDataError(
                f"Shopify has no location {self._options.location}",
                where=self.name,
                todo="Take the number from the location's address in Shopify's admin",
            )
        rows, going_on = _page(data["location"]["inventoryLevels"])
        levels = tuple(_level(row) for row in rows)
        return Found(Page(stock=levels), going_on, _newest(rows), answer.at)

    def _ask(self, text: str, after: str, **variables: object) -> tuple[dict[str, Any], Answer]:
        import shopify  # noqa: PLC0415 - an extra

        options = self._options
        session = shopify.Session(options.shop, options.version, self._token)
        site = session.site
        if options.url:
            site = session.api_version.api_path(options.url)
        headers = {"Content-Type": "application/json", "X-Shopify-Access-Token": session.token}
        body = {"query": text, "variables": {**variables, "after": after or None}}
        answer = ask("POST", f"{site}/graphql.json", headers, json.dumps(body).encode())
        found = answer.json()
        if not isinstance(found, dict):
            raise BadDataError("the answer is no object", where=answer.where)
        if found.get("errors"):
            _complain(found, answer.where, paged=bool(after))
        return found["data"], answer


def _complain(found: Row, where: str, *, paged: bool) -> None:
    """Raises the port's error for Shopify's; messages are left out, for they may quote a record."""
    errors = found["errors"]
    rows = errors if isinstance(errors, list) else []
    codes = {str(row.get("extensions", {}).get("code", "")) for row in rows}
    if "THROTTLED" in codes:
        cost = found.get("extensions", {}).get("cost", {})
        status = cost.get("throttleStatus", {})
        lacking = cost.get("requestedQueryCost", 0) - status.get("currentlyAvailable", 0)
        wait = max(1.0, lacking / max(1.0, status.get("restoreRate", 50)))
        raise TemporaryError("Shopify asks us to wait", where=where, retry_after_s=wait)
    if "ACCESS_DENIED" in codes:
        raise RevokedError(
            "the token may not read this",
            where=where,
            todo="Give the app the rights read_orders, read_products and read_inventory",
        )
    if "INTERNAL_SERVER_ERROR" in codes:
        raise TemporaryError("Shopify has a fault of its own", where=where)
    if paged and any("cursor" in str(row.get("message", "")).lower() for row in rows):
        raise StalePageError("the page is gone", where=where)
    named = ", ".join(sorted(filter(None, codes))) or "no code"
    raise BadDataError(f"Shopify refuses the query ({named})", where=where)


def _product(row: Row, shop: Row) -> Product:
    product, title = row["product"], row["title"]
    plain = title in {None, "", "Default Title"}
    return Product(
        sku=_sku(row["sku"], row),
        name=product["title"] if plain else f"{product['title']} {title}",
        category=product["productType"] or "",
        gtin=row["barcode"] or None,
        price=Decimal(row["price"]) if shop["taxesIncluded"] else None,
        currency=shop["currencyCode"],
        revision=revision_of(_time(row["updatedAt"])),
        gone=product["status"] != "ACTIVE",
    )


def _line(row: Row, *, net: bool) -> Line:
    left = Decimal(row["currentQuantity"])
    each = Decimal(row["discountedUnitPriceAfterAllDiscountsSet"]["shopMoney"]["amount"])
    taxes = sum((Decimal(t["priceSet"]["shopMoney"]["amount"]) for t in row["taxLines"]), Decimal())
    variant = row["variant"] or {}
    return Line(
        sku=_sku(row["sku"], variant),
        quantity=left,
        amount=left * each,
        tax=taxes * left / Decimal(row["quantity"]) if net else Decimal(0),
        gtin=variant.get("barcode") or None,
    )


def _level(row: Row) -> Level:
    variant = row["item"]["variant"] or {}
    return Level(
        sku=_sku(row["item"]["sku"], variant),
        at=_time(row["updatedAt"]),
        quantity=Decimal(row["quantities"][0]["quantity"]),
        gtin=variant.get("barcode") or None,
    )


def _sku(sku: str | None, variant: Row) -> str:
    return sku or f"id-{variant.get('legacyResourceId', 'none')}"


def _page(connection: Row) -> tuple[list[Row], str]:
    info = connection["pageInfo"]
    return list(connection["nodes"]), info["endCursor"] if info["hasNextPage"] else ""


def _newest(rows: list[Row]) -> datetime | None:
    return max((_time(row["updatedAt"]) for row in rows), default=None)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value)


def _since(at: datetime) -> str:
    return f"updated_at:>='{at:%Y-%m-%dT%H:%M:%SZ}'"

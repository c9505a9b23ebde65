"""Shops that speak the published APIs of Square, Shopify, WooCommerce and Odoo, over one `Truth`.

Field names, paging, errors and signatures are those of the published documentation. Each order also
carries what the real API would tell of its customer (`CANARY`), for us not to take.
"""

from __future__ import annotations

import base64
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.support.local_http import LocalHttp, Quiet

CANARY = "zebulon.quatermass@canary.example"
TOKEN = "shop-token-7c1"


@dataclass
class Order:
    """One order; ``back`` are units that were refunded, by line."""

    id: int
    at: datetime
    changed: datetime
    lines: list[tuple[str, int]]
    back: Counter[int] = field(default_factory=Counter)
    cancelled: bool = False
    version: int = 1
    refunds: list[tuple[int, datetime, int, int]] = field(default_factory=list)


class Truth:
    """What really happened in the shop."""

    PRODUCTS: ClassVar[dict[str, tuple[str, str, Decimal]]] = {
        "OAT-1": ("Oat milk 1 l", "4006381333931", Decimal("1.99")),
        "SOAP-1": ("Soap bar", "4012345678901", Decimal("2.49")),
        "TEA-1": ("Green tea 20 bags", "4000417025005", Decimal("3.29")),
    }

    def __init__(self, seed: int = 0) -> None:
        self.now = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
        self.orders: list[Order] = []
        self.stock = dict.fromkeys(self.PRODUCTS, 100)
        self.moved = dict.fromkeys(self.PRODUCTS, self.now)
        self._rng = random.Random(seed)
        self._ids = 1000

    def live(self, steps: int) -> None:
        """Sells, refunds, cancels and restocks at random."""
        for _ in range(steps):
            self.now += timedelta(seconds=self._rng.choice((0, 1, 7, 40)))
            kind = self._rng.choices(("sell", "refund", "cancel", "restock"), (6, 2, 1, 1))[0]
            getattr(self, kind)()

    def sell(self) -> Order:
        self._ids += 1
        skus = self._rng.choices(list(self.PRODUCTS), k=self._rng.randint(1, 4))
        order = Order(self._ids, self.now, self.now, [(s, self._rng.randint(1, 3)) for s in skus])
        self.orders.append(order)
        for sku, quantity in order.lines:
            self._move(sku, -quantity)
        return order

    def refund(self) -> None:
        order = self._some_order()
        line = self._rng.randrange(len(order.lines))
        sku, quantity = order.lines[line]
        if order.cancelled or order.back[line] == quantity:
            return
        self._ids += 1
        order.back[line] += 1
        order.refunds.append((self._ids, self.now, line, 1))
        order.changed, order.version = self.now, order.version + 1
        self._move(sku, 1)

    def cancel(self) -> None:
        order = self._some_order()
        if not order.cancelled and not order.refunds:
            order.cancelled, order.changed = True, self.now
            order.version += 1
            for sku, quantity in order.lines:
                self._move(sku, quantity)

    def restock(self) -> None:
        self._move(self._rng.choice(list(self.PRODUCTS)), 24)

    def sold(self) -> dict[str, float]:
        total: Counter[str] = Counter()
        for order in self.orders:
            for number, (sku, quantity) in enumerate(order.lines):
                total[sku] += 0 if order.cancelled else quantity - order.back[number]
        return {sku: float(count) for sku, count in total.items() if count}

    def turnover(self) -> int:
        """In cents."""
        prices = {sku: int(row[2] * 100) for sku, row in self.PRODUCTS.items()}
        return int(sum(prices[sku] * count for sku, count in self.sold().items()))

    def _some_order(self) -> Order:
        return self._rng.choice(self.orders) if self.orders else self.sell()

    def _move(self, sku: str, quantity: int) -> None:
        self.stock[sku] += quantity
        self.moved[sku] = self.now


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Reply = tuple[int, dict[str, str], bytes]


class Api(LocalHttp):
    """A shop's server: ``token`` is what it takes, ``answer`` overrides replies."""

    page = 3
    """Rows of a page at most, so that few orders make many pages."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.token = TOKEN
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Reply | None] = lambda _: None
        api = self

        class Handler(Quiet):
            def do_GET(self) -> None:  # noqa: N802 - its name there
                length = int(self.headers.get("content-length") or 0)
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(
                    parts.path, dict(parse_qsl(parts.query)), headers, self.rfile.read(length)
                )
                api.asked.append(request)
                status, more, body = api.answer(request) or api.reply(request)
                self.send_response_only(status)
                self.send_header("date", format_datetime(api.truth.now, usegmt=True))
                for name, value in {"content-type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815

        super().__init__(Handler)

    def reply(self, request: Request) -> Reply:
        raise NotImplementedError


def as_json(found: object, status: int = 200, **headers: str) -> Reply:
    return status, headers, json.dumps(found).encode()


def serving(api: type[Api], truth: Truth) -> closing[Api]:
    return closing(api(truth))


def iso(at: datetime, spec: str = "milliseconds") -> str:
    return at.isoformat(timespec=spec).replace("+00:00", "Z")


def paged(rows: list[Any], cursor: str | None, size: int) -> tuple[list[Any], str | None]:
    """Rows after a cursor that is the key of the last row: no change of another moves them."""
    start = next((i for i, row in enumerate(rows) if row[0] > cursor), len(rows)) if cursor else 0
    found = rows[start : start + size]
    return [row[1] for row in found], found[-1][0] if start + size < len(rows) else None


# --- Square --------------------------------------------------------------------------------------


class SquareApi(Api):
    """developer.squareup.com: SearchOrders, SearchCatalogObjects, BatchRetrieveInventoryCounts."""

    def reply(self, request: Request) -> Reply:  # noqa: PLR0911 - a switch
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return self._refused(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED")
        wanted = request.json()
        if wanted.get("cursor") == "lost":
            return self._refused(400, "INVALID_REQUEST_ERROR", "INVALID_CURSOR")
        if request.path == "/v2/orders/search":
            return self._orders(wanted)
        if request.path == "/v2/catalog/search":
            found = [self._item(sku) for sku in self.truth.PRODUCTS]
            begin = wanted["begin_time"]
            return as_json({"objects": [item for item in found if item["updated_at"] > begin]})
        if request.path == "/v2/catalog/batch-retrieve":
            known = {f"V{sku}": self._variation(sku) for sku in self.truth.PRODUCTS}
            return as_json({"objects": [known[i] for i in wanted["object_ids"] if i in known]})
        if request.path == "/v2/inventory/counts/batch-retrieve":
            return self._counts(wanted)
        return self._refused(404, "INVALID_REQUEST_ERROR", "NOT_FOUND")

    def _refused(self, status: int, category: str, code: str) -> Reply:
        return as_json({"errors": [{"category": category, "code": code, "detail": CANARY}]}, status)

    def _orders(self, wanted: dict[str, Any]) -> Reply:
        assert wanted["location_ids"] == ["L1"]
        assert wanted["query"]["sort"] == {"sort_field": "UPDATED_AT", "sort_order": "ASC"}
        start = wanted["query"]["filter"]["date_time_filter"]["updated_at"]["start_at"]
        rows = [row for order in self.truth.orders for row in self._told(order)]
        rows = [row for row in rows if row["updated_at"] >= start]
        keyed = sorted(
            ((f"{row['updated_at']}|{row['id']}", row) for row in rows), key=lambda r: r[0]
        )
        orders, cursor = paged(keyed, wanted.get("cursor"), self.page)
        return as_json({"orders": orders, **({"cursor": cursor} if cursor else {})})

    def _told(self, order: Order) -> Iterator[dict[str, Any]]:
        """The order, and one of its own for each refund, as Square keeps them."""
        yield {
            **self._head(f"O{order.id}", order.at, order.changed, order.version),
            "state": "CANCELED" if order.cancelled else "COMPLETED",
            "line_items": [
                {"uid": f"U{n}", "name": "x", "note": CANARY, **self._goods(sku, quantity)}
                for n, (sku, quantity) in enumerate(order.lines)
            ],
        }
        for number, at, line, quantity in order.refunds:
            goods = {
                "source_line_item_uid": f"U{line}",
                **self._goods(order.lines[line][0], quantity),
            }
            yield {
                **self._head(f"O{number}", at, at),
                "state": "COMPLETED",
                "returns": [{"source_order_id": f"O{order.id}", "return_line_items": [goods]}],
            }

    def _head(self, name: str, at: datetime, changed: datetime, version: int = 1) -> dict[str, Any]:
        recipient = {"display_name": CANARY, "email_address": CANARY}
        return {
            "id": name,
            "location_id": "L1",
            "customer_id": CANARY,
            "ticket_name": CANARY,
            "fulfillments": [{"type": "PICKUP", "pickup_details": {"recipient": recipient}}],
            "created_at": iso(at),
            "closed_at": iso(at),
            "updated_at": iso(changed),
            "version": version,
            "total_money": {"amount": 0, "currency": "EUR"},
        }

    def _goods(self, sku: str, quantity: int) -> dict[str, Any]:
        price = int(self.truth.PRODUCTS[sku][2] * 100)
        return {
            "catalog_object_id": f"V{sku}",
            "quantity": str(quantity),
            "total_money": {"amount": price * quantity, "currency": "EUR"},
        }

    def _item(self, sku: str) -> dict[str, Any]:
        name = self.truth.PRODUCTS[sku][0]
        return {
            "type": "ITEM",
            "id": f"I{sku}",
            "updated_at": "2026-11-19T08:00:00.000Z",
            "version": 1700000000000,
            "is_deleted": False,
            "item_data": {"name": name, "variations": [self._variation(sku)]},
        }

    def _variation(self, sku: str) -> dict[str, Any]:
        _, gtin, price = self.truth.PRODUCTS[sku]
        data = {
            "item_id": f"I{sku}",
            "name": "Regular",
            "sku": sku,
            "upc": gtin,
            "pricing_type": "FIXED_PRICING",
            "price_money": {"amount": int(price * 100), "currency": "EUR"},
        }
        return {
            "type": "ITEM_VARIATION",
            "id": f"V{sku}",
            "version": 1700000000000,
            "is_deleted": False,
            "item_variation_data": data,
        }

    def _counts(self, wanted: dict[str, Any]) -> Reply:
        rows = [
            (
                f"{iso(at)}|{sku}",
                {
                    "catalog_object_id": f"V{sku}",
                    "catalog_object_type": "ITEM_VARIATION",
                    "state": "IN_STOCK",
                    "location_id": "L1",
                    "quantity": str(self.truth.stock[sku]),
                    "calculated_at": iso(at),
                },
            )
            for sku, at in self.truth.moved.items()
            if iso(at) > wanted["updated_after"]
        ]
        counts, cursor = paged(sorted(rows, key=lambda r: r[0]), wanted.get("cursor"), 2)
        return as_json({"counts": counts, **({"cursor": cursor} if cursor else {})})


# --- Shopify -------------------------------------------------------------------------------------


class ShopifyApi(Api):
    """shopify.dev: the GraphQL Admin API's orders, productVariants and inventoryLevels."""

    def reply(self, request: Request) -> Reply:
        if request.headers.get("x-shopify-access-token") != self.token:
            return as_json({"errors": "[API] Invalid API key or access token"}, 401)
        assert request.path == "/admin/api/2026-01/graphql.json"
        wanted = request.json()
        assert "customer" not in wanted["query"]
        kind = re.match(r"query (\w+)", wanted["query"])[1]  # type: ignore[index]
        data = getattr(self, f"_{kind.lower()}")(wanted["variables"])
        cost = {"requestedQueryCost": 100, "throttleStatus": {"currentlyAvailable": 900.0}}
        return as_json({"data": data, "extensions": {"cost": cost}})

    def _orders(self, wanted: dict[str, Any]) -> dict[str, Any]:
        found = [o for o in self.truth.orders if self._recent(wanted, o.changed)]
        rows = sorted((f"{iso(o.changed)}|{o.id}", self._order(o)) for o in found)
        return {"orders": self._connection(rows, wanted)}

    def _order(self, order: Order) -> dict[str, Any]:
        lines = self._goods(order)
        return {
            "id": f"gid://shopify/Order/{order.id}",
            "legacyResourceId": str(order.id),
            "processedAt": iso(order.at, "seconds"),
            "updatedAt": iso(order.changed, "seconds"),
            "cancelledAt": iso(order.changed, "seconds") if order.cancelled else None,
            "test": False,
            "taxesIncluded": False,
            "currencyCode": "EUR",
            "lineItems": self._connection(lines, {"after": None}, 2),
        }

    def _goods(self, order: Order) -> list[tuple[str, dict[str, Any]]]:
        return [
            (f"{n:03}", self._line(sku, quantity, quantity - order.back[n]))
            for n, (sku, quantity) in enumerate(order.lines)
        ]

    def _line(self, sku: str, quantity: int, left: int) -> dict[str, Any]:
        """Prices without tax; half of it stands in each of two taxes."""
        gross = self.truth.PRODUCTS[sku][2]
        tax = Decimal("0.10")
        amount = {"shopMoney": {"amount": str(gross - 2 * tax)}}
        return {
            "sku": sku,
            "quantity": quantity,
            "currentQuantity": left,
            "variant": {"legacyResourceId": "7", "barcode": self.truth.PRODUCTS[sku][1]},
            "discountedUnitPriceAfterAllDiscountsSet": amount,
            "taxLines": [{"priceSet": {"shopMoney": {"amount": str(tax * quantity)}}}] * 2,
        }

    def _lines(self, wanted: dict[str, Any]) -> dict[str, Any]:
        (order,) = (o for o in self.truth.orders if wanted["id"].endswith(f"/{o.id}"))
        lines = self._connection(self._goods(order), wanted, 2)
        return {"order": {"updatedAt": iso(order.changed, "seconds"), "lineItems": lines}}

    def _variants(self, wanted: dict[str, Any]) -> dict[str, Any]:
        at = datetime(2026, 11, 19, 8, tzinfo=UTC)
        rows = [
            (
                sku,
                {
                    "legacyResourceId": "7",
                    "sku": sku,
                    "barcode": gtin,
                    "price": str(price),
                    "title": "Default Title",
                    "updatedAt": iso(at, "seconds"),
                    "product": {"title": name, "productType": "Food", "status": "ACTIVE"},
                },
            )
            for sku, (name, gtin, price) in self.truth.PRODUCTS.items()
            if self._recent(wanted, at)
        ]
        shop = {"currencyCode": "EUR", "taxesIncluded": True}
        return {"shop": shop, "productVariants": self._connection(rows, wanted)}

    def _stock(self, wanted: dict[str, Any]) -> dict[str, Any]:
        assert wanted["id"] == "gid://shopify/Location/11"
        rows = [
            (
                sku,
                {
                    "updatedAt": iso(at, "seconds"),
                    "quantities": [{"quantity": self.truth.stock[sku]}],
                    "item": {"sku": sku, "variant": {"legacyResourceId": "7", "barcode": None}},
                },
            )
            for sku, at in self.truth.moved.items()
            if self._recent(wanted, at)
        ]
        return {"location": {"inventoryLevels": self._connection(rows, wanted)}}

    def _recent(self, wanted: dict[str, Any], at: datetime) -> bool:
        since = re.fullmatch(r"updated_at:>='(.+)'", wanted["query"])[1]  # type: ignore[index]
        return iso(at, "seconds") >= since

    def _connection(self, rows: list[Any], wanted: dict[str, Any], size: int = 0) -> dict[str, Any]:
        nodes, cursor = paged(rows, wanted["after"], size or self.page)
        return {
            "pageInfo": {"hasNextPage": cursor is not None, "endCursor": cursor},
            "nodes": nodes,
        }


# --- WooCommerce ---------------------------------------------------------------------------------


class WooApi(Api):
    """woocommerce.github.io: REST API v3, orders, refunds, products."""

    ROOT = "/wp-json/wc/v3/"

    def reply(self, request: Request) -> Reply:
        login = base64.b64encode(f"{self.token}:secret".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return as_json({"code": "woocommerce_rest_cannot_view", "message": CANARY}, 401)
        what = request.path.removeprefix(self.ROOT)
        if refunds := re.fullmatch(r"orders/(\d+)/refunds", what):
            (order,) = (o for o in self.truth.orders if str(o.id) == refunds[1])
            return self._listed([self._refund(order, row) for row in order.refunds], request)
        rows = [self._order(o) for o in self.truth.orders] if what == "orders" else self._products()
        assert request.query["dates_are_gmt"] == "true"
        after = request.query["modified_after"]
        rows = [row for row in rows if row["date_modified_gmt"] > after]
        return self._listed(sorted(rows, key=lambda r: (r["date_modified_gmt"], r["id"])), request)

    def _listed(self, rows: list[dict[str, Any]], request: Request) -> Reply:
        size, page = int(request.query["per_page"]), int(request.query["page"])
        wanted = request.query["_fields"].split(",")
        shown = rows[(page - 1) * size : page * size]
        told = [{name: row[name] for name in wanted if name in row} for row in shown]
        pages = str(-(-len(rows) // size))
        return as_json(told, **{"x-wp-total": str(len(rows)), "x-wp-totalpages": pages})

    def _order(self, order: Order) -> dict[str, Any]:
        status = "cancelled" if order.cancelled else "completed"
        lines = [self._line(n, sku, q) for n, (sku, q) in enumerate(order.lines)]
        refunds = [{"id": row[0], "reason": CANARY, "total": "-1.00"} for row in order.refunds]
        return {
            "id": order.id,
            "status": status,
            "currency": "EUR",
            "date_created_gmt": self._at(order.at),
            "date_modified_gmt": self._at(order.changed),
            "date_paid_gmt": self._at(order.at),
            "billing": {"first_name": CANARY, "email": CANARY},
            "customer_note": CANARY,
            "line_items": lines,
            "refunds": refunds,
        }

    def _line(self, number: int, sku: str, quantity: int) -> dict[str, Any]:
        """Totals without tax, in whole cents."""
        gross = self.truth.PRODUCTS[sku][2] * quantity
        tax = Decimal("0.10") * quantity
        return {
            "id": number,
            "name": "x",
            "product_id": 7,
            "variation_id": 0,
            "quantity": quantity,
            "total": str(gross - tax),
            "total_tax": str(tax),
            "sku": sku,
            "meta_data": [{"key": "gift_for", "value": CANARY}],
        }

    def _refund(self, order: Order, row: tuple[int, datetime, int, int]) -> dict[str, Any]:
        number, at, line, quantity = row
        goods = self._line(line, order.lines[line][0], -quantity)
        return {
            "id": number,
            "reason": CANARY,
            "date_created_gmt": self._at(at),
            "line_items": [goods],
        }

    def _products(self) -> list[dict[str, Any]]:
        return [
            {
                "id": n,
                "type": "simple",
                "name": name,
                "status": "publish",
                "sku": sku,
                "global_unique_id": gtin,
                "price": str(price),
                "date_modified_gmt": self._at(self.truth.moved[sku]),
                "manage_stock": True,
                "stock_quantity": self.truth.stock[sku],
            }
            for n, (sku, (name, gtin, price)) in enumerate(self.truth.PRODUCTS.items())
        ]

    def _at(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S")


# --- Odoo ----------------------------------------------------------------------------------------


class OdooApi(Api):
    """odoo.com/documentation: the external API, JSON-RPC and JSON-2."""

    def reply(self, request: Request) -> Reply:
        wanted = request.json()
        if request.path.startswith("/json/2/"):
            model, method = request.path.split("/")[3:]
            assert method == "search_read"
            if request.headers["authorization"] != f"Bearer {self.token}":
                return as_json({"name": "werkzeug.exceptions.Unauthorized"}, 401)
            return as_json(self._search(model, **wanted))
        params = wanted["params"]
        args = params["args"]
        if params["method"] == "authenticate":
            return self._result(7 if args[2] == self.token else False)
        if args[2] != self.token:
            return self._error("odoo.exceptions.AccessDenied")
        assert (params["service"], args[4]) == ("object", "search_read")
        return self._result(self._search(args[3], **args[6]))

    def _result(self, found: object) -> Reply:
        return as_json({"jsonrpc": "2.0", "id": 1, "result": found})

    def _error(self, name: str) -> Reply:
        data = {"name": name, "message": CANARY, "debug": CANARY}
        error = {"code": 200, "message": "Odoo Server Error", "data": data}
        return as_json({"jsonrpc": "2.0", "id": 1, "error": error})

    def _search(
        self,
        model: str,
        *,
        domain: list[Any],
        fields: list[str],
        limit: int = 0,
        order: str = "id",
        context: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        del context
        assert order == "id"
        rows = [row for row in self._records(model) if _fits(list(domain), row)]
        rows.sort(key=lambda row: row["id"])
        return [{name: row[name] for name in {"id", *fields}} for row in rows[: limit or None]]

    def _records(self, model: str) -> Iterator[dict[str, Any]]:
        return getattr(self, f"_{model.replace('.', '_')}")()

    def _product_product(self) -> Iterator[dict[str, Any]]:
        for number, (sku, (name, gtin, price)) in enumerate(self.truth.PRODUCTS.items(), 1):
            yield {
                "id": number,
                "name": name,
                "type": "consu",
                "default_code": sku,
                "barcode": gtin,
                "lst_price": float(price),
                "currency_id": [1, "EUR"],
                "categ_id": [3, "Goods"],
                "uom_id": [1, "Units"],
                "active": True,
                "write_date": "2026-11-19 08:00:00",
                "product_tmpl_id.write_date": "2026-11-19 08:00:00",
            }

    def _pos_order(self) -> Iterator[dict[str, Any]]:
        """A refund is an order of its own, with quantities below 0."""
        for order in self.truth.orders:
            lines = [order.id * 10 + n for n in range(len(order.lines))]
            state = "cancel" if order.cancelled else "paid"
            yield self._head(order.id, order.at, order.changed, state, lines)
            for number, at, _, _ in order.refunds:
                yield self._head(number, at, at, "paid", [number * 10])

    def _head(
        self, number: int, at: datetime, changed: datetime, state: str, lines: list[int]
    ) -> dict[str, Any]:
        return {
            "id": number,
            "name": "x",
            "partner_id": [9, CANARY],
            "date_order": self._at(at),
            "write_date": self._at(changed),
            "state": state,
            "currency_id": [1, "EUR"],
            "config_id.name": "Till 1",
            "lines": lines,
        }

    def _pos_order_line(self) -> Iterator[dict[str, Any]]:
        for order in self.truth.orders:
            for n, (sku, quantity) in enumerate(order.lines):
                yield self._line(order.id * 10 + n, sku, quantity)
            for number, _, line, quantity in order.refunds:
                yield self._line(number * 10, order.lines[line][0], -quantity)

    def _line(self, number: int, sku: str, quantity: int) -> dict[str, Any]:
        product = list(self.truth.PRODUCTS).index(sku) + 1
        return {
            "id": number,
            "product_id": [product, sku],
            "qty": float(quantity),
            "price_subtotal_incl": float(self.truth.PRODUCTS[sku][2] * quantity) + 1e-12,
            "customer_note": CANARY,
        }

    def _stock_move(self) -> Iterator[dict[str, Any]]:
        for number, (sku, at) in enumerate(self.truth.moved.items(), 1):
            yield {
                "id": number,
                "state": "done",
                "product_id": [number, sku],
                "write_date": self._at(at),
            }

    def _stock_quant(self) -> Iterator[dict[str, Any]]:
        for number, quantity in enumerate(self.truth.stock.values(), 1):
            for shelf, part in enumerate((quantity - quantity // 2, quantity // 2)):
                yield {
                    "id": number * 10 + shelf,
                    "product_id": [number, "x"],
                    "quantity": float(part),
                    "location_id.usage": "internal",
                    "location_id.complete_name": f"WH/Stock/{shelf}",
                }

    def _at(self, at: datetime) -> str:
        return at.strftime("%Y-%m-%d %H:%M:%S")


def _fits(domain: list[Any], row: Mapping[str, Any]) -> bool:
    """Odoo's prefix notation: leaves are joined by "and" unless a "|" stands before two."""

    def term() -> bool:
        head = domain.pop(0)
        if head == "|":
            first, second = term(), term()
            return first or second
        name, operator, value = head
        found = row[name][0] if isinstance(row[name], list) else row[name]
        return {
            "=": lambda: found == value,
            ">": lambda: found > value,
            ">=": lambda: found >= value,
            "in": lambda: found in value,
        }[operator]()

    fits = True
    while domain:
        fits = term() and fits
    return fits

"""WooCommerce: orders with their refunds, products and their stock, over its REST API v3.

Only the fields named here are asked for (``_fields``): no billing address, no note, no e-mail.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal
from urllib.parse import urlencode

from aeras.connect.net import Answer, ServerOptions, ask
from aeras.connect.port import (
    BadDataError,
    Connector,
    Context,
    Level,
    Line,
    Manifest,
    Maturity,
    Page,
    Product,
    Push,
    Receipt,
    Secret,
    Spoilt,
    TemporaryError,
    revision_of,
)
from aeras.connect.signed import check_hmac, read_json
from aeras.connect.sweep import ITEMS, OVERLAP, SALES, STOCK, Found, Sweep, settled
from aeras.domain.secret import read_secret

Row = Mapping[str, Any]

_PAGE = 100
_SECOND = timedelta(seconds=1)
_SOLD = frozenset({"processing", "completed", "refunded"})
_ORDER = "id,status,currency,date_created_gmt,date_modified_gmt,date_paid_gmt,line_items,refunds"
_PRODUCT = (
    "id,type,name,status,sku,global_unique_id,price,date_modified_gmt,manage_stock,stock_quantity"
)


class WooOptions(ServerOptions):
    """A WooCommerce shop.

    Attributes:
        key, secret: Consumer key and secret of a REST API key with the right to read.
        webhook_secret: Secret of the shop's webhooks; without it none is taken.
        prices: ``gross`` if the prices entered in the shop include tax, else ``net``: then list
            prices are left to the site file.
    """

    kind: Literal["woocommerce"] = "woocommerce"
    manifest = Manifest(
        title="WooCommerce",
        owner="AERAS maintainers",
        needs=("WooCommerce 5.8 or later over https", "a REST API key with the right to read"),
        maturity=Maturity.SHAPES,
        tells=(SALES, STOCK, ITEMS),
    )

    key: Secret
    secret: Secret
    webhook_secret: Secret | None = None
    prices: Literal["gross", "net"] = "gross"

    def build(self, context: Context) -> Connector:
        """The connector."""
        folder = context.folder
        keys = f"{read_secret(self.key, folder)}:{read_secret(self.secret, folder)}"
        secret = self.webhook_secret and read_secret(self.webhook_secret, folder)
        return WooCommerce(self, keys, secret or "", context)


class WooCommerce(Sweep):
    """Reads a shop; see `WooOptions`.

    Args:
        options: Where.
        keys: Consumer key and secret with a colon between.
        secret: Signs webhooks; "" if there are none.
        context: Of the site.
    """

    def __init__(self, options: WooOptions, keys: str, secret: str, context: Context) -> None:
        super().__init__(options, context, {ITEMS: self._items, SALES: self._sales})
        self._options = options
        login = base64.b64encode(keys.encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Cache-Control": "no-cache"}
        self._secret = secret
        self._currency = context.currency

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, url: str) -> Push:
        """That something changed; it is pulled at once. A deleted order is told by this only."""
        del url
        if re.fullmatch(rb"webhook_id=\d+", body):  # unsigned: whether anybody is there at all
            return Push("", Page())
        check_hmac(body, headers.get("x-wc-webhook-signature", ""), self._secret, self.name)
        told = read_json(body, self.name)
        page = Page(more=True)
        if headers.get("x-wc-webhook-topic") == "order.deleted":
            now = self._clock()
            later = revision_of(now + OVERLAP)  # than its last change, if our clock is a bit late
            gone = Receipt(str(told.get("id")), now, self._currency, (), later, void=True)
            page = Page(sales=(gone,))
        return Push(headers.get("x-wc-webhook-delivery-id", ""), page)

    def _items(self, since: datetime, place: str) -> Found:
        rows, answer, going_on = self._changed("products", _PRODUCT, since, place)
        whole = [row for row in rows if row["type"] != "variable"]
        for row in rows:
            if row["type"] == "variable":
                found = self._all(f"products/{row['id']}/variations", _PRODUCT)
                whole += [
                    {**v, "name": f"{row['name']} {v.get('name', '')}".strip()} for v in found
                ]
        items = tuple(self._product(row) for row in whole)
        stock = tuple(_level(row) for row in whole if row["stock_quantity"] is not None)
        return Found(Page(stock=stock, items=items), going_on, _newest(rows), answer.at)

    def _product(self, row: Row) -> Product:
        gross = self._options.prices == "gross" and row["price"] not in {"", None}
        return Product(
            sku=_sku(row),
            name=row["name"],
            gtin=row.get("global_unique_id") or None,
            price=Decimal(row["price"]) if gross else None,
            currency=self._currency,
            revision=revision_of(_time(row["date_modified_gmt"])),
            gone=row["status"] != "publish",
        )

    def _sales(self, since: datetime, place: str) -> Found:
        rows, answer, going_on = self._changed("orders", _ORDER, since, place)
        at = answer.at or self._clock()
        sales, spoilt = [], []
        for row in rows:
            try:
                sales.append(self._receipt(row, at))
            except (KeyError, TypeError, ValueError, InvalidOperation):
                spoilt.append(Spoilt(str(row.get("id")), "the order lacks what a sale needs"))
        page = Page(sales=tuple(sales), spoilt=tuple(spoilt))
        return Found(page, going_on, _newest(rows), answer.at)

    def _receipt(self, row: Row, at: datetime) -> Receipt:
        """What is left of an order: the lines of its refunds are below 0."""
        lines = list(row["line_items"])
        if row.get("refunds"):
            refunds = self._all(f"orders/{row['id']}/refunds", "id,line_items")
            if {r["id"] for r in refunds} != {r["id"] for r in row["refunds"]}:
                raise TemporaryError("an order changes while it is read", where=self.name)
            lines += [line for refund in refunds for line in refund["line_items"]]
        return Receipt(
            id=str(row["id"]),
            at=_time(row["date_paid_gmt"] or row["date_created_gmt"]),
            currency=row["currency"],
            lines=tuple(_line(line) for line in lines if line["quantity"]),
            revision=settled(_time(row["date_modified_gmt"]), at),
            void=row["status"] not in _SOLD,
        )

    def _changed(
        self, what: str, fields: str, since: datetime, place: str
    ) -> tuple[list[Row], Answer, str]:
        """Rows in the order of their changes, and where to go on.

        The shop counts pages, and a change moves rows to later ones, so that the next page would
        skip some. So it is asked for what changed since the last row; only where a whole page
        changed in one second is the next page asked for.
        """
        moment, _, number = place.partition(" ")
        start = datetime.fromisoformat(moment) if moment else since - _SECOND
        page = int(number or 1)
        rows, answer = self._ask(
            what,
            _fields=fields,
            modified_after=_written(start),
            dates_are_gmt="true",
            orderby="modified",
            order="asc",
            per_page=_PAGE,
            page=page,
        )
        if len(rows) < _PAGE:
            return rows, answer, ""
        last = _time(rows[-1]["date_modified_gmt"]) - _SECOND
        if last > start:
            return rows, answer, f"{last.isoformat()} 1"
        return rows, answer, f"{start.isoformat()} {page + 1}"

    def _all(self, what: str, fields: str) -> list[Row]:
        """All rows of a short list."""
        rows: list[Row] = []
        page, pages = 1, 1
        while page <= pages:
            found, answer = self._ask(what, _fields=fields, per_page=_PAGE, page=page)
            rows += found
            pages = int(answer.headers.get("x-wp-totalpages", "1"))
            page += 1
        return rows

    def _ask(self, what: str, **values: object) -> tuple[list[Row], Answer]:
        url = f"{self._options.url}/wp-json/wc/v3/{what}?{urlencode(values)}"
        answer = ask("GET", url, self._headers)
        rows = answer.json()
        if not isinstance(rows, list):
            raise BadDataError("the answer is no list", where=answer.where)
        return rows, answer


def _line(row: Row) -> Line:
    return Line(
        sku=_sku({"sku": row.get("sku"), "id": row["variation_id"] or row["product_id"]}),
        quantity=Decimal(str(row["quantity"])),
        amount=Decimal(row["total"]),
        tax=Decimal(row["total_tax"]),
    )


def _level(row: Row) -> Level:
    return Level(
        sku=_sku(row),
        at=_time(row["date_modified_gmt"]),
        quantity=Decimal(str(row["stock_quantity"])),
        gtin=row.get("global_unique_id") or None,
    )


def _sku(row: Row) -> str:
    return str(row["sku"] or f"id-{row['id']}")


def _newest(rows: list[Row]) -> datetime | None:
    return max((_time(row["date_modified_gmt"]) for row in rows), default=None)


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")

"""Odoo: orders of its tills, stock moves and products, over JSON-2 (from Odoo 19) or JSON-RPC.

Only the fields named here are asked for; none says who bought. Nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

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
    Receipt,
    RevokedError,
    Secret,
    TemporaryError,
    revision_of,
)
from aeras.connect.sweep import BEGINNING, ITEMS, SALES, STOCK, Found, Sweep, settled
from aeras.domain.secret import read_secret

Row = Mapping[str, Any]

_PAGE = 200
_SOLD = frozenset({"paid", "done", "invoiced"})
_VOID = frozenset({"cancel"})
_PASSING = frozenset({"OperationalError", "SerializationFailure", "LockNotAvailable"})
_REFUSED = frozenset({"AccessDenied", "AccessError", "SessionExpiredException"})


class OdooOptions(ServerOptions):
    """An Odoo server.

    Attributes:
        database: Name of the database.
        user: Login of the user that the key belongs to; JSON-2 does without.
        key: API key of that user; give the user the right to read only.
        api: ``json2`` from Odoo 19 on, ``jsonrpc`` before.
        locations: Names of the stock locations that are this shop, with their parents
            (``WH/Stock``); empty for all internal ones.
        points: Names of the tills that are this shop; empty for all.
        prices: ``gross`` if the sales prices include tax, else ``net``: then list prices are left
            to the site file.
    """

    kind: Literal["odoo"] = "odoo"
    manifest = Manifest(
        title="Odoo",
        owner="AERAS maintainers",
        needs=(
            "Odoo 14 or later with the apps Point of Sale and Inventory",
            "an API key of a user that may read the tills' orders, stock moves and products",
        ),
        maturity=Maturity.SHAPES,
        tells=(SALES, STOCK, ITEMS),
    )

    database: str
    user: str = ""
    key: Secret
    api: Literal["json2", "jsonrpc"] = "jsonrpc"
    locations: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    prices: Literal["gross", "net"] = "gross"

    def build(self, context: Context) -> Connector:
        """The connector."""
        return Odoo(self, read_secret(self.key, context.folder), context)


class Odoo(Sweep):
    """Reads an Odoo database; see `OdooOptions`.

    Args:
        options: Where.
        key: API key.
        context: Of the site.
    """

    def __init__(self, options: OdooOptions, key: str, context: Context) -> None:
        parts = {ITEMS: self._items, SALES: self._sales, STOCK: self._stock}
        super().__init__(options, context, parts)
        self._options = options
        self._rpc = _Rpc(options, key)

    def _items(self, since: datetime, after: str) -> Found:
        moment = _written(since)
        changed: list[object] = [
            "|",
            ["write_date", ">=", moment],
            ["product_tmpl_id.write_date", ">=", moment],
        ]
        rows, answer = self._read(
            "product.product",
            changed,
            after,
            ["name", "default_code", "barcode", "lst_price", "currency_id", "categ_id", "active"],
        )
        return _found(Page(items=tuple(self._product(row) for row in rows)), rows, answer)

    def _product(self, row: Row) -> Product:
        gross = self._options.prices == "gross"
        return Product(
            sku=_sku(row),
            name=row["name"],
            category=_name(row["categ_id"]),
            gtin=row["barcode"] or None,
            price=_decimal(row["lst_price"]) if gross else None,
            currency=_name(row["currency_id"]) or None,
            revision=revision_of(_time(row["write_date"])),
            gone=not row["active"],
        )

    def _sales(self, since: datetime, after: str) -> Found:
        where: list[object] = [
            ["write_date", ">=", _written(since)],
            ["state", "in", sorted(_SOLD | _VOID)],
        ]
        if self._options.points:
            where.append(["config_id.name", "in", list(self._options.points)])
        rows, answer = self._read(
            "pos.order", where, after, ["date_order", "state", "currency_id", "lines"]
        )
        lines = self._by_id(
            "pos.order.line",
            (line for row in rows for line in row["lines"]),
            ["product_id", "qty", "price_subtotal_incl"],
        )
        products = self._products(line["product_id"][0] for line in lines.values())
        if any(line not in lines for row in rows for line in row["lines"]):
            raise TemporaryError("an order changes while it is read", where=answer.where)
        at = answer.at or self._clock()
        sales = tuple(_receipt(row, lines, products, at) for row in rows)
        return _found(Page(sales=sales), rows, answer)

    def _stock(self, since: datetime, after: str) -> Found:
        """All products at first, later those that were moved: an emptied place has no record."""
        if since == BEGINNING:
            goods: list[object] = [["type", "in", ["product", "consu"]]]
            rows, answer = self._read("product.product", goods, after, [])
            now = answer.at or self._clock()
            levels = self._levels({row["id"]: now for row in rows})
            return Found(Page(stock=levels), _found(Page(), rows, answer).next, now, answer.at)
        where: list[object] = [["write_date", ">=", _written(since)], ["state", "=", "done"]]
        rows, answer = self._read("stock.move", where, after, ["product_id"])
        moved: dict[int, datetime] = {}
        for row in sorted(rows, key=lambda r: str(r["write_date"])):
            moved[row["product_id"][0]] = _time(row["write_date"])
        return _found(Page(stock=self._levels(moved)), rows, answer)

    def _levels(self, moved: Mapping[int, datetime]) -> tuple[Level, ...]:
        """What is there now of each product, under the time that is given with it."""
        if not moved:
            return ()
        where: list[object] = [["product_id", "in", list(moved)]]
        places = self._options.locations
        where += (
            [["location_id.complete_name", "in", list(places)]]
            if places
            else [["location_id.usage", "=", "internal"]]
        )
        there = dict.fromkeys(moved, Decimal(0))
        quants, _ = self._rpc(
            "stock.quant", "search_read", domain=where, fields=["product_id", "quantity"]
        )
        for quant in quants:
            there[quant["product_id"][0]] += _decimal(quant["quantity"])
        products = self._products(moved)
        return tuple(
            Level(_sku(row), moved[i], there[i], _name(row["uom_id"]), row["barcode"] or None)
            for i, row in products.items()
        )

    def _products(self, ids: Iterable[int]) -> dict[int, Row]:
        return self._by_id("product.product", ids, ["default_code", "barcode", "uom_id"])

    def _by_id(self, model: str, ids: Iterable[int], fields: list[str]) -> dict[int, Row]:
        wanted = sorted(set(ids))
        if not wanted:
            return {}
        where = [["id", "in", wanted]]
        context = {"active_test": False}
        rows, _ = self._rpc(model, "search_read", domain=where, fields=fields, context=context)
        return {row["id"]: row for row in rows}

    def _read(
        self, model: str, where: list[object], after: str, fields: list[str]
    ) -> tuple[list[Row], Answer]:
        """Rows in the order of their ids: a change of one moves no other's place."""
        rows, answer = self._rpc(
            model,
            "search_read",
            domain=[["id", ">", int(after or 0)], *where],
            fields=[*fields, "write_date"],
            limit=_PAGE,
            order="id",
            context={"active_test": False},
        )
        return rows, answer


def _found(page: Page, rows: list[Row], answer: Answer) -> Found:
    newest = max((_time(row["write_date"]) for row in rows), default=None)
    return Found(page, str(rows[-1]["id"]) if len(rows) == _PAGE else "", newest, answer.at)


def _receipt(
    row: Row, lines: Mapping[int, Row], products: Mapping[int, Row], at: datetime
) -> Receipt:
    mine = [lines[i] for i in row["lines"]]
    return Receipt(
        id=str(row["id"]),
        at=_time(row["date_order"]),
        currency=_name(row["currency_id"]),
        lines=tuple(_line(line, products.get(line["product_id"][0])) for line in mine),
        revision=settled(_time(row["write_date"]), at),
        void=row["state"] in _VOID,
    )


def _line(line: Row, product: Row | None) -> Line:
    known = product or {"id": line["product_id"][0], "default_code": "", "barcode": "", "uom_id": 0}
    return Line(
        sku=_sku(known),
        quantity=_decimal(line["qty"]),
        amount=_decimal(line["price_subtotal_incl"]),
        unit=_name(known["uom_id"]),
        gtin=known["barcode"] or None,
    )


def _sku(row: Row) -> str:
    return row["default_code"] or f"id-{row['id']}"


def _name(pair: object) -> str:
    """Of a linked record, which Odoo tells as [id, name], or as false if there is none."""
    return str(pair[1]) if isinstance(pair, list) else ""


def _decimal(value: float) -> Decimal:
    """Odoo tells amounts as floats that it has rounded; binary dust is cut off."""
    return Decimal(repr(round(value, 6)))


def _time(value: str) -> datetime:
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


class _Rpc:
    """Calls of Odoo's models.

    Args:
        options: Where and as whom.
        key: API key.
    """

    def __init__(self, options: OdooOptions, key: str) -> None:
        self._options = options
        self._key = key
        self._uid = 0

    def __call__(self, model: str, method: str, **values: object) -> tuple[list[Row], Answer]:
        if self._options.api == "json2":
            return self._json2(model, method, values)
        if not self._uid:
            options = self._options
            login: list[object] = [options.database, options.user, self._key, {}]
            found, answer = self._post("common", "authenticate", login)
            if not isinstance(found, int) or found is False:
                raise _revoked(answer.where)
            self._uid = found
        call = [self._options.database, self._uid, self._key, model, method, [], values]
        found, answer = self._post("object", "execute_kw", call)
        return _rows(found, answer)

    def _json2(
        self, model: str, method: str, values: Mapping[str, object]
    ) -> tuple[list[Row], Answer]:
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "X-Odoo-Database": self._options.database,
        }
        url = f"{self._options.url}/json/2/{model}/{method}"
        answer = ask("POST", url, headers, json.dumps(values).encode())
        return _rows(answer.json(), answer)

    def _post(self, service: str, method: str, args: list[object]) -> tuple[object, Answer]:
        params = {"service": service, "method": method, "args": args}
        body = {"jsonrpc": "2.0", "method": "call", "params": params, "id": 1}
        url = f"{self._options.url}/jsonrpc"
        answer = ask("POST", url, {"Content-Type": "application/json"}, json.dumps(body).encode())
        found = answer.json()
        if not isinstance(found, dict) or ("result" not in found and "error" not in found):
            raise BadDataError("the answer is no JSON-RPC", where=answer.where)
        if "error" in found:
            raise _error(found["error"], answer.where)
        return found["result"], answer


def _rows(found: object, answer: Answer) -> tuple[list[Row], Answer]:
    if not isinstance(found, list):
        raise BadDataError("the answer is no list of records", where=answer.where)
    return found, answer


def _error(error: Row, where: str) -> RevokedError | TemporaryError | BadDataError:
    """The port's error for Odoo's; its message is left out, for it may quote a record."""
    name = str(error.get("data", {}).get("name", ""))[:80]
    kind = name.rpartition(".")[2]
    if kind in _REFUSED:
        return _revoked(where)
    if kind in _PASSING:
        return TemporaryError(f"Odoo is busy ({kind})", where=where)
    return BadDataError(
        f"Odoo fails with {name or 'no name'}",
        where=where,
        todo="Check the connector's database and that its apps are installed in Odoo",
    )


def _revoked(where: str) -> RevokedError:
    return RevokedError(
        "Odoo refuses our key",
        where=where,
        todo="Make a new API key for the user, or give it the right to read what is asked for",
    )

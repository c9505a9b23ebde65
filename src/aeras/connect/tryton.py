"""Tryton: sales of its tills (``sale.point``), goods in its warehouses and its products, over its
JSON-RPC. Only the fields named here are asked for; none says who bought.

A person of Tryton's own (a user with the rights to read) stands behind the key. Nothing is written
but, with the site file's leave, a draft inventory that somebody in Tryton confirms or deletes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

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
from aeras.connect.sweep import BEGINNING, ITEMS, SALES, STOCK, Found, Sweep
from aeras.domain.secret import read_secret

Row = Mapping[str, Any]
"""A record as Tryton tells it: fields by name, those of a linked record under ``name.``."""

_PAGE = 200
_VOID = frozenset({"cancelled"})
_TOLD = ("done", "posted", "cancelled")


class TrytonOptions(ServerOptions):
    """A Tryton server.

    Attributes:
        database: Name of the database.
        user: Who reads; give it the right to read only.
        password: Of that user.
        locations: Codes of the warehouses or storage places that are this shop; empty for all
            warehouses.
        points: Names of the tills that are this shop; empty for all.
        requests: ``drafts`` lets `Tryton.request_count` lay draft inventories.
    """

    kind: Literal["tryton"] = "tryton"
    manifest = Manifest(
        title="Tryton",
        owner="AERAS maintainers",
        needs=(
            "Tryton 6.0 or later with the modules stock and sale_point",
            "a user that may read products, stock moves and the tills' sales",
        ),
        maturity=Maturity.PROVEN,
        tells=(SALES, STOCK, ITEMS),
    )

    database: str
    user: str
    password: Secret
    locations: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    requests: Literal["off", "drafts"] = "off"

    def build(self, context: Context) -> Connector:
        """The connector."""
        return Tryton(self, read_secret(self.password, context.folder), context)


class Tryton(Sweep):
    """Reads a Tryton database; see `TrytonOptions`.

    Args:
        options: Where.
        password: Of the user.
        context: Of the site.
    """

    def __init__(self, options: TrytonOptions, password: str, context: Context) -> None:
        parts = {ITEMS: self._items, SALES: self._sales, STOCK: self._stock}
        super().__init__(options, context, parts)
        self._options = options
        self._zone = ZoneInfo(context.timezone)
        self._rpc = _Rpc(options, password)
        self._places: list[int] | None = None

    def request_count(self, sku: str, quantity: Decimal) -> str:
        """Lays a draft inventory that asks to count a product; its number at Tryton.

        It changes no stock: somebody in Tryton confirms or deletes it.

        Args:
            sku: The product's code.
            quantity: What we believe is there.

        Raises:
            BadDataError: The site file does not allow it, or the product is not there.
        """
        if self._options.requests != "drafts":
            raise BadDataError(
                "this connector may only read",
                where=self.name,
                todo="Set `requests: drafts` at the connector if it shall lay draft inventories",
            )
        found = self._rpc("product.product.search", [["code", "=", sku]], 0, 1, None)
        if not found:
            raise BadDataError(f"there is no product {sku!r}", where=self.name)
        fields = ["storage_location"]
        place = self._rpc("stock.location.read", self._locations()[:1], fields)[0]
        line = {"product": found[0], "quantity": float(quantity)}
        values = {
            "location": place["storage_location"] or place["id"],
            "lines": [["create", [line]]],
        }
        ids = self._rpc("stock.inventory.create", [values])
        return str(ids[0])

    def _items(self, since: datetime, after: str) -> Found:
        rows, answer = self._changed(
            "product.product",
            _since("", since) + _since("template.", since),
            after,
            ["code", "active", "template.name", "template.active", "gross_price",
             "template.gross_price", "identifiers.code", "identifiers.type", "template.write_date",
             "template.create_date"],
        )  # fmt: skip
        items = tuple(self._product(row) for row in rows)
        return _found(Page(items=items), rows, answer)

    def _product(self, row: Row) -> Product:
        template = row["template."]
        price = row["gross_price"] if row["gross_price"] is not None else template["gross_price"]
        return Product(
            sku=_sku(row),
            name=template["name"],
            gtin=_gtin(row),
            price=price,
            currency=self._rpc.currency() if price is not None else None,
            revision=revision_of(max(_changed_at(row), _changed_at(template))),
            gone=not (row["active"] and template["active"]),
        )

    def _sales(self, since: datetime, after: str) -> Found:
        where: list[object] = [["state", "in", list(_TOLD)]]
        if self._options.points:
            where.append(["point.name", "in", list(self._options.points)])
        rows, answer = self._changed(
            "sale.point.sale",
            _since("", since),
            after,
            ["date", "state", "currency.code", "lines.quantity", "lines.unit_gross_price",
             "lines.unit.symbol", "lines.product.code", "lines.product.identifiers.code",
             "lines.product.identifiers.type"],
            where,
        )  # fmt: skip
        return _found(Page(sales=tuple(self._receipt(row) for row in rows)), rows, answer)

    def _receipt(self, row: Row) -> Receipt:
        return Receipt(
            id=str(row["id"]),
            at=self._sold_at(row),
            currency=row["currency."]["code"],
            lines=tuple(_line(line) for line in sorted(row["lines."], key=lambda x: int(x["id"]))),
            revision=revision_of(_changed_at(row)),
            void=row["state"] in _VOID,
        )

    def _sold_at(self, row: Row) -> datetime:
        """When the receipt was begun; noon of its date if it was entered on another day. Tryton
        takes the date in the company's time zone, which may be left at UTC.
        """
        made: datetime = row["create_date"]
        day: date = row["date"]
        if day in {made.date(), made.astimezone(self._zone).date()}:
            return made
        return datetime.combine(day, time(12), self._zone)

    def _stock(self, since: datetime, after: str) -> Found:
        """All products at first, later those that were moved."""
        if since == BEGINNING:
            goods = [["type", "=", "goods"]]
            rows, answer = self._changed("product.product", [], after, [], goods)
            now = answer.at or self._clock()
            found = _found(Page(stock=self._levels({r["id"]: now for r in rows})), rows, answer)
            return Found(found.page, found.next, now, answer.at)
        rows, answer = self._changed(
            "stock.move", _since("", since), after, ["product"], [["state", "=", "done"]]
        )
        moved: dict[int, datetime] = {}
        for row in sorted(rows, key=_changed_at):
            moved[row["product"]] = _changed_at(row)
        return _found(Page(stock=self._levels(moved)), rows, answer)

    def _levels(self, moved: Mapping[int, datetime]) -> tuple[Level, ...]:
        """What is there now of each product, under the time that is given with it."""
        if not moved:
            return ()
        rows, _ = self._rpc.ask(
            "product.product.read",
            *(list(moved), [*_KEYS, "quantity", "default_uom.symbol"]),
            locations=self._locations(),
        )
        return tuple(
            Level(
                sku=_sku(row),
                at=moved[row["id"]],
                quantity=_decimal(row["quantity"]),
                unit=row["default_uom."]["symbol"],
                gtin=_gtin(row),
            )
            for row in rows
        )

    def _locations(self) -> list[int]:
        if self._places is None:
            codes = list(self._options.locations)
            where = [["code", "in", codes]] if codes else [["type", "=", "warehouse"]]
            found = self._rpc("stock.location.search", where, 0, None, [["id", "ASC"]])
            if len(found) < max(1, len(codes)):
                raise BadDataError(
                    f"Tryton has {len(found)} of the places {', '.join(codes) or 'a warehouse'}",
                    where=self.name,
                    todo="Compare the connector's `locations` with the codes in Tryton",
                )
            self._places = [int(place) for place in found]
        return self._places

    def _changed(
        self,
        model: str,
        changed: list[object],
        after: str,
        fields: list[str],
        where: Iterable[object] = (),
    ) -> tuple[list[Row], Answer]:
        """Rows that changed, in the order of their ids: a change of one moves no other's place."""
        domain: list[object] = [["id", ">", int(after or 0)], *where]
        if changed:
            domain.append(["OR", *changed])
        rows, answer = self._rpc.ask(
            f"{model}.search_read",
            *(domain, 0, _PAGE, [["id", "ASC"]]),
            [*fields, "create_date", "write_date"],
            active_test=False,
        )
        return rows, answer


_KEYS = ("code", "identifiers.code", "identifiers.type")


def _since(prefix: str, since: datetime) -> list[object]:
    return [[f"{prefix}{name}", ">=", since] for name in ("create_date", "write_date")]


def _found(page: Page, rows: list[Row], answer: Answer) -> Found:
    newest = max((_changed_at(row) for row in rows), default=None)
    going_on = str(rows[-1]["id"]) if len(rows) == _PAGE else ""
    return Found(page, going_on, newest, answer.at)


def _changed_at(row: Row) -> datetime:
    changed: datetime = row["write_date"] or row["create_date"]
    return changed


def _sku(row: Row) -> str:
    return row["code"] or f"id-{row['id']}"


def _gtin(row: Row) -> str | None:
    codes = (i["code"] for i in row["identifiers."] if i["type"] in {"ean", "isan", "upc"})
    return next(codes, None)


def _line(row: Row) -> Line:
    product, quantity = row["product."], _decimal(row["quantity"])
    return Line(
        sku=_sku(product),
        quantity=quantity,
        amount=(quantity * row["unit_gross_price"]).quantize(Decimal("0.01")),
        unit=row["unit."]["symbol"],
        gtin=_gtin(product),
    )


def _decimal(value: object) -> Decimal:
    """Tryton tells quantities as floats that were rounded to the unit's digits."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value or 0))


class _Rpc:
    """Calls of Tryton's models; signs in when it has to, and again when the session has ended.

    Args:
        options: Where and as whom.
        password: Of the user.
    """

    def __init__(self, options: TrytonOptions, password: str) -> None:
        self._url = f"{options.url}/{quote(options.database)}/rpc/"
        self._user = options.user
        self._password = password
        self._session = ""
        self._company = 0
        self._currency = ""

    def __call__(self, method: str, *values: object) -> Any:
        return self.ask(method, *values)[0]

    def ask(self, method: str, *values: object, **context: object) -> tuple[Any, Answer]:
        """What a method of a model answers, and the answer it came in."""
        if not self._session:
            self._sign_in()
        values = (*values, {"company": self._company, **context})
        try:
            return self._post(f"model.{method}", values)
        except RevokedError:  # sessions end after some idle minutes
            self._sign_in()
            return self._post(f"model.{method}", values)

    def currency(self) -> str:
        """Of the company."""
        if not self._currency:
            fields = ["currency.code"]
            rows = self("company.company.read", [self._company], fields)
            self._currency = rows[0]["currency."]["code"]
        return self._currency

    def _sign_in(self) -> None:
        self._session = ""
        found, _ = self._post("common.db.login", (self._user, {"password": self._password}))
        user, token = found[:2]
        self._session = base64.b64encode(f"{self._user}:{user}:{token}".encode()).decode()
        preferences, _ = self._post("model.res.user.get_preferences", (True, {}))
        self._company = preferences.get("company") or 0
        if not self._company:
            raise BadDataError(
                f"Tryton's user {self._user!r} belongs to no company",
                where=self._url,
                todo="Set the company in the user's preferences",
            )

    def _post(self, method: str, values: tuple[object, ...]) -> tuple[Any, Answer]:
        headers = {"Content-Type": "application/json"}
        if self._session:
            headers["Authorization"] = f"Session {self._session}"
        body = json.dumps({"id": 1, "method": method, "params": values}, default=_encoded)
        answer = ask("POST", self._url, headers, body.encode())
        found = json.loads(answer.body, object_hook=_decoded) if answer.json() else {}
        if not isinstance(found, dict) or "result" not in found:
            raise _error(found, answer.where, method)
        return found["result"], answer


def _error(found: object, where: str, method: str) -> BadDataError | TemporaryError:
    """The port's error for Tryton's; its message is left out, for it may quote a record."""
    error = found.get("error") if isinstance(found, dict) else None
    kind = str(error[0])[:60] if isinstance(error, list) and error else "no result"
    if kind == "ConcurrencyException":
        return TemporaryError(f"{method}: somebody else changes it now", where=where)
    return BadDataError(
        f"{method} fails with {kind}",
        where=where,
        todo="Check the connector's database and that its modules are active in Tryton",
    )


def _encoded(value: object) -> object:
    if isinstance(value, datetime):
        value = value.astimezone(UTC)
        names = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        return {"__class__": "datetime", **{name: getattr(value, name) for name in names}}
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    raise TypeError(f"{type(value).__name__} has no form in Tryton's JSON")


def _decoded(found: dict[str, Any]) -> object:
    kind = found.pop("__class__", None)
    if kind == "datetime":
        return datetime(**found, tzinfo=UTC)
    if kind == "date":
        return date(**found)
    if kind == "Decimal":
        return Decimal(found["decimal"])
    return found

"""Square: orders, returns, the catalogue and stock of one location, through Square's own SDK.

Orders carry customers, fulfilments and notes; none of them is looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal

from aeras.connect.net import TIMEOUT_S, Address, need_package, refuse
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
    Secret,
    Spoilt,
    TemporaryError,
)
from aeras.connect.signed import forged, read_json
from aeras.connect.sweep import ITEMS, SALES, STOCK, Found, StalePageError, Sweep
from aeras.domain.secret import read_secret

if TYPE_CHECKING:
    from square import Square

_PAGE = 200
_LATE = timedelta(seconds=1)
_COUNTED = ("COMPLETED", "CANCELED")
_UNITS = {
    "METRIC_GRAM": "g",
    "METRIC_KILOGRAM": "kg",
    "IMPERIAL_POUND": "lb",
    "IMPERIAL_WEIGHT_OUNCE": "oz",
    "METRIC_MILLILITER": "ml",
    "METRIC_LITER": "l",
    "METRIC_CENTIMETER": "cm",
    "METRIC_METER": "m",
}
_PLACES = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3}
"""Decimal places of currencies that have not two: Square tells amounts in the smallest coin."""


class SquareOptions(Options):
    """A Square location.

    Attributes:
        location: Its id at Square.
        token: Access token with the rights ORDERS_READ, ITEMS_READ, INVENTORY_READ and
            MERCHANT_PROFILE_READ.
        sandbox: Reads Square's sandbox.
        webhook_secret: Signature key of the webhook subscription; without it none is taken.
        webhook_url: Address of the subscription exactly as entered at Square, where it is not the
            one that the request arrives under: it is signed too.
        url: In place of Square's own address (a proxy).
    """

    kind: Literal["square"] = "square"
    manifest = Manifest(
        title="Square",
        owner="AERAS maintainers",
        needs=(
            "a Square access token that may read orders, items and inventory",
            "the extra `square`",
        ),
        maturity=Maturity.SHAPES,
        tells=(SALES, STOCK, ITEMS),
        package="square",
        extra="square",
    )

    location: str
    token: Secret
    sandbox: bool = False
    webhook_secret: Secret | None = None
    webhook_url: str | None = None
    url: Address | None = None

    def build(self, context: Context) -> Connector:
        """The connector."""
        need_package(self.manifest)
        secret = self.webhook_secret and read_secret(self.webhook_secret, context.folder)
        return SquareShop(self, read_secret(self.token, context.folder), secret or "", context)


@dataclass(frozen=True, slots=True)
class _Key:
    """How a catalogue's variation is called outside."""

    sku: str
    gtin: str | None


class SquareShop(Sweep):
    """Reads one location; see `SquareOptions`.

    Args:
        options: Which.
        token: Access token.
        secret: Signs webhooks; "" if there are none.
        context: Of the site.
    """

    def __init__(self, options: SquareOptions, token: str, secret: str, context: Context) -> None:
        parts = {ITEMS: self._items, SALES: self._sales, STOCK: self._stock}
        super().__init__(options, context, parts)
        self._options = options
        self._secret = secret
        self._client = _client(options, token)
        self._keys: dict[str, _Key] = {}

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, url: str) -> Push:
        """That something changed; it is pulled at once."""
        from square.utils.webhooks_helper import verify_signature  # noqa: PLC0415 - an extra

        try:
            text = body.decode()
            signed = bool(self._secret) and verify_signature(
                request_body=text,
                signature_header=headers.get("x-square-hmacsha256-signature", ""),
                signature_key=self._secret,
                notification_url=self._options.webhook_url or url,
            )
        except UnicodeError:
            signed = False
        if not signed:
            raise forged(self.name)
        return Push(str(read_json(body, self.name).get("event_id", "")), Page(more=True))

    def close(self) -> None:
        """Closes the SDK's connections."""
        self._client._client_wrapper.httpx_client.httpx_client.close()

    def _items(self, since: datetime, cursor: str) -> Found:
        with self._asked(paged=cursor):
            answer = self._client.catalog.search(
                object_types=["ITEM"],
                begin_time=_written(since - _LATE),
                include_deleted_objects=True,
                limit=_PAGE,
                **_from(cursor),
            )
        rows = answer.objects or []
        products = [p for row in rows for p in self._products(row)]
        return Found(
            Page(items=tuple(products)),
            answer.cursor or "",
            _newest(row.updated_at for row in rows),
            self._clock(),
        )

    def _products(self, item: Any) -> Iterator[Product]:
        data = item.item_data
        for variation in (data.variations if data else None) or []:
            told = variation.item_variation_data
            if told is None:
                continue
            key = self._keep(variation)
            price = told.price_money
            plain = told.name in {None, "", "Regular"}
            yield Product(
                sku=key.sku,
                name=data.name if plain else f"{data.name} {told.name}",
                gtin=key.gtin,
                price=_money(price) if price and price.amount is not None else None,
                currency=price.currency if price else None,
                revision=int(variation.version or item.version or 0),
                gone=bool(item.is_deleted or variation.is_deleted or data.is_archived),
            )

    def _sales(self, since: datetime, cursor: str) -> Found:
        query = {
            "filter": {
                "state_filter": {"states": list(_COUNTED)},
                "date_time_filter": {"updated_at": {"start_at": _written(since)}},
            },
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        }
        with self._asked(paged=cursor):
            answer = self._client.orders.search(
                location_ids=[self._options.location], query=query, limit=_PAGE, **_from(cursor)
            )
        orders = answer.orders or []
        self._learn(
            [x.catalog_object_id for order in orders for x in _lines_of(order)],
        )
        sales, spoilt = [], []
        for order in orders:
            try:
                sales.append(self._receipt(order))
            except (ValueError, TypeError, InvalidOperation, AttributeError):
                spoilt.append(Spoilt(str(order.id), "the order lacks what a sale needs"))
        page = Page(sales=tuple(sales), spoilt=tuple(spoilt))
        return Found(page, answer.cursor or "", _newest(order.updated_at for order in orders))

    def _receipt(self, order: Any) -> Receipt:
        lines = [self._line(row, 1) for row in order.line_items or [] if row.catalog_object_id]
        for back in order.returns or []:
            rows = back.return_line_items or []
            lines += [self._line(row, -1) for row in rows if row.catalog_object_id]
        return Receipt(
            id=order.id,
            at=datetime.fromisoformat(order.closed_at or order.created_at),
            currency=order.total_money.currency if order.total_money else "",
            lines=tuple(lines),
            revision=int(order.version or 0),
            void=order.state == "CANCELED",
        )

    def _line(self, row: Any, sign: int) -> Line:
        key = self._keys.get(row.catalog_object_id) or _Key(row.catalog_object_id, None)
        return Line(
            sku=key.sku,
            quantity=sign * Decimal(row.quantity),
            amount=sign * _money(row.total_money) if row.total_money else None,
            unit=_unit(row.quantity_unit),
            gtin=key.gtin,
        )

    def _stock(self, since: datetime, cursor: str) -> Found:
        with self._asked(paged=cursor):
            pager = self._client.inventory.batch_get_counts(
                location_ids=[self._options.location],
                updated_after=_written(since - _LATE),
                states=["IN_STOCK"],
                limit=_PAGE,
                **_from(cursor),
            )
        rows = pager.items or []
        self._learn([row.catalog_object_id for row in rows])
        levels = []
        for row in rows:
            key = self._keys.get(row.catalog_object_id) or _Key(row.catalog_object_id, None)
            at = datetime.fromisoformat(row.calculated_at)
            levels.append(Level(key.sku, at, Decimal(row.quantity), gtin=key.gtin))
        newest = _newest(row.calculated_at for row in rows)
        cursor = getattr(pager.response, "cursor", None) or ""
        return Found(Page(stock=tuple(levels)), cursor, newest, self._clock())

    def _learn(self, ids: list[str | None]) -> None:
        """Looks up how variations are called that were not met before."""
        unknown = sorted({i for i in ids if i} - set(self._keys))
        if not unknown:
            return
        with self._asked():
            answer = self._client.catalog.batch_get(
                object_ids=unknown, include_deleted_objects=True
            )
        for found in answer.objects or []:
            if getattr(found, "item_variation_data", None) is not None:
                self._keep(found)
        for missing in set(unknown) - set(self._keys):
            self._keys[missing] = _Key(missing, None)

    def _keep(self, variation: Any) -> _Key:
        data = variation.item_variation_data
        key = _Key(data.sku or variation.id, data.upc or None)
        self._keys[variation.id] = key
        return key

    @contextlib.contextmanager
    def _asked(self, *, paged: str = "") -> Iterator[None]:
        """Turns the SDK's errors into the port's; what Square quotes of a record is left out."""
        import httpx  # noqa: PLC0415 - an extra
        from square.core.api_error import ApiError  # noqa: PLC0415 - an extra

        where = f"{self.name} (Square)"
        try:
            yield
        except httpx.HTTPError as error:
            raise TemporaryError(f"no whole answer ({type(error).__name__})", where=where) from None
        except ValueError:
            raise TemporaryError("the answer is no JSON", where=where) from None
        except ApiError as error:
            codes = ", ".join(sorted({str(e.code) for e in error.errors}))
            if paged and "INVALID_CURSOR" in codes:
                raise StalePageError("the page is gone", where=where) from None
            status = error.status_code or 0
            if 200 <= status < 300:  # noqa: PLR2004 - success that could not be parsed
                raise TemporaryError("the answer is no JSON", where=where) from None
            headers = {k.lower(): v for k, v in (error.headers or {}).items()}
            refuse(status, headers, where, codes)


def _client(options: SquareOptions, token: str) -> Square:
    import httpx  # noqa: PLC0415 - an extra
    from square import Square  # noqa: PLC0415 - an extra
    from square.environment import SquareEnvironment  # noqa: PLC0415 - an extra

    place = SquareEnvironment.SANDBOX if options.sandbox else SquareEnvironment.PRODUCTION
    client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False)
    return Square(token=token, environment=place, base_url=options.url, httpx_client=client)


def _from(cursor: str) -> dict[str, Any]:
    """The cursor, and that the sync engine tries again, not the SDK."""
    return {"request_options": {"max_retries": 0}, **({"cursor": cursor} if cursor else {})}


def _lines_of(order: Any) -> list[Any]:
    backs = [x for back in order.returns or [] for x in back.return_line_items or []]
    return [*(order.line_items or []), *backs]


def _money(money: Any) -> Decimal:
    if money.amount is None:
        raise BadDataError("an amount is missing", where="Square")
    return Decimal(money.amount).scaleb(-_PLACES.get(money.currency, 2))


def _unit(unit: Any) -> str:
    measured = unit.measurement_unit if unit else None
    if measured is None:
        return "piece"
    names = (measured.weight_unit, measured.volume_unit, measured.length_unit)
    name = next(filter(None, names), None)
    return _UNITS.get(name or "", name or "custom")


def _newest(times: Iterator[str | None]) -> datetime | None:
    return max((datetime.fromisoformat(t) for t in times if t), default=None)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")

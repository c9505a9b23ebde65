"""Any system that can send a signed webhook (standardwebhooks.com); see docs/connectors.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from aeras.connect.port import (
    BadDataError,
    Connector,
    Context,
    Currency,
    ForgedError,
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
    revision_of,
)
from aeras.domain.errors import InputError
from aeras.domain.secret import read_secret
from aeras.domain.signing import verify_webhook, webhook_key

MOST = 2_000
"""Records in a message."""
Text = Annotated[str, Field(min_length=1, max_length=128)]
Number = Annotated[Decimal, Field(max_digits=20, allow_inf_nan=False)]
T = TypeVar("T")


class WebhookOptions(Options):
    """A webhook's options.

    Attributes:
        secret: ``whsec_...``, shared with the sender; several while it is changed, newest first.
    """

    manifest: ClassVar = Manifest(
        title="Signed webhook",
        owner="AERAS maintainers",
        needs=("A system that sends webhooks as standardwebhooks.com describes",),
        maturity=Maturity.PROVEN,
        tells=("sales", "stock", "items"),
    )
    kind: Literal["webhook"] = "webhook"
    secret: Secret | tuple[Secret, ...]

    def build(self, context: Context) -> Connector:
        """The connector."""
        names = (self.secret,) if isinstance(self.secret, str) else self.secret
        keys = [webhook_key(read_secret(name, context.folder)) for name in names]
        return Webhook(self.id, keys, context)


class _In(BaseModel):
    """What is not named is dropped unread: names, addresses, cards."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class LineIn(_In):
    """See `aeras.connect.port.Line`."""

    sku: Text
    quantity: Number
    amount: Number | None = None
    tax: Number = Decimal(0)
    unit: str = Field(default="piece", max_length=32)
    gtin: str | None = Field(default=None, max_length=128)


class ReceiptIn(_In):
    """See `aeras.connect.port.Receipt`; ``changed`` may stand for ``revision``."""

    id: Text
    at: AwareDatetime
    currency: Currency
    lines: list[LineIn] = Field(default_factory=list, max_length=1000)
    revision: int = Field(default=0, ge=0, lt=2**62)
    changed: AwareDatetime | None = None
    void: bool = False


class LevelIn(_In):
    """See `aeras.connect.port.Level`."""

    sku: Text
    at: AwareDatetime
    quantity: Number
    unit: str = Field(default="piece", max_length=32)
    gtin: str | None = Field(default=None, max_length=128)


class PartIn(_In):
    """One part of a bundle."""

    sku: Text
    quantity: Number


class ProductIn(_In):
    """See `aeras.connect.port.Product`."""

    sku: Text
    name: Text
    category: str = Field(default="", max_length=128)
    gtin: str | None = Field(default=None, max_length=128)
    price: Number | None = None
    currency: Currency | None = None
    replaces: str | None = Field(default=None, max_length=128)
    parts: list[PartIn] = Field(default_factory=list, max_length=100)
    revision: int = Field(default=0, ge=0, lt=2**62)
    gone: bool = False


class Webhook(Connector):
    """Takes what is sent; there is nothing to ask for.

    Args:
        name: Its id.
        keys: Any of them may have signed.
        context: Of the site.
    """

    def __init__(self, name: str, keys: Sequence[bytes], context: Context) -> None:
        self.name = name
        self._keys = keys
        self._clock = context.clock

    def pull(self, cursor: str | None) -> Page:
        """Nothing."""
        return Page(cursor=cursor)

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, url: str) -> Push:
        """What a webhook says; see `Listening`."""
        del url
        return Push(self._signed_by_one(headers, body), read_message(body))

    def _signed_by_one(self, headers: Mapping[str, str], body: bytes) -> str:
        problem: InputError | None = None
        for key in self._keys:
            try:
                return verify_webhook(key, headers, body, self._clock())
            except InputError as error:
                problem = error
        what, todo = (problem.what, problem.todo) if problem else ("there is no secret", "")
        raise ForgedError(what, todo=todo)


def read_message(body: bytes) -> Page:
    """The records of a body; those that cannot be read are told apart. BadDataError if it is no
    JSON object of lists.
    """
    try:
        told = json.loads(body)
    except ValueError:
        raise BadDataError("the webhook is no JSON") from None
    if not isinstance(told, dict):
        raise BadDataError("the webhook is no JSON object with sales, stock or items")
    lists = {name: told.get(name, []) for name in ("sales", "stock", "items")}
    if not all(isinstance(rows, list) for rows in lists.values()):
        raise BadDataError("sales, stock and items of a webhook are lists")
    if sum(map(len, lists.values())) > MOST:
        raise BadDataError(f"a webhook has at most {MOST} records", todo="Send several")
    spoilt: list[Spoilt] = []
    return Page(
        sales=tuple(_each(lists["sales"], "sale", _receipt, spoilt)),
        stock=tuple(_each(lists["stock"], "stock", _level, spoilt)),
        items=tuple(_each(lists["items"], "item", _product, spoilt)),
        spoilt=tuple(spoilt),
    )


def _each(
    rows: list[object], kind: str, read: Callable[[object], T], spoilt: list[Spoilt]
) -> list[T]:
    good = []
    for number, row in enumerate(rows):
        try:
            good.append(read(row))
        except ValidationError as error:
            spoilt.append(_spoilt(row, f"{kind} {number}", error))
    return good


def _spoilt(row: object, place: str, error: ValidationError) -> Spoilt:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    fields = row if isinstance(row, dict) else {}
    name = str(fields.get("id") or fields.get("sku") or place)[:128]
    sample = {k: str(v)[:128] for k, v in fields.items() if isinstance(v, str | int | float)}
    return Spoilt(f"{place.split(maxsplit=1)[0]} {name}", f"{where}: {first['msg']}", sample)


def _receipt(row: object) -> Receipt:
    told = ReceiptIn.model_validate(row)
    return Receipt(
        id=told.id,
        at=told.at,
        currency=told.currency,
        lines=tuple(Line(**line.model_dump()) for line in told.lines),
        revision=revision_of(told.changed) if told.changed else told.revision,
        void=told.void,
    )


def _level(row: object) -> Level:
    return Level(**LevelIn.model_validate(row).model_dump())


def _product(row: object) -> Product:
    told = ProductIn.model_validate(row)
    parts = tuple((part.sku, part.quantity) for part in told.parts)
    return Product(**{**told.model_dump(), "parts": parts})

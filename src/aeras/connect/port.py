"""What a connector is: it reads pages of changes since a cursor, and tells what the source says in
the source's own terms. Everything after that (items, units, currency, times, quarantine, storing)
is `aeras.connect.sync`'s, alike for all.

One connector is one file in this folder; the file's name is its ``kind`` in the site file. It holds
an `Options` class with its `Manifest`, whose `build` makes the connector. Heavy packages (SDKs) are
imported inside the functions that use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from aeras.domain.durations import read_duration
from aeras.domain.errors import AerasError
from aeras.domain.ports import Clock
from aeras.domain.secret import secret_reference

Secret = Annotated[str, AfterValidator(secret_reference)]
"""``${NAME}`` or ``file:PATH``, never the secret itself; read with `domain.secret.read_secret`."""
Duration = Annotated[timedelta, BeforeValidator(read_duration)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Region = Literal[
    "denmark", "estonia", "finland", "germany", "great_britain", "latvia", "lithuania", "norway",
    "sweden",
]  # fmt: skip


# --- what a source tells -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a receipt.

    Attributes:
        sku: The source's own key of the product, as it stands there.
        quantity: In ``unit``; below 0 for goods that came back.
        amount: Of the whole line after discounts, in major units of the receipt's currency; below
            0 for money paid back; None if the source does not tell.
        tax: What comes on top of ``amount``; 0 where ``amount`` includes it.
        unit: ``piece`` or another name that `aeras.connect.units` knows (``kg``, ``g``, ``KGM``).
        gtin: Digits as scanned, where the source tells them.
    """

    sku: str
    quantity: Decimal
    amount: Decimal | None
    tax: Decimal = Decimal(0)
    unit: str = "piece"
    gtin: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """One document of a till: a sale, refund or exchange. Nothing in it says who bought.

    A receipt that is told again with a higher ``revision`` replaces what was stored of it; with
    the same or a lower one it is ignored. So pages may repeat and come in any order.

    Attributes:
        id: Of the document at the source, the same at each telling. A refund that is a document of
            its own has its own id and negative lines; one that changes the sale is a new revision.
        at: When it was sold, with a time zone.
        currency: ISO 4217.
        lines: What is left of it, in the source's order.
        revision: Grows with each change at the source: its version number, or its time of change
            in microseconds (`revision_of`).
        void: It does not count (any more); its lines are dropped.
        simulated: It was made up.
    """

    id: str
    at: datetime
    currency: str
    lines: tuple[Line, ...]
    revision: int = 0
    void: bool = False
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """Units on hand at a moment (with a time zone); of all the shop's places together."""

    sku: str
    at: datetime
    quantity: Decimal
    unit: str = "piece"
    gtin: str | None = None
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """One entry of the source's catalogue.

    Attributes:
        sku: As in `Line`.
        name: Shown to people.
        category: "" if not told.
        gtin: Digits, or None.
        price: Tax included, major units, or None.
        currency: Of the price.
        replaces: An older SKU of the same product.
        parts: For a bundle: SKU and how many pieces of it are in one.
        revision: As in `Receipt`.
        gone: No longer sold.
    """

    sku: str
    name: str
    category: str = ""
    gtin: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    replaces: str | None = None
    parts: tuple[tuple[str, Decimal], ...] = ()
    revision: int = 0
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A record that the connector could not read; it goes into quarantine, the rest is taken.

    Attributes:
        id: Of the record at the source, or its place (``sales.csv:17``).
        why: One plain sentence.
        sample: Fields that help to mend it. Only those of `SAMPLE_FIELDS` are kept.
    """

    id: str
    why: str
    sample: Mapping[str, str] = field(default_factory=dict)


SAMPLE_FIELDS = frozenset(
    {"sku", "gtin", "quantity", "unit", "amount", "currency", "at", "price", "tax", "line"}
)
"""What may be kept of a record that cannot be used: an allow-list, so that no name, address, card
or note of a customer gets in by accident.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes and where to go on. Small enough to hold in memory (about 100 to 5,000 records).

    Attributes:
        sales, stock, items: In any order.
        cursor: Opaque to everyone else; handed to the next `Connector.pull`. It is stored only
            after everything of this page is, so a page may be pulled again: that must be harmless.
        more: Ask again at once; otherwise at the next run.
        spoilt: Records that could not be read.
    """

    sales: tuple[Receipt, ...] = ()
    stock: tuple[Level, ...] = ()
    items: tuple[Product, ...] = ()
    cursor: str | None = None
    more: bool = False
    spoilt: tuple[Spoilt, ...] = ()


def revision_of(changed: datetime) -> int:
    """A `Receipt.revision` from the time of the last change."""
    return int(changed.timestamp() * 1_000_000)


# --- what a connector does ---------------------------------------------------------------------


class Connector(Protocol):
    """Reads one source. Used by one thread at a time. Subclass it for the defaults.

    Attributes:
        name: Its id in the site file.
    """

    name: str

    def pull(self, cursor: str | None) -> Page:
        """The next page of changes; from the beginning if the cursor is None.

        Changes nothing at the source. A page is whole or not there: an answer that breaks off
        raises, and nothing of it is told.

        Raises:
            TemporaryError: Try again later (network, 429, 5xx).
            RevokedError: The source refuses us until a person acts (401, 403).
            BadDataError: The answer as a whole makes no sense.
        """
        ...

    def applied(self, cursor: str | None) -> None:
        """Told after the page with this cursor is stored for good; most need not know."""
        return

    def close(self) -> None:
        """Gives up connections."""
        return


@dataclass(frozen=True, slots=True)
class Push:
    """What a verified webhook said.

    Attributes:
        id: Of the message; told again, it is taken for the same and ignored. "" if it has none.
        page: What it told; its cursor is ignored. With ``more`` the connector is pulled at once:
            for webhooks that only say that something changed.
    """

    id: str
    page: Page


@runtime_checkable
class Listening(Protocol):
    """A connector that also takes webhooks, at ``/api/public/hooks/<its id>``."""

    def verify_webhook(self, headers: Mapping[str, str], body: bytes, url: str) -> Push:
        """What a webhook says.

        May be called while another thread is in `Connector.pull`.

        Args:
            headers: Names in lower case.
            body: As it came, before any parsing: that is what is signed.
            url: The public address it was sent to (some sources sign it too).

        Raises:
            ForgedError: It is not signed with our secret, or too old.
            BadDataError: It is signed, but cannot be read.
        """


# --- what can go wrong -------------------------------------------------------------------------


class FeedError(AerasError):
    """A source cannot be read; see the subclasses."""


class TemporaryError(FeedError):
    """It may work later.

    Args:
        retry_after_s: How long the source asked to wait (Retry-After), None if it did not.
    """

    def __init__(
        self, what: str, *, where: str = "", todo: str = "", retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, where=where, todo=todo)
        self.retry_after_s = retry_after_s


class RevokedError(FeedError):
    """The source refuses our key; nothing is asked again until the site file or secret changes, or
    a person presses retry.
    """


class BadDataError(FeedError):
    """The answer as a whole cannot be understood; tried again at the next run."""


class ForgedError(FeedError):
    """A webhook that does not come from the source."""


# --- what the site file says of it --------------------------------------------------------------


class Maturity(StrEnum):
    """How far a connector is proven."""

    PROVEN = "proven"
    """Tested against the real server or the published format itself."""
    SHAPES = "shapes"
    """Tested against answers recorded or written from the published documentation."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a connector is, for people.

    Attributes:
        title: Product name.
        owner: Who looks after it: "AERAS maintainers".
        needs: What it takes to use it, one short sentence each (account, right, extra to install).
        maturity: See `Maturity`.
        tells: Which of ``sales``, ``stock``, ``items`` it reads.
        package: Import name of an optional package, with the extra that installs it: shown when it
            is missing. "" if none.
        extra: Name of that extra.
    """

    title: str
    owner: str
    needs: tuple[str, ...]
    maturity: Maturity
    tells: tuple[str, ...]
    package: str = ""
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a connector may know of the site.

    Attributes:
        folder: Of the site file: paths and secrets are relative to it.
        clock: UTC.
        timezone: IANA name: what local times without a zone mean.
        currency: The site's, ISO 4217.
    """

    folder: Path
    clock: Clock
    timezone: str
    currency: str


class Options(BaseModel):
    """What every connector can be told.

    Attributes:
        id: Unique among the site's connectors.
        every: Time between two runs.
        since: How far back the first run reads.
        rates: Price of one unit of another currency in the site's: ``{USD: 0.92}``. Sales in a
            currency that is not named are put in quarantine.
        skus: Item id by the source's SKU, where it is not the item's id, GTIN or a mapping that
            the catalogue tells.
        bundles: For each SKU of a bundle, how many of which SKU are in it.
        packs: Pieces in one of a unit of the source: ``{CT: 12}``.
        region: Country whose rules the shop's own codes on weighed goods follow (codes that begin
            with 02 or 2, with the weight or price in them).
        add_items: Products that the site file does not list become items of the site. Otherwise
            their sales are kept, but they stand on no page.
        simulated: Everything it tells is made up.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    manifest: ClassVar[Manifest]

    id: Id
    every: Duration = timedelta(minutes=5)
    since: Duration = timedelta(days=30)
    rates: dict[Currency, Decimal] = Field(default_factory=dict)
    skus: dict[str, Id] = Field(default_factory=dict)
    bundles: dict[str, dict[str, Decimal]] = Field(default_factory=dict)
    packs: dict[str, Decimal] = Field(default_factory=dict)
    region: Region | None = None
    add_items: bool = False
    simulated: bool = False

    def build(self, context: Context) -> Connector:
        """The connector; ConfigError for a secret or package that is not there."""
        raise NotImplementedError

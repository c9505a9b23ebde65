"""From what a source tells to what is kept: each line becomes sales, or goes into quarantine with
its reason. Nothing is stored here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aeras.connect.catalog import Catalogue
from aeras.connect.codes import scan
from aeras.connect.money import hundredths, rate_to, shared_out
from aeras.connect.port import SAMPLE_FIELDS, Level, Line, Options, Page, Receipt, Spoilt
from aeras.connect.units import in_base
from aeras.domain.feeds import Booked, Held, Reason
from aeras.domain.kept import Origin, Sale, Stock

SKEW = timedelta(minutes=5)
"""A sale this far ahead is taken for one of now: clocks differ. Further ahead it is held."""
MOST = Decimal(1_000_000)
"""Units in a line or on hand; a larger number is a mistake."""
MOST_MONEY = Decimal(100_000_000)
_DEEPEST = 5
_LONGEST_FIELD = 128


@dataclass(frozen=True, slots=True)
class Place:
    """The site, as far as it matters here.

    Attributes:
        site: Its id.
        currency: ISO 4217.
        grain: Sales are kept to this time grain, as events are: a till's second would point to one
            shopper.
    """

    site: str
    currency: str
    grain: timedelta


@dataclass(slots=True)
class Taken:
    """What a page comes to.

    Attributes:
        booked: Receipts with their usable lines.
        held: What is not usable, by the receipt's hash where it belongs to one.
        stock: Levels.
        clamped: Sales of a moment ahead that were set to now.
        latest: Newest time of a sale, None without one.
    """

    booked: list[Booked] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    stock: list[Stock] = field(default_factory=list)
    clamped: int = 0
    latest: datetime | None = None


class UnusableError(Exception):
    """Why a line cannot be used; stays within this room."""

    def __init__(self, reason: Reason, note: str = "") -> None:
        super().__init__(note)
        self.reason, self.note = reason, note


class Intake:
    """Translates the pages of one source.

    Args:
        options: Of the connector.
        catalogue: Of the source.
        place: The site.
    """

    def __init__(self, options: Options, catalogue: Catalogue, place: Place) -> None:
        self._options = options
        self._catalogue = catalogue
        self._place = place

    def read(self, page: Page, now: datetime) -> Taken:
        """What a page comes to at a moment (UTC)."""
        taken = Taken()
        for receipt in page.sales:
            self._receipt(receipt, now, taken)
        for level in page.stock:
            self._level(level, now, taken)
        for spoilt in page.spoilt:
            taken.held.append(self._spoilt(spoilt, now))
        return taken

    def again(self, row: Held, now: datetime) -> tuple[list[Sale], list[Stock]]:
        """A record from quarantine; UnusableError if it still cannot be used."""
        fields = row.fields
        at = datetime.fromisoformat(fields["at"])
        simulated = fields.get("simulated") == "1"
        if row.kind == "stock":
            level = Level(
                fields["sku"],
                at,
                Decimal(fields["quantity"]),
                fields.get("unit", ""),
                fields.get("gtin"),
                simulated,
            )
            return [], [self._stock(level, now)]
        amount = fields.get("amount")
        line = Line(
            fields["sku"],
            Decimal(fields["quantity"]),
            None if amount is None else Decimal(amount),
            Decimal(fields.get("tax", "0")),
            fields.get("unit", ""),
            fields.get("gtin"),
        )
        when, _ = _not_ahead(at, now)
        sales = self._sales(
            line, f"{row.document}:{row.line}", when, fields["currency"], simulated=simulated
        )
        return list(sales), []

    def _receipt(self, receipt: Receipt, now: datetime, taken: Taken) -> None:
        document = document_id(self._options.id, receipt.id)
        simulated = receipt.simulated or self._options.simulated
        sales: list[Sale] = []
        if receipt.at.tzinfo is None:
            what = "the connector tells a time without a zone"
            taken.held.append(self._spoilt(Spoilt(document, what), now))
            return
        at = receipt.at.astimezone(UTC)
        for number, line in enumerate(() if receipt.void else receipt.lines):
            try:
                when, moved = _not_ahead(at, now)
                name = f"{document}:{number}"
                sales += self._sales(line, name, when, receipt.currency, simulated=simulated)
                taken.clamped += moved
            except UnusableError as problem:
                fields = _line_fields(line, receipt, at, number, simulated=simulated)
                row = self._held("sale", document, problem, fields, now)
                taken.held.append(replace(row, revision=receipt.revision, line=number))
        at = min(at, now)
        taken.booked.append(
            Booked(document, receipt.revision, _floor(at, self._place.grain), tuple(sales))
        )
        if sales:
            taken.latest = at if taken.latest is None else max(taken.latest, at)

    def _sales(
        self, line: Line, name: str, at: datetime, currency: str, *, simulated: bool
    ) -> Iterator[Sale]:
        """The sales of a line, several for a bundle; UnusableError if it cannot be used."""
        code = scan(line.gtin or line.sku, self._options.region)
        quantity = self._quantity(line, code.weight_kg if code else None)
        amount = line.amount
        if amount is None and code is not None:
            amount = code.price
        rate = rate_to(self._place.currency, currency, self._options.rates)
        if rate is None:
            raise UnusableError(
                Reason.WRONG_CURRENCY, f"{currency}, but the site's is {self._place.currency}"
            )
        parts = self._parts(line.sku, line.gtin, quantity, at)
        total = self._total(amount, line.tax, rate, parts)
        shares = [total] if len(parts) == 1 else shared_out(total, self._worth(parts))
        for number, (item, units) in enumerate(parts):
            yield Sale(
                id=name if len(parts) == 1 else f"{name}.{number}",
                at=_floor(at, self._place.grain),
                site=self._place.site,
                item=item,
                quantity=float(units),
                amount=shares[number],
                currency=self._place.currency,
                origin=_origin(simulated=simulated),
            )

    def _quantity(self, line: Line, weight_kg: Decimal | None) -> Decimal:
        if not (line.quantity.is_finite() and abs(line.quantity) <= MOST):
            raise UnusableError(Reason.BAD_NUMBER, "the quantity makes no sense")
        if weight_kg and abs(line.quantity) == 1 and line.unit == "piece":
            return weight_kg * line.quantity
        quantity = in_base(line.quantity, line.unit, self._options.packs)
        if quantity is None:
            raise UnusableError(Reason.UNKNOWN_UNIT, f"unit {line.unit!r}")
        return quantity

    def _total(
        self, amount: Decimal | None, tax: Decimal, rate: Decimal, parts: list[tuple[str, Decimal]]
    ) -> int:
        """What was paid, in hundredths of the site's currency; the list price if nobody says."""
        if amount is None:
            prices = [(self._catalogue.price_of(item), units) for item, units in parts]
            if any(price is None for price, _ in prices):
                raise UnusableError(Reason.NO_AMOUNT)
            return int(sum((price or 0) * units for price, units in prices))
        whole = amount + tax
        if not (whole.is_finite() and abs(whole) <= MOST_MONEY):
            raise UnusableError(Reason.BAD_NUMBER, "the amount makes no sense")
        return hundredths(whole * rate)

    def _worth(self, parts: list[tuple[str, Decimal]]) -> list[Decimal]:
        """By what a bundle's price is shared out: list prices, or pieces if one is not known."""
        priced = [(units, self._catalogue.price_of(item)) for item, units in parts]
        known = [abs(units) * price for units, price in priced if price]
        return known if len(known) == len(parts) else [abs(units) for units, _ in priced]

    def _parts(
        self, sku: str, gtin: str | None, quantity: Decimal, at: datetime, deep: int = 0
    ) -> list[tuple[str, Decimal]]:
        """Items and units; a bundle is taken apart, and bundles in it too."""
        if deep > _DEEPEST:
            raise UnusableError(Reason.BUNDLE_LOOP, f"bundle {sku!r} holds itself")
        made_of = self._catalogue.parts_of(sku)
        if made_of:
            return [
                found
                for part, pieces in made_of
                for found in self._parts(part, None, pieces * quantity, at, deep + 1)
            ]
        item = self._catalogue.item_of(sku, gtin, at)
        if item is None:
            raise UnusableError(Reason.UNKNOWN_ITEM)
        return [(item, quantity)]

    def _level(self, level: Level, now: datetime, taken: Taken) -> None:
        try:
            taken.stock.append(self._stock(level, now))
        except UnusableError as problem:
            at = level.at if level.at.tzinfo else level.at.replace(tzinfo=UTC)
            fields = _fields(
                sku=level.sku,
                gtin=level.gtin,
                quantity=level.quantity,
                unit=level.unit,
                at=at.astimezone(UTC).isoformat(),
                simulated="1" if level.simulated or self._options.simulated else None,
            )
            document = document_id(self._options.id, f"{level.sku}\n{at.isoformat()}")
            taken.held.append(self._held("stock", document, problem, fields, now))

    def _stock(self, level: Level, now: datetime) -> Stock:
        if level.at.tzinfo is None:
            raise UnusableError(Reason.UNREADABLE, "the connector tells a time without a zone")
        if not (level.quantity.is_finite() and abs(level.quantity) <= MOST):
            raise UnusableError(Reason.BAD_NUMBER, "the quantity makes no sense")
        if level.quantity < 0:
            raise UnusableError(Reason.NEGATIVE_STOCK, f"{level.quantity} on hand")
        quantity = in_base(level.quantity, level.unit, self._options.packs)
        if quantity is None:
            raise UnusableError(Reason.UNKNOWN_UNIT, f"unit {level.unit!r}")
        at, _ = _not_ahead(level.at.astimezone(UTC), now)
        item = self._catalogue.item_of(level.sku, level.gtin, at)
        if item is None:
            raise UnusableError(Reason.UNKNOWN_ITEM)
        simulated = level.simulated or self._options.simulated
        return Stock(at, self._place.site, item, float(quantity), _origin(simulated=simulated))

    def _spoilt(self, spoilt: Spoilt, now: datetime) -> Held:
        known = {k: v for k, v in spoilt.sample.items() if k in SAMPLE_FIELDS}
        problem = UnusableError(Reason.UNREADABLE, spoilt.why)
        return self._held("record", spoilt.id, problem, _fields(**known), now)

    def _held(
        self,
        kind: str,
        document: str,
        problem: UnusableError,
        fields: Mapping[str, str],
        now: datetime,
    ) -> Held:
        return Held(
            source=self._options.id,
            kind=kind,
            document=document,
            revision=0,
            line=0,
            reason=problem.reason,
            note=problem.note,
            fields=fields,
            since=now,
        )


def document_id(source: str, receipt: str) -> str:
    """What a receipt is kept under: a hash, so that no number on a paper leads to it."""
    return hashlib.sha256(f"{source}\n{receipt}".encode()).hexdigest()[:24]


def _line_fields(
    line: Line, receipt: Receipt, at: datetime, number: int, *, simulated: bool
) -> dict[str, str]:
    return _fields(
        sku=line.sku,
        gtin=line.gtin,
        quantity=line.quantity,
        unit=line.unit,
        amount=line.amount,
        tax=line.tax,
        currency=receipt.currency,
        at=at.isoformat(),
        line=number,
        simulated="1" if simulated else None,
    )


def _fields(**values: object) -> dict[str, str]:
    return {name: str(v)[:_LONGEST_FIELD] for name, v in values.items() if v is not None}


def _not_ahead(at: datetime, now: datetime) -> tuple[datetime, int]:
    """The moment, or now if it is a little ahead, and whether that was so; UnusableError if it is
    far ahead.
    """
    if at <= now:
        return at, 0
    if at - now > SKEW:
        ahead = (at - now).total_seconds() / 60
        raise UnusableError(Reason.FUTURE, f"{ahead:.0f} min ahead of this computer's clock")
    return now, 1


def _floor(at: datetime, grain: timedelta) -> datetime:
    step = grain.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // step * step, UTC) if step else at


def _origin(*, simulated: bool) -> Origin:
    return Origin.SIMULATED if simulated else Origin.CAMERA

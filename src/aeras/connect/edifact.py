"""EDIFACT sales reports (SLSRPT) and inventory reports (INVRPT) in a folder.

Syntax: ISO 9735, with UNA and release characters. Segments and codes: UN/EDIFACT directories and
GS1's EANCOM guides. Names and addresses (NAD, CTA, COM) are passed over unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import ClassVar, Literal, TextIO
from zoneinfo import ZoneInfo

from aeras.connect.port import (
    Connector,
    Context,
    Level,
    Line,
    Manifest,
    Maturity,
    Page,
    Receipt,
    Spoilt,
)
from aeras.connect.watching import Watched, WatchOptions
from aeras.domain.errors import InputError

LINES = 2_000
"""Items of a page."""
_CHUNK = 1 << 16
_LONGEST_SEGMENT = 1 << 16
_TAIL = 512

SOLD, RETURNED = ("153",), ("61",)
ON_HAND = ("145", "17")
PRICES = ("AAE", "AAB", "AAA")
SALE_TIMES = ("356", "90", "91", "324", "137")
STOCK_TIMES = ("366", "179", "7", "194", "137")
CANCELLED = "1"
READ = frozenset(("UNB", "UNH", "BGM", "CUX", "LOC", "DTM", "LIN", "PIA", "QTY", "MOA", "PRI"))
"""Tags of the segments that are read; each has its method."""
_FORMATS = {"102": "%Y%m%d", "203": "%Y%m%d%H%M", "204": "%Y%m%d%H%M%S", "718": "%Y%m%d"}


class EdifactOptions(WatchOptions):
    """An EDIFACT folder's options.

    Attributes:
        location: This shop's GLN or code (LOC); needed where a report tells of several.
    """

    manifest: ClassVar = Manifest(
        title="EDIFACT reports (SLSRPT, INVRPT)",
        owner="AERAS maintainers",
        needs=("A folder that the EDI software writes to",),
        maturity=Maturity.PROVEN,
        tells=("sales", "stock"),
    )
    kind: Literal["edifact"] = "edifact"
    location: str | None = None

    def build(self, context: Context) -> Connector:
        """The connector."""
        return Watched(self, EdifactReader(self, context), context)


Segment = tuple[str, list[list[str]]]
"""Its tag, and its elements as lists of components."""


@dataclass(frozen=True, slots=True)
class Signs:
    """The service characters (UNA)."""

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str = "?"
    end: str = "'"


def segments(path: Path) -> Iterator[Segment]:
    """The segments of an interchange, one at a time; InputError if it is none."""
    with path.open(encoding="latin-1", newline="") as file:
        head = file.read(9).lstrip("\ufeff")
        signs = Signs()
        if head.startswith("UNA"):
            signs = Signs(head[3], head[4], head[5], head[6], head[8])
            head = ""
        elif not head.startswith("UNB"):
            raise InputError("the file does not begin with UNA or UNB: it is no EDIFACT")
        for text in _raw(file, head, signs):
            elements = [_split(part, signs.component, signs) for part in
                        _split(text, signs.element, signs, keep=True)]  # fmt: skip
            yield elements[0][0].strip(), elements[1:]


def _raw(file: TextIO, head: str, signs: Signs) -> Iterator[str]:
    """Segments as they stand, without their end sign."""
    release, end = re.escape(signs.release), re.escape(signs.end)
    whole = re.compile(rf"((?:[^{release}{end}]|{release}.)*){end}", re.DOTALL)
    text = head
    while True:
        chunk = file.read(_CHUNK)
        text += chunk
        place = 0
        while match := whole.match(text, place):
            if match[1].strip():
                yield match[1].strip("\r\n")
            place = match.end()
        text = text[place:]
        if len(text) > _LONGEST_SEGMENT:
            raise InputError(f"a segment is longer than {_LONGEST_SEGMENT} characters")
        if not chunk:
            if text.strip():
                raise InputError("the file breaks off within a segment")
            return


def _split(text: str, sign: str, signs: Signs, *, keep: bool = False) -> list[str]:
    """Parts of a text; released signs part nothing. ``keep``: release signs stay for later."""
    parts, part, released = [], "", False
    for char in text:
        if released:
            part += (signs.release if keep else "") + char
            released = False
        elif char == signs.release:
            released = True
        elif char == sign:
            parts.append(part)
            part = ""
        else:
            part += char
    return [*parts, part]


def _at(elements: Sequence[Sequence[str]], element: int, component: int = 0) -> str:
    """A component, "" if it is not there."""
    found = elements[element] if element < len(elements) else ()
    return found[component].strip() if component < len(found) else ""


@dataclass(slots=True)
class _Item:
    """One LIN group."""

    number: str
    gtin: str
    sku: str = ""
    quantities: dict[str, tuple[str, str]] = field(default_factory=dict)
    amount: str = ""
    prices: dict[str, str] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True)
class _Message:
    """What holds for the LIN groups that follow."""

    kind: str = ""
    document: str = ""
    cancelled: bool = False
    currency: str = ""
    place: str = ""
    times: dict[str, datetime] = field(default_factory=dict)
    here: dict[str, datetime] = field(default_factory=dict)
    item: _Item | None = None


class EdifactReader:
    """Reads interchanges; implements `FileReader`.

    Args:
        options: Of the connector.
        context: Of the site.
    """

    def __init__(self, options: EdifactOptions, context: Context) -> None:
        self._options = options
        self._zone = ZoneInfo(context.timezone)
        self._currency = context.currency

    def pages(self, path: Path, start: int) -> Iterator[tuple[Page, int]]:
        """Pages from an item on."""
        if not _ends(path):
            raise InputError("the interchange has no end (UNZ): it was cut off")
        reading = _Reading(self._options, self._zone, self._currency, path.name)
        found: list[Receipt | Level | Spoilt] = []
        number = 0
        for segment in segments(path):
            for record in reading.take(segment):
                number += 1
                if number > start:
                    found.append(record)
            if len(found) >= LINES:
                yield _page(found), number
                found = []
        if found:
            yield _page(found), number


class _Reading:
    """Goes through one interchange."""

    def __init__(self, options: EdifactOptions, zone: ZoneInfo, currency: str, name: str) -> None:
        self._options, self._zone, self._name = options, zone, name
        self._default = currency
        self._sender, self._revision = "", 0
        self._message = _Message()
        self._places: set[str] = set()

    def take(self, segment: Segment) -> Iterator[Receipt | Level | Spoilt]:
        """The record that this segment completes, if any."""
        tag, elements = segment
        message = self._message
        if message.item and (tag in {"LIN", "UNT"} or (tag == "LOC" and message.kind == "SLSRPT")):
            item, message.item = message.item, None
            yield from self._record(item)
        if tag in READ:
            getattr(self, f"_{tag.lower()}")(elements)

    def _unb(self, elements: list[list[str]]) -> None:
        self._sender = _at(elements, 1)
        made = _at(elements, 3) + _at(elements, 3, 1)
        self._revision = int(made) if made.isdecimal() and made.isascii() else 0

    def _unh(self, elements: list[list[str]]) -> None:
        self._message = _Message(kind=_at(elements, 1))
        if self._message.kind not in {"SLSRPT", "INVRPT"}:
            raise InputError(
                f"a message of type {self._message.kind or '?'}; expected SLSRPT or INVRPT"
            )

    def _bgm(self, elements: list[list[str]]) -> None:
        self._message.document = _at(elements, 1)
        self._message.cancelled = _at(elements, 2) == CANCELLED

    def _cux(self, elements: list[list[str]]) -> None:
        self._message.currency = _at(elements, 0, 1)

    def _loc(self, elements: list[list[str]]) -> None:
        self._message.place = _at(elements, 1)
        self._message.here = {}
        self._places.add(self._message.place)
        if len(self._places) > 1 and self._options.location is None:
            raise InputError(
                f"it tells of several places ({', '.join(sorted(self._places))}). "
                "Name this shop's under the connector's location"
            )

    def _dtm(self, elements: list[list[str]]) -> None:
        moment = self._moment(_at(elements, 0, 1), _at(elements, 0, 2))
        message = self._message
        if moment is None:
            return
        if message.item:
            times = message.item.times
        else:
            times = message.here if message.place else message.times
        times[_at(elements, 0)] = moment

    def _lin(self, elements: list[list[str]]) -> None:
        self._message.item = _Item(_at(elements, 0), _at(elements, 2))

    def _pia(self, elements: list[list[str]]) -> None:
        if self._message.item and not self._message.item.sku:
            self._message.item.sku = _at(elements, 1)

    def _qty(self, elements: list[list[str]]) -> None:
        if self._message.item:
            told = _at(elements, 0, 1), _at(elements, 0, 2) or "PCE"
            self._message.item.quantities[_at(elements, 0)] = told

    def _moa(self, elements: list[list[str]]) -> None:
        if self._message.item and _at(elements, 0) == "203":
            self._message.item.amount = _at(elements, 0, 1)
            self._message.currency = _at(elements, 0, 2) or self._message.currency

    def _pri(self, elements: list[list[str]]) -> None:
        if self._message.item:
            self._message.item.prices[_at(elements, 0)] = _at(elements, 0, 1)

    def _record(self, item: _Item) -> Iterator[Receipt | Level | Spoilt]:
        message = self._message
        wanted = self._options.location
        if wanted is not None and message.place and message.place != wanted:
            return
        make = self._sale if message.kind == "SLSRPT" else self._level
        try:
            yield from make(item)
        except ValueError as error:
            place = f"{self._name}:{message.document}:{item.number}"
            yield Spoilt(place, str(error), {"sku": item.sku, "gtin": item.gtin})

    def _sale(self, item: _Item) -> Iterator[Receipt]:
        message = self._message
        at = self._time(item, SALE_TIMES)
        sold = [
            (sign, *item.quantities[code])
            for sign, codes in ((1, SOLD), (-1, RETURNED))
            for code in codes
            if code in item.quantities
        ]
        if not sold:
            raise ValueError("no quantity sold (QTY 153) or returned (61)")
        price = next((item.prices[code] for code in PRICES if code in item.prices), "")
        lines = []
        for sign, text, unit in sold:
            quantity = _number(text, "quantity") * sign
            amount = None
            if item.amount and len(sold) == 1:
                amount = abs(_number(item.amount, "amount")) * (1 if quantity >= 0 else -1)
            elif price:
                amount = _number(price, "price") * quantity
            lines.append(Line(item.sku or item.gtin, quantity, amount, unit=unit, gtin=item.gtin))
        name = f"{self._sender}/{message.document}/{message.place}/{at.isoformat()}/{item.number}"
        currency = message.currency or self._default
        yield Receipt(name, at, currency, tuple(lines), self._revision, void=message.cancelled)

    def _level(self, item: _Item) -> Iterator[Level]:
        code = next((code for code in ON_HAND if code in item.quantities), None)
        if code is None:
            raise ValueError("no stock on hand (QTY 145 or 17)")
        text, unit = item.quantities[code]
        sku = item.sku or item.gtin
        at = self._time(item, STOCK_TIMES)
        yield Level(sku, at, _number(text, "quantity"), unit, item.gtin or None)

    def _time(self, item: _Item, codes: Sequence[str]) -> datetime:
        if not (item.gtin or item.sku):
            raise ValueError("no article number (LIN or PIA)")
        times = {**self._message.times, **self._message.here, **item.times}
        found = next((times[code] for code in codes if code in times), None)
        if found is None:
            raise ValueError(f"no time (DTM {', '.join(codes)})")
        return found

    def _moment(self, text: str, code: str) -> datetime | None:
        """A time; of a day its noon, of a period the noon of its last day."""
        written = _FORMATS.get(code or "102")
        if written is None:
            return None
        text = text.rpartition("-")[2] if code == "718" else text
        try:
            at = datetime.strptime(text, written)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None
        at = at.replace(hour=12) if written == "%Y%m%d" else at
        return at.replace(tzinfo=self._zone).astimezone(UTC)


def _number(text: str, what: str) -> Decimal:
    plain = text.replace(",", ".")
    if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)", plain, re.ASCII):
        raise ValueError(f"the {what} {text[:40]!r} is no number")
    return Decimal(plain)


def _ends(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        return b"UNZ" in file.read()


def _page(records: Sequence[Receipt | Level | Spoilt]) -> Page:
    return Page(
        sales=tuple(r for r in records if isinstance(r, Receipt)),
        stock=tuple(r for r in records if isinstance(r, Level)),
        spoilt=tuple(r for r in records if isinstance(r, Spoilt)),
    )

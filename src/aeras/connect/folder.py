"""CSV and Parquet files in a folder: what tills, ERPs and spreadsheets export."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, Literal
from zoneinfo import ZoneInfo

from aeras.connect.port import (
    Connector,
    Context,
    Level,
    Line,
    Manifest,
    Maturity,
    Page,
    Product,
    Receipt,
    Spoilt,
)
from aeras.connect.watching import Watched, WatchOptions
from aeras.domain.errors import InputError

ROWS = 5_000
"""Rows of a page: what is in memory at once."""
_SAMPLE_ROWS = 300
_LONGEST_ROW = 1 << 20
_REMEMBERED = 100_000
_MICRO = 1_000

Meaning = Literal["receipt", "at", "time", "sku", "gtin", "quantity", "unit", "amount", "tax",
                  "currency", "name", "category", "price"]  # fmt: skip
COLUMNS: dict[Meaning, tuple[str, ...]] = {
    "receipt": ("receipt", "receipt id", "order", "order id", "transaction", "bon", "bonnr",
                "belegnummer", "beleg"),
    "at": ("at", "datetime", "timestamp", "date", "sold at", "datum", "zeitpunkt", "verkauft am"),
    "time": ("time", "uhrzeit", "zeit"),
    "sku": ("sku", "item", "product", "article", "plu", "artikel", "artikelnummer", "artikelnr"),
    "gtin": ("gtin", "ean", "barcode", "upc"),
    "quantity": ("quantity", "qty", "units", "menge", "anzahl", "stock", "on hand", "bestand"),
    "unit": ("unit", "uom", "einheit"),
    "amount": ("amount", "total", "gross", "value", "betrag", "umsatz", "brutto", "summe"),
    "tax": ("tax", "vat", "steuer", "mwst"),
    "currency": ("currency", "waehrung", "währung"),
    "name": ("name", "description", "title", "bezeichnung", "artikelbezeichnung"),
    "category": ("category", "group", "kategorie", "warengruppe"),
    "price": ("price", "unit price", "preis", "vk"),
}  # fmt: skip
"""Headers that are understood without being told, by what they mean."""
NEEDED = {
    "sales": ("at", "quantity"),
    "stock": ("at", "quantity"),
    "items": ("name",),
}


class FolderOptions(WatchOptions):
    """A folder's options.

    Attributes:
        tells: What the files hold.
        columns: Header by meaning, where it is none of `COLUMNS`.
        dates: Format of the dates as in Python's strptime (``%d.%m.%Y %H:%M``); found out if not
            told.
        decimal: Sign before the decimals; found out if not told.
        delimiter: Between columns; found out if not told.
        encoding: Found out if not told (UTF-8, else Windows-1252).
        net: Amounts and prices are without tax (for ``amount``, the column ``tax`` is added).
    """

    manifest: ClassVar = Manifest(
        title="CSV and Parquet files in a folder",
        owner="AERAS maintainers",
        needs=("A folder that the till or ERP exports to",),
        maturity=Maturity.PROVEN,
        tells=("sales", "stock", "items"),
    )
    kind: Literal["folder"] = "folder"
    tells: Literal["sales", "stock", "items"] = "sales"
    columns: dict[Meaning, str] = {}  # noqa: RUF012 - pydantic copies it
    dates: str | None = None
    decimal: Literal[",", "."] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    encoding: str | None = None
    net: bool = False

    def build(self, context: Context) -> Connector:
        """The connector."""
        return Watched(self, FolderReader(self, context), context)


class UnreadableError(Exception):
    """Why a row cannot be read; stays within this room."""


@dataclass(frozen=True, slots=True)
class _Forms:
    """How a file writes numbers and dates."""

    decimal: str
    dates: str | None


class FolderReader:
    """Reads CSV and Parquet; implements `FileReader`.

    Args:
        options: Of the connector.
        context: Of the site.
    """

    def __init__(self, options: FolderOptions, context: Context) -> None:
        self._options = options
        self._zone = ZoneInfo(context.timezone)
        self._currency = context.currency

    def pages(self, path: Path, start: int) -> Iterator[tuple[Page, int]]:
        """Pages from a byte (CSV) or row (Parquet) on."""
        is_parquet = path.suffix.lower() == ".parquet"
        rows, places, forms = self._parquet(path) if is_parquet else self._csv(path)
        row = _Row(self, path.name, places, forms, path.stat().st_mtime_ns // _MICRO)
        # Rows without a receipt are told apart by how many of their kind came before: that has to
        # be counted anew after a restart.
        skipped = start if row.has_receipts else 0
        for page, after in self._paged(rows(skipped), row):
            if after > start:
                yield page, after

    def _parquet(self, path: Path) -> _Opened:
        places = self._places(_parquet_columns(path))
        forms = _Forms(self._options.decimal or ".", self._options.dates)
        return partial(_parquet_rows, path), places, forms

    def _csv(self, path: Path) -> _Opened:
        dialect = _Dialect.of(path, self._options)
        places = self._places(dialect.header)
        forms = self._forms(dialect.sample, places)
        return lambda start: _csv_rows(path, max(start, dialect.first), dialect), places, forms

    def _places(self, header: Sequence[str]) -> dict[str, int]:
        """Column by meaning; InputError if one is missing."""
        names = [_plain(name) for name in header]
        found: dict[str, int] = {}
        for meaning, usual in COLUMNS.items():
            named = self._options.columns.get(meaning)
            wanted = (_plain(named),) if named else usual
            place = next((names.index(name) for name in wanted if name in names), None)
            if place is not None and place not in found.values():
                found[meaning] = place
            elif named:
                raise InputError(f"there is no column {named!r}; it has {', '.join(header)}")
        needed = NEEDED[self._options.tells]
        missing = [meaning for meaning in needed if meaning not in found]
        if not {"sku", "gtin"} & found.keys():
            missing.append("sku")
        if missing:
            raise InputError(
                f"no column is known for {', '.join(missing)}; it has {', '.join(header)[:300]}. "
                "Name them under the connector's columns"
            )
        return found

    def _forms(self, sample: Sequence[Sequence[str]], places: Mapping[str, int]) -> _Forms:
        def values(*meanings: str) -> list[str]:
            columns = [places[meaning] for meaning in meanings if meaning in places]
            return [row[c].strip() for row in sample for c in columns if c < len(row) and row[c]]

        decimal = self._options.decimal or _decimal_of(values("quantity", "amount", "tax", "price"))
        dates = self._options.dates
        if dates is None and "at" in places:
            dates = _dates_of(values("at"))
        return _Forms(decimal, dates)

    def _paged(self, rows: Iterator[_Numbered], row: _Row) -> Iterator[tuple[Page, int]]:
        """Whole pages; one receipt never stands in two."""
        batch: list[_Numbered] = []
        told = _Told()
        for numbered in rows:
            if len(batch) >= ROWS and not row.continues(batch[-1], numbered):
                yield row.page(batch, told), batch[-1].after
                batch = []
            batch.append(numbered)
        if batch:
            yield row.page(batch, told), batch[-1].after


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A row: its line in the file, its cells, the position after it; ``broken`` if it is none."""

    number: int
    cells: Sequence[Any]
    after: int
    broken: str = ""


_Opened = tuple[Callable[[int], Iterator[_Numbered]], dict[str, int], _Forms]
"""Rows from a position on, column by meaning, how numbers and dates are written."""


class _Told:
    """What a file told so far, as far as it matters further on; of bounded size."""

    def __init__(self) -> None:
        self._closed: dict[str, None] = {}
        self._counts: dict[str, int] = {}

    def close(self, receipts: Iterable[str]) -> None:
        """These receipts are told."""
        self._closed.update(dict.fromkeys(receipts))
        _shrink(self._closed)

    def closed(self, receipt: str) -> bool:
        """Whether that receipt was told."""
        return receipt in self._closed

    def count(self, row: str) -> int:
        """How often rows of this content have come, with this one."""
        self._counts[row] = found = self._counts.pop(row, 0) + 1
        _shrink(self._counts)
        return found


def _shrink(known: dict[str, Any]) -> None:
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]


class _Row:
    """Makes records of the rows of one file."""

    def __init__(
        self,
        reader: FolderReader,
        name: str,
        places: Mapping[str, int],
        forms: _Forms,
        changed: int,
    ) -> None:
        self._options, self._zone = reader._options, reader._zone
        self._currency = reader._currency
        self._name = name
        self._places = places
        self._forms = forms
        self._changed = changed

    def continues(self, last: _Numbered, row: _Numbered) -> bool:
        """Whether a row belongs to the receipt of the one before it."""
        known = self.has_receipts and not (last.broken or row.broken)
        return known and self._text(last, "receipt") == self._text(row, "receipt") != ""

    @property
    def has_receipts(self) -> bool:
        """Whether rows name the receipt they belong to."""
        return self._options.tells == "sales" and "receipt" in self._places

    def page(self, rows: Sequence[_Numbered], told: _Told) -> Page:
        """The records of some rows."""
        spoilt: list[Spoilt] = []
        make: dict[str, Callable[[], Page]] = {
            "sales": lambda: Page(sales=tuple(self._receipts(rows, told, spoilt))),
            "stock": lambda: Page(stock=tuple(self._each(rows, self._level, spoilt))),
            "items": lambda: Page(items=tuple(self._each(rows, self._product, spoilt))),
        }
        page = make[self._options.tells]()
        return Page(page.sales, page.stock, page.items, spoilt=tuple(spoilt))

    def _each(
        self, rows: Sequence[_Numbered], make: Callable[[_Numbered], Any], spoilt: list[Spoilt]
    ) -> Iterator[Any]:
        for row in rows:
            try:
                yield make(row)
            except UnreadableError as error:
                spoilt.append(self._spoilt(row, str(error)))

    def _receipts(
        self, rows: Sequence[_Numbered], told: _Told, spoilt: list[Spoilt]
    ) -> Iterator[Receipt]:
        found: dict[str, list[tuple[datetime, str, Line]]] = {}
        for row, (name, at, currency, line) in self._each(rows, self._sale, spoilt):
            if not name:
                # A row without a receipt is its own, known by what it says and which of such.
                key = f"{at.isoformat()} {line.sku} {line.quantity} {line.amount}"
                name = f"{key} #{told.count(key)}"  # noqa: PLW2901
            elif told.closed(name):
                spoilt.append(self._spoilt(row, _SCATTERED))
                continue
            found.setdefault(name, []).append((at, currency, line))
        if self.has_receipts:
            told.close(found)
        for name, lines in found.items():
            at, currency, _ = lines[0]
            yield Receipt(name, at, currency, tuple(line for *_, line in lines), self._changed)

    def _sale(self, row: _Numbered) -> tuple[_Numbered, tuple[str, datetime, str, Line]]:
        amount = self._number(row, "amount")
        tax = self._number(row, "tax") if self._options.net else None
        line = Line(
            self._sku(row),
            self._needed(row, "quantity"),
            amount,
            tax or Decimal(0),
            self._text(row, "unit") or "piece",
            self._text(row, "gtin") or None,
        )
        currency = self._text(row, "currency").upper() or self._currency
        return row, (self._text(row, "receipt"), self._at(row), currency, line)

    def _level(self, row: _Numbered) -> Level:
        return Level(
            self._sku(row),
            self._at(row),
            self._needed(row, "quantity"),
            self._text(row, "unit") or "piece",
            self._text(row, "gtin") or None,
        )

    def _product(self, row: _Numbered) -> Product:
        name = self._text(row, "name")
        if not name:
            raise UnreadableError("the name is missing")
        return Product(
            self._sku(row),
            name,
            self._text(row, "category"),
            self._text(row, "gtin") or None,
            self._number(row, "price"),
            self._text(row, "currency").upper() or None,
            revision=self._changed,
        )

    def _sku(self, row: _Numbered) -> str:
        found = self._text(row, "sku") or self._text(row, "gtin")
        if not found:
            raise UnreadableError("the SKU is missing")
        return found

    def _needed(self, row: _Numbered, meaning: str) -> Decimal:
        found = self._number(row, meaning)
        if found is None:
            raise UnreadableError(f"the {meaning} is missing")
        return found

    def _number(self, row: _Numbered, meaning: str) -> Decimal | None:
        value = self._value(row, meaning)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return Decimal(str(value))
        try:
            return read_number(value, self._forms.decimal)
        except InvalidOperation:
            raise UnreadableError(f"the {meaning} {value[:40]!r} is no number") from None

    def _at(self, row: _Numbered) -> datetime:
        value = self._value(row, "at")
        clock = self._text(row, "time")
        try:
            at = _moment(value, clock, self._forms.dates)
        except ValueError:
            raise UnreadableError(f"the time {str(value)[:40]!r} cannot be read") from None
        return (at if at.tzinfo else at.replace(tzinfo=self._zone)).astimezone(UTC)

    def _text(self, row: _Numbered, meaning: str) -> str:
        value = self._value(row, meaning)
        return "" if value is None else str(value).strip()

    def _value(self, row: _Numbered, meaning: str) -> Any:
        if row.broken:
            raise UnreadableError(row.broken)
        place = self._places.get(meaning)
        return row.cells[place] if place is not None and place < len(row.cells) else None

    def _spoilt(self, row: _Numbered, why: str) -> Spoilt:
        sample = {m: self._text(row, m) for m in self._places if not row.broken}
        return Spoilt(f"{self._name}:{row.number}", why, {**sample, "line": str(row.number)})


_SCATTERED = (
    "the receipt goes on after others have come; sort the export by receipt, or it counts as told"
)


def read_number(text: str, decimal: str) -> Decimal:
    """A number as people write it: ``1.234,50``, ``1 234.5``, ``12-``, ``3,99 €``.

    Raises:
        InvalidOperation: It is none.
    """
    plain = re.sub(r"[\s\u00a0\u202f'\u2019]|[€$£¥]|[A-Z]{3}", "", text)
    if plain.endswith("-"):
        plain = "-" + plain[:-1]
    plain = plain.replace("." if decimal == "," else ",", "").replace(decimal, ".")
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", plain, re.ASCII):
        raise InvalidOperation(text)
    return Decimal(plain)


def _decimal_of(values: Sequence[str]) -> str:
    """The sign before the decimals; InputError if it cannot be told."""
    votes, doubtful = set(), ""
    for value in values:
        signs = re.sub(r"[^.,]", "", value)
        if len(set(signs)) == 2:  # noqa: PLR2004 - both: the last is the decimal one
            votes.add(signs[-1])
        elif len(signs) == 1 and not re.search(r"[1-9]\d{0,2}[.,]\d{3}\b", value):
            votes.add(signs)
        elif len(signs) == 1:
            doubtful = value
        elif signs:
            votes.add("," if signs[0] == "." else ".")  # several of one sign part thousands
    if len(votes) > 1:
        raise InputError(
            "some numbers have a decimal comma and some a decimal point. Set the connector's "
            "decimal"
        )
    if not votes and doubtful:
        raise InputError(
            f"{doubtful!r} may be a thousand or a decimal. Set the connector's decimal"
        )
    return votes.pop() if votes else "."


_DAY_FIRST, _MONTH_FIRST = "%d/%m/%Y", "%m/%d/%Y"


def _dates_of(values: Sequence[str]) -> str | None:
    """The order of day and month of dates with slashes; None for dates that tell it themselves."""
    pairs = [match for value in values if (match := re.match(r"(\d{1,2})/(\d{1,2})/\d{4}", value))]
    if not pairs:
        return None
    over = {n for n in (1, 2) if any(int(match[n]) > 12 for match in pairs)}  # noqa: PLR2004 - months
    if len(over) != 1:
        raise InputError(
            f"in {pairs[0][0]!r} day and month cannot be told apart. Set the connector's dates "
            f"({_DAY_FIRST} or {_MONTH_FIRST})"
        )
    return _DAY_FIRST if over == {1} else _MONTH_FIRST


def _moment(value: Any, clock: str, dates: str | None) -> datetime:
    """A date and time as written or typed; ValueError if it is none."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.fromisoformat(clock) if clock else time(12))
    text = f"{value or ''} {clock}".strip()
    if dates in (_DAY_FIRST, _MONTH_FIRST):
        day, _, rest = text.partition(" ")
        return _with_time(datetime.strptime(day, dates), rest)  # noqa: DTZ007 - the zone follows
    if dates:
        return datetime.strptime(text, dates)  # noqa: DTZ007
    if match := re.match(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2}),?\s*", text):
        year = int(match[3]) + (2000 if len(match[3]) == 2 else 0)  # noqa: PLR2004
        return _with_time(datetime(year, int(match[2]), int(match[1])), text[match.end() :])  # noqa: DTZ001
    at = datetime.fromisoformat(text)
    return at.replace(hour=12) if len(text) <= len("2026-01-01") else at


def _with_time(day: datetime, text: str) -> datetime:
    """A day at a time of day; noon if none is told."""
    return datetime.combine(day.date(), time.fromisoformat(text.strip()) if text else time(12))


def _plain(name: str) -> str:
    return re.sub(r"[\s_.-]+", " ", name.strip().lower()).strip()


# --- files ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How a CSV file is written: its header, the byte and line where the rows begin, some rows."""

    delimiter: str
    encoding: str
    header: list[str]
    first: int
    sample: list[list[str]]

    @staticmethod
    def of(path: Path, options: FolderOptions) -> _Dialect:
        """Finds it out; InputError if that fails."""
        with path.open("rb") as file:
            lines = [line for _, line in zip(range(_SAMPLE_ROWS), _lines(file), strict=False)]
        if not lines or not lines[0].strip():
            raise InputError("the file is empty")
        if lines[0].startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in lines[0]:
            raise InputError("the file is UTF-16 or no text. Export it as UTF-8")
        encoding = options.encoding or _encoding(b"".join(lines))
        texts = [line.decode(encoding, "replace").lstrip("\ufeff") for line in lines]
        delimiter = options.delimiter or _delimiter(texts[0])
        rows = [_cells(text, delimiter) for text in texts]
        return _Dialect(delimiter, encoding, rows[0], len(lines[0]), rows[1:])


def _encoding(sample: bytes) -> str:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return "utf-8" if error.start > len(sample) - 4 else "cp1252"
    return "utf-8"


def _delimiter(header: str) -> str:
    counts = {sign: len(_cells(header, sign)) for sign in (";", "\t", "|", ",")}
    best = max(counts, key=lambda sign: counts[sign])
    if counts[best] < 2:  # noqa: PLR2004 - one column is no table
        raise InputError(f"its first line has one column only: {header.strip()[:80]!r}")
    return best


def _cells(text: str, delimiter: str) -> list[str]:
    return next(csv.reader([text], delimiter=delimiter), [])


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Rows as bytes: a quoted cell may hold line ends. Never more than `_LONGEST_ROW` at once."""
    row = b""
    while line := file.readline(_LONGEST_ROW):
        row += line
        if row.count(b'"') % 2 and len(row) < _LONGEST_ROW:
            continue
        yield row
        row = b""
    if row:
        yield row


def _csv_rows(path: Path, start: int, dialect: _Dialect) -> Iterator[_Numbered]:
    with path.open("rb") as file:
        file.seek(start)
        after = start
        for number, line in enumerate(_lines(file), start=2):
            after += len(line)
            if not line.strip(b" \t\r\n;,|"):
                continue
            place = number if start == dialect.first else after
            yield _numbered(place, line, after, dialect)


def _numbered(place: int, line: bytes, after: int, dialect: _Dialect) -> _Numbered:
    try:
        cells = _cells(line.decode(dialect.encoding), dialect.delimiter)
    except UnicodeDecodeError:
        return _Numbered(place, (), after, f"it is not {dialect.encoding}. Set its encoding")
    except csv.Error as error:
        return _Numbered(place, (), after, f"it is no row of a table ({error})")
    if len(cells) < len(dialect.header) - 1:
        what = f"it has {len(cells)} columns, the header {len(dialect.header)}"
        return _Numbered(place, (), after, what)
    return _Numbered(place, cells, after)


def _parquet(path: Path) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid:
        raise InputError("the file is no whole Parquet file") from None


def _parquet_columns(path: Path) -> list[str]:
    with _parquet(path) as file:
        names: list[str] = file.schema_arrow.names
        return names


def _parquet_rows(path: Path, start: int) -> Iterator[_Numbered]:
    with _parquet(path) as file:
        at, groups = 0, []
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            if at + rows > start:
                groups.append(group)
            elif not groups:
                at += rows
                continue
        number = at
        for batch in file.iter_batches(ROWS, row_groups=groups) if groups else ():
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                number += 1
                if number > start:
                    yield _Numbered(number, cells, number)

"""Planograms: which item stands at which facing, in versions that follow each other in time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from stdnum import ean

from aeras.domain.errors import InputError
from aeras.domain.ports import Apart, ShelfSpan
from aeras.domain.shelves import joined
from aeras.domain.shop import Item

COLUMNS = ("version", "valid_from", "valid_to", "facing", "item", "promotion")
"""Of the CSV file that is written; a file that is read may have ``gtin`` beside or for ``item``,
and may lack the times and ``promotion``.
"""
YES, NO = frozenset({"yes", "true", "1"}), frozenset({"", "no", "false", "0"})

Span = tuple[datetime | None, datetime | None]
"""From and to (UTC), the latter no longer in it; None: as long as the version is valid."""
MAX_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a planogram file; texts as they stand there, "" where nothing does."""

    line: int
    version: str
    valid_from: str
    valid_to: str
    facing: str
    item: str
    gtin: str = ""
    promotion: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version.

    Attributes:
        id: Named by every event that happens while it is valid.
        valid_from: First moment (UTC), or None: since ever.
        valid_to: First moment (UTC) at which it is no longer valid, or None: until further notice.
        items: Item id of each facing; None where nothing stands.
        promotions: Facings whose item is on promotion, and when.
    """

    id: str
    valid_from: datetime | None
    valid_to: datetime | None
    items: Mapping[str, str | None]
    promotions: Mapping[str, Span] = field(default_factory=dict)

    def holds(self, at: datetime) -> bool:
        """Whether it is valid at a moment."""
        begun = self.valid_from is None or self.valid_from <= at
        return begun and (self.valid_to is None or at < self.valid_to)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong, with the line of the file (from 1; 0 for the whole of it)."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Known:
    """What the site has: the ids a planogram may name."""

    facings: frozenset[str]
    items: Mapping[str, Item]

    def by_gtin(self) -> dict[str, str]:
        """Item id of each GTIN, as 14 digits."""
        return {item.gtin.zfill(14): item.id for item in self.items.values() if item.gtin}


# --- reading ------------------------------------------------------------------------------------


def read_rows(text: str, *, where: str) -> list[Row]:
    """Rows of a CSV file, or of JSON: a list of objects with the same names.

    Raises:
        InputError: It is neither, has no rows, or lacks a column.
    """
    text = text.removeprefix("\ufeff")
    rows = list(
        _json_rows(text, where) if text.lstrip()[:1] in {"[", "{"} else _csv_rows(text, where)
    )
    if not rows or len(rows) > MAX_ROWS:
        raise InputError(
            f"{len(rows)} rows, expected 1 to {MAX_ROWS}",
            where=where,
            todo="`aeras planogram export` writes a file of the right shape",
        )
    return rows


def _csv_rows(text: str, where: str) -> Iterator[Row]:
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=";" if ";" in head else ",")
    _check_columns(reader.fieldnames or (), where)
    for row in reader:
        if any(value for value in row.values() if isinstance(value, str)):
            yield _row(row, reader.line_num)


def _json_rows(text: str, where: str) -> Iterator[Row]:
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"not valid JSON: {error.msg}", where=f"{where}:{error.lineno}", todo="Correct it"
        ) from None
    rows = data.get("rows") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError("not a list of rows", where=where, todo="Write [{...}, {...}]")
    _check_columns(rows[0] if rows else (), where)
    for number, row in enumerate(rows, start=1):
        yield _row(row, number)


def _check_columns(names: Any, where: str) -> None:
    missing = [name for name in ("version", "facing") if name not in names]
    if "item" not in names and "gtin" not in names:
        missing.append("item (or gtin)")
    if missing:
        raise InputError(
            f"the column {missing[0]} is missing",
            where=where,
            todo=f"The columns are {', '.join(COLUMNS)}; gtin may stand beside or for item",
        )


def _row(values: Mapping[str, Any], line: int) -> Row:
    def text(name: str) -> str:
        value = values.get(name)
        return "" if value is None else str(value).strip()

    return Row(line, text("version"), text("valid_from"), text("valid_to"), text("facing"),
               text("item"), text("gtin"), text("promotion"))  # fmt: skip


def versions_of(
    rows: Sequence[Row], known: Known, timezone: str
) -> tuple[list[Version], list[Fault]]:
    """The versions of a file in their order in time, and everything that is wrong with it.

    Dates without a time begin at midnight in the shop's time zone.
    """
    faults: list[Fault] = []
    found: dict[str, Version] = {}
    first_line: dict[str, int] = {}
    zone, gtins = ZoneInfo(timezone), known.by_gtin()
    for name in dict.fromkeys(row.version for row in rows):
        own = [row for row in rows if row.version == name]
        first_line[name] = own[0].line
        faults += _name_faults(own[0])
        moments = [
            _moment(text, own[0].line, zone, faults)
            for text in (own[0].valid_from, own[0].valid_to)
        ]
        faults += [
            Fault(
                row.line, f"version {name!r} has two spans of time: all its rows must name the same"
            )
            for row in own
            if (row.valid_from, row.valid_to) != (own[0].valid_from, own[0].valid_to)
        ][:1]
        items: dict[str, str | None] = {}
        promotions: dict[str, Span] = {}
        for row in own:
            item = _item(row, known, gtins, faults)
            faults += _facing_faults(row, items, known)
            items[row.facing] = item
            promoted = _promotion(row, zone, faults)
            if promoted is not None:
                promotions[row.facing] = promoted
        found[name] = Version(name, moments[0], moments[1], items, promotions)
    ordered = sorted(found.values(), key=lambda v: (v.valid_from is not None, v.valid_from or 0))
    return ordered, faults + _time_faults(ordered, first_line)


def _name_faults(row: Row) -> list[Fault]:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", row.version):
        return []
    what = f"{row.version!r} is no name for a version: expected 1 to 64 letters, digits or dashes"
    return [Fault(row.line, what)]


def _moment(text: str, line: int, zone: ZoneInfo, faults: list[Fault]) -> datetime | None:
    if not text:
        return None
    try:
        if len(text) <= len("2026-01-31"):
            day = date.fromisoformat(text)
            moment = datetime(day.year, day.month, day.day, tzinfo=zone)
        else:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
    except ValueError:
        faults.append(Fault(line, f"{text!r} is no date: expected 2026-01-31 or 2026-01-31T08:00"))
        return None
    return moment.astimezone(UTC)


def _promotion(row: Row, zone: ZoneInfo, faults: list[Fault]) -> Span | None:
    """When the row's item is on promotion; None if it is not."""
    text = row.promotion.lower()
    if text in NO:
        return None
    if not (row.item or row.gtin):
        faults.append(Fault(row.line, "nothing stands there, so that nothing is on promotion"))
        return None
    if text in YES:
        return None, None
    if text.count("/") != 1:
        what = f"{row.promotion!r} is no promotion: expected yes, no or 2026-01-31/2026-02-07"
        faults.append(Fault(row.line, what))
        return None
    begins, ends = (_moment(part, row.line, zone, faults) for part in row.promotion.split("/"))
    if begins and ends and ends <= begins:
        faults.append(Fault(row.line, f"the promotion {row.promotion} ends before it begins"))
    return begins, ends


def _facing_faults(row: Row, before: Mapping[str, str | None], known: Known) -> list[Fault]:
    if row.facing not in known.facings:
        return [Fault(row.line, f"the site has no facing {row.facing!r}")]
    if row.facing in before:
        return [Fault(row.line, f"facing {row.facing!r} stands twice in version {row.version!r}")]
    return []


def _item(row: Row, known: Known, gtins: Mapping[str, str], faults: list[Fault]) -> str | None:
    def fault(what: str) -> str | None:
        faults.append(Fault(row.line, what))
        return row.item or None

    if row.item and row.item not in known.items:
        return fault(f"the site has no item {row.item!r}")
    return _by_gtin(row, known, gtins, fault) if row.gtin else row.item or None


def _by_gtin(
    row: Row, known: Known, gtins: Mapping[str, str], fault: Callable[[str], str | None]
) -> str | None:
    if not ean.is_valid(row.gtin):
        return fault(f"{row.gtin!r} is not a GTIN: its length or its check digit is wrong")
    item = gtins.get(row.gtin.zfill(14))
    if item is None:
        if row.item and known.items[row.item].gtin is None:
            return row.item
        return fault(f"no item of the site has the GTIN {row.gtin}")
    if row.item and row.item != item:
        return fault(f"the GTIN {row.gtin} belongs to item {item!r}, not to {row.item!r}")
    return item


def _time_faults(versions: Sequence[Version], lines: Mapping[str, int]) -> list[Fault]:
    faults = [
        Fault(lines[v.id], f"version {v.id!r} ends before it begins")
        for v in versions
        if v.valid_from and v.valid_to and v.valid_to <= v.valid_from
    ]
    for earlier, later in pairwise(versions):
        pair = f"versions {earlier.id!r} and {later.id!r}"
        line = lines[later.id]
        if (
            earlier.valid_to is None
            or later.valid_from is None
            or later.valid_from < earlier.valid_to
        ):
            faults.append(Fault(line, f"{pair} are valid at the same time"))
        elif earlier.valid_to < later.valid_from:
            gap = f"{_short(earlier.valid_to)} to {_short(later.valid_from)}"
            faults.append(Fault(line, f"no version is valid from {gap} UTC, between {pair}"))
    return faults


def _short(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def missing_facings(versions: Sequence[Version], known: Known) -> list[str]:
    """Sentences on facings of which a version says nothing, not even that they are empty."""
    return [
        f"version {version.id!r} says nothing on facing {facing!r}; an empty item says that "
        "nothing stands there"
        for version in versions
        for facing in sorted(known.facings - set(version.items))
    ]


def valid_at(versions: Sequence[Version], at: datetime) -> Version | None:
    """The version that is valid at a moment, or None."""
    return next((version for version in versions if version.holds(at)), None)


def next_change(versions: Sequence[Version], after: datetime) -> datetime | None:
    """The next moment at which another version (or none) becomes valid, or None."""
    edges = [m for v in versions for m in (v.valid_from, v.valid_to) if m and m > after]
    return min(edges, default=None)


# --- adding, comparing, writing ---------------------------------------------------------------


def added(old: Sequence[Version], new: Sequence[Version], *, where: str) -> list[Version]:
    """Old and new versions together; the last old one that is open ends where the first new begins.

    Raises:
        InputError: A version of that name is kept already with other content.
    """
    kept = {version.id: version for version in old}
    fresh = []
    for version in new:
        same = kept.get(version.id)
        if same is None:
            fresh.append(version)
        elif (dict(same.items), dict(same.promotions)) != (
            dict(version.items),
            dict(version.promotions),
        ):
            raise InputError(
                f"version {version.id!r} is kept already with other items or promotions; events "
                "name it",
                where=where,
                todo="Give the new version a name of its own",
            )
    begins = min((v.valid_from for v in fresh if v.valid_from), default=None)
    closed = [
        replace(v, valid_to=begins)
        if v.valid_to is None and begins and (v.valid_from is None or v.valid_from < begins)
        else v
        for v in old
    ]
    return [*closed, *fresh]


@dataclass(frozen=True, slots=True)
class Change:
    """A facing whose item, or whether it is on promotion, differs between two versions; None where
    nothing stands.
    """

    facing: str
    before: str | None
    after: str | None
    promoted: tuple[bool, bool] = (False, False)


def compare(before: Version, after: Version) -> list[Change]:
    """What moves between two versions, by facing."""
    facings = sorted({*before.items, *after.items})
    changes = (
        Change(
            f,
            before.items.get(f),
            after.items.get(f),
            (f in before.promotions, f in after.promotions),
        )
        for f in facings
    )
    return [c for c in changes if c.before != c.after or c.promoted[0] != c.promoted[1]]


def promoted_spans(
    versions: Sequence[Version], since: datetime, until: datetime
) -> list[ShelfSpan]:
    """When items were on promotion at any of their facings, within [since, until)."""
    found = []
    for version in versions:
        for facing, (begins, ends) in version.promotions.items():
            start = max(moment for moment in (version.valid_from, begins, since) if moment)
            end = min(moment for moment in (version.valid_to, ends, until) if moment)
            item = version.items.get(facing)
            if item is not None and start < end:
                found.append(ShelfSpan(item, start, end, Apart.PROMOTED))
    return joined(found)


def rows_of(
    versions: Sequence[Version], items: Mapping[str, Item], timezone: str
) -> list[dict[str, str]]:
    """Rows as they are written, with the GTIN beside each item."""
    zone = ZoneInfo(timezone)
    return [
        {
            "version": version.id,
            "valid_from": _written(version.valid_from, zone),
            "valid_to": _written(version.valid_to, zone),
            "facing": facing,
            "item": item or "",
            "promotion": _span_written(version.promotions.get(facing), zone),
            "gtin": (items[item].gtin or "") if item and item in items else "",
        }
        for version in versions
        for facing, item in version.items.items()
    ]


def _span_written(span: Span | None, zone: ZoneInfo) -> str:
    if span is None:
        return ""
    begins, ends = span
    return f"{_written(begins, zone)}/{_written(ends, zone)}" if begins or ends else "yes"


def _written(at: datetime | None, zone: ZoneInfo) -> str:
    if at is None:
        return ""
    local = at.astimezone(zone)
    midnight = local - timedelta(hours=local.hour, minutes=local.minute) == local
    return local.date().isoformat() if midnight and not local.second else local.isoformat()


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """A CSV file of `rows_of`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, (*COLUMNS, "gtin"), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_json(rows: Sequence[Mapping[str, str]]) -> str:
    """A JSON file of `rows_of`, one row a line."""
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    return f"[\n{lines}\n]\n"

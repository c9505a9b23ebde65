"""What pages show, as tables for other programs: CSV and Parquet. Every number comes from the board
and so has passed the privacy gate.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from aeras.domain.noisy import COLUMNS, NoisyTable
from aeras.domain.ports import Board
from aeras.domain.published import Numbers, Rate
from aeras.serve.periods import Period

FORMS = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
"""File endings and media types."""

Row = dict[str, object]
Columns = Mapping[str, Any]
"""Arrow type by column name."""

_COUNTS = (
    *("visits", "dwells", "reaches", "takes", "put_backs"),
    *("misplaced", "knocked_over", "handled"),
)
_RATES = ("rejection", "hesitation", "positive", "unclear")
_NUMBERS: Columns = {
    **dict.fromkeys(_COUNTS, pa.int64()),
    **{f"{name}{end}": pa.float64() for name in _RATES for end in ("", "_low", "_high")},
    "coverage": pa.float64(),
    "simulated": pa.float64(),
}
_AT = pa.timestamp("s", tz="UTC")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def about(board: Board, period: Period, now: datetime) -> dict[str, object]:
    """What a reader of the tables has to know."""
    return {
        "site": board.shop.id,
        "first_day": period.first.isoformat(),
        "last_day": period.last.isoformat(),
        "timezone": board.shop.timezone,
        "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "k": board.k,
        "empty": "An empty cell is withheld: fewer than k visits (or answers) stand behind it.",
        "rates": "Shares of `handled`, with their 95 % interval (`_low`, `_high`).",
        "simulated": "Share of the records that come from a simulation, 0 to 1.",
    }


def render(name: str, form: str, board: Board, period: Period) -> bytes:
    """One of `TABLES` as a file of one of `FORMS`."""
    columns, rows = TABLES[name]
    return table_file(form, columns, rows(board, period))


def render_noisy(form: str, table: NoisyTable) -> bytes:
    """A table with noise as a file."""
    counts = COLUMNS[table.kind]
    columns = {
        table.by: pa.string(),
        **dict.fromkeys(counts, pa.int64()),
        "margin": pa.float64(),
        "epsilon": pa.float64(),
        "simulated": pa.bool_(),
    }
    same = {"margin": table.margin, "epsilon": table.epsilon, "simulated": table.simulated}
    rows: list[Row] = [{table.by: key, **row, **same} for key, row in table.rows.items()]
    return table_file(form, columns, rows)


def table_file(form: str, columns: Columns, rows: Sequence[Row]) -> bytes:
    """Rows as a file of one of `FORMS`."""
    if form == "csv":
        return _csv(columns, rows)
    held = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=pa.schema(list(columns.items()))), held)
    return held.getvalue()


def _csv(columns: Columns, rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue().encode("utf-8")


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula gets a mark before it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


def _numbers(numbers: Numbers) -> Row:
    found: Row = {name: getattr(numbers, name, None) for name in _COUNTS}
    found["handled"] = numbers.rejection.n if numbers.rejection else None
    for name in _RATES:
        found |= rate_cells(name, getattr(numbers, name))
    return found | {"coverage": numbers.coverage, "simulated": numbers.simulated}


def rate_cells(name: str, rate: Rate | None) -> Row:
    """A rate and the ends of its interval, empty where it is withheld."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {
        f"{name}{end}": round(getattr(rate, field), 4) if rate else None
        for end, field in ends.items()
    }


def _totals(board: Board, period: Period) -> list[Row]:
    found = board.totals(period.since, period.until)
    return [{"site": board.shop.id, **_numbers(found.numbers), "answers": found.answers}]


def _items(board: Board, period: Period) -> list[Row]:
    return [
        {
            "item": row.id,
            "name": row.name,
            "category": row.category,
            "gtin": row.gtin,
            **_numbers(row.numbers),
            "sold": row.sold,
            "answers": row.answers,
        }
        for row in board.items(period.since, period.until)
    ]


def _facings(board: Board, period: Period) -> list[Row]:
    return [
        {"facing": row.id, "fixture": row.fixture, "item": row.item, **_numbers(row.numbers)}
        for row in board.facings(period.since, period.until)
    ]


def _timeline(board: Board, period: Period) -> list[Row]:
    points = board.timeline(period.since, period.until)
    return [{"at": point.at, **_numbers(point.numbers)} for point in points]


def _surveys(board: Board, period: Period) -> list[Row]:
    found = []
    for item in board.shop.items:
        survey = board.survey(item.id)
        ratings = survey.ratings or (None,) * 5
        found.append(
            {
                "item": item.id,
                "answers": survey.answers,
                **rate_cells("rating", survey.rating),
                **{f"rated_{n}": count for n, count in enumerate(ratings, 1)},
                "choices": "; ".join(f"{code}: {n}" for code, n in survey.choices or ()) or None,
                "simulated": survey.simulated,
            }
        )
    return found


def _quotes(board: Board, period: Period) -> list[Row]:
    return [
        {"item": item.id, "text": text, "simulated": survey.simulated}
        for item in board.shop.items
        for survey in [board.survey(item.id)]
        for text in survey.quotes
    ]


def _findings(board: Board, period: Period) -> list[Row]:
    return [
        {
            "opened_at": row.opened_at.replace(microsecond=0),
            "rule": row.rule,
            "item": row.item,
            "state": str(row.state),
            "origin": str(row.origin),
            "evidence": "; ".join(row.evidence),
        }
        for row in board.triggers()
        if period.since <= row.opened_at < period.until
    ]


_TEXT = pa.string()
_OF_ITEM: Columns = dict.fromkeys(("item", "name", "category", "gtin"), _TEXT)
_RATING: Columns = {f"rating{end}": pa.float64() for end in ("", "_low", "_high")}
_RATED: Columns = {f"rated_{n}": pa.int64() for n in range(1, 6)}
_LAST: Columns = {"choices": _TEXT, "simulated": pa.float64()}

TABLES: Mapping[str, tuple[Columns, Callable[[Board, Period], list[Row]]]] = {
    "totals": ({"site": _TEXT, **_NUMBERS, "answers": pa.int64()}, _totals),
    "items": ({**_OF_ITEM, **_NUMBERS, "sold": pa.float64(), "answers": pa.int64()}, _items),
    "facings": ({**dict.fromkeys(("facing", "fixture", "item"), _TEXT), **_NUMBERS}, _facings),
    "timeline": ({"at": _AT, **_NUMBERS}, _timeline),
    "surveys": ({"item": _TEXT, "answers": pa.int64(), **_RATING, **_RATED, **_LAST}, _surveys),
    "quotes": ({"item": _TEXT, "text": _TEXT, "simulated": pa.float64()}, _quotes),
    "findings": (
        {
            "opened_at": _AT,
            **dict.fromkeys(("rule", "item", "state", "origin", "evidence"), _TEXT),
        },
        _findings,
    ),
}
"""What can be exported. Survey figures are those of all answers that may be shown."""

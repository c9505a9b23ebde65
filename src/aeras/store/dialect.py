"""DuckDB's SQL in the words of another engine."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal

import sqlglot

Dialect = Literal["postgres", "clickhouse"]
_MARKS = {"postgres": re.compile("%s"), "clickhouse": re.compile(r"\{\?: \}")}


@cache
def translated(sql: str, dialect: Dialect) -> str:
    """One statement, with ``%s`` for each value in its order.

    Raises:
        ValueError: The statement has another number of values than before: a translation that
            moves or doubles them would bind the wrong ones.
    """
    wanted = sql.count("?")
    [out] = sqlglot.transpile(sql, read="duckdb", write=dialect)
    made, found = _MARKS[dialect].subn("%s", out)
    if found != wanted:
        raise ValueError(f"{found} values instead of {wanted}: {out}")
    return made

"""Answers one SQL question over tables it is handed, in a process of its own, and ends.

Started by `aeras.serve.bi` without environment. It reads nothing but its standard input: DuckDB in
memory, whose doors to files, network and extensions are shut and locked, under limits of the
operating system on memory and time, because DuckDB's own do not count every list and string.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
from typing import Any

import duckdb
import pyarrow as pa

MEMORY = 2 << 30
"""Bytes of address space, libraries included."""
CPU_S = 10
ROWS = 10_000
TEXT = 20_000_000
"""Characters of an answer."""
_SHUT = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "allow_community_extensions": False,
    "temp_directory": "",
    "memory_limit": "256MB",
    "threads": 1,
}


def main() -> None:
    """Reads {sql, tables: {name: base64 of an Arrow stream}}, writes the answer or {error}."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    asked = json.load(sys.stdin)
    try:
        told = answer(asked["sql"], asked["tables"])
        text = json.dumps(told, default=str)
        if len(text) > TEXT:
            text = json.dumps({"error": "the answer is too long; add LIMIT or fewer columns"})
    except duckdb.Error as error:
        text = json.dumps({"error": str(error).split("\n\n")[0][:500]})
    except (MemoryError, pa.ArrowMemoryError):
        text = json.dumps({"error": "the question needs more memory than it may have"})
    sys.stdout.write(text)


def answer(sql: str, tables: dict[str, str]) -> dict[str, Any]:
    """Columns, types and rows of one SELECT."""
    config: dict[str, Any] = dict(_SHUT)
    con = duckdb.connect(":memory:", config=config)
    for name, stream in tables.items():
        batch = pa.ipc.open_stream(base64.b64decode(stream)).read_all()
        con.register("given", batch)
        con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM given')  # noqa: S608 - our own names
        con.unregister("given")
    con.execute("SET lock_configuration = true")
    statements = con.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        return {"error": "expected one SELECT, and nothing else"}
    result = con.execute(statements[0])
    rows = result.fetchmany(ROWS + 1)
    return {
        "columns": [column[0] for column in result.description],
        "types": [str(column[1]) for column in result.description],
        "rows": rows[:ROWS],
        "cut": len(rows) > ROWS,
    }


if __name__ == "__main__":
    main()

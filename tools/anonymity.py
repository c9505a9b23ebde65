"""Checks exported tables with pyCANON: k-anonymity, l-diversity and t-closeness of their cells.

pyCANON pins old versions of numpy and pandas, so that it runs in an environment of its own:
``make anonymity`` simulates a shop as if its visits had been real, exports it, and calls this.

A published table is turned back into what somebody could read out of it: one line a counted visit
or handling, with where and when (the quasi-identifiers) and how it was taken (the sensitive
attribute).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path

PLACES = {"totals": "site", "items": "item", "facings": "facing", "timeline": "at"}
COUNTS = ("visits", "dwells", "reaches", "takes", "put_backs", "misplaced", "knocked_over")
LABELS = {"rejected": "rejection", "hesitant": "hesitation", "positive": "positive"}


def lines(folder: Path) -> Iterator[dict[str, str]]:
    """One line a counted record; handlings with their reading, all others with "-"."""
    for table, place in PLACES.items():
        with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as held:
            for row in csv.DictReader(held):
                where = {"table": table, "place": row[place]}
                for measure in COUNTS:
                    for _ in range(int(row[measure] or 0)):
                        yield {**where, "measure": measure, "reading": "-"}
                for reading, count in _readings(row):
                    for _ in range(count):
                        yield {**where, "measure": "handled", "reading": reading}


def _readings(row: dict[str, str]) -> Iterator[tuple[str, int]]:
    handled = int(row["handled"] or 0)
    left = handled
    for reading, column in LABELS.items():
        count = round(float(row[column] or 0) * handled)
        left -= count
        yield reading, count
    yield "other", left


def main() -> None:
    """Prints the figures of one or more exports as JSON, a line each."""
    import pandas as pd  # noqa: PLC0415 - in pyCANON's environment only
    from pycanon import anonymity  # noqa: PLC0415

    quasi = ["table", "place", "measure"]
    for name in sys.argv[1:]:
        data = pd.DataFrame(lines(Path(name)))
        handled = data[data["measure"] == "handled"].reset_index(drop=True)
        figures = {
            "export": name,
            "lines": len(data),
            "k_anonymity": int(anonymity.k_anonymity(data, quasi)),
            "l_diversity": int(anonymity.l_diversity(handled, quasi, ["reading"])),
            "t_closeness": round(float(anonymity.t_closeness(handled, quasi, ["reading"])), 3),
        }
        print(json.dumps(figures))


if __name__ == "__main__":
    main()

"""Figures of the connectors to tills and ERPs: storms, and how soon Tryton's changes are known.

    python benchmarks/tills.py

Starts the servers that the tests start (a real Tryton, four that speak published APIs). Prints one
JSON line each.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from aeras.connect.port import Context, FeedError  # noqa: E402
from tests.support.chaos_proxy import chaos  # noqa: E402
from tests.support.reading import Book  # noqa: E402
from tests.support.shapes import Truth, serving  # noqa: E402
from tests.support.shop_links import ENVIRONMENT, LINKS  # noqa: E402

SEEDS = range(20)


def storm(kind: str) -> dict[str, object]:
    """Lives through storms; how often the totals were those of the truth in the end."""
    api, options = LINKS[kind]
    right, faults, orders = 0, Counter[str](), 0
    for seed in SEEDS:
        truth = Truth(seed)
        with serving(api, truth) as server, chaos(server.url, seed) as proxy:
            clock = lambda truth=truth: truth.now  # noqa: E731
            context = Context(Path(), clock, "Europe/Berlin", "EUR")
            connector = options(proxy.url).build(context)
            book = Book()
            for _ in range(12):
                truth.live(6)
                for _ in range(2):
                    try:
                        book.read(connector)
                    except FeedError:
                        continue
            proxy.share = 0.0
            truth.now += timedelta(seconds=3)
            book.read(connector)
            book.read(connector)
            connector.close()
            faults += proxy.done
            orders += len(truth.orders)
            sold = {sku: float(units) for sku, units in book.sold().items() if units}
            right += sold == truth.sold()
    bad = sum(count for fault, count in faults.items() if fault)
    return {
        "source": kind,
        "storms": len(SEEDS),
        "orders": orders,
        "requests": faults.total(),
        "faults": bad,
        "totals_right": right,
    }


def tryton() -> dict[str, object]:
    """How long one run takes that finds a sale and a restock."""
    from aeras.connect.tryton import Tryton, TrytonOptions
    from tests.support.tryton_server import PASSWORD, TrytonServer

    with tempfile.TemporaryDirectory() as folder:
        server = TrytonServer(Path(folder))
        try:
            row = {"url": server.url, "database": "retail", "user": "aeras", "password": "${P}"}
            options = TrytonOptions.model_validate({"id": "erp", "private": True, **row})
            context = Context(Path(), lambda: datetime.now(UTC), "Europe/Berlin", "EUR")
            connector = Tryton(options, PASSWORD, context)
            book = Book().read(connector)
            took = []
            for _ in range(15):
                server.sell(("OAT-1", 1, "1.99"))
                server.restock("SOAP-1", 6)
                began = time.perf_counter()
                book.read(connector)
                took.append(time.perf_counter() - began)
            assert book.stock()["SOAP-1"] == 90
        finally:
            server.stop()
    return {
        "source": "tryton",
        "runs": len(took),
        "run_s_median": round(statistics.median(took), 3),
        "run_s_worst": round(max(took), 3),
    }


def main() -> None:
    """Prints all."""
    os.environ.update(ENVIRONMENT)
    import aeras.connect.odoo
    import aeras.connect.woocommerce

    aeras.connect.odoo._PAGE = aeras.connect.woocommerce._PAGE = 3
    for kind in LINKS:
        print(json.dumps(storm(kind)), flush=True)
    print(json.dumps(tryton()))


if __name__ == "__main__":
    main()

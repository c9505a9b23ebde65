"""The anonymity of what is exported, of a simulated month whose visits count as real ones.

pyCANON needs an environment of its own (`make anonymity`); what it counts is counted here as well.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from records import NOON

from aeras.domain.kept import Origin
from aeras.insight import rates
from aeras.lab.simulate import simulate
from aeras.privacy.publish import Publisher
from aeras.serve.export import TABLES, render
from aeras.serve.periods import read_period
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.board import ShopBoard
from aeras.wiring.feed import Feed
from tests.serve.fake import make_shop

ROOT = Path(__file__).parents[2]
PYCANON = ROOT / ".venv-anonymity" / "bin" / "python"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
K = 10
DAYS = 8


@pytest.fixture(scope="module")
def exports(tmp_path_factory) -> dict[str, Path]:
    """Exports of a day, of the week in which it lies, and of all."""
    folder = tmp_path_factory.mktemp("exports")
    shop = make_shop()
    made = simulate(shop, DAYS, seed=3, now=NOON, visits_per_day=150)
    store = DuckEvents(folder / "events.duckdb")
    control = Control(folder / "control.sqlite", hasher=QUICK)
    publisher = Publisher(K, share=rates.share, mean=rates.mean)
    store.append([replace(event, origin=Origin.CAMERA) for event in made.events])
    control.add_answers([replace(answer, origin=Origin.CAMERA) for answer in made.answers])
    store.roll(NOON, publisher.fold)
    board = ShopBoard(
        shop, store=store, book=control, answers=control, publisher=publisher, feed=Feed()
    )
    found = {}
    for name, days in (("day", 1), ("week", 7), ("all", 30)):
        first = (NOON - timedelta(days=days)).date()
        asked = {"from": first.isoformat(), "to": (NOON - timedelta(days=1)).date().isoformat()}
        period = read_period(asked, shop.timezone, NOON)
        found[name] = folder / name
        found[name].mkdir()
        for table in TABLES:
            (found[name] / f"{table}.csv").write_bytes(render(table, "csv", board, period))
    store.close()
    control.close()
    return found


def tool():
    spec = importlib.util.spec_from_file_location("anonymity", ROOT / "tools" / "anonymity.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_behind_every_cell_of_every_export_stand_at_least_k(exports):
    for folder in exports.values():
        cells = Counter(
            (line["table"], line["place"], line["measure"]) for line in tool().lines(folder)
        )
        assert min(cells.values()) >= K
        assert len(cells) > 10


def test_what_two_exports_differ_by_are_at_least_k(exports):
    found = {
        name: Counter(
            (line["table"], line["place"], line["measure"])
            for line in tool().lines(folder)
            if line["table"] != "timeline"  # hours in one, days in the other
        )
        for name, folder in exports.items()
    }
    for whole, part in (("all", "week"), ("all", "day"), ("week", "day")):
        differences = [found[whole][cell] - found[part][cell] for cell in found[whole]]
        assert not [size for size in differences if 0 < size < K]
        assert min(differences) >= 0


@pytest.mark.skipif(not PYCANON.exists(), reason="pyCANON's environment: make anonymity")
def test_pycanon_finds_the_same(exports):
    command = [str(PYCANON), str(ROOT / "tools" / "anonymity.py"), *map(str, exports.values())]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    for line in ran.stdout.splitlines():
        figures = json.loads(line)
        assert figures["k_anonymity"] >= K
        diverse = defaultdict(set)
        for row in tool().lines(Path(figures["export"])):
            if row["measure"] == "handled":
                diverse[row["table"], row["place"]].add(row["reading"])
        assert figures["l_diversity"] == min(map(len, diverse.values()))

from __future__ import annotations

import pytest

from aeras.domain.errors import InputError
from aeras.lab.load import load
from aeras.store.events import DuckEvents
from aeras.store.reading import GROUPS


def test_it_stores_what_was_asked_for_and_reports_every_figure(tmp_path):
    path = tmp_path / "load.duckdb"
    figures = load(str(path), 30_001)  # more than the pattern holds, so that it repeats
    assert figures["events"] == 30_001
    assert set(figures["tally_ms"]) == set(GROUPS)
    assert figures["events_per_s"] > 0
    store = DuckEvents(path)
    assert store.count() > 30_001  # the single appends, each with an id of its own
    store.close()


def test_an_existing_file_is_left_alone(tmp_path):
    path = tmp_path / "precious.duckdb"
    path.write_text("precious")
    with pytest.raises(InputError, match="exists already"):
        load(str(path), 10)
    assert path.read_text() == "precious"
    with pytest.raises(InputError, match="0 events"):
        load(str(tmp_path / "new.duckdb"), 0)

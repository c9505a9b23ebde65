"""Other programs may read what is published, and do nothing else."""

from __future__ import annotations

import base64
import io
from datetime import timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from aeras.domain.errors import InputError
from aeras.serve.bi import TABLES
from aeras.serve.sqlworker import ROWS, answer
from tests.serve.conftest import Site, make_site


def machine(site: Site, role: str, owner: str = "ann") -> TestClient:
    until = site.clock.now + timedelta(days=30)
    client = site.client()
    client.headers["Authorization"] = f"Bearer {site.users.make_token(owner, 'bi', role, until)}"
    return client


def ask(client: TestClient, sql: str) -> Any:
    return client.post("/api/v1/sql?range=7d", json={"sql": sql})


@pytest.fixture(scope="module")
def site() -> Site:
    return make_site()


@pytest.fixture(scope="module")
def reader(site: Site) -> TestClient:
    return machine(site, "bi")


@pytest.fixture(scope="module")
def given(reader: TestClient) -> dict[str, str]:
    """What the worker is handed."""
    streams = {name: reader.get(f"/api/v1/published.arrow?table={name}") for name in TABLES}
    return {name: base64.b64encode(found.content).decode() for name, found in streams.items()}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_comes_as_an_arrow_stream(reader, table):
    found = reader.get(f"/api/v1/published.arrow?table={table}")
    assert found.status_code == 200
    rows = pa.ipc.open_stream(io.BytesIO(found.content)).read_all()
    assert rows.num_rows > 0


def test_a_question_is_answered_with_what_a_reader_must_know(site, reader):
    found = ask(reader, "SELECT item, visits FROM items ORDER BY visits DESC NULLS LAST LIMIT 3")
    assert found.status_code == 200
    told = found.json()
    assert told["columns"] == ["item", "visits"]
    assert len(told["rows"]) == 3
    assert told["about"]["k"] == site.board.k
    withheld = ask(reader, "SELECT count(*) FROM items WHERE visits < 10").json()
    assert withheld["rows"] == [[0]]
    entries = [e.about["what"] for e in site.oversight.audit.last(5) if e.act == "export"]
    assert any(what.startswith("sql SELECT item") for what in entries)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM read_parquet('http://127.0.0.1/x.parquet')",
        "COPY items TO '/tmp/aeras-attack.csv'",
        "ATTACH '/tmp/aeras-attack.db' AS other",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "INSTALL httpfs",
        "LOAD httpfs",
        "CREATE TABLE mine AS SELECT 1",
        "DROP TABLE items",
        "INSERT INTO items SELECT * FROM items",
        "SELECT 1; SELECT 2",
        "SELECT 1; COPY items TO '/tmp/aeras-attack.csv'",
        "EXPORT DATABASE '/tmp/aeras-attack'",
        "SELECT * FROM quotes",
        "SELECT * FROM blocks",
        "SELECT getenv('PATH')",
        "EXPLAIN SELECT 1",
        "",
        "SELEC",
        "SELECT '" + "x" * 9000,
    ],
)
def test_what_is_no_question_about_published_tables_is_refused(given, sql):
    try:
        told = answer(sql, given)
    except duckdb.Error:
        return
    assert set(told) == {"error"}


def test_a_refusal_is_one_clear_error(reader):
    refused = ask(reader, "SELECT * FROM read_csv('/etc/passwd')")
    assert refused.status_code == 422
    assert "file system operations are disabled" in refused.json()["what"]
    assert "SELECT over totals" in refused.json()["todo"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(100000000000)",
        "SELECT count(*) FROM range(1000000) a, range(1000000) b, range(1000000) c",
        "SELECT list_sum(range(3000000000))",
        "SELECT max(x) FROM (SELECT repeat('x', 200000000) AS x FROM range(1000))",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    ],
)
def test_a_question_without_end_ends_and_the_shop_goes_on(monkeypatch, reader, sql):
    monkeypatch.setattr("aeras.serve.bi.WAIT_S", 2.0)
    assert ask(reader, sql).status_code == 422
    assert reader.get("/api/v1/published.arrow").status_code == 200


def test_a_long_answer_is_cut_and_says_so(reader):
    told = ask(reader, f"SELECT * FROM range({ROWS + 5})").json()
    assert (len(told["rows"]), told["cut"]) == (ROWS, True)


def test_a_token_for_this_opens_nothing_else(site, reader):
    for path in (
        "/api/totals",
        "/api/items",
        "/api/live/recent",
        "/api/cameras/aisle-1/preview.jpg",
    ):
        assert reader.get(path).status_code == 401, path


def test_a_viewer_can_neither_read_so_nor_make_such_a_token(site):
    assert machine(site, "viewer").get("/api/v1/published.arrow").status_code == 403
    assert site.signed_in("vic").get("/api/v1/published.arrow").status_code == 403
    with pytest.raises(InputError, match="cannot have the role"):
        machine(site, "bi", owner="vic")


def test_an_unknown_table_is_one_clear_error(reader):
    found = reader.get("/api/v1/published.arrow?table=people")
    assert found.status_code == 404
    assert "items" in found.json()["todo"]

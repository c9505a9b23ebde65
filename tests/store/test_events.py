from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from records import NOON, event, passage

from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import Kind, Origin, Stock
from aeras.store.events import SCHEMA_VERSION, DuckEvents

DAY = timedelta(days=1)
NOBODY = 65534


def run(code: str, *args: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


OPEN_ONLY = """
    import sys
    from pathlib import Path
    from aeras.domain.errors import InputError, StoreError
    from aeras.store.events import DuckEvents
    try:
        DuckEvents(Path(sys.argv[1]))
    except StoreError as error:
        print(error)
        sys.exit(2)
"""


def test_everything_is_there_after_reopening(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    events = [event(), event(item=None, facing=None, kind=Kind.DWELL, origin=Origin.SIMULATED)]
    store.append(events)
    store.append_stock([Stock(NOON, "corner", "gum", 7), Stock(NOON + DAY, "corner", "gum", 4)])
    before = store.tally("fixture", NOON, NOON + DAY)
    store.close()
    store.close()
    again = DuckEvents(path)
    assert again.tally("fixture", NOON, NOON + DAY) == before
    assert again.stock() == {"gum": 4}
    again.append(events)
    assert again.count() == 2
    again.close()


def test_only_the_owner_may_read_single_events(tmp_path):
    path = tmp_path / "events.duckdb"
    DuckEvents(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_closed_store_says_so(tmp_path):
    store = DuckEvents(tmp_path / "events.duckdb")
    store.close()
    with pytest.raises(StoreError, match="is closed"):
        store.append([event()])


def test_a_second_process_is_told_who_holds_the_file(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    second = run(OPEN_ONLY, path)
    store.close()
    assert second.returncode == 2, second.stderr
    assert f"{path}: is in use by another process (process {os.getpid()})" in second.stdout
    assert run(OPEN_ONLY, path).returncode == 0


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "events.duckdb"
    path.write_bytes(b"this is no database, but somebody may need it\n" * 500)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"no readable DuckDB database\. Restore it from a backup"):
        DuckEvents(path)
    assert path.read_bytes() == before


def test_a_damaged_file_is_one_clear_error(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event() for _ in range(5000)])
    store.close()
    data = bytearray(path.read_bytes())
    for offset in range(0, 12_288, 7):
        data[offset] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(StoreError, match="no readable DuckDB database"):
        DuckEvents(path)


def test_a_folder_in_the_files_place_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="no readable DuckDB database"):
        DuckEvents(tmp_path)


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match="cannot be created or written there"):
        DuckEvents(tmp_path / "nowhere" / "events.duckdb")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become another user")
def test_a_folder_that_may_not_be_written_is_one_clear_error():
    folder = Path("/tmp") / f"aeras-read-only-{os.getpid()}"  # pytest's own is closed to others
    folder.mkdir(mode=0o755)
    give_up_root = f"import os, duckdb, aeras.store.events\nos.setuid({NOBODY})\n"
    try:
        refused = run(give_up_root + textwrap.dedent(OPEN_ONLY), folder / "events.duckdb")
    finally:
        shutil.rmtree(folder)
    assert refused.returncode == 2, refused.stderr
    assert "cannot be created or written there" in refused.stdout


def test_another_programs_database_is_refused(tmp_path):
    path = tmp_path / "other.duckdb"
    with duckdb.connect(str(path)) as other:
        other.execute("CREATE TABLE precious (a INTEGER)").fetchall()
    with pytest.raises(StoreError, match="not one of AERAS"):
        DuckEvents(path)
    with duckdb.connect(str(path)) as other:
        assert other.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(1,)]


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event()])
    store.close()
    with duckdb.connect(str(path)) as other:
        other.execute("UPDATE aeras_schema SET version = 99").fetchall()
    with pytest.raises(StoreError, match=r"newer AERAS \(schema 99, this one knows \d\)"):
        DuckEvents(path)
    with duckdb.connect(str(path)) as other:  # the refused store let go of the file
        other.execute(f"UPDATE aeras_schema SET version = {SCHEMA_VERSION}").fetchall()
    again = DuckEvents(path)
    assert again.count() == 1
    again.close()


def test_after_a_fatal_error_the_next_call_opens_the_file_again(tmp_path, monkeypatch):
    class Dying:
        def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
            self.con = con

        def __getattr__(self, name: str) -> object:
            return getattr(self.con, name)

        def execute(self, sql: str, values: object = ()) -> object:
            if sql.startswith("INSERT INTO events"):
                raise duckdb.FatalException("FATAL Error: database has been invalidated")
            return self.con.execute(sql, values)

    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: Dying(connect(*a, **k)))
    store = DuckEvents(tmp_path / "events.duckdb")
    monkeypatch.setattr(duckdb, "connect", connect)
    with pytest.raises(StoreError, match="database error: FATAL Error"):
        store.append([event()])
    store.append([event()])
    assert store.count() == 1
    store.close()


WRITE_UNTIL_KILLED = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from records import event
    from aeras.store.events import DuckEvents
    store = DuckEvents(Path(sys.argv[1]))
    for number in range(100_000):
        store.append([event(id=f"{number}-{k}") for k in range(3)])
        print(number, flush=True)
"""


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    path = tmp_path / "events.duckdb"
    support = Path(__file__).parents[1] / "support"
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITE_UNTIL_KILLED), str(path), str(support)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(40)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait()
    writer.stdout.close()
    store = DuckEvents(path)
    kept = store.count()
    store.close()
    assert kept % 3 == 0
    assert len(acknowledged) * 3 <= kept <= (len(acknowledged) + 1) * 3


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "aeras-test", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, spare: int) -> Path:
    """Leaves only so many bytes free."""
    ballast = folder / "ballast"
    free = shutil.disk_usage(folder).free
    ballast.write_bytes(bytes(max(0, free - spare)))
    return ballast


def append_until_full(store: DuckEvents) -> tuple[int, list, StoreError]:
    stored = 0
    while True:
        batch = [event() for _ in range(500)]
        try:
            store.append(batch)
        except StoreError as error:
            return stored, batch, error
        stored += len(batch)


def test_a_full_disk_loses_nothing_and_recovers_when_space_is_freed(small_disk):
    store = DuckEvents(small_disk / "events.duckdb")
    store.append([event()])
    ballast = fill(small_disk, 400_000)
    stored, batch, error = append_until_full(store)
    assert str(error).startswith(f"{small_disk / 'events.duckdb'}: the disk is full")
    assert "Free some space" in str(error)
    assert store.count() == 1 + stored
    with pytest.raises(StoreError, match="the disk is full"):
        store.append(batch)
    ballast.unlink()
    store.append(batch)
    store.append(batch)
    assert store.count() == 1 + stored + len(batch)
    store.close()


def test_a_disk_that_fills_up_while_the_log_is_merged_loses_nothing(small_disk):
    store = DuckEvents(small_disk / "events.duckdb")
    store._run("SET wal_autocheckpoint = '300KB'")  # merging comes sooner than writing fails
    ballast = fill(small_disk, 500_000)
    stored, batch, error = append_until_full(store)
    assert isinstance(error.__cause__, duckdb.FatalException)
    assert "the disk is full" in str(error)
    assert store.count() == stored
    ballast.unlink()
    store.append(batch)
    store.close()
    again = DuckEvents(small_disk / "events.duckdb")
    assert again.count() == stored + len(batch)
    again.close()


FILE_SIZE_LIMIT = """
    import resource, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    from records import event
    from aeras.domain.errors import InputError, StoreError
    from aeras.store.events import DuckEvents
    store = DuckEvents(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
    stored = 0
    try:
        while stored < 100_000:
            batch = [event() for _ in range(500)]
            store.append(batch)
            stored += len(batch)
    except StoreError as error:
        print(error)
    assert store.count() == stored, (store.count(), stored)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    store.append(batch)
    assert store.count() == stored + 500
    store.close()
    store = DuckEvents(Path(sys.argv[1]))
    assert store.count() == stored + 500
"""


def test_a_quota_is_told_like_a_full_disk_and_loses_nothing(tmp_path):
    support = Path(__file__).parents[1] / "support"
    limited = run(FILE_SIZE_LIMIT, tmp_path / "events.duckdb", support)
    assert limited.returncode == 0, limited.stderr
    assert "the disk is full" in limited.stdout


def test_a_process_that_ends_on_a_full_disk_finds_everything_again(small_disk):
    path = small_disk / "events.duckdb"
    store = DuckEvents(path)
    ballast = fill(small_disk, 400_000)
    stored, batch, _ = append_until_full(store)
    store.close()  # cannot merge its log into the file now
    ballast.unlink()
    again = DuckEvents(path)
    assert again.count() == stored
    again.append(batch)
    again.close()
    third = DuckEvents(path)
    assert third.count() == stored + len(batch)
    third.close()


def test_a_file_of_the_first_schema_is_brought_up_to_date_and_its_events_published(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event() for _ in range(3)])
    store.close()
    with duckdb.connect(str(path)) as old:
        for sql in ("ALTER TABLE events DROP rolled", "DROP TABLE blocks", "DROP TABLE pending"):
            old.execute(sql)
        for column in ("attribution", "bounded"):
            old.execute(f"ALTER TABLE events DROP {column}")
        old.execute("UPDATE aeras_schema SET version = 1")
    store = DuckEvents(path)
    assert store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], [])) > 0
    [tally] = store.published("item", NOON, NOON + DAY)
    assert tally.visits == 3
    assert store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], [])) == 0
    store.close()


def test_a_file_from_before_passers_were_counted_takes_them_and_an_older_program_refuses_it(
    tmp_path,
):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event() for _ in range(3)])
    store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], []))
    before = store.published("moment", NOON, NOON + DAY)
    store.close()
    with duckdb.connect(str(path)) as old:
        old.execute("DROP TABLE passages")
        old.execute("UPDATE aeras_schema SET version = 4")
    store = DuckEvents(path)
    one = passage()
    store.append_passages([one, one])
    store.append_passages([one, passage(passed=5, stopped=0, coverage=0.5)])
    store.append_passages([passage(fixture="fridge", passed=0, stopped=0, coverage=0.4)])
    assert store.older(NOON + DAY)["passages"] == 0  # in no block yet
    assert store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], [])) == 3
    assert store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], [])) == 0
    drinks, fridge = store.published_passages("fixture", NOON, NOON + DAY)
    assert (drinks.key, drinks.passed, drinks.stopped, drinks.coverage) == ("drinks", 15, 4, 1.0)
    assert (fridge.passed, fridge.coverage) == (0, 0.4)
    [moment] = store.published_passages("moment", NOON, NOON + DAY)
    assert (moment.key, moment.passed) == (NOON.isoformat(), 15)
    assert store.published("moment", NOON, NOON + DAY) == before  # the shop's visits stay
    assert store.delete_before(NOON + DAY) == 3
    assert store.older(NOON + DAY)["passages"] == 0
    with pytest.raises(InputError, match="by 'person'"):
        store.published_passages("person", NOON, NOON + DAY)
    store.close()
    with duckdb.connect(str(path)) as kept:
        assert kept.execute("SELECT max(version) FROM aeras_schema").fetchall() == [(5,)]
        assert kept.execute("SELECT count(*) FROM passages").fetchall() == [(0,)]


def test_attribution_is_kept_and_unknown_for_older_events_which_no_noisy_table_counts(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event()])
    store.close()
    with duckdb.connect(str(path)) as old:
        for column in ("attribution", "bounded"):
            old.execute(f"ALTER TABLE events DROP {column}")
        old.execute("UPDATE aeras_schema SET version = 2")
    store = DuckEvents(path)
    store.append([event(attribution=0.55, facing=None, item=None, bounded=True)])
    [counted] = store.tally_bounded("site", NOON, NOON + DAY)
    assert counted.visits == 1
    store.close()
    with duckdb.connect(str(path)) as kept:
        rows = kept.execute("SELECT attribution FROM events ORDER BY 1 NULLS FIRST").fetchall()
    assert rows == [(None,), (0.55,)]


def files_with(folder, text: str) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in found if text.encode() in path.read_bytes()]


def test_what_was_deleted_is_gone_from_the_disk_after_compacting(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    # Random: the end of one counted id and the start of the next on disk can spell a third.
    draw = random.Random(7)
    ours = [event(id=draw.randbytes(16).hex(), at=NOON - DAY) for _ in range(3000)]
    store.append([*ours, *(event() for _ in range(3000))])
    store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], []))
    before = store.published("item", NOON - DAY, NOON + DAY)
    assert store.older(NOON) == dict.fromkeys(store.older(NOON), 0) | {"events": 3000}
    assert store.delete_before(NOON) == 3000
    assert store.compact()
    assert not [e.id for e in ours if files_with(tmp_path, e.id)][:3]
    assert [p.name for p in tmp_path.iterdir()] == ["events.duckdb"]
    assert path.stat().st_mode & 0o077 == 0
    assert store.count() == 3000
    assert store.published("item", NOON - DAY, NOON + DAY) == before
    store.append([event()])  # defaults and constraints came along
    assert store.roll(NOON + DAY, lambda pending, cells: ([*pending, *cells], [])) > 0
    store.close()
    again = DuckEvents(path)
    assert again.count() == 3001
    again.close()


def test_a_compacting_that_was_cut_short_leaves_nothing_behind(tmp_path):
    path = tmp_path / "events.duckdb"
    store = DuckEvents(path)
    store.append([event()])
    store.close()
    (tmp_path / "events.duckdb.fresh").write_bytes(b"half a copy")
    (tmp_path / "events.duckdb.fresh.wal").write_bytes(b"half a log")
    store = DuckEvents(path)
    assert [p.name for p in tmp_path.iterdir() if "fresh" in p.name] == []
    assert store.compact()
    assert store.count() == 1
    store.close()


def test_a_fold_that_fails_changes_nothing(tmp_path):
    store = DuckEvents(tmp_path / "events.duckdb")
    store.append([event() for _ in range(3)])

    def fails(pending, cells):
        return [replace(cells[0], measure=None)], []

    with pytest.raises(StoreError):
        store.roll(NOON + DAY, fails)
    assert store.published("site", NOON, NOON + DAY) == []
    assert store.roll(NOON + DAY, lambda pending, cells: (list(cells), [])) > 0
    store.close()

from __future__ import annotations

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from records import event
from typer.testing import CliRunner

from aeras.cli import app
from aeras.config import load_site
from aeras.domain.errors import InputError, PrivacyError, SourceError
from aeras.store.control import Control
from aeras.store.events import DuckEvents
from aeras.wiring.archive import analyze, find_parts

AT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
NOW = AT + timedelta(days=1)


@pytest.fixture
def bench(make_site):
    """A site, the folder of its recordings, and how to find their parts."""
    path = make_site()
    folder = path.parent / "archive"
    folder.mkdir()

    def add(*names: str):
        for name in names:
            shutil.copy(path.parent / "clip.mp4", folder / name)
        return folder

    return load_site(path), add


def parts_of(site, folder, **options):
    return find_parts(site, "aisle", folder, clock=lambda: NOW, **options)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("2026-11-20_14-30-00.mp4", AT),
        ("aisle 20261120T143000.mp4", AT),
        ("cam1_20261120143000.mp4", AT),
        ("2026.11.20 14h30.mp4", AT),
        (f"rec-{int(AT.timestamp())}.mp4", AT),
    ],
)
def test_a_file_s_name_says_when_it_begins(bench, name, at):
    site, add = bench
    [part] = parts_of(site, add(name))
    assert part.at == at


def test_the_time_in_a_name_is_the_shop_s(bench):
    site, add = bench
    text = site.path.read_text().replace("Test Shop", "Test Shop, timezone: Europe/Berlin")
    site.path.write_text(text)
    [part] = parts_of(load_site(site.path), add("2026-11-20_14-30-00.mp4"))
    assert part.at == AT - timedelta(hours=1)


def test_files_that_go_on_are_read_as_one_so_that_no_visit_counts_twice(bench):
    site, add = bench
    folder = add("20261120-143000.mp4", "20261120-143011.mp4", "20261120-150000.mp4")
    assert [len(part.recordings) for part in parts_of(site, folder)] == [2, 1]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["first.mp4"], "does not say when it begins"),
        (["20261120-143000.mp4", "20261120-143002.mp4"], "count twice"),
        (["20261122-143000.mp4"], "still to come"),
        (["20261320-143000.mp4"], "does not say when it begins"),
        ([], "holds no video"),
    ],
)
def test_what_cannot_be_placed_in_time_is_refused(bench, names, complaint):
    site, add = bench
    with pytest.raises(InputError, match=complaint):
        parts_of(site, add(*names))


def test_a_file_that_is_no_video_is_named(bench):
    site, add = bench
    folder = add()
    (folder / "20261120-143000.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(SourceError):
        parts_of(site, folder)


def test_a_killed_run_is_taken_up_and_nothing_is_stored_twice(bench, tmp_path):
    site, add = bench
    parts = parts_of(site, add("20261120-143000.mp4", "20261120-150000.mp4"))
    with (
        closing(Control(tmp_path / "control.sqlite")) as control,
        closing(DuckEvents(tmp_path / "events.duckdb")) as store,
    ):
        read = []

        def reads(part, key):
            read.append(part.name)
            return tuple(event(id=f"{part.name[:20]}{key}{n:04}", at=part.at) for n in range(3))

        def run():
            return analyze(
                site, parts, store=store, settings=control, key="k", clock=lambda: NOW, read=reads
            )

        def count():
            return sum(row.put_backs for row in store.tally("site", AT - timedelta(days=1), NOW))

        next(run())  # killed after the first
        keep, control.set_setting = control.set_setting, lambda *_: (_ for _ in ()).throw(OSError)
        with pytest.raises(OSError):  # noqa: PT011 - killed after storing, before noting
            list(run())
        assert count() == 6
        control.set_setting = keep
        assert [done.before for done in run()] == [True, False]
        assert [done.before for done in run()] == [True, True]
        assert count() == 6
        assert read.count(parts[0].name) == 1


def test_a_stop_ends_it_and_what_is_too_old_is_left_out(bench):
    site, add = bench
    parts = parts_of(site, add("20261120-143000.mp4"))
    (site.data).mkdir()
    with (
        closing(Control(site.data / "control.sqlite")) as control,
        closing(DuckEvents(site.data / "events.duckdb")) as store,
    ):
        late = analyze(
            site, parts, store=store, settings=control, key="k",
            clock=lambda: AT + timedelta(days=40),
        )  # fmt: skip
        assert "older than the 30 days" in next(late).trouble
        (site.data / "STOP").touch()
        with pytest.raises(PrivacyError, match="stopped"):
            list(analyze(site, parts, store=store, settings=control, key="k", clock=lambda: NOW))


def test_the_command_reads_two_files_in_processes_and_knows_them_again(bench):
    site, add = bench
    today = datetime.now(UTC) - timedelta(hours=2)
    names = [f"{today - timedelta(minutes=n):%Y-%m-%d_%H-%M-%S}.mp4" for n in (0, 9)]
    folder = add(*names)
    words = ["analyze", str(site.path), str(folder), "--camera", "aisle", "--json"]
    first = CliRunner().invoke(app, [*words, "--processes", "2"])
    assert first.exit_code == 0, first.output
    rows = [json.loads(line) for line in first.stdout.splitlines() if line.startswith("{")]
    assert [row["events"] > 0 for row in rows[:-1]] == [True, True]
    with closing(DuckEvents(site.data / "events.duckdb")) as store:
        [whole] = store.tally("site", today - timedelta(days=1), today + timedelta(days=1))
    again = json.loads(CliRunner().invoke(app, words).stdout.splitlines()[-1])["summary"]
    assert (again["read_before"], again["events"]) == (2, rows[-1]["summary"]["events"])
    with closing(DuckEvents(site.data / "events.duckdb")) as store:
        assert store.tally("site", today - timedelta(days=1), today + timedelta(days=1)) == [whole]

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from argon2 import PasswordHasher
from records import NOON, answer
from sqlalchemy import create_engine

from aeras.domain.errors import StoreError
from aeras.store.control import Control
from aeras.store.tables import Base

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def opened(path: Path) -> Control:
    return Control(path, hasher=QUICK)


@pytest.fixture
def control(tmp_path):
    book = opened(tmp_path / "control.sqlite")
    yield book
    book.close()


def test_everything_is_there_after_reopening(tmp_path):
    path = tmp_path / "control.sqlite"
    first = opened(path)
    first.add_answer(answer(text="kept"))
    key = first.secret("tokens")
    first.close()
    first.close()
    again = opened(path)
    assert [a.text for a in again.answers()] == ["kept"]
    assert again.secret("tokens") == key
    assert again.secret("other") != key
    assert len(key) == 64
    again.close()


def test_only_the_owner_may_read_the_keys(tmp_path):
    path = tmp_path / "control.sqlite"
    path.touch(mode=0o644)
    book = opened(path)
    book.secret("tokens")
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    book.close()


def test_no_secret_of_a_person_is_in_the_file(tmp_path):
    path = tmp_path / "control.sqlite"
    book = opened(path)
    book.add_user("amy", "correct horse battery", "viewer")
    book.add_answer(answer(receipt="ABCD-EFGH-IJKL-MNOP"))
    book.close()
    data = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in ("correct horse", "ABCD-EFGH", "ABCDEFGHIJKLMNOP"):
        assert secret.encode() not in data


def test_the_migrations_make_what_the_tables_say(tmp_path):
    path = tmp_path / "control.sqlite"
    opened(path).close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    engine.dispose()
    assert differences == []


def test_two_that_start_at_once_both_find_the_schema(tmp_path):
    path, failures = tmp_path / "control.sqlite", []
    start = threading.Barrier(4)

    def work():
        start.wait()
        try:
            book = opened(path)
            book.add_answer(answer())
            book.close()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    book = opened(path)
    assert len(book.answers()) == 4
    book.close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "control.sqlite"
    opened(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match=r"newer AERAS \(this one knows schema \d{4}\).*Upgrade"):
        opened(path)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "control.sqlite"
    path.write_bytes(b"this is no database, but somebody may need it\n" * 500)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="no readable SQLite database"):
        opened(path)
    assert path.read_bytes() == before


def test_a_missing_folder_is_one_clear_error(tmp_path):
    with pytest.raises(StoreError, match=r"cannot be created or written there \(No such file"):
        opened(tmp_path / "nowhere" / "control.sqlite")


def test_times_of_any_zone_come_back_in_utc_and_none_without_a_zone_is_taken(control):
    tokyo = timezone(timedelta(hours=9))
    control.add_answer(answer(at=NOON.astimezone(tokyo)))
    assert control.answers()[0].at.isoformat() == "2026-11-20T12:00:00+00:00"
    with pytest.raises(Exception, match="no time zone"):
        control.add_answer(answer(at=datetime(2026, 11, 20)))  # noqa: DTZ001 - the fault


def test_many_answers_at_once_skip_those_that_are_stored(control):
    answers = [answer() for _ in range(50)]
    assert control.add_answers(answers[:30]) == 30
    assert control.add_answers(answers) == 20
    assert control.add_answers([]) == 0
    assert len(control.answers()) == 50


def test_an_unknown_name_costs_the_same_hashing_as_a_wrong_password(tmp_path):
    class Counting(PasswordHasher):
        verified = 0

        def verify(self, *args: str) -> bool:
            type(self).verified += 1
            return super().verify(*args)

    book = Control(
        tmp_path / "control.sqlite", hasher=Counting(time_cost=1, memory_cost=8, parallelism=1)
    )
    book.add_user("amy", "a long password", "viewer")
    assert book.sign_in("amy", "wrong") is None
    assert book.sign_in("nobody", "wrong") is None
    assert Counting.verified == 2
    book.close()


def test_settings_are_kept_and_replaced(control):
    assert control.setting("language") is None
    control.set_setting("language", "de")
    control.set_setting("language", "ja")
    assert control.setting("language") == "ja"


@pytest.mark.skipif(os.getuid() != 0, reason="needs the right to mount a small file system")
def test_a_full_disk_is_one_clear_error_and_nothing_is_lost(tmp_path):
    import subprocess

    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "aeras-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small file system")
    try:
        book = opened(folder / "control.sqlite")
        stored, complaint = 0, ""
        try:
            while stored < 1000:
                book.add_answer(answer(text="x" * 20_000))
                stored += 1
        except StoreError as error:
            complaint = str(error)
        assert "the disk is full" in complaint
        assert 0 < stored < 1000
        assert len(book.answers()) == stored
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
        assert book.add_answer(answer())
        assert len(book.answers()) == stored + 1
        book.close()
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_what_reads_before_it_writes_is_not_refused_when_another_write_comes_between(control):
    """SQLite would say at once that it is locked, and a page would not be shown."""
    now = NOON
    control.add_user("ann", "correct horse", "manager")
    token = control.start_session("ann", now)
    ended = threading.Event()

    def others() -> None:
        n = 0
        while not ended.is_set():
            control.set_setting("beat", str(n := n + 1))

    beat = threading.Thread(target=others)
    beat.start()
    try:
        for n in range(1, 61):
            now += timedelta(seconds=61)
            assert control.session_user(token, now).name == "ann"
            control.note_prices({"oat-milk": n}, now)
            control.make_token("ann", "till", "viewer", now + timedelta(days=2))
            [made] = control.tokens(now)
            assert control.revoke_token(made.id) == made
    finally:
        ended.set()
        beat.join()
    assert len(control.price_changes()) == 59

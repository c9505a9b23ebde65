from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import InputError, StoreError
from aeras.domain.oversight import SYSTEM, Act
from aeras.privacy import audit
from aeras.privacy.audit import BASE, HEAD, FileAuditLog, find_faults

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


class Heads(dict):
    """Settings in memory."""

    def setting(self, name):
        return self.get(name)

    def set_setting(self, name, value):
        self[name] = value


def make(folder: Path, heads: Heads | None = None) -> FileAuditLog:
    return FileAuditLog(
        folder / "audit.jsonl", heads if heads is not None else Heads(), lambda: NOW
    )


def filled(folder: Path) -> FileAuditLog:
    log = make(folder)
    log.add(Act.START, SYSTEM, version="0.1", site="ab" * 32)
    log.add(Act.VIEW, "ömer", page="/privacy/officer")
    log.add(Act.STOP, "ann")
    log.add(Act.RESUME, "olga", reason='checked, "fine"\n{}')
    log.add(Act.SIGN_IN_FAILED, SYSTEM)
    return log


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A log of five entries and its file's bytes."""
    folder = tmp_path_factory.mktemp("audit")
    log = filled(folder)
    return log, (folder / "audit.jsonl").read_bytes()


def faults_of(sample, data: bytes) -> list[str]:
    log, _ = sample
    return find_faults(data, log.head())


def test_an_untouched_log_has_no_faults_and_reads_back(sample):
    log, _ = sample
    assert log.faults() == []
    newest = log.last(2)
    assert [(entry.n, entry.act, entry.who) for entry in newest] == [
        (5, "sign_in_failed", SYSTEM),
        (4, "resume", "olga"),
    ]
    assert newest[1].about == {"reason": 'checked, "fine"\n{}'}
    assert newest[0].at == NOW


def test_a_change_of_any_one_byte_is_found(sample):
    good = sample[1]
    for place in range(len(good)):
        for bit in (1, 32, 128):  # 32 turns a hex digit into a capital, which means the same number
            bad = good[:place] + bytes([good[place] ^ bit]) + good[place + 1 :]
            assert faults_of(sample, bad), (place, bit)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_edit_cut_insertion_or_swap_is_found(sample, data):
    good = sample[1]
    start = data.draw(st.integers(0, len(good)))
    end = data.draw(st.integers(start, len(good)))
    put = data.draw(st.binary(max_size=40) | st.sampled_from([good[:start], good[start:end]]))
    bad = good[:start] + put + good[end:]
    assert bool(faults_of(sample, bad)) == (bad != good)


def test_every_line_that_goes_and_every_pair_that_swaps_is_found(sample):
    lines = sample[1].splitlines(keepends=True)
    for a in range(len(lines)):
        assert faults_of(sample, b"".join(lines[:a] + lines[a + 1 :])), f"dropped {a}"
        assert faults_of(sample, b"".join([*lines, lines[a]])), f"repeated {a}"
        for b in range(a):
            swapped = list(lines)
            swapped[a], swapped[b] = swapped[b], swapped[a]
            assert faults_of(sample, b"".join(swapped)), f"swapped {a} and {b}"


def test_every_cut_of_the_end_is_found(sample):
    good = sample[1]
    for length in range(len(good)):
        assert faults_of(sample, good[:length]), length


def test_a_cut_is_still_found_after_more_was_written(tmp_path):
    log = filled(tmp_path)
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    log.add(Act.VIEW, "ann", page="/")
    faults = log.faults()
    assert len(faults) == 1
    assert "had been cut or replaced" in faults[0]
    assert "expected 5:" in faults[0]


def test_a_removed_file_or_a_removed_head_is_found(tmp_path):
    log = filled(tmp_path)
    (tmp_path / "audit.jsonl").rename(tmp_path / "away")
    assert "ends at entry 0" in log.faults()[0]
    log.add(Act.VIEW, "ann", page="/")
    assert "cut or replaced" in log.faults()[0]
    (tmp_path / "away").rename(tmp_path / "audit.jsonl")
    assert "recorded head is missing" in make(tmp_path, Heads()).faults()[0]


def test_who_rewrites_file_and_head_is_found_by_the_head_noted_down(tmp_path):
    noted = filled(tmp_path).head()
    (tmp_path / "audit.jsonl").unlink()
    forged = make(tmp_path)
    for _ in range(7):
        forged.add(Act.VIEW, "ann")
    assert forged.faults() == []
    assert "rewritten" in forged.faults(noted)[0]
    assert "not a number and a hash" in forged.faults("five")[0]


def test_a_crash_loses_no_acknowledged_entry_and_accuses_nobody(tmp_path):
    heads = Heads()
    log = make(tmp_path, heads)
    log.add(Act.START, SYSTEM)
    before = heads[HEAD]
    log.add(Act.STOP, "ann")
    heads[HEAD] = before  # the power went after the line was on disk, before its head was
    assert log.faults() == []
    log.add(Act.RESUME, "olga")
    assert log.faults() == []
    assert [entry.n for entry in log.last(9)] == [3, 2, 1]


def test_a_torn_line_is_removed_with_the_next_write_which_says_so(tmp_path):
    log = filled(tmp_path)
    with (tmp_path / "audit.jsonl").open("ab") as file:
        file.write(b'{"about":{},"act":"vi')
    assert "unfinished" in log.faults()[0]
    log.add(Act.VIEW, "ann")
    assert [entry.act for entry in log.last(2)] == ["view", "log_broken"]
    assert log.last(2)[1].about == {"torn_bytes": "21"}
    assert len(log.faults()) == 1


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from aeras.domain.oversight import Act
from aeras.privacy.audit import FileAuditLog
from aeras.store.control import Control

folder = Path(sys.argv[1])
control = Control(folder / "control.sqlite")
log = FileAuditLog(folder / "audit.jsonl", control, lambda: datetime.now(UTC))
for _ in range(4):
    log.add(Act.VIEW, sys.argv[2])
"""


def test_processes_that_write_at_once_keep_one_chain(tmp_path):
    from aeras.store.control import Control

    control = Control(tmp_path / "control.sqlite")
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), who])
        for who in ("ann", "ben")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    log = FileAuditLog(tmp_path / "audit.jsonl", control, lambda: NOW)
    assert log.faults() == []
    assert len(log.last(99)) == 8
    control.close()


def test_the_file_is_its_owner_s_and_a_full_disk_is_one_clear_error(tmp_path, monkeypatch):
    log = filled(tmp_path)
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "audit.jsonl").read_bytes()
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, data[:20]))
    with pytest.raises(StoreError, match="disk is full"):
        log.add(Act.STOP, "ann")
    monkeypatch.undo()
    assert (tmp_path / "audit.jsonl").read_bytes() == before
    assert log.faults() == []


# --- expiry ---------------------------------------------------------------------------------------


def aged(folder: Path, heads: Heads) -> FileAuditLog:
    """A log of a year: an entry each 40 days, the last of today."""
    for days in range(360, -1, -40):
        log = FileAuditLog(
            folder / "audit.jsonl", heads, lambda days=days: NOW - timedelta(days=days)
        )
        log.add(Act.VIEW, "ann", page="/cameras")
    return log


def test_old_entries_expire_and_the_chain_goes_on(tmp_path):
    heads = Heads()
    log = aged(tmp_path, heads)
    noted = [log.head()]
    assert log.expire(NOW - timedelta(days=200), "olga") == 4
    assert log.faults() == []
    assert [e.n for e in log.last(99)] == [11, 10, 9, 8, 7, 6, 5]
    assert (log.last(1)[0].act, log.last(1)[0].who) == ("log_expired", "olga")
    assert log.last(1)[0].about["entries"] == "4"
    log.add(Act.STOP, "ann")
    assert log.faults(noted[0]) == []
    assert log.expire(NOW - timedelta(days=200), "olga") == 0
    again = make(tmp_path, heads)
    assert again.faults() == []
    assert again.last(1)[0].n == 12
    first = f"2:{'ab' * 32}"
    assert "has expired" in again.faults(first)[0]
    assert (tmp_path / "audit.jsonl").stat().st_mode & 0o777 == 0o600


def test_every_byte_of_a_log_that_has_expired_in_part_is_still_held(tmp_path):
    heads = Heads()
    log = aged(tmp_path, heads)
    log.expire(NOW - timedelta(days=200), "olga")
    good = (tmp_path / "audit.jsonl").read_bytes()
    for place in range(len(good)):
        bad = good[:place] + bytes([good[place] ^ 32]) + good[place + 1 :]
        assert find_faults(bad, heads[HEAD], "", heads[BASE]), place
    for length in range(len(good)):
        assert find_faults(good[:length], heads[HEAD], "", heads[BASE]), length


def test_who_cuts_the_beginning_cannot_pass_it_off_as_expiry(tmp_path):
    heads = Heads()
    log = aged(tmp_path, heads)
    lines = (tmp_path / "audit.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "audit.jsonl").write_bytes(b"".join(lines[3:]))
    assert "hash does not fit" in log.faults()[0]
    heads[BASE] = f"3:{lines[2][-67:-3].decode()}"  # with the database, too
    assert log.faults() == ["the log begins after entry 3, and no entry says that they expired"]


def test_what_must_be_kept_is_kept_and_faults_are_not_swept_away(tmp_path):
    log = aged(tmp_path, Heads())
    with pytest.raises(InputError, match="last 183 days must be kept"):
        log.expire(NOW - timedelta(days=182), "olga")
    path = tmp_path / "audit.jsonl"
    path.write_bytes(path.read_bytes().replace(b"ann", b"eve", 1))
    with pytest.raises(InputError, match="has faults"):
        log.expire(NOW - timedelta(days=200), "olga")


def test_a_crash_while_entries_expire_leaves_a_whole_log(tmp_path, monkeypatch):
    heads = Heads()
    log = aged(tmp_path, heads)

    def crash(*_):
        raise OSError(5, "the power went")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(StoreError):
        log.expire(NOW - timedelta(days=200), "olga")
    monkeypatch.undo()
    assert log.faults() == []
    log.add(Act.STOP, "ann")
    assert log.faults() == []
    assert len(log.last(99)) == 12
    assert log.expire(NOW - timedelta(days=200), "olga") == 4
    assert log.faults() == []


def test_who_waits_to_write_while_entries_expire_writes_into_the_new_log(tmp_path):
    heads = Heads()
    log = aged(tmp_path, heads)
    other = make(tmp_path, heads)
    path = tmp_path / "audit.jsonl"
    stale = audit._open(path)
    log.expire(NOW - timedelta(days=200), "olga")
    assert not audit._is_at(path, stale)
    os.close(stale)
    other.add(Act.STOP, "ann")
    assert log.faults() == []
    assert log.last(1)[0].act == "stop"

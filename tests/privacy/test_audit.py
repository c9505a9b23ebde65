from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import StoreError
from aeras.domain.oversight import SYSTEM, Act
from aeras.privacy.audit import HEAD, FileAuditLog, find_faults

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
from datetime import UTC, datetime
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

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aeras.domain.errors import StoreError
from aeras.privacy.audit import FileAuditLog
from aeras.privacy.stop import FileStopSwitch
from aeras.store.control import Control

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


@pytest.fixture
def parts(tmp_path):
    control = Control(tmp_path / "control.sqlite")
    audit = FileAuditLog(tmp_path / "audit.jsonl", control, lambda: NOW)
    yield tmp_path / "STOP", control, audit
    control.close()


def acts(audit):
    return [(entry.act, entry.who, entry.about.get("by")) for entry in reversed(audit.last(9))]


def test_a_stop_outlives_its_program_and_only_resume_ends_it(parts):
    path, control, audit = parts
    switch = FileStopSwitch(path, control, audit, lambda: NOW)
    assert switch.stopped() is None
    switch.stop("vic")
    switch.stop("ann")  # a second press changes nothing
    again = FileStopSwitch(path, control, audit, lambda: NOW)
    assert path.exists()
    assert (again.stopped().who, again.stopped().since) == ("vic", NOW)
    again.resume("olga")
    again.resume("olga")
    assert switch.stopped() is None
    assert not path.exists()
    assert acts(audit) == [("stop", "vic", "page or command"), ("resume", "olga", None)]
    assert audit.faults() == []


def test_touching_the_file_stops_and_removing_it_does_not_resume(parts):
    path, control, audit = parts
    switch = FileStopSwitch(path, control, audit, lambda: NOW)
    path.touch()
    assert switch.stopped().who == ""
    path.unlink()
    assert switch.stopped() is not None
    assert path.exists()  # the workers look for the file, so it comes back
    assert acts(audit) == [("stop", "system", "file")]


def test_a_database_in_trouble_neither_prevents_a_stop_nor_allows_reading(parts, monkeypatch):
    path, control, audit = parts
    switch = FileStopSwitch(path, control, audit, lambda: NOW)

    def broken(*_):
        raise StoreError("the disk is full")

    monkeypatch.setattr(control, "setting", broken)
    with pytest.raises(StoreError):
        switch.stopped()
    with pytest.raises(StoreError):
        switch.stop("vic")
    assert path.exists()
    assert switch.stopped() is not None
    with pytest.raises(StoreError):
        switch.resume("olga")
    assert path.exists()

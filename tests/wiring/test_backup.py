"""A shop goes into a file and comes out of it, beside a running shop too."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import tarfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from lived_shop import LivedShop
from records import answer, event
from synthetic_shop import write_site
from waiting import wait_for

from aeras.cli_ops import restart
from aeras.config import load_site
from aeras.domain.errors import InputError, StoreError
from aeras.domain.oversight import Act
from aeras.wiring.backup import backup, restore
from aeras.wiring.runtime import Runtime

AERAS = [sys.executable, "-m", "aeras.cli"]


@pytest.fixture(scope="module")
def lived(tmp_path_factory) -> Path:
    """Folder of a shop that ran for two days: records, an answer, a user, a log and a stop."""
    shop = LivedShop(tmp_path_factory.mktemp("lived"))
    shop.pass_hours(48, {"cola": 8}, look=False)
    shop.runtime.roll()
    shop.runtime.control.add_answers([answer(item="cola")])
    shop.runtime.control.add_user("ann", "correct horse 7", "manager")
    shop.runtime.oversight.audit.add(Act.EXPORT, "ann", what="items")
    shop.runtime.oversight.switch.stop("ann")
    shop.runtime.asking.post.stop()
    shop.runtime.stop()
    papers = shop.folder / "papers"
    papers.mkdir()
    (papers / "notice.html").write_text("a sign")
    return shop.folder


@pytest.fixture
def closed(lived, tmp_path) -> Path:
    """Site file of a copy of it."""
    return Path(shutil.copytree(lived, tmp_path / "shop")) / "site.yaml"


def told(path: Path) -> dict[str, object]:
    """What a shop knows, through its own parts."""
    runtime = Runtime(load_site(path), cameras=False)
    try:
        control = runtime.control
        return {
            "events": runtime.store.count(),
            "answers": [a.id for a in control.answers()],
            "ann": control.sign_in("ann", "correct horse 7") is not None,
            "secret": control.secret("session"),
            "log": [(e.n, e.act, e.who) for e in runtime.oversight.audit.last(99)],
            "faults": runtime.oversight.audit.faults(),
            "stopped": bool(runtime.oversight.switch.stopped()),
        }
    finally:
        runtime.stop()


def test_a_closed_shop_comes_back_whole_and_stays_stopped(closed, tmp_path):
    before = told(closed)
    out = tmp_path / "backup.tar.gz"
    done = backup(closed, out)
    assert out.stat().st_mode & 0o777 == 0o600
    assert done.rows["events.duckdb"]["events"] == 48 * 5 * 10
    assert done.audit_faults == []
    assert (before["events"], before["ann"], before["stopped"]) == (2400, True, True)
    restored = restore(out, tmp_path / "again")
    assert restored == done
    assert told(tmp_path / "again" / "site.yaml") == before
    assert (tmp_path / "again" / "papers" / "notice.html").read_text() == "a sign"
    assert (tmp_path / "again" / "site.yaml").read_text() == closed.read_text()
    assert (tmp_path / "again" / "data").stat().st_mode & 0o077 == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["again", "backup.tar.gz", "shop"]


def members(file: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(file) as tar:
        return [(info, tar.extractfile(info).read()) for info in tar]  # type: ignore[union-attr]


def rewrite(file: Path, parts: list[tuple[str, bytes]]) -> None:
    with tarfile.open(file, "w:gz") as tar:
        for name, content in parts:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def changed(file: Path, how: str) -> None:
    """Spoils a backup."""
    content = file.read_bytes()
    parts = [(info.name, data) for info, data in members(file)]
    if how == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif how == "bits":
        rewrite(file, [(n, d.replace(b"Lived", b"Loved")) for n, d in parts])
    elif how == "missing":
        rewrite(file, parts[:-1])
    elif how == "outside":
        manifest = json.loads(parts[0][1])
        files = manifest["files"]
        evil = {("site/../../evil" if n == "site/site.yaml" else n): h for n, h in files.items()}
        first = json.dumps({**manifest, "files": evil}).encode()
        named = [("site/../../evil" if n == "site/site.yaml" else n, d) for n, d in parts[1:]]
        rewrite(file, [("manifest.json", first), *named])
    elif how == "rows":
        manifest = json.loads(parts[0][1])
        manifest["rows"]["events.duckdb"]["events"] += 1
        rewrite(file, [("manifest.json", json.dumps(manifest).encode()), *parts[1:]])
    elif how == "newer":
        manifest = json.loads(parts[0][1])
        rewrite(file, [("manifest.json", json.dumps({**manifest, "format": 2}).encode())])
    else:
        file.write_text("no tar")


@pytest.mark.parametrize("how", ["cut", "bits", "missing", "outside", "rows", "newer", "none"])
def test_a_backup_that_is_not_whole_is_refused_and_leaves_nothing(closed, tmp_path, how):
    out = tmp_path / "backup.tar.gz"
    backup(closed, out)
    changed(out, how)
    expected = "does not know" if how == "newer" else "no whole backup"
    with pytest.raises(InputError, match=expected):
        restore(out, tmp_path / "again")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["backup.tar.gz", "shop"]


def test_nothing_is_ever_overwritten(closed, tmp_path):
    out = tmp_path / "backup.tar.gz"
    backup(closed, out)
    with pytest.raises(InputError, match="exists already"):
        backup(closed, out)
    with pytest.raises(InputError, match="not empty"):
        restore(out, closed.parent)
    with pytest.raises(InputError, match="no such file"):
        restore(tmp_path / "none", tmp_path / "again")


def test_a_log_that_was_changed_is_backed_up_as_it_is_and_told(closed, tmp_path):
    log = closed.parent / "data" / "audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b'"who":"ann"', b'"who":"bob"', 1))
    done = backup(closed, tmp_path / "backup.tar.gz")
    assert len(done.audit_faults) == 1
    assert restore(tmp_path / "backup.tar.gz", tmp_path / "again") == done


def test_a_shop_without_records_and_a_place_that_cannot_be_written_are_told(closed, tmp_path):
    write_site(tmp_path)
    with pytest.raises(InputError, match="no records yet"):
        backup(tmp_path / "site.yaml", tmp_path / "backup.tar.gz")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        backup(closed, tmp_path / "file" / "backup.tar.gz")


@contextmanager
def running(path: Path):
    """The real command; its address."""
    command = [*AERAS, "run", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr is not None
        try:
            yield program.stderr.readline().split(": ", 1)[1].strip()
        finally:
            program.send_signal(signal.SIGINT)
            program.communicate(timeout=60)


def aeras(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*AERAS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def is_ready(url: str) -> bool:
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        return b'aeras_camera_up{camera="aisle"} 1.0' in answer.read()


def test_a_running_shop_is_backed_up_and_its_camera_started_again_while_it_runs(tmp_path):
    path = write_site(tmp_path)
    before = Runtime(load_site(path), cameras=False)
    before.store.append([event() for _ in range(500)])
    before.stop()
    out = tmp_path / "backup.tar.gz"
    with running(path) as url:
        assert wait_for(lambda: is_ready(url), 60)
        done = aeras("backup", path, out, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["rows"]["events.duckdb"]["events"] >= 500
        again = aeras("restart", path, "aisle", "--json")
        assert json.loads(again.stdout) == {"restarting": ["aisle"]}, again.stderr
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as ready:
            assert json.load(ready)["reading"] == "on"
    done = aeras("restore", out, tmp_path / "again")
    assert done.returncode == 0, done.stderr
    assert "aeras run" in done.stdout
    restored = Runtime(load_site(tmp_path / "again" / "site.yaml"), cameras=False)
    assert restored.store.count() >= 500
    assert restored.oversight.audit.faults() == []
    assert [e.about["what"] for e in restored.oversight.audit.last(9) if e.act == "export"] == [
        "backup"
    ]
    restored.stop()
    with pytest.raises(InputError, match="not running"):
        restart(path, "aisle")

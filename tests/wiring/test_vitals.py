from __future__ import annotations

import os
import signal
import socket
from contextlib import suppress

import pytest
from records import event
from waiting import wait_for

from aeras.config import load_site
from aeras.domain.kept import FirstOf
from aeras.wiring.runtime import Runtime
from aeras.wiring.vitals import Paced, in_steps, notify, told, vitals_of


def test_a_single_visit_never_moves_what_is_shown():
    paced = Paced(3)
    first = event(first_of=FirstOf.SITE)
    later = event(first_of=FirstOf.NONE)
    shown = []
    for batch in ([first, later], [first], [later], [later, first], [first]):
        paced.add(batch, 0.2)
        shown.append((paced.shown[0], sum(paced.shown[1].counts)))
    assert shown == [(0, 0), (0, 0), (0, 0), (6, 4), (6, 4)]


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, 10), (10, 10), (11, 20)])
def test_what_is_kept_back_is_rounded_up(count, shown):
    assert in_steps(count, 10) == shown


def test_the_vitals_of_a_running_shop_tell_of_a_killed_worker_a_stop_and_a_lost_database(make_site):
    runtime = Runtime(load_site(make_site()))
    runtime.start()
    try:
        assert wait_for(lambda: sum(vitals_of(runtime).frames.values()) > 3)
        found = vitals_of(runtime)
        assert (found.alive, found.reading, found.unready) == (True, "on", ())
        assert (found.workers, found.workers_wanted, found.ended) == (1, 1, {"aisle": 0})
        assert sum(found.frame_delays["aisle"].counts) == found.frames["aisle"]
        assert 0 < found.disk_free < found.disk_size
        os.kill(runtime._workers.pids[0], signal.SIGKILL)
        assert wait_for(lambda: vitals_of(runtime).ended == {"aisle": 1})
        runtime.oversight.switch.stop("vic")
        assert wait_for(lambda: vitals_of(runtime).reading == "stopped")
        assert vitals_of(runtime).unready == ()
        runtime.store.close()
        assert vitals_of(runtime).unready == ("store:events",)
    finally:
        runtime.stop()
    assert not runtime.alive


@pytest.fixture
def manager(tmp_path, monkeypatch):
    """Stands in for the service manager's socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield sock


def test_the_service_manager_hears_that_it_lives_only_while_it_does(manager, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "100000")
    alive = [True]
    with told(lambda: alive[0]):
        assert manager.recv(99) == b"READY=1"
        assert manager.recv(99) == b"WATCHDOG=1"
        assert manager.recv(99) == b"WATCHDOG=1"
        alive[0] = False
        manager.settimeout(0.3)
        with suppress(TimeoutError):
            manager.recv(99)  # what was on its way
        with pytest.raises(TimeoutError):
            manager.recv(99)
    assert manager.recv(99) == b"STOPPING=1"


def test_without_a_service_manager_nothing_is_told(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")

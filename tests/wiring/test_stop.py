"""A real running shop is stopped: by file, by switch, by the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import pytest
from waiting import wait_for

from aeras.config import load_site
from aeras.domain.ports import utc_now
from aeras.privacy.preview import BLACK
from aeras.wiring.runtime import Runtime

STOP_S = 2.0


def alive(pids: list[int]) -> list[int]:
    """Those of the processes that still run (a dead one not yet waited for does not)."""
    states = {}
    for pid in pids:
        try:
            states[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return [pid for pid, state in states.items() if state != "Z"]


@pytest.fixture
def running(make_site):
    runtime = Runtime(load_site(make_site()))
    runtime.start()
    assert wait_for(lambda: runtime.frames > 3)
    assert wait_for(lambda: runtime.board.preview("aisle") is not None)
    yield runtime
    runtime.stop()


def is_black(jpeg: bytes | None) -> bool:
    assert jpeg is not None
    return not cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).any()


def test_a_stop_ends_every_worker_within_two_seconds_and_shows_black(running):
    took = []
    for by_file in (True, False, True):
        pids = running._workers.pids
        assert alive(pids) == pids
        assert not is_black(running.board.preview("aisle"))
        begun = time.monotonic()
        if by_file:
            (running.site.data / "STOP").touch()
        else:
            running.oversight.switch.stop("vic")
        assert wait_for(lambda: not alive(pids) and is_black(running.board.preview("aisle")), 20)  # noqa: B023 - called at once
        took.append(time.monotonic() - begun)
        assert [camera.state for camera in running.board.cameras()] == ["stopped"]
        frames = running.frames
        time.sleep(1.0)
        assert running.frames == frames
        assert running._workers.pids == []
        running.oversight.switch.resume("olga")
        assert wait_for(lambda: bool(running._workers.pids))
        assert wait_for(lambda: not is_black(running.board.preview("aisle") or BLACK))
    assert median(took) < STOP_S


def test_a_stop_survives_a_restart_and_resuming_reads_again(running, make_site):
    running.oversight.switch.stop("vic")
    running.stop()
    again = Runtime(running.site)
    try:
        again.start()
        assert wait_for(lambda: again.board.cameras()[0].state == "stopped")
        time.sleep(1.0)
        assert again._workers.pids == []
        assert again.frames == 0
        again.oversight.switch.resume("olga")
        assert wait_for(lambda: again.frames > 3)
        assert wait_for(lambda: again.board.cameras()[0].state == "up")
        acts = [entry.act for entry in again.oversight.audit.last(9)]
        assert acts == ["resume", "start", "end", "stop", "start"]
        assert again.oversight.audit.faults() == []
    finally:
        again.stop()


def test_outside_opening_hours_nothing_is_read_and_inside_it_is(make_site):
    path = make_site()
    local = datetime.now(UTC)
    spans = [(local + timedelta(hours=h)).strftime("%H:%M") for h in (2, 3)]
    day = local.strftime("%a").lower()
    shut = f'hours: {{open: {{{day}: "{spans[0]}-{spans[1]}"}}}}\n'
    text = path.read_text()
    path.write_text(text + shut)
    now = [utc_now()]
    runtime = Runtime(load_site(path), clock=lambda: now[0])
    try:
        runtime.start()
        assert wait_for(lambda: runtime.board.cameras()[0].state == "closed")
        time.sleep(1.0)
        assert runtime._workers.pids == []
        assert is_black(runtime.board.preview("aisle"))
    finally:
        runtime.stop()
    path.write_text(text + "hours: {open: always}\n")
    runtime = Runtime(load_site(path))
    try:
        runtime.start()
        assert wait_for(lambda: runtime.frames > 3)
    finally:
        runtime.stop()

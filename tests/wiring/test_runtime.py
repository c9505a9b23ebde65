from __future__ import annotations

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from waiting import wait_for

from aeras.config import load_site
from aeras.domain.errors import ConfigError, PrivacyError
from aeras.wiring.runtime import Runtime


@pytest.fixture
def run(make_site):
    started: list[Runtime] = []

    def run(more_cameras: str = "") -> Runtime:
        runtime = Runtime(load_site(make_site(more_cameras)))
        runtime.start()
        started.append(runtime)
        return runtime

    yield run
    for runtime in started:
        runtime.stop()


def test_events_of_a_camera_are_stored_and_shown_live_and_its_preview_is_a_jpeg(run):
    runtime = run()
    live = runtime.board.subscribe()
    assert wait_for(lambda: runtime.store.count() > 0)
    message = live.get(5)
    while message is not None and message["type"] != "event":
        message = live.get(5)
    assert message is not None
    assert message["fixture"] == "shelf"
    assert "reaction" not in message  # a real camera's single reactions are not shown
    preview = runtime.board.preview("aisle")
    assert preview is not None
    assert preview.startswith(b"\xff\xd8\xff")
    assert wait_for(lambda: len(runtime.delays_s) > 0)
    assert runtime.delays_s[-1] < 5


def test_a_camera_that_is_away_is_marked_down_while_the_others_go_on(run):
    away = "  - {id: away, source: 'rtsp://127.0.0.1:9/none', role: aisle, size: [320, 240]}"
    runtime = run(away)
    assert wait_for(lambda: {c.id: c.state for c in runtime.board.cameras()}["away"] == "down")
    states = {camera.id: camera for camera in runtime.board.cameras()}
    assert states["away"].reason
    assert wait_for(lambda: runtime.frames > 5)


def test_a_killed_worker_is_reported_and_started_again(run):
    runtime = run()
    assert wait_for(lambda: runtime.frames > 3)
    (pid,) = runtime._workers.pids
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: runtime.board.cameras()[0].state == "down")
    assert "worker ended" in runtime.board.cameras()[0].reason
    assert wait_for(lambda: runtime.board.cameras()[0].state == "up")
    assert runtime._workers.pids != [pid]


def test_expression_without_papers_is_refused_before_anything_starts(make_site):
    path = make_site()
    path.write_text(path.read_text().replace("behaviour-only,", "eu, expression: on,"))
    with pytest.raises(PrivacyError, match="expression is on without controller"):
        Runtime(load_site(path))
    assert not (path.parent / "data").exists()


TWO = "  - {id: other, source: clip.mp4, role: aisle, size: [320, 240], fps: 2}"


def test_a_changed_site_file_starts_only_the_cameras_concerned_again(run):
    runtime = run(TWO)
    assert wait_for(lambda: {c.state for c in runtime.board.cameras()} == {"up"})
    before = set(runtime._workers.pids)
    path = runtime.site.path
    path.write_text(path.read_text().replace("id: f1, item: box", "id: f2, item: box"))
    assert runtime.reload() == ("aisle",)
    assert [c.state for c in runtime.board.cameras()] == ["starting", "up"]
    assert wait_for(lambda: runtime.board.cameras()[0].state == "up")
    assert len(before & set(runtime._workers.pids)) == 1
    assert len(runtime._workers.pids) == 2
    assert runtime.board.shop.fixtures[0].facings[0].id == "f2"
    assert wait_for(lambda: runtime.sent_size("aisle") == (320, 240))
    assert runtime.reload() == ()


def test_a_wrong_file_changes_nothing(run):
    runtime = run()
    path = runtime.site.path
    path.write_text(path.read_text().replace("item: box", "item: bux"))
    with pytest.raises(ConfigError, match="unknown item"):
        runtime.reload()
    assert runtime.board.shop.fixtures[0].facings[0].item == "box"


def test_the_next_planogram_takes_over_when_its_time_comes(make_site):
    path = make_site()
    path.write_text(path.read_text().replace("item: box, ", "") + "planogram_file: planogram.csv\n")
    path.with_name("planogram.csv").write_text(
        "version,valid_from,valid_to,facing,item\n"
        "old,,2026-03-01,f1,\nnew,2026-03-01,2026-03-02,f1,box\n"
    )
    now = [datetime(2026, 2, 28, 23, 59, tzinfo=UTC)]
    site = load_site(path, now[0])
    runtime = Runtime(site, clock=lambda: now[0], cameras=False)
    runtime.start()
    try:
        assert runtime.board.shop.planogram == "old"
        now[0] += timedelta(minutes=2)
        assert wait_for(lambda: runtime.board.shop.planogram == "new")
        assert runtime.board.shop.fixtures[0].facings[0].item == "box"
        now[0] += timedelta(days=2)
        assert wait_for(lambda: runtime.board.shop.planogram == "none")
        assert runtime.board.shop.fixtures[0].facings[0].item is None
    finally:
        runtime.stop()

"""Logs are for machines too, and tell of the shop's parts, never of people."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

import aeras
from aeras.wiring.logs import FORMAT, set_up_logs

SOURCE = Path(aeras.__file__).parent
NAMED = {
    # parts of the shop
    *(
        "camera",
        "cameras",
        "channel",
        "connector",
        "hub",
        "item",
        "rule",
        "shop",
        "source",
        "store",
    ),
    # what happened to them, in words of ours
    *(
        "code",
        "error",
        "id",
        "name",
        "outcome",
        "reason",
        "status",
        "type",
        "version",
        "what",
        "where",
    ),
    # how many
    *("answers", "count", "shops", "stored", "topics", "tries", "waiting"),
}
"""What a record may say; a new name is a reason to think whether it can tell of a person."""
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_calls() -> list[tuple[str, ast.Call]]:
    return [
        (f"{file.relative_to(SOURCE)}:{node.lineno}", node)
        for file in SOURCE.rglob("*.py")
        if "lab" not in file.relative_to(SOURCE).parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in {"log", "logger"}
    ]


def test_records_say_only_what_was_thought_about():
    calls = log_calls()
    assert len(calls) > 30
    assert [w for w, call in calls if not {k.arg for k in call.keywords} <= NAMED] == []
    assert [w for w, call in calls if any(isinstance(a, ast.JoinedStr) for a in call.args)] == []


@pytest.fixture
def as_json(monkeypatch):
    before = structlog.get_config()
    monkeypatch.setenv(FORMAT, "json")
    monkeypatch.setenv("AERAS_LOG", "info")
    yield
    structlog.configure(**before)


def test_a_record_is_one_line_of_json(as_json, capsys):
    set_up_logs()
    structlog.get_logger("x").warning("camera_down", camera="aisle", reason="gone\naway: ä")
    structlog.get_logger("x").debug("not told")
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record.pop("timestamp").endswith("Z")
    told = {"event": "camera_down", "level": "warning", "camera": "aisle"}
    assert record == {**told, "reason": "gone\naway: ä"}


def test_a_camera_s_password_stays_out_of_the_log(tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text(
        "site: {name: S}\nprivacy: {profile: behaviour-only}\ncameras:\n"
        "  - {id: a, source: 'rtsp://viewer:${CAM_PASSWORD}@127.0.0.1:9/x', role: aisle,"
        " size: [64, 48]}\n"
        "fixtures: []\n"
    )
    command = [sys.executable, "-m", "aeras.cli", "-v", "doctor", str(site), "--seconds", "1"]
    known = {**os.environ, "CAM_PASSWORD": "hunter2"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=known)
    assert "camera a" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr

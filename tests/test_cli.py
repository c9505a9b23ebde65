from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from synthetic_shop import write_site

from aeras import cli

AERAS = [sys.executable, "-m", "aeras.cli"]


def aeras(*arguments: object, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    command = [*AERAS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)


def assert_one_clear_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("aeras: ")
    for word in words:
        assert word in lines[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    return write_site(tmp_path_factory.mktemp("shop"))


def test_init_writes_a_site_that_check_accepts(tmp_path):
    assert aeras("init", tmp_path / "shop").returncode == 0
    result = aeras("check", tmp_path / "shop" / "site.yaml")
    assert result.returncode == 0
    assert "is fine: 1 cameras, 1 fixtures, 2 items" in " ".join(result.stdout.split())


def test_init_never_overwrites_a_site(tmp_path):
    aeras("init", tmp_path)
    assert_one_clear_line(aeras("init", tmp_path), "there is a site file already")


def test_check_lists_every_mistake_with_its_line(site, tmp_path):
    text = (
        site.read_text().replace("item: box", "item: bx").replace("camera: aisle", "camera: nope")
    )
    path = tmp_path / "site.yaml"
    path.write_text(text)
    result = aeras("check", path, "--json")
    assert result.returncode == 2
    problems = json.loads(result.stdout)["problems"]
    assert len(problems) == 2
    assert all(problem.startswith(f"{path}:") for problem in problems)


def test_check_names_the_rule_that_a_profile_breaks(site, tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(site.read_text().replace("behaviour-only", "eu, expression: on"))
    assert_one_clear_line(aeras("check", path), "expression is on without controller", "GDPR")


@pytest.mark.parametrize("command", [["run"], ["check"], ["lab", "replay"]])
def test_a_missing_site_file_is_one_clear_line(command, tmp_path):
    more = ["--camera", "a", "--video", "v.mp4"] if "replay" in command else []
    result = aeras(*command, tmp_path / "none.yaml", *more)
    assert_one_clear_line(result, "no such site file", "aeras init")


def test_replay_prints_interactions_and_stores_nothing(site):
    before = sorted(site.parent.iterdir())
    clip = site.parent / "clip.mp4"
    result = aeras("lab", "replay", site, "--camera", "aisle", "--video", clip, "--json")
    assert result.returncode == 0, result.stderr
    *lines, last = [json.loads(line) for line in result.stdout.splitlines()]
    found = [(line["kind"], line["facing"], line["item"]) for line in lines]
    assert ("take", "f1", "box") in found
    assert ("put_back", "f1", "box") in found
    assert last["summary"]["faces_found"] == 0
    assert sorted(site.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("camera", "video", "words"),
    [
        ("nope", "clip.mp4", ["no camera 'nope'", "aisle"]),
        ("aisle", "none.mp4", ["none.mp4"]),
        ("aisle", "garbage.mp4", ["garbage.mp4"]),
    ],
)
def test_a_replay_that_cannot_be_is_one_clear_line(site, tmp_path, camera, video, words):
    (site.parent / "garbage.mp4").write_bytes(b"no video at all" * 1000)
    path = site.parent / video
    result = aeras("lab", "replay", site, "--camera", camera, "--video", path, "--json")
    assert_one_clear_line(result, *words)


def test_models_are_as_recorded():
    result = aeras("models", "verify", "--json")
    assert result.returncode == 0
    checks = json.loads(result.stdout)
    assert checks
    assert set(checks.values()) == {"ok"}


def test_a_port_in_use_is_one_clear_line(tmp_path):
    path = write_site(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_one_clear_line(aeras("run", path, "--port", port), str(port), "--port")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_run_serves_until_it_is_ended_and_leaves_no_worker(tmp_path, end):
    path = write_site(tmp_path)
    with subprocess.Popen([*AERAS, "run", str(path)], stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        try:
            assert "Test Shop: http://localhost:" in first.stderr.readline()
            assert "/setup?token=" in first.stderr.readline()
            second = aeras("run", path)  # takes long enough for the first one's worker to start
            workers = _children(first.pid)
        finally:
            first.send_signal(end)
        assert first.wait(timeout=30) == 0
    assert_one_clear_line(second, "events.duckdb")
    assert workers
    assert not [pid for pid in workers if _is_worker(pid)]


def _children(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return [child for child in children if _is_worker(child)]


def _is_worker(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not collected has no command line."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["demo", "--help"],
        ["init", "--help"],
        ["check", "--help"],
        ["run", "--help"],
        ["models", "list"],
        ["lab", "replay", "--help"],
        ["lab", "expression", "--help"],
        ["lab", "tracking", "--help"],
        ["lab", "simulate", "--help"],
        ["lab", "bench", "--help"],
        ["lab", "train", "--help"],
    ],
)
def test_help_is_there_with_an_example(command):
    result = aeras(*command)
    assert result.returncode == 0
    if command[0] != "models" and len(command) > 1:
        assert "aeras" in result.stdout
        assert "Example" in result.stdout


def test_no_command_stands_twice_in_the_help():
    names = [(found.name or found.callback.__name__) for found in cli.app.registered_commands]
    names += [group.name for group in cli.app.registered_groups]
    assert sorted(names) == sorted(set(names))

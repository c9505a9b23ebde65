from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from aeras import cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aeras", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        written = capfd.readouterr()
        return int(end.value.code or 0), written.out, written.err

    return call

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_crash_leaves_no_memory_behind(tmp_path):
    program = """
import ctypes, resource
resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
from aeras.wiring.hardening import no_core_dumps
no_core_dumps()
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), flush=True)
ctypes.CDLL(None).abort()
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(0, 0) 0"
    assert done.returncode == -6
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_every_command_gives_up_core_dumps_before_it_does_anything():
    program = """
import ctypes, resource, sys
from aeras import cli
cli.app = lambda: print(
    resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
)
cli.main()
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(0, 0) 0"


@pytest.mark.skipif(sys.platform != "linux", reason="mlockall is Linux's")
@pytest.mark.parametrize("limited", [True, False])
def test_memory_is_kept_off_the_swap_disk_where_there_is_no_limit_and_only_there(limited):
    program = f"""
import resource
from pathlib import Path
limit = (65536, 65536) if {limited} else (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
try:
    resource.setrlimit(resource.RLIMIT_MEMLOCK, limit)
except (ValueError, PermissionError):
    print("not allowed"); raise SystemExit
from aeras.wiring.hardening import keep_out_of_swap
locked = keep_out_of_swap()
grown = bytearray(50_000_000)
lines = Path("/proc/self/status").read_text().splitlines()
print(locked, next(int(line.split()[1]) for line in lines if line.startswith("VmLck")) > 10_000)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    if done.stdout.strip() == "not allowed":
        pytest.skip("this account may not lock memory without a limit")
    assert done.stdout.strip() == ("False False" if limited else "True True")

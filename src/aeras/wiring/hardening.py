"""What a process gives up for safety when it starts."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4


def no_core_dumps() -> None:
    """A crash leaves no memory on the disk: frames live there.

    The limit is inherited by workers. Where the kernel pipes dumps to a program the limit does not
    count (core(5)), so the process is marked as not dumpable as well; that also keeps other
    programs of the same user from reading its memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)

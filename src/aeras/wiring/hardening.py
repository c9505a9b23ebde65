"""What a process gives up for safety when it starts."""

from __future__ import annotations

import ctypes
import resource
import sys

_PR_SET_DUMPABLE = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def no_core_dumps() -> None:
    """A crash leaves no memory on the disk: frames live there.

    The limit is inherited by workers. Where the kernel pipes dumps to a program the limit does not
    count (core(5)), so the process is marked as not dumpable as well; that also keeps other
    programs of the same user from reading its memory.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_out_of_swap() -> bool:
    """Keeps this process's memory off the swap disk, where the system allows it without a limit.

    With a limit nothing is locked: an allocation beyond it would fail, and with it the worker.
    """
    if sys.platform != "linux":
        return False
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY:
        return False
    flags = _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(flags) == 0)

"""Waits for what happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_for(true: Callable[[], bool], seconds: float = 40) -> bool:
    """Whether it became true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return true()

"""Lengths of time as people write them in the site file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

_UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}


def read_duration(value: Any) -> timedelta:
    """``90 s``, ``15 min``, ``2 h`` or ``7 d``; ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    text = value if isinstance(value, str) else ""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h|d)\s*", text)
    if not match:
        raise ValueError(f"{value!r} is not a length of time: write 90 s, 15 min, 2 h or 7 d")
    return timedelta(**{_UNITS[match[2]]: float(match[1])})

"""Keeps what is usual (lengths of stays and holds) over restarts, in the control database.

Only figures with at least `aeras.shelf.pace.ENOUGH` lengths behind them are kept: none is of one
person.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import structlog

from aeras.domain.kept import Kind, UsualLength
from aeras.domain.ports import Settings

log = structlog.get_logger(__name__)


def save_usual(settings: Settings, cameras: Sequence[str], usual: Sequence[UsualLength]) -> None:
    """Keeps the figures of a rig. Raises StoreError."""
    settings.set_setting(_name(cameras), json.dumps([astuple(one) for one in usual]))


def load_usual(settings: Settings, cameras: Sequence[str]) -> tuple[UsualLength, ...]:
    """The kept figures of a rig, none if there are none or they cannot be read."""
    text = settings.setting(_name(cameras))
    if text is None:
        return ()
    try:
        return tuple(_usual(row) for row in json.loads(text))
    except (TypeError, ValueError) as error:  # they are learnt anew
        log.warning("usual_unreadable", cameras=list(cameras), reason=str(error))
        return ()


def _usual(row: Sequence[Any]) -> UsualLength:
    what, kind, hour, count, mean, variance = row
    if not (math.isfinite(mean) and math.isfinite(variance) and variance >= 0 and count > 0):
        raise ValueError(f"no figures: {count}, {mean}, {variance}")
    return UsualLength(str(what), Kind(kind), int(hour), int(count), float(mean), float(variance))


def _name(cameras: Sequence[str]) -> str:
    digest = hashlib.sha256("\n".join(cameras).encode()).hexdigest()
    return f"usual-{digest[:32]}"

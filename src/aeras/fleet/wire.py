"""Events as they travel from a shop to the hub, and the check at both doors.

A message holds columns of equally many values: names once, small, and nothing beside them. What
passes is what an `Event` can hold, and no more: every text is one of a list or a short id, every
number has two decimals, every time is a whole minute.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from aeras.domain.errors import InputError
from aeras.domain.kept import DwellClass, Event, FirstOf, Kind, Origin, Reaction

SCHEMA = 1
MOST_EVENTS = 500
MOST_BYTES = 400_000
"""Of one message."""

_RANDOM = re.compile(r"[0-9a-f]{32}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REASON = re.compile(r"[a-z]+(_[a-z]+)*")
_MOST_REASONS = 8
_MOST_REASON_CHARS = 40
_MINUTE_S = 60


class RefusedError(InputError):
    """A message that is not made of events of the shop that sent it."""


class NewerError(InputError):
    """A message of a newer AERAS than this one."""


def _is_random(value: object) -> bool:
    return isinstance(value, str) and _RANDOM.fullmatch(value) is not None


def is_id(value: object) -> bool:
    """Whether it may be the id of a shop, a facing or an item."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def _is_id_or_none(value: object) -> bool:
    return value is None or is_id(value)


def _is_minute(value: object) -> bool:
    return type(value) is int and value % _MINUTE_S == 0 and 0 <= value < 1 << 33


def _is_share(value: object) -> bool:
    """A number of at most two decimals in [0, 1]."""
    return type(value) in {int, float} and 0 <= value <= 1 and round(value, 2) == value  # type: ignore[operator,call-overload]


def _is_share_or_none(value: object) -> bool:
    return value is None or _is_share(value)


def _is_flag(value: object) -> bool:
    return type(value) is bool


def _are_reasons(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_REASONS
        and all(
            isinstance(one, str) and len(one) <= _MOST_REASON_CHARS and _REASON.fullmatch(one)
            for one in value
        )
    )


def _one_of(values: Sequence[object]) -> Callable[[object], bool]:
    known = set(values)
    return lambda value: type(value) in {str, int} and value in known


_CHECKS: dict[str, Callable[[object], bool]] = {
    "id": _is_random,
    "at": _is_minute,
    "fixture": is_id,
    "facing": _is_id_or_none,
    "item": _is_id_or_none,
    "planogram": is_id,
    "kind": _one_of([kind.value for kind in Kind]),
    "dwell": _one_of([dwell.value for dwell in DwellClass]),
    **dict.fromkeys(("positive", "hesitant", "rejected", "neutral", "coverage"), _is_share),
    "reasons": _are_reasons,
    "confidence": _is_share,
    "first_of": _one_of([int(first) for first in FirstOf]),
    "outcome": _is_flag,
    "origin": _one_of([origin.value for origin in Origin]),
    "attribution": _is_share_or_none,
    "bounded": _is_flag,
}
COLUMNS = tuple(_CHECKS)
_SAME = ("id", "fixture", "facing", "item", "planogram", "confidence", "outcome", "attribution")


def pack(events: Sequence[Event], shop: str) -> bytes:
    """Events of one shop as a message.

    Raises:
        RefusedError: Something in them is not what an event may hold.
    """
    columns: dict[str, list[Any]] = {n: [getattr(e, n) for e in events] for n in _SAME}
    columns |= {n: [getattr(e, n).value for e in events] for n in ("kind", "dwell", "origin")}
    for name in ("positive", "hesitant", "rejected", "neutral", "coverage"):
        columns[name] = [getattr(e.reaction, name) for e in events]
    columns["at"] = [_seconds(e.at) for e in events]
    columns["reasons"] = [list(e.reaction.reasons) for e in events]
    columns["first_of"] = [int(e.first_of) for e in events]
    columns["bounded"] = [e.bounded for e in events]
    if any(e.site != shop for e in events):
        raise RefusedError(f"an event is not of the shop {shop!r}")
    _check(columns)
    return encode({name: columns[name] for name in COLUMNS})


def unpack(body: bytes, shop: str) -> list[Event]:
    """The events in a message.

    Args:
        body: The message.
        shop: The shop that sent it, as its credentials say.

    Raises:
        RefusedError: It is anything else than events.
        NewerError: It was made by a newer AERAS.
    """
    columns = decode(body)
    _check(columns)
    return [_event(row, shop) for row in zip(*(columns[name] for name in COLUMNS), strict=True)]


def encode(columns: Mapping[str, list[Any]]) -> bytes:
    """Columns as a message."""
    return json.dumps({"schema": SCHEMA, "events": columns}, separators=(",", ":")).encode()


def decode(body: bytes) -> dict[str, list[Any]]:
    """The columns of a message, whose values are not checked yet. Raises as `unpack` does."""
    if len(body) > MOST_BYTES:
        raise RefusedError(f"{len(body)} bytes, at most {MOST_BYTES} are taken")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RefusedError("is no JSON") from error
    if not isinstance(message, dict) or message.keys() != {"schema", "events"}:
        raise RefusedError("is no message of events")
    if type(message["schema"]) is int and message["schema"] > SCHEMA:
        raise NewerError(
            f"schema {message['schema']} is newer than {SCHEMA}", todo="Upgrade the hub"
        )
    columns = message["events"]
    if message["schema"] != SCHEMA or not isinstance(columns, dict):
        raise RefusedError("is no message of events")
    return columns


def _check(columns: Mapping[str, Any]) -> None:
    if columns.keys() != _CHECKS.keys():
        odd = sorted(columns.keys() ^ _CHECKS.keys())
        raise RefusedError(f"other columns than events have: {len(odd)} missing or unknown")
    lengths = {len(values) if isinstance(values, list) else -1 for values in columns.values()}
    if len(lengths) != 1 or not 1 <= max(lengths) <= MOST_EVENTS:
        raise RefusedError(f"not 1 to {MOST_EVENTS} events in columns of one length")
    for name, fits in _CHECKS.items():
        if not all(map(fits, columns[name])):
            # The value itself is not told: it may be what must not be kept.
            raise RefusedError(f"a value of {name!r} is not what an event may hold")


def _event(row: Sequence[Any], shop: str) -> Event:
    one = dict(zip(COLUMNS, row, strict=True))
    shares = {n: float(one.pop(n)) for n in ("positive", "hesitant", "rejected", "neutral")}
    try:
        reaction = Reaction(
            **shares, coverage=float(one.pop("coverage")), reasons=tuple(one.pop("reasons"))
        )
    except ValueError as error:
        raise RefusedError("reaction probabilities do not sum to 1") from error
    return Event(
        **one
        | {
            "site": shop,
            "at": datetime.fromtimestamp(one["at"], UTC),
            "kind": Kind(one["kind"]),
            "dwell": DwellClass(one["dwell"]),
            "first_of": FirstOf(one["first_of"]),
            "origin": Origin(one["origin"]),
            "reaction": reaction,
        }
    )


def _seconds(at: datetime) -> float | int:
    seconds = at.timestamp()
    return int(seconds) if seconds.is_integer() else seconds

"""Small kept records and a small shop, for tests of several rooms."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from aeras.domain.kept import (
    Answer,
    DwellClass,
    Event,
    FirstOf,
    Kind,
    Origin,
    Passage,
    Reaction,
    ReactionLabel,
    ShelfLevel,
    StockLevel,
    Tally,
)
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Item, Shop

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
_numbers = itertools.count()


def small_shop() -> Shop:
    """Two fixtures: drinks before a real camera, sweets before a rendered one."""
    items = (
        Item("oat-milk", "Oat milk 1 l", "drinks", None, 199),
        Item("cola", "Cola 1 l", "drinks", None, 149),
        Item("gum", "Gum", "sweets", None, 99),
    )
    cameras = (
        CameraSpec("aisle", "rtsp://camera.local/1", CameraRole.AISLE, (640, 480)),
        CameraSpec("rendered", "film.mp4", CameraRole.AISLE, (640, 480), simulated=True),
    )
    fixtures = (
        Fixture(
            "drinks",
            "Drinks",
            "aisle",
            (),
            (Facing("d1", "oat-milk", ()), Facing("d2", "cola", ()), Facing("d3", "gum", ())),
        ),
        Fixture("sweets", "Sweets", "rendered", (), (Facing("s1", "gum", ()),)),
        Fixture("fridge", "Fridge", "aisle", (), (Facing("f1", "cola", ()),)),
    )
    return Shop("corner", "Corner Shop", "Europe/Berlin", items, cameras, fixtures)


def reaction(label: ReactionLabel | str = "neutral", coverage: float = 0.5) -> Reaction:
    """A reaction of which one class holds 0.7, or none if unclear."""
    if label == ReactionLabel.UNCLEAR:
        return Reaction(0.25, 0.25, 0.25, 0.25, coverage)
    shares = dict.fromkeys(("positive", "hesitant", "rejected", "neutral"), 0.1)
    return Reaction(**{**shares, str(label): 0.7}, coverage=coverage)


def event(**changes: Any) -> Event:
    """An event of the small shop: a rejected put back that is its visit's first."""
    base = Event(
        id=f"{next(_numbers):032x}",
        at=NOON,
        site="corner",
        fixture="drinks",
        facing="d1",
        item="oat-milk",
        planogram="1",
        kind=Kind.PUT_BACK,
        dwell=DwellClass.UNDER_5,
        reaction=reaction("rejected"),
        confidence=0.9,
        first_of=FirstOf.SITE,
        outcome=True,
        origin=Origin.CAMERA,
    )
    return replace(base, **changes)


def shelf_level(**changes: Any) -> ShelfLevel:
    """Oat milk's facing, full for a whole grain."""
    base = ShelfLevel(
        NOON, "corner", "drinks", "d1", "oat-milk", "1", StockLevel.FULL, coverage=1.0
    )
    return replace(base, **changes)


def passage(**changes: Any) -> Passage:
    """Ten people past the drinks, of whom four stopped."""
    base = Passage(f"{next(_numbers):032x}", NOON, "corner", "drinks", 10, 4, coverage=1.0)
    return replace(base, **changes)


def answer(**changes: Any) -> Answer:
    """An answer on oat milk."""
    number = next(_numbers)
    base = Answer(
        id=f"a{number}",
        receipt=f"RECEIPT{number}",
        survey="put-back",
        version=1,
        item="oat-milk",
        trigger=None,
        at=NOON,
        channel="kiosk",
        language="en",
        rating=2,
        choice="taste",
        text="too sweet",
    )
    return replace(base, **changes)


def tally(key: str = "oat-milk", **changes: int | float) -> Tally:
    """A tally of nothing, with changes."""
    names = [field.name for field in fields(Tally) if field.name != "key"]
    counts: dict[str, Any] = dict.fromkeys(names, 0)
    return Tally(key, **{**counts, **changes})

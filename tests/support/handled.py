"""An item that was held for 8 s and put back, as the shelf room tells it before its reaction."""

from __future__ import annotations

from datetime import UTC, datetime

from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import Interaction

HELD = Interaction(
    kind=Kind.PUT_BACK,
    fixture="shelf",
    facing="b",
    item="tea",
    start_s=20.0,
    end_s=20.4,
    hold_s=8.0,
    confidence=0.9,
    reaction=Reaction(0, 0, 0, 1),
    outcome=True,
    visit=1,
    at=datetime(2026, 1, 5, 9, tzinfo=UTC),
)

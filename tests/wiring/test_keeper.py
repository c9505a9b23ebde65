from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from aeras.domain.errors import StoreError
from aeras.domain.kept import DwellClass, Event, FirstOf, Kind, Reaction
from aeras.wiring.keeper import Keeper


def event(name: str) -> Event:
    return Event(
        id=name,
        at=datetime(2026, 1, 1, 10, tzinfo=UTC),
        site="s",
        fixture="f",
        facing=None,
        item=None,
        planogram="1",
        kind=Kind.DWELL,
        dwell=DwellClass.UNDER_5,
        reaction=Reaction(0, 0, 0, 1),
        confidence=1,
        first_of=FirstOf.SITE,
        outcome=False,
    )


class Disk:
    """A store that can be full."""

    def __init__(self) -> None:
        self.full = False
        self.stored: list[str] = []

    def append(self, events: Sequence[Event]) -> None:
        if self.full:
            raise StoreError("the disk is full", where="events.duckdb", todo="Free some space")
        self.stored += [e.id for e in events]


def test_events_wait_in_order_while_the_disk_is_full_and_none_is_lost():
    disk = Disk()
    keeper = Keeper(disk, retry_s=0)  # type: ignore[arg-type]
    keeper.keep([event("a")])
    disk.full = True
    keeper.keep([event("b")])
    keeper.keep([event("c")])
    assert keeper.waiting == 2
    assert "disk is full" in keeper.trouble
    disk.full = False
    keeper.flush()
    assert disk.stored == ["a", "b", "c"]
    assert keeper.waiting == 0
    assert keeper.trouble == ""


def test_a_failing_store_is_not_hammered():
    disk = Disk()
    disk.full = True
    keeper = Keeper(disk, retry_s=60)  # type: ignore[arg-type]
    keeper.keep([event("a")])
    disk.full = False
    keeper.keep([event("b")])
    assert disk.stored == []
    keeper.flush(force=True)
    assert disk.stored == ["a", "b"]

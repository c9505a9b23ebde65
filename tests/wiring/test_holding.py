"""What somebody left alone did, or may have done, is never told; what waits is told once known."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from aeras.domain.kept import Kind, Reaction
from aeras.domain.seen import Interaction, Track
from aeras.privacy.staff import Fate
from aeras.wiring.holding import IN_VIEW, Claim, Holding

AT = datetime(2026, 11, 22, tzinfo=UTC)


class Known:
    """A filter whose verdicts the test sets."""

    def __init__(self, *, strict: bool = True, **fates: Fate) -> None:
        self.strict = strict
        self.fates = {int(name[1:]): fate for name, fate in fates.items()}

    def fate(self, track: int) -> Fate:
        return self.fates[track]

    @property
    def alone(self) -> frozenset[int]:
        return frozenset(name for name, fate in self.fates.items() if fate is Fate.DROP)


def claim(track: int | None, kind: Kind = Kind.TAKE, end_s: float = 5.0) -> Claim:
    reaction = Reaction(0, 0, 0, 1)
    found = Interaction(
        kind, "shelf", None, None, end_s - 1, end_s, 0.0, 0.9, reaction, False, track, AT
    )
    return Claim("c", track, found)


def track(name: int) -> Track:
    return Track(name, (0, 0, 10, 20), 0.9, 0.0, 0.0, 0)


def told(filters: Known, one: Claim, *there: int, place: str = "shelf", t_s: float = 5.0) -> int:
    holding = Holding({"c": filters})
    holding.stands(place, "c", [track(name) for name in there], t_s)
    holding.hold([one])
    return len(holding.release())


def test_a_shoppers_deed_is_told_and_that_of_somebody_left_alone_is_not():
    assert told(Known(t1=Fate.TELL), claim(1), 1) == 1
    assert told(Known(t1=Fate.DROP), claim(1), 1) == 0


@pytest.mark.parametrize(("later", "count"), [(Fate.TELL, 1), (Fate.DROP, 0)])
def test_what_is_not_known_yet_waits_until_it_is(later, count):
    filters = Known(t1=Fate.WAIT)
    holding = Holding({"c": filters})
    holding.hold([claim(1)])
    assert holding.release() == []
    filters.fates[1] = later
    assert len(holding.release()) == count
    assert holding.release() == []


def test_what_still_waits_at_the_end_is_dropped():
    holding = Holding({"c": Known(t1=Fate.WAIT)})
    holding.hold([claim(1)])
    assert holding.release(final=True) == []


def test_beside_somebody_left_alone_no_deed_is_told_but_a_stay_is():
    filters = Known(t1=Fate.TELL, t2=Fate.DROP)
    assert told(filters, claim(1), 1, 2) == 0
    assert told(filters, claim(1), 1, 2, t_s=60.0) == 1
    assert told(filters, claim(1, Kind.DWELL), 1, 2) == 1


def test_nobodys_deed_is_told_only_where_a_known_shopper_was_and_nobody_left_alone():
    shopper, unknown = Known(t1=Fate.TELL), Known(t1=Fate.TELL, t2=Fate.WAIT)
    assert told(shopper, claim(None), 1) == 1
    assert told(shopper, claim(None)) == 0
    assert told(Known(strict=False), claim(None)) == 1
    assert told(unknown, claim(None), 1, 2) == 0


@pytest.mark.parametrize("strict", [True, False])
def test_nobodys_deed_is_not_told_while_somebody_left_alone_is_anywhere_in_the_picture(strict):
    filters = Known(strict=strict, t1=Fate.TELL, t2=Fate.DROP)
    assert told(filters, claim(None), 1, 2, place=IN_VIEW) == 0
    assert told(filters, claim(1), 1, 2, place=IN_VIEW) == 1

"""Who counts as standing at a fixture."""

from __future__ import annotations

import pytest

from aeras.domain.seen import Track
from aeras.shelf.dwell import Visit, Visits
from aeras.shelf.zones import Zone


def stay(seconds: float, *, drift: float, visits: Visits | None = None) -> list[Visit]:
    visits = visits or Visits(lambda _: True)
    ended: list[Visit] = []
    for n in range(int(seconds * 5)):
        x = 100 + drift * n
        ended += visits.update([Track(1, (x, 50, x + 60, 250), 0.9, 0.0, n / 5, 0)], n / 5)
    ended += visits.finish()
    return [visit for visit in ended if visits.long_enough(visit)]


def test_a_shopper_who_stays_is_a_visit_of_that_length() -> None:
    (visit,) = stay(6, drift=0.7)
    assert visit.stay_s == pytest.approx(5.8)


def test_passing_by_is_no_visit() -> None:
    assert stay(1.5, drift=20) == []


def test_what_never_stirs_is_no_person() -> None:
    assert stay(60, drift=0.01) == []


def test_a_short_gap_does_not_end_a_visit() -> None:
    visits = Visits(lambda _: True)
    for t_s in (0.0, 1.0, 2.0, 3.4, 4.0):
        track = Track(1, (10 * t_s, 0, 10 * t_s + 40, 100), 0.9, 0.0, t_s, 0)
        assert visits.update([track], t_s) == []
    assert visits.update([], 6.0)[0].stay_s == 4.0


def test_feet_near_the_outline_stand_there_and_far_ones_do_not() -> None:
    zone = Zone(((100, 100), (200, 100), (200, 200), (100, 200)))
    assert zone.holds_feet((120, 40, 180, 220))
    assert not zone.holds_feet((300, 40, 360, 220))


def test_no_outline_holds_every_face() -> None:
    assert Zone(()).holds_face((5, 5, 10, 10))

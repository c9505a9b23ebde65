"""Who came past the fixtures of a rig: counted when gone, and only who may be counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
from records import passage

from aeras.domain.errors import StoreError
from aeras.domain.kept import Kind, Passage, Reaction
from aeras.domain.seen import Frame, Interaction, Track
from aeras.domain.shop import CameraRole, CameraSpec, Fixture
from aeras.privacy.staff import Fate
from aeras.wiring.keeper import Keeper
from aeras.wiring.passing import Gone, PassagesOf, Passing
from tests.wiring.test_holding import Known

AT = datetime(2026, 11, 22, tzinfo=UTC)
CAMERA = CameraSpec("c", "none", CameraRole.AISLE, (640, 480))
SHELF = Fixture("shelf", "Shelf", "c", ((200, 100), (400, 100), (400, 200), (200, 200)))
ON_MAP = Fixture("shelf", "Shelf", "c", SHELF.polygon, on_map=(0.0, 0.0, 2.0, 1.0))


class Camera:
    """What the counting needs of an eye."""

    def __init__(self, staff: Known, fixture: Fixture = SHELF) -> None:
        self.camera, self.staff, self.subject = CAMERA, staff, "people"
        self.readers = [SimpleNamespace(fixture=fixture)]
        self.is_calibrated = True


def walk(number: int, low: float = 240.0) -> list[Track]:
    """Past the shelf, with the feet on a row of the picture."""
    return [
        Track(number, (100 + 20 * n, low - 100, 140 + 20 * n, low), 0.9, 0.0, n / 5, 0)
        for n in range(20)
    ]


def play(
    eye: Camera,
    *walks: list[Track],
    places: dict[int, tuple[float, float]] | None = None,
    found: list[Interaction] | None = None,
    last: int = 60,
) -> tuple[Passing, tuple[Gone, ...]]:
    passing = Passing(lambda _, track: (places or {}).get(track))
    for n in range(last):
        frame = Frame("c", AT, n / 5, np.zeros((480, 640, 3), np.uint8))
        here = [one[n] for one in walks if n < len(one)]
        passing.see(eye, frame, here, found if n == 10 and found else [])  # type: ignore[arg-type]
    return passing, passing.take()


@pytest.mark.parametrize(
    ("fate", "counted"), [(Fate.TELL, (("shelf", False),)), (Fate.WAIT, ()), (Fate.DROP, ())]
)
def test_only_who_is_known_to_be_a_shopper_is_counted(fate, counted):
    eye = Camera(Known(t1=fate))
    passing, gone = play(eye, walk(1))
    assert gone == counted
    eye.staff.fates[1] = Fate.TELL
    passing.see(eye, Frame("c", AT, 13.0, np.zeros((480, 640, 3), np.uint8)), [], [])  # type: ignore[arg-type]
    assert passing.take() == ((("shelf", False),) if fate is Fate.WAIT else ())


def test_who_is_left_alone_under_one_number_is_under_all():
    first, second = walk(1)[:10], walk(2)
    tracks = [[one] for one in first] + [[one] for one in second[11:]]
    eye = Camera(Known(t1=Fate.DROP, t2=Fate.TELL))
    passing = Passing(lambda *_: None)
    for n in range(60):
        frame = Frame("c", AT, n / 5, np.zeros((480, 640, 3), np.uint8))
        passing.see(eye, frame, tracks[n] if n < len(tracks) else [], [])  # type: ignore[arg-type]
    assert passing.take() == ()


def test_nobody_is_counted_before_they_are_gone_nor_on_a_camera_that_was_moved():
    eye = Camera(Known(t1=Fate.TELL))
    assert play(eye, walk(1), last=22)[1] == ()
    assert play(eye, walk(1), last=22)[0].watched(eye) == ("shelf",)  # type: ignore[arg-type]
    eye.is_calibrated = False
    passing, gone = play(eye, walk(1))
    assert gone == ()
    assert passing.watched(eye) == ()  # type: ignore[arg-type]


def test_faces_are_no_passers():
    eye = Camera(Known(t1=Fate.TELL))
    eye.subject = "faces"
    passing, gone = play(eye, walk(1))
    assert (gone, passing.watched(eye)) == ((), ())  # type: ignore[arg-type]


def test_who_goes_by_far_off_is_no_passer_by_the_picture_or_by_the_floor():
    eye = Camera(Known(t1=Fate.TELL, t2=Fate.TELL))
    assert len(play(eye, walk(1, 290.0), walk(2, 320.0))[1]) == 1  # 90 and 120 of 100 px away
    mapped = Camera(Known(t1=Fate.TELL, t2=Fate.TELL), ON_MAP)
    places = {1: (1.0, 2.9), 2: (1.0, 3.1)}
    assert len(play(mapped, walk(1, 460.0), walk(2, 460.0), places=places)[1]) == 1


def test_a_deed_of_the_same_track_at_the_fixture_is_a_stop():
    deed = Interaction(
        Kind.DWELL, "shelf", None, None, 0, 2, 0, 0.9, Reaction(0, 0, 0, 1), False, 1, AT
    )
    assert play(Camera(Known(t1=Fate.TELL)), walk(1), found=[deed])[1] == (("shelf", True),)


class Full:
    """A store whose disk is full at first."""

    def __init__(self) -> None:
        self.full = True
        self.kept: list[Passage] = []

    def append_passages(self, passages: Sequence[Passage]) -> None:
        if self.full:
            raise StoreError("the disk is full")
        self.kept += passages


def test_counts_wait_while_the_disk_is_full():
    store = Full()
    keeper = Keeper(PassagesOf(store))  # type: ignore[arg-type]
    one = passage()
    keeper.keep([one])
    assert (keeper.waiting, store.kept) == (1, [])
    store.full = False
    keeper.flush(force=True)
    assert (keeper.waiting, store.kept) == (0, [one])

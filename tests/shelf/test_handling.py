"""What a shopper did with which item, on a drawn shelf; and what must not count as that."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from small_shelf import CAMERA, Image, fixture, reach_in, read, shelf

from aeras.domain.kept import Kind
from aeras.shelf.fixture import FixtureReader


def _take(t_s: float) -> Image:
    """Taken at 4 s, put back at 9 s."""
    taking, putting = reach_in(t_s, 160, 3, 5), reach_in(t_s, 160, 8, 10)
    carried = (taking is not None and t_s >= 4) or (putting is not None and t_s < 9)
    return shelf(
        ["b"] if 4 <= t_s < 9 else [], arm=taking or putting, carried=carried, seed=int(t_s * 5)
    )


def test_an_item_taken_and_put_back_gives_both_with_item_and_times() -> None:
    take, put_back = read(_take, 13)
    assert (take.kind, take.facing, take.item, take.outcome) == (Kind.TAKE, "b", "item-b", False)
    assert take.end_s == pytest.approx(4.2, abs=0.5)
    assert take.end_s - take.start_s <= 0.75
    assert (put_back.kind, put_back.facing, put_back.outcome) == (Kind.PUT_BACK, "b", True)
    assert 8.4 <= put_back.start_s <= put_back.end_s <= 10.5
    assert put_back.hold_s == pytest.approx(put_back.start_s - take.end_s)


def test_a_kept_item_is_told_once_after_the_longest_hold() -> None:
    def scene(t_s: float) -> Image:
        arm = reach_in(t_s, 250, 3, 5)
        return shelf(["c"] if t_s >= 4 else [], arm=arm)

    (take,) = read(scene, 20, finish=False)
    assert (take.kind, take.facing, take.outcome) == (Kind.TAKE, "c", True)


def test_a_put_back_after_the_longest_hold_still_comes() -> None:
    def scene(t_s: float) -> Image:
        arm = reach_in(t_s, 70, 3, 5) or reach_in(t_s, 70, 17, 19)
        return shelf(["a"] if 4 <= t_s < 18 else [], arm=arm)

    take, put_back = read(scene, 23)
    assert take.outcome
    assert put_back.kind is Kind.PUT_BACK
    assert put_back.outcome
    assert put_back.hold_s > 10


def test_a_touch_is_no_take() -> None:
    found = read(lambda t: shelf(arm=reach_in(t, 160, 3, 5)), 10)
    assert [(one.kind, one.facing) for one in found] in ([], [(Kind.REACH, "b")])


def test_an_item_put_back_a_little_aside_is_back() -> None:
    def scene(t_s: float) -> Image:
        picture = _take(t_s)
        if t_s > 10:
            picture[60:200, 120:200] = np.roll(picture[60:200, 120:200], 5, axis=1)
        return picture

    assert [one.kind for one in read(scene, 14)] == [Kind.TAKE, Kind.PUT_BACK]


def test_a_fixture_without_facings_gives_events_without_an_item() -> None:
    reader = FixtureReader(fixture(facings=False), CAMERA)
    found = read(_take, 13, reader=reader)
    assert [one.kind for one in found] == [Kind.TAKE, Kind.PUT_BACK]
    assert all(one.facing is None and one.item is None for one in found)


def _passer_by(t_s: float) -> Image:
    picture = shelf(seed=int(t_s * 5))
    x = int((t_s - 3) * 120)
    if 0 < x < 480:
        cv2.rectangle(picture, (x - 130, 0), (x - 30, 239), (70, 40, 40), -1)
    return picture


def _stands_before_it(t_s: float) -> Image:
    picture = shelf(seed=int(t_s * 5))
    if 3 < t_s < 12:
        x = 150 + int(6 * np.sin(4 * t_s))
        cv2.rectangle(picture, (x - 60, 0), (x + 60, 239), (70, 40, 40), -1)
    return picture


def _lamp(t_s: float) -> Image:
    picture = shelf(seed=int(t_s * 5)).astype(np.float32)
    if 3 <= t_s < 7:
        picture = picture * np.array([0.62, 0.6, 0.55], np.float32)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _bump(t_s: float) -> Image:
    picture = shelf(seed=int(t_s * 5))
    if t_s < 3:
        return picture
    dx, dy = (7, 4) if t_s < 3.6 else (3, 1)  # a knock, then it rests a little aside
    return np.roll(picture, (dy, dx), axis=(0, 1))


def _pulse(t_s: float) -> Image:
    """Every other second a key frame at a much lower quality."""
    picture = shelf(seed=int(t_s * 5))
    quality = 12 if int(t_s * 5) % 10 == 0 else 80
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), dtype=np.uint8)


def _restocked(t_s: float) -> Image:
    """The empty place is full again in the next picture, with nobody near."""
    return shelf(["b"] if t_s < 4 else [], seed=int(t_s * 5))


@pytest.mark.parametrize("facings", [True, False], ids=["facings", "zone"])
@pytest.mark.parametrize("scene", [_passer_by, _stands_before_it, _lamp, _bump, _pulse, _restocked])
def test_nothing_is_handled_when_nobody_handles(scene: object, facings: bool) -> None:
    reader = FixtureReader(fixture(facings=facings), CAMERA)
    assert callable(scene)
    found = read(scene, 13, reader=reader)
    assert [(one.kind, one.facing, one.start_s) for one in found] == []


def test_a_moved_camera_tells_nothing_of_items_and_says_so() -> None:
    def scene(t_s: float) -> Image:
        arm = reach_in(t_s, 160, 20, 22)
        picture = shelf(["b"] if t_s >= 21 else [], arm=arm, seed=int(t_s * 5))
        return np.roll(picture, (6, -12), axis=(0, 1)) if t_s >= 6 else picture

    reader = FixtureReader(fixture(), CAMERA)
    found = read(scene, 26, reader=reader)
    assert not reader.is_calibrated
    assert Kind.TAKE not in {one.kind for one in found}

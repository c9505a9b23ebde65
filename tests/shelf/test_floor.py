"""Calibration against the renderer's cameras, whose geometry is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aeras.domain.errors import InputError
from aeras.domain.shop import FloorMark, Lens
from aeras.lab.render.scene import AISLE_CAMERA, SHELF_CAMERA, Camera
from aeras.shelf.floor import fit_floor, on_map
from aeras.shelf.lens import lens_from_boards, lens_from_lines

SIZE = (1280, 720)
CAMERA = Camera((4.0, 2.8, 5.0), (3.6, 0.6, 2.2), 0.8)
"""Hangs at 2.8 m; world x and z are the map's x and y, world y is the height."""
PLACES = ((2.6, 1.5), (5.2, 1.5), (3.2, 2.6), (4.4, 2.9), (3.7, 0.6), (4.9, 2.2))


def mark(x: float, y: float, height: float = 0.0, camera: Camera = CAMERA) -> FloorMark:
    u, v, _ = camera.pixel((x, height, y))
    return FloorMark((u, v), (x, y), height)


def marks(count: int = 6, jitter_px: float = 0.0, seed: int = 0) -> list[FloorMark]:
    rng = np.random.default_rng(seed)
    exact = [mark(*place) for place in PLACES[:count]]
    shifts = rng.normal(0, jitter_px, (count, 2))
    return [
        FloorMark(tuple(np.add(m.pixel, s)), m.place) for m, s in zip(exact, shifts, strict=True)
    ]


def test_exact_marks_give_the_floor_and_the_camera_s_place() -> None:
    floor = fit_floor(marks(), SIZE)
    seen = CAMERA.project([(4.2, 0.0, 1.9), (3.0, 0.0, 2.0)])[0]
    np.testing.assert_allclose(floor.on_floor(seen), [[4.2, 1.9], [3.0, 2.0]], atol=1e-3)
    np.testing.assert_allclose(floor.place, (4.0, 5.0, 2.8), atol=0.02)
    assert floor.errors.max_m < 1e-3
    np.testing.assert_allclose(floor.to_pixels([(4.2, 1.9)]), seen[:1], atol=0.1)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_marks_clicked_by_hand_are_good_to_ten_centimetres(seed: int) -> None:
    floor = fit_floor(marks(jitter_px=1.5, seed=seed), SIZE)
    grid = [(x, 0.0, y) for x in (3.0, 3.6, 4.4) for y in (1.4, 2.0, 2.8)]
    apart = floor.on_floor(CAMERA.project(grid)[0]) - np.array(grid)[:, [0, 2]]
    assert np.hypot(*apart.T).mean() < 0.1
    assert len(floor.errors.left_out) == len(PLACES)


def test_a_point_on_the_wrong_place_stands_out() -> None:
    wrong = marks()
    wrong[2] = FloorMark(wrong[2].pixel, (wrong[2].place[0] + 0.6, wrong[2].place[1]))
    assert fit_floor(wrong, SIZE).errors.suspect == 2
    assert fit_floor(marks(jitter_px=2), SIZE).errors.suspect is None


def test_a_camera_that_sees_no_floor_is_calibrated_by_heights() -> None:
    """The demo's aisle camera sees its shoppers to the hip."""
    corners = [(x, z, h) for x in (-0.78, 0.78) for z in (0.0, -0.44) for h in (0.61, 1.76)]
    told = [mark(x, y, h, AISLE_CAMERA) for x, y, h in corners]
    floor = fit_floor(told, SIZE)
    np.testing.assert_allclose(floor.place, (0.55, 2.75, 1.86), atol=0.02)
    assert floor.focal == pytest.approx(AISLE_CAMERA.focal_px, rel=0.01)
    chest = (0.3, 1.3, 0.7)
    seen = AISLE_CAMERA.project([chest])
    np.testing.assert_allclose(floor.at_depth(*seen)[0], (0.3, 0.7, 1.3), atol=0.02)


def test_marks_above_the_horizon_do_not_turn_the_floor_over() -> None:
    """The demo's shelf camera looks level: lamps above, a little floor below."""
    ceiling = [mark(x, y, 2.9, SHELF_CAMERA) for x in (-2.4, 1.4) for y in (3.0, 5.0)]
    ground = [mark(x, y, 0.0, SHELF_CAMERA) for x in (-1.6, 1.6) for y in (2.2, 3.4)]
    for told in (ceiling, ceiling + ground[:3], ceiling + ground):
        floor = fit_floor(told, SIZE)
        assert floor.errors.mean_m < 0.01
        seen = SHELF_CAMERA.project([(0.5, 0.0, 2.6)])[0]
        np.testing.assert_allclose(floor.on_floor(seen)[0], (0.5, 2.6), atol=0.02)


def test_above_the_horizon_there_is_no_floor() -> None:
    floor = fit_floor(marks(), SIZE)
    assert np.isnan(floor.on_floor([(640, -3000)])).all()
    assert on_map(floor, ((600.0, 500.0), (700.0, 500.0), (650.0, -3000.0))) == ()


def test_the_seen_floor_is_what_the_picture_s_edge_shows() -> None:
    floor = fit_floor(marks(), SIZE)
    xs, ys = zip(*floor.seen_floor(8.0), strict=True)
    assert min(ys) > -4
    assert max(ys) < 5  # not behind the camera
    assert min(xs) < 3
    assert max(xs) > 5


def test_a_bent_lens_is_undone() -> None:
    lens = Lens((-0.25, 0.05, 0.0, 0.0, 0.0), focal=CAMERA.focal_px)
    straight = fit_floor(marks(), SIZE)
    bent = [
        FloorMark(tuple(fit_floor(marks(), SIZE, lens).to_pixels([m.place])[0]), m.place)
        for m in marks()
    ]
    with_lens, without = fit_floor(bent, SIZE, lens), fit_floor(bent, SIZE)
    assert with_lens.errors.mean_m < 0.01 < without.errors.mean_m
    assert straight.errors.mean_m < 0.01


LINE = [FloorMark((100.0 + 60 * n, 300.0 + 20 * n), (1.0 + n, 1.0 + n)) for n in range(5)]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (marks(3), "3 pairs of points, at least 4 are needed"),
        (LINE, "the points lie on one line"),
        ([*marks(4), marks(1)[0]], "points 1 and 5 are the same place twice"),
        ([*LINE[:3], FloorMark((300.0, 600.0), (1.0, 4.0))], "three of the four points lie on one"),
        ([*marks(3), FloorMark((2000.0, 10.0), (1, 1))], "point 4 lies off the picture"),
        (
            [FloorMark(m.pixel, (-m.place[0], m.place[1])) for m in marks()],
            "the points run the other way round",
        ),
    ],
)
def test_points_that_give_no_calibration_are_refused(told: list[FloorMark], says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        fit_floor(told, SIZE, where="camera aisle-1")
    assert caught.value.where == "camera aisle-1"
    assert caught.value.todo


def bent_points(points: np.ndarray, k1: float) -> np.ndarray:
    rays = np.column_stack([(points - (640, 360)) / 1280, np.ones(len(points))])
    matrix = np.array([[1280.0, 0, 640], [0, 1280, 360], [0, 0, 1]])
    zero = np.zeros(3)
    return cv2.projectPoints(rays, zero, zero, matrix, np.array([k1, 0, 0, 0, 0.0]))[0][:, 0]


def test_straight_edges_tell_the_lens() -> None:
    ends = [((60, 40), (1220, 70)), ((80, 640), (1200, 690)), ((50, 60), (70, 660))]
    lines = []
    for a, b in ends:
        line = np.linspace(a, b, 9)
        lines.append(tuple(map(tuple, bent_points(line, -0.3) + 0.0)))
    fit = lens_from_lines(lines, SIZE)
    assert fit.lens.distortion[0] == pytest.approx(-0.3, abs=0.02)
    assert fit.error_px < 0.5


def test_lines_that_are_not_straight_are_refused() -> None:
    circle = tuple((640 + 300 * np.cos(a), 360 + 300 * np.sin(a)) for a in np.linspace(0, 3, 9))
    with pytest.raises(InputError, match="no lens makes these lines straight"):
        lens_from_lines([circle], SIZE)
    with pytest.raises(InputError, match="line 1 has 3 points"):
        lens_from_lines([circle[:3]], SIZE)


def board(turn: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    """A rendered checkerboard of 9 x 6 inner corners in front of a lens with k1 = -0.2."""
    side = 60
    flat = np.kron(np.indices((7, 10)).sum(axis=0) % 2, np.ones((side, side))) * 200 + 30
    flat = np.pad(flat, side, constant_values=240).astype(np.uint8)
    focal, (width, height) = 600.0, (640, 480)
    matrix = np.array([[focal, 0, 320], [0, focal, 240], [0, 0, 1.0]])
    ys, xs = np.mgrid[:height, :width].astype(np.float64)
    pixels = np.column_stack([xs.ravel(), ys.ravel()])
    coefficients = np.array([-0.2, 0, 0, 0, 0.0])
    rays = cv2.undistortPoints(pixels[:, None], matrix, coefficients)[:, 0]
    axes = cv2.Rodrigues(np.array(turn, dtype=np.float64))[0]
    middle = np.add(shift, -axes[:, :2] @ (4.5, 3.0))
    plane = np.column_stack([axes[:, 0], axes[:, 1], middle])
    found = cv2.perspectiveTransform(rays[:, None], np.linalg.inv(plane))[:, 0] * 60 + 60
    maps = [found[:, n].reshape(height, width).astype(np.float32) for n in (0, 1)]
    return cv2.remap(flat, maps[0], maps[1], cv2.INTER_AREA, borderValue=128)


def test_a_checkerboard_tells_the_lens(tmp_path) -> None:
    turns = [
        (0, 0, 0),
        (0.4, 0, 0),
        (0, 0.45, 0),
        (-0.4, 0.2, 0.1),
        (0.2, -0.45, 0),
        (0.3, 0.3, 0.3),
    ]
    for number, turn in enumerate(turns):
        picture = board(turn, (0.4 * number - 1.0, 0.5 - 0.2 * number, 15.0))
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    fit = lens_from_boards(tmp_path, (9, 6))
    assert fit.used >= 5
    assert fit.lens.focal == pytest.approx(600, rel=0.03)
    assert fit.lens.distortion[0] == pytest.approx(-0.2, abs=0.06)
    assert fit.error_px < 0.5


def test_pictures_without_a_board_are_refused(tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((90, 120), 90, np.uint8))
    with pytest.raises(InputError, match="0 of 1 pictures show a board of 9 x 6"):
        lens_from_boards(tmp_path, (9, 6))

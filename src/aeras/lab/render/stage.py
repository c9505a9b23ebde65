"""Random stages for stories: a shelf or a table with goods, and a camera that looks at it.

World frame as in `scene`: x to the right, y up from the floor, z from the fixture's front edge
into the aisle.
"""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render import canvas
from aeras.lab.render.canvas import Colour, Image, colour, gradient, mixed, shaded, smooth_noise
from aeras.lab.render.fixture import lay, level, shop_wall
from aeras.lab.render.goods import Split, Ware, sibling, ware
from aeras.lab.render.scene import Camera, Pixel, Point, quad
from aeras.lab.render.solids import Pose6, draw_solid

Angle = Literal["frontal", "oblique-30", "oblique-50", "top-down"]
ANGLES: Final[tuple[Angle, ...]] = get_args(Angle)
Form = Literal["shelf", "table"]
LIP_M: Final = 0.045
LOWEST_DEG: Final = 16.0
"""A camera is not placed lower than this to see what stands under a board."""
GAP_M: Final = 0.008
"""Between the units that stand behind one another."""
COLUMNS: Final[dict[Split, tuple[int, ...]]] = {"train": (3, 5, 7), "test": (4, 6)}
BOARD_SPACING_M: Final[dict[Split, tuple[float, float]]] = {
    "train": (0.30, 0.42),
    "test": (0.26, 0.38),
}
PAINTS: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("#e9e7e2", "#b08d5f", "#5d6066", "#d8cbb0"),
    "test": ("#f4f4f2", "#8a6d49", "#3a3d40", "#c9c5bd"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One facing.

    Attributes:
        id: Row letter and column number.
        ware: What the planogram says.
        front: Poses of its units, the front one first; the first is where items are put back.
        stocked: How many of them stand there at first.
        width_m: Room along the board.
        row: Board, 0 the lowest.
    """

    id: str
    ware: Ware
    front: tuple[Pose6, ...]
    stocked: int
    width_m: float
    row: int


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a story plays.

    Attributes:
        seed: Source of the decoration.
        form: A shelf with boards or a table.
        angle: Group of the camera's position.
        camera: Who looks.
        cells: The facings.
        half_m: Half of the fixture's width.
        depth_m: Depth of the boards or the table.
        boards_m: Heights of the boards' top faces, lowest first; a table has one.
        front_room_m: Free depth before the front units.
        density: ``dense`` or ``sparse``.
        paint: Colour of the fixture.
        wall_z_m: Where the wall behind is.
    """

    seed: int
    form: Form
    angle: Angle
    camera: Camera
    cells: tuple[Cell, ...]
    half_m: float
    depth_m: float
    boards_m: tuple[float, ...]
    front_room_m: float
    density: Literal["dense", "sparse"]
    paint: Colour
    wall_z_m: float

    def cell(self, name: str) -> Cell:
        """Return the facing of an id."""
        return next(cell for cell in self.cells if cell.id == name)

    def polygon(self, cell: Cell) -> tuple[Pixel, ...]:
        """Return a facing's outline in the image: what can be seen of its front unit."""
        return _hull_px(self.camera, _corners(cell.ware, cell.front[0], 0.008))

    def outline(self) -> tuple[Pixel, ...]:
        """Return the fixture's zone in the image."""
        points = [p for c in self.cells for p in _corners(c.ware, c.front[0], 0.05)]
        points += [p for c in self.cells for p in _corners(c.ware, c.front[-1], 0.03)]
        return _hull_px(self.camera, np.array(points))


def _corners(one: Ware, pose: Pose6, grow_m: float) -> npt.NDArray[np.float64]:
    half = np.array(one.size_m) / 2 + (grow_m, grow_m, 0)
    signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return np.asarray((signs * half) @ pose.axes().T + pose.at)


def _hull_px(camera: Camera, points: npt.NDArray[np.float64]) -> tuple[Pixel, ...]:
    pixels, _ = camera.project(points)
    limit = np.array(camera.size) - 1.0
    hull = cv2.convexHull(np.clip(pixels, 0, limit).astype(np.float32))[:, 0]
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in hull)


def random_stage(
    rng: np.random.Generator, split: Split, *, angle: Angle, size: tuple[int, int], seed: int
) -> Stage:
    """Return a random fixture with goods and a camera that sees it well."""
    table = float(rng.random()) < (0.5 if angle == "top-down" else 0.25)
    density: Literal["dense", "sparse"] = "dense" if rng.random() < 0.55 else "sparse"
    made = _table(rng, split, density) if table else _shelf(rng, split, density)
    cells, half, depth, boards, room = made
    paint = colour(str(rng.choice(PAINTS[split])))
    wall = float(rng.choice((-depth - 0.06, -3.2)))
    bare = Stage(
        seed,
        "table" if table else "shelf",
        angle,
        Camera((0, 1.6, 3), (0, 1, 0), 0.8, size),
        cells,
        half,
        depth,
        boards,
        room,
        density,
        paint,
        wall,
    )
    return replace(bare, camera=_camera(rng, bare, size))


Layout = tuple[tuple[Cell, ...], float, float, tuple[float, ...], float]


def _wares(
    rng: np.random.Generator, split: Split, count: int, *, widest: float, highest: float
) -> list[Ware]:
    made: list[Ware] = []
    for n in range(count):
        fits = made and made[-1].size_m[0] <= widest and made[-1].size_m[1] <= highest
        if fits and rng.random() < 0.25:
            made.append(sibling(rng, split, made[-1], f"ware-{n + 1}"))
        else:
            made.append(ware(rng, split, f"ware-{n + 1}", widest_m=widest, highest_m=highest))
    return made


def _shelf(rng: np.random.Generator, split: Split, density: str) -> Layout:
    columns, rows = int(rng.choice(COLUMNS[split])), int(rng.integers(1, 4))
    spacing = float(rng.uniform(*BOARD_SPACING_M[split]))
    pitch = float(rng.uniform(0.13, 0.2) if density == "dense" else rng.uniform(0.22, 0.3))
    columns = min(columns, int(1.5 / pitch))
    depth = float(rng.uniform(0.28, 0.45))
    lowest = float(rng.uniform(0.72, 0.85)) if rows == 3 else float(rng.uniform(0.8, 1.1))
    boards = tuple(lowest + spacing * row for row in range(rows))
    room = float(rng.choice((0.015, 0.015, 0.11)))
    made = _wares(
        rng,
        split,
        rows * columns,
        widest=pitch - 0.015 if density == "dense" else pitch * 0.8,
        highest=spacing - LIP_M - 0.03,
    )
    cells = []
    for n, one in enumerate(made):
        row, column = divmod(n, columns)
        x = (column - (columns - 1) / 2) * pitch
        deep = int(rng.integers(1, 5))
        fit = max(int((depth - room - 0.02) / (one.size_m[2] + GAP_M)), 1)
        poses = tuple(
            Pose6(
                (
                    x + float(rng.normal(0, 0.003)),
                    boards[row] + one.size_m[1] / 2,
                    -room - one.size_m[2] / 2 - unit * (one.size_m[2] + GAP_M),
                ),
                float(rng.normal(0, 1.5)),
            )
            for unit in range(min(deep, fit))
        )
        stocked = 0 if rng.random() < 0.06 else len(poses)
        cells.append(Cell(f"{'abc'[row]}{column + 1}", one, poses, stocked, pitch, row))
    return tuple(cells), columns * pitch / 2 + 0.05, depth, boards, room


def _table(rng: np.random.Generator, split: Split, density: str) -> Layout:
    top = float(rng.uniform(0.74, 0.95))
    columns = int(rng.choice(COLUMNS[split]))
    pitch = float(rng.uniform(0.15, 0.2) if density == "dense" else rng.uniform(0.22, 0.3))
    columns = min(columns, int(1.3 / pitch))
    rows = int(rng.integers(1, 3)) if density == "sparse" else 2
    row_pitch = float(rng.uniform(0.2, 0.26))
    depth = rows * row_pitch + 0.1
    made = _wares(rng, split, rows * columns, widest=pitch - 0.02, highest=0.24)
    cells = []
    for n, one in enumerate(made):
        row, column = divmod(n, columns)
        lies = one.kind in ("carton", "bag") and rng.random() < 0.6
        high = one.size_m[2] if lies else one.size_m[1]
        if lies and one.size_m[1] > row_pitch - 0.02:
            lies, high = False, one.size_m[1]
        x = (column - (columns - 1) / 2) * pitch + float(rng.normal(0, 0.006))
        z = -0.05 - row_pitch * (rows - row - 0.5) + float(rng.normal(0, 0.006))
        pose = Pose6((x, top + high / 2, z), float(rng.normal(0, 6)), -90.0 if lies else 0.0)
        cells.append(Cell(f"{'abc'[row]}{column + 1}", one, (pose,), 1, pitch, row))
    return tuple(cells), columns * pitch / 2 + 0.08, depth, (top,), 0.0


def _camera(rng: np.random.Generator, stage: Stage, size: tuple[int, int]) -> Camera:
    """Place the camera of an angle, and choose the lens that frames the goods."""
    middle_y = (stage.boards_m[0] + stage.boards_m[-1]) / 2 + 0.1
    target: Point = (float(rng.uniform(-0.1, 0.1)), middle_y, -stage.depth_m / 3)
    if stage.angle == "top-down":
        above = rng.uniform(66, 86) if stage.form == "table" else rng.uniform(50, 66)
        yaw, away = rng.uniform(-20, 20), rng.uniform(1.25, 1.6)
        if stage.form == "table" and rng.random() < 0.4:
            # From above the table's far side, facing the shoppers.
            above, yaw = rng.uniform(45, 80), yaw + 180
    else:
        above = rng.uniform(20, 38) if stage.form == "table" else rng.uniform(6, 24)
        low, high = {"frontal": (0, 14), "oblique-30": (25, 40), "oblique-50": (42, 60)}[
            stage.angle
        ]
        yaw, away = rng.uniform(low, high) * rng.choice((-1, 1)), rng.uniform(2.0, 2.9)
    yaw, away = float(np.deg2rad(yaw)), float(away)
    unit = _looking(stage, target, (float(above), yaw, away), size)
    while not _over_the_lips(stage, unit.position) and above > LOWEST_DEG:
        above -= 2
        unit = _looking(stage, target, (float(above), yaw, away), size)
    points = [p for c in stage.cells for p in _corners(c.ware, c.front[0], 0.03)]
    pixels, _ = unit.project(np.array(points))
    spread = np.abs(pixels - np.array(size) / 2).max(axis=0) / (np.array(size) / 2)
    fill = float(rng.uniform(0.55, 0.85))
    # A longer lens would cut off the shoppers' heads.
    longest = 0.95 if stage.angle == "top-down" else float(rng.uniform(0.8, 1.15))
    return replace(unit, focal=float(np.clip(fill / spread.max(), 0.45, longest)))


def _looking(
    stage: Stage, target: Point, place: tuple[float, float, float], size: tuple[int, int]
) -> Camera:
    """Return a camera at degrees above, radians aside and metres away from its target."""
    above, yaw, away = np.deg2rad(place[0]), place[1], place[2]
    level = away * np.cos(above)
    at = level * np.sin(yaw), away * np.sin(above), level * np.cos(yaw)
    x, y, z = (float(a + b) for a, b in zip(target, at, strict=True))
    return Camera((x, y, z), target, 1.0, size)


def _over_the_lips(stage: Stage, position: Point) -> bool:
    """Return whether two thirds of every front unit are seen under the board above it."""
    if stage.form == "table":
        return True
    for cell in stage.cells:
        if cell.row + 1 < len(stage.boards_m):
            _, y, z = cell.front[0].at
            y += cell.ware.size_m[1] / 6
            # Where the sight line to a third below the item's top crosses the boards' edge.
            crossing = y + (position[1] - y) * -z / max(position[2] - z, 0.05)
            if crossing > stage.boards_m[cell.row + 1] - LIP_M:
                return False
    return True


# --- drawing ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rays:
    position: Point
    directions: npt.NDArray[np.float32]

    def meet(self, axis: int, value: float) -> tuple[npt.NDArray[np.float32], ...]:
        """Return distance and the world points where the rays cross a plane."""
        step = self.directions[..., axis]
        far = (value - self.position[axis]) / np.where(np.abs(step) < 1e-6, 1e-6, step)
        points = np.array(self.position, dtype=np.float32) + self.directions * far[..., None]
        return far.astype(np.float32), points.astype(np.float32)


def _rays(camera: Camera, shrink: int) -> _Rays:
    width, height = camera.size[0] // shrink, camera.size[1] // shrink
    across = (np.arange(width) + 0.5 - width / 2) / (camera.focal_px / shrink)
    down = (np.arange(height) + 0.5 - height / 2) / (camera.focal_px / shrink)
    right, below, ahead = camera.axes()
    directions = ahead + across[None, :, None] * right + down[:, None, None] * below
    return _Rays(camera.position, directions.astype(np.float32))


def _floor(rng: np.random.Generator) -> Image:
    base = colour(str(rng.choice(("#cfcbc3", "#b7ada0", "#9aa0a4", "#d9d2c4", "#8f8171"))))
    image = np.full((512, 512, 3), base, dtype=np.uint8)
    tiles = int(rng.choice((1, 2, 4)))
    side = 512 // tiles
    for n in range(tiles):
        cv2.line(image, (n * side, 0), (n * side, 511), mixed(base, (0, 0, 0), 0.15), 3)
        cv2.line(image, (0, n * side), (511, n * side), mixed(base, (0, 0, 0), 0.15), 3)
    return shaded(image, 1 + 0.03 * smooth_noise(rng, 512, 512, 4))


def backdrop(stage: Stage) -> Image:
    """Return floor and walls as the stage's camera sees them, out of focus."""
    rng = np.random.default_rng((stage.seed, 1))
    camera = stage.camera
    rays = _rays(camera, 2)
    far, points = rays.meet(1, 0.0)
    floor = _floor(rng)
    tile_m = 1.2
    image = cv2.remap(
        floor,
        (points[..., 0] / tile_m * 512).astype(np.float32) % 511,
        (points[..., 2] / tile_m * 512).astype(np.float32) % 511,
        cv2.INTER_LINEAR,
    )
    nearest = np.where(far > 0, far, np.inf)
    wall = shop_wall(stage.seed % 5) if stage.wall_z_m < -1 else _plain_wall(rng)
    for axis, value in ((2, stage.wall_z_m), (0, -4.5), (0, 4.5), (2, 5.0)):
        far, points = rays.meet(axis, value)
        hit = (far > 0) & (far < nearest)
        along = points[..., 2 - axis]
        # The wall's picture is 9.4 m wide and 2.6 m high and repeats along it.
        u = (along / 9.4 % 1) * (wall.shape[1] - 1)
        v = np.clip(1 - points[..., 1] / 2.6, 0, 1) * (wall.shape[0] - 1)
        seen = cv2.remap(wall, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
        image[hit] = seen[hit]
        nearest = np.where(hit, far, nearest)
    image = cv2.resize(image, camera.size, interpolation=cv2.INTER_LINEAR)
    soft = cv2.GaussianBlur(image, (0, 0), camera.size[0] / 500)
    return np.asarray(soft, dtype=np.uint8)


def _plain_wall(rng: np.random.Generator) -> Image:
    paint = colour(str(rng.choice(("#e8e4da", "#cfd6da", "#d9cdb8", "#8e9aa0"))))
    image = gradient(600, 200, mixed(paint, (255, 255, 255), 0.15), mixed(paint, (0, 0, 0), 0.2))
    return shaded(image, 1 + 0.02 * smooth_noise(rng, 200, 600, 40))


def _lay(image: Image, camera: Camera, corners: list[Point], texture: Image) -> None:
    """As `lay`, but nothing of what reaches behind the camera."""
    if min(camera.depth(c) for c in corners) < 0.1:
        return
    lay(image, camera, corners, texture)


def _grained(rng: np.random.Generator, paint: Colour, strength: float) -> Image:
    image = np.full((160, 640, 3), paint, dtype=np.uint8)
    grain = cv2.resize(
        rng.standard_normal((80, 12)).astype(np.float32), (640, 160), interpolation=cv2.INTER_CUBIC
    )
    return shaded(image, 1 + strength * grain)


class Set:
    """Draws a stage's still parts: the room, the fixture, the goods that stand.

    Args:
        stage: What to draw.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._rng = np.random.default_rng((stage.seed, 2))
        self._lit = float(self._rng.uniform(0.75, 1.0))
        self._grain = _grained(self._rng, stage.paint, 0.03)
        self._tag = colour(str(self._rng.choice(("#fdfdf8", "#ffe14d", "#e8f0ff"))))
        self._room = backdrop(stage)
        self._carcass(self._room)

    def with_goods(self, units: list[tuple[Ware, Pose6, int]]) -> Image:
        """Return the still picture with units (ware, pose, row) standing on the fixture."""
        stage = self.stage
        image = self._room.copy()
        for row in range(len(stage.boards_m)):
            if stage.form == "shelf":
                self._board(image, row)
            mine = [u for u in units if stage.form == "table" or u[2] == row]
            for one, pose, _ in sorted(mine, key=lambda u: -stage.camera.depth(u[1].at)):
                self._stand(image, one, pose)
        return image

    def gain(self, z: float) -> float:
        """Return how bright something is at a depth: boards shade what is deep inside."""
        if self.stage.form == "table":
            return 1.0
        return float(np.clip(1 + 0.9 * z / max(self.stage.depth_m, 0.2), 0.5, 1)) * self._lit

    def _stand(self, image: Image, one: Ware, pose: Pose6) -> None:
        camera = self.stage.camera
        half = float(np.abs(pose.axes() @ np.diag(one.size_m))[1].sum()) / 2
        x, y, scale = camera.pixel((pose.at[0], pose.at[1] - half, pose.at[2] - 0.01))
        steep = max(abs(camera.axes()[2][1]), 0.15)
        reach = one.size_m[0] * 0.72 * scale
        canvas.soft_shadow(image, (x, y), (reach, reach * steep), 0.5)
        draw_solid(image, camera, one, pose, self.gain(pose.at[2]))

    def _carcass(self, image: Image) -> None:
        stage, camera = self.stage, self.stage.camera
        half, deep = stage.half_m, -stage.depth_m
        dim = np.array([[0.62]], dtype=np.float32)
        if stage.form == "table":
            top = stage.boards_m[0]
            for x in (-half + 0.05, half - 0.05):
                for z in (deep + 0.05, -0.05):
                    _lay(image, camera, quad(x, 0, z, 0.05, top), shaded(self._grain, dim))
            _lay(image, camera, quad(0, top - 0.09, 0, 2 * half, 0.09), shaded(self._grain, dim))
            for x in (-half, half):
                end: list[Point] = [(x, top, deep), (x, top, 0), (x, top - 0.09, 0),
                                    (x, top - 0.09, deep)]  # fmt: skip
                _lay(image, camera, end, shaded(self._grain, dim))
            _lay(image, camera, level(top, deep, 0, half), self._grain)
            return
        head = stage.boards_m[-1] + 0.4
        back = quad(0, 0.1, deep, 2 * half, head - 0.1)
        fall = np.linspace(0.85, 0.55, 160, dtype=np.float32)[:, None] * self._lit
        _lay(image, camera, back, shaded(self._grain, fall))
        for x in (-half, half):
            side: list[Point] = [(x, head, deep), (x, head, 0), (x, 0.1, 0), (x, 0.1, deep)]
            _lay(image, camera, side, shaded(self._grain, dim))
        foot = stage.boards_m[0] - LIP_M
        _lay(image, camera, quad(0, 0.05, 0, 2 * half, foot - 0.05), shaded(self._grain, dim * 1.2))

    def _board(self, image: Image, row: int) -> None:
        stage, camera = self.stage, self.stage.camera
        y, half = stage.boards_m[row], stage.half_m
        depth = np.linspace(0.5, 1.0, 160, dtype=np.float32)[:, None] * self._lit
        if camera.position[1] > y:
            _lay(image, camera, level(y, -stage.depth_m, 0, half), shaded(self._grain, depth))
        _lay(image, camera, quad(0, y - LIP_M, 0.003, 2 * half, LIP_M), self._grain)
        for cell in stage.cells:
            if cell.row == row:
                tag = np.full((24, 48, 3), self._tag, dtype=np.uint8)
                canvas.write(tag, f"{1 + hash_of(cell.id) % 9},{hash_of(cell.id) % 89 + 10}",
                             (24, 12), 18, (30, 30, 30))  # fmt: skip
                spot = quad(cell.front[0].at[0], y - LIP_M + 0.004, 0.006, 0.06, LIP_M - 0.01)
                _lay(image, camera, spot, tag)


def hash_of(text: str) -> int:
    """Return a number that stands for a text, the same in every process."""
    return sum((n + 3) * ord(letter) * 7 for n, letter in enumerate(text))

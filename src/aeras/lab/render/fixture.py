"""The aisle camera's still life: shop, shelf and goods, drawn once and then only patched."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render import canvas, packages
from aeras.lab.render.canvas import Image, colour, gradient, mixed, shaded, smooth_noise
from aeras.lab.render.scene import (
    BACK_ROW_Z_M,
    BOARD_HEIGHTS_M,
    FIXTURE_DEPTH_M,
    FIXTURE_HALF_WIDTH_M,
    FIXTURE_TOP_M,
    FRONT_ROW_Z_M,
    ITEMS,
    Camera,
    Facing,
    Item,
    Layout,
    Point,
    quad,
)

SUPERSAMPLING: Final = 2
"""The still layers are drawn at twice the size and averaged, which smooths every edge."""
LIP_HEIGHT_M: Final = 0.05
HEADER_TOP_M: Final = 1.98
WALL_Z_M: Final = -3.6
CARTON_DEPTH_M: Final = 0.07
BACK_ROW_GAIN: Final = 0.5
WOOD: Final = colour("#c9a77a")
METAL: Final = colour("#e9e7e2")


def lay(image: Image, camera: Camera, corners: list[Point], texture: Image) -> None:
    """Lay an opaque texture on a world quad, clockwise from its top left corner."""
    opaque = np.full(texture.shape[:2], 255, dtype=np.uint8)
    matrix = canvas.to_quad(texture, camera.project(corners)[0])
    canvas.warp(image, canvas.sprite(texture, opaque), matrix)


def level(y: float, z_far: float, z_near: float, half: float) -> list[Point]:
    """Return a lying rectangle's corners, clockwise from the far left, world metres."""
    return [(-half, y, z_far), (half, y, z_far), (half, y, z_near), (-half, y, z_near)]


def _floor_texture(rng: np.random.Generator) -> Image:
    side, count = 64, 18
    image = np.full((side * count, side * count, 3), 0, dtype=np.uint8)
    for row in range(count):
        for column in range(count):
            tone = mixed(colour("#cfcbc3"), colour("#c2bdb3"), float(rng.random()))
            tile = image[row * side : (row + 1) * side, column * side : (column + 1) * side]
            tile[:] = tone
            tile[:2], tile[:, :2] = colour("#a9a49a"), colour("#a9a49a")
    speckle = smooth_noise(rng, *image.shape[:2], 3)
    return shaded(image, 1 + 0.025 * speckle)


@cache
def shop_wall(seed: int, width: int = 1800, height: int = 620) -> Image:
    """Return the far side of the shop: long shelves full of goods, BGR, sharp.

    Both cameras blur it as far as it is from them.
    """
    rng = np.random.default_rng(seed)
    image = gradient(width, height, colour("#f1ede4"), colour("#b9b2a5"))
    rows = 4
    for row in range(rows):
        foot = round(height * (0.3 + 0.68 * (row + 1) / rows))
        bay = round(height * 0.17)
        image[foot - bay : foot] = shaded(
            image[foot - bay : foot], np.array([[0.55]], dtype=np.float32)
        )
        x = -10
        while x < width:
            pack = canvas.scaled(packages.pack(ITEMS[rng.integers(len(ITEMS))].id), 0.26)
            for _ in range(int(rng.integers(2, 6))):
                canvas.blend(image, pack, x, foot - pack.shape[0])
                x += pack.shape[1] + 2
        cv2.rectangle(image, (0, foot), (width, foot + 10), METAL, -1)
    cv2.rectangle(image, (0, 0), (width, round(height * 0.2)), colour("#e6dfd0"), -1)
    names = ("Frisch & Regional", "Getränke", "Backwaren", "Haushalt")
    for number, name in enumerate(names):
        at = (width * (number + 0.5) / len(names), height * 0.11)
        canvas.write(image, name, at, 52, colour("#6f7f54"), weight=600)
    return image


def _draw_shop(image: Image, camera: Camera, seed: int) -> None:
    rng = np.random.default_rng(seed)
    image[:] = gradient(image.shape[1], image.shape[0], colour("#f4f0e8"), colour("#bdb6aa"))
    lay(image, camera, level(0.0, WALL_Z_M, 2.0, 5.6), _floor_texture(rng))
    lay(image, camera, quad(-1.4, 0.0, WALL_Z_M, 9.4, 2.55), shop_wall(seed))
    sigma = image.shape[1] / 400
    image[:] = cv2.GaussianBlur(image, (0, 0), sigma)
    # Distance takes contrast: the far shop is lifted towards the colour of its air.
    image[:] = cv2.addWeighted(image, 0.8, np.full_like(image, (205, 212, 218)), 0.2, 0)


def _bay_texture(top: bool) -> Image:
    image = gradient(400, 160, colour("#fbf6ea"), colour("#cfc6b4"))
    across = np.linspace(-1, 1, 400, dtype=np.float32)[None]
    down = np.linspace(0, 1, 160, dtype=np.float32)[:, None]
    gain = (0.9 - 0.16 * across**4) * (1.02 - 0.34 * down) - (0.0 if top else 0.05)
    return shaded(image, gain.astype(np.float32))


def _wood(rng: np.random.Generator, width: int, height: int) -> Image:
    image = np.full((height, width, 3), WOOD, dtype=np.uint8)
    grain = cv2.resize(
        rng.standard_normal((height // 2, 12)).astype(np.float32),
        (width, height),
        interpolation=cv2.INTER_CUBIC,
    )
    return shaded(image, 1 + 0.035 * grain)


def _price_label(item: Item) -> Image:
    image = np.full((90, 190, 3), 250, dtype=np.uint8)
    cv2.rectangle(image, (0, 0), (189, 24), colour("#4d7a4a"), -1)
    canvas.write(image, item.name.split(" ")[0], (95, 12), 18, (255, 255, 255), weight=600, fit=170)
    canvas.write(
        image,
        f"{item.price_eur:.2f}".replace(".", ",") + " €",
        (112, 56),
        46,
        (30, 30, 30),
        weight=800,
        fit=130,
    )
    for bar in range(14):
        cv2.line(image, (10 + bar * 2, 36), (10 + bar * 2, 76), (40, 40, 40), 1 + bar % 3 // 2)
    cv2.rectangle(image, (0, 0), (189, 89), (150, 150, 150), 1)
    return image


def _draw_board(
    image: Image, camera: Camera, layout: Layout, row: int, rng: np.random.Generator
) -> None:
    y, half = BOARD_HEIGHTS_M[row], FIXTURE_HALF_WIDTH_M - 0.02
    top = _wood(rng, 800, 200)
    depth = np.linspace(0.5, 1.08, 200, dtype=np.float32)[:, None]
    lay(image, camera, level(y, -FIXTURE_DEPTH_M, 0.0, half), shaded(top, depth))
    lip = gradient(1000, 40, colour("#f3f1ec"), colour("#c9c5bd"))
    lip[:2] = 255
    lip[-3:] = shaded(lip[-3:], np.array([[0.7]], dtype=np.float32))
    lay(image, camera, quad(0, y - LIP_HEIGHT_M, 0.004, 2 * half, LIP_HEIGHT_M), lip)
    for facing in layout.facings[row * 4 : row * 4 + 4]:
        tag = quad(facing.base[0], y - LIP_HEIGHT_M + 0.001, 0.008, 0.098, LIP_HEIGHT_M - 0.003)
        lay(image, camera, tag, _price_label(layout.item(facing.item)))
    # The lip throws a shadow on what is below it.
    under = quad(0, y - LIP_HEIGHT_M - 0.07, 0.0, 2 * half, 0.07)
    shadow = np.zeros((32, 8, 4), dtype=np.uint8)
    shadow[:, :, 3] = np.linspace(90, 0, 32)[:, None]
    canvas.warp(image, shadow, canvas.to_quad(shadow, camera.project(under)[0]))


def _header() -> Image:
    image = gradient(1560, 220, colour("#6a8f4f"), colour("#4e7340"))
    canvas.write(image, "Morgentau Markt", (780, 106), 124, colour("#fbf6e3"), weight=700, fit=1000)
    for x in (150, 1410):
        for turn, size in ((-50, 1.0), (-90, 1.15), (-130, 1.0)):
            leaf = np.linspace(0, 2 * np.pi, 40)
            shape = np.column_stack([44 + 44 * np.cos(leaf), 17 * np.sin(leaf)]) * size
            angle = np.deg2rad(turn)
            spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            canvas.fill(image, shape @ spin.T + (x, 150), colour("#c5d98f"))
    image[-8:] = colour("#3c5a31")
    return image


def _draw_shelf(image: Image, camera: Camera, layout: Layout, seed: int) -> None:
    rng = np.random.default_rng(seed + 1)
    half, deep = FIXTURE_HALF_WIDTH_M, -FIXTURE_DEPTH_M
    tops = (FIXTURE_TOP_M, *(y - LIP_HEIGHT_M for y in BOARD_HEIGHTS_M[:-1]))
    foot = 0.12
    lay(
        image,
        camera,
        quad(0, foot, deep, 2 * half, FIXTURE_TOP_M - foot),
        np.full((8, 8, 3), colour("#8d8474"), dtype=np.uint8),
    )
    for row, (top, board) in enumerate(zip(tops, BOARD_HEIGHTS_M, strict=True)):
        bay = quad(0, board, deep, 2 * half, top - board)
        lay(image, camera, bay, _bay_texture(row == 0))
    for side in (-1, 1):
        x = side * (half - 0.02)
        wall: list[Point] = [
            (x, FIXTURE_TOP_M, deep),
            (x, FIXTURE_TOP_M, 0.0),
            (x, foot, 0.0),
            (x, foot, deep),
        ]
        lay(image, camera, wall, gradient(60, 400, colour("#d8d0c0"), colour("#a79e8d")))
    # From the foot upwards: a board's lip hides the heads of what stands behind it below.
    for row in (2, 1, 0):
        _draw_board(image, camera, layout, row, rng)
        for facing in layout.facings[row * 4 : row * 4 + 4]:
            draw_item(image, camera, layout.item(facing.item), standing(facing, z=BACK_ROW_Z_M))
    drawer = gradient(780, 220, colour("#a98a61"), colour("#8a6d49"))
    drawer = shaded(drawer, canvas.floats(_wood(rng, 780, 220).mean(axis=2) / (sum(WOOD) / 3)))
    cv2.line(drawer, (390, 0), (390, 219), colour("#5c4730"), 4)
    height = BOARD_HEIGHTS_M[-1] - LIP_HEIGHT_M - foot
    lay(image, camera, quad(0, foot, 0.0, 2 * half - 0.04, height), drawer)
    for side in (-1, 1):
        post = quad(side * (half - 0.01), foot, 0.01, 0.045, FIXTURE_TOP_M - foot)
        lay(image, camera, post, gradient(20, 400, colour("#f0eee9"), colour("#b5b0a6")))
    front = quad(0, FIXTURE_TOP_M, 0.03, 2 * half + 0.03, HEADER_TOP_M - FIXTURE_TOP_M)
    lay(image, camera, front, _header())
    lamp = quad(0, FIXTURE_TOP_M - 0.012, 0.02, 2 * half - 0.06, 0.014)
    lay(image, camera, lamp, np.full((4, 40, 3), (235, 252, 255), dtype=np.uint8))


@dataclass(frozen=True, slots=True)
class Stand:
    """Where and how an item stands: middle of its foot (m), tilt (degrees), brightness."""

    foot: Point
    tilt_deg: float = 0.0
    gain: float = 1.0


def standing(
    facing: Facing, *, z: float = FRONT_ROW_Z_M, shift_m: float = 0.0, tilt_deg: float = 0.0
) -> Stand:
    """Return an item's stand on its facing; the deeper it stands, the darker it is."""
    depth = (FRONT_ROW_Z_M - z) / (FRONT_ROW_Z_M - BACK_ROW_Z_M)
    x, y, _ = facing.base
    return Stand((x + shift_m, y, z), tilt_deg, 1 - (1 - BACK_ROW_GAIN) * depth)


@cache
def _pack_at(item_id: str, px_per_m: int) -> Image:
    return canvas.scaled(packages.pack(item_id), px_per_m / packages.PX_PER_M)


def pack_near(item_id: str, px_per_m: float) -> Image:
    """Return an item's sprite at about (a little above) the scale it will be seen at."""
    step = max(2 ** int(np.ceil(np.log2(max(px_per_m, 32.0)) * 3) // 1 / 3), 1)
    return _pack_at(item_id, min(int(step), packages.PX_PER_M))


def draw_item(image: Image, camera: Camera, item: Item, stand: Stand) -> None:
    """Draw a standing item with its contact shadow; cartons get a side and a top."""
    x, y, z = stand.foot
    width, height = item.size_m
    scale = camera.pixel(stand.foot)[2]
    picture = pack_near(item.id, scale)
    if stand.gain < 0.999:
        picture = canvas.dimmed(picture, stand.gain)
    corners = np.array(quad(x, y, z, width, height))
    angle = np.deg2rad(stand.tilt_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners[:, :2] = (corners[:, :2] - (x, y)) @ turn.T + (x, y)
    spot_x, spot_y, _ = camera.pixel((x, y, z - 0.02))
    spot = (width * scale * 0.66, 0.035 * scale)
    canvas.soft_shadow(image, (spot_x, spot_y), spot, 0.6 * stand.gain)
    if item.kind == "carton":
        _draw_carton_depth(image, camera, item, corners, stand.gain)
    pixels = camera.project(corners)[0]
    canvas.warp(image, picture, canvas.to_quad(picture, pixels))


def _draw_carton_depth(
    image: Image, camera: Camera, item: Item, front: npt.NDArray[np.float64], gain: float
) -> None:
    design = packages.DESIGNS[item.id]
    back = front - (0.0, 0.0, CARTON_DEPTH_M)
    roof = 0.17 if item.id == "oat-drink" else 0.0
    cut = front * (1 - roof) + front[[3, 2, 2, 3]] * roof
    cut_back = back * (1 - roof) + back[[3, 2, 2, 3]] * roof
    paint = mixed(colour(design.foot), (0, 0, 0), 1 - 0.68 * gain)
    left_side = camera.position[0] < front[:, 0].mean()
    near, far = ((0, 3), (0, 3)) if left_side else ((1, 2), (1, 2))
    side = [cut[near[0]], front[near[1]], back[far[1]], cut_back[far[0]]]
    canvas.fill(image, camera.project(side)[0], paint)
    if not roof:
        lid = [front[0], front[1], back[1], back[0]]
        light = mixed(colour(design.top), (0, 0, 0), 1 - 0.95 * gain)
        canvas.fill(image, camera.project(lid)[0], light)


@dataclass(frozen=True, slots=True)
class StillLife:
    """The unmoving layers of an aisle view.

    Attributes:
        full: The shelf with every item in place, BGR.
        front_empty: The same without the front row.
        boxes: For each facing id the pixel box (x0, y0, x1, y1) that its front item may touch.
    """

    full: Image
    front_empty: Image
    boxes: dict[str, tuple[int, int, int, int]]


def _box(camera: Camera, facing: Facing) -> tuple[int, int, int, int]:
    corners = np.array(quad(*facing.base, 0.375, 0.325))
    corners[2:, 1] -= 0.02
    pixels = camera.project(corners)[0]
    x0, y0 = np.floor(pixels.min(axis=0)).astype(int)
    x1, y1 = np.ceil(pixels.max(axis=0)).astype(int)
    width, height = camera.size
    return max(int(x0), 0), max(int(y0), 0), min(int(x1), width), min(int(y1), height)


def still_life(camera: Camera, layout: Layout, seed: int) -> StillLife:
    """Draw the shop and the shelf once, with and without the front row."""
    width, height = camera.size
    large = replace(camera, size=(width * SUPERSAMPLING, height * SUPERSAMPLING))
    image = np.zeros((large.size[1], large.size[0], 3), dtype=np.uint8)
    _draw_shop(image, large, seed)
    _draw_shelf(image, large, layout, seed)
    empty = cv2.resize(image, camera.size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    full = empty.copy()
    for facing in layout.facings:
        draw_item(full, camera, layout.item(facing.item), standing(facing))
    return StillLife(full, empty, {f.id: _box(camera, f) for f in layout.facings})

"""The demo shop's geometry and goods: where things stand, what they are, who sees them.

World frame: metres, x to the right as the aisle camera sees the shelf, y up from the floor,
z out of the shelf towards the aisle; z = 0 is the front edge of the boards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Point = tuple[float, float, float]
Pixel = tuple[float, float]
Kind = Literal["carton", "bottle", "jar", "bag", "tin"]

BOARD_HEIGHTS_M: Final = (1.37, 0.99, 0.61)
"""Top faces of the boards, top to bottom."""
COLUMN_CENTRES_M: Final = (-0.57, -0.19, 0.19, 0.57)
FACING_WIDTH_M: Final = 0.30
FACING_HEIGHT_M: Final = 0.31
FIXTURE_HALF_WIDTH_M: Final = 0.78
FIXTURE_TOP_M: Final = 1.76
FIXTURE_DEPTH_M: Final = 0.44
FRONT_ROW_Z_M: Final = -0.04
BACK_ROW_Z_M: Final = -0.33
FULL_SIZE: Final = (1280, 720)


@cache
def _axes(position: Point, target: Point) -> Floats:
    forward = np.subtract(target, position)
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, (0.0, 1.0, 0.0))
    right = right / np.linalg.norm(right)
    axes: Floats = np.stack([right, np.cross(forward, right), forward])
    axes.setflags(write=False)
    return axes


@cache
def _axis_rows(position: Point, target: Point) -> tuple[tuple[float, ...], ...]:
    # Joints are projected one at a time, thousands a second: plain floats beat small arrays.
    return tuple(tuple(map(float, row)) for row in _axes(position, target))


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera without roll.

    Attributes:
        position: Optical centre, world metres.
        target: A point the optical axis passes through, world metres.
        focal: Focal length as a share of the image width.
        size: Image width and height, px.
    """

    position: Point
    target: Point
    focal: float
    size: tuple[int, int] = FULL_SIZE

    @property
    def focal_px(self) -> float:
        """Focal length in pixels of the image."""
        return self.focal * self.size[0]

    def axes(self) -> Floats:
        """Return the camera's right, down and forward unit vectors, shape (3, 3)."""
        return _axes(self.position, self.target)

    def project(self, points: npt.ArrayLike) -> tuple[Floats, Floats]:
        """Project world points.

        Args:
            points: World points, shape (N, 3), metres.

        Returns:
            Pixels, shape (N, 2), and depths along the optical axis, shape (N,), metres.
        """
        seen = (np.atleast_2d(np.asarray(points, dtype=np.float64)) - self.position) @ self.axes().T
        depth = np.maximum(seen[:, 2], 1e-3)
        centre = np.array(self.size) / 2
        return seen[:, :2] / depth[:, None] * self.focal_px + centre, depth

    def pixel(self, point: Sequence[float] | Floats) -> tuple[float, float, float]:
        """Return x px, y px and the scale in px per metre of one world point."""
        x, y, z = (float(p) - c for p, c in zip(point, self.position, strict=True))
        right, down, ahead = (row[0] * x + row[1] * y + row[2] * z for row in self._rows())
        scale = self.focal_px / max(ahead, 1e-3)
        return right * scale + self.size[0] / 2, down * scale + self.size[1] / 2, scale

    def depth(self, point: Sequence[float] | Floats) -> float:
        """Return how far a point is along the optical axis, metres; negative behind."""
        ahead = self._rows()[2]
        return sum(a * (float(p) - c) for a, p, c in zip(ahead, point, self.position, strict=True))

    def _rows(self) -> tuple[tuple[float, ...], ...]:
        return _axis_rows(self.position, self.target)

    def resized(self, size: tuple[int, int]) -> Camera:
        """Return the same view at another resolution."""
        return Camera(self.position, self.target, self.focal, size)


AISLE_CAMERA: Final = Camera((0.55, 1.86, 2.75), (-0.06, 1.17, 0.0), 0.84)
SHELF_CAMERA: Final = Camera((0.0, 1.46, 0.03), (0.0, 1.455, 1.0), 0.405)


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the demo shop (all brands are invented).

    Attributes:
        id: Short name used in the site file.
        name: What the label says.
        gtin: EAN-13 from the in-store range 200-299, with a valid check digit.
        category: Product group.
        price_eur: Shelf price.
        kind: Kind of pack, which decides how it is drawn.
        size_m: Width and height of the pack's front, metres.
    """

    id: str
    name: str
    gtin: str
    category: str
    price_eur: float
    kind: Kind
    size_m: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Facing:
    """One visible place of an item on the fixture.

    Attributes:
        id: Row letter and column number, ``a1`` is top left.
        item: Id of the item that stands there.
        base: Middle of the front row's foot, world metres.
        polygon: Corners in the aisle camera's full-size image, px, clockwise from top left.
    """

    id: str
    item: str
    base: Point
    polygon: tuple[Pixel, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the demo's site file is generated from.

    Attributes:
        size: Size of both cameras' images, px.
        items: The goods.
        facings: Where they stand.
        fixture_polygon: The shelf's outline in the aisle camera's image, px.
        rejected_item: The item whose stories mostly end with a repelled face.
    """

    size: tuple[int, int]
    items: tuple[Item, ...]
    facings: tuple[Facing, ...]
    fixture_polygon: tuple[Pixel, ...]
    rejected_item: str

    def item(self, item_id: str) -> Item:
        """Return the item with the given id."""
        return next(item for item in self.items if item.id == item_id)

    def facing(self, facing_id: str) -> Facing:
        """Return the facing with the given id."""
        return next(facing for facing in self.facings if facing.id == facing_id)


def with_check_digit(digits: str) -> str:
    """Return a 12-digit string completed to an EAN-13 (GS1 General Specifications, 7.9)."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def _goods(*rows: tuple[str, str, str, float, Kind, tuple[float, float]]) -> tuple[Item, ...]:
    return tuple(
        Item(row[0], row[1], with_check_digit(f"2{10 + n:02d}7340{n:05d}"), *row[2:])
        for n, row in enumerate(rows, start=1)
    )


ITEMS: Final = _goods(
    ("coffee", "Nordlicht Coffee 500 g", "coffee and tea", 6.49, "bag", (0.19, 0.29)),
    ("herbal-tea", "Wiesenruh Herbal Tea", "coffee and tea", 3.29, "tin", (0.18, 0.23)),
    ("honey", "Imkerhof Blossom Honey", "spreads", 5.49, "jar", (0.19, 0.225)),
    ("jam", "Berrymore Raspberry Jam", "spreads", 2.99, "jar", (0.18, 0.215)),
    ("crunch", "Knuspa Honey Crunch", "cereals", 3.79, "carton", (0.20, 0.29)),
    ("oat-drink", "Haferglueck Oat Drink 1 l", "drinks", 1.99, "carton", (0.14, 0.29)),
    ("kale-crisps", "Kraut & Co Kale Crisps", "snacks", 2.79, "bag", (0.22, 0.29)),
    ("cookies", "Tante Emmi Cookies", "snacks", 2.49, "carton", (0.24, 0.24)),
    ("orange-juice", "Sol Orange Juice", "drinks", 2.89, "bottle", (0.125, 0.305)),
    ("olive-oil", "Ulivo Olive Oil", "pantry", 8.99, "bottle", (0.12, 0.305)),
    ("tomatoes", "Rosso Peeled Tomatoes", "pantry", 1.49, "tin", (0.18, 0.215)),
    ("pasta", "Mulino Alto Penne", "pantry", 1.89, "bag", (0.20, 0.29)),
)  # fmt: skip
REJECTED_ITEM: Final = "kale-crisps"


def quad(centre_x: float, foot_y: float, z: float, width: float, height: float) -> list[Point]:
    """Return an upright rectangle's corners, clockwise from top left, world metres."""
    left, right, top = centre_x - width / 2, centre_x + width / 2, foot_y + height
    return [(left, top, z), (right, top, z), (right, foot_y, z), (left, foot_y, z)]


def polygon_px(camera: Camera, corners: list[Point]) -> tuple[Pixel, ...]:
    """Return world corners as pixels of a camera's image, rounded to a tenth."""
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in camera.project(corners)[0])


def layout_for(camera: Camera) -> Layout:
    """Return the demo shop's layout with polygons for an aisle camera of your choice."""
    facings = []
    for number, item in enumerate(ITEMS):
        row, column = divmod(number, len(COLUMN_CENTRES_M))
        base = (COLUMN_CENTRES_M[column], BOARD_HEIGHTS_M[row], FRONT_ROW_Z_M)
        corners = quad(*base, FACING_WIDTH_M, FACING_HEIGHT_M)
        name = f"{'abc'[row]}{column + 1}"
        facings.append(Facing(name, item.id, base, polygon_px(camera, corners)))
    outline = quad(0.0, 0.22, 0.0, 2 * FIXTURE_HALF_WIDTH_M, FIXTURE_TOP_M - 0.22)
    return Layout(camera.size, ITEMS, tuple(facings), polygon_px(camera, outline), REJECTED_ITEM)


@cache
def demo_layout() -> Layout:
    """Return the layout of the demo shop, as the demo's aisle camera sees it."""
    return layout_for(AISLE_CAMERA)

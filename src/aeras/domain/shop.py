"""The shop as the site file describes it: items, cameras, fixtures, facings, planogram."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from aeras.domain.geometry import Box, Point, Polygon


class CameraRole(StrEnum):
    """Where a camera stands: it decides which models run on it."""

    SHELF = "shelf"
    """In the fixture, facing the shopper: reads faces."""
    AISLE = "aisle"
    """Outside, looking at the fixture: reads bodies, hands and the facings themselves."""


@dataclass(frozen=True, slots=True)
class Item:
    """A product. ``gtin`` is a valid GTIN-8/12/13/14 or None; ``price`` in minor units or None."""

    id: str
    name: str
    category: str = ""
    gtin: str | None = None
    price: int | None = None


@dataclass(frozen=True, slots=True)
class Facing:
    """One visible place of a product on a fixture.

    Attributes:
        id: Unique in the site.
        item: Item id that stands here in this planogram version, or None (empty or unknown).
        polygon: In the pixels of the fixture's camera, at that camera's configured size.
        on_map: xyxy in map metres, or None to be laid out along the fixture.
    """

    id: str
    item: str | None
    polygon: Polygon
    on_map: Box | None = None


@dataclass(frozen=True, slots=True)
class Fixture:
    """A shelf unit.

    Attributes:
        id: Unique in the site.
        name: Shown to people.
        camera: Camera that looks at the facings, or None for a fixture known from history only.
        polygon: Zone of the fixture in that camera's pixels; empty when there is no camera.
        facings: May be empty: then events stay at fixture level.
        face_camera: Shelf camera whose faces stand before this fixture, or None. It may be the
            same as ``camera``. Both cameras are read by one worker, which joins them in time.
        face_camera_at: Where the face camera sits, in the pixels of ``camera``, or None. With
            ``on_map`` it tells at which facing somebody looks.
        on_map: xyxy in map metres, or None.
    """

    id: str
    name: str
    camera: str | None
    polygon: Polygon
    facings: tuple[Facing, ...] = ()
    face_camera: str | None = None
    face_camera_at: Point | None = None
    on_map: Box | None = None


@dataclass(frozen=True, slots=True)
class FloorMark:
    """A place that is known both in a camera's picture and on the store map.

    Attributes:
        pixel: x, y at the camera's configured size.
        place: x, y on the map, metres.
        height_m: Above the floor; 0 for a place on it.
    """

    pixel: Point
    place: Point
    height_m: float = 0.0


@dataclass(frozen=True, slots=True)
class Lens:
    """What is known of a camera's lens, in OpenCV's model.

    Attributes:
        distortion: k1, k2, p1, p2, k3.
        focal: Pixels at the camera's configured size, or None: then the unit of ``distortion`` is
            the picture's width.
        centre: x, y of the optical axis in pixels, or None for the picture's middle.
    """

    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    focal: float | None = None
    centre: Point | None = None


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """A camera of the site.

    Attributes:
        id: Unique in the site.
        source: ``rtsp://...``, a device number, or a file path.
        role: See `CameraRole`.
        size: (width, height) in pixels that all polygons of this camera refer to.
        fps: Analysed frames per second.
        excluded: Polygons that are blanked before any model sees the frame (doors, screens).
        simulated: True when what it shows is rendered; every record from it says so.
        staff: Polygons of places where only staff stand; who stood there is no shopper.
        objection: Polygons of places for those who object: who steps into one is dropped.
        marks: Pairs of points that tie the picture to the map; empty if it is not calibrated.
        lens: Its lens where that is known.
        calibrated_on: (width, height) that the camera itself sent when it was calibrated, or None;
            pictures of another size are refused.
    """

    id: str
    source: str
    role: CameraRole
    size: tuple[int, int]
    fps: float = 5.0
    excluded: tuple[Polygon, ...] = ()
    simulated: bool = False
    staff: tuple[Polygon, ...] = ()
    marks: tuple[FloorMark, ...] = ()
    lens: Lens | None = None
    calibrated_on: tuple[int, int] | None = None
    objection: tuple[Polygon, ...] = ()


@dataclass(frozen=True, slots=True)
class Vest:
    """A colour that only staff wear.

    Attributes:
        hue: From and to, degrees of the colour circle (0 red, 120 green); may pass 360.
        saturation, brightness: Least, in [0, 1].
        share: Least share of the torso that shows it.
    """

    hue: tuple[float, float]
    saturation: float = 0.5
    brightness: float = 0.35
    share: float = 0.25


@dataclass(frozen=True, slots=True)
class Marks:
    """What is worn or carried to be left alone; no list of persons.

    Attributes:
        staff_tags: Ids of the printed tags that staff wear.
        staff_mm: Side of the smallest of them, its black square.
        vest: A colour that only staff wear.
        objection_tags: Ids of the cards that shoppers take to object.
        objection_mm: Side of their black square.
    """

    staff_tags: frozenset[int] = frozenset()
    staff_mm: float = 120.0
    vest: Vest | None = None
    objection_tags: frozenset[int] = frozenset()
    objection_mm: float = 90.0

    @property
    def of_staff(self) -> bool:
        """Whether staff wear anything that tells them."""
        return bool(self.staff_tags) or self.vest is not None


@dataclass(frozen=True, slots=True)
class Shop:
    """One site. ``planogram`` names the version of the facing-item assignment in force."""

    id: str
    name: str
    timezone: str
    items: tuple[Item, ...]
    cameras: tuple[CameraSpec, ...]
    fixtures: tuple[Fixture, ...]
    planogram: str = "1"
    map_size: tuple[float, float] | None = None
    map_image: str | None = None
    language: str = "en"
    currency: str = "EUR"
    marks: Marks = field(default_factory=Marks)
    _items: dict[str, Item] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._items.update({item.id: item for item in self.items})

    def item(self, item_id: str) -> Item:
        """The item of that id; raises KeyError."""
        return self._items[item_id]

    def item_name(self, item_id: str) -> str:
        """The item's name; the id itself if it was stored under a site file that has changed."""
        found = self._items.get(item_id)
        return found.name if found else item_id

    def camera(self, camera_id: str) -> CameraSpec:
        """The camera of that id; raises KeyError."""
        return next(c for c in self.cameras if c.id == camera_id)

    def fixture(self, fixture_id: str) -> Fixture:
        """The fixture of that id; raises KeyError."""
        try:
            return next(f for f in self.fixtures if f.id == fixture_id)
        except StopIteration:
            raise KeyError(fixture_id) from None

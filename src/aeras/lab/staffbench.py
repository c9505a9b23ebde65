"""How surely staff and objectors are left alone, and what that costs ordinary shoppers.

Three suites. *Tags*: one tag on cloth, by size, angle, blur and light: how large it must be seen.
*Rendered*: shoppers before a shelf camera and in an aisle, dressed in tag or vest, through the
product's rig; a staff visit counts as left alone if no frame of it reached the expression model and
no event came of it. *Clips*: the same with tags composited onto people in recorded clips. Each
suite is also played undressed, which tells the price.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.geometry import Box
from aeras.domain.seen import Detections, Face, Frame, Image, Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Fixture, Marks, Shop, Vest
from aeras.domain.tags import OBJECTION_TAGS, STAFF_TAGS
from aeras.insight import rates
from aeras.lab.expression import Degradation
from aeras.lab.progress import shown
from aeras.lab.render.actors import actor
from aeras.lab.render.body import pose_at
from aeras.lab.render.figure import Worn
from aeras.lab.render.frontal import ShelfView
from aeras.lab.render.scene import AISLE_CAMERA, SHELF_CAMERA, Camera, layout_for
from aeras.lab.render.script import Shopper, plan_demo
from aeras.lab.render.tableau import Outfit, Tableau
from aeras.lab.render.weather import LIGHTS, Sight, random_weather
from aeras.lab.shelfbench import box as rectangle
from aeras.lab.stories import CAMERA, EPOCH, Story, story
from aeras.perceive import Perception, PerceptionOptions
from aeras.privacy.marker import TagReader, tag_image
from aeras.privacy.staff import Fate
from aeras.privacy.torso import EYES_M, FACE_M, HIPS, SHOULDERS, SPAN_M, TORSO_M
from aeras.shelf.bodies import CLEAR_SCORE
from aeras.wiring.rig import Rig, RigOptions

FPS: Final = 5.0
CARD_M: Final = 0.09
CARDS: Final = Marks(objection_tags=frozenset(OBJECTION_TAGS), objection_mm=CARD_M * 1000)
TAG_M: Final = 0.12
HI_VIS: Final = (60.0, 230.0, 210.0)
"""BGR of a yellow-green safety vest."""
MARKS: Final[Mapping[str, Marks]] = {
    "tag": Marks(staff_tags=frozenset(STAFF_TAGS), staff_mm=TAG_M * 1000),
    "vest": Marks(vest=Vest((52.0, 90.0), share=0.25)),
}
BESIDE_PX: Final = 0.25
"""A face that was read belongs to the head within this share of the picture's width."""


# --- tags by size ------------------------------------------------------------------------------

SIDES_PX: Final = (10, 12, 14, 16, 18, 20, 24, 28, 36, 48)
CONDITIONS: Final[Mapping[str, Mapping[str, float]]] = {
    "straight, sharp": {"yaw": 10, "blur": 0.5},
    "turned 30": {"yaw": 30, "blur": 0.7},
    "turned 50": {"yaw": 50, "blur": 0.7},
    "soft": {"yaw": 30, "blur": 1.2},
    "softer": {"yaw": 30, "blur": 2.0},
    "moving": {"yaw": 30, "blur": 0.7, "motion": 3},
    "dim": {"yaw": 30, "blur": 0.8, "gain": 0.25, "noise": 6},
    "hard JPEG": {"yaw": 30, "blur": 0.8, "jpeg": 35},
}


def tag_on_cloth(
    side_px: float,
    rng: np.random.Generator,
    *,
    yaw: float = 0.0,
    blur: float = 0.5,
    motion: float = 0.0,
    gain: float = 1.0,
    noise: float = 4.0,
    jpeg: int = 70,
) -> tuple[Image, int]:
    """A staff tag on creased cloth as a camera shows it, and its number.

    Args:
        side_px: Side of its black square, seen straight.
        rng: For cloth, place, roll and noise.
        yaw: Degrees it is turned to one side.
        blur: Standard deviation, pixels.
        motion: Length of the blur of a movement, pixels.
        gain: Light.
        noise: Grey levels.
        jpeg: Quality.
    """
    number, finer, window = int(rng.choice(STAFF_TAGS)), 4, int(4 * side_px + 40)
    card = np.clip(tag_image(number, 16).astype(np.float32) * 0.8 + 25, 0, 255)
    half = side_px * 8 / 6 / 2
    square = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], dtype=np.float64) * half
    turn, roll, nod = np.deg2rad(
        [yaw * rng.choice((-1, 1)), rng.uniform(-20, 20), rng.uniform(-10, 25)]
    )
    seen = square @ _turned(roll, nod, turn).T
    depth = 12 * side_px
    middle = window / 2 + rng.uniform(-8, 8, 2)
    pixels = (seen[:, :2] * (depth / (depth + seen[:, 2:])) + middle) * finer
    side = card.shape[0]
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, pixels.astype(np.float32))
    whole = (window * finer, window * finer)
    cloth = rng.uniform(30, 200) + cv2.GaussianBlur(rng.normal(0, 60, (window, window)), (0, 0), 6)
    large = cv2.resize(cloth.astype(np.float32), whole)
    cover = cv2.warpPerspective(np.ones_like(card), matrix, whole)
    large = large * (1 - cover) + cv2.warpPerspective(card, matrix, whole) * cover
    image = cv2.resize(large, (window, window), interpolation=cv2.INTER_AREA)
    image = cv2.GaussianBlur(image, (0, 0), max(0.4, blur))
    if motion > 1:
        image = cv2.blur(image, (round(motion), 1))
    image = np.clip(image * gain + rng.normal(0, noise, image.shape), 0, 255)
    return Degradation(jpeg=jpeg).apply(image.astype(np.uint8), side_px)[0], number


def _turned(roll: float, nod: float, turn: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    c, s = np.cos, np.sin
    about_z = np.array([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, c(nod), -s(nod)], [0, s(nod), c(nod)]])
    about_y = np.array([[c(turn), 0, s(turn)], [0, 1, 0], [-s(turn), 0, c(turn)]])
    return np.asarray(about_y @ about_x @ about_z)


def measure_tags(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Share of tags read in one look, by condition and by the side seen (its shorter one)."""
    reader = TagReader([*STAFF_TAGS, *OBJECTION_TAGS])
    rows = []
    for name, how in CONDITIONS.items():
        row: dict[str, Any] = {"condition": name, "n_each": count}
        narrow = float(np.cos(np.deg2rad(how["yaw"])))
        for side in SIDES_PX:
            rng, read = np.random.default_rng((seed, side)), 0
            for _ in range(count):
                # So large that its shorter side has the pixels asked for.
                image, number = tag_on_cloth(side / narrow, rng, **how)  # type: ignore[arg-type]
                whole = (0.0, 0.0, float(image.shape[1]), float(image.shape[0]))
                read += any(tag.id == number for tag in reader.read(image, whole, side))
            row[f"{side} px"] = round(read / count, 3)
        rows.append(row)
    return rows


# --- visits through the rig --------------------------------------------------------------------


@dataclass(slots=True)
class Played:
    """What the product did with one recording.

    Attributes:
        reads: Seconds and box of each face that reached the models which read it.
        told: Interactions.
        met_s, cleared_s: When each track was first seen, and first known to be a shopper.
        alone_s: When each track was first left alone as staff's or an objector's.
        told_s: When each interaction was told.
        last_s: When each track was last seen.
    """

    reads: list[tuple[float, Box]] = field(default_factory=list)
    told: list[Interaction] = field(default_factory=list)
    met_s: dict[int, float] = field(default_factory=dict)
    last_s: dict[int, float] = field(default_factory=dict)
    cleared_s: dict[int, float] = field(default_factory=dict)
    alone_s: dict[int, float] = field(default_factory=dict)
    told_s: list[float] = field(default_factory=list)

    @property
    def alone(self) -> frozenset[int]:
        """Tracks that were left alone."""
        return frozenset(self.alone_s)


class _Counted(Perception):
    """The real models; notes each face on its way to landmarks and expression."""

    def __init__(self, options: PerceptionOptions | None = None) -> None:
        super().__init__(options)
        self.now_s = 0.0
        self.reads: list[tuple[float, Box]] = []

    def detect(self, frame: Frame, tasks: frozenset[str], **more: Any) -> Detections:
        self.now_s = frame.t_s
        return super().detect(frame, tasks, **more)

    def _read(self, image: Image, face: Face) -> Face:
        self.reads.append((self.now_s, face.box))
        return super()._read(image, face)


class Player:
    """Plays recordings through rigs of one set of models."""

    def __init__(self) -> None:
        self.models = _Counted()

    def play(self, shop: Shop, frames: Iterator[tuple[float, Image]]) -> Played:
        """Runs a shop of one camera on frames (seconds, BGR)."""
        self.models.reads = []
        camera = shop.cameras[0]
        rig = Rig(shop, shop.cameras, self.models, RigOptions())
        done = Played()
        for t_s, image in frames:
            frame = Frame(camera.id, EPOCH + timedelta(seconds=t_s), t_s, image)
            _, told = rig.update(frame)
            done.told += told
            done.told_s += [t_s] * len(told)
            eye = rig.eye(camera.id)
            for track in eye.tracks:
                done.met_s.setdefault(track.id, t_s)
                done.last_s[track.id] = t_s
                if eye.staff.fate(track.id) is Fate.TELL:
                    done.cleared_s.setdefault(track.id, t_s)
            for name in eye.staff.alone:
                done.alone_s.setdefault(name, t_s)
        last = rig.finish()
        done.told += last
        done.told_s += [float("inf")] * len(last)
        done.reads = self.models.reads
        return done


@dataclass(frozen=True, slots=True)
class Visit:
    """A person's true visit: from, to, and where the head is at a time (pixels), if known."""

    from_s: float
    to_s: float
    head: Callable[[float], tuple[float, float]] | None = None


def left_alone(visits: Sequence[Visit], done: Played, width: int) -> list[bool]:
    """For each visit whether nothing was read or told of it."""
    spoilt: set[int] = set()
    for t_s, box in done.reads:
        here = [n for n, v in enumerate(visits) if v.from_s <= t_s <= v.to_s]
        spoilt.update(_nearest(here, visits, t_s, box, width))
    for one in done.told:
        spoilt.update(
            n for n, v in enumerate(visits) if v.from_s <= one.end_s and one.start_s <= v.to_s + 2
        )
    return [n not in spoilt for n in range(len(visits))]


def _nearest(
    here: list[int], visits: Sequence[Visit], t_s: float, box: Box, width: int
) -> list[int]:
    middle = np.array([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    apart = []
    for n in here:
        head = visits[n].head
        if head is None:
            return here
        apart.append((float(np.hypot(*(middle - head(t_s)))), n))
    nearest = min(apart, default=None)
    return [nearest[1]] if nearest and nearest[0] <= BESIDE_PX * width else []


# --- rendered ----------------------------------------------------------------------------------


def outfit(kind: str) -> Outfit:
    """What staff wear in a suite: ``tag`` or ``vest``."""
    if kind == "vest":
        return Outfit(top=HI_VIS)
    return _tagged(STAFF_TAGS[0], TAG_M)


def _tagged(number: int, side_m: float) -> Outfit:
    """A tag whose black square has that side, with its white border."""
    return Outfit(Worn(tag_image(number, 1) < 128, side_m * 8 / 6))  # noqa: PLR2004


def shelf_shop(size: tuple[int, int], marks: Marks, role: CameraRole = CameraRole.SHELF) -> Shop:
    """A site of one camera before one fixture without facings."""
    camera = CameraSpec(CAMERA, "story", role, size, FPS, simulated=True)
    face = CAMERA if role is CameraRole.SHELF else None
    fixture = Fixture(
        "fixture", "Fixture", CAMERA, rectangle(0.0, 0.0, *map(float, size)), (), face
    )
    return Shop("staff", "Staff", "UTC", (), (camera,), (fixture,), marks=marks)


def _head_of(shopper: Shopper, camera: Camera) -> Callable[[float], tuple[float, float]]:
    def at(t_s: float) -> tuple[float, float]:
        x, y, _ = camera.pixel(pose_at(shopper, actor(shopper.actor), t_s).head)
        return x, y

    return at


@dataclass(frozen=True, slots=True)
class Scene:
    """A recording with its true visits: frames in which everybody wears an outfit from a second on,
    the shop, its traits.
    """

    frames: Callable[[Outfit, float], Iterator[tuple[float, Image]]]
    visits: tuple[Visit, ...]
    shop: Callable[[Marks], Shop]
    traits: Mapping[str, str]


def before_shelf(seed: int, seconds: float = 24.0) -> Scene:
    """Shoppers face to face with a shelf camera."""
    rng = np.random.default_rng((seed, 9))
    size = ((640, 360), (1280, 720), (1920, 1080))[int(rng.choice(3, p=(0.4, 0.4, 0.2)))]
    light = LIGHTS[seed % len(LIGHTS)]
    weather = random_weather(rng, light)
    camera = SHELF_CAMERA.resized(size)
    layout = layout_for(AISLE_CAMERA)
    plan = plan_demo(layout, seed=seed, seconds=seconds)

    def frames(worn: Outfit, from_s: float) -> Iterator[tuple[float, Image]]:
        wear = dict.fromkeys(range(len(plan.shoppers)), worn)
        plain, dressed = (ShelfView(plan, layout, camera, seed, one) for one in ({}, wear))
        sight = Sight(weather, size, seed)
        for t_s in (n / FPS for n in range(int(seconds * FPS))):
            view = dressed if t_s >= from_s else plain
            yield t_s, sight.see(view.draw(t_s), t_s)

    visits = tuple(Visit(s.start_s, s.end_s, _head_of(s, camera)) for s in plan.shoppers)
    traits = {"camera": "shelf", "light": light, "resolution": f"{size[0]}x{size[1]}"}
    return Scene(frames, visits, lambda marks: shelf_shop(size, marks), traits)


def in_aisle(seed: int) -> Scene:
    """A story before an aisle camera."""
    one: Story = story(seed)

    def frames(worn: Outfit, from_s: float) -> Iterator[tuple[float, Image]]:
        wear = dict.fromkeys(range(len(one.tale.shoppers)), worn)
        plain, dressed = (Tableau(one.tale, one.stage, each) for each in ({}, wear))
        sight = Sight(one.weather, one.stage.camera.size, one.seed)
        for t_s in one.times(FPS):
            view = dressed if t_s >= from_s else plain
            yield t_s, sight.see(view.draw(t_s), t_s)

    def shop(marks: Marks) -> Shop:
        return replace(one.shop(), marks=marks)

    visits = tuple(Visit(s.start_s, s.end_s) for s in one.tale.shoppers)
    traits = {"camera": "aisle", **{k: one.traits[k] for k in ("light", "resolution", "angle")}}
    return Scene(frames, visits, shop, traits)


# --- clips -------------------------------------------------------------------------------------


def clip_frames(path: Path, gain: float) -> Iterator[tuple[float, Image]]:
    """Frames of a clip at `FPS`, dimmed."""
    with av.open(str(path)) as video:
        due = 0.0
        for number, frame in enumerate(video.decode(video=0)):
            t_s = float(frame.time) if frame.time is not None else number / 10
            if t_s < due - 1e-3:
                continue
            due = t_s + 1 / FPS
            image = frame.to_ndarray(format="bgr24")
            yield t_s, np.clip(image * gain, 0, 255).astype(np.uint8)


def with_tags(
    frames: Iterator[tuple[float, Image]],
    models: Perception,
    task: str,
    *,
    side_m: float,
    seed: int,
) -> Iterator[tuple[float, Image]]:
    """The frames with a tag on everybody whose chest or back is found.

    It lies where chest and back are by joints or face, foreshortened as they are, takes on the
    cloth's light and shade, and is as soft and noisy as the picture.
    """
    rng = np.random.default_rng(seed)
    card = tag_image(STAFF_TAGS[0], 12)
    for t_s, image in frames:
        frame = Frame(CAMERA, EPOCH, t_s, image)
        found = models.detect(frame, frozenset({task}), readable=lambda _: False)
        dressed = image.copy()
        for quad in _chests(found, side_m * 8 / 6):
            _composite(dressed, card, quad, rng)
        yield t_s, dressed


def _chests(found: Detections, side_m: float) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """Corners of a square of that size on each chest, pixels."""
    for face in found.faces:
        x0, y0, x1, y1 = face.box
        eyes = face.points[1] - face.points[0]
        along = eyes / max(float(np.hypot(*eyes)), 1e-3)
        wide = abs(float(np.hypot(*eyes))) / EYES_M * side_m
        high = (y1 - y0) / FACE_M * side_m
        middle = np.array([(x0 + x1) / 2, y1 + 0.95 * (y1 - y0)])
        yield _quad(middle, along * wide, np.array([-along[1], along[0]]) * high)
    for person in found.people:
        joints = person.keypoints
        if (joints[[*SHOULDERS, *HIPS], 2] < CLEAR_SCORE).any():
            continue
        left, right = sorted(
            joints[list(SHOULDERS), :2].astype(np.float64), key=lambda p: float(p[0])
        )
        neck, hips = (left + right) / 2, joints[list(HIPS), :2].mean(axis=0)
        spine = hips - neck
        across = (right - left) / SPAN_M * side_m
        yield _quad(neck + 0.35 * spine, across, spine / TORSO_M * side_m)


def _quad(
    middle: np.ndarray[Any, Any], across: np.ndarray[Any, Any], down: np.ndarray[Any, Any]
) -> np.ndarray[Any, np.dtype[np.float32]]:
    a, d = across / 2, down / 2
    corners = [middle - a - d, middle + a - d, middle + a + d, middle - a + d]
    return np.array(corners, dtype=np.float32)


def _composite(
    image: Image,
    card: np.ndarray[Any, np.dtype[np.uint8]],
    quad: np.ndarray[Any, np.dtype[np.float32]],
    rng: np.random.Generator,
) -> None:
    height, width = image.shape[:2]
    low = np.floor(quad.min(axis=0)).astype(int) - 2
    high = np.ceil(quad.max(axis=0)).astype(int) + 3
    x0, y0, x1, y1 = max(0, low[0]), max(0, low[1]), min(width, high[0]), min(height, high[1])
    if x1 - x0 < 3 or y1 - y0 < 3:  # noqa: PLR2004
        return
    finer, side = 4, card.shape[0]
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], dtype=np.float32)
    local = (quad - np.array([x0, y0], dtype=np.float32)) * finer
    matrix = cv2.getPerspectiveTransform(corners, local)
    size = ((x1 - x0) * finer, (y1 - y0) * finer)
    ink = cv2.warpPerspective(card.astype(np.float32), matrix, size)
    cover = cv2.warpPerspective(np.ones_like(card, dtype=np.float32), matrix, size)
    small = ((x1 - x0), (y1 - y0))
    ink = cv2.resize(ink * cover, small, interpolation=cv2.INTER_AREA)
    cover = cv2.resize(cover, small, interpolation=cv2.INTER_AREA)
    ink, cover = (cv2.GaussianBlur(each, (0, 0), 0.6) for each in (ink, cover))
    place = image[y0:y1, x0:x1].astype(np.float32)
    # The light that falls on the cloth: its soft brightness, lifted since paper is brighter.
    shade = cv2.GaussianBlur(place.mean(axis=2), (0, 0), max(2.0, (x1 - x0) / 6))
    around = float(np.percentile(image.mean(axis=2), 85)) / 255
    light = np.clip(0.45 * around + 0.55 * shade / 255, 0.03, 1)
    paper = (ink * 0.8 + cover * 20) * light + rng.normal(0, 3, ink.shape) * cover
    mixed = place * (1 - cover[..., None]) + paper[..., None]
    image[y0:y1, x0:x1] = np.clip(mixed, 0, 255).astype(np.uint8)


# --- figures -----------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """Counts of one group of visits.

    Attributes:
        staff, alone: Staff visits, and how many of them were left alone.
        marked: Of them those in which the mark itself was found.
        shoppers: Tracks of shoppers seen for 2 s or longer.
        excluded: Of them those taken for staff or objectors.
        cleared: Of them those known to be shoppers in the end.
        until_s: Seconds until they were.
    """

    staff: int = 0
    alone: int = 0
    marked: int = 0
    shoppers: int = 0
    excluded: int = 0
    cleared: int = 0
    until_s: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """With 95 % intervals (Wilson)."""
        alone = rates.share(self.alone, self.staff) if self.staff else None
        share = self.excluded / self.shoppers if self.shoppers else None
        return {
            "staff_visits": self.staff,
            "left_alone": _round(alone.value) if alone else None,
            "interval": [_round(alone.low), _round(alone.high)] if alone else None,
            "mark_found": _round(self.marked / self.staff) if self.staff else None,
            "shopper_tracks": self.shoppers,
            "wrongly_excluded": _round(share),
            "never_known": _round(1 - (self.cleared + self.excluded) / self.shoppers)
            if self.shoppers
            else None,
            "seconds_to_known": {
                "median": _round(float(np.median(self.until_s))) if self.until_s else None,
                "p90": _round(float(np.percentile(self.until_s, 90))) if self.until_s else None,
            },
        }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@dataclass(slots=True)
class Objections:
    """Tracks of shoppers who put on an objection card halfway, and what became of them.

    Attributes:
        tracks: Seen when the card was first to be read, and for a second after.
        delay_s: From then until each was dropped; infinity where it never was.
        late: Interactions told, and faces read, more than a second after the card was to be read.
        told_before: Interactions told before.
    """

    tracks: int = 0
    delay_s: list[float] = field(default_factory=list)
    late: int = 0
    told_before: int = 0

    def figures(self) -> dict[str, Any]:
        """Delays, and how many came too late."""
        delays = np.array(self.delay_s or [np.nan])
        within = sum(delay <= 1.0 for delay in self.delay_s)
        return {
            "tracks": self.tracks,
            "dropped_within_1_s": within,
            "median_s": _round(float(np.median(delays))),
            "worst_s": _round(float(delays.max())),
            "late_events_or_reads": self.late,
            "events_told_before": self.told_before,
        }


def object_halfway(player: Player, scene: Scene, sums: Objections) -> None:
    """Plays a scene in which everybody wears the card from the middle of the first visit on."""
    visit = scene.visits[0]
    from_s = (visit.from_s + visit.to_s) / 2
    shop = scene.shop(CARDS)
    size = shop.cameras[0].size
    card = _tagged(OBJECTION_TAGS[0], CARD_M)
    reader = TagReader(OBJECTION_TAGS)
    seen_s = float("inf")

    def watched() -> Iterator[tuple[float, Image]]:
        nonlocal seen_s
        for t_s, image in scene.frames(card, from_s):
            if t_s >= from_s and seen_s > t_s:
                whole = (0.0, 0.0, float(size[0]), float(size[1]))
                if any(reader.read(image, whole, side) for side in (15.0, 30.0, 60.0)):
                    seen_s = t_s
            yield t_s, image

    done = player.play(shop, watched())
    for track, met in done.met_s.items():
        if met <= seen_s and done.last_s[track] >= seen_s + 1:
            sums.tracks += 1
            sums.delay_s.append(done.alone_s.get(track, float("inf")) - seen_s)
    sums.late += sum(t_s > seen_s + 1 for t_s in done.told_s)
    sums.late += sum(t_s > seen_s + 1 for t_s, _ in done.reads)
    sums.told_before += sum(t_s <= seen_s for t_s in done.told_s)


LEAST_S: Final = 2.0


def _price(tally: Tally, done: Played) -> None:
    for track, met in done.met_s.items():
        if done.last_s[track] - met < LEAST_S:
            continue
        tally.shoppers += 1
        tally.excluded += track in done.alone
        if track in done.cleared_s and track not in done.alone:
            tally.cleared += 1
            tally.until_s.append(done.cleared_s[track] - met)


@dataclass(frozen=True, slots=True)
class StaffOptions:
    """How much `measure` measures: scenes of each kind, clips and their variants, tags a cell."""

    scenes: int = 40
    clips: Path | None = None
    clip_count: int = 20
    tags: int = 100
    seed: int = 0


def measure(options: StaffOptions) -> dict[str, Any]:
    """All suites: figures of tags, of each group of visits, of objections; and the failures."""
    cv2.setNumThreads(1)
    player = Player()
    groups: dict[str, Tally] = defaultdict(Tally)
    failures: list[dict[str, Any]] = []
    objections = Objections()
    seeds = list(range(options.seed, options.seed + options.scenes))
    for seed in shown(seeds, "Rendered staff"):
        for make in (before_shelf, in_aisle):
            kind = "vest" if seed % 3 == 2 else "tag"  # noqa: PLR2004
            scene = make(seed)
            failures += _scene(player, scene, kind, groups, seed)
            if seed % 2 == 0:
                object_halfway(player, scene, objections)
    if options.clips:
        for number, path in enumerate(shown(_some(options.clips, options.clip_count), "Clips")):
            failures += _clip(player, path, groups, number)
    return {
        "tags": measure_tags(options.tags) if options.tags else [],
        "groups": {name: tally.figures() for name, tally in sorted(groups.items())},
        "objections": objections.figures(),
        "failures": failures,
        "measured_at": datetime.now(UTC).date().isoformat(),
    }


def _scene(
    player: Player, scene: Scene, kind: str, groups: dict[str, Tally], seed: int
) -> list[dict[str, Any]]:
    shop = scene.shop(MARKS[kind])
    names = ["rendered", f"rendered, {scene.traits['camera']} camera, {kind}"]
    names += [f"rendered, {name} {value}" for name, value in scene.traits.items()]
    width = shop.cameras[0].size[0]
    done = player.play(shop, scene.frames(outfit(kind), 0.0))
    good = left_alone(scene.visits, done, width)
    plain = player.play(shop, scene.frames(Outfit(), 0.0))
    for name in names:
        groups[name].staff += len(good)
        groups[name].alone += sum(good)
        groups[name].marked += min(len(done.alone), len(good))
        _price(groups[name], plain)
    failed = [n for n, ok in enumerate(good) if not ok]
    told = [(str(i.kind), round(i.start_s, 1), round(i.end_s, 1)) for i in done.told]
    return [
        {"seed": seed, "visit": n, **scene.traits, "mark": kind, "reads": len(done.reads)}
        | {"told": told}
        for n in failed
    ]


CLIPS: Final = (
    "asl-*.mkv", "face-*.mp4", "one-person-face.mp4", "*walking*.gif", "head-pose*.gif",
    "Retail02_short.mp4", "store-aisle*.gif", "shelf/*.mp4", "shelf/more/*.mp4",
)  # fmt: skip


def _some(folder: Path, count: int) -> list[Path]:
    """Clips of all kinds in turn."""
    kinds = [sorted(folder.glob(pattern)) for pattern in CLIPS]
    if not any(kinds):
        raise InputError(
            f"no clip in {folder}", where=str(folder), todo=f"Expected {', '.join(CLIPS)}"
        )
    turns = [kind[n] for n in range(max(map(len, kinds))) for kind in kinds if n < len(kind)]
    return turns[:count]


def _clip(
    player: Player, path: Path, groups: dict[str, Tally], number: int
) -> list[dict[str, Any]]:
    faced = path.parent.name not in ("shelf", "more") and not path.name.startswith(
        ("Retail02", "store-aisle")
    )
    role, task = (CameraRole.SHELF, "faces") if faced else (CameraRole.AISLE, "people")
    rng = np.random.default_rng(number)
    gain = float(rng.choice((1.0, 1.0, 0.4)))
    name = f"clips, {'faces' if faced else 'bodies'}"
    plain = list(clip_frames(path, gain))
    size = (plain[0][1].shape[1], plain[0][1].shape[0])
    shop = shelf_shop(size, MARKS["tag"], role)
    # People are larger and smaller than usual, so that a tag looks smaller or larger on them.
    side = TAG_M * float(rng.uniform(0.85, 1.15))
    marked = with_tags(iter(plain), player.models, task, side_m=side, seed=0)
    done, undressed = player.play(shop, marked), player.play(shop, iter(plain))
    seen = [track for track, met in done.met_s.items() if done.last_s[track] - met >= LEAST_S]
    spoilt = set(done.cleared_s) | {i.visit for i in done.told}
    bad = [track for track in seen if track in spoilt]
    for tally in (groups["clips"], groups[name]):
        tally.staff += len(seen)
        tally.alone += len(seen) - len(bad)
        tally.marked += sum(track in done.alone for track in seen)
        _price(tally, undressed)
    return [{"clip": path.name, "tracks": bad, "gain": gain}] if bad else []

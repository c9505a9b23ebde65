"""Random shopper stories with known truth: frames, truth, and how well the product reads them.

Stories are rendered in memory while they are read. Training and test stories come from other
seeds, and their goods and shelves from other colours, names, shapes and measures.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from aeras.domain.seen import Frame, Image, Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Item, Shop
from aeras.lab.render.actors import actor
from aeras.lab.render.body import pose_at
from aeras.lab.render.goods import Split
from aeras.lab.render.stage import ANGLES, Angle, Stage, random_stage
from aeras.lab.render.tableau import Tableau
from aeras.lab.render.tales import KINDS, Kind, Tale, Told, random_tale
from aeras.lab.render.video import write_frames
from aeras.lab.render.weather import LIGHTS, Disturbance, Light, Sight, Weather, random_weather
from aeras.wiring.rig import Perceiver, Rig

FPS: Final = 10.0
SIZES: Final = ((640, 360), (1280, 720), (1920, 1080))
SIZE_SHARES: Final = (0.5, 0.33, 0.17)
CAMERA: Final = "story"
EPOCH: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
TOLERANCE_S: Final = 0.7
SCORED: Final = ("take", "put_back")
SPLITS: Final[tuple[Split, Split]] = ("train", "test")
FLOOR_M: Final = 0.3
"""Spacing of the floor points whose pixels are told."""


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """One story, ready to be drawn.

    Attributes:
        seed: Its number among those of its split.
        split: Training or test.
        stage: Where it plays, and the camera.
        tale: What happens.
        light: Kind of light.
        weather: What light, sensor and coding do to the picture.
    """

    seed: int
    split: Split
    stage: Stage
    tale: Tale
    light: Light
    weather: Weather

    @property
    def traits(self) -> dict[str, str]:
        """What figures are split by."""
        width, height = self.stage.camera.size
        return {
            "angle": self.stage.angle,
            "light": self.light,
            "resolution": f"{width}x{height}",
            "kind": self.tale.kind,
            "fixture": f"{self.stage.form}, {self.stage.density}",
        }

    def times(self, fps: float = FPS) -> list[float]:
        """Return the frames' times, seconds."""
        return [n / fps for n in range(int(self.tale.seconds * fps))]

    def frames(self, fps: float = FPS) -> Iterator[tuple[float, Image]]:
        """Draw the frames one by one: seconds and (H, W, 3) BGR."""
        drawn = Tableau(self.tale, self.stage)
        sight = Sight(self.weather, self.stage.camera.size, self.seed)
        for time_s in self.times(fps):
            yield time_s, sight.see(drawn.draw(time_s), time_s)

    def shop(self) -> Shop:
        """Return the site whose only camera films the story."""
        stage = self.stage
        items = tuple(Item(c.ware.id, c.ware.design.brand.title()) for c in stage.cells)
        facings = tuple(Facing(c.id, c.ware.id, stage.polygon(c)) for c in stage.cells)
        camera = CameraSpec(
            CAMERA, "story", CameraRole.AISLE, stage.camera.size, FPS, simulated=True
        )
        fixture = Fixture("fixture", "Fixture", CAMERA, stage.outline(), facings)
        return Shop("story", "Story", "UTC", items, (camera,), (fixture,))

    def truth(self, fps: float = FPS) -> dict[str, Any]:
        """Return everything that is known, as JSON: see `docs/commands.md`."""
        shop = self.shop()
        return {
            "simulated": True,
            "seed": self.seed,
            "split": self.split,
            "traits": self.traits,
            "seconds": self.tale.seconds,
            "fps": fps,
            "size": list(self.stage.camera.size),
            "fixture_polygon": [list(p) for p in shop.fixtures[0].polygon],
            "facings": [
                {"id": f.id, "item": f.item, "polygon": [list(p) for p in f.polygon]}
                for f in shop.fixtures[0].facings
            ],
            "stocked": {c.id: c.stocked for c in self.stage.cells},
            "events": [asdict(event) for event in self.tale.events],
            "gazes": [asdict(gaze) for gaze in self.tale.gazes],
            "people": [self._people(time_s) for time_s in self.times(fps)],
            "floor": self._floor(),
        }

    def _people(self, time_s: float) -> list[dict[str, Any]]:
        """Where everybody on stage is at a time."""
        told = []
        camera = self.stage.camera
        for n, shopper in enumerate(self.tale.shoppers):
            if not shopper.start_s <= time_s <= shopper.end_s:
                continue
            pose = pose_at(shopper, actor(shopper.actor), time_s)
            x, z, yaw, _ = shopper.body.at(time_s)
            looks = [
                g.facing for g in self.tale.gazes if g.shopper == n and g.from_s <= time_s <= g.to_s
            ]
            told.append(
                {
                    "shopper": n,
                    "floor_m": [round(x, 3), round(z, 3)],
                    "yaw_deg": round(yaw, 1),
                    "looks_at": looks[0] if looks else None,
                    "head_px": _px(camera.pixel(pose.head)),
                    "wrists_px": [_px(camera.pixel(w)) for w in pose.wrists],
                    "hands_px": [_px(camera.pixel(g)) for g in pose.grips],
                    "hands_m": [[round(float(v), 3) for v in g] for g in pose.grips],
                }
            )
        return told

    def _floor(self) -> dict[str, Any]:
        """Points of the floor in metres (x, z) with their pixels, and the homography."""
        camera = self.stage.camera
        rows = []
        for x in np.arange(-3, 3.01, FLOOR_M):
            for z in np.arange(-1, 3.01, FLOOR_M):
                point = (float(x), 0.0, float(z))
                u, v, _ = camera.pixel(point)
                inside = 0 <= u < camera.size[0] and 0 <= v < camera.size[1]
                if inside and camera.depth(point) > FLOOR_M:
                    rows.append((point[0], point[2], u, v))
        to_floor = None
        corners = [(-1.0, 0.0, 0.5), (1.0, 0.0, 0.5), (1.0, 0.0, -0.5), (-1.0, 0.0, -0.5)]
        if min(camera.depth(c) for c in corners) > 0:
            pixels = np.array([camera.pixel(c)[:2] for c in corners], dtype=np.float32)
            metres = np.array([(c[0], c[2]) for c in corners], dtype=np.float32)
            to_floor = cv2.getPerspectiveTransform(pixels, metres).tolist()
        return {
            "points": [
                {"metres": [round(x, 3), round(z, 3)], "pixel": [round(u, 2), round(v, 2)]}
                for x, z, u, v in rows
            ],
            "pixels_to_metres": to_floor,
        }


def _px(pixel: tuple[float, float, float]) -> list[float]:
    return [round(pixel[0], 1), round(pixel[1], 1)]


def story(
    seed: int,
    split: Split = "test",
    *,
    kind: Kind | None = None,
    angle: Angle | None = None,
    light: Light | None = None,
    size: tuple[int, int] | None = None,
    disturbances: Sequence[Disturbance] = (),
) -> Story:
    """Return the story of a seed; anything not asked for is drawn by lot.

    Args:
        seed: Same seed, same story. Seeds of one split never give stories of the other.
        split: Which goods, shelves and lots.
        kind: What happens; by default all kinds in turn.
        angle: Where the camera stands; by default all in turn.
        light: How it is lit.
        size: Width and height, px.
        disturbances: What happens to the camera or the lamps.
    """
    rng = np.random.default_rng((SPLITS.index(split), seed))
    drawn_light = LIGHTS[int(rng.integers(len(LIGHTS)))]
    drawn_size = SIZES[int(rng.choice(len(SIZES), p=SIZE_SHARES))]
    light = light or drawn_light
    angle = angle or ANGLES[(seed + seed // len(KINDS)) % len(ANGLES)]
    kind = kind or KINDS[seed % len(KINDS)]
    own = SPLITS.index(split) + 2 * seed
    stage = random_stage(rng, split, angle=angle, size=size or drawn_size, seed=own)
    tale = random_tale(rng, stage, kind)
    weather = random_weather(rng, light)
    if disturbances:
        weather = Weather(
            weather.gains, weather.drift, weather.drift_s, weather.noise, weather.blur,
            weather.jpeg, tuple(disturbances),
        )  # fmt: skip
    return Story(own, split, stage, tale, light, weather)


def training_stories(
    seeds: Iterable[int], *, fps: float = FPS
) -> Iterator[tuple[Iterator[tuple[float, Image]], dict[str, Any]]]:
    """Yield (frames, truth) of training stories; frames are drawn as they are read."""
    for seed in seeds:
        one = story(seed, "train")
        yield one.frames(fps), one.truth(fps)


# --- scoring ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """Counts over some stories."""

    stories: int = 0
    seconds: float = 0.0
    hits: int = 0
    missed: int = 0
    false: int = 0
    right_item: int = 0
    right_facing: int = 0

    def add(self, other: Tally) -> None:
        """Add another tally's counts."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def figures(self) -> dict[str, float]:
        """Return the counts with F1, shares and rate."""
        return {
            "stories": self.stories,
            "events": self.hits + self.missed,
            "found": self.hits,
            "false": self.false,
            "f1": round(2 * self.hits / max(2 * self.hits + self.missed + self.false, 1), 3),
            "right_item": round(self.right_item / max(self.hits, 1), 3),
            "right_facing": round(self.right_facing / max(self.hits, 1), 3),
            "false_per_min": round(60 * self.false / max(self.seconds, 1e-9), 2),
        }


def score(events: Sequence[Told], found: Sequence[Interaction], seconds: float) -> Tally:
    """Match what was found with what happened.

    A found take or put back matches a true one within `TOLERANCE_S` of the time from the item's
    first move to its last (or to the hand letting go), each at most once, right items first.
    What matches a restocking counts neither way.
    """
    tally = Tally(1, seconds)
    claims = [one for one in found if str(one.kind) in SCORED]
    pairs = sorted(
        (
            (event.item != one.item, abs(_off_s(event, one)), n, m)
            for n, event in enumerate(events)
            for m, one in enumerate(claims)
            if _matches(event, one)
        ),
    )
    used_events: set[int] = set()
    used_claims: set[int] = set()
    for _, _, n, m in pairs:
        if n in used_events or m in used_claims:
            continue
        used_events.add(n)
        used_claims.add(m)
        if events[n].kind in SCORED:
            tally.hits += 1
            tally.right_item += events[n].item == claims[m].item
            tally.right_facing += events[n].facing == claims[m].facing
    tally.missed = sum(e.kind in SCORED for e in events) - tally.hits
    tally.false = len(claims) - len(used_claims)
    return tally


def _matches(event: Told, found: Interaction) -> bool:
    kind = "put_back" if event.kind == "restock" else event.kind
    return kind == str(found.kind) and _off_s(event, found) <= TOLERANCE_S


def _off_s(event: Told, found: Interaction) -> float:
    """How far a found moment is outside the time the event took."""
    at = found.end_s if str(found.kind) == "take" else found.start_s
    return max(event.from_s - at, at - event.to_s, 0.0)


# --- the suite -------------------------------------------------------------------------------

Reader = Callable[[Story], list[Interaction]]


def read_with_product(perception: Perceiver, fps: float = FPS) -> Reader:
    """Return what runs the product's rig on a story."""

    def read(one: Story) -> list[Interaction]:
        shop = one.shop()
        rig = Rig(shop, shop.cameras, perception)
        found: list[Interaction] = []
        for time_s, image in one.frames(fps):
            frame = Frame(CAMERA, EPOCH + timedelta(seconds=time_s), time_s, image)
            found += rig.update(frame)[1]
        return [*found, *rig.finish()]

    return read


@dataclass(slots=True)
class Suite:
    """Figures over many stories, and split by their traits."""

    total: Tally = field(default_factory=Tally)
    parts: dict[str, dict[str, Tally]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Tally))
    )
    took_s: float = 0.0

    def add(self, one: Story, tally: Tally) -> None:
        """Count a story."""
        self.total.add(tally)
        for trait, value in one.traits.items():
            self.parts[trait][value].add(tally)

    def figures(self) -> dict[str, Any]:
        """Return all figures as JSON."""
        return {
            "all": self.total.figures(),
            **{
                trait: {value: part.figures() for value, part in sorted(values.items())}
                for trait, values in self.parts.items()
            },
            "seconds": round(self.total.seconds, 1),
            "took_s": round(self.took_s, 1),
        }


def run_suite(
    seeds: Sequence[int],
    read: Reader,
    *,
    split: Split = "test",
    on_story: Callable[[Story, Tally, list[Interaction]], None] | None = None,
) -> Suite:
    """Render, read and score stories."""
    suite = Suite()
    begun = time.monotonic()
    for seed in seeds:
        one = story(seed, split)
        found = read(one)
        tally = score(one.tale.events, found, one.tale.seconds)
        suite.add(one, tally)
        if on_story:
            on_story(one, tally, found)
    suite.took_s = time.monotonic() - begun
    return suite


def write_story(one: Story, folder: Path, fps: int = int(FPS)) -> Path:
    """Write a story's video and, beside it, its truth; returns the video's path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{one.split}-{one.seed:05d}-{one.tale.kind}"
    video = folder / f"{name}.mp4"
    (folder / f"{name}.json").write_text(json.dumps(one.truth(fps)) + "\n", encoding="utf-8")
    write_frames(video, (image for _, image in one.frames(fps)), one.stage.camera.size, fps)
    return video

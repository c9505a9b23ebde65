"""Random shopper stories with known truth: frames, truth, and how well the product reads them.

Stories are rendered in memory while they are read. Training and test stories come from other
seeds, and their goods and shelves from other colours, names, shapes and measures.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args

import cv2
import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.kept import Kind as Deed
from aeras.domain.kept import StockLevel
from aeras.domain.seen import FacingState, Frame, Image, Interaction
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Item, Shop
from aeras.lab.progress import shown
from aeras.lab.render.actors import actor
from aeras.lab.render.body import pose_at
from aeras.lab.render.goods import Split
from aeras.lab.render.stage import ANGLES, Angle, Stage, random_stage
from aeras.lab.render.tableau import Tableau
from aeras.lab.render.tales import KINDS, Kind, Tale, Told, random_tale
from aeras.lab.render.video import write_frames
from aeras.lab.render.weather import LIGHTS, Disturbance, Light, Sight, Weather, random_weather
from aeras.lab.shelfscore import (
    HANDLED,
    LOOSE,
    Counts,
    Found,
    Tally,
    Truth,
    compare,
    figures,
    match,
    tally,
)
from aeras.perceive import Perception
from aeras.wiring.rig import Perceiver, Rig

FPS: Final = 10.0
SIZES: Final = ((640, 360), (1280, 720), (1920, 1080))
SIZE_SHARES: Final = (0.5, 0.33, 0.17)
CAMERA: Final = "story"
EPOCH: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
SPLITS: Final[tuple[Split, Split]] = ("train", "test")
FLOOR_M: Final = 0.3
"""Spacing of the floor points whose pixels are told."""


@dataclass(frozen=True, slots=True, eq=False)
class Story:
    """One story, ready to be drawn.

    Attributes:
        number: Its number among those of its split.
        seed: Source of its decoration and noise.
        split: Training or test.
        stage: Where it plays, and the camera.
        tale: What happens.
        light: Kind of light.
        weather: What light, sensor and coding do to the picture.
    """

    number: int
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
        """Return everything that is known, for JSON; seconds, pixels, floor metres (x, z).

        ``events`` are `Told`, ``gazes`` `Gaze`; ``people`` has one list a frame; ``floor`` pairs
        floor points with their pixels and holds the homography from pixels to metres.
        """
        shop = self.shop()
        return {
            "simulated": True,
            "number": self.number,
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
    weather = replace(weather, disturbances=tuple(disturbances))
    return Story(seed, own, split, stage, tale, light, weather)


# --- scoring ---------------------------------------------------------------------------------

Reading = tuple[list[Interaction], Sequence[FacingState]]
"""What is told of a story, and what the facings show in the end."""
Reader = Callable[[Story], Reading]


@dataclass(frozen=True, slots=True)
class Scored:
    """A story's counts.

    Attributes:
        counts: See `shelfscore.Counts`.
        right_facing: Matched events told at the facing where they happened.
        beside: What stands beside takes and put backs, by `BESIDE`.
    """

    counts: Counts
    right_facing: int
    beside: tuple[Tally, ...]


BESIDE: Final = ("misplaced", "knocked over", "touch", "empty")
"""Columns that count other things than takes and put backs, found/true and false."""


def score(one: Story, found: Sequence[Interaction], states: Sequence[FacingState] = ()) -> Scored:
    """Compare what was found with what happened; what matches a restocking counts neither way."""
    truth = [_true(event) for event in one.tale.events]
    told = [Found(str(f.kind), f.item, f.start_s, f.end_s) for f in found]
    counts, _ = compare(truth, told, one.tale.seconds)
    handled = [event for event in one.tale.events if event.kind in HANDLED]
    at_facing = [Truth(e.kind, e.facing, e.from_s, e.to_s) for e in handled]
    claimed = [Found(str(f.kind), f.facing, f.start_s, f.end_s) for f in found]
    pairs = match(at_facing, claimed, LOOSE)
    right = sum(at_facing[i].item == claimed[j].item for i, j in pairs)
    return Scored(counts, right, _beside(one, told, counts, states))


def _beside(
    one: Story, told: Sequence[Found], counts: Counts, states: Sequence[FacingState]
) -> tuple[Tally, ...]:
    """See `BESIDE`."""
    events = one.tale.events
    moved = [Truth(Deed.MISPLACED, e.item, e.from_s, e.to_s) for e in events if e.misplaced]
    fell = [
        Truth(Deed.KNOCKED_OVER, e.item, e.from_s, e.to_s) for e in events if e.kind == "knock_over"
    ]
    units = {cell.id: cell.stocked for cell in one.stage.cells}
    for event in events:
        # Who restocks fills what is counted as standing there.
        units[event.facing] += {"take": -1, "put_back": 1}.get(event.kind, 0)
    known = [state for state in states if state.level is not StockLevel.UNKNOWN]
    bare = {facing for facing, count in units.items() if count <= 0}
    empty = {state.facing for state in known if state.level is StockLevel.EMPTY}
    return (
        tally(moved, told, Deed.MISPLACED),
        tally(fell, told, Deed.KNOCKED_OVER),
        Tally(counts.touches_found, counts.touches_missed, counts.touches_false),
        Tally(len(empty & bare), len(bare - empty), len(empty - bare)),
    )


def _true(event: Told) -> Truth:
    if event.kind == "restock":
        return Truth("put_back", event.item, event.from_s, event.to_s, scored=False)
    return Truth(event.kind, event.item, event.from_s, event.to_s)


def play(rig: Rig, frames: Iterable[tuple[float, Image]]) -> list[Interaction]:
    """Return what a rig tells of a story's frames."""
    found: list[Interaction] = []
    for time_s, image in frames:
        found += rig.update(Frame(CAMERA, EPOCH + timedelta(seconds=time_s), time_s, image))[1]
    return [*found, *rig.finish()]


def read_with_product(perception: Perceiver, fps: float = FPS) -> Reader:
    """Return what runs the product's rig on a story."""

    def read(one: Story) -> Reading:
        shop = one.shop()
        rig = Rig(shop, shop.cameras, perception)
        found = play(rig, one.frames(fps))
        return found, [state for reader in rig.eye(CAMERA).readers for state in reader.states]

    return read


def run_suite(
    stories: Iterable[Story],
    read: Reader,
    *,
    on_story: Callable[[Story, Scored, list[Interaction]], None] | None = None,
) -> dict[str, Any]:
    """Render, read and score stories.

    Returns:
        Figures over all stories, and for each trait those of each of its values.
    """
    groups: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    begun = time.monotonic()
    try:
        for one in stories:
            found, states = read(one)
            scored = score(one, found, states)
            groups["all"]["stories"].append(scored)
            for trait, value in one.traits.items():
                groups[trait][value].append(scored)
            if on_story:
                on_story(one, scored, found)
    except KeyboardInterrupt:
        # A long run that is broken off still tells of what it has read.
        if not groups:
            raise
    told = {
        trait: {value: _figures(part) for value, part in sorted(values.items())}
        for trait, values in groups.items()
    }
    return {**told, "took_s": round(time.monotonic() - begun, 1)}


def _figures(scored: Sequence[Scored]) -> dict[str, Any]:
    told = figures([[one.counts] for one in scored])
    facing = sum(one.right_facing for one in scored)
    hits = sum(one.counts.hits for one in scored)
    share = round(facing / hits, 3) if hits else None
    beside = [sum((one.beside[n] for one in scored), Tally()) for n in range(len(BESIDE))]
    named = {
        name: f"{one.found}/{one.found + one.missed}, {one.false} false"
        for name, one in zip(BESIDE, beside, strict=True)
    }
    return {"stories": len(scored), **told, "right_facing": share, **named}


COLUMNS: Final = (
    ("stories", "stories"),
    ("events", "events"),
    ("found", "found"),
    ("false", "false"),
    ("F1", "F1"),
    ("right item", "right_item"),
    ("right facing", "right_facing"),
    ("false a minute", "false_per_min"),
    *((name, name) for name in BESIDE),
)


def table(told: dict[str, Any]) -> str:
    """Return a suite's figures as a Markdown table."""
    lines = [
        "| stories by | | " + " | ".join(name for name, _ in COLUMNS) + " |",
        "| --- " * (len(COLUMNS) + 2) + "|",
    ]
    for trait, values in told.items():
        if isinstance(values, dict):
            for value, row in values.items():
                cells = ["-" if row[key] is None else str(row[key]) for _, key in COLUMNS]
                lines.append(f"| {trait} | {value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_story(one: Story, folder: Path, fps: int = int(FPS)) -> Path:
    """Write a story's video and, beside it, its truth; returns the video's path."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{one.split}-{one.number:05d}-{one.tale.kind}"
    video = folder / f"{name}.mp4"
    (folder / f"{name}.json").write_text(json.dumps(one.truth(fps)) + "\n", encoding="utf-8")
    write_frames(video, (image for _, image in one.frames(fps)), one.stage.camera.size, fps)
    return video


# --- the command -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoryOptions:
    """What `aeras lab stories` was asked for; None for all.

    Attributes:
        count: How many stories.
        seed: Number of the first.
        split: ``train`` or ``test``.
        kind: Only this kind.
        angle: Only this camera angle.
        fps: Frames a second.
        folder: Write videos and truth here instead of scoring.
    """

    count: int = 200
    seed: int = 0
    split: str = "test"
    kind: str | None = None
    angle: str | None = None
    fps: float = FPS
    folder: Path | None = None


def chosen(options: StoryOptions) -> Iterator[Story]:
    """Yield the stories asked for.

    Raises:
        InputError: There is no such split, kind or angle.
    """
    split = _one_of("split", options.split, SPLITS)
    kind = _one_of("kind", options.kind, get_args(Kind)) if options.kind else None
    angle = _one_of("angle", options.angle, ANGLES) if options.angle else None
    for seed in range(options.seed, options.seed + options.count):
        yield story(seed, split, kind=kind, angle=angle)


def _one_of(name: str, given: str | None, known: Sequence[Any]) -> Any:
    if given not in known:
        raise InputError(f"{name} {given!r} is not known", todo=f"Known: {', '.join(known)}")
    return given


def run_stories(options: StoryOptions, say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Score the stories asked for, or write them; `say` gets a line a story."""
    cv2.setNumThreads(1)
    stories = shown(list(chosen(options)), "Stories")
    if options.folder:
        written = [str(write_story(one, options.folder, round(options.fps))) for one in stories]
        return {"written": written}

    def tell(one: Story, scored: Scored, found: list[Interaction]) -> None:
        if say:
            true = [f"{e.kind} {e.item} {e.from_s:.1f}" for e in one.tale.events]
            told = [f"{f.kind} {f.item} {f.start_s:.1f}-{f.end_s:.1f}" for f in found]
            counts = scored.counts
            say(
                f"{one.number} {' '.join(one.traits.values())}: found {counts.hits}, "
                f"missed {counts.missed}, false {counts.false}; true {true}; told {told}"
            )

    return run_suite(stories, read_with_product(Perception(), options.fps), on_story=tell)

"""``aeras lab shelf``: the product's own rig over clips whose takes and put backs are known.

Clips come with hand annotations; clips that show the same moments form a group, and a third of the
groups is held back: never used for fitting, and reported apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aeras.capture import open_source
from aeras.domain.errors import InputError
from aeras.domain.geometry import Polygon, as_polygon
from aeras.domain.shop import CameraRole, CameraSpec, Facing, Fixture, Shop
from aeras.lab.seencache import CachedPerception
from aeras.lab.shelfscore import HANDLED, TOUCH, Counts, Found, Row, Truth, compare, figures
from aeras.perceive import Perception
from aeras.wiring.rig import Perceiver, Rig, RigOptions

FPS = 10.0
"""Analysed frames a second of clips, so that times are good to a tenth."""
RENDERED_FPS = 5.0
BOTTLE_RELEASE_S = 1.5
"""In the bottle clip the hand stays about this long after the bottle is first seen standing."""
BOTTLE_SURE_S = 0.2
"""That clip is annotated to 0.5 s, the others to 0.3."""
BOTTLE_ROWS = {"tight": (105, 312, 8), "caps": (105, 145, 0), "columns": (0, 359, 8)}
ANNOTATIONS = Path("benchmarks/shelf-clips/events.json")
SUITES = ("bottles", "table", "zone", "rendered")
SPLITS = ("fit", "held")


@dataclass(frozen=True, slots=True)
class Clip:
    """A video with what truly happens in it.

    Attributes:
        name: For people.
        video: The file.
        size: (width, height) to which the fixture's pixels refer.
        seconds: Its length.
        fixture: Where things happen.
        truth: What happens.
        group: Clips of one group show the same moments or the same story.
        split: ``held`` if it may not be used for fitting, else ``fit``.
        fps: Analysed frames a second.
    """

    name: str
    video: Path
    size: tuple[int, int]
    seconds: float
    fixture: Fixture
    truth: tuple[Truth, ...]
    group: str
    split: str = "fit"
    fps: float = FPS

    @property
    def without_facings(self) -> Clip:
        """The same with nothing known of the fixture but its outline."""
        return replace(self, fixture=replace(self.fixture, facings=()))


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one clip."""

    clip: Clip
    counts: Counts
    rows: list[Row]


class Bench:
    """Plays clips through the rig.

    Args:
        cache: Folder in which the models' findings are kept, or None to run the models each time.
        rig: Settings to try.
    """

    def __init__(self, cache: Path | None = None, rig: RigOptions | None = None) -> None:
        self._cache = cache
        self._rig = rig
        self._perception = Perception()

    def play(self, clip: Clip) -> list[Found]:
        """Everything the rig tells of a clip."""
        camera = CameraSpec("c", str(clip.video), CameraRole.AISLE, clip.size)
        shop = Shop("bench", "bench", "UTC", (), (camera,), (clip.fixture,))
        cached = (
            CachedPerception(clip.video, self._cache, self._perception) if self._cache else None
        )
        perceiver: Perceiver = cached or self._perception
        rig = Rig(shop, (camera,), perceiver, self._rig)
        told = []
        for frame in open_source(camera, clock=_now, sample_fps=clip.fps).frames():
            told += rig.update(frame)[1]
        told += rig.finish()
        if cached:
            cached.save()
        return [Found(i.kind, i.item, i.start_s, i.end_s) for i in told]

    def score(self, clips: Iterable[Clip], *, items: bool = True) -> Iterator[Result]:
        """One result a clip."""
        for clip in clips:
            yield Result(clip, *compare(clip.truth, self.play(clip), clip.seconds, items=items))


def run(
    data: Path,
    *,
    annotations: Path | None = None,
    rendered: Path | None = None,
    suites: Sequence[str] = SUITES,
    splits: Sequence[str] = SPLITS,
    only: str = "",
    bench: Bench | None = None,
    on_clip: Callable[[str, Result], None] = lambda _suite, _result: None,
) -> dict[str, Any]:
    """All figures, a dictionary a row of the table.

    Args:
        data: Folder of test data, with ``clips`` in it.
        annotations: More annotated clips, see `read_clips`.
        rendered: Folder of rendered videos with their ``truth.json``, or a folder of such folders.
        suites: Which of `SUITES`.
        splits: Which of `SPLITS`, for the table's clips.
        only: Only clips in whose names this stands.
        bench: Settings.
        on_clip: Told each clip's result as it comes.

    Raises:
        InputError: An unknown suite, or files that are missing or malformed.
    """
    if unknown := set(suites) - set(SUITES):
        raise InputError(
            f"there is no suite {', '.join(sorted(unknown))}", todo=f"Known: {', '.join(SUITES)}"
        )
    bench = bench or Bench()
    told: dict[str, Any] = {}
    for name, clips, items in _suites(data / "clips", annotations, rendered, suites, splits):
        begun = time.monotonic()
        groups: dict[str, list[Counts]] = {}
        for result in bench.score((c for c in clips if only in c.name), items=items):
            groups.setdefault(result.clip.group, []).append(result.counts)
            on_clip(name, result)
        if groups:
            took_s = round(time.monotonic() - begun, 1)
            row = figures(list(groups.values()), items=items)
            told[name] = {"clips": sum(map(len, groups.values()))} | row | {"took_s": took_s}
    return told


def table(rows: dict[str, dict[str, Any]]) -> str:
    """The figures as a Markdown table."""
    columns = list(next(iter(rows.values()), {}))
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    lines += [[name, *(_cell(row[c]) for c in columns)] for name, row in rows.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " to ".join(map(str, value))
    return "" if value is None else str(value)


def _suites(
    folder: Path,
    annotations: Path | None,
    rendered: Path | None,
    suites: Sequence[str],
    splits: Sequence[str],
) -> Iterator[tuple[str, list[Clip], bool]]:
    """(row, clips, whether items can be told)."""
    if "bottles" in suites:
        for name, rows in BOTTLE_ROWS.items():
            yield f"bottles, {name}", [_bottles(folder, *rows)], True
    clips = annotated(folder, annotations) if {"table", "zone"} & set(suites) else []
    for split in splits:
        part = [clip for clip in clips if clip.split == split]
        if "table" in suites:
            yield f"table, {split}", part, True
        if "zone" in suites:
            yield f"table without facings, {split}", [c.without_facings for c in part], False
    if rendered is not None and "rendered" in suites:
        yield "rendered", rendered_clips(rendered), True


def annotated(folder: Path, annotations: Path | None) -> list[Clip]:
    """The table's clips; ``annotations`` says also how the first few are grouped and split."""
    told = [_read(folder / "shelf" / "events.json")]
    if annotations is not None:
        told.append(_read(annotations))
    layouts = {name: part for file in told for name, part in file.get("layouts", {}).items()}
    groups = {name: part for file in told for name, part in file.get("groups", {}).items()}
    clips = []
    for entry in (entry for file in told for entry in file["clips"]):
        whole = layouts.get(entry.get("layout"), {}) | entry
        name = whole["file"]
        group = next((g for g, part in groups.items() if name in part["clips"]), name)
        split = groups.get(group, {}).get("split", "fit")
        clips.append(_clip(whole, folder / name, group, split))
    return clips


def _clip(entry: dict[str, Any], video: Path, group: str, split: str) -> Clip:
    places = tuple(Facing(i["id"], i["id"], box(*i["box"])) for i in entry["items"])
    outline = as_polygon(entry["zones"][0]["polygon"])
    truth = tuple(
        Truth(
            e["type"],
            e["item"],
            e["t_from_s"],
            e["t_to_s"] if e["type"] == "touch" else e["t_s"],
            e.get("score", True),
        )
        for e in entry["events"]
    )
    return Clip(
        name=entry["file"],
        video=video,
        size=(entry["width"], entry["height"]),
        seconds=entry["duration"],
        fixture=Fixture("f", "f", "c", outline, places),
        truth=truth,
        group=group,
        split=split,
    )


def bottles(folder: Path) -> list[Clip]:
    """The bottle clip, once for each way of drawing its facings."""
    return [_bottles(folder, *rows) for rows in BOTTLE_ROWS.values()]


def _bottles(folder: Path, top: int, bottom: int, wider: int) -> Clip:
    told = _read(folder / "bottle-detection.events.json")
    facings = tuple(
        Facing(name, name, box(x0 - wider, top, x1 + wider, bottom))
        for name, (x0, x1) in told["slots_x"].items()
    )
    truth = tuple(
        Truth("take", e["slot"], e["t"], e["t"])
        if e["type"] == "pick"
        else Truth("put_back", e["slot"], e["t"] - BOTTLE_SURE_S, e["t"] + BOTTLE_RELEASE_S)
        for e in told["events"]
    )
    return Clip(
        name="bottle-detection",
        video=folder / "bottle-detection.mp4",
        size=(told["size"][0], told["size"][1]),
        seconds=told["frames"] / told["fps"],
        fixture=Fixture("f", "f", "c", box(30, 40, 610, 345), facings),
        truth=truth,
        group="bottles",
    )


def rendered_clips(folder: Path) -> list[Clip]:
    """Rendered videos with their truth: of the folder itself, or of each folder in it."""
    files = sorted(folder.glob("truth.json")) or sorted(folder.glob("*/truth.json"))
    if not files:
        raise InputError("there is no rendered video with a truth.json", where=str(folder))
    return [_rendered(file) for file in files]


def _rendered(file: Path) -> Clip:
    told = _read(file)
    facings = tuple(Facing(f["id"], f["item"], as_polygon(f["polygon"])) for f in told["facings"])
    kinds = {*HANDLED, TOUCH}
    truth = tuple(
        Truth(e["kind"], e["item"], e["start_s"], e["end_s"])
        for e in told["events"]
        if e["kind"] in kinds
    )
    return Clip(
        name=file.parent.name,
        video=file.parent / "aisle.mp4",
        size=(told["size"][0], told["size"][1]),
        seconds=told["seconds"],
        fixture=Fixture("f", "f", "c", as_polygon(told["fixture_polygon"]), facings),
        truth=truth,
        group=file.parent.name,
        fps=RENDERED_FPS,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the annotations cannot be read ({error})", where=str(path)) from None
    return told


def box(x0: float, y0: float, x1: float, y1: float) -> Polygon:
    """A box as a polygon."""
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def _now() -> datetime:
    return datetime.now(UTC)

"""Whether every face that can be found is covered in the live preview, by the size of the face.

What is looked for: faces that the product's own detector finds in a frame at any stage: in the
whole picture, in overlapping parts of it each enlarged, and in the frames just before and after.
What is looked at: the pixels of the decoded JPEG. A random pattern of eight cells to a face is laid
over each; where less than a tenth of its contrast reaches the preview, what tells a face from
another does not reach it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np

from aeras.domain.errors import InputError
from aeras.domain.geometry import Box, iou_matrix
from aeras.domain.seen import Detections, Frame, Image
from aeras.lab.progress import shown
from aeras.lab.stories import CAMERA, EPOCH
from aeras.perceive import Perception, PerceptionOptions
from aeras.perceive.yunet import Yunet
from aeras.privacy.preview import PreviewOptions, render_preview
from aeras.wiring.showing import Showing

CLIPS: Final = ("*.mp4", "*.mkv", "*.mov", "*.gif", "shelf/*.mp4", "shelf/more/*.mp4")
BINS: Final = (0, 16, 24, 32, 48, 96, 10_000)
PREVIEW_PX: Final = 640
PARTS: Final = 2
"""The picture is also looked at in so many overlapping parts a side, doubled where it is small."""
SAME: Final = 0.3
STRENGTH: Final = 60.0
"""Grey levels by which the pattern lightens and darkens."""
GONE: Final = 0.1
"""Share of the pattern's strength below which it cannot be seen in the preview."""
CELLS: Final = 4
"""Pairs of cells to a face's side."""
BLACK: Final = 12
ROLES: Final = {
    "shelf camera": ("faces", True),
    "aisle camera": ("people", True),
    "no face model": ("people", False),
}
"""What is looked for anyhow, and whether the preview may search for faces."""


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A frame with the ones just before and after it."""

    t_s: float
    images: tuple[Image, Image, Image]


def moments(path: Path, every_s: float) -> Iterator[Moment]:
    """Frames of a clip, each with its neighbours."""
    with av.open(str(path)) as video:
        last: list[Image] = []
        due, at_s = 0.0, 0.0
        for number, frame in enumerate(video.decode(video=0)):
            last = [*last[-2:], np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)]
            now = float(frame.time) if frame.time is not None else number / 10
            if len(last) == 3 and at_s >= due:  # noqa: PLR2004
                due = at_s + every_s
                yield Moment(at_s, (last[0], last[1], last[2]))
            at_s = now


def all_faces(finder: Yunet, moment: Moment) -> list[Box]:
    """Every face that is found at any stage, once."""
    before, image, after = moment.images
    found = finder.detect(image)
    height, width = image.shape[:2]
    size = (width / PARTS * 1.3, height / PARTS * 1.3)
    for left in np.linspace(0, width - size[0], PARTS):
        for top in np.linspace(0, height - size[1], PARTS):
            found += finder.detect(image, [(left, top, left + size[0], top + size[1])])
    for neighbour in (before, after):
        found += finder.detect(neighbour)
    kept: list[Box] = []
    for face in sorted(found, key=lambda one: -one.score):
        alike = iou_matrix(np.array([face.box]), np.array(kept).reshape(-1, 4))
        if not kept or alike.max() < SAME:
            kept.append(face.box)
    return kept


def covered(
    moment: Moment, faces: list[Box], showing: Showing, seen: Detections, how: PreviewOptions
) -> list[str]:
    """For each face ``covered``, ``soft``, ``black`` or ``open``, from the preview's pixels.

    ``soft``: so small that a preview that covers nothing would not show its features either.
    """
    image = moment.images[1]
    patterned = image.astype(np.float32)
    rng = np.random.default_rng(1)
    for box in faces:
        _lay_pattern(patterned, box, rng)
    marked = np.clip(patterned, 0, 255).astype(np.uint8)
    drawn = patterned - image
    with_boxes = showing.found(_frame(moment, image), seen)
    bare = Detections(ran=frozenset({"faces"}))
    shown_, shown_marked = (_decoded(one, with_boxes, how) for one in (image, marked))
    open_, open_marked = (_decoded(one, bare, how) for one in (image, marked))
    scale = shown_.shape[1] / image.shape[1]
    verdicts = []
    for box in faces:
        x0, y0, x1, y1 = (max(0, round(edge * scale)) for edge in box)
        here = np.s_[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        pattern = cv2.resize(drawn, shown_.shape[1::-1], interpolation=cv2.INTER_AREA)[here]
        left = _contrast(shown_marked[here] - shown_[here], pattern)
        whole = _contrast(open_marked[here] - open_[here], pattern)
        if float(shown_[here].max(initial=0)) < BLACK:
            verdicts.append("black")
        elif left >= GONE:
            verdicts.append("open")
        else:
            verdicts.append("soft" if whole < GONE else "covered")
    return verdicts


def _contrast(
    change: np.ndarray[Any, np.dtype[np.float32]], pattern: np.ndarray[Any, Any]
) -> float:
    """How much of a pattern a change of the preview repeats: 1 all of it, 0 nothing."""
    return float((change * pattern).sum() / max(float((pattern * pattern).sum()), 1e-6))


def _frame(moment: Moment, image: Image) -> Frame:
    return Frame(CAMERA, EPOCH, moment.t_s, image)


def _lay_pattern(image: np.ndarray[Any, np.dtype[np.float32]], box: Box, rng: Any) -> None:
    """Adds cells of an eighth of a face, light and dark in turn, so that their mean is kept."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = (round(edge) for edge in box)
    x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
    if x1 - x0 < 2 or y1 - y0 < 2:  # noqa: PLR2004
        return
    signs = rng.choice((-1.0, 1.0), (CELLS, CELLS))
    cells = np.kron(signs, np.array([[1.0, -1.0], [-1.0, 1.0]]))
    pattern = cv2.resize(cells, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    image[y0:y1, x0:x1] += STRENGTH * pattern[..., None].astype(np.float32)


def _decoded(
    image: Image, seen: Detections, how: PreviewOptions
) -> np.ndarray[Any, np.dtype[np.float32]]:
    frame = Frame(CAMERA, EPOCH, 0.0, image)
    jpeg = render_preview(frame, seen, age_s=0.0, width=PREVIEW_PX, options=how)
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(picture, dtype=np.float32)


def measure(folder: Path, *, every_s: float = 1.0, sharp: bool = False) -> dict[str, Any]:
    """Counts by camera role and face height, and the clips in which a face stayed open.

    Args:
        folder: Of the clips.
        every_s: Seconds between the frames that are judged.
        sharp: Leaves out the softening of the whole picture, to judge the mosaic alone.
    """
    how = PreviewOptions(soften=0.0) if sharp else PreviewOptions()
    cv2.setNumThreads(1)
    finder = Yunet()
    models = Perception(PerceptionOptions(expression=False))
    counts: dict[str, dict[str, Counter[str]]] = {role: defaultdict(Counter) for role in ROLES}
    opened: list[dict[str, Any]] = []
    clips = [path for pattern in CLIPS for path in sorted(folder.glob(pattern))]
    if not clips:
        raise InputError(
            f"no video in {folder}", where=str(folder), todo=f"Expected {', '.join(CLIPS)}"
        )
    for path in shown(clips, "Clips"):
        showings = {role: Showing(models, faces=faces) for role, (_, faces) in ROLES.items()}
        for moment in moments(path, every_s):
            faces = all_faces(finder, moment)
            frame = _frame(moment, moment.images[1])
            tasks = {task for task, _ in ROLES.values()}
            seen = {task: models.detect(frame, frozenset({task})) for task in tasks}
            for role, (task, _) in ROLES.items():
                verdicts = covered(moment, faces, showings[role], seen[task], how)
                for box, verdict in zip(faces, verdicts, strict=True):
                    counts[role][_bin(box[3] - box[1])][verdict] += 1
                    if verdict == "open":
                        where = [round(edge) for edge in box]
                        at = {"clip": path.name, "t_s": round(moment.t_s, 1), "box": where}
                        opened.append({"role": role, **at})
    return {
        "faces": {
            role: {name: dict(rows[name]) for name in map(_bin, BINS[:-1]) if name in rows}
            for role, rows in counts.items()
        },
        "open": opened,
    }


def _bin(height: float) -> str:
    low = max(edge for edge in BINS if edge <= height)
    high = BINS[BINS.index(low) + 1]
    return f"{low} px and more" if high == BINS[-1] else f"{low}-{high} px"

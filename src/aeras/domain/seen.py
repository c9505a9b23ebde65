"""What may show a person. Lives in a camera's worker and dies there: never stored, never sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.kept import Kind, Reaction, StockLevel

EXPRESSIONS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
)
"""The 8 FER+ classes, in the order of every probability vector here (Barsoum et al. 2016)."""

Image = NDArray[np.uint8]
"""(H, W, 3) BGR, 0..255."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a camera.

    Attributes:
        camera: Camera id.
        at: UTC moment of capture (live) or of reading (file).
        t_s: Seconds on a clock that all cameras of a worker share: monotonic for live sources,
            presentation time for files. Durations are taken from this, never from ``at``.
        image: (H, W, 3) uint8 BGR.
        sent_size: (width, height) of the picture as the camera sent it, None if not known.
    """

    camera: str
    at: datetime
    t_s: float
    image: Image = field(repr=False)
    sent_size: tuple[int, int] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return (int(self.image.shape[1]), int(self.image.shape[0]))


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Degrees; yaw > 0 turns to the image's right, pitch > 0 looks up, roll > 0 tilts clockwise."""

    yaw: float
    pitch: float
    roll: float


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """What a face shows: probabilities of the 8 `EXPRESSIONS`, shape (8,), sum 1."""

    probabilities: NDArray[np.float32] = field(repr=False)

    def __post_init__(self) -> None:
        if self.probabilities.shape != (len(EXPRESSIONS),):
            raise ValueError(
                f"expression vector has shape {self.probabilities.shape}, expected (8,)"
            )

    def __getitem__(self, name: str) -> float:
        return float(self.probabilities[EXPRESSIONS.index(name)])


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face.

    Attributes:
        box: xyxy pixels of the whole frame.
        score: Detector confidence in [0, 1].
        points: (5, 2) pixels: right eye, left eye, nose tip, right and left mouth corner
            (the person's right).
        pose: Head pose where landmarks could be fitted.
        blendshapes: MediaPipe blendshape name -> [0, 1], a readable subset; empty if not fitted.
        expression: None where the quality gate abstained.
        abstained: Why no expression was read: "small", "cut" (by the picture's edge), "blurred",
            "hidden" (landmarks do not fit), "turned", "unclear" (readings as uncertain as this are
            wrong too often), "excluded" (staff, or nobody known yet), "skipped" (too many faces) or
            "off"; else "".
    """

    box: Box
    score: float
    points: NDArray[np.float32] = field(repr=False)
    pose: HeadPose | None = None
    blendshapes: dict[str, float] = field(default_factory=dict, repr=False)
    expression: Expression | None = None
    abstained: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Hand:
    """A detected hand: palm box xyxy pixels, score, and (21, 2) joints in pixels or None."""

    box: Box
    score: float
    points: NDArray[np.float32] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A detected body: box xyxy pixels, score, (17, 3) COCO keypoints x, y (pixels), score."""

    box: Box
    score: float
    keypoints: NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Everything the models found in one frame. ``ran`` names the tasks that were run on it
    (``faces``, ``people``, ``hands``): an empty tuple of a task that did not run says nothing.
    ``unsure``: xyxy boxes that may show a face or head but are too doubtful for anything else than
    to be blurred in the preview. ``unlooked``: xyxy boxes in which neither faces nor people were
    looked for, because the search was limited to regions.
    """

    faces: tuple[Face, ...] = ()
    hands: tuple[Hand, ...] = ()
    people: tuple[Person, ...] = ()
    ran: frozenset[str] = frozenset()
    unsure: tuple[Box, ...] = ()
    unlooked: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One person or face followed over frames of one camera; the id lives as long as the visit.

    Attributes:
        id: Small integer, reused never within a run, meaningless outside it.
        box: Latest xyxy pixels.
        score: Latest detection score.
        started_s: ``t_s`` of its first frame.
        seen_s: ``t_s`` of the last frame in which a detection supported it.
        detection: Index of the detection that supported it in the latest update, or None when
            the track is coasting.
    """

    id: int
    box: Box
    score: float
    started_s: float
    seen_s: float
    detection: int | None


@dataclass(frozen=True, slots=True, eq=False)
class FaceReading:
    """A track's face in one frame, as the reaction fusion sees it."""

    track: int
    t_s: float
    expression: Expression | None
    pose: HeadPose | None
    blendshapes: dict[str, float] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """What a visit did with a facing; becomes an `aeras.domain.kept.Event` at the gate.

    Attributes:
        kind: dwell, reach, take, put_back, misplaced (beside the put back; the moved item, and the
            facing where it lies) or knocked_over.
        fixture: Fixture id.
        facing, item: Ids, or None when only the fixture could be told.
        start_s, end_s: ``t_s`` of the camera. take: first contact to the item leaving its place;
            put_back: item down to hand released; reach: contact; dwell: the stay; misplaced: as the
            put back; knocked_over: the fall.
        hold_s: put_back and take: seconds the item was away from its place so far, else 0.
        confidence: In [0, 1].
        reaction: Fused reading.
        outcome: True for the interaction that closes a handling, see `Event.outcome`.
        visit: Track id of the visit, or None when no person could be told; never leaves the worker.
        at: UTC moment at which the interaction was decided.
        attribution: Probability that it was the facing at which it was seen rather than one of its
            neighbours; below 0.6 only the fixture is told. None where facings were not weighed
            against each other.
    """

    kind: Kind
    fixture: str
    facing: str | None
    item: str | None
    start_s: float
    end_s: float
    hold_s: float
    confidence: float
    reaction: Reaction
    outcome: bool
    visit: int | None
    at: datetime
    attribution: float | None = None


@dataclass(frozen=True, slots=True)
class FacingState:
    """What a facing shows of its goods, smoothed over passing hands and people.

    Attributes:
        facing: Id.
        level: ``unknown`` until the facing has been in free view for a while.
        since_s: ``t_s`` of the camera at which this level was first seen to hold.
        confidence: In [0, 1]; 0 while unknown.
    """

    facing: str
    level: StockLevel
    since_s: float
    confidence: float

"""The seams inside a camera's worker, where pictures may be. See ``ports`` for the kept side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aeras.domain.geometry import Box
from aeras.domain.seen import (
    Detections,
    Expression,
    Face,
    Frame,
    Hand,
    HeadPose,
    Image,
    Interaction,
    Person,
    Track,
)


class Source(Protocol):
    """A camera or file.

    Live sources give the newest frame each time they are asked and never end by themselves; file
    sources give every frame in order and end. Raises SourceError.
    """

    def frames(self) -> Iterator[Frame]:
        """Yields frames until the source ends or is closed."""

    def close(self) -> None:
        """Stops the reader and releases the source; safe to call twice and from any thread."""


class FaceDetector(Protocol):
    """Finds faces."""

    def detect(self, image: Image) -> list[Face]:
        """Faces with box, score and five points only, best first."""


class ExpressionModel(Protocol):
    """Reads what faces show."""

    def read(self, image: Image, boxes: Sequence[Box]) -> list[Expression]:
        """One expression a box; boxes are the detector's, the model knows its own crop margin."""


class FaceMesh(Protocol):
    """Fits landmarks."""

    def fit(
        self, image: Image, face: Face
    ) -> tuple[NDArray[np.float32], HeadPose, dict[str, float], float] | None:
        """(478, 3) landmarks in frame pixels, pose, blendshapes, certainty in [0, 1]; None where
        no face fits.
        """


class HandDetector(Protocol):
    """Finds hands."""

    def detect(self, image: Image, regions: Sequence[Box]) -> list[Hand]:
        """Hands in the given regions (xyxy frame pixels), boxes in frame pixels."""


class PeopleDetector(Protocol):
    """Finds bodies."""

    def detect(self, image: Image) -> list[Person]:
        """People, best first."""


class Tracker(Protocol):
    """Follows boxes over frames."""

    def update(
        self, boxes: NDArray[np.float64], scores: NDArray[np.float64], t_s: float
    ) -> list[Track]:
        """Takes (N, 4) xyxy and (N,) scores of one frame; gives the tracks alive after it."""


class InteractionReader(Protocol):
    """Reads what happens at one fixture."""

    def update(
        self, frame: Frame, detections: Detections, tracks: Sequence[Track]
    ) -> list[Interaction]:
        """Interactions that were decided with this frame; reactions still behaviour only."""

    def finish(self) -> list[Interaction]:
        """Closes what is still open (end of a file or of the shift)."""

"""What the facings of a camera show, except where somebody stands before them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from aeras.domain.geometry import Box, Polygon, polygon_box
from aeras.domain.kept import StockLevel
from aeras.domain.seen import FacingState
from aeras.shelf.zones import fit_polygon

COVERED = 0.05
"""A facing of which a person's box covers more than this share is not told of."""


def in_view(
    states: Iterable[FacingState],
    places: dict[str, Box],
    people: Sequence[Box],
    *,
    calibrated: bool = True,
) -> list[FacingState]:
    """The states, unknown for facings that cannot be told now.

    Args:
        states: As the fixture's reader gives them.
        places: xyxy of each facing, pixels of the frame.
        people: xyxy of everybody in the frame, same pixels.
        calibrated: False while the camera does not stand where its facings were drawn.
    """
    return [
        state
        if calibrated and not any(_share(places[state.facing], one) > COVERED for one in people)
        else replace(state, level=StockLevel.UNKNOWN, confidence=0.0)
        for state in states
        if state.facing in places
    ]


def outer_box(polygon: Polygon, size: tuple[int, int], frame: tuple[int, int]) -> Box:
    """The box (xyxy) round a polygon, from a camera's configured size to a frame's."""
    return polygon_box(fit_polygon(polygon, size, frame))


def _share(place: Box, one: Box) -> float:
    """Share of a place that a box covers."""
    width = min(place[2], one[2]) - max(place[0], one[0])
    height = min(place[3], one[3]) - max(place[1], one[1])
    area = (place[2] - place[0]) * (place[3] - place[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 1.0

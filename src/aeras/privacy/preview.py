"""The live preview: a picture in which nobody can be recognised, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from aeras.domain.geometry import Box, Polygon, scale_polygon
from aeras.domain.seen import Detections, Frame, Image, Person

_CELLS = 5
"""Mosaic cells to the longer side of a head: three to a face, where twelve can be recognised."""

_HEAD_POINTS = slice(0, 5)
_SHOULDERS = slice(5, 7)
_BLACK = (0, 0, 0)


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """How a preview is made.

    Attributes:
        max_age_s: Detections older than this (against the frame) do not tell where heads are now.
        grow: Face boxes are made this many times as large, so that hair and chin are covered.
        grow_per_s: Added to it for each second of the detections' age; people move.
        soften: Blur of the whole picture (standard deviation as a share of its width), for the
            head that no detector found: up to a sixteenth of the width it shows no features then.
            0 leaves it sharp.
        keypoint: Least score of a body keypoint.
        quality: JPEG quality 1..100.
        line: BGR colour of the zones.
    """

    max_age_s: float = 1.0
    grow: float = 1.6
    grow_per_s: float = 1.0
    soften: float = 0.0075
    keypoint: float = 0.2
    quality: int = 75
    line: tuple[int, int, int] = (200, 190, 90)


def render_preview(
    frame: Frame,
    detections: Detections | None,
    *,
    age_s: float,
    width: int = 640,
    excluded: Sequence[Polygon] = (),
    zones: Sequence[Polygon] = (),
    options: PreviewOptions | None = None,
) -> bytes:
    """Draws a frame with every face and head made unrecognisable before it is encoded.

    It is black where that cannot be promised: no detections, neither faces nor people were looked
    for, or the detections are too old. Areas in which nobody was looked for are black as well.

    Args:
        frame: The camera's picture.
        detections: What was found in it, or in a slightly older one.
        age_s: How much older, in seconds, not negative.
        width: Of the preview in pixels; smaller pictures are not enlarged.
        excluded: Zones (frame pixels) that are shown black.
        zones: Outlines (frame pixels) drawn over the picture, such as facings.
        options: See `PreviewOptions`.

    Returns:
        A JPEG.
    """
    how = options or PreviewOptions()
    scale = min(1.0, width / frame.size[0])
    size = (max(1, round(frame.size[0] * scale)), max(1, round(frame.size[1] * scale)))
    if detections is None or not _can_tell(detections, age_s, how):
        return _encode(np.zeros((size[1], size[0], 3), dtype=np.uint8), how)
    picture = _shrunk(frame.image, size, how)
    for box in heads(detections, how):
        _pixelate(picture, grown(box, how.grow + how.grow_per_s * age_s), scale)
    for box in detections.unlooked:
        x0, y0, x1, y1 = (round(edge * scale) for edge in box)
        picture[y0 : y1 + 1, x0 : x1 + 1] = _BLACK
    for polygon in excluded:
        cv2.fillPoly(picture, [_points(polygon, scale)], _BLACK)
    for polygon in zones:
        cv2.polylines(picture, [_points(polygon, scale)], True, how.line, 1, cv2.LINE_AA)
    return _encode(picture, how)


def heads(detections: Detections, options: PreviewOptions | None = None) -> list[Box]:
    """Boxes (frame pixels) of all that is or may be a face or head; where no faces were looked for,
    whole bodies, since heads are only guessed from them.
    """
    least = (options or PreviewOptions()).keypoint
    faces = [face.box for face in detections.faces]
    bodies = [_head(person, least) for person in detections.people]
    if "faces" not in detections.ran:
        bodies += [person.box for person in detections.people]
    return [*faces, *detections.unsure, *bodies]


def _can_tell(detections: Detections, age_s: float, how: PreviewOptions) -> bool:
    # Written so that an age that is no number counts as too old.
    return bool(detections.ran & {"faces", "people"}) and 0 <= age_s <= how.max_age_s


def _head(person: Person, least: float) -> Box:
    """The head of a body: round its own keypoints, else above the shoulders, else its top quarter.

    A head is about an eighth of a standing body, and as wide as half the shoulders; twice that
    is taken, because bodies bend and keypoints are rough.
    """
    x0, y0, x1, y1 = person.box
    sure = person.keypoints[:, 2] >= least
    points = person.keypoints[_HEAD_POINTS][sure[_HEAD_POINTS], :2]
    shoulders = person.keypoints[_SHOULDERS][sure[_SHOULDERS], :2]
    span = float(np.ptp(shoulders[:, 0])) if len(shoulders) == 2 else 0.0  # noqa: PLR2004
    side = max((y1 - y0) / 5, span)
    if len(points):
        centre = (points.min(axis=0) + points.max(axis=0)) / 2
        side = max(side, 1.8 * float(np.ptp(points, axis=0).max()))
    elif len(shoulders):
        centre = shoulders.mean(axis=0) - (0, side / 2)
    else:
        return (x0, y0, x1, y0 + (y1 - y0) / 4)
    x, y = float(centre[0]), float(centre[1])
    return (x - side / 2, y - side / 2, x + side / 2, y + side / 2)


def _shrunk(image: Image, size: tuple[int, int], how: PreviewOptions) -> Image:
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if how.soften > 0:
        small = cv2.GaussianBlur(small, (0, 0), max(0.1, how.soften * size[0]))
    return np.ascontiguousarray(small, dtype=np.uint8)


def grown(box: Box, factor: float) -> Box:
    """Unlike `expand_box` not clipped: a head half out of the picture keeps its coarse cells."""
    x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) * (factor - 1) / 2, (y1 - y0) * (factor - 1) / 2
    return (x0 - dx, y0 - dy, x1 + dx, y1 + dy)


def _pixelate(picture: Image, box: Box, scale: float) -> None:
    """Replaces a region (frame pixels) of the preview by a mosaic, 5 cells to its longer side."""
    height, width = picture.shape[:2]
    x0, y0 = max(0, int(box[0] * scale)), max(0, int(box[1] * scale))
    x1, y1 = min(width, int(np.ceil(box[2] * scale))), min(height, int(np.ceil(box[3] * scale)))
    if x1 <= x0 or y1 <= y0:
        return
    cell = max(box[2] - box[0], box[3] - box[1]) * scale / _CELLS
    cells = (max(1, int((x1 - x0) / cell)), max(1, int((y1 - y0) / cell)))
    region = picture[y0:y1, x0:x1]
    mosaic = cv2.resize(region, cells, interpolation=cv2.INTER_AREA)
    region[:] = cv2.resize(mosaic, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)


def _points(polygon: Polygon, scale: float) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.round(np.array(scale_polygon(polygon, scale, scale))).astype(np.int32)


def _encode(picture: Image, how: PreviewOptions) -> bytes:
    ok, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, how.quality])
    assert ok, "a uint8 BGR picture can always be encoded"
    return bytes(data)


BLACK = _encode(np.zeros((90, 160, 3), dtype=np.uint8), PreviewOptions())
"""What is shown while nothing is read."""

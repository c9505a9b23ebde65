"""A decoded picture to a `Frame` of the configured size, excluded and staff zones blanked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import av
import cv2
import numpy as np

from aeras.domain.errors import SourceError
from aeras.domain.seen import Frame, Image
from aeras.domain.shop import CameraSpec

ASPECT_TOLERANCE = 0.01
"""Polygons may be off by this share of the picture before a size counts as another shape."""

_TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_CLOCKWISE}


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded, not yet converted frame.

    Attributes:
        video: The decoder's frame; usually planar YUV.
        t_s: See `Frame.t_s`.
        at: See `Frame.at`.
    """

    video: av.VideoFrame
    t_s: float
    at: datetime


def fit(picture: Picture, spec: CameraSpec) -> Frame:
    """Converts to BGR at the camera's configured size and blanks its excluded and staff zones.

    Raises:
        SourceError: The picture has another shape than the site file says, or another size than
            the camera was calibrated with.
    """
    sent = _sent_size(picture.video)
    _check_calibrated(sent, spec)
    image = _to_bgr(picture.video, spec)
    for polygon in (*spec.excluded, *spec.staff):
        cv2.fillPoly(image, [np.round(np.asarray(polygon)).astype(np.int32)], (0, 0, 0))
    return Frame(camera=spec.id, at=picture.at, t_s=picture.t_s, image=image, sent_size=sent)


def _sent_size(video: av.VideoFrame) -> tuple[int, int]:
    """As it is shown: after the turn that the stream asks for."""
    size = (video.width, video.height)
    return size[::-1] if _is_sideways(video) else size


def _is_sideways(video: av.VideoFrame) -> bool:
    return video.rotation % 180 == 90  # noqa: PLR2004 - degrees


def _check_calibrated(sent: tuple[int, int], spec: CameraSpec) -> None:
    # Cameras often crop when they change their resolution, so that even the same shape may show
    # another part of the shop.
    if spec.calibrated_on is not None and sent != spec.calibrated_on:
        was = spec.calibrated_on
        raise SourceError(
            f"it sends {sent[0]}x{sent[1]} pixels now, but was calibrated with {was[0]}x{was[1]}",
            where=f"camera {spec.id}",
            todo="Set the camera back, or remove its points on the calibration page and mark them "
            "again",
        )


def _to_bgr(video: av.VideoFrame, spec: CameraSpec) -> Image:
    turn = _TURNS.get(video.rotation % 360)
    width, height = spec.size[::-1] if _is_sideways(video) else spec.size
    _check_shape((video.width, video.height), (width, height), spec)
    image: Image = np.asarray(
        video.to_ndarray(format="bgr24", width=width, height=height), dtype=np.uint8
    )
    if turn is not None:
        image = np.asarray(cv2.rotate(image, turn), dtype=np.uint8)
    return image if image.flags.writeable else image.copy()


def _check_shape(given: tuple[int, int], wanted: tuple[int, int], spec: CameraSpec) -> None:
    stretch = (given[0] * wanted[1]) / (given[1] * wanted[0])
    if abs(stretch - 1) > ASPECT_TOLERANCE:
        raise SourceError(
            f"frames are {given[0]}x{given[1]} pixels, but the site file says "
            f"{wanted[0]}x{wanted[1]}, which is another shape",
            where=f"camera {spec.id}",
            todo=f"Set its size to [{given[0]}, {given[1]}] and draw its polygons on that size, "
            "or choose a stream of the camera in the configured shape",
        )

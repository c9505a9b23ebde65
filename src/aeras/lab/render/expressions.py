"""Facial expressions as warps of a still face: which landmarks move where, and what is shaded.

Displacements are in units of the distance between the outer eye corners, so they fit every
face. The units follow the action units of Ekman and Friesen's FACS (1978): disgust is brows
lowered (4), nose wrinkled (9), upper lip raised (10), lip corners down (15), chin raised (17);
puzzlement is inner brows raised (1), one outer brow raised (2), lips parted (25).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render.actors import Actor, Face, actor, oval_mask
from aeras.lab.render.canvas import FloatImage, Image, floats, pixels

FACE_PX: Final = 240
"""Side of the square in which a face is warped; composites are 320 px."""
FIELD_STEP_PX: Final = 4
"""Displacement fields are smooth, so they are computed on a coarse grid and enlarged."""
SPREAD_PX: Final = 7.0
"""Reach of one landmark's pull, px of the composite."""
Move = tuple[tuple[int, ...], float, float]
"""Landmarks and their shift: to the face's own outside (mirrored) and down."""

LEFT_INNER_BROW: Final = (107, 55, 66, 65)
LEFT_OUTER_BROW: Final = (70, 63, 105, 46, 53, 52)
RIGHT_INNER_BROW: Final = (336, 285, 296, 295)
RIGHT_OUTER_BROW: Final = (300, 293, 334, 276, 283, 282)
UPPER_LIP: Final = (0, 37, 267, 11, 12, 13, 72, 302, 38, 268, 82, 312)
UPPER_LIP_SIDES: Final = (39, 269, 40, 270, 73, 303, 41, 271, 81, 311, 80, 310, 74, 304)
LOWER_LIP: Final = (17, 84, 314, 181, 405, 16, 15, 14, 87, 317, 86, 316, 85, 315, 178, 402)
CHIN: Final = (152, 148, 377, 175, 171, 396, 199, 208, 428, 200, 201, 421, 18, 83, 313)
JAW: Final = (176, 149, 150, 136, 172, 400, 378, 379, 365, 397, 194, 204, 211, 202, 210, 418, 424,
              431, 422, 430, 32, 262, 140, 369, 170, 395)  # fmt: skip
CORNERS: Final = (61, 291, 76, 306, 62, 292, 78, 308, 57, 287, 185, 409, 146, 375)
NOSE_WINGS: Final = (48, 278, 64, 294, 98, 327, 115, 344, 102, 331, 49, 279)
UPPER_LIDS: Final = (159, 158, 157, 160, 161, 386, 385, 384, 387, 388)
LOWER_LIDS: Final = (145, 144, 153, 163, 154, 374, 373, 380, 390, 381)
CHEEKS: Final = (205, 425, 50, 280, 187, 411, 36, 266, 207, 427, 206, 426)
EYES: Final = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7),
    (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249),
)
INNER_MOUTH: Final = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14,
                      87, 178, 88, 95)  # fmt: skip

MOUTH_PAINT: Final = np.array([30, 26, 62], dtype=np.float32)
"""The dark of an open mouth, BGR."""
REPELLED: Final[tuple[Move, ...]] = (
    (LEFT_INNER_BROW + RIGHT_INNER_BROW, -0.063, 0.172),
    (LEFT_OUTER_BROW + RIGHT_OUTER_BROW, -0.006, 0.034),
    (UPPER_LIP, 0.0, -0.075),
    (UPPER_LIP_SIDES, 0.0, -0.121),
    (CORNERS, 0.017, 0.149),
    (LOWER_LIP, 0.011, 0.017),
    (CHIN, 0.0, -0.04),
    (NOSE_WINGS, 0.038, -0.109),
    (UPPER_LIDS, 0.0, 0.04),
    (LOWER_LIDS, 0.0, -0.029),
    (CHEEKS, 0.0, -0.063),
)
PUZZLED: Final[tuple[Move, ...]] = (
    (LEFT_INNER_BROW, 0.024, -0.162),
    (LEFT_OUTER_BROW, 0.0, -0.138),
    (RIGHT_INNER_BROW, 0.024, -0.12),
    (RIGHT_OUTER_BROW, 0.0, -0.084),
    (UPPER_LIDS, 0.012, -0.072),
    (LOWER_LIDS, 0.0, 0.036),
    (UPPER_LIP, 0.0, -0.03),
    (CORNERS, -0.09, 0.054),
    (LOWER_LIP, -0.012, 0.144),
    (CHIN, 0.0, 0.132),
    (JAW, 0.0, 0.102),
)
BLINK: Final[tuple[Move, ...]] = ((UPPER_LIDS, 0.0, 0.055), (LOWER_LIDS, 0.0, -0.012))


@dataclass(frozen=True, slots=True)
class Mimic:
    """A face prepared for expressions; all images are `FACE_PX` square.

    Attributes:
        neutral: BGR.
        smile: BGR.
        to_smile: Where each pixel of the neutral face goes in a smile, px, shape (S, S, 2).
        from_smile: The way back, seen from the smiling face.
        repelled: Displacements of the full expression.
        puzzled: Displacements of the full expression.
        blink: Displacements of closed lids.
        turn: Parallax of a head turn of one degree: horizontal shift, shape (S, S).
        folds: Brightness lost in a fully repelled face, 0 to 1.
        furrow: Brightness lost in a fully puzzled face.
        mouth: Where the open mouth of a fully puzzled face is dark, 0 to 1.
        lids: Where closed lids cover the eyes, 0 to 1.
        lashes: Brightness lost along the seam of closed lids.
        lid_paint: Colour of the lids, BGR.
    """

    neutral: Image
    smile: Image
    to_smile: FloatImage
    from_smile: FloatImage
    repelled: FloatImage
    puzzled: FloatImage
    blink: FloatImage
    turn: FloatImage
    folds: FloatImage
    furrow: FloatImage
    mouth: FloatImage
    lids: FloatImage
    lashes: FloatImage
    lid_paint: npt.NDArray[np.float32]


def _dense(
    points: npt.NDArray[np.float32], shifts: npt.NDArray[np.float32], side: int
) -> FloatImage:
    """Spread the landmarks' shifts over the image by a kernel average; far away nothing moves."""
    grid = np.arange(0, side, FIELD_STEP_PX, dtype=np.float32) + FIELD_STEP_PX / 2
    near_x = np.exp(-((grid[:, None] - points[:, 0]) ** 2) / (2 * SPREAD_PX**2))
    near_y = np.exp(-((grid[:, None] - points[:, 1]) ** 2) / (2 * SPREAD_PX**2))
    weight = near_y @ near_x.T
    field = np.stack([(near_y * shifts[:, n]) @ near_x.T for n in (0, 1)], axis=-1)
    field = field / (weight + 0.25)[..., None]
    full = cv2.resize(floats(field), (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC)
    return floats(full * (FACE_PX / side))


def _shifts(face: Face, moves: tuple[Move, ...]) -> npt.NDArray[np.float32]:
    unit = float(np.linalg.norm(face.points[263] - face.points[33]))
    middle = float(face.points[[33, 263], 0].mean())
    shifts = np.zeros_like(face.points)
    for marks, outward, down in moves:
        index = list(marks)
        side = np.sign(face.points[index, 0] - middle)
        shifts[index] = np.column_stack([side * outward, np.full(len(index), down)]) * unit
    return shifts


def _strokes(face: Face, lines: tuple[tuple[tuple[int, ...], float, float], ...]) -> FloatImage:
    """Draw soft dark lines along landmarks; each is (landmarks, width and strength)."""
    side = face.image.shape[0]
    total = np.zeros((side, side), dtype=np.float32)
    for marks, width, strength in lines:
        mask = np.zeros((side, side), dtype=np.uint8)
        path = np.rint(face.points[list(marks)] * 16).astype(np.int32)
        cv2.polylines(mask, [path], False, (255,), max(round(width), 1), cv2.LINE_AA, 4)
        soft = cv2.GaussianBlur(mask, (0, 0), width * 1.5).astype(np.float32)
        total = np.maximum(total, soft / max(float(soft.max()), 1.0) * strength)
    return cv2.resize(total, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA).astype(np.float32)


def _area(face: Face, rings: tuple[tuple[int, ...], ...], blur: float) -> FloatImage:
    side = face.image.shape[0]
    mask = np.zeros((side, side), dtype=np.uint8)
    for ring in rings:
        cv2.fillPoly(
            mask, [np.rint(face.points[list(ring)] * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4
        )
    soft = cv2.GaussianBlur(mask, (0, 0), blur)
    small = cv2.resize(soft, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
    return (small / np.float32(255)).astype(np.float32)


def _moved(face: Face, moves: tuple[Move, ...]) -> Face:
    """Return a face with its landmarks, not its picture, in the full expression."""
    return Face(face.image, face.points + _shifts(face, moves))


def _folds(face: Face) -> FloatImage:
    """Return the folds of disgust: beside nose and mouth, between and under the brows."""
    return _strokes(
        face,
        (
            ((48, 203, 206, 216), 3.0, 0.32),
            ((278, 423, 426, 436), 3.0, 0.32),
            ((107, 9, 8), 2.5, 0.2),
            ((336, 9, 8), 2.5, 0.2),
            ((55, 193, 122), 3.5, 0.34),
            ((285, 417, 351), 3.5, 0.34),
            ((188, 6, 412), 2.2, 0.22),
            ((174, 197, 399), 2.2, 0.18),
            ((226, 25, 110, 24, 23), 3.0, 0.16),
            ((446, 255, 339, 254, 253), 3.0, 0.16),
            ((57, 202), 3.0, 0.26),
            ((287, 422), 3.0, 0.26),
            ((91, 181, 84, 17, 314, 405, 321), 2.6, 0.2),
            ((201, 200, 421), 4.5, 0.16),
        ),
    )


def _furrow(face: Face) -> FloatImage:
    """Return the forehead's wrinkles over raised brows."""
    return _strokes(
        face,
        (
            ((68, 104, 69, 108, 151, 337, 299), 2.6, 0.13),
            ((54, 103, 67, 109, 10), 2.6, 0.09),
        ),
    )


def _relief(face: Face) -> FloatImage:
    """Return how far each pixel of a face stands out, 0 at its rim to about 1 at the nose."""
    inside = oval_mask(face, shrink=0.9)
    depth = cv2.GaussianBlur(inside, (0, 0), 26) * cv2.GaussianBlur(inside, (0, 0), 14)
    nose = np.zeros_like(depth)
    tip = face.points[4]
    cv2.ellipse(nose, (int(tip[0]), int(tip[1]) - 14), (15, 36), 0, 0, 360, (1.0,), -1)
    depth = np.clip(depth - 0.12, 0, 1) + 0.3 * cv2.GaussianBlur(nose, (0, 0), 9)
    return floats(cv2.resize(floats(depth), (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA))


def _small(face: Face) -> Image:
    size = (FACE_PX, FACE_PX)
    return cv2.resize(face.image, size, interpolation=cv2.INTER_AREA).astype(np.uint8)


@cache
def mimic(number: int) -> Mimic:
    """Return an actor's face prepared for expressions."""
    who: Actor = actor(number)
    face, side = who.neutral, who.neutral.image.shape[0]
    change = who.smile.points - face.points
    lid = face.image[int(face.points[223][1]) - 2 : int(face.points[223][1]) + 3,
                     int(face.points[223][0]) - 4 : int(face.points[223][0]) + 5]  # fmt: skip
    return Mimic(
        neutral=_small(face),
        smile=_small(who.smile),
        to_smile=_dense(face.points, change, side),
        from_smile=_dense(who.smile.points, -change, side),
        repelled=_dense(face.points, _shifts(face, REPELLED), side),
        puzzled=_dense(face.points, _shifts(face, PUZZLED), side),
        blink=_dense(face.points, _shifts(face, BLINK), side),
        turn=_relief(face) * np.float32(0.5),
        folds=_folds(face),
        furrow=_furrow(face),
        mouth=_area(_moved(face, PUZZLED), (INNER_MOUTH,), 2.4),
        lids=_area(face, EYES, 1.2),
        lashes=_strokes(face, tuple((ring[8:] + ring[:1], 1.6, 0.55) for ring in EYES)),
        lid_paint=lid.reshape(-1, 3).mean(axis=0).astype(np.float32) * np.float32(0.88),
    )


@cache
def _grid() -> FloatImage:
    line = np.arange(FACE_PX, dtype=np.float32)
    return floats(np.stack(np.meshgrid(line, line), axis=-1))


def _warped(image: Image, shift: FloatImage) -> Image:
    across, down = cv2.split(_grid() - shift)
    edge = cv2.BORDER_REPLICATE
    return pixels(cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=edge))


def expressed(
    face: Mimic, weights: tuple[float, float, float], blink: float, yaw_deg: float, pitch_deg: float
) -> Image:
    """Return a face with an expression, BGR, shape (FACE_PX, FACE_PX, 3).

    Args:
        face: The prepared face.
        weights: Shares of smile, puzzled and repelled, 0 to 1.
        blink: How far the lids are closed, 0 to 1.
        yaw_deg: Turn of the head, positive towards the image's right.
        pitch_deg: Nod, positive down.
    """
    smile, puzzled, repelled = weights
    shift = np.zeros((FACE_PX, FACE_PX, 2), dtype=np.float32)
    shift[..., 0] = face.turn * np.float32(yaw_deg)
    shift[..., 1] = face.turn * np.float32(pitch_deg)
    for share, field in ((puzzled, face.puzzled), (repelled, face.repelled), (blink, face.blink)):
        if share > 0:
            shift += field * np.float32(share)
    image = _warped(face.neutral, shift + face.to_smile * np.float32(smile) if smile else shift)
    if smile > 0:
        smiling = _warped(face.smile, shift + face.from_smile * np.float32(1 - smile))
        image = cv2.addWeighted(image, 1 - smile, smiling, smile, 0).astype(np.uint8)
    return _shade(image, face, shift, (puzzled, repelled, blink))


def _shade(
    image: Image, face: Mimic, shift: FloatImage, shares: tuple[float, float, float]
) -> Image:
    puzzled, repelled, blink = shares
    if max(shares) <= 0:
        return image
    gain = np.ones((FACE_PX, FACE_PX), dtype=np.float32)
    gain -= face.folds * np.float32(repelled) + face.furrow * np.float32(puzzled)
    # Shadows are drawn on the still face, so they have to move with it.
    across, down = cv2.split(_grid() - shift)
    gain = floats(cv2.remap(gain, across, down, cv2.INTER_LINEAR, borderValue=1))
    result = image * gain[:, :, None]
    if puzzled > 0:
        gap = (face.mouth * np.float32(0.86 * puzzled * puzzled))[:, :, None]
        result = result * (1 - gap) + MOUTH_PAINT * gap
    if blink > 0:
        cover = (face.lids * np.float32(min(blink * 1.2, 1.0)))[:, :, None]
        result = result * (1 - cover) + face.lid_paint * cover
        result = result * (1 - face.lashes[:, :, None] * np.float32(blink))
    return pixels(result)

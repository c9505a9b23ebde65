"""The head as the shelf camera sees it: an expressive face set into a drawn head with hair.

All drawing is done once an actor in a texture of `PX_PER_M`; a frame only warps the face, lays
it in, and carries the whole head into the picture.
"""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render import canvas
from aeras.lab.render.actors import Actor, Face, HairStyle, actor, oval_mask
from aeras.lab.render.canvas import FloatImage, Image, floats, mixed
from aeras.lab.render.expressions import FACE_PX, Mimic, expressed, mimic

FACE_WIDTH_M: Final = 0.148
CANVAS: Final = (430, 560)
"""Width and height of the head's texture, px."""
EYES: Final = (215.0, 235.0)
"""Middle between the eyes in the texture, px."""
Outline = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Portrait:
    """A head prepared for drawing.

    Attributes:
        base: Premultiplied sprite of everything behind the face: neck, ears, skull, back hair.
        front: Premultiplied sprite of the hair in front of it.
        mask: Where the face goes, 0 to 1, shape (FACE_PX, FACE_PX, 1).
        corner: Left and top of the face in the texture, px.
        px_per_m: Scale of the texture.
        mimic: The face.
    """

    base: Image
    front: Image
    mask: FloatImage
    corner: tuple[int, int]
    px_per_m: float
    mimic: Mimic


@dataclass(frozen=True, slots=True)
class _Ruler:
    """Face-relative coordinates: origin between the eyes, unit the width of the face."""

    unit: float

    def __call__(self, points: npt.ArrayLike) -> Outline:
        return np.asarray(points, dtype=np.float64) * self.unit + EYES


def _smooth_ring(points: npt.ArrayLike, count: int = 160) -> Outline:
    """Return a closed curve through points (periodic Catmull-Rom)."""
    ring = np.asarray(points, dtype=np.float64)
    place = np.linspace(0, len(ring), count, endpoint=False)
    index = place.astype(int)
    share = (place - index)[:, None]
    p0, p1, p2, p3 = (ring[(index + k) % len(ring)] for k in (-1, 0, 1, 2))
    curve: Outline = 0.5 * (
        2 * p1
        + (p2 - p0) * share
        + (2 * p0 - 5 * p1 + 4 * p2 - p3) * share**2
        + (3 * p1 - p0 - 3 * p2 + p3) * share**3
    )
    return curve


def _mirrored(right: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return a closed outline from its right half, listed from the top down."""
    return right + [(-x, y) for x, y in reversed(right) if x > 0]


def _mask(outline: Outline, blur: float) -> Image:
    mask = np.zeros((CANVAS[1], CANVAS[0]), dtype=np.uint8)
    canvas.fill(mask, outline, 255)
    return cv2.GaussianBlur(mask, (0, 0), blur).astype(np.uint8) if blur else mask


def _spread_skin(face: Face, scale: float, corner: tuple[int, int]) -> FloatImage:
    """Return the face's colours continued beyond it over the whole texture, BGR float."""
    size = (FACE_PX, FACE_PX)
    inside = cv2.resize(oval_mask(face, shrink=0.9), size, interpolation=cv2.INTER_AREA)
    # The composites' foreheads fade into blurred hair; only what is below the eyes is skin.
    lids = float(face.points[[145, 374], 1].mean()) * scale
    inside[: max(int(lids + 0.03 * FACE_PX), 0)] = 0
    inside[int(float(face.points[152][1]) * scale - 0.06 * FACE_PX) :] = 0
    picture = cv2.resize(face.image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    total = np.zeros((CANVAS[1], CANVAS[0], 3), dtype=np.float32)
    weight = np.zeros((CANVAS[1], CANVAS[0]), dtype=np.float32)
    left, top = corner
    room = np.s_[top : top + FACE_PX, left : left + FACE_PX]
    total[room] = picture * inside[..., None]
    weight[room] = inside
    result = np.zeros_like(total)
    done = np.zeros_like(weight)
    for sigma in (6.0, 14.0, 30.0, 60.0, 130.0):
        near = cv2.GaussianBlur(weight, (0, 0), sigma)
        colours = cv2.GaussianBlur(total, (0, 0), sigma) / np.maximum(near, 1e-5)[..., None]
        trust = np.clip(near * 2.5, 0, 1) * (1 - done)
        result += colours * trust[..., None]
        done += trust
    return floats(result + face_median(face) * (1 - done)[..., None])


def face_median(face: Face) -> npt.NDArray[np.float32]:
    """Return the median colour inside the face, BGR."""
    median = np.median(face.image[oval_mask(face, shrink=0.8) > 0.5], axis=0)
    return floats(median)


def _strands(flow: FloatImage, along: FloatImage, seed: int) -> FloatImage:
    """Return the brightness of hair whose strands keep `flow` constant and run `along`."""
    rng = np.random.default_rng(seed)
    table = sum(
        np.interp(np.arange(4096), np.linspace(0, 4096, n), rng.standard_normal(n)) * w
        for n, w in ((160, 0.5), (700, 0.6), (2300, 0.6))
    )
    bent = flow * 900 + 26 * np.sin(along * 5 + flow * 9)
    picked = np.asarray(table)[np.mod(bent, 4095).astype(np.int32)]
    return floats(cv2.GaussianBlur(floats(picked), (0, 0), 0.7))


SHORT_OUTER: Final = [(0.0, -0.80), (0.27, -0.755), (0.46, -0.60), (0.545, -0.38), (0.56, -0.15),
                      (0.53, 0.08), (0.50, 0.14)]  # fmt: skip
SHORT_INNER: Final = [(0.475, 0.14), (0.465, -0.05), (0.45, -0.24), (0.37, -0.37), (0.24, -0.43),
                      (0.0, -0.455)]  # fmt: skip
CROP_OUTER: Final = [(0.0, -0.725), (0.26, -0.685), (0.44, -0.54), (0.52, -0.33), (0.535, -0.12),
                     (0.515, 0.08), (0.50, 0.12)]  # fmt: skip
PARTED_INNER: Final = [(0.48, 0.12), (0.47, -0.08), (0.455, -0.26), (0.36, -0.40), (0.16, -0.50),
                       (-0.14, -0.545), (-0.22, -0.53), (-0.33, -0.42), (-0.45, -0.26),
                       (-0.465, -0.05), (-0.475, 0.12)]  # fmt: skip
BOB_OUTER: Final = [(0.0, -0.80), (0.28, -0.755), (0.49, -0.60), (0.61, -0.33), (0.66, 0.0),
                    (0.68, 0.32), (0.65, 0.64), (0.53, 0.76)]  # fmt: skip
BOB_INNER: Final = [(0.47, 0.70), (0.475, 0.45), (0.487, 0.15), (0.47, -0.12), (0.37, -0.33),
                    (0.16, -0.47), (0.0, -0.50)]  # fmt: skip
LONG_OUTER: Final = [(0.0, -0.80), (0.28, -0.76), (0.49, -0.60), (0.60, -0.33), (0.65, 0.0),
                     (0.69, 0.4), (0.74, 0.8), (0.76, 1.15), (0.66, 1.36)]  # fmt: skip
LONG_INNER: Final = [(0.5, 1.3), (0.45, 0.95), (0.455, 0.6), (0.49, 0.25), (0.475, -0.1),
                     (0.37, -0.34), (0.16, -0.49), (0.0, -0.525)]  # fmt: skip


def _front_outline(style: HairStyle) -> list[tuple[float, float]]:
    """Return the hair's outline in face units: outer edge, then back along the hairline."""
    halves = {
        "crop": (CROP_OUTER, SHORT_INNER),
        "short": (SHORT_OUTER, SHORT_INNER),
        "bun": (CROP_OUTER, SHORT_INNER),
        "bob": (BOB_OUTER, BOB_INNER),
        "long": (LONG_OUTER, LONG_INNER),
    }
    if style == "parted":
        left = [(-x, y) for x, y in reversed(SHORT_OUTER[1:])]
        return SHORT_OUTER + PARTED_INNER + left
    outer, inner = halves[style]
    right = outer + inner
    left_inner = [(-x, y) for x, y in reversed(inner[:-1])]
    left_outer = [(-x, y) for x, y in reversed(outer[1:])]
    return right + left_inner + left_outer


def _hair_colours(who: Actor, ruler: _Ruler, seed: int) -> FloatImage:
    """Return hair over the whole texture: strands from the parting, falling beside the face."""
    yy, xx = np.mgrid[0 : CANVAS[1], 0 : CANVAS[0]].astype(np.float32)
    x, y = (xx - EYES[0]) / ruler.unit, (yy - EYES[1]) / ruler.unit
    part = -0.2 if who.style == "parted" else 0.0
    # Above the brows strands fan out from the crown, below they hang.
    angle = np.arctan2(x - part, -(y + 0.1) + 1e-3) / np.pi
    fan = np.clip(0.5 - y * 2, 0, 1)
    flow = angle * fan + np.sign(x) * (0.62 + np.abs(x) * 0.9) * (1 - fan)
    radius = np.hypot(x, y + 0.1)
    tone = _strands(flow.astype(np.float32), radius.astype(np.float32), seed)
    band = np.exp(-(((y + 0.56 - 0.25 * x * x) / 0.1) ** 2)) * np.exp(-((x / 0.42) ** 2))
    side = np.exp(-(((y - 0.35) / 0.35) ** 2)) * np.exp(-(((np.abs(x) - 0.6) / 0.05) ** 2))
    edge = 0.62 + 0.38 * np.clip((0.78 - np.hypot(x / 0.8, (y + 0.05) / 1.0)) * 3, 0, 1)
    edge = np.where(y > 0.1, np.clip(0.55 + np.abs(x) * 0.75, 0, 1.05), edge)
    gain = (1 + 0.17 * tone) * edge
    gloss = (band + 0.5 * side) * np.clip(0.7 + 0.28 * tone, 0, 2)
    colours = np.array(who.hair, dtype=np.float32) * gain[..., None]
    shine = np.array(mixed(who.hair, (205, 215, 225), 0.5), dtype=np.float32) * 0.42
    return floats(np.clip(colours + shine * gloss[..., None], 0, 255))


def _front_hair(who: Actor, ruler: _Ruler, colours: FloatImage, seed: int) -> Image:
    outline = ruler(_smooth_ring(_front_outline(who.style), 400))
    mask = np.zeros((CANVAS[1], CANVAS[0]), dtype=np.uint8)
    canvas.fill(mask, outline, 255)
    if who.style == "bun":
        canvas.fill(mask, ruler(_circle((0.0, -0.83), 0.2)), 255)
    rng = np.random.default_rng(seed)
    soft = cv2.GaussianBlur(mask, (0, 0), 3.2).astype(np.float32) / 255
    # A ragged threshold makes single strands stand out at the hairline instead of a cut edge.
    ragged = soft + 0.16 * cv2.GaussianBlur(
        rng.standard_normal(soft.shape).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=3.5
    )
    alpha = np.clip((ragged - 0.3) / 0.4, 0, 1)
    if who.style == "crop":
        alpha = alpha * np.float32(0.94)
    return canvas.sprite(colours.astype(np.uint8), (alpha * 255).astype(np.uint8))


def _circle(centre: tuple[float, float], radius: float) -> Outline:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return np.column_stack([np.cos(turn), np.sin(turn)]) * radius + centre


def _back_hair(who: Actor, ruler: _Ruler, colours: FloatImage) -> Image:
    right: list[tuple[float, float]] = {
        "bob": [(0, -0.7), (0.5, -0.45), (0.62, 0.2), (0.6, 0.7), (0.3, 0.8), (0, 0.8)],
        "long": [(0, -0.7), (0.5, -0.45), (0.62, 0.2), (0.66, 0.9), (0.6, 1.33), (0.0, 1.3)],
    }.get(who.style, [(0, -0.6), (0.4, -0.4), (0.47, 0.0), (0.35, 0.3), (0, 0.3)])
    mask = _mask(ruler(_smooth_ring(_mirrored(right))), 2.0)
    return canvas.sprite((colours * 0.55).astype(np.uint8), mask)


NECKLINE: Final = [(0.04, 1.0), (0.05, 1.1), (-0.02, 1.2)]
"""How the neck's opening runs below the neck: offsets to its half width, and heights."""


def _neck(skin: FloatImage, ruler: _Ruler, who: Actor) -> Image:
    """Return the neck down to a round neckline, with the garment's collar round it."""
    half = 0.31 if who.female else 0.36
    edge = [(half + dx, y) for dx, y in NECKLINE]
    right = [(0.0, 0.3), (half, 0.4), (half - 0.01, 0.8), *edge, (0.2, 1.29), (0.0, 1.32)]
    mask = _mask(ruler(_smooth_ring(_mirrored(right))), 1.0)
    yy, xx = np.mgrid[0 : CANVAS[1], 0 : CANVAS[0]].astype(np.float32)
    x, y = (xx - EYES[0]) / ruler.unit, (yy - EYES[1]) / ruler.unit
    chin = np.exp(-(((y - 0.80 + 0.5 * x * x) / 0.17) ** 2))
    gain = (0.97 - 0.33 * chin) * (1 - 0.26 * np.clip(np.abs(x) / (half + 0.14), 0, 1) ** 2)
    cords = np.exp(-(((np.abs(x) - 0.10 - 0.12 * np.clip(1.25 - y, 0, 1)) / 0.05) ** 2))
    gain = gain + 0.05 * cords * (y > 0.85)
    body = canvas.shaded(canvas.pixels(skin), gain.astype(np.float32))
    return _over(_collar(ruler, who, half), canvas.sprite(body, mask))


def _collar(ruler: _Ruler, who: Actor, half: float) -> Image:
    picture = np.zeros((CANVAS[1], CANVAS[0], 4), dtype=np.uint8)
    for grow, gain in ((0.085, 0.86), (0.012, 0.5)):
        edge = [(half + dx + grow, y + grow * 0.4) for dx, y in NECKLINE]
        right = [
            (0.0, 0.9),
            (half + grow, 0.93),
            *edge,
            (0.2 + grow, 1.29 + grow),
            (0.0, 1.32 + grow),
        ]
        cloth = who.accent if who.pattern == "jacket" else who.top
        paint = mixed((0, 0, 0), cloth, gain)
        flat = np.full((CANVAS[1], CANVAS[0], 3), paint, dtype=np.uint8)
        outline = ruler(_smooth_ring(_mirrored(right)))
        picture = _over(picture, canvas.sprite(flat, _mask(outline, 1.2)))
    return picture


def _skull(face: Face, skin: FloatImage, ruler: _Ruler, corner: tuple[int, int]) -> Image:
    """Return the face's own outline and the forehead above it, in the face's colours."""
    mask = np.zeros((CANVAS[1], CANVAS[0]), dtype=np.uint8)
    oval = cv2.resize(oval_mask(face) * 255, (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA)
    left, top = corner
    mask[top : top + FACE_PX, left : left + FACE_PX] = oval.astype(np.uint8)
    crown = [(0.0, -0.68), (0.25, -0.64), (0.41, -0.5), (0.485, -0.28), (0.497, -0.02),
             (0.48, 0.2), (0.3, 0.3), (0.0, 0.3)]  # fmt: skip
    canvas.fill(mask, ruler(_smooth_ring(_mirrored(crown))), 255)
    soft = cv2.GaussianBlur(mask, (0, 0), 1.6)
    yy, xx = np.mgrid[0 : CANVAS[1], 0 : CANVAS[0]].astype(np.float32)
    x, y = (xx - EYES[0]) / ruler.unit, (yy - EYES[1]) / ruler.unit
    gain = 1.0 - 0.22 * np.clip(np.hypot(x / 0.5, (y - 0.1) / 0.72) - 0.7, 0, 1)
    body = canvas.shaded(canvas.pixels(skin), gain.astype(np.float32))
    return canvas.sprite(body, soft.astype(np.uint8))


def _over(under: Image, over: Image) -> Image:
    """Return one premultiplied sprite laid over another of the same size."""
    keep = (255 - over[:, :, 3:4].astype(np.float32)) / 255
    return canvas.pixels(over + under * keep)


@cache
def portrait(number: int) -> Portrait:
    """Return an actor's head, prepared once."""
    who = actor(number)
    face = who.neutral
    scale = FACE_PX / face.image.shape[0]
    eyes = face.points[[33, 133, 263, 362]].mean(axis=0) * scale
    width = float(face.points[356][0] - face.points[127][0]) * scale
    ruler = _Ruler(width)
    corner = round(EYES[0] - float(eyes[0])), round(EYES[1] - float(eyes[1]))
    skin = _spread_skin(face, scale, corner)
    hair = _hair_colours(who, ruler, number)
    base = _over(_back_hair(who, ruler, hair), _neck(skin, ruler, who))
    base = _with_ears(base, skin, ruler)
    base = _over(base, _skull(face, skin, ruler, corner))
    soft = cv2.resize(
        oval_mask(face, shrink=0.93, blur_px=7), (FACE_PX, FACE_PX), interpolation=cv2.INTER_AREA
    )
    # The composites' blurred hairline must not show through below the drawn one: the picture
    # ends a little above the brows, with room for them to be raised.
    brow = float(face.points[[105, 334], 1].min()) * scale
    rows = (brow - np.arange(FACE_PX, dtype=np.float32)) / width
    soft = soft * np.clip((0.14 - rows) / 0.09, 0, 1)[:, None]
    front = _front_hair(who, ruler, hair, number)
    return Portrait(base, front, soft[..., None], corner, width / FACE_WIDTH_M, mimic(number))


def _with_ears(base: Image, skin: FloatImage, ruler: _Ruler) -> Image:
    for side in (-1, 1):
        ring = [(0.485, -0.10), (0.55, -0.125), (0.585, -0.04), (0.575, 0.09), (0.545, 0.22),
                (0.50, 0.25), (0.47, 0.12)]  # fmt: skip
        outline = ruler(_smooth_ring([(side * x, y) for x, y in ring]))
        core = [(side * (0.525 + (x - 0.53) * 0.5), 0.05 + (y - 0.05) * 0.6) for x, y in ring]
        gain = 0.84 - 0.26 * _mask(ruler(_smooth_ring(core)), 3.0).astype(np.float32) / 255
        ear = canvas.shaded(canvas.pixels(skin), gain.astype(np.float32))
        base = _over(base, canvas.sprite(ear, _mask(outline, 0.8)))
    return base


def head_sprite(
    number: int, weights: tuple[float, float, float], blink: float, yaw_deg: float, pitch_deg: float
) -> Image:
    """Return an actor's head with an expression as a premultiplied sprite of `CANVAS` size."""
    ready = portrait(number)
    picture = ready.base.copy()
    left, top = ready.corner
    room = picture[top : top + FACE_PX, left : left + FACE_PX]
    face = expressed(ready.mimic, weights, blink, yaw_deg, pitch_deg)
    room[:, :, :3] = room[:, :, :3] * (1 - ready.mask) + face * ready.mask
    # Turning the head carries the hair's front a little along, against the back of the head.
    turned = np.array([[1.0, 0, yaw_deg * 0.35], [0, 1.0, pitch_deg * 0.3]])
    front = cv2.warpAffine(ready.front, turned, CANVAS, flags=cv2.INTER_LINEAR).astype(np.uint8)
    keep = cv2.cvtColor(cv2.bitwise_not(front[:, :, 3]), cv2.COLOR_GRAY2BGRA)
    keep[:, :, 3] = keep[:, :, 0]
    return cv2.add(front, cv2.multiply(picture, keep, scale=1 / 255)).astype(np.uint8)

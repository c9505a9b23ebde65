"""The demo's actors: composites of many faces each, so nobody in particular, and their looks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from aeras.lab.render.canvas import Colour, FloatImage, Image, colour, pixels

Pattern = Literal["plain", "stripes", "block", "jacket"]
HairStyle = Literal["crop", "short", "parted", "bob", "long", "bun"]
FIXED_POINT: Final = 64
"""Landmarks are stored as int16 in 1/64 px."""
BROW_TO_CHEEK: Final = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379,
                        378, 400, 377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127,
                        162, 21, 54, 103, 67, 109)  # fmt: skip
"""Mesh indices of the face's outline, clockwise from the top (MediaPipe's face oval)."""
MEN_HAIR: Final[tuple[HairStyle, ...]] = ("crop", "short", "parted")
WOMEN_HAIR: Final[tuple[HairStyle, ...]] = ("long", "bob", "bun", "long")
TOPS: Final = ("#34506b", "#8a3b3b", "#4c6b4f", "#d8cdb8", "#6d5a86", "#c77f3a", "#2f3338",
               "#a8b7bf", "#7d8f57", "#b5566b")  # fmt: skip
BROW_HALF_PX: Final = 1
FOREHEAD_RAMP_PX: Final = 6.0
LIGHT_TOPS: Final = ("#efe9dc", "#d9dfe3", "#e9d9c3", "#2a2d33")
PATTERNS: Final[tuple[Pattern, ...]] = ("plain", "jacket", "stripes", "block", "jacket")
TROUSERS: Final = ("#2b3242", "#3c3a38", "#55606b", "#4a3f35")
DARK_HAIR: Final = ("#17120f", "#1f1814", "#2a1d15")
GREY_HAIR: Final = ("#8d8378", "#4d443d")
FAIR_HAIR: Final = ("#5a3d25", "#7d5a33", "#3b2a1e")


@dataclass(frozen=True, slots=True)
class Face:
    """A face of one actor.

    Attributes:
        image: BGR, uint8, shape (320, 320, 3), the composite.
        points: Landmarks, shape (478, 2), px of `image`.
    """

    image: Image
    points: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who plays a shopper.

    Attributes:
        name: Group name of the composite.
        neutral: The face at rest.
        smile: The same group's smiling face, in the neutral one's colours.
        skin: Colour of neck, ears and hands, taken from the face.
        hair: Colour of the hair.
        style: How the hair is cut.
        top: Colour of the upper garment.
        accent: Second colour of the upper garment.
        pattern: How the garment uses it: not at all, as stripes, below the chest, or as the
            shirt that shows under an open jacket.
        trousers: Colour of the trousers.
        sleeves: Share of the forearm that is clothed, 0 to 1.
        female: Builds the body narrower in the shoulders.
        stature: Height relative to 1.70 m.
    """

    name: str
    neutral: Face
    smile: Face
    skin: Colour
    hair: Colour
    style: HairStyle
    top: Colour
    accent: Colour
    pattern: Pattern
    trousers: Colour
    sleeves: float
    female: bool
    stature: float


@cache
def names() -> tuple[str, ...]:
    """Return the actors' names in a fixed order."""
    text = (files("aeras.lab") / "assets" / "actors" / "index.json").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(str(row["actor"]) for row in json.loads(text)))


@cache
def _points() -> dict[str, npt.NDArray[np.float32]]:
    content = (files("aeras.lab") / "assets" / "actors" / "landmarks.npz").read_bytes()
    with np.load(BytesIO(content)) as stored:
        return {name: stored[name].astype(np.float32) / FIXED_POINT for name in stored.files}


def _face(name: str) -> Face:
    content = (files("aeras.lab") / "assets" / "actors" / f"{name}.jpg").read_bytes()
    image = cv2.imdecode(np.frombuffer(content, dtype=np.uint8), cv2.IMREAD_COLOR)
    if image is None:  # pragma: no cover - the assets ship with the package
        raise ValueError(f"{name}.jpg: not a readable image")
    return Face(image.astype(np.uint8), _points()[name])


def oval_mask(face: Face, *, shrink: float = 1.0, blur_px: float = 0.0) -> FloatImage:
    """Return the face's outline as a soft mask, 0 to 1, shape of the image."""
    outline = face.points[list(BROW_TO_CHEEK)]
    centre = outline.mean(axis=0)
    mask = np.zeros(face.image.shape[:2], dtype=np.uint8)
    scaled = np.rint((outline - centre) * shrink + centre).astype(np.int32)
    cv2.fillPoly(mask, [scaled], (255,), cv2.LINE_AA)
    soft = cv2.GaussianBlur(mask, (0, 0), blur_px) if blur_px else mask
    return (soft / np.float32(255)).astype(np.float32)


def _recoloured(face: Face, model: Face) -> Face:
    """Return a face in another's colours: mean and spread inside the oval are matched in Lab."""
    lab = [cv2.cvtColor(f.image, cv2.COLOR_BGR2Lab).astype(np.float32) for f in (face, model)]
    inside = [oval_mask(f, shrink=0.85).astype(bool) for f in (face, model)]
    (mean, spread), (to_mean, to_spread) = (
        (image[mask].mean(axis=0), image[mask].std(axis=0))
        for image, mask in zip(lab, inside, strict=True)
    )
    # A smile shows teeth, which widen the lightness's spread; half of the ratio keeps them white.
    ratio = np.clip(1 + 0.5 * (to_spread / spread - 1), 0.7, 1.3)
    moved = np.clip((lab[0] - mean) * ratio + to_mean, 0, 255).astype(np.uint8)
    return Face(cv2.cvtColor(moved, cv2.COLOR_Lab2BGR).astype(np.uint8), face.points)


def _brightened(face: Face, skin_light: float = 1.12) -> Face:
    """Return a face a little brighter, as the shelf's lamp would show it."""
    lit = np.clip(face.image.astype(np.float32) * skin_light + 4, 0, 255)
    return Face(lit.astype(np.uint8), face.points)


def _even_forehead(face: Face) -> Face:
    """Return a face whose forehead is as light as its cheeks.

    Where the averaged people had their hairlines the composites' foreheads turn dark, which
    looks like a shadow once a single head of hair is drawn over them.
    """
    brow = int(face.points[[105, 334], 1].min()) - BROW_HALF_PX
    cheeks = np.array(_skin(face), dtype=np.float32)
    local = cv2.blur(face.image[:brow].astype(np.float32), (35, 7))
    gain = np.clip(cheeks / np.maximum(local, 1), 1, 2.2)
    ramp = np.clip((brow - np.arange(brow, dtype=np.float32)) / FOREHEAD_RAMP_PX, 0, 1)
    image = face.image.copy()
    image[:brow] = pixels(image[:brow] * (1 + (gain - 1) * ramp[:, None, None]))
    return Face(image, face.points)


def _skin(face: Face) -> Colour:
    """Return the median colour of both cheeks."""
    cheeks = [face.points[i] for i in (50, 280, 205, 425)]
    patches = [face.image[int(y) - 6 : int(y) + 6, int(x) - 6 : int(x) + 6] for x, y in cheeks]
    blue, green, red = np.median(np.concatenate([p.reshape(-1, 3) for p in patches]), axis=0)
    return float(blue), float(green), float(red)


@cache
def actor(number: int) -> Actor:
    """Return an actor; the number picks the face, and its multiples other hair and clothes."""
    name = names()[number % len(names())]
    rng = np.random.default_rng((number, 20))
    neutral = _even_forehead(_brightened(_face(f"{name}-neutral")))
    smile = _even_forehead(_recoloured(_face(f"{name}-happiness"), neutral))
    female = "female" in name
    fair = name.startswith(("white", "latino", "middle"))
    hair_codes: tuple[str, ...] = FAIR_HAIR if fair else DARK_HAIR
    if "40plus" in name:
        hair_codes = GREY_HAIR
    first = int(rng.integers(len(TOPS)))
    styles = WOMEN_HAIR if female else MEN_HAIR
    return Actor(
        name=name,
        neutral=neutral,
        smile=smile,
        skin=_skin(neutral),
        hair=colour(hair_codes[rng.integers(len(hair_codes))]),
        style=styles[rng.integers(len(styles))],
        top=colour(TOPS[first]),
        accent=colour(LIGHT_TOPS[rng.integers(len(LIGHT_TOPS))]),
        pattern=PATTERNS[rng.integers(len(PATTERNS))],
        trousers=colour(TROUSERS[rng.integers(len(TROUSERS))]),
        sleeves=float(rng.choice((0.0, 1.0, 1.0))),
        female=female,
        stature=float(rng.uniform(0.95, 0.99) if female else rng.uniform(0.99, 1.04)),
    )

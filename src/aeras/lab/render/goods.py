"""Random goods that nobody sells: sizes, colours, labels; apart for training and for tests."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from aeras.lab.render import canvas
from aeras.lab.render.canvas import Image
from aeras.lab.render.packages import Blob, Design, painted
from aeras.lab.render.scene import Kind

Split = Literal["train", "test"]
PackKind = Kind | Literal["gable"]
PX_PER_M: Final = 800
"""Resolution of the fronts."""
HUES: Final = 12
"""The colour circle's parts; training has the even ones, tests the odd ones."""
SYLLABLES: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("bo", "ra", "lin", "ka", "mo", "tes", "ur", "sol", "vi"),
    "test": ("ne", "gal", "dor", "fi", "po", "lum", "ze", "hav", "qui"),
}
SHAPES: Final[dict[Split, tuple[str, ...]]] = {
    "train": ("disc", "leaf", "flake"),
    "test": ("disc", "hexagon", "tube", "bean"),
}
SIZES_M: Final[dict[PackKind, tuple[tuple[float, float], tuple[float, float]]]] = {
    "carton": ((0.07, 0.22), (0.10, 0.29)),
    "gable": ((0.08, 0.11), (0.19, 0.28)),
    "bottle": ((0.065, 0.10), (0.20, 0.31)),
    "jar": ((0.07, 0.12), (0.09, 0.17)),
    "bag": ((0.13, 0.22), (0.16, 0.28)),
    "tin": ((0.07, 0.13), (0.08, 0.16)),
}
"""Least and largest width, least and largest height of a pack's front."""


@dataclass(frozen=True, slots=True)
class Ware:
    """A product.

    Attributes:
        id: Unique in its story.
        kind: Which drawing makes its front.
        size_m: Width, height and depth.
        design: What is printed on it.
    """

    id: str
    kind: PackKind
    size_m: tuple[float, float, float]
    design: Design


def _code(hue: float, saturation: float, value: float) -> str:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))


def _hue(rng: np.random.Generator, split: Split) -> float:
    part = 2 * int(rng.integers(HUES // 2)) + (split == "test")
    return float((part + rng.uniform(0.1, 0.9)) / HUES)


def _art(rng: np.random.Generator, split: Split, codes: tuple[str, ...]) -> tuple[Blob, ...]:
    shape = str(rng.choice(SHAPES[split]))
    count, radius = int(rng.integers(1, 10)), float(rng.uniform(0.05, 0.22))
    long = float(rng.uniform(0.05, 0.18))
    flat = long * float(rng.uniform(0.35, 1.0))
    blobs: list[Blob] = []
    if rng.random() < 0.5:  # noqa: PLR2004 - every other one
        blobs.append(("disc", 0.5, 0.58, 0.32, 0.3, 0.0, codes[-1]))
    for n in range(count):
        angle = 2 * np.pi * n / count + 0.3
        x = 0.5 + radius * float(np.cos(angle)) * (count > 1)
        y = 0.58 + 0.8 * radius * float(np.sin(angle)) * (count > 1)
        turn = float(np.rad2deg(angle)) + 90
        blobs.append((shape, x, y, long, flat, turn, codes[n % len(codes)]))
    return tuple(blobs)


def _design(rng: np.random.Generator, split: Split) -> Design:
    hue, second = _hue(rng, split), _hue(rng, split)
    dull = float(rng.choice((0.08, 0.35, 0.7, 0.9)))
    value = float(rng.uniform(0.25, 0.98))
    dark = value < 0.6  # noqa: PLR2004 - light letters on dark packs
    brand = "".join(rng.choice(SYLLABLES[split], int(rng.integers(2, 4)))).upper()
    line = "".join(rng.choice(SYLLABLES[split], int(rng.integers(2, 5))))
    art = (_code(second, 0.8, 0.85), _code(second + 0.08, 0.6, 0.6), _code(hue, 0.3, 0.9))
    return Design(
        brand,
        line,
        f"{int(rng.integers(5, 99)) * 10} g",
        _code(hue, dull, value),
        _code(hue + 0.03, min(dull + 0.1, 1), value * float(rng.uniform(0.6, 1))),
        _code(second, 0.75, float(rng.uniform(0.3, 0.9))),
        _code(second, 0.5 if dark else 0.9, 0.98 if dark else 0.35),
        _art(rng, split, art),
        (_code(second, 0.7, 0.9), _code(second, 0.8, 0.5)),
    )


def ware(
    rng: np.random.Generator, split: Split, name: str, *, widest_m: float, highest_m: float
) -> Ware:
    """Return a random product that fits a width and a height."""
    fits = [k for k, (w, h) in SIZES_M.items() if w[0] <= widest_m and h[0] <= highest_m]
    kind = fits[int(rng.integers(len(fits)))] if fits else "carton"
    (w0, w1), (h0, h1) = SIZES_M[kind]
    width = float(rng.uniform(min(w0, widest_m), min(w1, widest_m)))
    height = float(rng.uniform(min(h0, highest_m), min(h1, highest_m)))
    depth = width if kind in ("bottle", "jar", "tin", "gable") else float(rng.uniform(0.04, 0.1))
    return Ware(name, kind, (width, height, depth), _design(rng, split))


def sibling(rng: np.random.Generator, split: Split, one: Ware, name: str) -> Ware:
    """Return a product of the same make: the same pack in another flavour's colours."""
    other = _design(rng, split)
    design = replace(other, brand=one.design.brand, top=one.design.top, foot=one.design.foot)
    return replace(one, id=name, design=design)


@lru_cache(maxsize=512)
def front(one: Ware) -> Image:
    """Return a pack's front at `PX_PER_M` as a premultiplied sprite."""
    size = round(one.size_m[0] * PX_PER_M), round(one.size_m[1] * PX_PER_M)
    return canvas.pixels(painted(one.design, one.kind, size))

"""Packs of goods: every label, bottle and bag of the demo shop is drawn here from scratch."""

# ruff: noqa: PLR2004
# Drawing is made of plain numbers; to name each would hide more than it tells.

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

import cv2
import numpy as np

from aeras.lab.render.canvas import (
    FloatImage,
    Image,
    colour,
    fill,
    floats,
    gradient,
    mixed,
    scaled,
    shaded,
    smooth_noise,
    sprite,
    write,
)
from aeras.lab.render.scene import ITEMS, Item, Kind

PX_PER_M: Final = 1300
"""Resolution of the finished packs; the shelf camera sees a held one at about this scale."""
SUPERSAMPLING: Final = 2
Blob = tuple[str, float, float, float, float, float, str]
"""Shape, centre x and y (share of the label), half axes (share of its width), degrees, colour."""


@dataclass(frozen=True, slots=True)
class Design:
    """What is printed on a pack.

    Attributes:
        brand: Large name.
        line: What it is.
        note: Small print at the foot.
        top: Background at the top.
        foot: Background at the foot.
        accent: Bands, cap, lid.
        ink: Colour of the brand's letters.
        art: Picture on the label, as blobs from back to front.
        content: What is seen through a bottle's or jar's glass, top and foot; None for the
            kind's own.
    """

    brand: str
    line: str
    note: str
    top: str
    foot: str
    accent: str
    ink: str
    art: tuple[Blob, ...]
    content: tuple[str, str] | None = None


def _ring(
    shape: str,
    count: int,
    radius: float,
    size: tuple[float, float],
    paint: str,
    *,
    middle: tuple[float, float] = (0.5, 0.56),
) -> tuple[Blob, ...]:
    angles = [360 * n / count + 12 for n in range(count)]
    return tuple(
        (
            shape,
            middle[0] + radius * float(np.cos(np.deg2rad(a))),
            middle[1] + radius * 0.8 * float(np.sin(np.deg2rad(a))),
            *size,
            a + 90,
            paint,
        )
        for a in angles
    )


DESIGNS: Final[dict[str, Design]] = {
    "coffee": Design(
        "NORDLICHT", "KAFFEE", "dark roast  500 g", "#1c2b4a", "#0c1428", "#d9a441", "#f4e3bf",
        (("disc", 0.5, 0.58, 0.3, 0.3, 0, "#24365e"),
         *_ring("bean", 6, 0.17, (0.085, 0.055), "#7a4a25", middle=(0.5, 0.58)),
         ("bean", 0.5, 0.58, 0.1, 0.065, 40, "#94592c"))),
    "herbal-tea": Design(
        "WIESENRUH", "Herbal tea", "20 bags", "#dfeacb", "#a9c78a", "#3f6b3a", "#2f5530",
        (("leaf", 0.42, 0.58, 0.16, 0.06, -60, "#4f8a3f"),
         ("leaf", 0.58, 0.58, 0.16, 0.06, 240, "#67a551"),
         ("leaf", 0.5, 0.52, 0.17, 0.06, 270, "#3c7433"),
         *_ring("disc", 5, 0.07, (0.045, 0.045), "#fffdf0", middle=(0.5, 0.47)),
         ("disc", 0.5, 0.47, 0.04, 0.04, 0, "#f0b92e"))),
    "honey": Design(
        "IMKERHOF", "Blossom honey", "500 g", "#fff6dc", "#f7dc93", "#c98a12", "#7a4a08",
        (*_ring("hexagon", 6, 0.2, (0.105, 0.105), "#f0a81c"),
         ("hexagon", 0.5, 0.56, 0.11, 0.11, 30, "#ffc740"))),
    "jam": Design(
        "BERRYMORE", "Raspberry", "60 % fruit  340 g", "#fdeef1", "#f6c9d3", "#9c1638", "#8c1232",
        (("leaf", 0.38, 0.46, 0.13, 0.055, -150, "#4f8a3f"),
         ("leaf", 0.6, 0.45, 0.13, 0.055, -30, "#5c9a49"),
         *_ring("disc", 7, 0.11, (0.062, 0.062), "#c4183f", middle=(0.5, 0.58)),
         ("disc", 0.5, 0.58, 0.075, 0.075, 0, "#e03458"))),
    "crunch": Design(
        "KNUSPA", "Honey crunch", "whole grain  450 g", "#ffd34d", "#f59a1b", "#c8321e", "#c8321e",
        (("disc", 0.5, 0.66, 0.37, 0.15, 0, "#fff9ea"),
         ("disc", 0.5, 0.63, 0.31, 0.1, 0, "#f3e6c8"),
         *_ring("flake", 8, 0.19, (0.085, 0.05), "#d98a2b", middle=(0.5, 0.61)),
         *_ring("flake", 5, 0.08, (0.08, 0.05), "#eaa441", middle=(0.5, 0.58)))),
    "oat-drink": Design(
        "HAFERGLÜCK", "Oat drink", "1 litre  no added sugar", "#f7f3e6", "#d9e8ea", "#2a7f94",
        "#1d6578",
        (("disc", 0.5, 0.66, 0.33, 0.3, 0, "#bfdfe2"),
         *((("leaf", 0.5 + d * 0.09, 0.6 + 0.05 * n, 0.09, 0.032, 90 - d * 40, "#cf9f45"))
           for n in range(3) for d in (-1, 1)),
         ("leaf", 0.5, 0.5, 0.09, 0.034, 90, "#e0b65c"))),
    "kale-crisps": Design(
        "KRAUT & CO", "Kale crisps", "fennel and vinegar  120 g", "#4f7d2c", "#1f4517", "#e4f07a",
        "#f3f8c6",
        (("disc", 0.5, 0.58, 0.3, 0.3, 0, "#dbe7b0"),
         *_ring("leaf", 9, 0.16, (0.15, 0.07), "#3d7a2a", middle=(0.5, 0.58)),
         *_ring("leaf", 6, 0.09, (0.12, 0.055), "#74ad3c", middle=(0.5, 0.58)))),
    "cookies": Design(
        "TANTE EMMI", "Butter cookies", "chocolate chip  300 g", "#7ec8d8", "#3b8fb0", "#f7f0e0",
        "#ffffff",
        tuple(
            blob
            for x, y in ((0.33, 0.64), (0.67, 0.63), (0.5, 0.56))
            for blob in (
                ("disc", x, y, 0.16, 0.15, 0.0, "#d39a55"),
                *_ring("bean", 5, 0.085, (0.027, 0.022), "#4a2b18", middle=(x, y)))
        )),
    "orange-juice": Design(
        "SOL", "Orange juice", "pressed  1 l", "#fff4d6", "#ffe09a", "#1f8a4c", "#e2660c",
        (("disc", 0.5, 0.6, 0.27, 0.27, 0, "#f58a12"), ("disc", 0.5, 0.6, 0.22, 0.22, 0, "#ffd591"),
         *_ring("leaf", 8, 0.115, (0.085, 0.045), "#f7981d", middle=(0.5, 0.6)))),
    "olive-oil": Design(
        "ULIVO", "Extra vergine", "750 ml", "#f4efdc", "#dcd3ae", "#2f3d1a", "#3c4a1f",
        (("leaf", 0.36, 0.52, 0.17, 0.05, 200, "#5f7a35"),
         ("leaf", 0.64, 0.52, 0.17, 0.05, -20, "#5f7a35"),
         ("disc", 0.42, 0.64, 0.1, 0.13, 0, "#6d7f2a"),
         ("disc", 0.6, 0.66, 0.1, 0.13, 0, "#57691e"))),
    "tomatoes": Design(
        "ROSSO", "Peeled tomatoes", "400 g", "#c3251c", "#8e1410", "#f2e2b0", "#fff3d0",
        (("disc", 0.5, 0.6, 0.31, 0.25, 0, "#f2e2b0"),
         ("disc", 0.4, 0.62, 0.14, 0.16, 0, "#d8301f"),
         ("disc", 0.6, 0.61, 0.15, 0.17, 0, "#e8442c"),
         ("leaf", 0.58, 0.46, 0.1, 0.03, 20, "#4b8a33"),
         ("leaf", 0.42, 0.48, 0.1, 0.03, 160, "#4b8a33"))),
    "pasta": Design(
        "MULINO ALTO", "Penne rigate", "durum wheat  500 g", "#23509c", "#14306b", "#f5cf4a",
        "#ffffff",
        tuple(("tube", 0.3 + 0.1 * (n % 5), 0.5 + 0.055 * (n // 5) + 0.02 * (n % 2), 0.12, 0.036,
               (n * 47) % 120 - 60.0, ("#f2c655", "#e8b440", "#f7d675")[n % 3])
              for n in range(15))),
}  # fmt: skip


def _blob_outline(shape: str, rx: float, ry: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 6 if shape == "hexagon" else 40, endpoint=False)
    x, y = np.cos(turn), np.sin(turn)
    if shape == "leaf":
        y = np.sign(y) * np.abs(y) ** 1.6
    if shape == "flake":
        y = y * (1 + 0.18 * np.cos(3 * turn))
    if shape == "tube":
        x = np.sign(x) * np.abs(x) ** 0.35
        y = np.sign(y) * np.abs(y) ** 0.5
    return np.column_stack([x * rx, y * ry])


def _draw_blob(image: Image, blob: Blob) -> None:
    shape, x, y, rx, ry, degrees, code = blob
    height, width = image.shape[:2]
    paint = colour(code)
    middle = np.array([x * width, y * height])
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    outline = _blob_outline(shape, rx * width, ry * width)
    fill(image, outline @ turn.T + middle + ry * width * 0.12, mixed(paint, (0, 0, 0), 0.45))
    for shrink, light in ((1.0, -0.12), (0.86, 0.0), (0.6, 0.12), (0.3, 0.25)):
        lit = mixed(paint, (255, 255, 255) if light > 0 else (0, 0, 0), abs(light))
        lift = -ry * width * (1 - shrink) * 0.35
        fill(image, outline * shrink @ turn.T + middle + lift, lit)
    if shape in ("leaf", "bean"):
        ends = np.array([[-rx, 0], [rx, 0]]) * width * 0.8 @ turn.T + middle
        thin = max(round(width * 0.006), 1)
        start, end = (tuple(map(int, e)) for e in ends)
        cv2.line(image, start, end, mixed(paint, (0, 0, 0), 0.35), thin, cv2.LINE_AA)


def label(design: Design, width: int, height: int) -> Image:
    """Return a flat printed label, BGR, shape (height, width, 3)."""
    image = gradient(width, height, colour(design.top), colour(design.foot))
    accent, ink = colour(design.accent), colour(design.ink)
    for blob in design.art:
        _draw_blob(image, blob)
    band = round(height * 0.035)
    cv2.rectangle(image, (0, 0), (width, band), accent, -1)
    foot = round(height * 0.87)
    cv2.rectangle(image, (0, foot), (width, height), accent, -1)
    dark = sum(accent) < 330
    note = mixed(accent, (255, 255, 255) if dark else (0, 0, 0), 0.85)
    large, middle, small = (
        round(min(width * a, height * b)) for a, b in ((0.3, 0.19), (0.12, 0.115), (0.085, 0.1))
    )
    write(
        image, design.brand, (width / 2, height * 0.155), large, ink, weight=800, fit=width * 0.84
    )
    write(image, design.line, (width / 2, height * 0.3), middle, ink, weight=500, fit=width * 0.74)
    write(
        image, design.note, (width / 2, height * 0.935), small, note, weight=500, fit=width * 0.84
    )
    return image


def _round_gain(width: int, edge: float = 0.38, shine: float = 0.3) -> FloatImage:
    """Return the brightness across an upright cylinder lit from the front left."""
    across = np.linspace(-1, 1, width, dtype=np.float32)
    gain = 1 - edge * np.abs(across) ** 2.6
    gain += shine * np.exp(-(((across + 0.45) / 0.1) ** 2))
    gain += shine * 0.35 * np.exp(-(((across - 0.72) / 0.07) ** 2))
    return gain.astype(np.float32)[None]


def _outline(profile: tuple[tuple[float, float], ...], width: int, height: int) -> np.ndarray:
    """Return the contour of a shape given as (height share from the top, half-width share)."""
    ys = np.linspace(profile[0][0], profile[-1][0], 90)
    halves = np.interp(ys, *np.array(profile).T)
    kernel = np.hanning(9) / np.hanning(9).sum()
    halves[4:-4] = np.convolve(halves, kernel, mode="valid")
    right = np.column_stack([0.5 + halves, ys])
    left = np.column_stack([0.5 - halves, ys])[::-1]
    return np.vstack([right, left]) * (width - 1, height - 1)


def _mask(outline: np.ndarray, width: int, height: int) -> Image:
    mask = np.zeros((height, width), dtype=np.uint8)
    fill(mask, outline, 255)
    return mask


def _carton(design: Design, width: int, height: int) -> Image:
    image = label(design, width, height)
    ramp = np.linspace(1.06, 0.88, height, dtype=np.float32)[:, None]
    sheen = 1 + 0.05 * np.sin(np.linspace(0.4, 2.6, width, dtype=np.float32))[None]
    image = shaded(image, floats(ramp * sheen))
    edge = max(width // 90, 1)
    cv2.rectangle(
        image, (0, 0), (width - 1, height - 1), mixed(colour(design.foot), (0, 0, 0), 0.4), edge
    )
    return sprite(image, np.full((height, width), 255, dtype=np.uint8))


def _gable(design: Design, width: int, height: int) -> Image:
    """A drink carton: folded top with a screw cap over the printed body."""
    roof = round(height * 0.17)
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:roof] = gradient(width, roof, colour(design.foot), colour(design.top))
    image[roof:] = label(design, width, height - roof)
    cap = (round(width * 0.5), round(roof * 0.62))
    cv2.circle(
        image,
        cap,
        round(width * 0.15),
        mixed(colour(design.accent), (0, 0, 0), 0.3),
        -1,
        cv2.LINE_AA,
    )
    cv2.circle(
        image, (cap[0] - 3, cap[1] - 4), round(width * 0.12), colour(design.accent), -1, cv2.LINE_AA
    )
    gain = np.ones((height, width), dtype=np.float32)
    gain[:roof] *= np.linspace(1.12, 0.86, roof, dtype=np.float32)[:, None]
    gain[roof : roof + 4] *= 0.7
    outline = _outline(((0, 0.36), (0.05, 0.37), (0.17, 0.5), (1, 0.5)), width, height)
    return sprite(shaded(image, gain), _mask(outline, width, height))


def _bag(design: Design, width: int, height: int) -> Image:
    rng = np.random.default_rng(len(design.brand))
    image = label(design, width, height)
    yy, xx = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    bulge = 1.12 - 0.42 * np.abs(xx) ** 2.4 - 0.22 * np.abs(yy) ** 4
    crinkle = cv2.GaussianBlur(smooth_noise(rng, height, width, width / 6), (0, 0), 3)
    ridges = np.abs(np.sin(crinkle * 2.2 + xx * 2)) ** 6
    creases = 1 + 0.05 * crinkle * (0.4 + np.abs(yy)) + 0.16 * ridges * np.abs(xx) * np.abs(yy)
    shine = 0.35 * np.exp(-(((xx + 0.55 + 0.12 * np.sin(yy * 4)) / 0.09) ** 2)) * (1 - yy**2)
    gain = bulge * creases + shine
    seam = round(height * 0.055)
    stripes = 0.9 + 0.14 * np.sin(np.arange(width, dtype=np.float32) * 0.9)[None]
    gain[:seam] = stripes
    gain[-seam:] = stripes * 0.85
    sides = (
        (0, 0.46),
        (0.05, 0.455),
        (0.12, 0.49),
        (0.5, 0.5),
        (0.88, 0.49),
        (0.95, 0.46),
        (1, 0.465),
    )
    return sprite(shaded(image, gain), _mask(_outline(sides, width, height), width, height))


def _tin(design: Design, width: int, height: int) -> Image:
    rim = round(height * 0.05)
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[rim:-rim] = label(design, width, height - 2 * rim)
    metal = gradient(width, rim, (225, 228, 230), (130, 134, 138))
    image[:rim] = metal
    image[-rim:] = metal
    image = shaded(image, _round_gain(width, 0.55, 0.32))
    outline = _outline(((0, 0.485), (0.04, 0.5), (0.96, 0.5), (1, 0.48)), width, height)
    return sprite(image, _mask(outline, width, height))


def _glass(
    design: Design,
    width: int,
    height: int,
    *,
    content: tuple[str, str],
    profile: tuple[tuple[float, float], ...],
    label_at: tuple[float, float],
    cap: tuple[float, float],
) -> Image:
    """A bottle or jar: content seen through glass, a label round it, a cap on top."""
    image = gradient(width, height, colour(content[0]), colour(content[1]))
    top, foot = round(label_at[0] * height), round(label_at[1] * height)
    image[top:foot] = label(design, width, foot - top)
    gain = np.repeat(_round_gain(width, 0.5, 0.5), height, axis=0)
    gain[top:foot] = _round_gain(width, 0.42, 0.12)
    lid = round(cap[0] * height)
    image[:lid] = gradient(
        width,
        lid,
        mixed(colour(design.accent), (255, 255, 255), 0.25),
        mixed(colour(design.accent), (0, 0, 0), 0.2),
    )
    ribs = 1 + 0.08 * np.sin(np.arange(width, dtype=np.float32) * 0.8)[None]
    gain[:lid] = _round_gain(width, 0.5, 0.3) * ribs
    gain[lid : lid + max(height // 90, 2)] *= 0.6
    shape = ((0.0, cap[1]), (cap[0] - 0.004, cap[1]), *profile)
    return sprite(shaded(image, gain), _mask(_outline(shape, width, height), width, height))


def _bottle(design: Design, width: int, height: int) -> Image:
    own = ("#ffb648", "#f08a14") if design.brand == "SOL" else ("#7d8a2c", "#3f4a14")
    content = design.content or own
    profile = ((0.115, 0.17), (0.2, 0.18), (0.36, 0.46), (0.42, 0.5), (0.96, 0.5), (1.0, 0.46))
    return _glass(
        design,
        width,
        height,
        content=content,
        profile=profile,
        label_at=(0.43, 0.9),
        cap=(0.11, 0.2),
    )


def _jar(design: Design, width: int, height: int) -> Image:
    own = ("#f2b23a", "#b8680c") if design.brand == "IMKERHOF" else ("#c22545", "#6d0b20")
    content = design.content or own
    profile = ((0.175, 0.43), (0.25, 0.495), (0.93, 0.5), (1.0, 0.45))
    return _glass(
        design,
        width,
        height,
        content=content,
        profile=profile,
        label_at=(0.3, 0.92),
        cap=(0.17, 0.46),
    )


_PAINTERS: Final[dict[Kind, Callable[[Design, int, int], Image]]] = {
    "carton": _carton,
    "bag": _bag,
    "tin": _tin,
    "bottle": _bottle,
    "jar": _jar,
}


@cache
def pack(item_id: str) -> Image:
    """Return the front of an item's pack as a premultiplied sprite at `PX_PER_M`."""
    item: Item = next(item for item in ITEMS if item.id == item_id)
    factor = PX_PER_M * SUPERSAMPLING
    size = round(item.size_m[0] * factor), round(item.size_m[1] * factor)
    kind: Kind | Literal["gable"] = "gable" if item_id == "oat-drink" else item.kind
    return scaled(painted(DESIGNS[item_id], kind, size), 1 / SUPERSAMPLING)


def painted(design: Design, kind: Kind | Literal["gable"], size_px: tuple[int, int]) -> Image:
    """Return the front of any pack as a premultiplied sprite of a width and height in px."""
    paint = _gable if kind == "gable" else _PAINTERS[kind]
    return paint(design, *size_px)

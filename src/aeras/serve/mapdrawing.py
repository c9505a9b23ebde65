"""Draws the store map, or the front of one shelf, as SVG: for the page, for printing and as a file.

Colours stand in attributes, because the content policy allows no inline style; the page's own style
sheet may override them for dark screens.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup, escape

from aeras.domain.geometry import Box, polygon_box
from aeras.domain.shop import Facing, Fixture, Shop

WIDTH = 1000.0
MARGIN_M = 0.4
LABEL = 13.0
"""Font size of names, in units of the drawing."""
GLYPH = 0.56
"""Width of a usual letter in font sizes; of a CJK sign it is 1."""
HEAD, FOOT = 58.0, 92.0
"""Room for title and legend in a file."""

SEQUENTIAL = (
    (0, 34, 78), (18, 53, 112), (59, 73, 108), (87, 93, 109), (112, 113, 115),
    (138, 134, 120), (165, 156, 116), (195, 179, 105), (225, 204, 85), (254, 232, 56),
)  # fmt: skip
"""Anchors of cividis, which people with any colour vision can read; as in ``js/colours.js``."""
DIVERGING = (
    (33, 82, 156), (103, 149, 203), (180, 205, 230), (247, 247, 247),
    (250, 211, 160), (224, 142, 57), (163, 79, 5),
)  # fmt: skip
"""Blue for less, orange for more: apart for people who cannot tell red from green, too."""

FEW, SAME = "url(#few)", "url(#same)"
FONT = "system-ui, 'Noto Sans', 'Noto Sans CJK JP', sans-serif"


@dataclass(frozen=True, slots=True)
class Shown:
    """One place as it is drawn and told: its fill, and its words."""

    fill: str
    value: str
    interval: str = ""
    basis: str = ""
    untold: str = ""

    @property
    def lines(self) -> list[str]:
        """What a hint says of it."""
        return [text for text in (self.value, self.interval, self.basis, self.untold) if text]


@dataclass(frozen=True, slots=True)
class Legend:
    """What the colours mean: ticks from low to high, and the words of the two hatches."""

    diverging: bool
    ticks: tuple[str, ...]
    few: str
    same: str = ""


def colour(share: float, anchors: Sequence[tuple[int, int, int]] = SEQUENTIAL) -> str:
    """The colour of a share in [0, 1]."""
    place = min(1.0, max(0.0, share)) * (len(anchors) - 1)
    low = min(math.floor(place), len(anchors) - 2)
    mix = [round(a + (b - a) * (place - low)) for a, b in zip(*anchors[low : low + 2], strict=True)]
    return f"rgb({','.join(map(str, mix))})"


def nice_top(top: float, *, share: bool) -> float:
    """A round upper end of a scale: tenths for shares, one digit for counts."""
    if share:
        return min(1.0, max(0.1, math.ceil(top * 10 - 1e-9) / 10))
    if top <= 0:
        return 1.0
    size = 10.0 ** math.floor(math.log10(top))
    return max(1.0, math.ceil(top / size) * size)


def floor_box(shop: Shop) -> Box:
    """The whole floor, or what the fixtures and facings need, in metres."""
    if shop.map_size:
        return (0.0, 0.0, *shop.map_size)
    boxes = [f.on_map for f in shop.fixtures if f.on_map]
    boxes += [p.on_map for f in shop.fixtures for p in f.facings if p.on_map]
    if not boxes:
        return (0.0, 0.0, 10.0, 6.0)
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (
        min(lefts) - MARGIN_M,
        min(tops) - MARGIN_M,
        max(rights) + MARGIN_M,
        max(bottoms) + MARGIN_M,
    )


def plan(shop: Shop, shown: Mapping[str, Shown], *, links: str | None, image: bool) -> Markup:
    """The floor plan with every facing that has a place on it.

    Args:
        shop: The site.
        shown: By facing.
        links: Query that the items' links carry; None draws no links.
        image: Whether the picture of the floor lies beneath.
    """
    box = floor_box(shop)
    scale = WIDTH / (box[2] - box[0])
    parts = [_rect((0, 0, WIDTH, (box[3] - box[1]) * scale), "floor", "#ffffff", "#8d9390")]
    if image:
        parts.append(
            f'<image class="plan-image" href="/api/floor-plan" x="0" y="0" width="{WIDTH:g}" '
            f'height="{_n((box[3] - box[1]) * scale)}" opacity="0.4" preserveAspectRatio="none"/>'
        )
    for fixture in shop.fixtures:
        if fixture.on_map:
            parts.append(
                _rect(_placed(fixture.on_map, box, scale), "fixture", "#d9d5cb", "#b6b1a4")
            )
    for fixture in shop.fixtures:
        for facing in fixture.facings:
            if facing.on_map:
                at = _placed(facing.on_map, box, scale)
                parts.append(_facing(shop, facing, _corners(at), shown, links))
    parts += _names(shop, box, scale, links is not None)
    return _svg(parts, WIDTH, (box[3] - box[1]) * scale)


def front(shop: Shop, fixture: Fixture, shown: Mapping[str, Shown], *, links: str | None) -> Markup:
    """The front of a shelf as its camera sees it, or from above where no camera looks at it; each
    place carries its item's name and figure.
    """
    outlines = {f.id: f.polygon for f in fixture.facings if len(f.polygon) > 2}  # noqa: PLR2004
    if len(outlines) < len(fixture.facings):
        outlines = {
            f.id: tuple((x, y) for x, y in _corners(f.on_map)) for f in fixture.facings if f.on_map
        }
    if not outlines:
        return Markup("")
    boxes = [polygon_box(outline) for outline in outlines.values()]
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    left, top = min(lefts), min(tops)
    scale = WIDTH / max(max(rights) - left, 1e-9)
    height = min((max(bottoms) - top) * scale, 620.0)
    down = height / max(max(bottoms) - top, 1e-9)
    parts = [_rect((0, 0, WIDTH, height), "fixture", "#d9d5cb", "#b6b1a4")]
    for facing in fixture.facings:
        if facing.id not in outlines:
            continue
        points = [((x - left) * scale, (y - top) * down) for x, y in outlines[facing.id]]
        parts.append(_facing(shop, facing, points, shown, links, words=True))
    return _svg(parts, WIDTH, height)


def file(drawing: Markup, height: float, title: Sequence[str], legend: Legend, mark: str) -> str:
    """A drawing as a file of its own, with what it shows, of when, its legend and its mark.

    Args:
        drawing: Of `plan` or `front`.
        height: Of the drawing, in its units.
        title: Title and further lines.
        legend: What the colours mean.
        mark: "" or the words that mark simulated data.
    """
    lines = [
        _text(0, 18 + 19 * i, line, 19 if i == 0 else LABEL, bold=i == 0)
        for i, line in enumerate(title)
    ]
    head = HEAD + max(0, len(title) - 2) * 19
    total = head + height + FOOT
    badge = []
    if mark:
        width = len(mark) * LABEL * 0.7 + 20
        badge = [
            f'<rect x="{_n(WIDTH - width)}" y="0" width="{_n(width)}" height="24" rx="12" '
            'fill="#fcefd2"/>',
            _text(WIDTH - width / 2, 17, mark, LABEL, bold=True, anchor="middle", fill="#7a4b00"),
        ]
    body = [
        f'<rect x="-20" y="-14" width="{WIDTH + 40:g}" height="{_n(total + 28)}" fill="#ffffff"/>',
        *lines,
        *badge,
        f'<svg x="0" y="{_n(head)}" width="{WIDTH:g}" height="{_n(height)}" '
        f'viewBox="0 0 {WIDTH:g} {_n(height)}">{drawing}</svg>',
        f'<g transform="translate(0 {_n(head + height + 16)})">{legend_marks(legend)}</g>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-20 -14 {WIDTH + 40:g} {_n(total + 28)}"'
        f' width="{WIDTH + 40:g}" height="{_n(total + 28)}">{_hatches()}{"".join(body)}</svg>'
    )


def scale_svg(legend: Legend) -> Markup:
    """The colours of the legend alone; the page writes the ticks beside it."""
    return Markup(  # noqa: S704 - numbers only
        '<svg class="legend-scale" viewBox="0 0 420 14" preserveAspectRatio="none">'
        f"{_scale(legend, 420)}</svg>"
    )


def swatch(fill: str) -> Markup:
    """A hatch of the legend alone."""
    return Markup(f'<svg viewBox="0 0 24 14">{_rect((0, 0, 24, 14), "", fill, "#7d8384")}</svg>')  # noqa: S704


def legend_marks(legend: Legend) -> str:
    """A scale with its ticks, and the hatches with their words."""
    wide = 420.0
    parts = [_scale(legend, wide)]
    last = max(1, len(legend.ticks) - 1)
    for i, tick in enumerate(legend.ticks):
        anchor = "start" if i == 0 else "end" if i == last else "middle"
        parts.append(_text(i * wide / last, 32, tick, LABEL, anchor=anchor))
    at = wide + 40
    for fill, words in ((FEW, legend.few), (SAME, legend.same)):
        if words:
            parts.append(_rect((at, 0, at + 24, 14), "", fill, "#7d8384"))
            parts.append(_text(at + 32, 12, words, LABEL))
            at += 60 + _wide(words, LABEL)
    return "".join(parts)


def height_of(drawing: Markup) -> float:
    """The height of a drawing, from its view box."""
    return float(str(drawing).split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


# --- pieces --------------------------------------------------------------------------------------


def _svg(parts: Iterable[str], width: float, height: float) -> Markup:
    return Markup(  # noqa: S704 - all words in it were escaped where they were put in
        f'<svg xmlns="http://www.w3.org/2000/svg" class="map-drawing" viewBox="0 0 {_n(width)} '
        f'{_n(height)}">{_hatches()}{"".join(parts)}</svg>'
    )


def _scale(legend: Legend, wide: float, steps: int = 60) -> str:
    anchors = DIVERGING if legend.diverging else SEQUENTIAL
    return "".join(
        f'<rect x="{_n(i * wide / steps)}" y="0" width="{_n(wide / steps + 0.5)}" height="14" '
        f'fill="{colour(i / (steps - 1), anchors)}"/>'
        for i in range(steps)
    )


def _hatches() -> str:
    return (
        '<defs><pattern id="few" width="7" height="7" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect class="hatch-bg" width="7" height="7" fill="#e9e6de"/>'
        '<path class="hatch-line" d="M0 0V7" stroke="#a9a598" stroke-width="1.4"/></pattern>'
        '<pattern id="same" width="8" height="8" patternUnits="userSpaceOnUse">'
        '<rect class="same-bg" width="8" height="8" fill="#f7f7f7"/>'
        '<circle class="same-dot" cx="4" cy="4" r="1.3" fill="#8a8f90"/></pattern></defs>'
    )


def _facing(  # noqa: PLR0917 - what one place needs
    shop: Shop,
    facing: Facing,
    points: Sequence[tuple[float, float]],
    shown: Mapping[str, Shown],
    links: str | None,
    words: bool = False,
) -> str:
    path = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    told = shown.get(facing.id)
    if facing.item is None or told is None:
        return (
            f'<polygon class="facing vacant" points="{path}" fill="none" stroke="#7d8384" '
            'stroke-dasharray="3 4"/>'
        )
    name = shop.item_name(facing.item)
    label = ", ".join([name, *told.lines])
    shape = (
        f'<polygon class="facing" points="{path}" fill="{told.fill}" stroke="#ffffff" '
        f'stroke-width="1.2" data-facing="{escape(facing.id)}" data-name="{escape(name)}">'
        f"<title>{escape(label)}</title></polygon>"
    )
    if words:
        shape += _words(points, name, told.value)
    if links is None:
        return shape
    where = f"/items/{quote(facing.item, safe='')}?{links}"
    return f'<a href="{escape(where)}" aria-label="{escape(label)}">{shape}</a>'


def _words(points: Sequence[tuple[float, float]], name: str, value: str) -> str:
    """Name and figure on a pale plate, as far as there is room."""
    left, top, right, bottom = polygon_box(tuple(points))
    room = int((right - left - 10) / (LABEL * GLYPH))
    if room < 3 or bottom - top < 18:  # noqa: PLR2004 - no word fits
        return ""
    lines = [_cut(name, room)]
    if bottom - top > 44:  # noqa: PLR2004 - two lines and the plate
        lines.append(_cut(value, room))
    height = 17 * len(lines) + 4
    y = (top + bottom) / 2 - height / 2
    wide = max(_wide(line, LABEL) for line in lines) + 10
    x = (left + right) / 2
    plate = (
        f'<rect class="plate" x="{_n(x - wide / 2)}" y="{_n(y)}" width="{_n(wide)}" '
        f'height="{height}" rx="4" fill="#ffffff" opacity="0.92"/>'
    )
    marks = [' data-figure=""' if i else "" for i in range(len(lines))]
    texts = [
        _text(x, y + 15 + 17 * i, line, LABEL, bold=bool(i), anchor="middle", mark=mark)
        for i, (line, mark) in enumerate(zip(lines, marks, strict=True))
    ]
    return f'<g class="words" pointer-events="none">{plate}{"".join(texts)}</g>'


def _names(shop: Shop, box: Box, scale: float, links: bool) -> list[str]:
    """Names of the fixtures: above each, or below where the wall is."""
    found = []
    for fixture in shop.fixtures:
        if not fixture.on_map:
            continue
        x0, y0, _, y1 = _placed(fixture.on_map, box, scale)
        y = y0 - 5 if y0 > LABEL + 4 else y1 + LABEL + 2
        room = max(8, int((_free(shop, (x0, y), box, scale) - x0) / (LABEL * GLYPH)))
        text = _text(x0, y, _cut(fixture.name, room), LABEL, bold=True, fill="#566166")
        if links:
            text = f'<g data-fixture="{escape(fixture.id)}">{text}</g>'
        found.append(text)
    return found


def _free(shop: Shop, at: tuple[float, float], box: Box, scale: float) -> float:
    """How far right a name that begins there may go: to the next fixture or its name."""
    x, y = at
    boxes = [_placed(f.on_map, box, scale) for f in shop.fixtures if f.on_map]
    return min(
        [left for left, top, _, low in boxes if left > x and top - 2 * LABEL < y < low + 2 * LABEL]
        or [WIDTH]
    )


def _text(
    x: float,
    y: float,
    words: str,
    size: float,
    *,
    bold: bool = False,
    anchor: str = "start",
    fill: str = "#1c2325",
    mark: str = "",
) -> str:
    weight = ' font-weight="600"' if bold else ""
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{size:g}" font-family="{escape(FONT)}"'
        f'{weight}{place} fill="{fill}"{mark}>{escape(words)}</text>'
    )


def _rect(box: Box, name: str, fill: str, stroke: str) -> str:
    x0, y0, x1, y1 = box
    return (
        f'<rect class="{name}" x="{_n(x0)}" y="{_n(y0)}" width="{_n(x1 - x0)}" '
        f'height="{_n(y1 - y0)}" fill="{fill}" stroke="{stroke}"/>'
    )


def _placed(on_map: Box, floor: Box, scale: float) -> Box:
    x0, y0, x1, y1 = on_map
    return (
        (x0 - floor[0]) * scale,
        (y0 - floor[1]) * scale,
        (x1 - floor[0]) * scale,
        (y1 - floor[1]) * scale,
    )


def _corners(box: Box) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _cut(words: str, room: int) -> str:
    """As many signs as there is room for; wide signs count twice."""
    used = 0.0
    for index, sign in enumerate(words):
        used += 1.8 if ord(sign) > 0x2E80 else 1  # noqa: PLR2004 - from here on CJK
        if used > room:
            return words[: max(1, index - 1)] + "\N{HORIZONTAL ELLIPSIS}"
    return words


def _wide(words: str, size: float) -> float:
    return sum(size * (1.0 if ord(sign) > 0x2E80 else GLYPH) for sign in words)  # noqa: PLR2004


def _n(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")

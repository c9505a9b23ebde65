"""Draws the workflow as ``docs/assets/aeras_flowchart.svg``: run by ``make docs``.

The chart is data (`STEPS`, `ARROWS`); the drawing below only places it on a grid.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "docs" / "assets" / "aeras_flowchart.svg"
COLUMN, ROW, WIDTH, HEIGHT, TOP, LEFT = 200, 132, 168, 76, 48, 28


@dataclass(frozen=True, slots=True)
class Step:
    """One box: grid column and row, a title and a line that explains it."""

    id: str
    column: int
    row: int
    title: str
    detail: str
    shape: str = "box"


LANES = (
    (0, "Seen: in the camera's worker, in memory only", "#dbe9f6", "#1d4f7c"),
    (1, "Kept: anonymous records and published numbers", "#e3f1e2", "#26602b"),
    (2, "People: shoppers who choose to answer, and the store's team", "#fbeedb", "#7a4a09"),
)
STEPS = (
    Step("enter", 0, 0, "Customer enters", "a visit begins; its id dies with it"),
    Step("shelf", 1, 0, "Interacts with shelf", "dwell, reach, take, put back"),
    Step("read", 2, 0, "Expression read", "or abstained: small, turned, blurred"),
    Step("map", 3, 0, "Item mapped", "facing and planogram give the item"),
    Step("fuse", 4, 0, "Reaction fused", "behaviour carries, expression supports"),
    Step("log", 4, 1, "Event logged", "coarse time, no id, no picture"),
    Step("rate", 3, 1, "Evidence weighed", "rejections against the rule, with n"),
    Step("decide", 2, 1, "Too often?", "above the rule, not cooling down", "diamond"),
    Step("board", 1, 1, "Dashboard", "map, items, rates with intervals"),
    Step("action", 2, 2, "Action triggered", "survey on kiosk and QR, consent first"),
    Step("answer", 3, 2, "Shopper answers", "rating, reason, own words, receipt"),
    Step("approve", 1, 2, "Team decides", "nothing changes without a person"),
    Step("change", 0, 2, "Shelf changes", "price, label, place; then measured"),
)
ARROWS = (
    ("enter", "shelf", ""),
    ("shelf", "read", ""),
    ("read", "map", ""),
    ("map", "fuse", ""),
    ("fuse", "log", "privacy gate"),
    ("log", "rate", ""),
    ("rate", "decide", ""),
    ("decide", "board", "no"),
    ("decide", "action", "yes"),
    ("action", "answer", ""),
    ("answer", "rate", "answers"),
    ("action", "approve", ""),
    ("board", "approve", ""),
    ("approve", "change", ""),
    ("change", "enter", "next visit"),
)


def _centre(step: Step) -> tuple[float, float]:
    return LEFT + step.column * COLUMN + WIDTH / 2, TOP + step.row * ROW + HEIGHT / 2


def _box(step: Step) -> str:
    x, y = _centre(step)
    stroke = LANES[step.row][3]
    if step.shape == "diamond":
        half = WIDTH / 2 + 10
        points = f"{x - half},{y} {x},{y - 52} {x + half},{y} {x},{y + 52}"
        outline = f'<polygon points="{points}" fill="#fff" stroke="{stroke}" stroke-width="1.6"/>'
    else:
        outline = (
            f'<rect x="{x - WIDTH / 2}" y="{y - HEIGHT / 2}" width="{WIDTH}" height="{HEIGHT}" '
            f'rx="10" fill="#fff" stroke="{stroke}" stroke-width="1.6"/>'
        )
    lines = _wrap(step.detail, 26)
    first = y - 6 - (len(lines) - 1) * 6 + (5 if step.shape == "diamond" else 0)
    title = f'<text x="{x}" y="{first}" class="t">{escape(step.title)}</text>'
    details = "".join(
        f'<text x="{x}" y="{first + 17 + n * 14}" class="d">{escape(line)}</text>'
        for n, line in enumerate(lines)
    )
    return outline + title + details


def _wrap(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _edge(step: Step, towards: Step) -> tuple[float, float]:
    """Where an arrow leaves a box: the side that faces the other box."""
    x, y = _centre(step)
    dx, dy = towards.column - step.column, towards.row - step.row
    if dy == 0:
        reach = WIDTH / 2 + (10 if step.shape == "diamond" else 0)
        return x + (reach if dx > 0 else -reach), y
    reach = 52 if step.shape == "diamond" else HEIGHT / 2
    return x, y + (reach if dy > 0 else -reach)


def _arrow(source: Step, target: Step, label: str) -> str:
    (x0, y0), (x1, y1) = _edge(source, target), _edge(target, source)
    line = f'<path d="M{x0},{y0} L{x1},{y1}" class="a" marker-end="url(#tip)"/>'
    if not label:
        return line
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    across = y0 == y1
    width = 7 * len(label) + 8
    left = x - width / 2 if across else x + 6
    top = y - 22 if across else y - 9
    return (
        f'{line}<rect x="{left}" y="{top}" width="{width}" height="18" rx="4" class="lb"/>'
        f'<text x="{left + width / 2}" y="{top + 13}" class="l">{escape(label)}</text>'
    )


def draw() -> str:
    """The chart as SVG text."""
    width = LEFT * 2 + COLUMN * 4 + WIDTH
    height = TOP + ROW * 3 - 36
    by_id = {step.id: step for step in STEPS}
    lanes = "".join(
        f'<rect x="8" y="{TOP - 38 + row * ROW}" width="{width - 16}" height="{ROW - 6}" rx="12" '
        f'fill="{fill}"/>'
        for row, _, fill, _ in LANES
    )
    # Drawn last, with a halo of the lane's colour, so that arrows do not cross the words.
    names = "".join(
        f'<text x="20" y="{TOP - 19 + row * ROW}" class="n" fill="{ink}" stroke="{fill}">'
        f"{escape(name)}</text>"
        for row, name, fill, ink in LANES
    )
    arrows = "".join(_arrow(by_id[a], by_id[b], label) for a, b, label in ARROWS)
    boxes = "".join(_box(step) for step in STEPS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'aria-labelledby="title desc" font-family="system-ui, sans-serif">\n'
        '<title id="title">How AERAS works</title>\n'
        f'<desc id="desc">{escape(_in_words(by_id))}</desc>\n'
        "<style>.t{font-weight:600;font-size:14px;text-anchor:middle;fill:#1b1f24}"
        ".d{font-size:11.5px;text-anchor:middle;fill:#4a525c}"
        ".l{font-size:11.5px;text-anchor:middle;fill:#1b1f24}"
        ".lb{fill:#fff;stroke:#b8bec6}.n{font-size:12.5px;font-weight:600;stroke-width:6px;paint-order:stroke}"
        ".a{fill:none;stroke:#4a525c;stroke-width:1.6}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#4a525c"/></marker></defs>'
        f'\n<rect width="{width}" height="{height}" rx="14" fill="#fff"/>\n'
        f"{lanes}\n{arrows}\n{boxes}\n{names}\n</svg>\n"
    )


def _in_words(by_id: dict[str, Step]) -> str:
    return "; ".join(
        f"{by_id[a].title} to {by_id[b].title}{f' ({label})' if label else ''}"
        for a, b, label in ARROWS
    )


def main() -> None:
    """Writes the chart, or with ``--check`` fails when the committed one is stale."""
    if "--check" in sys.argv:
        sys.exit(0 if TARGET.is_file() and TARGET.read_text() == draw() else 1)
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(draw())


if __name__ == "__main__":
    main()

"""The one-page report: what stands on it, in words that are ready, and the page as HTML.

The HTML needs nothing but itself: no script, no address, its own style and drawings; it prints on
one sheet of A4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Head and rows."""

HOT = (165, 51, 28)
COLD = (231, 238, 236)
MOST = 0.4
"""Share from which on a place is drawn darkest."""


@dataclass(frozen=True, slots=True)
class Place:
    """A facing on the map (xyxy metres) with its share, None if it is withheld."""

    box: tuple[float, float, float, float]
    share: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The map in small: its size in metres, fixtures' outlines, facings."""

    size: tuple[float, float]
    fixtures: Sequence[tuple[float, float, float, float]]
    places: Sequence[Place]
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """A heading with lines and perhaps a table."""

    heading: str
    lines: Sequence[str] = ()
    table: Table | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The page.

    Attributes:
        language: BCP 47.
        title, under, badge: Site, days; what is said of simulated data, "" if there is none.
        look: What to look at first.
        things: Heading and lines of evidence of each.
        figures, plan, items, rest: The parts in their order; ``items`` stand side by side.
        fine: Small print.
    """

    language: str
    title: str
    under: str
    badge: str
    look: str
    things: Sequence[tuple[str, Sequence[str]]]
    figures: Part
    plan_title: str
    plan: Plan | None
    plan_none: str
    items: Sequence[Part]
    rest: Sequence[Part]
    fine: str = ""
    notes: Sequence[str] = field(default_factory=tuple)


def colour(share: float) -> tuple[int, int, int]:
    """Darker for more, from `COLD` to `HOT`."""
    part = min(1.0, share / MOST)
    return tuple(round(c + (h - c) * part) for c, h in zip(COLD, HOT, strict=True))  # type: ignore[return-value]


_CSS = """
@page { size: A4; margin: 9mm; }
:root { font: 8.4pt/1.32 system-ui, "Noto Sans", "Liberation Sans", sans-serif; color: #1c2325; }
body { max-width: 192mm; margin: 6mm auto; padding: 0 4mm; background: #fff; }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 6mm; }
h1 { font-size: 15pt; margin: 0; } h2 { font-size: 10pt; margin: 3mm 0 1mm; }
h3 { font-size: 9pt; margin: 0 0 .6mm; } p, ul { margin: 0 0 1mm; } ul { padding-left: 4mm; }
.muted, .note { color: #566166; } .note { font-size: 7.6pt; }
.badge { background: #fcefd2; color: #7a4b00; padding: .6mm 2mm; border-radius: 2mm; }
.things { display: grid; grid-template-columns: repeat(3, 1fr); gap: 4mm; }
.things > div { border-left: 1mm solid #0f5e63; padding-left: 2.5mm; overflow-wrap: anywhere; }
.two { display: grid; grid-template-columns: 1fr 1fr; gap: 0 6mm; }
.three { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 5mm; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .5mm 1.5mm .5mm 0;
  border-bottom: .2mm solid #d9d5cb; overflow-wrap: anywhere; vertical-align: top; }
th { font-weight: 600; overflow-wrap: normal; } td:not(:first-child) { white-space: nowrap; }
svg { width: 100%; max-height: 52mm; }
@media (max-width: 640px) { .two, .three, .things { grid-template-columns: 1fr; } }
@media print { body { margin: 0; padding: 0; max-width: none; } section { break-inside: avoid; } }
"""


def report_html(report: Report) -> bytes:
    """The page as one HTML file."""
    badge = f"<span class=badge>{escape(report.badge)}</span>" if report.badge else ""
    things = "".join(
        f"<div><h3>{escape(heading)}</h3>{_list(lines)}</div>" for heading, lines in report.things
    )
    plan = _svg(report.plan) if report.plan else f"<p>{escape(report.plan_none)}</p>"
    words = f"<p class=note>{escape(report.plan.words)}</p>" if report.plan else ""
    notes = "".join(f"<p class=note>{escape(note)}</p>" for note in report.notes)
    body = (
        f"<header><div><h1>{escape(report.title)}</h1>"
        f"<p class=muted>{escape(report.under)}</p></div>{badge}</header>"
        f"<section><h2>{escape(report.look)}</h2><div class=things>{things}</div></section>"
        f"<div class=two>{_part(report.figures)}"
        f"<section><h2>{escape(report.plan_title)}</h2>{plan}{words}</section></div>"
        f"<div class=two>{''.join(map(_part, report.items))}</div>{notes}"
        f"<div class=three>{''.join(map(_part, report.rest))}</div>"
        f"<p class=note>{escape(report.fine)}</p>"
    )
    return (
        f'<!doctype html><html lang="{report.language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(report.title)}</title>'
        f"<style>{_CSS}</style></head><body>{body}</body></html>\n"
    ).encode()


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>" if lines else ""


def _part(part: Part) -> str:
    table = ""
    if part.table:
        head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in part.table[0])
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
            for row in part.table[1]
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    note = f"<p class=note>{escape(part.note)}</p>" if part.note else ""
    return f"<section><h2>{escape(part.heading)}</h2>{_list(part.lines)}{table}{note}</section>"


def _svg(plan: Plan) -> str:
    """The map; lengths are metres."""
    width, height = plan.size
    hatch = (
        '<defs><pattern id="few" width=".3" height=".3" patternUnits="userSpaceOnUse">'
        '<path d="M0 .3.3 0" stroke="#8a9296" stroke-width=".04"/></pattern></defs>'
    )
    frame = f'<rect width="{width:g}" height="{height:g}" fill="none" {_LINE}/>'
    outlines = "".join(f'<rect {_box(box)} fill="none" {_LINE}/>' for box in plan.fixtures)
    places = "".join(f'<rect {_box(p.box)} fill="{_fill(p.share)}" {_LINE}/>' for p in plan.places)
    label = escape(plan.words, quote=True)
    return (
        f'<svg viewBox="-.1 -.1 {width + 0.2:g} {height + 0.2:g}" role="img" '
        f'aria-label="{label}">{hatch}{frame}{outlines}{places}</svg>'
    )


_LINE = 'stroke="#7d8384" stroke-width=".03"'


def _box(box: tuple[float, float, float, float]) -> str:
    x0, y0, x1, y1 = box
    return f'x="{x0:g}" y="{y0:g}" width="{x1 - x0:g}" height="{y1 - y0:g}"'


def _fill(share: float | None) -> str:
    return "url(#few)" if share is None else "rgb({},{},{})".format(*colour(share))

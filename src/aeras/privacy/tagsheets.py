"""Tags and cards to be printed: A4 pages, at their true size."""

from __future__ import annotations

import io
from dataclasses import dataclass

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from aeras.privacy.marker import MODULES, tag_image


@dataclass(frozen=True, slots=True)
class Sheet:
    """One kind of tag: what it is for, its black square's side, how many stand on a page."""

    name: str
    side_mm: float
    rows: int
    words: tuple[str, ...]


BACK = Sheet("back", 140.0, 1, ("Staff · Personal", "on the back, between the shoulder blades"))
CHEST = Sheet("chest", 120.0, 1, ("Staff · Personal", "on the upper chest"))
LANYARD = Sheet("lanyard", 78.0, 2, ("Staff · Personal", "short lanyard, on the upper chest"))
OBJECTION = Sheet(
    "objection card",
    90.0,
    2,
    ("The cameras leave me out", "Die Kameras lassen mich aus", "carry it openly · offen tragen"),
)
STAFF = (BACK, CHEST, LANYARD)
_LINE_MM = 6.0


def tag_sheets(staff: int, objection: int) -> bytes:
    """A PDF with a page of each staff tag, all of one number, and a page of objection cards."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.setTitle("AERAS tags")
    for sheet, number in [*((one, staff) for one in STAFF), (OBJECTION, objection)]:
        for row in range(sheet.rows):
            _draw(canvas, sheet, number, A4[1] * (row + 0.5) / sheet.rows)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _draw(canvas: Canvas, sheet: Sheet, number: int, middle: float) -> None:
    """One tag with its white margin, a line to cut along, and its words."""
    cell = sheet.side_mm / MODULES * mm
    cells = tag_image(number, 1) < 128  # noqa: PLR2004 - dark
    count = len(cells)
    whole = count * cell
    words = [*sheet.words, f"tag {number}, size_mm {sheet.side_mm:g}"]
    text = (len(words) + 0.5) * _LINE_MM * mm
    left, top = (A4[0] - whole) / 2, middle + (whole + text) / 2
    canvas.setFillGray(0)
    for y, row in enumerate(cells):
        for x, dark in enumerate(row):
            if dark:  # a hair larger, so that no white line shows between two
                at = (left + x * cell, top - (y + 1) * cell)
                canvas.rect(*at, cell + 0.2, cell + 0.2, stroke=0, fill=1)
    for n, line in enumerate(words):
        canvas.setFont("Helvetica-Bold" if n == 0 else "Helvetica", 12 if n == 0 else 9)
        canvas.drawCentredString(A4[0] / 2, top - whole - (n + 0.7) * _LINE_MM * mm, line)
    canvas.setDash(2, 3)
    canvas.setStrokeGray(0.6)
    canvas.rect(left, top - whole - text, whole, whole + text, stroke=1, fill=0)

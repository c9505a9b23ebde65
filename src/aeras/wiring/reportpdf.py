"""The one-page report as PDF, without a browser."""

from __future__ import annotations

import io
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepInFrame, SimpleDocTemplate, Spacer, TableStyle
from reportlab.platypus import Table as PdfTable

from aeras.insight.report import Part, Plan, Report, Table, colour
from aeras.privacy.printing import BOLD, PLAIN, load_fonts, para

MARGIN = 11 * mm
WIDTH, HEIGHT = A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN - 12
GAP = 5 * mm
_LINE = colors.HexColor("#d9d5cb")


def report_pdf(report: Report) -> bytes:
    """The page on one sheet of A4; what is too long is set smaller."""
    load_fonts()
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        title=report.title,
        author="AERAS",
        lang=report.language,
        displayDocTitle=True,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
    ).build([KeepInFrame(WIDTH, HEIGHT, _Sheet().flow(report), mode="shrink")])
    return out.getvalue()


class _Sheet:
    """The styles of a page."""

    def __init__(self) -> None:
        self.text = ParagraphStyle("text", fontName=PLAIN, fontSize=7.4, leading=9.6)
        self.note = ParagraphStyle("note", parent=self.text, fontSize=6.4, leading=8.2)
        self.bold = ParagraphStyle("bold", parent=self.text, fontName=BOLD)
        self.heading = ParagraphStyle(
            "heading", parent=self.bold, fontSize=9, leading=11, spaceBefore=7, spaceAfter=2
        )
        self.title = ParagraphStyle("title", parent=self.bold, fontSize=14, leading=17)

    def flow(self, report: Report) -> list[Flowable]:
        """The parts from top to bottom."""
        under = f"{report.under} · {report.badge}" if report.badge else report.under
        things = [
            [para(heading, self.bold), *(para(f"· {line}", self.text) for line in lines)]
            for heading, lines in report.things
        ]
        plan: list[Flowable] = [para(report.plan_title, self.heading)]
        half = (WIDTH - GAP) / 2
        if report.plan:
            plan += [_Drawing(report.plan, half), para(report.plan.words, self.note)]
        else:
            plan.append(para(report.plan_none, self.text))
        return [
            para(report.title, self.title),
            para(under, self.text),
            para(report.look, self.heading),
            _beside(things, WIDTH),
            _beside([self.part(report.figures, half), plan], WIDTH),
            _beside([self.part(part, half) for part in report.items], WIDTH),
            *(para(note, self.note) for note in report.notes),
            _beside([self.part(part, (WIDTH - 2 * GAP) / 3) for part in report.rest], WIDTH),
            Spacer(1, 5),
            para(report.fine, self.note),
        ]

    def part(self, part: Part, width: float) -> list[Flowable]:
        """One part."""
        found = [para(part.heading, self.heading)]
        found += [para(f"· {line}", self.text) for line in part.lines]
        if part.table:
            found.append(self.table(part.table, width))
        if part.note:
            found.append(para(part.note, self.note))
        return found

    def table(self, table: Table, width: float) -> Flowable:
        """A table whose first column is twice as wide as the others."""
        rows = [[para(cell, self.bold) for cell in table[0]]]
        rows += [[para(cell, self.text) for cell in row] for row in table[1]]
        unit = width / (len(table[0]) + 1)
        made = PdfTable(rows, colWidths=[2 * unit, *[unit] * (len(table[0]) - 1)])
        made.setStyle(
            TableStyle(
                [
                    ("LINEBELOW", (0, 0), (-1, -1), 0.3, _LINE),
                    *(
                        (f"{side}PADDING", (0, 0), (-1, -1), pad)
                        for side, pad in (("LEFT", 0), ("RIGHT", 3), ("TOP", 1), ("BOTTOM", 1))
                    ),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ]
            )
        )
        return made


def _beside(columns: list[list[Flowable]], width: float) -> Flowable:
    """Parts side by side."""
    if not columns:
        return Spacer(1, 1)
    each = (width - GAP * (len(columns) - 1)) / len(columns)
    made = PdfTable([columns], colWidths=[each + GAP] * (len(columns) - 1) + [each])
    made.setStyle(
        TableStyle(
            [
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-2, -1), GAP),
                ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
                ("TOPPADDING", (0, 0), (-1, -1), 0),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return made


class _Drawing(Flowable):  # type: ignore[misc]
    """The map in small."""

    def __init__(self, plan: Plan, width: float) -> None:
        super().__init__()
        self.plan = plan
        self.scale = min(width / plan.size[0], 48 * mm / plan.size[1])
        self.width, self.height = plan.size[0] * self.scale, plan.size[1] * self.scale

    def draw(self) -> None:
        """Draws outlines, then places; a withheld one is crossed out."""
        canvas: Any = self.canv
        canvas.setLineWidth(0.4)
        canvas.setStrokeColor(colors.HexColor("#7d8384"))
        canvas.rect(0, 0, self.width, self.height)
        for box in self.plan.fixtures:
            canvas.rect(*self._at(box), fill=0)
        for place in self.plan.places:
            x, y, width, height = self._at(place.box)
            if place.share is None:
                canvas.rect(x, y, width, height, fill=0)
                canvas.line(x, y, x + width, y + height)
            else:
                canvas.setFillColor(colors.Color(*(part / 255 for part in colour(place.share))))
                canvas.rect(x, y, width, height, fill=1)

    def _at(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Left, bottom, width and height on paper; the map's y grows downwards."""
        x0, y0, x1, y1 = (value * self.scale for value in box)
        return x0, self.height - y1, x1 - x0, y1 - y0

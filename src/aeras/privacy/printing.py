"""Documents and signs as HTML for printing and as PDF."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from functools import cache
from html import escape
from typing import Any

import segno
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    Flowable,
    ListFlowable,
    PageBreak,
    Paragraph,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Table as PdfTable

from aeras.privacy.papers import Document, Facts, Part, Sign, Table, sign

_JAPANESE = "HeiseiKakuGo-W5"
"""One of the fonts that PDF readers bring along, so that none need be shipped."""
PLAIN, BOLD = "Vera", "Vera-Bold"

_CSS = """
:root { font: 11pt/1.5 system-ui, "Noto Sans", "Liberation Sans", sans-serif; color: #1c2325; }
body { max-width: 190mm; margin: 12mm auto; padding: 0 6mm; }
h1 { font-size: 19pt; line-height: 1.2; } h2 { font-size: 12.5pt; margin: 7mm 0 2mm; }
.under { color: #566166; } table { border-collapse: collapse; width: 100%; margin: 2mm 0; }
th, td { border: 1px solid #c9c5bb; padding: 1.5mm 2mm; text-align: left; vertical-align: top;
  font-size: 9pt; overflow-wrap: anywhere; } th { background: #efede7; }
@media print { body { margin: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
.sign { border: 3px solid #1c2325; border-radius: 6mm; padding: 10mm; margin: 8mm 0;
  break-inside: avoid; break-after: page; }
.sign:last-child { break-after: auto; }
.sign h1 { font-size: 26pt; margin: 0 0 5mm; } .sign.shelf h1 { font-size: 17pt; }
.sign p { font-size: 15pt; margin: 2mm 0; } .sign.shelf p { font-size: 11pt; }
.sign svg { width: 42mm; height: 42mm; } .sign .more { display: flex; gap: 6mm;
  align-items: center; margin-top: 6mm; font-size: 11pt; overflow-wrap: anywhere; }
"""


def document_html(document: Document) -> bytes:
    """A page of its own, for reading and printing."""
    parts = "".join(_part_html(part) for part in document.parts)
    head = f"<h1>{escape(document.title)}</h1><p class=under>{escape(document.under)}</p>"
    return _page(document.title, document.language, head + parts)


def signs_html(facts: Facts, languages: Sequence[str]) -> bytes:
    """One door sign a language, then one shelf sign a language."""
    signs = [sign(facts, language) for language in languages]
    doors = "".join(_sign_html(facts, one, one.door, "door") for one in signs)
    shelves = "".join(_sign_html(facts, one, one.shelf, "shelf") for one in signs)
    return _page(f"{facts.notice or 'Notice'}: {facts.site}", languages[0], doors + shelves)


def _page(title: str, language: str, body: str) -> bytes:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{_CSS}</style></head><body>{body}</body></html>"
    ).encode()


def _part_html(part: Part) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in part.text)
    points = "".join(f"<li>{escape(line)}</li>" for line in part.points)
    tables = "".join(_table_html(table) for table in part.tables)
    listed = f"<ul>{points}</ul>" if points else ""
    return f"<h2>{escape(part.heading)}</h2>{text}{listed}{tables}"


def _table_html(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table[0])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table[1]
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _sign_html(facts: Facts, one: Sign, heading: str, kind: str) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in one.lines)
    more = ""
    if facts.url:
        code = segno.make(facts.url, micro=False).svg_inline(border=2, omitsize=True)
        more = f"<div class=more>{code}<span>{escape(one.more)}<br>{escape(facts.url)}</span></div>"
    return (
        f'<section class="sign {kind}" lang="{one.language}"><h1>{escape(heading)}</h1>'
        f"{lines}{more}</section>"
    )


# --- PDF ----------------------------------------------------------------------------------------


def document_pdf(document: Document) -> bytes:
    """The document as A4 pages with numbers."""
    load_fonts()
    normal = ParagraphStyle("text", fontName=PLAIN, fontSize=10, leading=14, spaceAfter=4)
    small = ParagraphStyle("cell", parent=normal, fontSize=7.5, leading=9.5, splitLongWords=True)
    title = ParagraphStyle("title", parent=normal, fontName=BOLD, fontSize=18, leading=22)
    heading = ParagraphStyle(
        "heading", parent=title, fontSize=12, leading=15, spaceBefore=12, keepWithNext=True
    )
    flow: list[Flowable] = [para(document.title, title), para(document.under, normal)]
    for part in document.parts:
        flow.append(_Heading(part.heading, heading))
        flow += [para(line, normal) for line in part.text]
        if part.points:
            flow.append(ListFlowable([para(x, normal) for x in part.points], bulletType="bullet"))
        flow += [_table_pdf(table, small) for table in part.tables]
    return _build(document.title, flow, document.language)


def signs_pdf(facts: Facts, languages: Sequence[str]) -> bytes:
    """One page a sign."""
    load_fonts()
    flow: list[Flowable] = []
    for kind, size in (("door", 30), ("shelf", 22)):
        for language in languages:
            one = sign(facts, language)
            flow += [*_sign_pdf(facts, one, getattr(one, kind), size), PageBreak()]
    return _build(f"{facts.notice or 'Notice'}: {facts.site}", flow[:-1], languages[0])


def _sign_pdf(facts: Facts, one: Sign, heading: str, size: int) -> list[Flowable]:
    japanese = one.language == "ja"
    bold, plain = (_JAPANESE, _JAPANESE) if japanese else (BOLD, PLAIN)
    wrap: Any = "CJK" if japanese else None
    big = ParagraphStyle(
        "big", fontName=bold, fontSize=size, leading=size * 1.25, spaceAfter=16, wordWrap=wrap
    )
    text = ParagraphStyle(
        "line",
        fontName=plain,
        fontSize=size * 0.55,
        leading=size * 0.8,
        spaceAfter=8,
        wordWrap=wrap,
    )
    flow: list[Flowable] = [para(heading, big), *(para(line, text) for line in one.lines)]
    if facts.url:
        flow += [Spacer(1, 14), _Code(facts.url), para(one.more, text), para(facts.url, text)]
    return flow


class _Code(Flowable):  # type: ignore[misc]
    """A QR code, 45 mm wide."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows = [list(row) for row in segno.make(text, micro=False).matrix]
        self.width = self.height = 45 * mm

    def draw(self) -> None:
        """Fills a square for each dark module."""
        step = self.width / len(self.rows)
        for y, row in enumerate(self.rows):
            for x, dark in enumerate(row):
                if dark:
                    top = self.height - (y + 1) * step
                    self.canv.rect(x * step, top, step, step, stroke=0, fill=1)


def para(text: str, style: Any) -> Flowable:
    """A paragraph; what the embedded fonts lack is set in the Japanese one."""
    if style.fontName != _JAPANESE and not _drawable(text):
        style = ParagraphStyle("wide", parent=style, fontName=_JAPANESE, wordWrap="CJK")
    return Paragraph(escape(text), style)


def _drawable(text: str) -> bool:
    glyphs = pdfmetrics.getFont(PLAIN).face.charToGlyph
    return all(ord(sign) in glyphs for sign in text if not sign.isspace())


class _Heading(Paragraph):  # type: ignore[misc]
    """A heading that also stands in the outline, by which readers and screen readers jump."""

    def __init__(self, text: str, style: Any) -> None:
        super().__init__(escape(text), style)
        self.plain = text

    def draw(self) -> None:
        """Marks its place and draws it."""
        key = hashlib.sha256(self.plain.encode()).hexdigest()
        self.canv.bookmarkPage(key)
        self.canv.addOutlineEntry(self.plain, key)
        super().draw()


@cache
def load_fonts() -> None:
    """Makes the fonts known; they must be before a paragraph is made."""
    pdfmetrics.registerFont(TTFont(PLAIN, "Vera.ttf"))  # come with reportlab, and are embedded
    pdfmetrics.registerFont(TTFont(BOLD, "VeraBd.ttf"))
    pdfmetrics.registerFont(UnicodeCIDFont(_JAPANESE))


def _table_pdf(table: Table, style: Any) -> Flowable:
    rows = [[para(cell, style) for cell in row] for row in (table[0], *table[1])]
    made = PdfTable(rows, repeatRows=1, colWidths=_widths(table))
    made.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.4, colors.HexColor("#c9c5bb")),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#efede7")),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ]
        )
    )
    return made


def _widths(table: Table) -> list[float]:
    """Wider columns for longer texts, none below 16 mm, 174 mm in all."""
    width = 174.0
    columns = list(zip(table[0], *table[1], strict=True))
    wishes = [max(1.0, sum(len(cell) for cell in column) ** 0.5) for column in columns]
    least = min(16.0, width / len(columns))
    spare = width - least * len(columns)
    return [(least + spare * wish / sum(wishes)) * mm for wish in wishes]


def _build(title: str, flow: list[Flowable], language: str) -> bytes:
    out = io.BytesIO()
    SimpleDocTemplate(
        out,
        pagesize=A4,
        title=title,
        author="AERAS",
        lang=language,
        displayDocTitle=True,
        leftMargin=18 * mm,
        rightMargin=18 * mm,
    ).build(flow, onFirstPage=_number, onLaterPages=_number)
    return out.getvalue()


def _number(canvas: Canvas, _document: Any) -> None:
    canvas.setFont(PLAIN, 8)
    canvas.drawRightString(192 * mm, 10 * mm, str(canvas.getPageNumber()))

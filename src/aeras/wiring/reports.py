"""The one-page report of a shop: what the pages show, worded, and how sure each rank is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from aeras.domain.attention import Seen, Thing, to_look_at
from aeras.domain.kept import Origin, TriggerState
from aeras.domain.ports import Board, Clock
from aeras.domain.published import ItemRow, Rate, SurveySummary, Totals, TriggerRow
from aeras.domain.reporting import Span
from aeras.domain.shelves import Shelves
from aeras.insight.ranks import Floats, draws, ranks
from aeras.insight.report import Part, Place, Plan, Report, report_html
from aeras.serve import look
from aeras.serve.words import Words

WORST = 5
"""Items named on each side."""
LINES = 4
KEYS = ("visits", "takes", "put_backs")
RATES = ("rejection", "hesitation", "positive", "unclear")


class Reports:
    """Implements `aeras.domain.reporting.ReportDesk`.

    Args:
        board: The gated numbers.
        shelves: What the shelves show, None where nothing is known of them.
        clock: UTC.
    """

    def __init__(self, board: Board, shelves: Shelves | None, clock: Clock) -> None:
        self._board = board
        self._shelves = shelves
        self._clock = clock

    def page(self, form: str, span: Span, language: str) -> bytes:
        """The page over some days as HTML or PDF."""
        report = self.report(span, language)
        return report_html(report) if form == "html" else _pdf(report)

    def mail(self, span: Span, language: str, url: str) -> tuple[str, str, bytes]:
        """Title and text of a mail, what to look at and where all of it is, and the page as PDF.

        Args:
            span: Its days.
            language: Of the words.
            url: Of the page, "" if it has none that the reader can open.
        """
        report = self.report(span, language)
        words = self._words(language, self._clock())
        day = words.span(span.first, span.last)
        title = words.t("report.mail.title", site=self._board.shop.name, day=day)
        blocks = [report.badge, report.under]
        for heading, lines in report.things:
            blocks.append("\n".join([heading, *(f"- {line}" for line in lines)]))
        blocks.append(words.t("report.mail.more", url=url) if url else "")
        return title, "\n\n".join(block for block in blocks if block), _pdf(report)

    def report(self, span: Span, language: str) -> Report:
        """What stands on the page."""
        now = self._clock()
        shelf = self._shelves.now() if self._shelves and self._shelves.watched else ()
        seen = Seen.of(self._board, span, shelf, now)
        words = self._words(language, now)
        return _Worded(words, self._board.k).report(seen, now, span, self._board, self._shelves)

    def _words(self, language: str, now: datetime) -> Words:
        shop = self._board.shop
        return Words(language, shop.timezone, now, shop.currency)


class _Worded:
    """Puts figures into a language's words."""

    def __init__(self, words: Words, k: int) -> None:
        self.w, self.t, self.k = words, words.t, k

    def report(
        self, seen: Seen, now: datetime, span: Span, board: Board, shelves: Shelves | None
    ) -> Report:
        things = [self.thing(thing) for thing in to_look_at(seen)]
        share = _simulated(seen)
        made = self.w.moment(now, True)
        return Report(
            language=self.w.language,
            title=f"{board.shop.name}: {self.t('report.title')}",
            under=f"{self.w.span(span.first, span.last)} · {self.t('report.made', when=made)}",
            badge=self.t("report.simulated", share=self.w.pct(share)) if share else "",
            look=self.t("look.title" if len(things) == 3 else "look.title.fewer"),  # noqa: PLR2004 - its words say three
            things=things or [(self.t("look.none.title"), look.nothing(self.w, seen.totals))],
            figures=self.figures(seen.totals),
            plan_title=self.t("report.map"),
            plan=self.plan(board, span),
            plan_none=self.t("report.map.none"),
            items=self.items(seen.items),
            rest=(
                self.triggers(seen.triggers, span),
                self.surveys(seen),
                self.stock(shelves, span, seen),
            ),
            fine=self.t("report.fine", k=self.k),
            notes=(self.t("report.rank.note"),) if len(_ranked(seen.items)) > 1 else (),
        )

    # --- what to look at ---------------------------------------------------------------------

    def thing(self, thing: Thing) -> tuple[str, list[str]]:
        """Its heading and its lines of evidence."""
        lines = look.evidence(self.w, thing, self.k)
        return self.t(f"look.{thing.kind}", name=thing.name), lines

    # --- figures -----------------------------------------------------------------------------

    def figures(self, totals: Totals) -> Part:
        """The shop's figures with interval and n."""
        numbers = totals.numbers
        few = self.t("withheld.short", k=self.k)
        rows: list[tuple[str, ...]] = []
        for key in KEYS:
            count = getattr(numbers, key)
            rows.append(
                (self.t(f"total.{key}"), few if count is None else self.w.num(count), "", "")
            )
        for key in RATES:
            rate = getattr(numbers, key)
            told = [few, "", ""]
            if rate:
                told = [self.w.pct(rate.value, 1), self.w.interval(rate), self.w.num(rate.n)]
            rows.append((self.t(f"total.{key}"), *told))
        coverage = few if numbers.coverage is None else self.w.pct(numbers.coverage)
        rows.append((self.t("report.coverage"), coverage, "", ""))
        head = tuple(self.t(f"report.{name}") for name in ("figure", "value", "range", "n"))
        return Part(self.t("report.figures"), table=(head, rows))

    def items(self, rows: Sequence[ItemRow]) -> tuple[Part, ...]:
        """The worst and the best, with how sure their rank is."""
        ranked = _ranked(rows)
        if not ranked:
            none = self.t("report.items.none", k=self.k)
            return (Part(self.t("report.items.worst"), (none,)),)
        top = min(10, max(1, len(ranked) // 3))
        drawn = _drawn(ranked)
        (worst, _), (best, _) = ranks(drawn, top), ranks(-drawn, top)
        order = sorted(range(len(ranked)), key=lambda i: -ranked[i][1].value)
        low = [i for i in reversed(order) if i not in order[:WORST]][:WORST]
        return (
            self.side("worst", [(*ranked[i], worst[i]) for i in order[:WORST]], top),
            self.side("best", [(*ranked[i], best[i]) for i in low], top),
        )

    def side(self, which: str, rows: Sequence[tuple[ItemRow, Rate, float]], top: int) -> Part:
        """One side of the ranking."""
        rank = "report.rank" if which == "worst" else "report.rank.best"
        head = (
            *(self.t(f"report.{name}") for name in ("item", "rejected", "n", "unclear")),
            self.t(rank, n=top),
        )
        cells = [
            (
                row.name,
                f"{self.w.pct(rate.value)} ({self.w.interval(rate)})",
                self.w.num(rate.n),
                self.w.pct(row.numbers.unclear.value if row.numbers.unclear else None),
                self.w.pct(float(chance)),
            )
            for row, rate, chance in rows
        ]
        return Part(self.t(f"report.items.{which}"), table=(head, cells) if cells else None)

    def plan(self, board: Board, span: Span) -> Plan | None:
        """The map in small, None without one."""
        rows = board.facings(span.since, span.until)
        fixtures = [f.on_map for f in board.shop.fixtures if f.on_map]
        if not rows:
            return None
        places = [
            Place(r.on_map, r.numbers.rejection.value if r.numbers.rejection else None)
            for r in rows
        ]
        ends = [place.box for place in places] + fixtures
        size = board.shop.map_size or (max(b[2] for b in ends) + 0.5, max(b[3] for b in ends) + 0.5)
        words = self.t("report.map.note", k=self.k)
        return Plan((float(size[0]), float(size[1])), fixtures, places, words)

    # --- the rest ----------------------------------------------------------------------------

    def triggers(self, rows: Sequence[TriggerRow], span: Span) -> Part:
        """How many opened, and which are open."""
        opened = sum(span.since <= row.opened_at < span.until for row in rows)
        now = [row for row in rows if row.state is TriggerState.OPEN]
        lines = [self.t("report.triggers.count", opened=opened, open=len(now))]
        lines += [
            f"{row.item_name}: {self.w.fact(row.facts[0]) if row.facts else row.rule}"
            for row in now[: LINES - 1]
        ]
        return Part(self.t("report.triggers"), lines)

    def surveys(self, seen: Seen) -> Part:
        """The items with most answers."""
        told = sorted(
            (one for one in seen.surveys.values() if one.answers),
            key=lambda one: -(one.answers or 0),
        )
        if not told:
            return Part(self.t("report.surveys"), (self.t("report.surveys.none", k=self.k),))
        lines = [self.survey(seen, one) for one in told[:LINES]]
        return Part(self.t("report.surveys"), lines, note=self.t("report.answers.note"))

    def survey(self, seen: Seen, one: SurveySummary) -> str:
        """One item's answers in a line."""
        row = seen.row(one.item)
        parts = [self.t("report.answers", n=one.answers or 0)]
        if one.rating:
            parts.append(look.rated(self.w, one.rating))
        if one.choices:
            chosen = self.w.or_plain("choice", one.choices[0][0])
            parts.append(self.t("look.answers.choice", choice=chosen))
        return f"{row.name if row else one.item}: {'; '.join(parts)}"

    def stock(self, shelves: Shelves | None, span: Span, seen: Seen) -> Part:
        """What is empty now, and what was longest."""
        heading = self.t("report.stock")
        if shelves is None or not shelves.watched:
            return Part(heading, (self.t("report.stock.off"),))
        lines = [
            f"{self.t(f'shelf.{row.level.value}')}: {row.item_name}, {row.fixture_name}"
            for row in seen.shelf[:LINES]
        ] or [self.t("report.stock.none")]
        names = {row.id: row.name for row in seen.items}
        gone = [o for o in shelves.of_items(span.since, span.until) if (o.value or 1) < 1]
        lines += [
            self.t(
                "report.stock.gone",
                name=names.get(one.key, one.key),
                share=self.w.pct(one.value),
                low=self.w.pct(one.low),
                high=self.w.pct(one.high),
            )
            for one in gone[: LINES - 1]
        ]
        return Part(heading, lines)


def _pdf(report: Report) -> bytes:
    from aeras.wiring.reportpdf import report_pdf  # noqa: PLC0415 - most runs print none

    return report_pdf(report)


def _ranked(rows: Sequence[ItemRow]) -> list[tuple[ItemRow, Rate]]:
    """Items whose share may be shown."""
    return [(row, row.numbers.rejection) for row in rows if row.numbers.rejection]


def _drawn(ranked: Sequence[tuple[ItemRow, Rate]]) -> Floats:
    """Rates of the items, drawn together; see `aeras.insight.ranks`."""
    names = sorted({row.category for row, _ in ranked})
    hits = np.array([rate.value * rate.n for _, rate in ranked]).round()
    handled = np.array([rate.n for _, rate in ranked], dtype=float)
    category = np.array([names.index(row.category) for row, _ in ranked], dtype=np.int64)
    return draws(hits, handled, category, seed=len(ranked))


def _simulated(seen: Seen) -> float:
    """The highest simulated share of what stands on the page."""
    return max(
        [
            seen.totals.numbers.simulated,
            *(row.numbers.simulated for row in seen.items),
            *(float(row.origin is Origin.SIMULATED) for row in seen.triggers),
            *(float(row.origin is Origin.SIMULATED) for row in seen.shelf),
            *(one.simulated for one in seen.surveys.values()),
            *(float(one.simulated) for one in seen.cameras),
        ]
    )

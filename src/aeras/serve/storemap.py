"""The store map's page, its figures as JSON, and its drawing as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from aeras.domain.errors import InputError
from aeras.domain.ports import Board
from aeras.domain.shop import Fixture, Shop
from aeras.domain.storemap import Cell, Frame, Layer, Maps, Span, Step, Why
from aeras.serve import mapdrawing as drawing
from aeras.serve import schemas
from aeras.serve.api import TheBoard, ThePeriod
from aeras.serve.mapdrawing import FEW, SAME, Legend, Shown
from aeras.serve.memo import RememberingBoard
from aeras.serve.pages import ThePages
from aeras.serve.periods import Period, read_period
from aeras.serve.session import require_user
from aeras.serve.words import DASH, Words

GROUPS = (
    ("reaction", (Layer.REJECTION, Layer.HESITATION, Layer.POSITIVE)),
    ("attention", (Layer.VISITS, Layer.DWELLS, Layer.TAKES)),
    ("sales", (Layer.SALES, Layer.CONVERSION)),
    ("shelf", (Layer.STOCK,)),
)
COMPARED = ("", "before", "custom")
MOST_CELLS = 20_000
MINUS = "\N{MINUS SIGN}"

pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        422: {"model": schemas.ErrorOut, "description": "A parameter that cannot be used"},
    },
    tags=["shop"],
)


class RememberingMaps:
    """`Maps` in front of maps; their tables are remembered and dropped with the board's.

    Args:
        maps: Are asked when nothing fresh is remembered.
        board: Remembers.
    """

    def __init__(self, maps: Maps, board: RememberingBoard) -> None:
        self._maps = maps
        self._once = board.once

    def layers(self) -> list[Layer]:
        """Those that something at this site measures."""
        return self._once(("maps layers",), self._maps.layers)

    def frames(self, layer: Layer, span: Span, step: Step) -> list[Frame]:
        """The layer for each step of a period."""
        return self._once(
            ("maps frames", layer, span, step), lambda: self._maps.frames(layer, span, step)
        )

    def difference(self, layer: Layer, now: Span, then: Span) -> list[Cell]:
        """How a layer of one period differs from that of another."""
        return self._once(
            ("maps difference", layer, now, then), lambda: self._maps.difference(layer, now, then)
        )


class CellOut(schemas._Out):
    """One place: null with the reason ``few``, ``slow`` or ``none`` where nothing can be shown."""

    facing: str
    value: float | None
    low: float | None
    high: float | None
    n: int | None
    untold: float | None
    clear: bool
    why: str
    simulated: float


class FrameOut(schemas._Out):
    """The places at one step: an ISO day, an hour of the day, or "" for the whole period."""

    key: str
    cells: list[CellOut]


class MapPage(schemas._Out):
    """One layer of the store map; with ``other`` the change against that period."""

    period: schemas.PeriodOut
    other: schemas.PeriodOut | None
    k: int
    layer: str
    step: str
    layers: list[str]
    frames: list[FrameOut]


@dataclass(frozen=True, slots=True)
class View:
    """What the URL asks for.

    Attributes:
        layer: What colours the places.
        period: The dates.
        step: How they are cut for playback.
        at: Key of the step that is shown, "" for the first.
        vs: One of `COMPARED`.
        other: The dates compared with, or None.
        fixture: Id of the shelf seen from the front, "" for none.
    """

    layer: Layer
    period: Period
    step: Step
    at: str
    vs: str
    other: Period | None
    fixture: str

    def query(self, **changes: str) -> str:
        """The URL's query that leads here, or with changes to somewhere near."""
        found = {
            "layer": self.layer.value,
            "by": self.step.value,
            "at": self.at,
            "vs": self.vs,
            "fixture": self.fixture,
        }
        if self.vs == "custom" and self.other:
            found["vs_from"] = self.other.first.isoformat()
            found["vs_to"] = self.other.last.isoformat()
        kept = {key: value for key, value in {**found, **changes}.items() if value}
        return "&".join(part for part in (self.period.query, urlencode(kept)) if part)


def maps_of(request: Request) -> Maps:
    """Dependency: the figures of the map."""
    maps: Maps | None = request.app.state.maps
    if maps is None:
        raise InputError("this site has no store map", todo="Start it with aeras run or aeras demo")
    return maps


def view_of(request: Request, board: TheBoard, period: ThePeriod) -> View:
    """Dependency: what the URL asks for.

    Raises:
        InputError: A name that is none, or a comparison of single steps.
    """
    query, zone = request.query_params, board.shop.timezone
    layer = Layer(_one_of(query, "layer", [one.value for one in Layer], Layer.REJECTION.value))
    step = Step(_one_of(query, "by", [one.value for one in Step], ""))
    vs = _one_of(query, "vs", list(COMPARED), "")
    names = [f.id for f in board.shop.fixtures]
    fixture = _one_of(query, "fixture", ["", *names], "")
    now: datetime = request.app.state.clock()
    other = None
    if vs and step:
        raise InputError(
            "two periods cannot be compared step by step",
            todo="Choose either a comparison (vs) or steps (by)",
        )
    if vs == "custom":
        dates = {"from": query.get("vs_from", ""), "to": query.get("vs_to", "")}
        other = read_period(dates, zone, now)
    elif vs:
        before = timedelta(days=period.days)
        first, last = period.first - before, period.last - before
        dates = {"from": first.isoformat(), "to": last.isoformat()}
        other = read_period(dates, zone, now)
        if now < period.until:  # the day that still runs is compared with as much of a day
            other = replace(other, until=max(other.since, now - before))
    return View(layer, period, step, query.get("at", "")[:10], vs, other, fixture)


TheView = Annotated[View, Depends(view_of)]
TheMaps = Annotated[Maps, Depends(maps_of)]


def _one_of(query: Mapping[str, str], name: str, known: Sequence[str], default: str) -> str:
    value = query.get(name, default)
    if value not in known:
        names = ", ".join(one for one in known if one)
        raise InputError(f"unknown {name} {value[:40]!r}", todo=f"Use one of {names}")
    return value


def _frames(view: View, maps: Maps, shop: Shop) -> list[Frame]:
    """The view's frames, of its fixture only where all would be too many."""
    now = Span(view.period.since, view.period.until)
    if view.other:
        then = Span(view.other.since, view.other.until)
        return [Frame("", tuple(maps.difference(view.layer, now, then)))]
    frames = maps.frames(view.layer, now, view.step)
    if sum(len(frame.cells) for frame in frames) <= MOST_CELLS:
        return frames
    own = {f.id for x in shop.fixtures if x.id == view.fixture for f in x.facings}
    if not own:
        raise InputError("too many places to play at once", todo="Choose a shelf or fewer days")
    return [
        Frame(frame.key, tuple(cell for cell in frame.cells if cell.facing in own))
        for frame in frames
    ]


class Told:
    """A view's figures in words and colours.

    Args:
        view: What is shown.
        frames: Its figures.
        words: The reader's language.
        board: The site and its least number of visits.
    """

    def __init__(self, view: View, frames: list[Frame], words: Words, board: Board) -> None:
        self._view = view
        self._words = words
        self._k = board.k
        self._items = {f.id: f.item or "" for x in board.shop.fixtures for f in x.facings}
        self.frames = frames
        values = [abs(c.value) for f in frames for c in f.cells if c.value is not None]
        top = max(values, default=0.0)
        if view.other:
            self._top = min(2.0, drawing.nice_top(top, share=top <= 1))
        else:
            self._top = drawing.nice_top(top, share=view.layer.is_share)
        keys = [frame.key for frame in frames]
        self.index = keys.index(view.at) if view.at in keys else 0

    @property
    def frame(self) -> Frame:
        """The one that is shown at first."""
        return self.frames[self.index]

    @property
    def simulated(self) -> float:
        """The highest simulated share of what is shown."""
        return max((c.simulated for f in self.frames for c in f.cells), default=0.0)

    def total(self, frame: Frame) -> str:
        """How much stands behind a step, and at how many places nothing can be shown."""
        behind = {self._owner(cell.facing): cell.n or 0 for cell in frame.cells}
        none = self._words.num(sum(cell.value is None for cell in frame.cells))
        basis = self._words.t(f"smap.basis.{self._basis}", n=sum(behind.values()))
        places = self._words.num(len(frame.cells))
        if self._view.layer is Layer.STOCK:
            return self._words.t("smap.places", places=places, none=none)
        return self._words.t("smap.total", basis=basis, places=places, none=none)

    def _owner(self, facing: str) -> str:
        """What counts once: the item where the till counts, else the place."""
        return self._items.get(facing, "") if self._view.layer.of_item else facing

    def cells(self, frame: Frame) -> dict[str, Shown]:
        """By facing, how it is drawn and told."""
        return {cell.facing: self._shown(cell) for cell in frame.cells}

    def label(self, frame: Frame) -> str:
        """The step in words."""
        if self._view.step is Step.DAY:
            return self._words.on(date.fromisoformat(frame.key))
        if self._view.step is Step.HOUR:
            return f"{frame.key}:00{DASH}{(int(frame.key) + 1) % 24:02d}:00"
        return self._words.span(self._view.period.first, self._view.period.last)

    @property
    def legend(self) -> Legend:
        """What the colours mean."""
        t = self._words.t
        if self._view.other:
            ends = (-self._top, 0.0, self._top)
            ticks = tuple(self._change(end) if end else t("smap.same") for end in ends)
            return Legend(True, ticks, t("smap.withheld"), t("smap.unclear"))
        ticks = tuple(self._amount(end) for end in (0.0, self._top / 2, self._top))
        if self._view.layer in {Layer.VISITS, Layer.DWELLS, Layer.TAKES, Layer.SALES}:
            ticks = (ticks[0], ticks[-1])
        return Legend(False, ticks, t("smap.withheld"))

    def _shown(self, cell: Cell) -> Shown:
        t = self._words.t
        if cell.value is None:
            return Shown(FEW, t(f"smap.why.{cell.why.value or Why.FEW.value}", k=self._k))
        untold = "" if cell.untold is None else t("smap.untold", share=self._words.pct(cell.untold))
        basis = "" if cell.n is None else t(f"smap.basis.{self._basis}", n=cell.n)
        if self._view.other:
            fill = drawing.colour(0.5 + cell.value / self._top / 2, drawing.DIVERGING)
            words = self._change(cell.value)
            if not cell.clear:
                fill, untold = SAME, t("smap.unclear")
            return Shown(fill, words, self._range(cell), basis, untold)
        fill = drawing.colour(cell.value / self._top)
        return Shown(fill, self._amount(cell.value), self._range(cell), basis, untold)

    @property
    def _basis(self) -> str:
        return "handlings" if self._view.layer.of_handlings else "visits"

    def _range(self, cell: Cell) -> str:
        if cell.low is None or cell.high is None:
            return ""
        say = self._change if self._view.other else self._amount
        return self._words.t("smap.range", low=say(cell.low), high=say(cell.high))

    def _amount(self, value: float) -> str:
        if self._view.layer.is_share:
            return self._words.pct(value)
        return self._words.num(value, 1 if self._view.layer is Layer.CONVERSION else 0)

    def _change(self, value: float) -> str:
        """Of a share in points, of a count in per cent of what it was."""
        sign = "+" if value > 0 else MINUS if value < 0 else ""
        if self._view.layer.is_share:
            return self._words.t("smap.points", value=sign + self._words.num(abs(value) * 100))
        return sign + self._words.pct(abs(value))


@pages.get("/map")
def page(
    request: Request, board: TheBoard, view: TheView, maps: TheMaps, pages: ThePages
) -> Response:
    """The map with its layers, playback, comparison and table."""
    words = pages.words(request)
    measured = maps.layers()
    told = Told(view, _frames(view, maps, board.shop), words, board)
    shown = told.cells(told.frame)
    plan_image = board.shop.map_image is not None and request.app.state.site_desk is not None
    fixture = _fixture(board.shop, view.fixture)
    links, kept, legend = view.period.query, _kept(view), told.legend
    return pages.page(
        request,
        "map.html",
        nav="map",
        period=view.period,
        keep=urlencode(kept),
        kept=kept,
        view=view,
        told=told,
        shown=shown,
        groups=[
            (name, [layer for layer in layers if layer in measured or layer is view.layer])
            for name, layers in GROUPS
        ],
        plan=drawing.plan(board.shop, shown, links=links, image=plan_image),
        front=fixture and drawing.front(board.shop, fixture, shown, links=links),
        fixture=fixture,
        legend=legend,
        scale=drawing.scale_svg(legend),
        hatches=[
            (drawing.swatch(fill), meaning)
            for fill, meaning in ((FEW, legend.few), (SAME, legend.same))
            if meaning
        ],
        rows=_rows(board.shop, fixture, shown),
        play=_play(told) if view.step else None,
        simulated=told.simulated,
    )


@api.get("/map")
def figures(board: TheBoard, view: TheView, maps: TheMaps) -> MapPage:
    """One layer of the store map: for the whole period, in steps, or as the change from another."""
    return MapPage.model_validate(
        {
            "period": view.period,
            "other": view.other,
            "k": board.k,
            "layer": view.layer.value,
            "step": view.step.value,
            "layers": [layer.value for layer in maps.layers()],
            "frames": _frames(view, maps, board.shop),
        }
    )


@api.get(
    "/map.svg",
    response_class=Response,
    responses={200: {"content": {"image/svg+xml": {}}}},
)
def picture(
    request: Request, board: TheBoard, view: TheView, maps: TheMaps, pages: ThePages
) -> Response:
    """The map, or with ``fixture`` the front of a shelf, as an SVG file with legend and dates."""
    words = pages.words(request)
    told = Told(view, _frames(view, maps, board.shop), words, board)
    shown = told.cells(told.frame)
    fixture = _fixture(board.shop, view.fixture)
    if fixture:
        picture = drawing.front(board.shop, fixture, shown, links=None)
    else:
        picture = drawing.plan(board.shop, shown, links=None, image=False)
    mark = words.t("simulated") if told.simulated > 0 else ""
    title = _title(board.shop, view, told, words)
    height = drawing.height_of(picture) if picture else 0.0
    return Response(
        drawing.file(picture, height, title, told.legend, mark),
        media_type="image/svg+xml",
        headers={
            "Content-Disposition": f'attachment; filename="map-{view.layer.value}.svg"',
            "Cache-Control": "no-store",
        },
    )


def _title(shop: Shop, view: View, told: Told, words: Words) -> list[str]:
    t = words.t
    name = f"{shop.name}: {t(f'smap.layer.{view.layer.value}')}"
    fixture = _fixture(shop, view.fixture)
    dates = words.span(view.period.first, view.period.last)
    if view.other:
        dates = t("smap.against", now=dates, then=words.span(view.other.first, view.other.last))
    elif view.step:
        dates = f"{told.label(told.frame)} ({dates})"
    return [f"{name}, {fixture.name}" if fixture else name, dates, told.total(told.frame)]


def _fixture(shop: Shop, wanted: str) -> Fixture | None:
    return next((fixture for fixture in shop.fixtures if fixture.id == wanted), None)


def _kept(view: View) -> dict[str, str]:
    """The filters beside the dates, for links that change the dates."""
    kept = {
        "layer": view.layer.value,
        "by": view.step.value,
        "vs": view.vs if view.vs != "custom" else "",
        "fixture": view.fixture,
    }
    return {key: value for key, value in kept.items() if value}


def _rows(
    shop: Shop, fixture: Fixture | None, shown: Mapping[str, Shown]
) -> list[dict[str, object]]:
    """The table that says the same as the drawing."""
    rows: list[dict[str, object]] = []
    for one in [fixture] if fixture else shop.fixtures:
        for facing in one.facings:
            if facing.item is None or facing.id not in shown:
                continue
            rows.append(
                {
                    "facing": facing.id,
                    "fixture": one.name,
                    "item": facing.item,
                    "name": shop.item_name(facing.item),
                    "told": shown[facing.id],
                }
            )
    return rows


def _play(told: Told) -> dict[str, object]:
    """All steps, for the script that plays them."""
    return {
        "at": told.index,
        "frames": [
            {
                "key": frame.key,
                "label": told.label(frame),
                "total": told.total(frame),
                "cells": {
                    facing: [one.fill, one.value, one.interval, one.basis, one.untold]
                    for facing, one in told.cells(frame).items()
                },
            }
            for frame in told.frames
        ],
    }

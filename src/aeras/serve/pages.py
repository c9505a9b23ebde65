"""The signed-in pages. Each is rendered on the server; scripts refresh marked parts of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from aeras.domain.attention import Seen, to_look_at
from aeras.domain.kept import Origin, TriggerState
from aeras.domain.ports import Board
from aeras.domain.published import FacingRow, ItemRow, SurveySummary, TimePoint
from aeras.serve import schemas
from aeras.serve.api import ThePeriod, board_of, known_item
from aeras.serve.desk_links import card_link
from aeras.serve.errors import NotFoundError
from aeras.serve.figures import bar_scale, simulated
from aeras.serve.oversight import note_view
from aeras.serve.render import Pages
from aeras.serve.session import require_user
from aeras.serve.shelves import shelf_part
from aeras.serve.topic_part import topics_of_item

router = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)

TheBoard = Annotated[Board, Depends(board_of)]
FIRST_ITEMS = 8
"""Items that the overview names; the rest is one click away."""

FIRST_TRIGGERS = 4
MIN_POINTS = 3


def pages_of(request: Request) -> Pages:
    """Dependency: the renderer."""
    pages: Pages = request.app.state.pages
    return pages


ThePages = Annotated[Pages, Depends(pages_of)]


def _map_data(request: Request, board: Board, facings: Sequence[FacingRow]) -> dict[str, object]:
    """What the map script draws, as JSON-ready data."""
    return {
        "k": board.k,
        "size": board.shop.map_size,
        "plan": board.shop.map_image is not None and request.app.state.site_desk is not None,
        "fixtures": [
            {"id": f.id, "name": f.name, "box": f.on_map} for f in board.shop.fixtures if f.on_map
        ],
        "facings": [
            schemas.FacingOut.model_validate(row).model_dump(mode="json") for row in facings
        ],
    }


def _finished(points: Sequence[TimePoint], now: datetime) -> list[TimePoint]:
    """Without the hour or day that still runs: it would look like a fall."""
    if len(points) < MIN_POINTS:
        return list(points)
    step = points[1].at - points[0].at
    return [point for point in points if point.at + step <= now]


@router.get("/")
def overview(request: Request, board: TheBoard, period: ThePeriod, pages: ThePages) -> Response:
    """The day at one glance."""
    shelf = shelf_part(request, period)
    seen = Seen.of(board, period, shelf.now, request.app.state.clock())
    totals, rows, cameras = seen.totals, seen.items, seen.cameras
    triggers = [row for row in seen.triggers if row.state == TriggerState.OPEN]
    return pages.page(
        request,
        "overview.html",
        shelf=shelf,
        names={item.id: item.name for item in board.shop.items},
        nav="overview",
        period=period,
        totals=totals,
        timeline=_finished(board.timeline(period.since, period.until), request.app.state.clock()),
        rows=rows[:FIRST_ITEMS],
        all_items=len(rows),
        scale=bar_scale(rows),
        triggers=triggers[:FIRST_TRIGGERS],
        all_triggers=len(triggers),
        cameras=cameras,
        things=to_look_at(seen),
        map_data=_map_data(request, board, board.facings(period.since, period.until)),
        recent=[pages.words(request).live(m) for m in request.app.state.hub.recent()],
        simulated=max(
            totals.numbers.simulated,
            simulated(row.numbers for row in rows),
            shelf.simulated,
            float(any(camera.simulated for camera in cameras)),
            float(any(row.origin == Origin.SIMULATED for row in triggers)),
        ),
    )


@router.get("/items")
def items(request: Request, board: TheBoard, period: ThePeriod, pages: ThePages) -> Response:
    """All items, sortable and filterable."""
    rows = board.items(period.since, period.until)
    return pages.page(
        request,
        "items.html",
        nav="items",
        period=period,
        rows=rows,
        scale=bar_scale(rows),
        categories=sorted({row.category for row in rows if row.category}),
        simulated=simulated(row.numbers for row in rows),
    )


@router.get("/items/{item_id}")
def item(
    item_id: str, request: Request, board: TheBoard, period: ThePeriod, pages: ThePages
) -> Response:
    """One item: numbers, timeline, answers, triggers, place."""
    known_item(board.shop, item_id)
    rows = board.items(period.since, period.until)
    row = next(row for row in rows if row.id == item_id)
    points = board.timeline(period.since, period.until, item=item_id)
    facings = board.facings(period.since, period.until)
    survey = board.survey(item_id)
    triggers = [found for found in board.triggers() if found.item == item_id]
    shelf = shelf_part(request, period).of(item_id)
    return pages.page(
        request,
        "item.html",
        shelf=shelf,
        nav="items",
        period=period,
        row=row,
        scale=bar_scale(rows),
        survey=survey,
        topics=topics_of_item(request, pages.words(request).language, item_id),
        triggers=triggers,
        points=points,
        chart_data={
            "timezone": board.shop.timezone,
            "hourly": len(points) > 1 and points[1].at - points[0].at < timedelta(days=1),
            "points": [
                schemas.TimePointOut.model_validate(p).model_dump(mode="json") for p in points
            ],
        },
        map_data=_map_data(request, board, facings),
        facings=[facing for facing in facings if facing.item == item_id],
        simulated=max(
            row.numbers.simulated,
            survey.simulated,
            shelf.simulated,
            float(any(found.origin == Origin.SIMULATED for found in triggers)),
        ),
    )


@router.get("/surveys")
def surveys(request: Request, board: TheBoard, period: ThePeriod, pages: ThePages) -> Response:
    """Answers by item, links and cards."""
    found = surveyed(board, period)
    return pages.page(
        request,
        "surveys.html",
        nav="surveys",
        period=None,
        surveys=found,
        asked={row.item for row in board.triggers() if row.survey},
        kiosk=request.app.state.desk.kiosk(),
        simulated=max((summary.simulated for _, summary in found), default=0.0),
    )


def surveyed(board: Board, period: ThePeriod) -> list[tuple[ItemRow, SurveySummary]]:
    """Items that were asked about or are to be, with their answers."""
    pushed = {row.item for row in board.triggers() if row.survey}
    rows = board.items(period.since, period.until)
    summaries = board.surveys()
    pairs = [
        (row, summaries.get(row.id) or board.survey(row.id))
        for row in rows
        if row.id in pushed or row.answers
    ]
    return sorted(pairs, key=lambda pair: -(pair[1].answers or 0))


@router.get("/surveys/card/{item_id}")
def card(item_id: str, request: Request, board: TheBoard, pages: ThePages) -> Response:
    """A shelf card with the item's QR code, for printing."""
    known_item(board.shop, item_id)
    if not any(row.item == item_id and row.survey for row in board.triggers()):
        raise NotFoundError(
            "no survey runs for this item", todo="A card can be printed once a trigger asks for one"
        )
    url = card_link(request, item_id)
    return pages.page(
        request,
        "card.html",
        nav="surveys",
        period=None,
        item=board.shop.item(item_id),
        url=url,
        svg=request.app.state.desk.qr_svg(url),
        simulated=0.0,
    )


@router.get("/cameras", dependencies=[note_view("/cameras")])
def cameras(request: Request, board: TheBoard, pages: ThePages) -> Response:
    """All cameras with their state."""
    rows = board.cameras()
    return pages.page(
        request,
        "cameras.html",
        nav="cameras",
        period=None,
        cameras=rows,
        simulated=float(any(camera.simulated for camera in rows)),
    )

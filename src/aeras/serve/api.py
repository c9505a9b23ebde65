"""The JSON API: the same gated numbers the pages show. Every route here needs sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sse_starlette import EventSourceResponse
from starlette.responses import JSONResponse, Response

from aeras.domain.ports import Board
from aeras.domain.shop import Shop
from aeras.serve import schemas
from aeras.serve.desk_links import single_link
from aeras.serve.errors import NotFoundError
from aeras.serve.live import Hub
from aeras.serve.oversight import note_view
from aeras.serve.periods import Period, read_period
from aeras.serve.session import manager, require_form_header, require_user
from aeras.serve.words import Words

router = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        404: {"model": schemas.ErrorOut, "description": "Nothing of that name"},
        422: {"model": schemas.ErrorOut, "description": "A parameter that cannot be used"},
    },
    tags=["shop"],
)


def board_of(request: Request) -> Board:
    """Dependency: the board."""
    board: Board = request.app.state.board
    return board


def period_of(request: Request) -> Period:
    """Dependency: the range in the URL; see `aeras.serve.periods`."""
    state = request.app.state
    return read_period(request.query_params, state.board.shop.timezone, state.clock())


TheBoard = Annotated[Board, Depends(board_of)]
ThePeriod = Annotated[Period, Depends(period_of)]


def known_item(shop: Shop, item_id: str) -> str:
    """The id itself; raises NotFoundError if the site has no such item."""
    try:
        return shop.item(item_id).id
    except KeyError:
        raise NotFoundError(
            f"no item {item_id[:60]!r} at this site", todo="See /api/items for those there are"
        ) from None


def _head(board: Board, period: Period) -> dict[str, object]:
    return {"period": period, "k": board.k}


@router.get("/shop")
def shop(board: TheBoard) -> schemas.ShopOut:
    """The site, its fixtures and the number of visits below which numbers are withheld."""
    site = board.shop
    return schemas.ShopOut(
        id=site.id,
        name=site.name,
        timezone=site.timezone,
        currency=site.currency,
        k=board.k,
        map_size=site.map_size,
        fixtures=[schemas.FixtureOut.model_validate(fixture) for fixture in site.fixtures],
    )


@router.get("/totals")
def totals(board: TheBoard, period: ThePeriod) -> schemas.TotalsPage:
    """Numbers of the whole site."""
    found = board.totals(period.since, period.until)
    return schemas.TotalsPage.model_validate({**_head(board, period), "totals": found})


@router.get("/items")
def items(board: TheBoard, period: ThePeriod) -> schemas.ItemsPage:
    """All items, highest lower bound of rejection first."""
    rows = board.items(period.since, period.until)
    return schemas.ItemsPage.model_validate({**_head(board, period), "rows": rows})


@router.get("/items/{item_id}")
def item(item_id: str, board: TheBoard, period: ThePeriod) -> schemas.ItemPage:
    """All on one item: numbers, answers, triggers, facings."""
    known_item(board.shop, item_id)
    rows = board.items(period.since, period.until)
    return schemas.ItemPage.model_validate(
        {
            **_head(board, period),
            "item": next(row for row in rows if row.id == item_id),
            "survey": board.survey(item_id),
            "triggers": [row for row in board.triggers() if row.item == item_id],
            "facings": [
                row for row in board.facings(period.since, period.until) if row.item == item_id
            ],
        }
    )


@router.get("/items/{item_id}/timeline")
def item_timeline(item_id: str, board: TheBoard, period: ThePeriod) -> schemas.TimelinePage:
    """One item over time."""
    known_item(board.shop, item_id)
    rows = board.timeline(period.since, period.until, item=item_id)
    return schemas.TimelinePage.model_validate({**_head(board, period), "rows": rows})


@router.get("/timeline")
def timeline(board: TheBoard, period: ThePeriod) -> schemas.TimelinePage:
    """The site over time."""
    rows = board.timeline(period.since, period.until)
    return schemas.TimelinePage.model_validate({**_head(board, period), "rows": rows})


@router.get("/facings")
def facings(board: TheBoard, period: ThePeriod) -> schemas.FacingsPage:
    """Facings with their places on the map."""
    rows = board.facings(period.since, period.until)
    return schemas.FacingsPage.model_validate({**_head(board, period), "rows": rows})


@router.get("/triggers")
def triggers(board: TheBoard) -> list[schemas.TriggerOut]:
    """All triggers, newest first."""
    return [schemas.TriggerOut.model_validate(row) for row in board.triggers()]


@router.get("/items/{item_id}/survey")
def survey(item_id: str, board: TheBoard) -> schemas.SurveyOut:
    """Answers on one item."""
    known_item(board.shop, item_id)
    return schemas.SurveyOut.model_validate(board.survey(item_id))


@router.post(
    "/items/{item_id}/invite",
    dependencies=[Depends(manager), Depends(require_form_header)],
)
def invite(item_id: str, request: Request, board: TheBoard) -> schemas.InviteOut:
    """Issues a link that lets one person answer once; needs the X-CSRF-Token header."""
    known_item(board.shop, item_id)
    url = single_link(request, item_id, channel="link")
    return schemas.InviteOut(url=url, svg=request.app.state.desk.qr_svg(url))


@router.get("/cameras")
def cameras(board: TheBoard) -> list[schemas.CameraOut]:
    """State of each camera."""
    return [schemas.CameraOut.model_validate(row) for row in board.cameras()]


@router.get(
    "/cameras/{camera_id}/preview.jpg",
    dependencies=[note_view("/cameras")],
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
def preview(camera_id: str, board: TheBoard) -> Response:
    """The latest picture of a camera, blurred before it was encoded; never stored."""
    picture = None
    if any(camera.id == camera_id for camera in board.cameras()):
        picture = board.preview(camera_id)
    if picture is None:
        raise NotFoundError(
            f"no picture from camera {camera_id[:60]!r} yet",
            todo="Wait until the camera is up, or see /api/cameras for its state",
        )
    return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})


@router.get("/live/recent")
def recent(request: Request) -> list[schemas.LiveOut]:
    """The last live messages, newest first."""
    hub: Hub = request.app.state.hub
    words: Words = request.app.state.pages.words(request)
    return [words.live(message) for message in hub.recent()]


@router.get("/live", response_class=EventSourceResponse)
def live(request: Request) -> EventSourceResponse:
    """Live messages as server-sent events; each one's event name is its type."""
    hub: Hub = request.app.state.hub
    words: Words = request.app.state.pages.words(request)

    async def stream() -> AsyncIterator[dict[str, str]]:
        with hub.listen() as listener:
            async for message in listener.messages():
                worded = words.live(message)
                yield {"event": message.type, "data": worded.model_dump_json(exclude_none=True)}

    return EventSourceResponse(stream(), ping=15, headers={"X-Accel-Buffering": "no"})


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> Response:
    """The description of this API."""
    return JSONResponse(request.app.openapi())

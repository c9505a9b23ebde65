"""Topics of open answers: the page, what a manager does to a topic, and the API."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Path, Query, Request
from starlette.responses import RedirectResponse, Response

from aeras.domain.topics import TopicDesk, TopicRow
from aeras.serve import schemas
from aeras.serve.api import TheBoard, known_item
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import ThePages
from aeras.serve.session import Manager, OurForm, require_user

TopicId = Annotated[str, Path(max_length=32)]
ItemId = Annotated[str, Query(max_length=64)]
pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        404: {"model": schemas.ErrorOut, "description": "No such item"},
    },
    tags=["topics"],
)


class WeekOut(schemas._Out):
    """A topic's share in seven days that begin there; null below k answers."""

    start: datetime
    share: float | None
    n: int | None


class TopicOut(schemas._Out):
    """A topic; see `aeras.domain.topics.TopicRow`."""

    id: str
    name: str
    named: bool
    answers: int
    share: schemas.RateOut
    weeks: list[WeekOut]
    change: schemas.RateOut | None
    rating: schemas.RateOut | None
    quotes: list[str]
    merged: list[tuple[str, str]]
    simulated: float


class TopicsOut(schemas._Out):
    """Topics of all answers with words, or of those on an item; ``answers`` is null below k, and
    then nothing else is told. The shares of ``rows``, ``other`` and ``waiting`` add up to 1.
    """

    item: str | None
    answers: int | None
    rows: list[TopicOut]
    other: schemas.RateOut | None
    waiting: schemas.RateOut | None
    wordless: int | None
    grouped_at: datetime | None
    simulated: float
    trouble: str


def desk_of(request: Request) -> TopicDesk:
    """Dependency: whoever keeps the topics; NotFoundError where none are kept."""
    desk: TopicDesk | None = request.app.state.topics
    if desk is None:
        raise NotFoundError("this site keeps no topics", todo="Start it with `aeras run`")
    return desk


TheTopics = Annotated[TopicDesk, Depends(desk_of)]


def scale_of(rows: tuple[TopicRow, ...]) -> float:
    """A common scale for the bars of a list: the highest upper bound, rounded up to a tenth."""
    return min(1.0, math.ceil(max((row.share.high for row in rows), default=0.2) * 10) / 10)


@pages.get("/topics")
def topics(
    request: Request, board: TheBoard, desk: TheTopics, page: ThePages, item: ItemId = ""
) -> Response:
    """What shoppers write about."""
    if item:
        known_item(board.shop, item)
    found = desk.topics(page.words(request).language, item or None)
    return page.page(
        request,
        "topics.html",
        nav="topics",
        period=None,
        topics=found,
        item=board.shop.item(item) if item else None,
        scale=scale_of(found.rows),
        simulated=found.simulated,
    )


@pages.post("/topics/{topic}/{deed}")
def change(  # noqa: PLR0917 - FastAPI reads them by name
    topic: TopicId,
    deed: Annotated[str, Path(max_length=16)],
    user: Manager,
    _form: OurForm,
    desk: TheTopics,
    name: Annotated[str, Form(max_length=400)] = "",
    into: Annotated[str, Form(max_length=32)] = "",
    item: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Names, joins, takes out or divides a topic by a form of the page."""
    if deed == "rename":
        desk.rename(topic, name, user.name)
    elif deed == "merge":
        desk.merge(topic, into, user.name)
    elif deed == "release":
        desk.release(topic, user.name)
    elif deed == "split":
        desk.split(topic, user.name)
    else:
        raise NotFoundError(f"no step {deed!r}", todo="There are rename, merge, release and split")
    back = f"/topics?item={quote(item)}" if item else "/topics"
    return RedirectResponse(f"{back}#topic-{quote(into if deed == 'merge' else topic)}", 303)


@api.get("/topics")
def api_topics(
    request: Request, board: TheBoard, desk: TheTopics, page: ThePages, item: ItemId = ""
) -> TopicsOut:
    """Topics of open answers, named in the language that is asked for (Accept-Language)."""
    if item:
        known_item(board.shop, item)
    return TopicsOut.model_validate(desk.topics(page.words(request).language, item or None))

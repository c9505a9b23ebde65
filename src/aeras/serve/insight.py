"""Funnels, the order of rejection rates, and sales beside reactions: pages, JSON and CSV."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import pyarrow as pa
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from aeras.domain.insight import Insight
from aeras.domain.oversight import Act
from aeras.serve import schemas
from aeras.serve.api import TheBoard, ThePeriod, known_item
from aeras.serve.errors import NotFoundError
from aeras.serve.export import FORMS, rate_cells, table_file
from aeras.serve.oversight import TheOversight
from aeras.serve.pages import ThePages
from aeras.serve.session import Manager, require_user

pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        404: {"model": schemas.ErrorOut, "description": "No such item, or none of this is kept"},
        422: {"model": schemas.ErrorOut, "description": "A parameter that cannot be used"},
    },
    tags=["shop"],
)

DAYS_OF = {
    "day": pa.date32(),
    "units": pa.float64(),
    "rejection": pa.float64(),
    "rejection_low": pa.float64(),
    "rejection_high": pa.float64(),
    "told": pa.int64(),
    "promoted": pa.float64(),
    "out_of_stock": pa.float64(),
}
"""Columns of the raw points."""


def insight_of(request: Request) -> Insight:
    """Dependency: the statistics; NotFoundError where none are kept."""
    found: Insight | None = request.app.state.insight
    if found is None:
        raise NotFoundError("no statistics are kept here", todo="Open the items instead")
    return found


TheInsight = Annotated[Insight, Depends(insight_of)]


class StageOut(schemas._Out):
    """A step with its count and share; null with the reason ``why``."""

    step: str
    count: int | None
    of: schemas.RateOut | None
    base: str | None
    why: str


class FunnelOut(schemas._Out):
    """How far shoppers came with an item, at a fixture or in an hour of the day."""

    key: str
    stages: list[StageOut]
    coverage: float | None
    simulated: float
    watched: float | None


class RankedOut(schemas._Out):
    """An item's rejection rate beside the others'."""

    item: str
    name: str
    category: str
    raw: schemas.RateOut
    rate: schemas.RateOut
    in_worst: float
    rank: tuple[int, int]
    unclear: float


class ReportOut(schemas._Out):
    """Rejection rates, most surely among the worst first."""

    rows: list[RankedOut]
    worst: int
    withheld: int
    simulated: float


class DayOut(schemas._Out):
    """One day of an item; ``share`` is null below k handlings."""

    day: date
    units: float | None
    share: schemas.RateOut | None
    promoted: float
    out: float


class LinkOut(schemas._Out):
    """Change of sales with ten points more of rejection, all else that is known being equal."""

    change: schemas.RateOut | None
    found: bool
    tested: int
    naive: float | None
    why: str


class MovedOut(schemas._Out):
    """What a change did to sales, against matched items."""

    change: schemas.RateOut
    controls: int
    placebo: schemas.RateOut | None


class ChangeOut(schemas._Out):
    """A change of an item's price or place."""

    at: datetime
    what: str
    moved: MovedOut | None


class SalesPage(schemas._Out):
    """Sales beside reactions of an item."""

    funnel: FunnelOut
    days: list[DayOut]
    link: LinkOut
    changes: list[ChangeOut]


@api.get("/items/{item_id}/sales")
def item_sales(item_id: str, board: TheBoard, period: ThePeriod, found: TheInsight) -> SalesPage:
    """Its funnel in the period; sales and reactions by day until its end, and what they have to do
    with each other.
    """
    known_item(board.shop, item_id)
    return SalesPage.model_validate(
        {
            "funnel": found.funnel(item_id, period.since, period.until),
            "days": found.days(item_id, period.until),
            "link": found.link(item_id, period.until),
            "changes": found.changes(item_id, period.until),
        }
    )


@api.get("/funnels")
def funnels(period: ThePeriod, found: TheInsight, by: str = "item") -> list[FunnelOut]:
    """Funnels by ``item``, ``fixture`` or ``hour`` of the day."""
    rows = found.funnels(by, period.since, period.until)
    return [FunnelOut.model_validate(one) for one in rows]


@api.get("/ranks")
def ranks(period: ThePeriod, found: TheInsight) -> ReportOut:
    """Rejection rates with what is known of their order."""
    return ReportOut.model_validate(found.report(period.since, period.until))


@api.get("/items/{item_id}/days.{kind}", response_class=Response)
def days_file(  # noqa: PLR0917 - a route's dependencies
    item_id: str,
    kind: str,
    user: Manager,
    board: TheBoard,
    period: ThePeriod,
    found: TheInsight,
    log: TheOversight,
) -> Response:
    """The raw points as CSV or Parquet."""
    known_item(board.shop, item_id)
    if kind not in FORMS:
        raise NotFoundError(f"no form {kind[:10]!r}", todo=f"Forms: {', '.join(FORMS)}")
    days = found.days(item_id, period.until)
    rows = [
        {
            "day": one.day,
            "units": one.units,
            **rate_cells("rejection", one.share),
            "told": one.share.n if one.share else None,
            "promoted": round(one.promoted, 3),
            "out_of_stock": round(one.out, 3),
        }
        for one in days
    ]
    log.audit.add(Act.EXPORT, user.name, what=f"days of {item_id}.{kind}")
    name = f"{board.shop.id}-{item_id}-days.{kind}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(table_file(kind, DAYS_OF, rows), media_type=FORMS[kind], headers=headers)


@pages.get("/items/{item_id}/sales")
def sales_page(  # noqa: PLR0917 - a route's dependencies
    item_id: str,
    request: Request,
    board: TheBoard,
    period: ThePeriod,
    pages: ThePages,
    found: TheInsight,
) -> Response:
    """How far shoppers came with an item, and its sales beside its reactions, raw points first."""
    data = item_sales(item_id, board, period, found)
    item = board.shop.item(item_id)
    widest = max((one.count or 0 for one in data.funnel.stages), default=0)
    return pages.page(
        request,
        "item_sales.html",
        nav="items",
        period=period,
        item=item,
        data=data,
        widest=max(widest, 1),
        points=[day.model_dump(mode="json") for day in data.days],
        simulated=data.funnel.simulated,
    )


@pages.get("/ranks")
def ranks_page(request: Request, period: ThePeriod, pages: ThePages, found: TheInsight) -> Response:
    """Which items are rejected most, and how sure that order is."""
    report = found.report(period.since, period.until)
    return pages.page(
        request,
        "ranks.html",
        nav="items",
        period=period,
        report=report,
        scale=max((row.raw.high for row in report.rows), default=1.0),
        simulated=report.simulated,
    )

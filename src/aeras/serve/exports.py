"""Downloads of what the pages show, and tables with noise: for managers and the privacy officer,
and every one in the audit log.
"""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from aeras.domain.noisy import NoisyDesk, NoisyQuestion
from aeras.domain.oversight import Act, Oversight
from aeras.domain.ports import Board
from aeras.serve import export, schemas
from aeras.serve.api import TheBoard, ThePeriod
from aeras.serve.errors import NotFoundError
from aeras.serve.oversight import TheOversight
from aeras.serve.periods import Period
from aeras.serve.session import Manager, Officer, manager, require_form_header

router = APIRouter(
    prefix="/api",
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {"model": schemas.ErrorOut, "description": "Nothing of that name"},
        422: {"model": schemas.ErrorOut, "description": "A parameter that cannot be used"},
    },
    tags=["export"],
)
pages = APIRouter(include_in_schema=False)


class NoisyIn(BaseModel):
    """A question for a table with noise."""

    model_config = ConfigDict(extra="forbid")

    kind: str = Field(max_length=20, description="visits, deeds or readings")
    by: str = Field(default="item", max_length=20, description="item, facing or site")
    first: date
    last: date
    epsilon: float | None = Field(default=None, gt=0, le=10, description="Default: the site's")


class NoisyOut(BaseModel):
    """A table with noise; a single count may be below zero."""

    model_config = ConfigDict(from_attributes=True)

    kind: str
    by: str
    epsilon: float
    margin: float = Field(description="A count is off by no more than this with 95 %")
    rows: dict[str, dict[str, int]]
    simulated: bool
    left: float = Field(description="Least epsilon that is left for any day")


@router.get(
    "/export/{table}.{kind}",
    response_class=Response,
    responses={200: {"content": {kind.split(";")[0]: {} for kind in export.FORMS.values()}}},
)
def download(
    *, table: str, kind: str, user: Manager, board: TheBoard, period: ThePeriod, log: TheOversight
) -> Response:
    """A table of what the pages show, as CSV or Parquet."""
    return _file((table, kind), user.name, board, period, log)


@pages.get("/privacy/export/{table}.{kind}")
def officers_download(
    *, table: str, kind: str, user: Officer, board: TheBoard, period: ThePeriod, log: TheOversight
) -> Response:
    """The same for the privacy officer."""
    return _file((table, kind), user.name, board, period, log)


def _file(
    what: tuple[str, str], who: str, board: Board, period: Period, oversight: Oversight
) -> Response:
    table, kind = what
    if table not in export.TABLES or kind not in export.FORMS:
        raise NotFoundError(
            f"no table {table[:40]!r} as {kind[:10]!r}",
            todo=f"Tables: {', '.join(export.TABLES)}; forms: {', '.join(export.FORMS)}",
        )
    content = export.render(table, kind, board, period)
    oversight.audit.add(Act.EXPORT, who, what=f"{table}.{kind}", days=period.text)
    name = f"{board.shop.id}-{table}-{period.first}-{period.last}.{kind}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=export.FORMS[kind], headers=headers)


@router.post("/noisy-table", dependencies=[Depends(manager), Depends(require_form_header)])
def noisy_table(asked: NoisyIn, user: Manager, request: Request) -> NoisyOut:
    """A table with noise (differential privacy); each new one costs some of the site's budget,
    the same question again nothing. Needs the X-CSRF-Token header.
    """
    desk: NoisyDesk | None = request.app.state.noisy
    if desk is None:
        raise NotFoundError(
            "this site gives out no tables with noise",
            todo="Set privacy.differential_privacy in the site file",
        )
    table = desk.table(NoisyQuestion(**asked.model_dump()), user.name)
    left, _ = desk.left() or (0.0, 0.0)
    return NoisyOut(
        kind=table.kind,
        by=table.by,
        epsilon=table.epsilon,
        margin=table.margin,
        rows={key: dict(row) for key, row in table.rows.items()},
        simulated=table.simulated,
        left=left,
    )

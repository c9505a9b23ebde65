"""Read-only access for programs that draw their own charts: the published tables as an Arrow
stream, and SQL over them.

Nothing but what can be exported is there: sums of whole blocks and figures from k visits on, so
that no question, and no difference of questions, tells more than the pages do.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import threading
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from aeras.domain.errors import InputError
from aeras.domain.oversight import Act, Oversight
from aeras.domain.ports import Board, User
from aeras.domain.roles import BI, Role, allows
from aeras.serve import export, schemas
from aeras.serve.api import TheBoard, ThePeriod
from aeras.serve.errors import NotFoundError, TooManyError
from aeras.serve.oversight import TheOversight
from aeras.serve.periods import Period
from aeras.serve.session import NotAllowedError, require_form_header, require_user

ARROW = "application/vnd.apache.arrow.stream"
TABLES = tuple(name for name in export.TABLES if name != "quotes")
"""What shoppers wrote stays on the pages."""
WAIT_S = 15.0
AT_ONCE = 2
_free = threading.BoundedSemaphore(AT_ONCE)


def reader(request: Request) -> User:
    """Dependency: a manager, or a machine whose token is for this alone."""
    user = require_user(request)
    if user.role != BI and not allows(user.role, Role.MANAGER):
        raise NotAllowedError(
            f"this needs the role {Role.MANAGER.value} or a token for {BI}, yours is {user.role}",
            "Ask a manager for a token",
        )
    return user


Reader = Annotated[User, Depends(reader)]
router = APIRouter(
    prefix="/api/v1",
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {"model": schemas.ErrorOut, "description": "No such table"},
        422: {"model": schemas.ErrorOut, "description": "A question that cannot be answered"},
        429: {"model": schemas.ErrorOut, "description": "Others are asking"},
    },
    tags=["bi"],
)


class SqlIn(BaseModel):
    """One SELECT over the published tables of some days."""

    model_config = ConfigDict(extra="forbid")

    sql: str = Field(max_length=10_000, description=f"Tables: {', '.join(TABLES)}")


class SqlOut(BaseModel):
    """The answer; a null is withheld (fewer than k visits) or not known."""

    columns: list[str]
    types: list[str]
    rows: list[list[Any]]
    cut: bool = Field(description="There were more rows than are given")
    about: dict[str, object]


@router.get(
    "/published.arrow",
    response_class=Response,
    responses={200: {"content": {ARROW: {"example": "an Arrow IPC stream"}}}},
)
def published(
    *,
    user: Reader,
    board: TheBoard,
    period: ThePeriod,
    log: TheOversight,
    table: Annotated[str, Query(max_length=40)] = "items",
) -> Response:
    """One published table as an Arrow IPC stream."""
    if table not in TABLES:
        raise NotFoundError(f"no table {table!r}", todo=f"There are {', '.join(TABLES)}")
    content = _stream(table, board, period)
    _log(log, user, f"arrow {table}", period)
    return Response(content, media_type=ARROW)


@router.post("/sql", dependencies=[Depends(reader), Depends(require_form_header)])
def sql(
    *, asked: SqlIn, user: Reader, request: Request, board: TheBoard, period: ThePeriod
) -> SqlOut:
    """One SELECT over the published tables (`totals`, `items`, ...) of the days in the address;
    needs a token, or the X-CSRF-Token header. Files, network and settings are out of reach.
    """
    given = {name: base64.b64encode(_stream(name, board, period)).decode() for name in TABLES}
    log: Oversight = request.app.state.oversight
    _log(log, user, f"sql {asked.sql[:200]}", period)
    told = _asked(json.dumps({"sql": asked.sql, "tables": given}))
    if "error" in told:
        raise InputError(str(told["error"]), todo=f"Ask one SELECT over {', '.join(TABLES)}")
    about = export.about(board, period, request.app.state.clock())
    return SqlOut(**told, about=about)


def _stream(table: str, board: Board, period: Period) -> bytes:
    columns, rows = export.TABLES[table]
    schema = pa.schema(list(columns.items()))
    held = io.BytesIO()
    with pa.ipc.new_stream(held, schema) as writer:
        writer.write_table(pa.Table.from_pylist(rows(board, period), schema=schema))
    return held.getvalue()


def _log(log: Oversight, user: User, what: str, period: Period) -> None:
    log.audit.add(Act.EXPORT, user.name, what=what, days=period.text)


def _asked(question: str) -> dict[str, Any]:
    """What the worker answers; a few at once, because each takes a core."""
    if not _free.acquire(timeout=WAIT_S):
        raise TooManyError(WAIT_S)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "aeras.serve.sqlworker"],
            input=question,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        return {"error": "the question took too long"}
    finally:
        _free.release()
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"error": "the question took too long or needs more memory than it may have"}
    return found

"""Tills and stock: how the connectors are doing, what they could not use, and their webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from aeras.domain.feeds import DryRun, FeedDesk, FeedRow
from aeras.serve import schemas
from aeras.serve.auth import client_of
from aeras.serve.desk_links import base_url
from aeras.serve.errors import NotFoundError, TooManyError
from aeras.serve.pages import ThePages
from aeras.serve.session import OurForm, manager, visitor

Source = Annotated[str, Form(max_length=64)]
Group = Annotated[str, Form(max_length=64)]
SHOWN = 200
"""Groups of records in quarantine on the page."""

hooks = APIRouter(prefix="/api/public/hooks", tags=["public"])
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(manager)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {"model": schemas.ErrorOut, "description": "Not set up"},
    },
    tags=["connectors"],
)
pages = APIRouter(dependencies=[Depends(manager)], include_in_schema=False)


class ConnectorOut(schemas._Out):
    """How a connector is doing."""

    id: str
    kind: str
    status: str
    trouble: str
    fine_at: datetime | None
    due_at: datetime | None
    latest: datetime | None
    held: int
    simulated: bool
    counts: dict[str, int]


def desk_of(request: Request) -> FeedDesk:
    """Dependency: the desk; NotFoundError where the site has none."""
    found: FeedDesk | None = request.app.state.feeds
    if found is None:
        raise NotFoundError("connectors are not set up here", todo="Start the shop with aeras run")
    return found


TheDesk = Annotated[FeedDesk, Depends(desk_of)]


@hooks.post(
    "/{source}",
    status_code=204,
    responses={
        404: {"model": schemas.ErrorOut, "description": "No such connector"},
        422: {"model": schemas.ErrorOut, "description": "Forged, too old, or unreadable"},
        429: {"model": schemas.ErrorOut, "description": "Too many"},
    },
)
async def take_hook(source: str, request: Request, desk: TheDesk) -> Response:
    """Takes a webhook of a connector; what it says counts only if its signature is right."""
    wait_s = request.app.state.throttle_address.take(client_of(request))
    if wait_s > 0:
        raise TooManyError(wait_s)
    if not desk.has(source):
        raise NotFoundError(f"there is no connector {source!r}")
    url = base_url(request) + request.url.path
    await run_in_threadpool(desk.push, source, dict(request.headers), await request.body(), url)
    return Response(status_code=204)


@api.get("/connectors")
def connectors(desk: TheDesk) -> list[ConnectorOut]:
    """How the connectors are doing."""
    return [
        ConnectorOut(
            id=row.id,
            kind=row.kind,
            status=row.state.status.value,
            trouble=row.state.trouble,
            fine_at=row.state.fine_at,
            due_at=row.state.due_at,
            latest=row.state.latest,
            held=row.held,
            simulated=row.simulated,
            counts=dict(row.state.counts),
        )
        for row in desk.feeds()
    ]


@pages.get("/connectors")
def connectors_page(
    request: Request, desk: TheDesk, *, pages_: ThePages, done: str = "", n: int = 0
) -> Response:
    """How the connectors are doing, and the quarantine."""
    said = done if done in {"run", "retry", "discard"} else ""
    return _page(request, desk, pages_, done=said, n=max(0, min(n, 10_000_000)))


@pages.post("/connectors/run")
def run_now(desk: TheDesk, source: Source, _ours: OurForm) -> Response:
    """Has a connector run at once."""
    desk.run_now(source)
    return RedirectResponse("/connectors?done=run", 303)


@pages.post("/connectors/dry-run")
def dry_run(
    request: Request, desk: TheDesk, source: Source, _ours: OurForm, *, pages_: ThePages
) -> Response:
    """Shows what a run would change."""
    return _page(request, desk, pages_, dry=desk.dry_run(source))


@pages.post("/connectors/retry")
def retry(desk: TheDesk, group: Group, _ours: OurForm) -> Response:
    """Tries records of the quarantine again."""
    return RedirectResponse(f"/connectors?done=retry&n={desk.retry(group)}", 303)


@pages.post("/connectors/discard")
def discard(request: Request, desk: TheDesk, group: Group, _ours: OurForm) -> Response:
    """Deletes records of the quarantine for good."""
    user = visitor(request).user
    count = desk.discard(group, user.name if user else "")
    return RedirectResponse(f"/connectors?done=discard&n={count}", 303)


def _page(
    request: Request,
    desk: FeedDesk,
    pages_: ThePages,
    *,
    done: str = "",
    n: int = 0,
    dry: DryRun | None = None,
) -> Response:
    rows, groups = desk.feeds(), desk.quarantine()
    return pages_.page(
        request,
        "connectors.html",
        nav="connectors",
        period=None,
        feeds=rows,
        groups=groups[:SHOWN],
        more_groups=max(0, len(groups) - SHOWN),
        base=base_url(request),
        simulated=_simulated(rows),
        done=done,
        n=n,
        dry=dry,
    )


def _simulated(rows: list[FeedRow]) -> float:
    return sum(row.simulated for row in rows) / len(rows) if rows else 0.0

"""The calibration and planogram pages: what ties cameras and shelves to the map, and the items."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from aeras.domain.site_desk import Checked, Draft, Import, PlanogramChange, Saved, SiteDesk
from aeras.serve import schemas
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import TheBoard, ThePages
from aeras.serve.problems import said
from aeras.serve.session import Manager, manager, require_form_header, require_user

MAX_PLANOGRAM = 8 * 1024 * 1024

pages = APIRouter(dependencies=[Depends(manager)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(manager)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        409: {"model": schemas.ErrorOut, "description": "The site file has changed meanwhile"},
    },
    tags=["site"],
)
plan = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"}},
    tags=["site"],
)


def desk_of(request: Request) -> SiteDesk:
    """Dependency: whoever keeps the site file; NotFoundError where pages may not change it."""
    desk: SiteDesk | None = request.app.state.site_desk
    if desk is None:
        raise NotFoundError("this site cannot be changed here", todo="Edit its site file")
    return desk


TheSiteDesk = Annotated[SiteDesk, Depends(desk_of)]


class SaveIn(BaseModel):
    """A draft and the revision of the site file it was drawn on."""

    model_config = ConfigDict(extra="forbid")

    draft: Draft
    revision: Annotated[str, Field(max_length=64)]


class PlanogramIn(BaseModel):
    """A CSV or JSON file of planogram versions."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    text: Annotated[str, Field(max_length=MAX_PLANOGRAM)]


def known_camera(desk: SiteDesk, camera: str) -> str:
    """The id itself; NotFoundError if the site has no such camera."""
    if all(camera != known.id for known in desk.cameras()):
        raise NotFoundError(f"no camera {camera[:60]!r} at this site", todo="See /calibration")
    return camera


# --- pages ----------------------------------------------------------------------------------------


@pages.get("/calibration")
def cameras(request: Request, desk: TheSiteDesk, page: ThePages) -> Response:
    """The cameras and how well each is tied to the map."""
    return page.page(
        request,
        "calibrations.html",
        nav="cameras",
        period=None,
        cameras=desk.cameras(),
        simulated=0.0,
    )


@pages.get("/calibration/{camera_id}")
def calibration(
    camera_id: str, request: Request, desk: TheSiteDesk, board: TheBoard, page: ThePages
) -> Response:
    """The editor of one camera."""
    opened = desk.open(known_camera(desk, camera_id))
    rendered = any(c.id == camera_id and c.simulated for c in board.cameras())
    return page.page(
        request,
        "calibration.html",
        nav="cameras",
        period=None,
        camera=opened,
        data=asdict(opened),
        simulated=float(rendered),
    )


@pages.get("/planogram")
def planogram(
    request: Request,
    desk: TheSiteDesk,
    board: TheBoard,
    page: ThePages,
    *,
    before: Annotated[str, Query(max_length=64)] = "",
    after: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """All versions, what differs between two of them, import and export."""
    versions = desk.planograms()
    names = [version.id for version in versions]
    if len(names) > 1:
        after = after or names[-1]
        before = before or names[max(0, names.index(after) - 1 if after in names else 0)]
    changes = desk.compare(before, after) if before and after else []
    return page.page(
        request,
        "planogram.html",
        nav="items",
        period=None,
        versions=versions,
        before=before,
        after=after,
        changes=[_named(change, {i.id: i.name for i in board.shop.items}) for change in changes],
        simulated=0.0,
    )


def _named(change: PlanogramChange, names: dict[str, str]) -> dict[str, object]:
    def name(item: str | None) -> str:
        return names.get(item, item) if item else ""

    return {
        "facing": change.facing,
        "before": name(change.before),
        "after": name(change.after),
        "promoted": change.promoted,
    }


# --- what their scripts ask ------------------------------------------------------------------


@api.post("/calibration/{camera_id}/check", dependencies=[Depends(require_form_header)])
def check(
    camera_id: str, draft: Draft, request: Request, desk: TheSiteDesk, page: ThePages
) -> Checked:
    """What is wrong with a draft, and how good its points are, in metres. Changes nothing."""
    found = desk.check(known_camera(desk, camera_id), draft)
    language = page.words(request).language
    told = (replace(problem, what=said(problem.what, language)) for problem in found.problems)
    return replace(found, problems=tuple(told))


@api.post("/calibration/{camera_id}", dependencies=[Depends(require_form_header)])
def save(camera_id: str, body: SaveIn, desk: TheSiteDesk, user: Manager) -> Saved:
    """Writes a draft to the site file; the cameras concerned start again."""
    return desk.save(known_camera(desk, camera_id), body.draft, body.revision, user.name)


@plan.get("/floor-plan", response_class=Response)
def floor_plan(desk: TheSiteDesk) -> Response:
    """The picture of the floor plan, which the store map is drawn on for everybody signed in."""
    image = desk.plan_image()
    if image is None:
        raise NotFoundError("there is no picture of the floor plan", todo="Set map.image")
    return Response(image[0], media_type=image[1], headers={"Cache-Control": "private, max-age=60"})


@api.post("/planogram", dependencies=[Depends(require_form_header)])
def import_planogram(
    body: PlanogramIn, request: Request, desk: TheSiteDesk, user: Manager, page: ThePages
) -> Import:
    """Adds the versions of a file; with any fault nothing is written and all are listed."""
    found = desk.import_planogram(body.text, body.name, user.name)
    language = page.words(request).language
    return replace(found, faults=tuple(said(fault, language) for fault in found.faults))


@api.get("/planogram.{kind}", response_class=Response)
def export_planogram(kind: str, desk: TheSiteDesk) -> Response:
    """All versions, as ``csv`` or ``json``."""
    types: dict[str, Any] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
    if kind not in types:
        raise NotFoundError("no such kind of file", todo="Ask for csv or json")
    return Response(
        desk.export_planogram(kind),
        media_type=types[kind],
        headers={"Content-Disposition": f'attachment; filename="planogram.{kind}"'},
    )

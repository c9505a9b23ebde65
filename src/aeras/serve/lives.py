"""The lives of triggers: list, page, and the steps that a manager takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from aeras.domain.kept import Origin
from aeras.domain.life import BY_HAND, PROPOSABLE, LifeRow, TriggerDesk
from aeras.serve import schemas
from aeras.serve.desk_links import card_link
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import TheBoard, ThePages
from aeras.serve.session import FormText, Manager, OurForm, require_form_header, require_user
from aeras.serve.steps import DeedName, Note, StepIn, deed_named, row_named, seen_in

TriggerId = Annotated[str, Path(max_length=64)]
pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {"model": schemas.ErrorOut, "description": "No such trigger"},
        422: {"model": schemas.ErrorOut, "description": "No step that fits"},
    },
    tags=["triggers"],
)


class StepOut(schemas._Out):
    """One step of a trigger's life."""

    n: int
    at: datetime
    who: str
    deed: str
    stage: str


class FindingsOut(schemas._Out):
    """What the answers to its survey say."""

    answers: int
    options: list[tuple[str, schemas.RateOut]]
    rating: schemas.RateOut | None


class EffectOut(schemas._Out):
    """What changed after an action, against matched items; ``change`` below 0 is better."""

    measure: str
    enough: bool
    change: schemas.RateOut | None
    before: schemas.RateOut | None
    after: schemas.RateOut | None
    controls: int
    controls_before: float | None
    controls_after: float | None
    placebo: schemas.RateOut | None
    needed: int | None
    why: str
    selected: bool


class LifeOut(schemas._Out):
    """A trigger with its life; ``deeds`` are the steps that a manager may take now."""

    trigger: schemas.TriggerOut
    stage: str
    steps: list[StepOut]
    deeds: list[str]
    action: str
    findings: FindingsOut | None
    proposal: tuple[str, str] | None
    effect: EffectOut | None
    due: datetime | None


class DeedIn(StepIn):
    """A step: ``seen`` is how many steps there were before; sending it again is harmless."""

    action: Annotated[str, Field(max_length=32)] = ""


def desk_of(request: Request) -> TriggerDesk:
    """Dependency: whoever keeps the lives; NotFoundError where none are kept."""
    desk: TriggerDesk | None = request.app.state.lives
    if desk is None:
        raise NotFoundError(
            "this site keeps no lives of triggers", todo="Start it with `aeras run`"
        )
    return desk


TheDesk = Annotated[TriggerDesk, Depends(desk_of)]


@pages.get("/triggers")
def triggers(request: Request, board: TheBoard, page: ThePages) -> Response:
    """All findings with what they rest on, and where each stands."""
    rows = board.triggers()
    lives: TriggerDesk | None = request.app.state.lives
    stages = {name: stage.value for name, stage in lives.stages().items()} if lives else {}
    desk = request.app.state.desk
    codes = {
        row.id: desk.qr_svg(card_link(request, row.item))
        for row in rows
        if row.survey and row.state == "open"
    }
    return page.page(
        request,
        "triggers.html",
        codes=codes,
        stages=stages,
        nav="triggers",
        period=None,
        triggers=rows,
        simulated=float(any(row.origin == Origin.SIMULATED for row in rows)),
    )


@pages.get("/triggers/{trigger_id}")
def life(trigger_id: TriggerId, request: Request, desk: TheDesk, page: ThePages) -> Response:
    """One trigger: what it rests on, what became of it, what may be done."""
    row = row_named(desk.row, trigger_id)
    return page.page(
        request,
        "life.html",
        nav="triggers",
        period=None,
        life=row,
        proposable=PROPOSABLE,
        follow_up_days=_days(row),
        simulated=float(row.trigger.origin == Origin.SIMULATED),
    )


def _days(row: LifeRow) -> int:
    return round(row.follow_up.total_seconds() / 86400)


@pages.post("/triggers/{trigger_id}/{deed}")
def take_step(  # noqa: PLR0917 - FastAPI reads them by name
    trigger_id: TriggerId,
    deed: DeedName,
    user: Manager,
    _form: OurForm,
    desk: TheDesk,
    seen: FormText = "0",
    note: Note = "",
    action: FormText = "",
) -> Response:
    """Takes a step by a form of the page."""
    row = row_named(desk.row, trigger_id)
    before = seen_in(seen, len(row.steps))
    desk.do(trigger_id, deed_named(deed, BY_HAND), user.name, seen=before, note=note, action=action)
    return RedirectResponse(f"/triggers/{row.trigger.id}", 303)


@api.get("/triggers/{trigger_id}")
def api_life(trigger_id: TriggerId, desk: TheDesk) -> LifeOut:
    """One trigger with its life."""
    return LifeOut.model_validate(row_named(desk.row, trigger_id))


@api.post("/triggers/{trigger_id}/{deed}", dependencies=[Depends(require_form_header)])
def api_step(
    trigger_id: TriggerId,
    deed: DeedName,
    body: DeedIn,
    user: Manager,
    desk: TheDesk,
) -> LifeOut:
    """Takes a step: ``find``, ``propose``, ``approve``, ``close`` or ``dismiss``; needs the
    X-CSRF-Token header.
    """
    row_named(desk.row, trigger_id)
    sent: Mapping[str, str] = {"note": body.note, "action": body.action}
    return LifeOut.model_validate(
        desk.do(trigger_id, deed_named(deed, BY_HAND), user.name, seen=body.seen, **sent)
    )

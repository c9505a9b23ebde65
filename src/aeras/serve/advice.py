"""Proposals for placement: list, page, and the steps that a manager takes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import RedirectResponse, Response

from aeras.domain.proposals import BY_HAND, AdviceDesk, ProposalRow
from aeras.serve import schemas
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import TheBoard, ThePages
from aeras.serve.session import FormText, Manager, OurForm, require_form_header, require_user
from aeras.serve.steps import DeedName, Note, StepIn, deed_named, row_named, seen_in

ProposalId = Annotated[str, Path(max_length=64)]
pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {
            "model": schemas.ErrorOut,
            "description": "No such proposal, or no advice is asked for",
        },
        422: {"model": schemas.ErrorOut, "description": "No step that fits"},
    },
    tags=["advice"],
)


class MoveOut(schemas._Out):
    """A facing that gets another item, with what was counted; null below k."""

    facing: str
    was: str
    item: str
    looks: schemas.RateOut | None
    handled: int | None
    taken: schemas.RateOut | None
    positive: schemas.RateOut | None
    rejected: schemas.RateOut | None
    unread: float | None


class FitnessOut(schemas._Out):
    """How the calibrated shop told the last week from those before."""

    off: float
    bias: float
    within: float
    scatter: float
    blocks: int
    weeks: int


class JudgedOut(schemas._Out):
    """What the gate says: ``why`` is passed, few, wide, none or zero."""

    passed: bool
    why: str
    gain: schemas.RateOut | None
    effective: float
    needed: int | None


class MeasuredOut(schemas._Out):
    """What the move changed, against its control; ``change`` above 0 is better."""

    change: schemas.RateOut | None
    placebo: schemas.RateOut | None
    before: int
    after: int
    needed: int


class ProposalStepOut(schemas._Out):
    """One step of a proposal's life."""

    n: int
    at: datetime
    who: str
    deed: str
    stage: str
    note: str


class ProposalOut(schemas._Out):
    """A proposal with its life; ``deeds`` are the steps that a manager may take now."""

    id: str
    kind: str
    made_at: datetime
    fixture: str
    control: str
    policy: str
    moves: list[MoveOut]
    gain: schemas.RateOut | None
    fitness: FitnessOut | None
    weights: dict[str, float]
    weeks: int
    simulated: float
    reverses: str
    stage: str
    steps: list[ProposalStepOut]
    deeds: list[str]
    judged: JudgedOut | None
    measured: MeasuredOut | None
    due: datetime | None


class AdviceOut(schemas._Out):
    """All proposals, newest first, and what they rest on."""

    weeks: int
    rounds: int
    looked_at: datetime | None
    outcome: str
    trouble: str
    trial: bool
    weights: dict[str, float]
    moves_a_week: int
    proposals: list[ProposalOut]


class ProposalDeedIn(StepIn):
    """A step: ``seen`` is how many steps there were before; sending it again is harmless."""


def desk_of(request: Request) -> AdviceDesk:
    """Dependency: whoever keeps the proposals; NotFoundError where none are asked for."""
    desk: AdviceDesk | None = request.app.state.advice
    if desk is None:
        raise NotFoundError(
            "this site asks for no advice", todo="Add the section advice to the site file"
        )
    return desk


TheAdvice = Annotated[AdviceDesk, Depends(desk_of)]


def _out(row: ProposalRow) -> ProposalOut:
    own, kept = row.kept.proposal, row.kept
    values = {name: getattr(own, name) for name in ProposalOut.model_fields if hasattr(own, name)}
    return ProposalOut.model_validate(
        values
        | {
            "moves": [MoveOut.model_validate(one) for one in own.moves],
            "stage": kept.stage,
            "steps": [ProposalStepOut.model_validate(one) for one in kept.steps],
            "deeds": list(row.deeds),
            "judged": kept.judged,
            "measured": kept.measured,
            "due": row.due,
        }
    )


@pages.get("/advice")
def advice(request: Request, board: TheBoard, desk: TheAdvice, page: ThePages) -> Response:
    """All proposals and where each stands."""
    rows = desk.rows()
    return page.page(
        request,
        "advice.html",
        nav="advice",
        period=None,
        state=desk.state(),
        rows=rows,
        fixtures={fixture.id: fixture.name for fixture in board.shop.fixtures},
        simulated=max((row.kept.proposal.simulated for row in rows), default=0.0),
    )


@pages.get("/advice/{proposal}")
def proposal_page(
    proposal: ProposalId, request: Request, board: TheBoard, desk: TheAdvice, page: ThePages
) -> Response:
    """One proposal: each move with its evidence, what is expected, what became of it."""
    row = row_named(desk.row, proposal)
    return page.page(
        request,
        "proposal.html",
        nav="advice",
        period=None,
        row=row,
        own=row.kept.proposal,
        items={item.id: item.name for item in board.shop.items},
        fixtures={fixture.id: fixture.name for fixture in board.shop.fixtures},
        simulated=row.kept.proposal.simulated,
    )


@pages.post("/advice/{proposal}/{deed}")
def take_step(  # noqa: PLR0917 - FastAPI reads them by name
    proposal: ProposalId,
    deed: DeedName,
    user: Manager,
    _form: OurForm,
    desk: TheAdvice,
    seen: FormText = "0",
    note: Note = "",
) -> Response:
    """Takes a step by a form of the page."""
    row = row_named(desk.row, proposal)
    before = seen_in(seen, len(row.kept.steps))
    desk.do(proposal, deed_named(deed, BY_HAND), user.name, seen=before, note=note)
    return RedirectResponse(f"/advice/{row.kept.proposal.id}", 303)


@api.get("/advice")
def api_advice(desk: TheAdvice) -> AdviceOut:
    """All proposals, newest first, and what they rest on."""
    state = desk.state()
    values = {n: getattr(state, n) for n in AdviceOut.model_fields if n != "proposals"}
    return AdviceOut.model_validate(values | {"proposals": [_out(row) for row in desk.rows()]})


@api.get("/advice/{proposal}")
def api_proposal(proposal: ProposalId, desk: TheAdvice) -> ProposalOut:
    """One proposal with its life."""
    return _out(row_named(desk.row, proposal))


@api.post("/advice/{proposal}/{deed}", dependencies=[Depends(require_form_header)])
def api_step(
    proposal: ProposalId, deed: DeedName, body: ProposalDeedIn, user: Manager, desk: TheAdvice
) -> ProposalOut:
    """Takes a step: ``approve``, ``confirm``, ``keep``, ``roll_back`` or ``dismiss``; needs the
    X-CSRF-Token header.
    """
    row_named(desk.row, proposal)
    step = deed_named(deed, BY_HAND)
    return _out(desk.do(proposal, step, user.name, seen=body.seen, note=body.note))

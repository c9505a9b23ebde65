"""Survey forms: the list, the editor, what was answered to each version, and printed cards."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from aeras.domain.errors import InputError
from aeras.domain.forms import FormDesk, FormVersion, OpenForm
from aeras.domain.kept import TriggerState
from aeras.serve import schemas
from aeras.serve.desk_links import facing_links
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import TheBoard, ThePages
from aeras.serve.session import Manager, manager, require_form_header, require_user
from aeras.serve.words import NAMES

FormId = Annotated[str, Path(max_length=64)]

pages = APIRouter(dependencies=[Depends(require_user)], include_in_schema=False)
api = APIRouter(
    prefix="/api/forms",
    dependencies=[Depends(manager)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
    },
    tags=["forms"],
)


class NewFormIn(BaseModel):
    """A form to start from a template."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(max_length=40)]
    template: Annotated[str, Field(max_length=64)]


class FormIn(BaseModel):
    """A form as it is being edited: SurveyJS JSON with texts by language."""

    model_config = ConfigDict(extra="forbid")

    form: dict[str, Any]


class PublishIn(BaseModel):
    """The version to put into use."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, lt=2**31)]


class ReviewOut(BaseModel):
    """What would come of an edited form; see `aeras.domain.forms.Reviewed`."""

    problems: list[dict[str, str]]
    missing: list[tuple[str, str]]
    seconds: dict[str, float]
    changes: list[dict[str, str]]
    previews: dict[str, dict[str, Any]]


class VersionOut(BaseModel):
    """A saved version."""

    form: str
    version: int


def desk_of(request: Request) -> FormDesk:
    """Dependency: whoever keeps the forms; NotFoundError where pages may not change them."""
    desk: FormDesk | None = request.app.state.forms
    if desk is None:
        raise NotFoundError("this site keeps no forms", todo="Start it with `aeras run`")
    return desk


TheForms = Annotated[FormDesk, Depends(desk_of)]


def opened(desk: FormDesk, form: str, version: int | None = None) -> OpenForm:
    """A form; NotFoundError if there is none of that name."""
    try:
        return desk.open(form, version)
    except InputError:
        if any(row.id == form for row in desk.forms()):
            raise
        raise NotFoundError(f"there is no form {form!r}", todo="See /forms") from None


@pages.get("/forms")
def forms(request: Request, desk: TheForms, page: ThePages) -> Response:
    """All forms, and how to start one."""
    return page.page(
        request,
        "forms.html",
        nav="surveys",
        period=None,
        forms=desk.forms(),
        templates=desk.templates(),
        simulated=0.0,
    )


@pages.get("/forms/{form}")
def editor(
    form: FormId,
    request: Request,
    desk: TheForms,
    page: ThePages,
    _user: Manager,
    version: int | None = None,
) -> Response:
    """The editor."""
    found = opened(desk, form, version)
    return page.page(
        request,
        "form.html",
        nav="surveys",
        period=None,
        form=found,
        data={
            "id": found.id,
            "version": found.version,
            "used": found.used,
            "source": found.source,
            "names": NAMES,
        },
        simulated=0.0,
    )


@pages.get("/forms/{form}/answers")
def answers(
    form: FormId, request: Request, desk: TheForms, board: TheBoard, page: ThePages
) -> Response:
    """What was answered to each version."""
    found = opened(desk, form)
    rows = board.form_answers(form)
    return page.page(
        request,
        "form_answers.html",
        nav="surveys",
        period=None,
        form=found,
        rows=rows,
        labels={version.version: _labels(version) for version in found.versions},
        simulated=max((row.summary.simulated for row in rows), default=0.0),
    )


def _labels(version: FormVersion) -> dict[str, dict[str, str]]:
    """Texts of a version's questions, and of their choices by code, in its first language."""
    source = json.loads(version.source)
    home = source["languages"][0]
    found: dict[str, dict[str, str]] = {}
    for step in source["pages"]:
        for element in step["elements"]:
            texts = {c["value"]: c["text"].get(home, "") for c in element.get("choices", ())}
            found[element["name"]] = {"": element["title"].get(home, ""), **texts}
    return found


@pages.get("/surveys/cards")
def cards(request: Request, board: TheBoard, page: ThePages) -> Response:
    """Shelf cards of all items that are asked about, one a facing, for printing."""
    asked = {row.item for row in board.triggers() if row.survey and row.state == TriggerState.OPEN}
    desk = request.app.state.desk
    made = [
        {"item": board.shop.item(item), "place": place, "url": url, "svg": desk.qr_svg(url)}
        for item in sorted(asked & {item.id for item in board.shop.items})
        for place, url in facing_links(request, board.shop, item)
    ]
    return page.page(request, "cards.html", nav="surveys", period=None, cards=made, simulated=0.0)


# --- the editor's requests ------------------------------------------------------------------------


@api.post("", dependencies=[Depends(require_form_header)])
def create(sent: NewFormIn, desk: TheForms, user: Manager) -> VersionOut:
    """Starts a form from a template; it is not in use before it is published."""
    saved = desk.create(sent.id, sent.template, user.name)
    return VersionOut(form=saved.form, version=saved.version)


@api.post("/{form}/review", dependencies=[Depends(require_form_header)])
def review(form: FormId, sent: FormIn, desk: TheForms) -> ReviewOut:
    """What is wrong with an edited form, how long it takes, and how it looks. Changes nothing."""
    opened(desk, form)
    found = desk.review(form, sent.form)
    return ReviewOut(
        problems=[asdict(problem) for problem in found.problems],
        missing=list(found.missing),
        seconds=dict(found.seconds or {}),
        changes=[asdict(change) for change in found.changes],
        previews=dict(found.previews or {}),
    )


@api.post("/{form}/versions", dependencies=[Depends(require_form_header)])
def save(form: FormId, sent: FormIn, desk: TheForms, user: Manager) -> VersionOut:
    """Saves the next version; the one in use stays in use."""
    opened(desk, form)
    saved = desk.save(form, sent.form, user.name)
    return VersionOut(form=saved.form, version=saved.version)


@api.post("/{form}/publish", dependencies=[Depends(require_form_header)])
def publish(form: FormId, sent: PublishIn, desk: TheForms, user: Manager) -> VersionOut:
    """Puts a version into use, from the next question on."""
    opened(desk, form)
    desk.publish(form, sent.version, user.name)
    return VersionOut(form=form, version=sent.version)

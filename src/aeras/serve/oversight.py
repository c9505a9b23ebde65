"""What shoppers are told, the stop button, and the privacy officer's page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.params import Depends as DependsOn
from starlette.responses import RedirectResponse, Response

from aeras.domain.errors import StoreError
from aeras.domain.oversight import Act, Oversight, Stopped
from aeras.domain.ports import User
from aeras.serve import schemas
from aeras.serve.auth import safe_next
from aeras.serve.session import (
    FormText,
    Officer,
    OurForm,
    require_form_header,
    require_user,
    visitor,
)
from aeras.serve.words import choose

public = APIRouter(include_in_schema=False)
pages = APIRouter(include_in_schema=False)
api = APIRouter(
    prefix="/api",
    dependencies=[Depends(require_user)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
    },
    tags=["privacy"],
)

SHOWN = 100
"""Entries of the log on the officer's page."""
VIEW_AGAIN = timedelta(minutes=10)
"""A page that renews itself counts as viewed once in this time."""

AnyUser = Annotated[User, Depends(require_user)]


def oversight_of(request: Request) -> Oversight:
    """Dependency: audit log, stop switch and papers."""
    oversight: Oversight = request.app.state.oversight
    return oversight


TheOversight = Annotated[Oversight, Depends(oversight_of)]


def stop_in_force(request: Request) -> Stopped | None:
    """The stop that every page tells of; one that cannot be looked up counts as in force."""
    try:
        return oversight_of(request).switch.stopped()
    except StoreError:
        return Stopped(None, "")


class Viewed:
    """Records who looked at a sensitive page, once in a while a session."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], datetime] = {}

    def note(self, request: Request, user: User, page: str) -> None:
        """Writes an entry unless this session looked at the page a moment ago."""
        now: datetime = request.app.state.clock()
        key = (visitor(request).nonce or user.name, page)  # machines have no session
        self._last = {k: at for k, at in self._last.items() if now - at < VIEW_AGAIN}
        if key not in self._last:
            oversight_of(request).audit.add(Act.VIEW, user.name, page=page)
            self._last[key] = now


def note_view(page: str) -> DependsOn:
    """A dependency that records a look at a page before it is shown."""

    def note(request: Request, user: AnyUser) -> None:
        viewed: Viewed = request.app.state.viewed
        viewed.note(request, user, page)

    return DependsOn(note)


# --- shoppers -----------------------------------------------------------------------------------


@public.get("/privacy")
def notice(request: Request, oversight: TheOversight, lang: str = "") -> Response:
    """What runs here and how to object, for anyone."""
    offered = tuple(oversight.papers.languages())
    accept = request.headers.get("accept-language", "")
    language = lang if lang in offered else choose(accept, offered)
    page: Response = request.app.state.pages.page(
        request,
        "privacy.html",
        language=language,
        notice=oversight.papers.public(language),
        offered=offered,
    )
    return page


# --- the stop -----------------------------------------------------------------------------------


@pages.post("/stop")
def stop(user: AnyUser, oversight: TheOversight, _form: OurForm, next: FormText = "/") -> Response:
    """Stops all reading; everyone who is signed in may."""
    oversight.switch.stop(user.name)
    return RedirectResponse(safe_next(next), 303)


@pages.post("/resume")
def resume(
    user: Officer, oversight: TheOversight, _form: OurForm, next: FormText = "/"
) -> Response:
    """Lets reading go on; for the privacy officer."""
    oversight.switch.resume(user.name)
    return RedirectResponse(safe_next(next), 303)


@api.get("/reading")
def api_reading(request: Request, _user: AnyUser) -> schemas.ReadingOut:
    """Whether anything is read."""
    return _reading(stop_in_force(request))


@api.post("/stop", dependencies=[Depends(require_form_header)])
def api_stop(user: AnyUser, oversight: TheOversight) -> schemas.ReadingOut:
    """Stops all reading within two seconds; needs the X-CSRF-Token header."""
    return _reading(oversight.switch.stop(user.name))


@api.post("/resume", dependencies=[Depends(require_form_header)])
def api_resume(request: Request, user: Officer, oversight: TheOversight) -> schemas.ReadingOut:
    """Lets reading go on; for the privacy officer, with the X-CSRF-Token header."""
    oversight.switch.resume(user.name)
    return _reading(stop_in_force(request))


def _reading(stopped: Stopped | None) -> schemas.ReadingOut:
    if stopped is None:
        return schemas.ReadingOut(stopped=False)
    return schemas.ReadingOut(stopped=True, since=stopped.since, by=stopped.who or None)


# --- the officer --------------------------------------------------------------------------------


@pages.get("/privacy/officer", dependencies=[note_view("/privacy/officer")])
def officer(request: Request, _user: Officer, oversight: TheOversight) -> Response:
    """One page to read, one button to press, one log to check."""
    page: Response = request.app.state.pages.page(
        request,
        "officer.html",
        nav="officer",
        period=None,
        standing=oversight.papers.standing(),
        entries=oversight.audit.last(SHOWN),
        faults=oversight.audit.faults(),
        head=oversight.audit.head(),
        cameras=request.app.state.board.cameras(),
        simulated=0.0,
    )
    return page


@pages.post("/privacy/approve")
def approve(
    user: Officer, oversight: TheOversight, _form: OurForm, configuration: FormText = ""
) -> Response:
    """Notes that the officer approves the configuration that the page showed."""
    if oversight.papers.standing().configuration == configuration:
        oversight.papers.approve(user.name)
    return RedirectResponse("/privacy/officer", 303)


@pages.get("/privacy/papers/{name}")
def paper(
    name: str, user: Officer, oversight: TheOversight, form: str = "html", lang: str = ""
) -> Response:
    """A paper, to keep: made from the configuration in force."""
    found = oversight.papers.paper(name, form, lang)
    oversight.audit.add(Act.PAPERS, user.name, paper=found.name)
    safe = re.sub(r"[^\w.-]", "", found.name, flags=re.ASCII)
    headers = {"Content-Disposition": f'attachment; filename="{safe}"'}
    return Response(found.content, media_type=found.media_type, headers=headers)

"""Channels and what came of them; the API for tills, membership servers and codes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import RedirectResponse, Response

from aeras.domain.asking import AskDesk
from aeras.serve import schemas
from aeras.serve.desk_links import base_url
from aeras.serve.errors import NotFoundError
from aeras.serve.pages import ThePages
from aeras.serve.session import OurForm, manager, require_form_header

Id = Annotated[str, Field(max_length=128)]
ChannelId = Annotated[str, Form(max_length=64)]

api = APIRouter(
    prefix="/api",
    dependencies=[Depends(manager)],
    responses={
        401: {"model": schemas.ErrorOut, "description": "Nobody is signed in"},
        403: {"model": schemas.ErrorOut, "description": "The role does not reach"},
        404: {"model": schemas.ErrorOut, "description": "Not set up"},
        422: {"model": schemas.ErrorOut, "description": "A value that cannot be used"},
    },
    tags=["asking"],
)
pages = APIRouter(dependencies=[Depends(manager)], include_in_schema=False)
_FORM = [Depends(require_form_header)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PurchaseIn(_In):
    """A purchase, as the till reports it."""

    items: list[Id] = Field(min_length=1, max_length=200, description="Item ids or GTINs")
    member: str | None = Field(default=None, max_length=128, description="Membership id")
    language: str = Field(default="en", max_length=35)


class AskedOut(schemas._Out):
    """What to print, or that the member is asked."""

    item: str | None
    channel: str | None
    link: str | None
    text: str | None
    not_asked: str | None


class MemberIn(_In):
    """A consent: which text was agreed to, when (with offset), where."""

    member: Id
    text: str = Field(max_length=64)
    at: str = Field(max_length=40)
    source: str = Field(max_length=64)


class MembersIn(_In):
    """Consents; all are stored or none."""

    members: list[MemberIn] = Field(min_length=1, max_length=10_000)


class StoredOut(schemas._Out):
    """How many were stored."""

    stored: int


class WithdrawIn(_In):
    """Whose consent ends."""

    member: Id


class WithdrawnOut(schemas._Out):
    """Whether there was one."""

    withdrawn: bool


class CodeIn(_In):
    """A code at the till."""

    code: str = Field(max_length=64)


class RedeemedOut(schemas._Out):
    """``taken``, ``used``, ``expired`` or ``unknown``."""

    result: str


class ChannelOut(schemas._Out):
    """How a channel is doing."""

    id: str
    kind: str
    waiting: int
    sent: int
    dead: int


def asking_of(request: Request) -> AskDesk:
    """Dependency: the desk; NotFoundError where the site has none."""
    found: AskDesk | None = request.app.state.asking
    if found is None:
        raise NotFoundError("channels are not set up here", todo="Start the shop with aeras run")
    return found


TheDesk = Annotated[AskDesk, Depends(asking_of)]


@api.post("/purchases", dependencies=_FORM)
def purchase(sent: PurchaseIn, request: Request, desk: TheDesk) -> AskedOut:
    """Somebody bought something: a link for the receipt, or an invitation to the member's app."""
    found = desk.purchase(
        sent.items, member=sent.member, language=sent.language, base=base_url(request)
    )
    return AskedOut.model_validate(found)


@api.post("/members", dependencies=_FORM)
def add_members(sent: MembersIn, desk: TheDesk) -> StoredOut:
    """Stores consents. Membership ids are kept as keyed hashes only."""
    return StoredOut(stored=desk.add_members([row.model_dump() for row in sent.members]))


@api.post("/members/withdraw", dependencies=_FORM)
def withdraw_member(sent: WithdrawIn, desk: TheDesk) -> WithdrawnOut:
    """Ends a consent and deletes all that is kept of the member."""
    return WithdrawnOut(withdrawn=desk.remove_member(sent.member))


@api.post("/incentives/redeem", dependencies=_FORM)
def redeem(sent: CodeIn, desk: TheDesk) -> RedeemedOut:
    """Takes a thank-you code, once."""
    return RedeemedOut(result=desk.redeem(sent.code))


@api.get("/channels")
def channels(desk: TheDesk) -> list[ChannelOut]:
    """How the channels are doing."""
    return [
        ChannelOut(
            id=row.id,
            kind=row.kind,
            waiting=row.counts.waiting,
            sent=row.counts.sent,
            dead=row.counts.dead,
        )
        for row in desk.channels()
    ]


@pages.get("/channels")
def channels_page(
    request: Request,
    desk: TheDesk,
    *,
    pages_: ThePages,
    done: str = "",
    n: int = 0,
) -> Response:
    """Channels, dead letters, response rates and comparisons."""
    return pages_.page(
        request,
        "channels.html",
        nav="surveys",
        period=None,
        channels=desk.channels(),
        dead=desk.dead(),
        rates=desk.rates(),
        trials=desk.trials(),
        aside=desk.set_aside(),
        done=done if done in {"test", "retry"} else "",
        n=max(0, min(n, 1_000_000)),
        simulated=0.0,
    )


@pages.post("/channels/retry")
def retry(desk: TheDesk, channel: ChannelId, _ours: OurForm, message: ChannelId = "") -> Response:
    """Sends dead letters again."""
    count = desk.retry(channel, message or None)
    return RedirectResponse(f"/channels?done=retry&n={count}", 303)


@pages.post("/channels/test")
def send_test(desk: TheDesk, channel: ChannelId, _ours: OurForm) -> Response:
    """Sends a test message at once."""
    desk.send_test(channel)
    return RedirectResponse("/channels?done=test", 303)

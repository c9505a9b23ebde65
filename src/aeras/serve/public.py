"""What anyone may open: survey links, the kiosk, thanks and withdrawal."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from aeras.domain.asking import AskDesk
from aeras.domain.desk import Invitation, Refusal, RefusedError, SurveyDesk
from aeras.domain.errors import InputError
from aeras.domain.shop import Shop
from aeras.serve import schemas
from aeras.serve.auth import client_of
from aeras.serve.errors import NotFoundError, TooManyError
from aeras.serve.oversight import stop_in_force
from aeras.serve.session import FormText, NotAllowedError, visitor
from aeras.serve.words import choose

pages = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/public", tags=["public"])


def _desk(request: Request) -> SurveyDesk:
    desk: SurveyDesk = request.app.state.desk
    return desk


def _limit(request: Request) -> None:
    """Keeps one machine from flooding the cards or guessing codes. A shop's guests may share one
    address: a browser may do 120 things a minute, an address a thousand more.
    """
    state = request.app.state
    wait_s = state.throttle_public.take(_browser(request))
    if wait_s <= 0:
        wait_s = state.throttle_address.take(client_of(request))
    if wait_s > 0:
        raise TooManyError(wait_s)


def _browser(request: Request) -> str:
    """An address with the kind of browser behind it; only ever kept in memory."""
    return f"{client_of(request)} {request.headers.get('user-agent', '')[:200]}"


def _own_script_only(request: Request) -> None:
    """Answers come from our own pages: another site's page may not post them."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise NotAllowedError("this answer was sent from another site", "Open the survey's link")


def _invitation(request: Request, found: Invitation, language: str) -> schemas.InvitationOut:
    desk = _desk(request)
    offered = desk.languages(found.survey)
    accept = request.headers.get("accept-language", "")
    chosen = language if language in offered else choose(accept, offered)
    form = desk.form(found.survey, chosen)
    number = form.pop("version", None)
    return schemas.InvitationOut(
        id=found.id,
        survey=found.survey,
        item=found.item,
        item_name=found.item_name,
        language=chosen,
        languages=list(offered),
        form=form,
        version=number if isinstance(number, int) else None,
    )


@pages.get("/q/{code}")
def scanned(code: str, request: Request) -> Response:
    """A printed card was scanned: on to a fresh single-use link."""
    _limit(request)
    return _on_to_survey(request, request.app.state.cards.read(code))


@pages.get("/01/{gtin}")
@pages.get("/01/{gtin}/21/{serial}")
def digital_link(gtin: str, request: Request, serial: str | None = None) -> Response:
    """The GS1 Digital Link of a card was scanned: on to a fresh single-use link."""
    _limit(request)
    shop: Shop = request.app.state.board.shop
    return _on_to_survey(request, request.app.state.cards.item_of(shop, gtin, serial).id)


def _on_to_survey(request: Request, item: str) -> Response:
    try:
        token = _desk(request).invite(item, "qr")
    except RefusedError:
        raise
    except InputError as error:  # a card may stay on its shelf after its survey has ended
        raise RefusedError(Refusal.CLOSED, error.what, todo=error.todo) from None
    return RedirectResponse(f"/s/{token}", 303)


@pages.get("/s/{token}")
def survey_page(token: str, request: Request, lang: str = "") -> Response:
    """The survey behind a link."""
    invitation = _invitation(request, _desk(request).admit(token), lang)
    page: Response = request.app.state.pages.page(
        request, "survey.html", language=invitation.language, invitation=invitation
    )
    return page


@pages.get("/thanks")
def thanks(request: Request) -> Response:
    """Shown after an answer; the receipt code stays in the browser's session."""
    page: Response = request.app.state.pages.page(request, "thanks.html")
    return page


@pages.get("/kiosk")
def kiosk_page(request: Request, lang: str = "", fixture: str = "") -> Response:
    """The kiosk's screen; its script fetches the question. With a fixture it asks while somebody
    is there.
    """
    if fixture:
        _items_at(request, fixture)
    page: Response = request.app.state.pages.page(request, "kiosk.html", language=lang)
    return page


def _items_at(request: Request, fixture: str) -> list[str]:
    """The items of a fixture; NotFoundError if the site has none of that name."""
    shop: Shop = request.app.state.board.shop
    try:
        return [place.item for place in shop.fixture(fixture).facings if place.item]
    except KeyError:
        raise NotFoundError(
            f"there is no fixture {fixture[:64]!r}", todo="See `fixtures` in the site file"
        ) from None


@pages.get("/withdraw")
def withdraw_page(request: Request, code: str = "") -> Response:
    """The form that takes an answer back."""
    return _withdraw(request, code=code)


def _withdraw(request: Request, *, code: str, outcome: str = "", status: int = 200) -> Response:
    page: Response = request.app.state.pages.page(
        request, "withdraw.html", status=status, code=code[:40], outcome=outcome
    )
    return page


@pages.post("/withdraw")
def withdraw(
    request: Request,
    code: FormText,
    csrf: FormText = "",
) -> Response:
    """Deletes the answer with that code."""
    _limit(request)
    request.app.state.sessions.check_form(visitor(request), csrf)
    if _desk(request).withdraw(code.strip()):
        return _withdraw(request, code="", outcome="done")
    return _withdraw(request, code=code, outcome="unknown", status=404)


@api.get("/form/{token}")
def form(token: str, request: Request, language: str = "") -> schemas.InvitationOut:
    """The form behind a link, in a language it is written in."""
    return _invitation(request, _desk(request).admit(token), language)


@api.post("/answers", response_model_exclude_defaults=True)
def answer(sent: schemas.AnswerIn, request: Request) -> schemas.ReceiptOut:
    """Takes an answer and spends the link."""
    _own_script_only(request)
    throttle = request.app.state.throttle_forged
    wait_s = throttle.wait_s(client_of(request))
    if wait_s > 0:
        raise TooManyError(wait_s)
    try:
        receipt = _desk(request).answer(
            sent.token,
            sent.answers,
            sent.language,
            sent.version,
            client_id=sent.client_id,
            client=_browser(request),
            trap=sent.website,
        )
    except RefusedError as refused:
        if refused.reason is Refusal.FORGED:  # a true link is good for one answer: no other limit
            throttle.hit(client_of(request))
        raise
    asking: AskDesk | None = request.app.state.asking
    if receipt is None or asking is None:
        return schemas.ReceiptOut(receipt=receipt)
    reward = asking.reward(sent.token, receipt, sent.language)
    return schemas.ReceiptOut(
        receipt=receipt,
        code=reward.code if reward else None,
        code_text=reward.text if reward else None,
    )


@api.get("/kiosk")
def kiosk(request: Request, language: str = "", fixture: str = "") -> schemas.KioskOut:
    """What the kiosk should ask now; for a kiosk at a fixture, whether somebody was there within
    this minute or the last, and nothing more about them.
    """
    items = _items_at(request, fixture) if fixture else None
    found = _desk(request).kiosk(items)
    shop: Shop = request.app.state.board.shop
    return schemas.KioskOut(
        invitation=_invitation(request, found, language) if found else None,
        near=not fixture or _someone_at(request, fixture),
        simulated=any(camera.simulated for camera in shop.cameras),
    )


def _someone_at(request: Request, fixture: str) -> bool:
    there: bool = request.app.state.hub.someone_at(fixture)
    return there and stop_in_force(request) is None


@api.post("/kiosk/answers")
def kiosk_answer(sent: schemas.KioskAnswerIn, request: Request) -> schemas.ReceiptOut:
    """Takes a kiosk's answer; the same ``client_id`` again changes nothing."""
    _own_script_only(request)
    _limit(request)
    receipt = _desk(request).answer_kiosk(
        sent.invitation, sent.answers, sent.language, sent.client_id, sent.version
    )
    return schemas.ReceiptOut(receipt=receipt)

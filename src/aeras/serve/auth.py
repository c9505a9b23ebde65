"""Sign in, first-run set-up, one-time links, sign out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from aeras.domain.errors import InputError
from aeras.domain.oversight import SYSTEM, Act
from aeras.domain.ports import User
from aeras.serve.errors import NotFoundError, TooManyError
from aeras.serve.session import FormText, OurForm, Sessions, visitor

router = APIRouter(include_in_schema=False)

MIN_PASSWORD = 10


def safe_next(target: str) -> str:
    """A path on this site, or the overview: a link may not send people elsewhere."""
    parts = urlsplit(target)
    inside = not parts.scheme and not parts.netloc and target.startswith("/")
    return target if inside and not target.startswith(("//", "/\\")) else "/"


def client_of(request: Request) -> str:
    """The asking machine's address, for throttles only."""
    return request.client.host if request.client else "unknown"


def _signed_in(request: Request, user: User, target: str) -> Response:
    response = RedirectResponse(target, 303)
    request.app.state.sessions.start(request, response, user)
    return response


@router.get("/login")
def login_page(request: Request, next: str = "/") -> Response:
    """The sign-in form, or straight on for those who are signed in."""
    if visitor(request).user:
        return RedirectResponse(safe_next(next), 303)
    return _login(request, safe_next(next))


def _login(request: Request, target: str, *, problem: str = "", status: int = 200) -> Response:
    state = request.app.state
    page: Response = state.pages.page(
        request,
        "login.html",
        status=status,
        target=target,
        problem=problem,
        first_run=not state.users.has_users(),
    )
    return page


@router.post("/login")
def login(
    request: Request,
    _form: OurForm,
    *,
    name: FormText,
    password: FormText,
    next: FormText = "/",
) -> Response:
    """Checks name and password; throttled by name and by machine, or by the browser that this user
    has signed in with before.
    """
    state = request.app.state
    device = state.sessions.device(request, name)
    by_name = ((state.throttle_name, name.casefold()), (state.throttle_client, client_of(request)))
    keys = ((state.throttle_device, device),) if device else by_name
    wait_s = max(throttle.take(key) for throttle, key in keys)
    if wait_s > 0:
        raise TooManyError(wait_s)
    user = state.users.sign_in(name, password)
    if user is None:
        known = state.users.user(name)  # what strangers type may be a password or a person's name
        state.oversight.audit.add(Act.SIGN_IN_FAILED, known.name if known else SYSTEM)
        return _login(request, safe_next(next), problem="login.wrong", status=401)
    if user.second_factor:
        proof = state.sessions.seal(visitor(request), "password", user.name)
        return _ask_code(request, proof, safe_next(next))
    _forget_guesses(request, user.name)
    return _signed_in(request, user, safe_next(next))


def _forget_guesses(request: Request, name: str) -> None:
    """After a success. Guesses from elsewhere keep counting where this browser is known."""
    state = request.app.state
    device = state.sessions.device(request, name)
    if device:
        state.throttle_device.clear(device)
    else:
        state.throttle_name.clear(name.casefold())


def _ask_code(
    request: Request, proof: str, target: str, *, problem: str = "", status: int = 200
) -> Response:
    page: Response = request.app.state.pages.page(
        request, "code.html", status=status, proof=proof, target=target, problem=problem
    )
    return page


@router.post("/login/code")
def login_code(
    request: Request,
    _form: OurForm,
    *,
    proof: Annotated[str, Form(max_length=400)],
    code: FormText,
    next: FormText = "/",
) -> Response:
    """Checks the second factor; throttled as the password is."""
    state = request.app.state
    name = state.sessions.unseal(visitor(request), "password", proof)
    user = state.users.user(name) if name else None
    if user is None:
        return _login(request, safe_next(next), problem="login.late", status=401)
    client_wait_s = state.throttle_client.take(client_of(request))
    wait_s = max(state.throttle_code.take(user.name), client_wait_s)
    if wait_s > 0:
        raise TooManyError(wait_s)
    if not state.users.check_code(user.name, code, state.clock()):
        state.oversight.audit.add(Act.SIGN_IN_FAILED, user.name, what="second factor")
        return _ask_code(request, proof, safe_next(next), problem="login.code.wrong", status=401)
    state.throttle_code.clear(user.name)
    _forget_guesses(request, user.name)
    return _signed_in(request, user, safe_next(next))


@router.post("/logout")
def logout(request: Request, csrf: FormText = "") -> Response:
    """Ends the session."""
    sessions: Sessions = request.app.state.sessions
    who = visitor(request)
    response = RedirectResponse("/login", 303)
    if who.user:
        sessions.check_form(who, csrf)
        sessions.end(request, response)
    return response


def _dead_link() -> NotFoundError:
    return NotFoundError(
        "this link was used before, is too old, or belongs to an earlier start",
        todo="Start AERAS again to get a new one, or sign in",
    )


@router.get("/enter")
def enter(request: Request, token: str = "") -> Response:
    """Signs in by a one-time link."""
    state = request.app.state
    user = state.users.user(state.links.spend(token, "enter") or "")
    if user is None:
        raise _dead_link()
    return _signed_in(request, user, "/")


@router.get("/setup")
def setup_page(request: Request, token: str = "") -> Response:
    """The form that creates the first user."""
    if not request.app.state.links.valid(token, "setup"):
        raise _dead_link()
    return _setup(request, token)


def _setup(request: Request, token: str, *, problem: str = "", status: int = 200) -> Response:
    page: Response = request.app.state.pages.page(
        request,
        "setup.html",
        status=status,
        token=token,
        problem=problem,
        min_password=MIN_PASSWORD,
    )
    return page


@router.post("/setup")
def setup(
    request: Request,
    _form: OurForm,
    *,
    token: FormText,
    name: FormText,
    password: FormText,
    again: FormText,
) -> Response:
    """Creates the first user as administrator; the link is spent only when that worked."""
    state = request.app.state
    if not state.links.valid(token, "setup"):
        raise _dead_link()
    problem = password_problem(name, password, again)
    if problem:
        return _setup(request, token, problem=problem, status=422)
    try:
        state.users.add_user(name.strip(), password, "admin")
    except InputError as error:
        return _setup(request, token, problem=str(error), status=422)
    state.links.spend(token, "setup")
    state.oversight.audit.add(Act.USER_CHANGED, name.strip(), what="first user, role admin")
    return _signed_in(request, User(name.strip(), "admin"), "/")


def password_problem(name: str, password: str, again: str) -> str:
    """The word key of what is wrong, or ""."""
    if not name.strip():
        return "setup.no_name"
    if len(password) < MIN_PASSWORD:
        return "setup.short"
    if password.casefold() == name.strip().casefold():
        return "setup.same"
    return "" if password == again else "setup.differ"

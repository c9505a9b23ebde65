"""Users and tokens for the administrator, one's own account, and joining by invitation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

import pyotp
from fastapi import APIRouter, Depends, Form, Query, Request
from starlette.responses import RedirectResponse, Response

from aeras.domain.accounts import INVITED, MAX_TOKEN_DAYS, TOKEN_ROLES, Accounts
from aeras.domain.errors import InputError
from aeras.domain.oversight import Act
from aeras.domain.ports import User
from aeras.domain.roles import Role, allows, of_token
from aeras.serve.auth import MIN_PASSWORD, password_problem
from aeras.serve.desk_links import base_url
from aeras.serve.errors import NotFoundError, TooManyError
from aeras.serve.session import (
    FormText,
    NotAllowedError,
    checked_form,
    needs_second_factor,
    require,
    require_person,
    require_user,
    visitor,
)

router = APIRouter(include_in_schema=False)

Admin = Annotated[User, Depends(require(Role.ADMIN))]
Person = Annotated[User, Depends(require_person)]
AnyUser = Annotated[User, Depends(require_user)]


FROM_OUR_PAGE = [Depends(require_person), Depends(checked_form)]


def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.users
    return accounts


def _then_show(request: Request, page: str, **facts: str) -> Response:
    """Leads to a page that shows something this once: loading it again neither shows it again nor
    repeats what was done.
    """
    request.app.state.once.keep(visitor(request).nonce, page, **facts)
    return RedirectResponse(page, 303)


def _shown_once(request: Request, page: str) -> Mapping[str, str]:
    found: Mapping[str, str] = request.app.state.once.take(visitor(request).nonce, page)
    return found


def _log(request: Request, who: User, **about: str) -> None:
    request.app.state.oversight.audit.add(Act.USER_CHANGED, who.name, **about)


# --- users, for the administrator ---------------------------------------------------------------


@router.get("/users")
def users(request: Request, _admin: Admin) -> Response:
    """Who may sign in, and which machines."""
    return _users(request)


def _users(request: Request, *, problem: str = "", status: int = 200) -> Response:
    state = request.app.state
    once = _shown_once(request, "/users")
    page: Response = state.pages.page(
        request,
        "users.html",
        status=status,
        nav="users",
        period=None,
        simulated=0.0,
        accounts=_accounts(request).accounts(state.clock()),
        tokens=_accounts(request).tokens(state.clock()),
        roles=list(Role),
        problem=problem,
        link=once.get("link", ""),
        invited=once.get("name", ""),
        days=INVITED.days,
    )
    return page


@router.post("/users/invite", dependencies=FROM_OUR_PAGE)
def invite(request: Request, admin: Admin, name: FormText, role: FormText = "viewer") -> Response:
    """Issues a link by which somebody chooses a password: a new user, or a known one anew."""
    name = name.strip()
    try:
        token = _accounts(request).invite(name, role, request.app.state.clock())
    except InputError as error:
        return _users(request, problem=str(error), status=422)
    known = _accounts(request).user(name)
    _log(request, admin, user=name, what="new password link" if known else f"invited as {role}")
    link = f"{base_url(request)}/join?token={token}"
    return _then_show(request, "/users", link=link, name=name)


@router.post("/users/change", dependencies=FROM_OUR_PAGE)
def change(
    request: Request, admin: Admin, name: FormText, what: FormText, role: FormText = ""
) -> Response:
    """Changes a role, locks out, lets in again, or signs out everywhere."""
    try:
        told = _change(_accounts(request), name, what, role)
    except InputError as error:
        return _users(request, problem=str(error), status=422)
    _log(request, admin, user=name, what=told)
    return RedirectResponse("/users", 303)


def _change(accounts: Accounts, name: str, what: str, role: str) -> str:
    """Does it; returns what the log says. InputError for an unknown user or change."""
    if what == "role":
        accounts.set_role(name, role)
        return f"role {role}"
    if what in ("disable", "enable"):
        accounts.set_disabled(name, what == "disable")
        return "locked out" if what == "disable" else "let in again"
    if what == "sign-out":
        accounts.end_sessions(name)
        return "signed out everywhere"
    raise InputError("unknown change", todo="Use the buttons of the page")


# --- joining ------------------------------------------------------------------------------------


def _invited(request: Request, token: str) -> User:
    user = _accounts(request).invitation(token, request.app.state.clock())
    if user is None:
        raise NotFoundError(
            "this link was used before or is too old", todo="Ask an administrator for a new one"
        )
    return user


@router.get("/join")
def join_page(request: Request, token: Annotated[str, Query(max_length=200)] = "") -> Response:
    """The form in which somebody who was invited chooses a password."""
    return _join(request, _invited(request, token), token)


def _join(
    request: Request, user: User, token: str, *, problem: str = "", status: int = 200
) -> Response:
    page: Response = request.app.state.pages.page(
        request,
        "join.html",
        status=status,
        invited=user,
        token=token,
        problem=problem,
        min_password=MIN_PASSWORD,
    )
    return page


@router.post("/join", dependencies=[Depends(checked_form)])
def join(request: Request, token: FormText, password: FormText, again: FormText) -> Response:
    """Sets the password and spends the link; one then signs in with it."""
    invited = _invited(request, token)
    problem = password_problem(invited.name, password, again)
    if problem:
        return _join(request, invited, token, problem=problem, status=422)
    user = _accounts(request).join(token, password, request.app.state.clock())
    if user is not None:
        _log(request, user, user=user.name, what="chose a password by a link")
    return RedirectResponse("/login", 303)


# --- one's own account --------------------------------------------------------------------------


@router.get("/account")
def account(request: Request, user: Person) -> Response:
    """Second factor, sessions and tokens of whoever is signed in."""
    return _account(request, user)


def _account(request: Request, user: User, *, problem: str = "", status: int = 200) -> Response:
    state = request.app.state
    once = _shown_once(request, "/account")
    fresh = _accounts(request).user(user.name) or user
    secret = pyotp.random_base32()
    uri = pyotp.TOTP(secret).provisioning_uri(
        name=user.name, issuer_name=f"AERAS {state.board.shop.name}"
    )
    mine = [t for t in _accounts(request).tokens(state.clock()) if t.owner == user.name]
    page: Response = state.pages.page(
        request,
        "account.html",
        status=status,
        nav="account",
        period=None,
        simulated=0.0,
        problem=problem,
        second_factor=fresh.second_factor,
        demanded=needs_second_factor(request, fresh),
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        sealed=state.sessions.seal(visitor(request), "factor", secret),
        svg="" if fresh.second_factor else state.desk.qr_svg(uri),
        codes=once.get("codes", "").split(),
        tokens=mine,
        token=once.get("token", ""),
        token_roles=[role for role in TOKEN_ROLES if allows(user.role, of_token(role))],
        max_days=MAX_TOKEN_DAYS,
    )
    return page


@router.post("/account/second-factor", dependencies=FROM_OUR_PAGE)
def second_factor_on(
    request: Request, user: Person, code: FormText, sealed: Annotated[str, Form(max_length=400)]
) -> Response:
    """Turns the second factor on, once the app shows the right code; shows recovery codes."""
    state = request.app.state
    secret = state.sessions.unseal(visitor(request), "factor", sealed)
    if secret is None or user.second_factor:
        return _account(request, user, problem="account.late", status=422)
    codes = _accounts(request).set_second_factor(user.name, secret, code, state.clock())
    if codes is None:
        return _account(request, user, problem="login.code.wrong", status=422)
    _log(request, user, user=user.name, what="second factor on")
    return _then_show(request, "/account", codes=" ".join(codes))


@router.post("/account/second-factor/off", dependencies=FROM_OUR_PAGE)
def second_factor_off(request: Request, user: AnyUser, code: FormText) -> Response:
    """Turns the second factor off; asks for a code once more."""
    state = request.app.state
    wait_s = state.throttle_code.take(user.name)
    if wait_s > 0:
        raise TooManyError(wait_s)
    if not _accounts(request).check_code(user.name, code, state.clock()):
        return _account(request, user, problem="login.code.wrong", status=422)
    state.throttle_code.clear(user.name)
    _accounts(request).drop_second_factor(user.name)
    _log(request, user, user=user.name, what="second factor off")
    return RedirectResponse("/account", 303)


@router.post("/account/sign-out", dependencies=FROM_OUR_PAGE)
def sign_out_everywhere(request: Request, user: Person) -> Response:
    """Ends all sessions of this user, this one included."""
    _accounts(request).end_sessions(user.name)
    _log(request, user, user=user.name, what="signed out everywhere")
    return RedirectResponse("/login", 303)


@router.post("/account/tokens", dependencies=FROM_OUR_PAGE)
def make_token(
    request: Request,
    user: AnyUser,
    name: FormText,
    role: FormText,
    days: Annotated[int, Form(ge=1, le=MAX_TOKEN_DAYS)],
) -> Response:
    """Makes a token for a machine and shows it this once."""
    until = request.app.state.clock() + timedelta(days=days)
    try:
        token = _accounts(request).make_token(user.name, name.strip(), role, until)
    except InputError as error:
        return _account(request, user, problem=str(error), status=422)
    _log(request, user, token=name.strip(), what=f"token made, role {role}, {days} days")
    return _then_show(request, "/account", token=token)


@router.post("/account/tokens/revoke", dependencies=FROM_OUR_PAGE)
def revoke_token(request: Request, user: AnyUser, id: FormText) -> Response:
    """Ends a token of one's own; an administrator may end any."""
    accounts = _accounts(request)
    held = next((t for t in accounts.tokens(request.app.state.clock()) if t.id == id), None)
    if held is None:
        raise NotFoundError("there is no such token", todo="Load the page again")
    if held.owner != user.name and not allows(user.role, Role.ADMIN):
        raise NotAllowedError("this token is somebody else's", "Ask an administrator")
    accounts.revoke_token(id)
    _log(request, user, token=f"{held.owner}/{held.name}", what="token revoked")
    return RedirectResponse("/account" if held.owner == user.name else "/users", 303)

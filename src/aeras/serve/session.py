"""Session cookies, CSRF tokens, tokens of machines, and who is asking."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Form, Request
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.responses import Response

from aeras.domain.accounts import ABSOLUTE, Accounts
from aeras.domain.ports import Clock, User
from aeras.domain.roles import BI, Role, allows

SESSION = "aeras_session"
FORM = "aeras_form"
DEVICE = "aeras_device"
MAX_AGE_S = int(ABSOLUTE.total_seconds())
DEVICE_S = 180 * 86400
"""Seconds for which a browser that somebody signed in with is known."""
SEALED_S = 600
"""Seconds between a page and its form, where the page hands something over."""
FormText = Annotated[str, Form(max_length=200)]


class SignInNeededError(Exception):
    """Nobody is signed in."""


class NotAllowedError(Exception):
    """The user's role does not reach, or the form's secret is missing or wrong."""

    def __init__(self, what: str, todo: str) -> None:
        self.what = what
        self.todo = todo
        super().__init__(what)


class SecondFactorNeededError(Exception):
    """The site asks this user for a second factor, and there is none yet."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: the user, or None, and the nonce that this visitor's form tokens bind to.

    ``machine`` says that a token was sent, which no other site's page can do for it: such requests
    need no form token.
    """

    user: User | None
    nonce: str
    machine: bool = False


class Sessions:
    """Makes and reads the cookies, and reads the tokens of machines.

    Args:
        accounts: Asked on each request, so that who is locked out is out at once.
        secret: Signs form tokens; at least 32 characters.
        clock: UTC.
        https: Marks cookies Secure.
    """

    def __init__(
        self, accounts: Accounts, secret: str, clock: Clock, *, https: bool = False
    ) -> None:
        self._accounts = accounts
        self._https = https
        self._clock = clock
        self._form = URLSafeSerializer(secret, salt="aeras.form")
        self._device = URLSafeTimedSerializer(secret, salt="aeras.device")
        self._sealed = URLSafeTimedSerializer(secret, salt="aeras.sealed")

    def read(self, request: Request) -> Visitor:
        """The visitor behind a request, from its token or cookies."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and request.url.path.startswith("/api/"):
            user = self._accounts.token_user(token.strip(), self._clock())
            if user and user.role == BI and not request.url.path.startswith("/api/v1/"):
                user = None
            return Visitor(user, "", machine=True)
        held = request.cookies.get(SESSION, "")
        user = self._accounts.session_user(held, self._clock()) if held else None
        return Visitor(user, _nonce_of(held) if user else self._nonce(request))

    def _nonce(self, request: Request) -> str:
        try:
            return str(self._form.loads(request.cookies.get(FORM, "")))
        except BadSignature:
            return secrets.token_hex(16)

    def start(self, request: Request, response: Response, user: User) -> None:
        """Signs the user in: always by a new session, so that none can be planted."""
        self._accounts.end_session(request.cookies.get(SESSION, ""))
        token = self._accounts.start_session(user.name, self._clock())
        self._set(response, SESSION, token, MAX_AGE_S)
        if not self.device(request, user.name):
            device = str(self._device.dumps([user.name, secrets.token_hex(16)]))
            self._set(response, DEVICE, device, DEVICE_S)

    def device(self, request: Request, name: str) -> str:
        """The random id of a browser with which that user has signed in before; "" if none. It
        opens nothing: guesses from it are counted apart, so that strangers who guess at a name
        cannot lock its owner out.
        """
        try:
            owner, device = self._device.loads(request.cookies.get(DEVICE, ""), max_age=DEVICE_S)
        except (BadSignature, ValueError, TypeError):
            return ""
        return str(device) if owner == name else ""

    def end(self, request: Request, response: Response) -> None:
        """Signs out; the cookie's copy elsewhere stops working, too."""
        self._accounts.end_session(request.cookies.get(SESSION, ""))
        response.delete_cookie(SESSION, httponly=True, samesite="lax", secure=self._https)

    def seal(self, visitor: Visitor, purpose: str, text: str) -> str:
        """A text that this visitor's next form brings back unchanged, within `SEALED_S`."""
        return str(self._sealed.dumps([purpose, text, visitor.nonce]))

    def unseal(self, visitor: Visitor, purpose: str, sealed: str) -> str | None:
        """The text of `seal`; None if it is another visitor's, for another purpose, or too old."""
        try:
            sealed_for, text, nonce = self._sealed.loads(sealed, max_age=SEALED_S)
        except (BadSignature, ValueError, TypeError):
            return None
        same = hmac.compare_digest(str(nonce), visitor.nonce) and sealed_for == purpose
        return str(text) if same else None

    def remember(self, response: Response, visitor: Visitor) -> None:
        """Gives a visitor without a session the cookie that form tokens bind to."""
        if visitor.user is None:
            self._set(response, FORM, str(self._form.dumps(visitor.nonce)), MAX_AGE_S)

    def form_token(self, visitor: Visitor) -> str:
        """The hidden field or X-CSRF-Token header of this visitor's forms."""
        return str(self._form.dumps(["csrf", visitor.nonce]))

    def check_form(self, visitor: Visitor, token: str) -> None:
        """Raises NotAllowedError unless the token was made for this visitor."""
        if visitor.machine:
            return
        if not hmac.compare_digest(
            token.encode("utf-8", "replace"), self.form_token(visitor).encode()
        ):
            raise NotAllowedError(
                "this form is too old or did not come from this site",
                "Load the page again and repeat",
            )

    def _set(self, response: Response, name: str, value: str, max_age_s: int) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age_s,
            httponly=True,
            samesite="lax",
            secure=self._https,
            path="/",
        )


def _nonce_of(session: str) -> str:
    return hashlib.sha256(f"nonce:{session}".encode()).hexdigest()[:32]


def visitor(request: Request) -> Visitor:
    """Dependency: the visitor, read once a request."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = request.app.state.sessions.read(request)
    found: Visitor = request.state.visitor
    return found


def require_person(request: Request) -> User:
    """Dependency: the signed-in user, who may still have to set up a second factor."""
    user = visitor(request).user
    if user is None:
        raise SignInNeededError
    return user


def require_user(request: Request) -> User:
    """Dependency: the signed-in user; SignInNeededError, or SecondFactorNeededError where the site
    asks for one.
    """
    user = require_person(request)
    if needs_second_factor(request, user):
        raise SecondFactorNeededError
    return user


def needs_second_factor(request: Request, user: User) -> bool:
    """Whether the site demands a second factor that the user does not have."""
    demanded: bool = request.app.state.second_factor
    return demanded and user.role in (Role.ADMIN, Role.OFFICER) and not user.second_factor


def require(needed: Role) -> Callable[[Request], User]:
    """A dependency: the signed-in user, if their role allows what `needed` is asked for."""

    def check(request: Request) -> User:
        user = require_user(request)
        if not allows(user.role, needed):
            raise NotAllowedError(
                f"this needs the role {needed.value}, yours is {user.role}",
                f"Ask somebody with the role {needed.value}, or an administrator for that role",
            )
        return user

    return check


manager = require(Role.MANAGER)
Manager = Annotated[User, Depends(manager)]
Officer = Annotated[User, Depends(require(Role.OFFICER))]


def checked_form(request: Request, csrf: FormText = "") -> None:
    """Dependency: the form comes from one of our pages."""
    request.app.state.sessions.check_form(visitor(request), csrf)


OurForm = Annotated[None, Depends(checked_form)]
"""Stands after the user, so that who may not ask is told so first."""


def require_form_header(request: Request) -> None:
    """Dependency: the X-CSRF-Token header of a script's request."""
    token = request.headers.get("x-csrf-token", "")
    request.app.state.sessions.check_form(visitor(request), token)

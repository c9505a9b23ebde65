"""Signed session cookies, CSRF tokens, and who is asking."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request
from itsdangerous import BadSignature, URLSafeSerializer, URLSafeTimedSerializer
from starlette.responses import Response

from aeras.domain.ports import User, UserBook
from aeras.domain.roles import Role, allows

SESSION = "aeras_session"
FORM = "aeras_form"
MAX_AGE_S = 12 * 3600


class SignInNeededError(Exception):
    """Nobody is signed in."""


class NotAllowedError(Exception):
    """The user's role does not reach, or the form's secret is missing or wrong."""

    def __init__(self, what: str, todo: str) -> None:
        self.what = what
        self.todo = todo
        super().__init__(what)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: the user, or None, and the nonce that this visitor's form tokens bind to."""

    user: User | None
    nonce: str


class Sessions:
    """Makes and reads the cookies.

    Args:
        users: Asked on each request, so that a removed user is out at once.
        secret: Signs; at least 32 characters.
        https: Marks cookies Secure.
    """

    def __init__(self, users: UserBook, secret: str, *, https: bool = False) -> None:
        self._users = users
        self._https = https
        self._signer = URLSafeTimedSerializer(secret, salt="aeras.session")
        self._form = URLSafeSerializer(secret, salt="aeras.form")
        self._ended: set[str] = set()

    def read(self, request: Request) -> Visitor:
        """The visitor behind a request, from its cookies."""
        nonce = self._nonce(request)
        try:
            held = self._signer.loads(request.cookies.get(SESSION, ""), max_age=MAX_AGE_S)
            name, session = str(held["user"]), str(held["session"])
        except (BadSignature, KeyError, TypeError):
            return Visitor(None, nonce)
        user = None if session in self._ended else self._users.user(name)
        return Visitor(user, session if user else nonce)

    def _nonce(self, request: Request) -> str:
        try:
            return str(self._form.loads(request.cookies.get(FORM, "")))
        except BadSignature:
            return secrets.token_hex(16)

    def start(self, response: Response, user: User) -> None:
        """Signs the user in; a fresh session id each time, so that none can be planted."""
        value = self._signer.dumps({"user": user.name, "session": secrets.token_hex(16)})
        self._set(response, SESSION, str(value), MAX_AGE_S)

    def end(self, response: Response, visitor: Visitor) -> None:
        """Signs out; the cookie's copy elsewhere stops working, too."""
        if visitor.user:
            self._ended.add(visitor.nonce)
        response.delete_cookie(SESSION, httponly=True, samesite="lax", secure=self._https)

    def remember(self, response: Response, visitor: Visitor) -> None:
        """Gives a visitor without a session the cookie that form tokens bind to."""
        if visitor.user is None:
            self._set(response, FORM, str(self._form.dumps(visitor.nonce)), MAX_AGE_S)

    def form_token(self, visitor: Visitor) -> str:
        """The hidden field or X-CSRF-Token header of this visitor's forms."""
        return str(self._form.dumps(["csrf", visitor.nonce]))

    def check_form(self, visitor: Visitor, token: str) -> None:
        """Raises NotAllowedError unless the token was made for this visitor."""
        if not hmac.compare_digest(token.encode(), self.form_token(visitor).encode()):
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


def visitor(request: Request) -> Visitor:
    """Dependency: the visitor, read once a request."""
    if not hasattr(request.state, "visitor"):
        request.state.visitor = request.app.state.sessions.read(request)
    found: Visitor = request.state.visitor
    return found


def require_user(request: Request) -> User:
    """Dependency: the signed-in user, or SignInNeededError."""
    user = visitor(request).user
    if user is None:
        raise SignInNeededError
    return user


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


def require_form_header(request: Request) -> None:
    """Dependency: the X-CSRF-Token header of a script's request."""
    token = request.headers.get("x-csrf-token", "")
    request.app.state.sessions.check_form(visitor(request), token)

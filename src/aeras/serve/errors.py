"""Turns problems into answers: JSON under /api, a plain page elsewhere; both say what to do."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from aeras.domain.desk import Refusal, RefusedError
from aeras.domain.errors import AerasError, ConfigError, InputError, PrivacyError, StoreError
from aeras.domain.site_desk import ConflictError
from aeras.serve.problems import said
from aeras.serve.session import (
    NotAllowedError,
    SecondFactorNeededError,
    SignInNeededError,
)

REFUSAL_STATUS = {
    Refusal.EXPIRED: 410,
    Refusal.SPENT: 410,
    Refusal.CLOSED: 410,
    Refusal.FORGED: 404,
}


class NotFoundError(InputError):
    """Nothing of that name."""


class TooManyError(InputError):
    """Too many attempts; ``wait_s`` seconds until the next."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, round(wait_s))
        super().__init__(
            "too many attempts", todo=f"Wait {self.wait_s} seconds before you try again"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return (TooManyError, (self.wait_s,))


DRAWN = ("/api/calibration/", "/api/planogram")


def status_of(error: AerasError) -> int:
    """The HTTP status that fits a domain error."""
    if isinstance(error, RefusedError):
        return REFUSAL_STATUS[error.reason]
    for kind, status in (
        (NotFoundError, 404),
        (ConflictError, 409),
        (ConfigError, 409),
        (TooManyError, 429),
        (InputError, 422),
        (PrivacyError, 403),
        (StoreError, 503),
    ):
        if isinstance(error, kind):
            return status
    return 500


def answer(
    request: Request, status: int, what: str, *, where: str = "", todo: str = "", key: str = ""
) -> Response:
    """An error as JSON or as a page, by the path that was asked for.

    Args:
        request: What was asked.
        status: HTTP status.
        what: As in `AerasError`.
        where: As in `AerasError`.
        todo: As in `AerasError`.
        key: Word key of a page made for this case; else the words of the status are used.
    """
    if request.url.path.startswith("/api/"):
        if request.url.path.startswith(DRAWN):  # a page shows it as it is
            language = request.app.state.pages.words(request).language
            what, todo = said(what, language), said(todo, language)
        return JSONResponse({"what": what, "where": where, "todo": todo}, status)
    page: Response = request.app.state.pages.error(request, status, what, todo, key)
    return page


def install(app: FastAPI) -> None:
    """Registers the handlers."""

    @app.exception_handler(AerasError)
    def aeras_error(request: Request, error: AerasError) -> Response:
        key = f"refused.{error.reason}" if isinstance(error, RefusedError) else ""
        response = answer(
            request, status_of(error), error.what, where=error.where, todo=error.todo, key=key
        )
        if isinstance(error, TooManyError):
            response.headers["Retry-After"] = str(error.wait_s)
        return response

    @app.exception_handler(SignInNeededError)
    def sign_in_needed(request: Request, _error: SignInNeededError) -> Response:
        if request.url.path.startswith("/api/"):
            return answer(request, 401, "nobody is signed in", todo="Sign in at /login")
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(target)}", 303)

    @app.exception_handler(SecondFactorNeededError)
    def second_factor_needed(request: Request, _error: SecondFactorNeededError) -> Response:
        if request.url.path.startswith("/api/"):
            what = "this site asks you for a second factor"
            return answer(request, 403, what, todo="Set it up at /account")
        return RedirectResponse("/account", 303)

    @app.exception_handler(NotAllowedError)
    def not_allowed(request: Request, error: NotAllowedError) -> Response:
        return answer(request, 403, error.what, todo=error.todo)

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(request, 422, str(first["msg"]), where=where, todo="Correct it and repeat")

    @app.exception_handler(HTTPException)
    def http_error(request: Request, error: HTTPException) -> Response:
        todo = "Check the address" if error.status_code == 404 else ""  # noqa: PLR2004 - HTTP
        return answer(
            request, error.status_code, str(error.detail), where=request.url.path, todo=todo
        )

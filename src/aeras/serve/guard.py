"""Middlewares that hold for every answer: security headers, body limit, who may ask."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from ipaddress import ip_address

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Links carry single-use tokens: they may not leak to wherever a reader goes next.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
}
MAX_BODY = 128 * 1024
"""Bytes; the longest form is a survey answer, whose open text is cut far below."""


LARGE_BODY = {
    "/api/planogram": 8 * 1024 * 1024,
    "/api/calibration/": 1024 * 1024,
    "/api/public/hooks/": 1024 * 1024,
}
"""Bytes that a path, or those beneath it, may take; they ask for a manager or a signature."""

BODY_S = 60.0
"""Seconds in which a body must have come in."""


class SecurityHeaders:
    """Sets the security headers on every answer, and forbids keeping pages in shared caches."""

    def __init__(self, app: ASGIApp, *, https: bool = False) -> None:
        self.app = app
        self.extra = {"Strict-Transport-Security": "max-age=31536000"} if https else {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update({**HEADERS, **self.extra})
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)


class KnownHosts:
    """Refuses requests for a host name that is not this site's.

    Otherwise another site's page could have its own name point here (DNS rebinding), and a forged
    name would stand in the links that pages print. An IP address is no name that could be pointed
    elsewhere: it is always accepted, as is ``localhost``.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str] = ()) -> None:
        self.app = app
        self.hosts = {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and not self._known(_header(scope, b"host")):
            answer = _refusal(
                400,
                "this site is not known under that name",
                "Host",
                "Use its address, or add the name to server.hosts in the site file",
            )
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _known(self, host: str) -> bool:
        name = re.sub(r":\d{1,5}$", "", host)
        if name.lower() in self.hosts:
            return True
        try:
            ip_address(name.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return True


def _header(scope: Scope, name: bytes) -> str:
    found: bytes = next((value for key, value in scope["headers"] if key == name), b"")
    return found.decode("latin-1")


class BodyLimit:
    """Refuses bodies over `MAX_BODY` before anything reads them into memory."""

    def __init__(self, app: ASGIApp, *, limit: int = MAX_BODY) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI; counts the bytes as they come, because a length header may lie or be absent."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        size = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        limit = _limit(scope["path"], self.limit)
        if not size.isdigit() or int(size) > limit:
            await _too_large(scope, limit)(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_S):
                body = await self._read(receive, limit)
        except TimeoutError:
            await _too_slow(scope)(scope, receive, send)
            return
        if body is None:
            await _too_large(scope, limit)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive, limit: int) -> bytes | None:
        """The whole body, or None when it outgrows the limit."""
        body = b""
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return body
            chunk: bytes = message.get("body", b"")
            body += chunk
            if len(body) > limit:
                return None
            if not message.get("more_body", False):
                return body


def _too_slow(scope: Scope) -> JSONResponse:
    what = f"the request did not come in within {BODY_S:.0f} s"
    todo = "Send it again over a faster line"
    return _refusal(408, what, scope["path"], todo, {"Connection": "close"})


def _too_large(scope: Scope, limit: int) -> JSONResponse:
    what = f"the request is larger than {limit // 1024} kB"
    return _refusal(413, what, scope["path"], "Shorten the text and send it again")


def _refusal(
    status: int, what: str, where: str, todo: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    return JSONResponse({"what": what, "where": where, "todo": todo}, status, headers)


def _limit(path: str, usual: int) -> int:
    return next((most for start, most in LARGE_BODY.items() if path.startswith(start)), usual)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the app the body that was read already, then whatever the server says next."""
    pending = True

    async def again() -> Message:
        nonlocal pending
        if pending:
            pending = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again

"""For machines: health and metrics."""

from __future__ import annotations

import hmac
import time

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aeras.serve.session import NotAllowedError

router = APIRouter(include_in_schema=False)
LOCAL = ("127.0.0.1", "::1", "testclient")


class Metrics:
    """This app's numbers, in a registry of its own, so that two apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "aeras_http_requests", "Requests", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "aeras_http_seconds",
            "Time to the first byte",
            ["route"],
            registry=self.registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5),
        )
        self.listening = Gauge("aeras_live_pages", "Open live pages", registry=self.registry)
        self.malformed = Gauge(
            "aeras_live_malformed", "Live messages left out", registry=self.registry
        )
        self.up = Gauge("aeras_camera_up", "1 if up", ["camera"], registry=self.registry)
        self.fps = Gauge("aeras_camera_fps", "Analysed", ["camera"], registry=self.registry)
        self.dropped = Gauge(
            "aeras_camera_dropped", "Frames left out", ["camera"], registry=self.registry
        )


class Timing:
    """Counts requests and their time to the first byte, by route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The template of the route, never the path: a path may hold a token.
                route = getattr(scope.get("route"), "path", "other")
                self.metrics.requests.labels(route, str(message["status"])).inc()
                self.metrics.seconds.labels(route).observe(time.perf_counter() - started)
            await send(message)

        await self.app(scope, receive, timed)


@router.get("/healthz")
def healthz() -> Response:
    """Answers as long as the server does."""
    return JSONResponse({"status": "ok"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus text: for this machine, or with the configured bearer token."""
    state = request.app.state
    _check_reader(request, state.metrics_token)
    numbers: Metrics = state.metrics
    numbers.listening.set(state.hub.listening)
    numbers.malformed.set(state.hub.malformed)
    for camera in state.board.cameras():
        numbers.up.labels(camera.id).set(camera.state == "up")
        numbers.fps.labels(camera.id).set(camera.fps)
        numbers.dropped.labels(camera.id).set(camera.dropped)
    return Response(generate_latest(numbers.registry), media_type=CONTENT_TYPE_LATEST)


def _check_reader(request: Request, token: str | None) -> None:
    given = request.headers.get("authorization", "")
    if token and hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        return
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if token is None and not forwarded and request.client and request.client.host in LOCAL:
        return
    raise NotAllowedError(
        "metrics are for this machine or with the metrics token",
        "Send it as Authorization: Bearer ...",
    )

"""For machines: health, readiness and metrics. docs/operations.md lists the metrics."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable, Mapping

from fastapi import APIRouter, Request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aeras import __version__
from aeras.domain.published import CameraStatus
from aeras.domain.vitals import EDGES_S, Delays, Vitals
from aeras.serve.session import NotAllowedError

router = APIRouter(include_in_schema=False)
LOCAL = ("127.0.0.1", "::1", "testclient")


class Metrics:
    """This app's numbers, in a registry of its own, so that two apps can live in one process."""

    def __init__(self, shop: Collector) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(shop)
        ProcessCollector(registry=self.registry)
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


class ShopCollector(Collector):
    """Tells a running shop's vitals and its cameras' state when it is asked.

    Args:
        vitals: How the shop is doing; None where only pages run.
        cameras: State of the cameras.
    """

    def __init__(
        self, vitals: Callable[[], Vitals] | None, cameras: Callable[[], Iterable[CameraStatus]]
    ) -> None:
        self._vitals = vitals
        self._cameras = cameras

    def collect(self) -> Iterable[Metric]:
        """All families; asked anew at each scrape."""
        cameras = list(self._cameras())
        yield _by("aeras_build", "Version", "version", {__version__: 1}, info=True)
        up = {c.id: c.state == "up" for c in cameras}
        yield _by("aeras_camera_up", "1 if pictures come and are read", "camera", up)
        fps = {c.id: c.fps for c in cameras}
        yield _by("aeras_camera_fps", "Frames analysed a second", "camera", fps)
        dropped = {c.id: c.dropped for c in cameras}
        told = "Frames due but not analysed since its worker started"
        yield _by("aeras_camera_dropped", told, "camera", dropped)
        if self._vitals is not None:
            yield from _families(self._vitals())


def _families(vitals: Vitals) -> Iterable[Metric]:
    """What is told of a running shop."""
    reading = {state: state == vitals.reading for state in ("on", "stopped", "closed")}
    yield _by("aeras_reading", "1 for how it is: on, stopped, closed", "state", reading)
    yield _by("aeras_store_up", "1 if the database answers", "store", vitals.stores)
    yield _one("aeras_alive", "0: threads have ended, restart it", vitals.alive)
    yield _one("aeras_workers", "Worker processes that run", vitals.workers)
    yield _one("aeras_workers_wanted", "Worker processes that should", vitals.workers_wanted)
    told = "How often a camera's worker ended unasked and was started again"
    yield _by("aeras_worker_ended", told, "camera", vitals.ended, counter=True)
    told = "Frames analysed since its worker started"
    yield _by("aeras_camera_frames", told, "camera", vitals.frames, counter=True)
    told = "From the picture to the end of its analysis"
    yield _delays("aeras_frame_seconds", told, "camera", vitals.frame_delays)
    told = "Events, in steps of k visits"
    yield CounterMetricFamily("aeras_events", told, value=vitals.events)
    told = "From the picture to the stored event, in steps of k visits"
    yield _delays("aeras_event_seconds", told, "", {"": vitals.event_delays})
    yield _one("aeras_events_held_up", "1 while the event store refuses", vitals.held_up)
    told = "Events in memory that the store refused, rounded up to k"
    yield _one("aeras_events_waiting", told, vitals.events_waiting)
    told = "Events given up because too many waited, rounded up to k"
    yield CounterMetricFamily("aeras_events_lost", told, value=vitals.events_lost)
    yield CounterMetricFamily("aeras_triggers", "Triggers opened", value=vitals.triggers)
    yield _one("aeras_disk_free_bytes", "Room left for the databases", vitals.disk_free)
    yield _one("aeras_disk_size_bytes", "Size of that disk", vitals.disk_size)
    out, feeds = vitals.outbox, vitals.feeds
    told = "Messages not sent yet, rounded up to k"
    waiting = {name: n.waiting for name, n in out.items()}
    yield _by("aeras_outbox_waiting", told, "channel", waiting)
    told = "Messages given up, rounded up to k"
    yield _by("aeras_outbox_dead", told, "channel", {name: n.dead for name, n in out.items()})
    oldest = {name: n.oldest_s for name, n in out.items()}
    yield _by("aeras_outbox_oldest_seconds", "How long the oldest waits", "channel", oldest)
    fine = {name: feed.fine for name, feed in feeds.items()}
    yield _by("aeras_connector_up", "0 while it cannot read its source", "connector", fine)
    lag = {name: feed.lag_s for name, feed in feeds.items() if feed.lag_s is not None}
    told = "Since its last run that reached the end; absent before the first"
    yield _by("aeras_connector_lag_seconds", told, "connector", lag)
    held = {name: feed.held for name, feed in feeds.items()}
    told = "Records in quarantine, rounded up to k"
    yield _by("aeras_connector_held", told, "connector", held)
    if vitals.hub is not None:
        told = "Events not at the chain's hub yet, rounded up to k"
        yield _one("aeras_hub_waiting", told, vitals.hub.waiting)
        told = "Events given up because the spool was full, rounded up to k"
        yield CounterMetricFamily("aeras_hub_lost", told, value=vitals.hub.dead)


def _one(name: str, told: str, value: float) -> Metric:
    return GaugeMetricFamily(name, told, value=value)


def _by(
    name: str,
    told: str,
    label: str,
    values: Mapping[str, float],
    *,
    counter: bool = False,
    info: bool = False,
) -> Metric:
    kind = CounterMetricFamily if counter else GaugeMetricFamily
    family = kind(name + ("_info" if info else ""), told, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _delays(name: str, told: str, label: str, values: Mapping[str, Delays]) -> Metric:
    family = HistogramMetricFamily(name, told, labels=[label] if label else [])
    edges = [*(str(edge) for edge in EDGES_S), "+Inf"]
    for key, delays in values.items():
        below, buckets = 0, []
        for edge, count in zip(edges, delays.counts, strict=True):
            below += count
            buckets.append((edge, below))
        family.add_metric([key] if label else [], buckets, delays.sum_s)
    return family


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
def healthz(request: Request) -> Response:
    """200 while it lives; 503 when only a restart helps."""
    alive = request.app.state.alive()
    return JSONResponse({"status": "ok" if alive else "dead"}, 200 if alive else 503)


@router.get("/readyz")
def readyz(request: Request) -> Response:
    """200 when pages and cameras can work, else 503 with what is missing. A shop that is stopped or
    closed is ready, and says so: its pages are where it is resumed.
    """
    vitals = request.app.state.vitals
    if vitals is None:
        return JSONResponse({"ready": True, "missing": [], "reading": "none"})
    found: Vitals = vitals()
    told = {"ready": not found.unready, "missing": found.unready, "reading": found.reading}
    return JSONResponse(told, 503 if found.unready else 200)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Prometheus text: for this machine, or with the configured bearer token."""
    state = request.app.state
    _check_reader(request, state.metrics_token)
    numbers: Metrics = state.metrics
    numbers.listening.set(state.hub.listening)
    numbers.malformed.set(state.hub.malformed)
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

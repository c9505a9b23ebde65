"""The web application: one function that puts the parts together."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from aeras.domain.accounts import Accounts
from aeras.domain.asking import AskDesk
from aeras.domain.desk import SurveyDesk
from aeras.domain.errors import ServeError
from aeras.domain.feeds import FeedDesk
from aeras.domain.forms import FormDesk
from aeras.domain.insight import Insight
from aeras.domain.life import TriggerDesk
from aeras.domain.noisy import NoisyDesk
from aeras.domain.oversight import Oversight
from aeras.domain.ports import Board, Clock, utc_now
from aeras.domain.proposals import AdviceDesk
from aeras.domain.reporting import ReportDesk
from aeras.domain.rule_desk import RuleDesk
from aeras.domain.shelves import Shelves
from aeras.domain.site_desk import SiteDesk
from aeras.domain.storemap import Maps
from aeras.domain.topics import TopicDesk
from aeras.domain.vitals import Vitals
from aeras.serve import (
    advice,
    api,
    auth,
    bi,
    calibration,
    connectors,
    described,
    errors,
    exports,
    forms,
    insight,
    lives,
    pages,
    people,
    public,
    reports,
    rules,
    topics,
    watch,
)
from aeras.serve import asking as asking_pages
from aeras.serve import oversight as privacy
from aeras.serve import shelves as shelves_api
from aeras.serve import storemap as store_map
from aeras.serve.assets import Assets
from aeras.serve.desk_links import CardLinks
from aeras.serve.guard import BodyLimit, KnownHosts, SecurityHeaders
from aeras.serve.links import OneTimeLinks
from aeras.serve.live import Hub
from aeras.serve.memo import RememberingBoard, RememberingShelves
from aeras.serve.once import ShownOnce
from aeras.serve.render import Pages
from aeras.serve.session import Sessions
from aeras.serve.throttle import StoredThrottle, Throttle

MIN_SECRET = 32


def create_app(
    board: Board,
    users: Accounts,
    desk: SurveyDesk,
    *,
    oversight: Oversight,
    secret: str,
    site_desk: SiteDesk | None = None,
    noisy: NoisyDesk | None = None,
    shelves: Shelves | None = None,
    maps: Maps | None = None,
    statistics: Insight | None = None,
    report_desk: ReportDesk | None = None,
    form_desk: FormDesk | None = None,
    trigger_desk: TriggerDesk | None = None,
    rule_desk: RuleDesk | None = None,
    feed_desk: FeedDesk | None = None,
    asking: AskDesk | None = None,
    topic_desk: TopicDesk | None = None,
    advice_desk: AdviceDesk | None = None,
    links: OneTimeLinks | None = None,
    clock: Clock = utc_now,
    monotonic: Callable[[], float] = time.monotonic,
    public_url: str | None = None,
    https: bool = False,
    hosts: Collection[str] = (),
    second_factor: bool = False,
    metrics_token: str | None = None,
    alive: Callable[[], bool] = lambda: True,
    vitals: Callable[[], Vitals] | None = None,
) -> FastAPI:
    """Builds the application.

    Args:
        board: The gated numbers, live messages and previews.
        users: Who may sign in.
        desk: Surveys and answers.
        oversight: Audit log, stop switch and papers.
        site_desk: Changes the site file; without it the calibration and planogram pages are off.
        noisy: Gives out tables with noise; without it there are none.
        shelves: What the shelves show; without it nothing is said of stock.
        maps: The figures of the store map; without it its page is off.
        statistics: Funnels, ranks and sales beside reactions; without it their pages are off.
        report_desk: Makes the one-page report; without it there is none.
        form_desk: Keeps survey forms; without it their pages are off.
        trigger_desk: Moves triggers on; without it their pages are off.
        rule_desk: Changes the rules; without it their page is off.
        feed_desk: Connectors; without it their page is off and no webhook is taken.
        asking: Channels, members and codes; without it their pages are off.
        topic_desk: Keeps topics of answers; without it their page is off.
        advice_desk: Keeps proposals for placement; without it their page is off.
        secret: Signs cookies and card links; at least 32 characters, the same at each start.
        links: One-time links that the command line prints; without it none are accepted.
        clock: UTC.
        monotonic: Seconds for throttles.
        public_url: Address under which phones reach this site, for QR codes; default: the one
            each request came to.
        https: Set behind TLS: cookies become Secure and browsers are told to insist on it.
        hosts: Names under which this site may be asked, besides addresses and localhost.
        second_factor: Administrators and officers need one.
        metrics_token: Lets another machine read /metrics; without it only this one may.
        alive: Whether the threads that everything rests on run, for /healthz; asks no database.
        vitals: How the running shop is doing, for /readyz and /metrics.

    Raises:
        ServeError: The browser libraries are missing, or the secret is too short.
    """
    if len(secret) < MIN_SECRET:
        raise ServeError(
            f"the signing secret has {len(secret)} characters, at least {MIN_SECRET} are needed",
            todo="Give a long random one",
        )
    assets = Assets()
    remembering = RememberingBoard(board, monotonic)
    hub = Hub(board, clock, remembering.forget)
    metrics = watch.Metrics(watch.ShopCollector(vitals, board.cameras))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        hub.start()
        try:
            yield
        finally:
            hub.stop()

    app = FastAPI(
        title="AERAS",
        description="How shoppers react to single products. Numbers below k visits are null.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(watch.Timing, metrics=metrics),
            Middleware(SecurityHeaders, https=https),
            Middleware(KnownHosts, hosts=hosts),
            Middleware(BodyLimit),
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=5),
        ],
        routes=[
            Route("/static/{version}/{name:path}", assets.serve),
            Route("/kiosk-worker.js", assets.kiosk_worker),
        ],
    )
    sessions = Sessions(users, secret, clock, https=https)
    for name, part in {
        "board": remembering,
        "users": users,
        "desk": desk,
        "oversight": oversight,
        "site_desk": site_desk,
        "noisy": noisy,
        "shelves": RememberingShelves(shelves, remembering) if shelves else None,
        "maps": store_map.RememberingMaps(maps, remembering) if maps else None,
        "insight": statistics,
        "forms": form_desk,
        "lives": trigger_desk,
        "rules": rule_desk,
        "feeds": feed_desk,
        "asking": asking,
        "topics": topic_desk,
        "advice": advice_desk,
        "viewed": privacy.Viewed(),
        "once": ShownOnce(clock),
        "hub": hub,
        "clock": clock,
        "reports": report_desk,
        "links": links or OneTimeLinks(clock),
        "cards": CardLinks(secret),
        "sessions": sessions,
        "pages": Pages(board, sessions, assets, clock),
        "metrics": metrics,
        "metrics_token": metrics_token,
        "alive": alive,
        "vitals": vitals,
        "public_url": public_url,
        "second_factor": second_factor,
        "throttle_name": StoredThrottle("name", 5, 300, users, secret, clock),
        "throttle_device": StoredThrottle("device", 5, 300, users, secret, clock),
        "throttle_code": StoredThrottle("code", 5, 300, users, secret, clock),
        "throttle_client": StoredThrottle("client", 30, 300, users, secret, clock),
        "throttle_public": Throttle(120, 60, monotonic),
        "throttle_address": Throttle(1200, 60, monotonic),
        "throttle_forged": Throttle(120, 60, monotonic),
    }.items():
        setattr(app.state, name, part)
    errors.install(app)
    for router in (
        *(asking_pages.api, asking_pages.pages, exports.router, exports.pages, reports.pages),
        bi.router,
        *(connectors.hooks, connectors.api, connectors.pages),
        *(public.api, api.router, auth.router, public.pages, watch.router, pages.router),
        *(calibration.api, calibration.plan, calibration.pages, forms.api, forms.pages),
        *(lives.api, lives.pages, rules.router, topics.api, topics.pages, advice.api, advice.pages),
        *(privacy.public, privacy.api, privacy.pages, people.router, shelves_api.router),
        *(store_map.api, store_map.pages, insight.api, insight.pages),
    ):
        app.include_router(router)
    described.describe(app)
    return app

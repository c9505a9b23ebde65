"""Yesterday's report, sent each day at its time: stored in the outbox first, once a day."""

from __future__ import annotations

import base64
import threading
from datetime import date, datetime, timedelta

import structlog

from aeras.config import Site
from aeras.domain.errors import InputError, StoreError
from aeras.domain.messages import Message
from aeras.domain.oversight import SYSTEM, Act, AuditLog
from aeras.domain.ports import Channel, Clock
from aeras.respond.outbox import Post
from aeras.respond.reports import DailyOptions, due
from aeras.serve.periods import Period, read_period
from aeras.wiring.reports import Reports

log = structlog.get_logger(__name__)

TOPIC = "report.daily"
LOOK_EVERY_S = 15.0


class DailyReports:
    """Puts the day's report into the outbox when it is due.

    Args:
        site: The site as at the start, as the channels are.
        reports: Words the figures.
        post: The outbox.
        audit: Each report is an export.
        clock: UTC.
    """

    def __init__(
        self,
        site: Site,
        *,
        reports: Reports,
        post: Post,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._site = site
        self._reports = reports
        self._post = post
        self._audit = audit
        self._clock = clock
        self._done: date | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread that looks at the clock; none where nothing is to be sent."""
        if self._site.file.reports is not None:
            self._thread = threading.Thread(target=self._run, name="reports", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self.tick()
            except StoreError as error:  # a full disk; the report stays due
                log.warning("report_waits", reason=str(error))

    def tick(self) -> int:
        """Puts the report if it is due and was not put; how many messages. Raises StoreError."""
        site = self._site
        if site.file.reports is None:
            return 0
        options = site.file.reports.daily
        today = due(options, site.shop.timezone, self._clock())
        if today is None or today == self._done:
            return 0
        period = yesterday(site, self._clock())
        count = self._post.put(
            TOPIC,
            TOPIC,
            payload(site, self._reports, options, period),
            once=f"{TOPIC}:{today.isoformat()}",
            to=options.channel,
        )
        if count:
            record(self._audit, SYSTEM, options, period)
        self._done = today
        return count


def yesterday(site: Site, now: datetime) -> Period:
    """The last whole day of the shop."""
    today = read_period({"range": "today"}, site.shop.timezone, now)
    day = (today.first - timedelta(days=1)).isoformat()
    return read_period({"from": day, "to": day}, site.shop.timezone, now)


def payload(
    site: Site, reports: Reports, options: DailyOptions, period: Period
) -> dict[str, object]:
    """What is sent: title, text and the page as PDF."""
    language = options.language or site.shop.language
    base = site.server.public_url
    url = f"{base.rstrip('/')}/report.pdf?{period.query}" if base else ""
    title, text, pdf = reports.mail(period, language, url)
    return {
        "title": title,
        "text": text,
        "file": {
            "name": f"{site.shop.id}-report-{period.first}.pdf",
            "type": "application/pdf",
            "content": base64.b64encode(pdf).decode(),
        },
    }


def record(audit: AuditLog, who: str, options: DailyOptions, period: Period) -> None:
    """Records it as an export."""
    audit.add(Act.EXPORT, who, what=f"report pdf to channel {options.channel}", days=period.text)


def send_now(
    site: Site, reports: Reports, audit: AuditLog, *, who: str, period: Period, now: datetime
) -> str:
    """Sends a report at once, past the outbox; the channel it went to.

    Raises:
        InputError: The site file names none.
        UndeliveredError: It was not taken.
    """
    options = daily_of(site)
    found = next(one for one in site.file.channels if one.id == options.channel)
    channel: Channel = found.build(site.path.parent, lambda: now)
    content = payload(site, reports, options, period)
    try:
        record(audit, who, options, period)
        channel.deliver(Message("report", 0, options.channel, TOPIC, TOPIC, content, now))
    finally:
        channel.close()
    return options.channel


def daily_of(site: Site) -> DailyOptions:
    """Where reports go; InputError where the site file does not say."""
    if site.file.reports is None:
        raise InputError(
            "no report is set up to be sent",
            where=str(site.path),
            todo='Add reports: {daily: {at: "07:30", channel: ID}}, and a channel of kind apprise',
        )
    return site.file.reports.daily

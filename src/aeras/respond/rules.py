"""What a site asks its events: rules that open a trigger on an item."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aeras.domain.errors import ConfigError
from aeras.domain.evidence import Watched
from aeras.domain.kept import Tally
from aeras.domain.life import Action
from aeras.domain.shop import Item, Shop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last of the moments that lie whole steps after 1970-01-01 UTC."""
    return moment - (moment - EPOCH) % step


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the week in the site's own time; all of it by default.

    Attributes:
        timezone: IANA zone.
        days: Weekdays, 0 for Monday; empty for all.
        start, end: Of the day, half-open; an ``end`` of 00:00 is midnight that follows.
    """

    timezone: str = "UTC"
    days: frozenset[int] = frozenset()
    start: time = time()
    end: time = time()

    def pieces(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The parts of [since, until) that lie in it, UTC."""
        if not self.days and self.start == self.end:
            yield since, until
            return
        zone = ZoneInfo(self.timezone)
        day = since.astimezone(zone).date() - DAY  # one that began yesterday may reach into today
        while (opened := datetime.combine(day, self.start, zone).astimezone(UTC)) < until:
            last = day if self.end > self.start else day + DAY
            closed = datetime.combine(last, self.end, zone).astimezone(UTC)
            if (not self.days or day.weekday() in self.days) and closed > since:
                yield max(opened, since), min(closed, until)
            day += DAY

    def holds(self, since: datetime, until: datetime) -> bool:
        """Whether all of [since, until) lies in it."""
        return any(piece == (since, until) for piece in self.pieces(since, until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What all rules have.

    Attributes:
        survey: Form that it pushes, or None.
        item: Item id, or ``"*"`` for every item.
        category: Only items of this category, or None for any.
        fixture: Only what happens at this fixture, or None for all.
        when: Only then.
        measure: What counts.
        action: What its triggers lead to.
        min_visits: Visits behind it below which nothing opens.
        answers: So many answers to its survey make findings.
        follow_up: How long after an approved action its effect is measured.
    """

    survey: str | None = None
    item: str = "*"
    category: str | None = None
    fixture: str | None = None
    when: Segment = Segment()
    measure: Watched = Watched.REJECTION
    action: Action = Action.SURVEY
    min_visits: int = 1
    answers: int = 20
    follow_up: timedelta = timedelta(days=14)

    def covers(self, item: Item) -> bool:
        """Whether it opens triggers for this item; compared is with the item's whole category."""
        return self.item in {"*", item.id} and self.category in {None, item.category}


@dataclass(frozen=True, slots=True)
class CountRule(Scope):
    """``mode: count``: so many rejections of one item in a while open a trigger.

    Attributes:
        id: Unique in the site.
        threshold: The rule fires when there are more than this.
        window: How far back it looks.
        cool_down: How long it stays silent on an item after firing.
    """

    id: str
    threshold: int
    window: timedelta
    cool_down: timedelta

    def __post_init__(self) -> None:
        if self.threshold < 0 or self.window <= timedelta() or self.cool_down < timedelta():
            raise ConfigError(
                f"rule {self.id!r} has threshold {self.threshold}, window {self.window}, "
                f"cool-down {self.cool_down}: expected none below 0 and a window above 0",
                where=f"triggers.{self.id}",
            )


@dataclass(frozen=True, slots=True)
class RateRule(Scope):
    """Opens on items whose share is above ``margin`` times that of their category's others.

    Windows do not slide: they follow each other, the first from 1970-01-01 UTC, and evidence
    starts again with each. In any window at most a share ``fdr`` of the open triggers are expected
    to be false at any one moment, however often it is looked at.

    Attributes:
        id: Unique in the site.
        window: Length of a window, at least a day.
        cool_down: How long it stays silent on an item after its trigger closed or opened.
        margin: See above, at least 1.
        fdr: False discovery rate over all items, in (0, 0.5].
        min_handled: Trials of the item in the window below which nothing opens.
    """

    id: str
    window: timedelta = timedelta(days=28)
    cool_down: timedelta = timedelta(hours=24)
    margin: float = 1.1
    fdr: float = 0.05
    min_handled: int = 20

    def __post_init__(self) -> None:
        if self.window < DAY or self.margin < 1 or not 0 < self.fdr <= 0.5:  # noqa: PLR2004
            raise ConfigError(
                f"rule {self.id!r} has window {self.window}, margin {self.margin}, fdr {self.fdr}: "
                "expected a window of a day or more, a margin of 1 or more, an fdr above 0 and "
                "at most 0.5",
                where=f"triggers.{self.id}",
            )

    def start(self, moment: datetime) -> datetime:
        """When the window began in which a moment lies."""
        return floor(moment, self.window)


@dataclass(frozen=True, slots=True)
class ChangeRule(RateRule):
    """``mode: change``: opens on items whose share rose since something about them changed, more
    than their category's unchanged items moved in the same time (`aeras.insight.drift`).

    ``window`` is how long after a change it is watched.

    Attributes:
        since: ``planogram`` (the item came to stand at other facings), ``price``, or a day of the
            site from which on.
        before: Length of the time before the change with which it is compared.
    """

    since: str | date = "planogram"
    before: timedelta = timedelta(days=28)


Rule = CountRule | RateRule
"""A `ChangeRule` is a `RateRule` too."""


def hits_of(tally: Tally, measure: Watched, sold: float | None) -> int:
    """How often what a count rule counts happened; nothing where sales are needed and no till
    tells.
    """
    if measure is Watched.POSITIVE_WITHOUT_PURCHASE:
        return 0 if sold is None else max(0, tally.positive - round(sold))
    return {
        Watched.REJECTION: tally.rejected,
        Watched.HESITATION: tally.hesitant,
        Watched.PUT_BACK_RATE: tally.put_backs,
        Watched.DWELL_WITHOUT_TAKE: max(0, tally.visits - tally.takes),
    }[measure]


def judged_by(rule: Rule, shop: Shop) -> frozenset[str]:
    """Ids of the items that a rule covers."""
    return frozenset(item.id for item in shop.items if rule.covers(item))

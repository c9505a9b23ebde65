"""``mode: rate``: an item whose rate is above its category's, with evidence that bears looking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeras.domain.errors import ConfigError
from aeras.domain.evidence import Aside, Finding, HourOfItem, Question, Watched
from aeras.domain.kept import Stock, Tally, Trigger
from aeras.domain.ports import EventStore
from aeras.domain.shop import Item, Shop

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BLOCK = HOUR
"""What is compared at a time; an hour counts once it is over."""
_FEW = 2
Asides = Callable[[datetime, datetime], Sequence[Aside]]
"""Times of items, overlapping [since, until), that do not count."""


def floor(moment: datetime, step: timedelta) -> datetime:
    """The last of the moments that lie whole steps after 1970-01-01 UTC."""
    return moment - (moment - EPOCH) % step


@dataclass(frozen=True, slots=True)
class RateRule:
    """Opens on items whose share is above ``margin`` times that of their category's others.

    Windows do not slide: they follow each other, the first from 1970-01-01 UTC, and evidence
    starts again with each. In any window at most a share ``fdr`` of the open triggers are expected
    to be false at any one moment, however often it is looked at.

    Attributes:
        id: Unique in the site.
        window: Length of a window, at least a day.
        cool_down: How long it stays silent on an item after its trigger closed or opened.
        measure: Which share of the handlings.
        margin: See above, at least 1.
        fdr: False discovery rate over all items, in (0, 0.5].
        min_handled: Handlings of the item in the window below which nothing opens.
        survey: Form that it pushes, or None.
        item: Item id, or ``"*"`` for every item.
        category: Only items of this category, or None for any.
    """

    id: str
    window: timedelta = timedelta(days=28)
    cool_down: timedelta = timedelta(hours=24)
    measure: Watched = Watched.REJECTION
    margin: float = 1.1
    fdr: float = 0.05
    min_handled: int = 20
    survey: str | None = None
    item: str = "*"
    category: str | None = None

    def __post_init__(self) -> None:
        if self.window < timedelta(days=1) or self.margin < 1 or not 0 < self.fdr <= 0.5:  # noqa: PLR2004
            raise ConfigError(
                f"rule {self.id!r} has window {self.window}, margin {self.margin}, fdr {self.fdr}: "
                "expected a window of a day or more, a margin of 1 or more, an fdr above 0 and "
                "at most 0.5",
                where=f"triggers.{self.id}",
            )

    def covers(self, item: Item) -> bool:
        """Whether it opens triggers for this item; compared is with the item's whole category."""
        return self.item in {"*", item.id} and self.category in {None, item.category}

    def start(self, moment: datetime) -> datetime:
        """When the window began in which a moment lies."""
        return floor(moment, self.window)


class Hours:
    """Counts by item and hour, kept from one look to the next.

    Args:
        store: Events.
        asides: What does not count.
        block: At least an hour; longer where event times are coarser.
    """

    def __init__(self, store: EventStore, asides: Asides, block: timedelta = BLOCK) -> None:
        self._store = store
        self._asides = asides
        self._block = max(block, BLOCK)
        self._kept: dict[datetime, tuple[HourOfItem, ...]] = {}

    def between(self, since: datetime, now: datetime) -> list[HourOfItem]:
        """Hours that began at or after ``since`` and are over, without what was set aside.

        A day of grace for late records: the last 24 hours are counted anew each time.
        """
        end = floor(now, self._block)
        self._kept = {at: kept for at, kept in self._kept.items() if since <= at < now - 24 * HOUR}
        missing = sorted(self._busy(since, end) - set(self._kept))
        for at in missing:
            tallies = self._store.tally("item", at, at + self._block)
            self._kept[at] = tuple(_hour(tally, at) for tally in tallies if tally.handled)
        out = defaultdict(list)
        for aside in self._asides(since, end):
            out[aside.item].append(aside)
        return [
            hour
            for at in sorted(self._kept)
            for hour in self._kept[at]
            if not _overlaps(out.get(hour.item, ()), at, at + self._block)
        ]

    def _busy(self, since: datetime, end: datetime) -> set[datetime]:
        """Starts of the blocks in which anything happened; asks only for what is not kept."""
        first = max(self._kept, default=since)
        tallies = self._store.tally("hour", first, end)
        stamps = (datetime.fromisoformat(tally.key).replace(tzinfo=UTC) for tally in tallies)
        return {floor(at, self._block) for at in stamps}


def _hour(tally: Tally, at: datetime) -> HourOfItem:
    return HourOfItem(
        item=tally.key,
        at=at,
        handled=tally.handled,
        rejected=tally.rejected,
        hesitant=tally.hesitant,
        put_backs=min(tally.put_backs, tally.handled),
        visits=tally.visits,
        simulated=tally.simulated,
    )


def _overlaps(asides: Iterable[Aside], since: datetime, until: datetime) -> bool:
    return any(aside.since < until and since < aside.until for aside in asides)


def question(rule: RateRule, shop: Shop) -> tuple[dict[str, str], Question]:
    """Category by item id of all that is compared, and what is asked of those that it covers."""
    judged = frozenset(item.id for item in shop.items if rule.covers(item))
    wanted = {item.category for item in shop.items if item.id in judged}
    categories = {item.id: item.category for item in shop.items if item.category in wanted}
    return categories, Question(rule.measure, rule.margin, rule.fdr, judged, rule.min_handled)


def fades(rule: RateRule, trigger: Trigger, finding: Finding | None, now: datetime) -> bool:
    """Whether an open trigger closes by itself.

    In its own window it does when the evidence falls below what one look at one item would need.
    In the next, once as many handlings as it rested on have not brought that evidence again; at
    the latest when that window is over.
    """
    fresh = rule.start(now) - rule.start(trigger.opened_at)
    if finding is not None and finding.e_value >= 1 / rule.fdr:
        return False
    if fresh >= _FEW * rule.window:
        return True
    seen = finding.rate.n if finding else 0
    return fresh == timedelta() or seen >= trigger.evidence["handled"]


def evidence_of(rule: RateRule, finding: Finding, visits: int) -> dict[str, float]:
    """The numbers that a trigger keeps; ``visits`` are those behind the handlings."""
    return {
        "visits": float(visits),
        "handled": float(finding.rate.n),
        "hits": float(finding.hits),
        "rate": finding.rate.value,
        "rate_low": finding.rate.low,
        "rate_high": finding.rate.high,
        "baseline": finding.baseline.value,
        "baseline_low": finding.baseline.low,
        "baseline_high": finding.baseline.high,
        "e_value": min(finding.e_value, 1e12),
        "needed": finding.needed,
        "closes_below": 1 / rule.fdr,
        "margin": rule.margin,
        "measure": float(list(Watched).index(rule.measure)),
        "window_h": rule.window / HOUR,
    }


def out_of_stock(levels: Iterable[Stock], until: datetime) -> list[Aside]:
    """Times in which items were empty, with the hour after they were filled up again.

    Args:
        levels: In order of time, from the last level before the beginning on.
        until: End of the time asked for; what is empty then stays so.
    """
    asides: list[Aside] = []
    gone: dict[str, datetime] = {}
    for level in levels:
        if level.quantity <= 0:
            gone.setdefault(level.item, level.at)
        elif level.item in gone:
            asides.append(Aside(level.item, gone.pop(level.item), level.at + HOUR, "empty"))
    asides += [Aside(item, since, until, "empty") for item, since in gone.items()]
    return asides

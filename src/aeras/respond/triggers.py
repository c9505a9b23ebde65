"""Rules that open a trigger on an item and so push its survey."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeras.domain.errors import ConfigError
from aeras.domain.evidence import Aside, Finding, HourOfItem, Weigh
from aeras.domain.kept import Origin, Tally, Trigger, TriggerState
from aeras.domain.ports import Clock, EventStore, TriggerBook
from aeras.domain.shop import Item, Shop
from aeras.respond.rate import (
    EPOCH,
    HOUR,
    Asides,
    Hours,
    RateRule,
    evidence_of,
    fades,
    floor,
    question,
)


@dataclass(frozen=True, slots=True)
class CountRule:
    """``mode: count``: so many rejections of one item in a while open a trigger.

    Attributes:
        id: Unique in the site.
        threshold: The rule fires when there are more rejections than this.
        window: How far back it looks.
        cool_down: How long it stays silent on an item after firing.
        survey: Form that it pushes, or None.
        item: Item id, or ``"*"`` for every item.
        category: Only items of this category, or None for any.
    """

    id: str
    threshold: int
    window: timedelta
    cool_down: timedelta
    survey: str | None = None
    item: str = "*"
    category: str | None = None

    def __post_init__(self) -> None:
        if self.threshold < 0 or self.window <= timedelta() or self.cool_down < timedelta():
            raise ConfigError(
                f"rule {self.id!r} has threshold {self.threshold}, window {self.window}, "
                f"cool-down {self.cool_down}: expected none below 0 and a window above 0",
                where=f"triggers.{self.id}",
            )

    def covers(self, item: Item) -> bool:
        """Whether the rule looks at this item."""
        return self.item in {"*", item.id} and self.category in {None, item.category}


def _nothing_aside(since: datetime, until: datetime) -> Sequence[Aside]:
    return ()


class Watch:
    """Looks at the events and opens triggers. Call `check` every few seconds from one thread.

    Event times are coarse: an event carries the start of its grain. The window is taken
    inclusively, from the start of the grain in which it begins, so that it may reach back by up
    to one grain more than its length, and never by less. A rejection counts for one trigger of a
    rule only: after firing, a window begins with the first grain after that moment.

    What was fired before a restart is known from the book. History that is older than a rule's
    window, real or simulated, fires nothing.

    A rate rule is asked once an hour is over; its open triggers close when the evidence has faded.

    Args:
        rules: In the order in which they are checked.
        shop: Says which items a category has; items that it does not know fire nothing.
        store: Events.
        book: Triggers.
        clock: Present moment in UTC.
        grain: Coarseness of event times (`privacy.gate.Gate`).
        ids: Makes trigger ids.
        weigh: Statistics of the rate rules.
        asides: What does not count for them.
    """

    def __init__(
        self,
        rules: Sequence[CountRule | RateRule],
        *,
        shop: Shop,
        store: EventStore,
        book: TriggerBook,
        clock: Clock,
        grain: timedelta = timedelta(minutes=15),
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        weigh: Weigh = lambda hours, categories, question: {},
        asides: Asides = _nothing_aside,
    ) -> None:
        self._rules = tuple(rule for rule in rules if isinstance(rule, CountRule))
        self._rates = tuple(rule for rule in rules if isinstance(rule, RateRule))
        self._weigh = weigh
        self._hours = {rule.window: Hours(store, asides, grain) for rule in self._rates}
        self._weighed_until = EPOCH
        self._shop = shop
        self._store = store
        self._book = book
        self._clock = clock
        self._grain = grain
        self._ids = ids

    def check(self) -> list[Trigger]:
        """Opens the triggers that are due, stores them in the book and returns them."""
        now = self._clock().astimezone(UTC)
        windows = {rule.window: floor(now - rule.window, self._grain) for rule in self._rules}
        tallies = {
            window: self._store.tally("item", since, self._end(now))
            for window, since in windows.items()
        }
        fired = [
            trigger
            for rule in self._rules
            for trigger in self._fire(rule, tallies[rule.window], now)
        ]
        hour = floor(now, max(self._grain, HOUR))
        if hour > self._weighed_until:
            hours = {
                window: counts.between(floor(now, window), now)
                for window, counts in self._hours.items()
            }
            for rate in self._rates:
                fired += self._judge(rate, hours[rate.window], now)
            self._weighed_until = hour
        return fired

    def _judge(self, rule: RateRule, hours: Sequence[HourOfItem], now: datetime) -> list[Trigger]:
        """Closes the rule's triggers whose evidence has faded and opens those that are due."""
        found = self._weigh(hours, *question(rule, self._shop))
        still = set()
        for trigger in self._book.triggers(state=TriggerState.OPEN):
            if trigger.rule != rule.id:
                continue
            if fades(rule, trigger, found.get(trigger.item), now):
                self._book.close_trigger(trigger.id)
            else:
                still.add(trigger.item)
        fired = []
        for finding in found.values():
            if finding.found and finding.item not in still and self._rested(rule, finding, now):
                fired.append(self._rate_trigger(rule, finding, hours, now))
                self._book.open_trigger(fired[-1])
        return fired

    def _rested(self, rule: RateRule, finding: Finding, now: datetime) -> bool:
        last = self._book.last_opened(rule.id, finding.item)
        return last is None or now - last >= rule.cool_down

    def _rate_trigger(
        self, rule: RateRule, finding: Finding, hours: Sequence[HourOfItem], now: datetime
    ) -> Trigger:
        own = [hour for hour in hours if hour.item == finding.item]
        return Trigger(
            id=self._ids(),
            rule=rule.id,
            item=finding.item,
            opened_at=now,
            evidence=evidence_of(rule, finding, sum(hour.visits for hour in own)),
            survey=rule.survey,
            origin=Origin.SIMULATED if any(hour.simulated for hour in own) else Origin.CAMERA,
        )

    def _fire(self, rule: CountRule, tallies: Sequence[Tally], now: datetime) -> list[Trigger]:
        items = {item.id for item in self._shop.items if rule.covers(item)}
        fired = []
        for tally in tallies:
            if tally.key not in items or tally.rejected <= rule.threshold:
                continue
            evidence = self._fresh(rule, tally, now)
            if evidence is None or evidence.rejected <= rule.threshold:
                continue
            trigger = self._trigger(rule, evidence, now)
            self._book.open_trigger(trigger)
            fired.append(trigger)
        return fired

    def _fresh(self, rule: CountRule, tally: Tally, now: datetime) -> Tally | None:
        """The tally without what an earlier trigger rested on; None while cooling down."""
        last = self._book.last_opened(rule.id, tally.key)
        if last is None:
            return tally
        if now - last < rule.cool_down:
            return None
        start = floor(last, self._grain) + self._grain
        if start <= floor(now - rule.window, self._grain):
            return tally
        newer = self._store.tally("item", start, self._end(now), item=tally.key)
        return newer[0] if newer else None

    def _trigger(self, rule: CountRule, tally: Tally, now: datetime) -> Trigger:
        return Trigger(
            id=self._ids(),
            rule=rule.id,
            item=tally.key,
            opened_at=now,
            evidence={
                "rejections": float(tally.rejected),
                "handled": float(tally.handled),
                "visits": float(tally.visits),
                "threshold": float(rule.threshold),
                "window_h": rule.window / HOUR,
            },
            survey=rule.survey,
            origin=Origin.SIMULATED if tally.simulated else Origin.CAMERA,
        )

    def _end(self, now: datetime) -> datetime:
        return floor(now, self._grain) + self._grain

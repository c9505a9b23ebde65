"""Rules that open a trigger on an item and so push its survey."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeras.domain.errors import ConfigError
from aeras.domain.kept import Origin, Tally, Trigger
from aeras.domain.ports import Clock, EventStore, TriggerBook
from aeras.domain.shop import Item, Shop

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


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


class Watch:
    """Looks at the events and opens triggers. Call `check` every few seconds from one thread.

    Event times are coarse: an event carries the start of its grain. The window is taken
    inclusively, from the start of the grain in which it begins, so that it may reach back by up
    to one grain more than its length, and never by less. A rejection counts for one trigger of a
    rule only: after firing, a window begins with the first grain after that moment.

    What was fired before a restart is known from the book. History that is older than a rule's
    window, real or simulated, fires nothing.

    Args:
        rules: In the order in which they are checked.
        shop: Says which items a category has; items that it does not know fire nothing.
        store: Events.
        book: Triggers.
        clock: Present moment in UTC.
        grain: Coarseness of event times (`privacy.gate.Gate`).
        ids: Makes trigger ids.
    """

    def __init__(
        self,
        rules: Sequence[CountRule],
        *,
        shop: Shop,
        store: EventStore,
        book: TriggerBook,
        clock: Clock,
        grain: timedelta = timedelta(minutes=15),
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._rules = tuple(rules)
        self._shop = shop
        self._store = store
        self._book = book
        self._clock = clock
        self._grain = grain
        self._ids = ids

    def check(self) -> list[Trigger]:
        """Opens the triggers that are due, stores them in the book and returns them."""
        now = self._clock().astimezone(UTC)
        windows = {rule.window: self._floor(now - rule.window) for rule in self._rules}
        tallies = {
            window: self._store.tally("item", since, self._end(now))
            for window, since in windows.items()
        }
        return [
            trigger
            for rule in self._rules
            for trigger in self._fire(rule, tallies[rule.window], now)
        ]

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
        start = self._floor(last) + self._grain
        if start <= self._floor(now - rule.window):
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
                "window_h": rule.window / _HOUR,
            },
            survey=rule.survey,
            origin=Origin.SIMULATED if tally.simulated else Origin.CAMERA,
        )

    def _floor(self, moment: datetime) -> datetime:
        return moment - (moment - _EPOCH) % self._grain

    def _end(self, now: datetime) -> datetime:
        return self._floor(now) + self._grain

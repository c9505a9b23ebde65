"""Looks at the events and opens and closes triggers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aeras.domain.evidence import (
    Aside,
    Finding,
    HourOfItem,
    Watched,
    Weigh,
    WeighChange,
)
from aeras.domain.kept import Kind, Origin, ReactionLabel, Tally, Trigger, TriggerState
from aeras.domain.ports import Clock, EventStore, TriggerBook
from aeras.domain.shop import Shop
from aeras.respond.change import Changes, compared
from aeras.respond.hours import Asides, Look, hours_for, nothing_aside, without
from aeras.respond.rate import MEASURES, evidence_of, fades, question
from aeras.respond.rules import (
    EPOCH,
    HOUR,
    ChangeRule,
    CountRule,
    RateRule,
    Rule,
    floor,
    hits_of,
    judged_by,
)

COUNT_WINDOW = 2 * HOUR
"""Of the count that is shown beside a rate."""
_REASONS_OF: dict[Watched, ReactionLabel | Kind] = {
    Watched.REJECTION: ReactionLabel.REJECTED,
    Watched.HESITATION: ReactionLabel.HESITANT,
    Watched.PUT_BACK_RATE: Kind.PUT_BACK,
    Watched.POSITIVE_WITHOUT_PURCHASE: ReactionLabel.POSITIVE,
}
MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Statistics:
    """What weighs: given by the wiring, because rooms do not import each other."""

    rate: Weigh = lambda hours, categories, question: {}
    change: WeighChange = lambda hours, categories, question, changed: {}


@dataclass(slots=True)
class _Weighed:
    """What one rule found at the last full hour."""

    found: dict[str, Finding]
    look: Look


class Watch:
    """Looks at the events and opens triggers. Call `check` every few seconds from one thread.

    Event times are coarse: an event carries the start of its grain. The window of a count is taken
    inclusively, from the start of the grain in which it begins, so that it may reach back by up
    to one grain more than its length, and never by less. What happened counts for one trigger of a
    rule only: after firing, a window begins with the first grain after that moment. Time that is
    set aside is taken out grain by grain.

    What was fired before a restart is known from the book. History that is older than a rule's
    window, real or simulated, fires nothing.

    Rate and change rules are asked once an hour is over. An open trigger closes when the evidence
    has faded; one of a count when a window after its cool-down holds no more than the threshold.

    Args:
        rules: In the order in which they are checked.
        shop: Says which items a category has; items that it does not know fire nothing.
        store: Events.
        book: Triggers.
        clock: Present moment in UTC.
        grain: Coarseness of event times (`privacy.gate.Gate`).
        ids: Makes trigger ids.
        statistics: Weighs what rate and change rules look at.
        asides: What does not count.
        changes: What changed about items.
        close: Closes a trigger whose evidence has faded; False if it may not close any more.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        *,
        shop: Shop,
        store: EventStore,
        book: TriggerBook,
        clock: Clock,
        grain: timedelta = timedelta(minutes=15),
        ids: Callable[[], str] = lambda: secrets.token_hex(16),
        statistics: Statistics | None = None,
        asides: Asides = nothing_aside,
        changes: Changes = tuple,
        close: Callable[[str], bool] | None = None,
    ) -> None:
        self._statistics = statistics or Statistics()
        self._asides = asides
        self._changes = changes
        self._store = store
        self._book = book
        self._clock = clock
        self._grain = grain
        self._ids = ids
        self._close = close or self._close_in_book
        self.take(rules, shop)

    def take(self, rules: Sequence[Rule], shop: Shop) -> None:
        """Goes on with other rules, or another shop; what is open stays so."""
        self._counts = tuple(rule for rule in rules if isinstance(rule, CountRule))
        self._rates = tuple(rule for rule in rules if isinstance(rule, RateRule))
        self._hours = {
            rule.id: hours_for(rule, self._store, self._asides, self._grain) for rule in self._rates
        }
        self._shop = shop
        self._weighed_until = EPOCH

    def check(self) -> list[Trigger]:
        """Opens the triggers that are due, stores them in the book and returns them."""
        now = self._clock().astimezone(UTC)
        fired = [trigger for rule in self._counts for trigger in self._count(rule, now)]
        hour = floor(now, max(self._grain, HOUR))
        if hour > self._weighed_until:
            for rate in self._rates:
                fired += self._judge(rate, self._weigh(rate, now), now)
            for count in self._counts:
                self._fade(count, now)
            self._weighed_until = hour
        return fired

    def _close_in_book(self, trigger: str) -> bool:
        self._book.close_trigger(trigger)
        return True

    def _open_of(self, rule: Rule) -> list[Trigger]:
        opened = self._book.triggers(state=TriggerState.OPEN)
        return [trigger for trigger in opened if trigger.rule == rule.id]

    def _rested(self, rule: Rule, item: str, now: datetime) -> bool:
        last = self._book.last_opened(rule.id, item)
        return last is None or now - last >= rule.cool_down

    # --- rates and changes -------------------------------------------------------------------

    def _weigh(self, rule: RateRule, now: datetime) -> _Weighed:
        hours = self._hours[rule.id]
        if isinstance(rule, ChangeRule):
            weigh, changes = self._statistics.change, self._changes()
            seen = compared(rule, self._shop, hours, changes, weigh=weigh, now=now)
            return _Weighed(seen.found, seen.look)
        look = hours.look(rule.start(now), now, rule.when)
        return _Weighed(self._statistics.rate(look.hours, *question(rule, self._shop)), look)

    def _judge(self, rule: RateRule, weighed: _Weighed, now: datetime) -> list[Trigger]:
        """Closes the rule's triggers whose evidence has faded and opens those that are due."""
        still = set()
        for trigger in self._open_of(rule):
            faded = fades(rule, trigger, weighed.found.get(trigger.item), now)
            if not (faded and self._close(trigger.id)):
                still.add(trigger.item)
        fired = []
        for finding in weighed.found.values():
            ready = finding.found and finding.item not in still
            if ready and self._rested(rule, finding.item, now):
                fired.append(self._rate_trigger(rule, finding, weighed.look, now))
                self._book.open_trigger(fired[-1])
        return fired

    def _rate_trigger(self, rule: RateRule, finding: Finding, look: Look, now: datetime) -> Trigger:
        own = [hour for hour in look.hours if hour.item == finding.item]
        since = min(hour.at for hour in own)
        return Trigger(
            id=self._ids(),
            rule=rule.id,
            item=finding.item,
            opened_at=now,
            evidence=evidence_of(
                rule,
                finding,
                left_out=look.left_out.get(finding.item),
                reasons=self._reasons(rule, finding.item, since, now),
                counted=_most_within(own, rule.measure, COUNT_WINDOW),
            ),
            survey=rule.survey,
            origin=_origin(sum(hour.simulated for hour in own)),
        )

    def _reasons(self, rule: Rule, item: str, since: datetime, until: datetime) -> dict[str, int]:
        """What carried the readings that counted, by code, most frequent first."""
        of = _REASONS_OF.get(rule.measure)
        if of is None:
            return {}
        total: dict[str, int] = {}
        aside = [a for a in self._asides(since, until) if a.item == item]
        for start, end in without([(since, until)], aside):
            for code, count in self._store.reasons(item, start, end, of=of).items():
                total[code] = total.get(code, 0) + count
        ranked = sorted(total.items(), key=lambda pair: (-pair[1], pair[0]))
        return dict(ranked[:MOST_REASONS])

    # --- counts ------------------------------------------------------------------------------

    def _count(self, rule: CountRule, now: datetime) -> list[Trigger]:
        since = floor(now - rule.window, self._grain)
        tallies = self._store.tally("item", since, self._end(now), fixture=rule.fixture)
        sold = self._sold(rule, since, now)
        judged = judged_by(rule, self._shop)
        fired = []
        for tally in tallies:
            enough = self._over(rule, tally, sold)
            if tally.key not in judged or not enough or not self._rested(rule, tally.key, now):
                continue
            pieces = self._pieces(rule, tally.key, since, now)
            fresh = self._together(rule, tally.key, pieces)
            if fresh is not None and self._over(rule, fresh, sold):
                fired.append(self._count_trigger(rule, fresh, now))
                self._book.open_trigger(fired[-1])
        return fired

    def _over(self, rule: CountRule, tally: Tally, sold: dict[str, float] | None) -> bool:
        units = None if sold is None else sold.get(tally.key, 0.0)
        return (
            hits_of(tally, rule.measure, units) > rule.threshold and tally.visits >= rule.min_visits
        )

    def _sold(self, rule: CountRule, since: datetime, now: datetime) -> dict[str, float] | None:
        """Units sold by item, None without a till."""
        if not rule.measure.needs_sales:
            return None
        return self._store.sold(since, self._end(now)) or None

    def _pieces(
        self, rule: CountRule, item: str, since: datetime, now: datetime
    ) -> list[tuple[datetime, datetime]]:
        """The times that count: in the rule's segment, not set aside, after the last trigger."""
        last = self._book.last_opened(rule.id, item)
        if last is not None:
            since = max(since, floor(last, self._grain) + self._grain)
        end = self._end(now)
        aside = [a for a in self._asides(since, end) if a.item == item]
        whole = [
            Aside(item, floor(a.since, self._grain), a.until, a.why) for a in aside
        ]  # a grain that is set aside in part is set aside
        return without(rule.when.pieces(since, end), whole) if since < end else []

    def _together(
        self, rule: CountRule, item: str, pieces: Sequence[tuple[datetime, datetime]]
    ) -> Tally | None:
        found = [
            tally
            for since, until in pieces
            for tally in self._store.tally("item", since, until, item=item, fixture=rule.fixture)
        ]
        return _sum(found) if found else None

    def _fade(self, rule: CountRule, now: datetime) -> None:
        """Closes the rule's triggers where nothing more has come for a while."""
        for trigger in self._open_of(rule):
            quiet = max(rule.cool_down, rule.window)
            if now - trigger.opened_at < quiet + self._grain:
                continue
            since = floor(now - rule.window, self._grain)
            tally = self._together(rule, trigger.item, [(since, self._end(now))])
            sold = self._sold(rule, since, now)
            if tally is None or not self._over(rule, tally, sold):
                self._close(trigger.id)

    def _count_trigger(self, rule: CountRule, tally: Tally, now: datetime) -> Trigger:
        sold = self._sold(rule, now - rule.window, now)
        units = None if sold is None else sold.get(tally.key, 0.0)
        since = floor(now - rule.window, self._grain)
        reasons = self._reasons(rule, tally.key, since, self._end(now))
        return Trigger(
            id=self._ids(),
            rule=rule.id,
            item=tally.key,
            opened_at=now,
            evidence={
                "rejections": float(hits_of(tally, rule.measure, units)),
                "handled": float(tally.handled),
                "unclear": float(tally.unclear),
                "visits": float(tally.visits),
                "threshold": float(rule.threshold),
                "measure": float(MEASURES.index(rule.measure)),
                "window_h": rule.window / HOUR,
                "quiet_h": max(rule.cool_down, rule.window) / HOUR,
                **{f"reason.{code}": float(count) for code, count in reasons.items()},
            },
            survey=rule.survey,
            origin=_origin(tally.simulated),
        )

    def _end(self, now: datetime) -> datetime:
        return floor(now, self._grain) + self._grain


def _origin(simulated: int) -> Origin:
    return Origin.SIMULATED if simulated else Origin.CAMERA


def _sum(tallies: Sequence[Tally]) -> Tally:
    """Tallies of one item at different times, together."""
    names = [name for name in Tally.__dataclass_fields__ if name not in {"key", "coverage"}]
    total = {name: sum(getattr(tally, name) for tally in tallies) for name in names}
    return Tally(key=tallies[0].key, coverage=0.0, **total)


def _most_within(hours: Sequence[HourOfItem], measure: Watched, window: timedelta) -> float:
    """The most hits that came together within a window."""
    return float(
        max(
            (sum(b.hits(measure) for b in hours if a.at <= b.at < a.at + window) for a in hours),
            default=0,
        )
    )

"""Rules, triggers and their lives, put together for one shop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from aeras.config import DAYS, Site, TriggerSection
from aeras.domain.evidence import Aside, Changed
from aeras.domain.kept import Trigger
from aeras.domain.life import Deed, Stage
from aeras.domain.oversight import AuditLog
from aeras.domain.ports import Clock, Outbox, ShelfContext
from aeras.domain.published import Effect, Findings, TriggerRow
from aeras.domain.shop import Shop
from aeras.insight import drift, evidence
from aeras.insight.effect import FEWEST_TRIALS, measure_effect
from aeras.insight.rates import share
from aeras.privacy.publish import Publisher
from aeras.respond.hours import hours_for, out_of_stock
from aeras.respond.life import Lives
from aeras.respond.rules import DAY, ChangeRule, CountRule, RateRule, Rule, Scope, Segment
from aeras.respond.triggers import Statistics, Watch
from aeras.shelf.planogram import Version
from aeras.store.control import Control
from aeras.store.events import DuckEvents

STATISTICS = Statistics(evidence.weigh, drift.weigh_change)
TEND_EVERY = 10
"""Checks between two looks at what is due in lives."""
BEFORE = 14 * DAY
"""Longest time before an action with which it is compared."""


class TriggerRoom:
    """Watches the events of one shop by its rules and keeps the lives of what they find.

    Args:
        site: The site.
        store: Events.
        control: Triggers, answers, prices.
        publisher: The k-threshold for answers.
        audit: Where every step is recorded.
        clock: Present moment in UTC.
        row: Makes a trigger ready to be shown.
        on_step: Told of each trigger that took a step.
        context: Knows what was the matter with the shelves; None where nothing tells.
        outbox: Takes messages; None where no channel is set up.
    """

    def __init__(
        self,
        site: Site,
        *,
        store: DuckEvents,
        control: Control,
        publisher: Publisher,
        audit: AuditLog,
        clock: Clock,
        row: Callable[[Trigger], TriggerRow],
        on_step: Callable[[Trigger, Stage], None],
        context: ShelfContext | None = None,
        outbox: Outbox | None = None,
    ) -> None:
        self._site = site
        self.store = store
        self._control = control
        self._publisher = publisher
        self._clock = clock
        self._context = context
        self._checks = 0
        self.lives = Lives(
            book=control,
            audit=audit,
            outbox=outbox,
            clock=clock,
            row=row,
            findings=self.findings,
            effects=self.effect,
            on_step=on_step,
        )
        self._watch = Watch(
            (),
            shop=site.shop,
            store=store,
            book=control,
            clock=clock,
            grain=site.privacy.time_grain,
            statistics=STATISTICS,
            asides=self.asides,
            changes=self.changes,
            close=self.lives.expire,
        )
        self.take(site)

    def take(self, site: Site) -> None:
        """Goes on with the rules and items of a changed site file."""
        self._site = site
        rules = rules_of(site)
        self._watch.take(rules, site.shop)
        self.lives.take(rules)
        self._control.note_prices(
            {item.id: item.price for item in site.shop.items}, self._clock().astimezone(UTC)
        )

    def check(self) -> list[Trigger]:
        """Opens what is due and takes the steps that are the system's own."""
        fired = self._watch.check()
        if fired or self._checks % TEND_EVERY == 0:
            self.lives.tend()
        self._checks += 1
        return fired

    @property
    def shop(self) -> Shop:
        """The site's shop as it is now."""
        return self._site.shop

    @property
    def grain(self) -> timedelta:
        """Coarseness of event times."""
        return self._site.privacy.time_grain

    # --- what rules look at --------------------------------------------------------------------

    def asides(self, since: datetime, until: datetime) -> list[Aside]:
        """Times of items that do not count: by stock records, and by what the shelves showed."""
        found = out_of_stock(self.store.stock_levels(since, until), until)
        spans = self._context.spans(None, since, until) if self._context else []
        return found + [Aside(span.item, span.since, span.until, str(span.why)) for span in spans]

    def changes(self) -> list[Changed]:
        """What changed about items, oldest first."""
        prices = [Changed(item, at, "price") for item, at in self._control.price_changes()]
        return sorted([*moves_of(self._site.planograms), *prices], key=lambda c: c.at)

    # --- what lives need -----------------------------------------------------------------------

    def findings(self, trigger: Trigger) -> Findings | None:
        """Summary of the settled answers to a trigger's survey; None below k."""
        answers = self._control.answers(item=trigger.item)
        batches = self._control.batches(self._publisher.k, trigger.item)
        own = [a for a in self._publisher.settled(answers, batches) if a.trigger == trigger.id]
        summary = self._publisher.survey(trigger.item, own, asked=None)
        if summary.answers is None:
            return None
        chosen = summary.choices or ()
        total = sum(count for _, count in chosen)
        options = tuple((code, share(count, total)) for code, count in chosen)
        return Findings(summary.answers, options, summary.rating)

    def effect(self, trigger: Trigger, rule: Scope, acted: datetime) -> Effect:
        """What an action did: against the time since the trigger opened, which did not open it, or,
        where that is too short, against the two weeks before.
        """
        now = self._clock().astimezone(UTC)
        counts = hours_for(rule, self.store, self.asides).between(acted - BEFORE, now, rule.when)
        fresh = [one for one in counts if one.at >= trigger.opened_at]
        own = [one for one in fresh if one.item == trigger.item and one.at < acted]
        enough = sum(one.trials(rule.measure) for one in own) >= FEWEST_TRIALS
        return measure_effect(
            fresh if enough else counts,
            {item.id: item.category for item in self._site.shop.items},
            trigger.item,
            measure=rule.measure,
            acted=acted,
            k=self._publisher.k,
            spoilt=self._spoilt(acted - BEFORE, now),
            selected=not enough,
        )

    def _spoilt(self, since: datetime, until: datetime) -> frozenset[str]:
        """Items about which something was done, or that changed, in a time."""
        steps = self._control.steps()
        acted = {
            trigger.item
            for trigger in self._control.triggers()
            for step in steps.get(trigger.id, [])
            if step.deed is Deed.APPROVE and since <= step.at < until
        }
        return frozenset(acted | {c.item for c in self.changes() if since <= c.at < until})


def moves_of(versions: Sequence[Version]) -> list[Changed]:
    """When each item came to stand at other facings than before, by the planogram's versions."""
    found: list[Changed] = []
    for before, now in pairwise(versions):
        if now.valid_from is None:
            continue
        places = [_places(version) for version in (before, now)]
        moved = [i for i in places[1] if i in places[0] and places[0][i] != places[1][i]]
        found += [Changed(item, now.valid_from, "planogram") for item in sorted(moved)]
    return found


def _places(version: Version) -> dict[str, frozenset[str]]:
    """Facings by item."""
    found: dict[str, set[str]] = {}
    for facing, item in version.items.items():
        if item is not None:
            found.setdefault(item, set()).add(facing)
    return {item: frozenset(facings) for item, facings in found.items()}


def rules_of(site: Site) -> list[Rule]:
    """The site's rules."""
    return [rule_of(section, site.shop.timezone) for section in site.triggers]


def rule_of(section: TriggerSection, timezone: str) -> Rule:
    """A rule of the site file as the rooms know it."""
    scope: dict[str, Any] = {
        "id": section.id,
        "item": section.item,
        "category": section.category,
        "fixture": section.fixture,
        "when": segment_of(section, timezone),
        "measure": section.measure,
        "action": section.action,
        "survey": section.survey,
        "min_visits": section.min_visits,
        "answers": section.answers,
        "follow_up": section.follow_up,
        "window": section.window,
        "cool_down": section.cool_down,
    }
    if section.mode == "count":
        return CountRule(**scope, threshold=section.threshold)
    scope |= {
        "margin": section.margin,
        "fdr": section.fdr,
        "min_handled": section.min_handled,
    }
    if section.mode == "rate":
        return RateRule(**scope)
    return ChangeRule(**scope, since=section.since, before=section.before)


def segment_of(section: TriggerSection, timezone: str) -> Segment:
    """The part of the week that a rule looks at."""
    if section.when is None:
        return Segment(timezone)
    days = frozenset(DAYS.index(day) for day in section.when.days)
    return Segment(timezone, days, *section.when.hours)

"""What the pages show: store and control data, joined with the site's names, through the gate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from aeras.domain.forms import Refused
from aeras.domain.kept import Answer, Event, Origin, Tally, Trigger, TriggerState
from aeras.domain.life import Stage
from aeras.domain.ports import AnswerBook, EventStore, TriggerBook
from aeras.domain.published import (
    CameraStatus,
    FacingRow,
    FormAnswers,
    ItemRow,
    SurveySummary,
    TimePoint,
    Totals,
    TriggerRow,
)
from aeras.domain.shop import CameraSpec, Shop
from aeras.privacy.preview import BLACK
from aeras.privacy.publish import Publisher
from aeras.serve.words import Words
from aeras.store.quick import QuickEvents
from aeras.wiring.facts import facts_of
from aeras.wiring.feed import Feed, Listener
from aeras.wiring.formanswers import form_answers

Key = TypeVar("Key", bound=Hashable)
HOURLY_UP_TO = timedelta(days=2)
FEW = 5
"""Items whose answers are read one by one; more are read all at once."""


class ShopBoard:
    """Implements `aeras.domain.ports.Board`.

    Args:
        shop: The site.
        store: Events.
        book: Triggers.
        answers: Survey answers.
        publisher: The k-threshold.
        feed: Live messages.
        refusals: How many said no to be asked, by form.
    """

    def __init__(
        self,
        shop: Shop,
        *,
        store: EventStore,
        book: TriggerBook,
        answers: AnswerBook,
        publisher: Publisher,
        feed: Feed,
        refusals: Callable[[], list[Refused]] = list,
    ) -> None:
        self.shop = shop
        self._store = store
        self._book = book
        self._answers = answers
        self._publisher = publisher
        self._feed = feed
        self._refusals = refusals
        self._cameras: dict[str, CameraStatus] = {}
        self._previews: dict[str, bytes] = {}
        self._halted = ""
        self._summaries: dict[str, tuple[bytes, SurveySummary]] = {}
        self._english = Words("en", shop.timezone, datetime.now(UTC))

    @property
    def k(self) -> int:
        """Visits below which a number is withheld."""
        return self._publisher.k

    # --- numbers ---------------------------------------------------------------------------

    def totals(self, since: datetime, until: datetime) -> Totals:
        """Numbers of the whole site."""
        (tally,) = self._tallies("site", since, until, ["site"])
        items = self._tallies("item", since, until, [item.id for item in self.shop.items])
        return Totals(
            numbers=self._publisher.one(tally),
            items_withheld=sum(self._publisher.one(one).visits is None for one in items),
            open_triggers=len(self._book.triggers(state=TriggerState.OPEN)),
            answers=self._publisher.count(sum(self._answered(since).values())),
        )

    def items(self, since: datetime, until: datetime) -> list[ItemRow]:
        """One row an item, highest lower bound of its rejection rate first."""
        tallies = self._tallies("item", since, until, [item.id for item in self.shop.items])
        sold = self._store.sold(since, until)
        opened = Counter(t.item for t in self._book.triggers(state=TriggerState.OPEN))
        answered = self._answered(since)
        rows = [
            ItemRow(
                id=item.id,
                name=item.name,
                category=item.category,
                gtin=item.gtin,
                price=item.price,
                numbers=self._publisher.one(tally),
                sold=sold.get(item.id, 0.0) if sold else None,
                open_triggers=opened.get(item.id, 0),
                answers=self._publisher.count(answered[item.id]),
            )
            for item, tally in zip(self.shop.items, tallies, strict=True)
        ]
        return sorted(rows, key=_rejection_low, reverse=True)

    def facings(self, since: datetime, until: datetime) -> list[FacingRow]:
        """One row a facing that has a place on the map."""
        placed = [(x, f) for x in self.shop.fixtures for f in x.facings if f.on_map is not None]
        tallies = self._tallies("facing", since, until, [facing.id for _, facing in placed])
        return [
            FacingRow(
                id=facing.id,
                fixture=fixture.id,
                item=facing.item,
                item_name=self._item_name(facing.item),
                on_map=facing.on_map or (0, 0, 0, 0),
                numbers=self._publisher.one(tally),
            )
            for (fixture, facing), tally in zip(placed, tallies, strict=True)
        ]

    def timeline(
        self, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[TimePoint]:
        """One point an hour (up to two days) or a day of the site (longer)."""
        hourly = until - since <= HOURLY_UP_TO
        start = _hour if hourly else _day(self.shop.timezone)
        whole = start(since) == since and start(until) == until
        if not hourly and whole and isinstance(self._store, QuickEvents):
            tallies = self._store.published_daily(since, until, item=item)
        else:
            tallies = self._store.published("moment", since, until, item=item)
        points = summed((start(datetime.fromisoformat(one.key)), one) for one in tallies)
        return [TimePoint(at, self._publisher.one(points[at])) for at in sorted(points)]

    def _tallies(
        self, by: str, since: datetime, until: datetime, keys: Sequence[str]
    ) -> list[Tally]:
        found = {tally.key: tally for tally in self._store.published(by, since, until)}
        return [found.get(key) or nothing(key) for key in keys]

    def _answered(self, since: datetime) -> Counter[str]:
        """Settled answers by item."""
        return Counter(self._answers.settled_counts(self.k, since))

    # --- findings ----------------------------------------------------------------------------

    def triggers(self) -> list[TriggerRow]:
        """All triggers, newest first."""
        return [self.trigger_row(trigger) for trigger in self._book.triggers()]

    def trigger_row(self, trigger: Trigger) -> TriggerRow:
        """A trigger with names and words."""
        facts = facts_of(trigger, self.k)
        return TriggerRow(
            id=trigger.id,
            rule=trigger.rule,
            item=trigger.item,
            item_name=self._item_name(trigger.item),
            opened_at=trigger.opened_at,
            state=trigger.state,
            origin=trigger.origin,
            evidence=tuple(self._english.fact(fact) for fact in facts),
            survey=trigger.survey,
            facts=facts,
        )

    def survey(self, item: str) -> SurveySummary:
        """Answers on one item."""
        batches = self._answers.batches(self.k, item)
        answers = self._publisher.settled(self._answers.answers(item=item), batches)
        return self._publisher.survey(item, answers, asked=None)

    def surveys(self) -> dict[str, SurveySummary]:
        """Answers on every item that has some, as `survey`; only what has changed is read."""
        states, before = self._answers.answer_states(self.k), self._summaries
        known = {one: before[one] for one in states if one in before}
        changed = [one for one in states if one not in known or known[one][0] != states[one]]
        read = self._surveys_of_all() if len(changed) > FEW else {}
        for item in changed:
            known[item] = (states[item], read.get(item) or self.survey(item))
        self._summaries = known
        return {item: summary for item, (_, summary) in known.items()}

    def _surveys_of_all(self) -> dict[str, SurveySummary]:
        by_item: dict[str, list[Answer]] = {}
        for answer in self._answers.answers():
            by_item.setdefault(answer.item, []).append(answer)
        batches = self._answers.batches(self.k) if by_item else {}
        return {
            item: self._publisher.survey(item, self._publisher.settled(found, batches), asked=None)
            for item, found in by_item.items()
        }

    def form_answers(self, form: str) -> list[FormAnswers]:
        """What was answered to each version of a form, newest first."""
        given = [answer for answer in self._answers.answers() if answer.survey == form]
        settled = self._publisher.settled(given, self._answers.batches(self.k))
        refused = [one for one in self._refusals() if one.form == form]
        return form_answers(form, settled, refused, self._publisher)

    # --- cameras and live messages --------------------------------------------------------------

    def cameras(self) -> list[CameraStatus]:
        """State of each camera, in the order of the site file."""
        found = [self._cameras.get(c.id) or _starting(c) for c in self.shop.cameras]
        if self._halted:
            return [replace(c, state=self._halted, reason="", fps=0.0) for c in found]
        return found

    def preview(self, camera: str) -> bytes | None:
        """Latest blurred JPEG of a camera, opaque bytes; None before the first; black while
        nothing is read.
        """
        return BLACK if self._halted else self._previews.get(camera)

    def subscribe(self) -> Listener:
        """Live messages."""
        return self._feed.subscribe()

    def halt(self, state: str) -> None:
        """Says that nothing is read (``stopped`` or ``closed``) or, with "", that it is again.

        Pictures are dropped at once, and none that is still on its way is shown.
        """
        if state == self._halted:
            return
        self._halted = state
        self._previews.clear()
        self._cameras.clear()
        for camera in self.cameras():
            self._publish_state(camera)

    def saw_camera(self, status: CameraStatus) -> None:
        """Takes a camera's health; a change of state goes to the pages."""
        if self._halted:
            return
        before = self._cameras.get(status.id)
        self._cameras[status.id] = status
        if before is None or (before.state, before.reason) != (status.state, status.reason):
            self._publish_state(status)

    def _publish_state(self, status: CameraStatus) -> None:
        self._feed.publish(
            {
                "type": "camera",
                "camera": status.id,
                "state": status.state,
                "reason": status.reason,
            }
        )

    def lost_camera(self, camera: str, reason: str) -> None:
        """Marks a camera whose worker ended as down."""
        status = next(s for s in self.cameras() if s.id == camera)
        self.saw_camera(replace(status, state="down", reason=reason, fps=0.0))
        self._previews.pop(camera, None)

    def restarts_camera(self, camera: str) -> None:
        """Forgets what a camera said and showed: its worker starts again."""
        self._previews.pop(camera, None)
        self._cameras.pop(camera, None)
        self._publish_state(next(s for s in self.cameras() if s.id == camera))

    def saw_picture(self, camera: str, jpeg: bytes) -> None:
        """Takes a blurred preview."""
        if not self._halted:
            self._previews[camera] = jpeg

    def saw_event(self, event: Event, captured: float) -> None:
        """Tells the pages of an event.

        A single real shopper's reaction is not shown, only what was done; in a simulation, where
        nobody is there, the reaction and its reasons are shown too.

        Args:
            event: The stored event.
            captured: Unix time at which its frame was captured, for the latency figure.
        """
        message: dict[str, object] = {
            "type": "event",
            "id": event.id,
            "at": event.at.isoformat(),
            "kind": str(event.kind),
            "fixture": event.fixture,
            "facing": event.facing,
            "item": event.item,
            "item_name": self._item_name(event.item),
            "dwell": str(event.dwell),
            "origin": str(event.origin),
            "captured": captured,
        }
        if event.origin is Origin.SIMULATED:
            message["reaction"] = str(event.reaction.label)
            message["reasons"] = list(event.reaction.reasons)
        self._feed.publish(message)

    def saw_trigger(self, trigger: Trigger) -> None:
        """Tells the pages of a new trigger."""
        row = self.trigger_row(trigger)
        self._feed.publish(
            {
                "type": "trigger",
                "trigger": row.id,
                "item": row.item,
                "item_name": row.item_name,
                "origin": str(row.origin),
            }
        )

    def saw_step(self, trigger: Trigger, stage: Stage) -> None:
        """Tells the pages that a trigger moved on."""
        self._feed.publish(
            {
                "type": "trigger",
                "trigger": trigger.id,
                "item": trigger.item,
                "item_name": self._item_name(trigger.item),
                "origin": str(trigger.origin),
                "state": stage.value,
            }
        )

    def saw_answer(self, answer: Answer) -> None:
        """Tells the pages that an item has a new answer, without the answer itself."""
        self._feed.publish(
            {"type": "answer", "item": answer.item, "item_name": self._item_name(answer.item)}
        )

    def _item_name(self, item: str | None) -> str:
        return self.shop.item_name(item) if item is not None else ""


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0)


def _day(timezone: str) -> Callable[[datetime], datetime]:
    """Starts of the days of a zone: UTC days would be cut at both ends of a range."""
    zone = ZoneInfo(timezone)

    def start(at: datetime) -> datetime:
        return datetime.combine(at.astimezone(zone), time(), zone).astimezone(UTC)

    return start


def summed(pairs: Iterable[tuple[Key, Tally]]) -> dict[Key, Tally]:
    """The sum of each key's tallies, in the order in which the keys come."""
    found: dict[Key, Tally] = {}
    for key, tally in pairs:
        found[key] = _together(found[key], tally) if key in found else tally
    return found


def _together(one: Tally, other: Tally) -> Tally:
    """The sum of two; coverage by visits, over which it was taken."""
    visits = one.visits + other.visits
    summed = {
        field.name: getattr(one, field.name) + getattr(other, field.name)
        for field in fields(Tally)
        if field.name not in {"key", "coverage"}
    }
    coverage = (one.coverage * one.visits + other.coverage * other.visits) / visits if visits else 0
    return replace(one, **summed, coverage=coverage)


def nothing(key: str) -> Tally:
    """The tally of what nobody came to."""
    return Tally(
        key=key,
        visits=0,
        dwells=0,
        reaches=0,
        takes=0,
        put_backs=0,
        positive=0,
        hesitant=0,
        rejected=0,
        neutral=0,
        unclear=0,
        coverage=0.0,
        simulated=0,
    )


def _starting(camera: CameraSpec) -> CameraStatus:
    return CameraStatus(camera.id, str(camera.role), "starting", "", 0.0, None, 0, camera.simulated)


def _rejection_low(row: ItemRow) -> float:
    """Lower bound of the rejection rate: sorts what is surely bad before what might be."""
    return row.numbers.rejection.low if row.numbers.rejection else -1.0

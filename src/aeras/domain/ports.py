"""The seams on the kept side; ports that carry pictures are in ``seen_ports``.

An implementation is one file; each port has one contract test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol

from aeras.domain.asking import Counted
from aeras.domain.kept import (
    Answer,
    Block,
    Event,
    Kind,
    Passage,
    ReactionLabel,
    Sale,
    ShelfLevel,
    Stock,
    StockLevel,
    Tally,
    Trigger,
    TriggerState,
)
from aeras.domain.messages import Message
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
from aeras.domain.shop import Shop

Fold = Callable[[Sequence[Block], Sequence[Block]], tuple[list[Block], list[Block]]]
"""(pending, counts of single grains in order of time) -> (finished, pending)."""

Clock = Callable[[], datetime]
"""Gives the present moment in UTC; injected so that tests and simulations own the time."""


def utc_now() -> datetime:
    """The present moment; the `Clock` of a real shop."""
    return datetime.now(UTC)


class EventStore(Protocol):
    """Anonymous events, sales and stock. One process owns it; methods may be called from any
    thread of that process. Writes are durable when the call returns.

    All ``since``/``until`` are UTC, half-open [since, until). Raises StoreError.
    """

    def append(self, events: Sequence[Event]) -> None:
        """Stores events; an id already stored is ignored, so that a retry is safe."""

    def append_sales(self, sales: Sequence[Sale]) -> None:
        """Stores till lines; ids already stored are ignored."""

    def append_stock(self, stock: Sequence[Stock]) -> None:
        """Stores stock levels."""

    def tally(
        self,
        by: str,
        since: datetime,
        until: datetime,
        *,
        item: str | None = None,
        fixture: str | None = None,
    ) -> list[Tally]:
        """Counts per group. ``by``: ``item``, ``facing``, ``fixture``, ``hour`` or ``day``
        (UTC, ISO), or ``site``; events whose group is unknown (no item) are left out.
        """

    def tally_bounded(self, by: str, since: datetime, until: datetime) -> list[Tally]:
        """As `tally`, of events marked ``bounded`` only: what noise may be added to."""

    def roll(self, until: datetime, fold: Fold) -> int:
        """Makes blocks of the events that are in none: those before ``until``, and simulated ones
        at once. One transaction; returns how many blocks were finished.
        """

    def published(
        self, by: str, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[Tally]:
        """Sums of whole finished blocks, the only figures that may be shown. ``by``: ``item``,
        ``facing``, ``site`` or ``moment`` (quarters of an hour, UTC, ISO).
        """

    def sold(self, since: datetime, until: datetime) -> dict[str, float]:
        """Units sold per item."""

    def reasons(
        self, item: str, since: datetime, until: datetime, *, of: ReactionLabel | Kind
    ) -> dict[str, int]:
        """How many handlings of an item, those with that label or of that kind, name each reason.
        Raw: not for publication.
        """

    def count(self) -> int:
        """Number of stored events."""

    def delete_before(self, moment: datetime) -> int:
        """Drops events, sales, stock and open blocks older than the moment (retention), and keeps
        finished blocks and events that are in none; returns how many events.
        """

    def close(self) -> None:
        """Flushes and releases the file."""


class ShelfBook(Protocol):
    """What the facings showed, by time grain. UTC, half-open [since, until). Raises StoreError."""

    def append_levels(self, levels: Sequence[ShelfLevel]) -> None:
        """Stores levels; one of the same facing, planogram and grain is replaced."""

    def levels(self, since: datetime, until: datetime) -> list[ShelfLevel]:
        """Levels in order of time, then facing."""

    def shown_now(self) -> list[tuple[ShelfLevel, datetime]]:
        """Of each facing the latest grain in which a level was told, and the first grain of the
        unbroken run of that level and planogram.
        """

    def shelf_time(self, by: str, since: datetime, until: datetime) -> list[ShelfTime]:
        """Told and empty time by ``item`` or ``facing``. An item is there while any of its facings
        shows it, and empty while all of them are told to be.
        """

    def item_grains(self, since: datetime, until: datetime) -> list[ItemGrain]:
        """What could be told of each item in each grain, by item, then time."""

    def misplacements(self, since: datetime, until: datetime) -> list[Misplaced]:
        """Every misplacement, in order of time. Not for publication: of single visits."""


class PassageBook(Protocol):
    """Who came past the fixtures, counted. UTC, half-open [since, until). Raises StoreError."""

    def append_passages(self, passages: Sequence[Passage]) -> None:
        """Stores counts; copies of stored ones (same id, same time) are ignored."""

    def published_passages(self, by: str, since: datetime, until: datetime) -> list[PassedSum]:
        """Sums of whole finished blocks by ``fixture`` or ``moment`` (quarters of an hour, UTC,
        ISO), sorted by key.
        """


@dataclass(frozen=True, slots=True)
class PassedSum:
    """People who came past a fixture, or all fixtures in a quarter of an hour: sums of blocks.

    Attributes:
        key: Fixture id or moment.
        passed, stopped: Counts; a person is counted at each fixture.
        coverage: Mean share of the time grains in which a camera watched.
        simulated: Of ``passed``, those that come from a simulation.
    """

    key: str
    passed: int
    stopped: int
    coverage: float
    simulated: int


@dataclass(frozen=True, slots=True)
class ShelfTime:
    """Time of a facing or item, in time grains (coverage summed).

    Attributes:
        key: Item or facing id.
        first: Start (UTC) of the first grain with a record.
        told: For how long a level was told.
        empty: For how long of that it was empty.
        records, simulated: Records, and those of them that come from a simulation.
    """

    key: str
    first: datetime
    told: float
    empty: float
    records: int
    simulated: int


@dataclass(frozen=True, slots=True)
class ItemGrain:
    """What could be told of an item in one grain: ``level`` empty, full (some was there) or
    unknown, and for what share of it.
    """

    item: str
    at: datetime
    level: StockLevel
    coverage: float


@dataclass(frozen=True, slots=True)
class Misplaced:
    """An item lay at a facing that is planned for another, from a time grain (UTC) on."""

    at: datetime
    item: str
    facing: str


class Apart(StrEnum):
    """Why what happens to an item in a span of time is not like other time."""

    EMPTY = "empty"
    """None of its facings showed it."""
    RESTOCKED = "restocked"
    """The first while after it was filled up again."""
    MISPLACED = "misplaced"
    """It lay at a facing that is planned for another, or another lay at its own."""
    PROMOTED = "promoted"
    """The planogram says that it was on promotion."""
    LOW_COVERAGE = "low_coverage"
    """Its facings could not be told for most of the span."""


@dataclass(frozen=True, slots=True)
class ShelfSpan:
    """A span of time, [since, until) in UTC, in which an item's shelf was as ``why`` says."""

    item: str
    since: datetime
    until: datetime
    why: Apart


class ShelfContext(Protocol):
    """What was the matter with the shelf, so that such time may be left out of a comparison."""

    def spans(self, item: str | None, since: datetime, until: datetime) -> list[ShelfSpan]:
        """Spans that overlap [since, until), cut to it, by item and time; of all items if None.

        Spans begin and end on time grains; those of one item and ``why`` do not overlap.
        """


class TriggerBook(Protocol):
    """Triggers that were opened."""

    def open_trigger(self, trigger: Trigger) -> None:
        """Stores a new trigger."""

    def triggers(self, *, state: TriggerState | None = None) -> list[Trigger]:
        """All triggers, newest first."""

    def last_opened(self, rule: str, item: str) -> datetime | None:
        """When this rule last fired for this item (UTC), for the cool-down."""

    def close_trigger(self, trigger_id: str) -> None:
        """Marks a trigger closed; unknown ids raise InputError."""


class AnswerBook(Protocol):
    """Survey answers and the single-use tokens that admit them."""

    def spend_token(
        self, token_hash: str, answer: Answer | None, counted: Counted | None = None
    ) -> bool:
        """Stores the answer, burns the token and counts what came of it in one transaction;
        without an answer (consent was refused) it stores none.

        Returns False, and stores nothing, when the token was spent before or never issued.
        """

    def token_spent(self, token_hash: str) -> bool:
        """Whether the token was spent before or never issued."""

    def token_refused(self, token_hash: str) -> bool:
        """Whether the token was spent by saying no."""

    def count_response(self, counted: Counted, column: str) -> None:
        """Counts what came of something that needs no link (a kiosk)."""

    def trigger_closed(self, trigger_id: str) -> bool:
        """Whether that trigger is closed."""

    def has_answer(self, answer_id: str) -> bool:
        """Whether an answer of this id is stored."""

    def add_answer(self, answer: Answer, counted: Counted | None = None) -> bool:
        """Stores an answer that needs no token (kiosk); False, and nothing stored, when its id
        was stored before.
        """

    def answers(
        self, *, item: str | None = None, since: datetime | None = None, aside: bool = False
    ) -> list[Answer]:
        """Answers, newest first, without or only those that are set aside."""

    def batches(self, k: int, item: str | None = None) -> dict[str, str]:
        """Batch by answer id, of the real answers (on one item) that may be shown. As soon as k of
        an item wait they become a batch, for good; it is shown for as long as all of it is there.
        """

    def answer_states(self, k: int) -> dict[str, bytes]:
        """A digest of the answers on each item that has some, of their marks and batches: while it
        is the same, so is what may be shown of them.
        """

    def settled_counts(self, k: int, since: datetime) -> dict[str, int]:
        """How many answers on each item may be shown: simulated ones, and whole batches whose
        newest answer is not older than ``since``. The same as counting what `answers` and `batches`
        leave, without reading them.
        """

    def withdraw(self, receipt: str) -> bool:
        """Deletes the answer with this receipt code; False if there is none."""

    def tokens_issued(self, survey: str) -> int:
        """How many single-use tokens were issued for a survey, for the response rate."""

    def issue_token(
        self,
        token_hash: str,
        survey: str,
        item: str,
        channel: str,
        *,
        counted: Counted | None = None,
        until: datetime | None = None,
    ) -> None:
        """Remembers an issued token by its hash until (UTC) it can no longer be used, and counts
        the invitation.
        """

    def open_token(self, token_hash: str, counted: Counted) -> None:
        """Counts that the form behind a token was opened, once."""


class Outbox(Protocol):
    """Messages on their way to the site's channels. What was put survives kill and power cut."""

    def put(
        self, topic: str, key: str, payload: Mapping[str, object], *, once: str | None = None
    ) -> int:
        """Stores a message for each channel that listens to the topic; sent soon after.

        Args:
            topic: What happened; one of `aeras.domain.messages.TOPICS`.
            key: Messages of one key (the item's id) reach a channel in the order of the calls.
            payload: JSON-ready; says nothing of a person.
            once: A name for this message: put again under the same name, after a restart say, it
                is ignored. ``f"{topic}:{trigger.id}"`` is one.

        Returns:
            How many channels will get it; 0 also where none listens.
        """


class Channel(Protocol):
    """A way in which a message or a survey link reaches somebody."""

    name: str

    def deliver(self, message: Message) -> str:
        """Shows or sends the message; what to show, or a note of what was sent.

        Called again with the same message if it is not known whether it arrived.

        Raises:
            UndeliveredError: It was not taken; says whether trying again can help.
        """

    def close(self) -> None:
        """Gives up connections."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who may sign in. ``role`` is one of `aeras.domain.roles.Role`; ``second_factor``
    says that a code is asked for as well.
    """

    name: str
    role: str
    second_factor: bool = False


class UserBook(Protocol):
    """People who may sign in to the dashboard."""

    def add_user(self, name: str, password: str, role: str) -> None:
        """Stores a user with an argon2 hash; an existing name raises InputError."""

    def sign_in(self, name: str, password: str) -> User | None:
        """The user, or None when name or password is wrong; takes the same time either way."""

    def user(self, name: str) -> User | None:
        """The user of that name."""

    def has_users(self) -> bool:
        """False on first run."""


class Settings(Protocol):
    """Small values by name, in the control database."""

    def setting(self, name: str) -> str | None:
        """The stored value, None if there is none."""

    def set_setting(self, name: str, value: str) -> None:
        """Stores a value over any earlier one."""


class Subscription(Protocol):
    """One listener's live messages."""

    def get(self, timeout_s: float) -> dict[str, object] | None:
        """The next message (JSON-ready, with a ``type``), or None when none came in time."""

    def close(self) -> None:
        """Stops listening."""


class Board(Protocol):
    """Everything a page may show. Each number in it has passed the privacy gate: what is None is
    withheld because fewer than ``k`` visits stand behind it. Times are UTC.
    """

    @property
    def shop(self) -> Shop:
        """The site."""

    @property
    def k(self) -> int:
        """Visits below which a number is withheld."""

    def totals(self, since: datetime, until: datetime) -> Totals:
        """Numbers of the whole site."""

    def items(self, since: datetime, until: datetime) -> list[ItemRow]:
        """One row for each item of the site, highest lower bound of rejection first."""

    def facings(self, since: datetime, until: datetime) -> list[FacingRow]:
        """One row for each facing that has a place on the map."""

    def timeline(
        self, since: datetime, until: datetime, *, item: str | None = None
    ) -> list[TimePoint]:
        """One point an hour (up to two days) or a day (longer)."""

    def triggers(self) -> list[TriggerRow]:
        """All triggers, newest first."""

    def survey(self, item: str) -> SurveySummary:
        """Answers on one item."""

    def surveys(self) -> dict[str, SurveySummary]:
        """Answers on every item that has some, by item id."""

    def form_answers(self, form: str) -> list[FormAnswers]:
        """What was answered to each version of a form, newest first."""

    def cameras(self) -> list[CameraStatus]:
        """State of each camera."""

    def preview(self, camera: str) -> bytes | None:
        """Latest blurred JPEG of a camera, opaque bytes; None before the first."""

    def subscribe(self) -> Subscription:
        """Live messages: ``{"type": "event", ...}``, ``"trigger"``, ``"answer"``, ``"camera"``."""

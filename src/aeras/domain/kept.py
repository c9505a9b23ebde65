"""What may be stored: anonymous records only. Nothing here can hold a picture, a vector or an id
that outlives the moment. This module may not import ``domain.seen``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """What happened at a facing.

    ``MISPLACED``: an item was put down at a facing that is planned for another. It is told beside
    the put back; its item is the one that was moved, its facing the one where it lies.
    ``KNOCKED_OVER``: something fell or shifted without being taken. Both stand beside what a visit
    did: they are no handling, carry no reaction and count no visit.
    """

    DWELL = "dwell"
    REACH = "reach"
    TAKE = "take"
    PUT_BACK = "put_back"
    MISPLACED = "misplaced"
    KNOCKED_OVER = "knocked_over"

    @property
    def beside(self) -> bool:
        """Whether it stands beside a visit's deeds instead of being one."""
        return self in {Kind.MISPLACED, Kind.KNOCKED_OVER}


class ReactionLabel(StrEnum):
    """The reading of one interaction; ``UNCLEAR`` when no class reaches one half."""

    POSITIVE = "positive"
    HESITANT = "hesitant"
    REJECTED = "rejected"
    NEUTRAL = "neutral"
    UNCLEAR = "unclear"


class DwellClass(StrEnum):
    """Length of an interaction, coarsened so that it cannot single anyone out."""

    UNDER_2 = "<2 s"
    UNDER_5 = "2-5 s"
    UNDER_15 = "5-15 s"
    UNDER_60 = "15-60 s"
    OVER_60 = ">60 s"

    @classmethod
    def of(cls, seconds: float) -> DwellClass:
        """The class of a length in seconds."""
        for limit, name in ((2, cls.UNDER_2), (5, cls.UNDER_5), (15, cls.UNDER_15)):
            if seconds < limit:
                return name
        return cls.UNDER_60 if seconds < 60 else cls.OVER_60  # noqa: PLR2004 - the class edges


class FirstOf(IntEnum):
    """For which scope an event is its visit's first; makes visits countable without any visit id.

    The scopes nest (item in fixture in site), so the visits of an item are the events with
    ``first_of >= ITEM``, of a fixture ``>= FIXTURE``, of the site ``>= SITE``. Events that stand
    beside a visit's deeds are left out of these: ``SITE`` there says that it was the visit's first
    of that kind, ``NONE`` that it was not.
    """

    NONE = 0
    ITEM = 1
    FIXTURE = 2
    SITE = 3


class Origin(StrEnum):
    """Where a record comes from; ``SIMULATED`` is shown wherever the record is."""

    CAMERA = "camera"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class Reaction:
    """Fused reading of one interaction: four probabilities that sum to 1.

    Attributes:
        positive, hesitant, rejected, neutral: Probabilities.
        coverage: Share of the interaction's time in which a face could be read, in [0, 1].
        reasons: Plain-word codes of what carried the reading, strongest first
            (``"fast_put_back"``, ``"brow_lowered"``; see ``shelf.reaction``).
    """

    positive: float
    hesitant: float
    rejected: float
    neutral: float
    coverage: float = 0.0
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        total = self.positive + self.hesitant + self.rejected + self.neutral
        if abs(total - 1) > 0.02:  # noqa: PLR2004 - room for two-decimal rounding
            raise ValueError(f"reaction probabilities sum to {total:.3f}, expected 1")

    @property
    def label(self) -> ReactionLabel:
        """The class that holds at least half of the probability, else ``UNCLEAR``."""
        best = max(self.as_dict().items(), key=lambda pair: pair[1])
        return ReactionLabel(best[0]) if best[1] >= 0.5 else ReactionLabel.UNCLEAR  # noqa: PLR2004 - one half

    def as_dict(self) -> dict[str, float]:
        """The four probabilities by name."""
        return {
            "positive": self.positive,
            "hesitant": self.hesitant,
            "rejected": self.rejected,
            "neutral": self.neutral,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """The anonymous record of one interaction.

    Attributes:
        id: Random hex, made at the gate; tells copies apart, points to nobody.
        at: UTC, coarsened to the site's time grain (see ``privacy.gate``).
        site, fixture: Ids from the site file.
        facing, item: Ids, or None where the system could only tell the fixture.
        planogram: Version that was valid.
        kind: What happened.
        dwell: Length class of the interaction; for a take or put back, of how long the item was
            held.
        reaction: Fused reading; probabilities and coverage rounded to two decimals. Neutral, with
            nothing read, in events that stand beside a visit's deeds.
        confidence: How sure the reader is that the interaction happened, in [0, 1].
        first_of: See `FirstOf`.
        outcome: True for the event that closes a handling (put back, touch without take, take
            that was kept); False for dwell, for a take that was put back, and for a misplaced
            or knocked over thing.
        origin: Real camera or simulation.
        attribution: Probability that it was the facing at which it was seen rather than one of its
            neighbours; below 0.6 only the fixture is told. None where facings were not weighed
            against each other (dwell, reach, a fixture without facings, older events).
        bounded: True for the first few deeds of its visit (`privacy.gate.CONTRIBUTIONS`): tables
            with noise count these only, so that no visit can change one by more. False in older
            events.
    """

    id: str
    at: datetime
    site: str
    fixture: str
    facing: str | None
    item: str | None
    planogram: str
    kind: Kind
    dwell: DwellClass
    reaction: Reaction
    confidence: float
    first_of: FirstOf
    outcome: bool
    origin: Origin = Origin.CAMERA
    attribution: float | None = None
    bounded: bool = False


@dataclass(frozen=True, slots=True)
class Tally:
    """Raw counts of one group (item, facing, hour ...). Not for publication: see ``privacy``.

    Attributes:
        key: The group's id: item id, facing id or an ISO hour.
        visits: Distinct visits in the group.
        dwells, reaches, takes, put_backs: Events by kind.
        positive, hesitant, rejected, neutral, unclear: Handlings by reaction label, where the
            handlings are the events with ``outcome`` set: a take that was put back counts once,
            by its put back.
        coverage: Mean coverage over all events of the group, in [0, 1].
        simulated: Events that come from a simulation.
        misplaced, knocked_over: Events beside the visits' deeds; in no other figure but
            ``simulated``.
    """

    key: str
    visits: int
    dwells: int
    reaches: int
    takes: int
    put_backs: int
    positive: int
    hesitant: int
    rejected: int
    neutral: int
    unclear: int
    coverage: float
    simulated: int
    misplaced: int = 0
    knocked_over: int = 0

    @property
    def handled(self) -> int:
        """Handlings: the denominator of every reaction rate."""
        return self.positive + self.hesitant + self.rejected + self.neutral + self.unclear


class Measure(StrEnum):
    """What a block counts. ``STARTS`` are visits of the site, ``VISITS`` those of an item. Behind
    ``MISPLACED`` and ``KNOCKED_OVER`` stand the visits that did so, not all of the place.
    ``PASSED`` are people who came past a fixture, ``STOPPED`` those of them who did anything there.
    """

    STARTS = "starts"
    VISITS = "visits"
    DWELLS = "dwells"
    REACHES = "reaches"
    TAKES = "takes"
    PUT_BACKS = "put_backs"
    HANDLED = "handled"
    MISPLACED = "misplaced"
    KNOCKED_OVER = "knocked_over"
    PASSED = "passed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Block:
    """Counts that may be shown: at least k visits, never divided again. Kept when the events that
    it was made of have expired. While it is smaller it is pending and shown to nobody.

    Attributes:
        at: UTC start of the time grain in which it was filled (pending: of its first).
        fixture, facing, item: Ids, or None where it was put together from several.
        simulated: Whether it counts simulated events; never both kinds.
        measure: What ``count`` counts.
        visits: Visits behind it.
        count: Its number.
        positive, hesitant, rejected, neutral, unclear: Handlings by label; 0 in other measures.
        events: Events (of ``PASSED``: time grains) over which ``coverage`` was summed; 0 unless it
            counts visits or passers.
        coverage: Sum of their coverage.
    """

    at: datetime
    fixture: str | None
    facing: str | None
    item: str | None
    simulated: bool
    measure: Measure
    visits: int
    count: int
    positive: int = 0
    hesitant: int = 0
    rejected: int = 0
    neutral: int = 0
    unclear: int = 0
    events: int = 0
    coverage: float = 0.0


@dataclass(frozen=True, slots=True)
class Sale:
    """One till line. ``at`` UTC; ``amount`` in minor currency units, tax included."""

    id: str
    at: datetime
    site: str
    item: str
    quantity: float
    amount: int
    currency: str
    origin: Origin = Origin.CAMERA


@dataclass(frozen=True, slots=True)
class Stock:
    """Units of an item on hand at a moment (UTC)."""

    at: datetime
    site: str
    item: str
    quantity: float
    origin: Origin = Origin.CAMERA


class StockLevel(StrEnum):
    """How much of its item a facing shows."""

    FULL = "full"
    LOW = "low"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ShelfLevel:
    """What a facing showed in one time grain; of the shelf, of nobody. A later record of the same
    facing, planogram and grain takes the place of an earlier one.

    Attributes:
        at: UTC start of the site's time grain.
        site, fixture, facing: Ids from the site file.
        item: Id of the item that is planned there.
        planogram: Version that was valid.
        level: The last that was told in the grain: one that had held for the site's hold time.
            ``unknown`` if none was.
        coverage: Share of the grain for which the level could be told, in twentieths; an exact one
            would tell when somebody stood there.
        origin: Real camera or simulation.
    """

    at: datetime
    site: str
    fixture: str
    facing: str
    item: str
    planogram: str
    level: StockLevel
    coverage: float
    origin: Origin = Origin.CAMERA


@dataclass(frozen=True, slots=True)
class Passage:
    """How many people came past a fixture in one time grain, without anything of whom. Each is
    counted when they are gone, and at each fixture that they came past.

    Attributes:
        id: Random hex, made at the gate; tells copies apart, points to nobody.
        at: UTC start of the site's time grain.
        site, fixture: Ids from the site file.
        passed: People who were within view of it and of whom it was known that they may be read.
        stopped: Those of them who stayed or handled something there.
        coverage: Share of the grain in which a camera watched, in twentieths.
        origin: Real camera or simulation.
    """

    id: str
    at: datetime
    site: str
    fixture: str
    passed: int
    stopped: int
    coverage: float
    origin: Origin = Origin.CAMERA


@dataclass(frozen=True, slots=True)
class UsualLength:
    """How long something usually takes; kept only with twenty lengths or more behind it.

    Attributes:
        what: Item or fixture id.
        kind: ``dwell`` (the stay) or ``put_back`` (how long the item was held).
        hour: Of the day (UTC, 0-23), or -1 for all of it.
        count: Lengths behind it.
        mean, variance: Of the natural logarithm of seconds; older lengths fade.
    """

    what: str
    kind: Kind
    hour: int
    count: int
    mean: float
    variance: float


class TriggerState(StrEnum):
    """Life of a trigger."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Trigger:
    """A rule's finding about an item.

    Attributes:
        id: Random hex.
        rule: Id of the rule in the site file.
        item: Item id.
        opened_at: UTC.
        evidence: Numbers that justify it, by name (``rejections``, ``handled``, ``threshold``,
            ``window_h`` ...), shown as they are.
        survey: Id of the form that it pushes, or None.
        state: Open or closed.
        origin: ``SIMULATED`` when any of the evidence is.
    """

    id: str
    rule: str
    item: str
    opened_at: datetime
    evidence: dict[str, float]
    survey: str | None
    state: TriggerState = TriggerState.OPEN
    origin: Origin = Origin.CAMERA


ASIDE = (frozenset({"trap"}), frozenset({"fast", "repeat"}))
"""Marks that together look as if made by a machine; see `aeras.respond.defence.Mark`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A consenting person's reply to one survey; nothing in it says who.

    Attributes:
        id: Random hex.
        receipt: Code given to the person, by which the answer can be withdrawn; stored hashed.
        survey: Form id.
        version: Form version that was shown.
        item: Item asked about.
        trigger: Trigger that pushed it, or None.
        at: UTC, coarsened like events.
        channel: ``kiosk``, ``qr`` ...
        language: BCP 47 code of the form shown.
        rating: 1 to 5, or None if not answered.
        choice: Code of the chosen reason, or None.
        text: Open answer, or "" if none.
        origin: Real or simulated.
        more: Answers to further questions of the form by their names: a rating, a code, or several
            codes.
        marks: What is odd about it, see `aeras.respond.defence.Mark`; those that look as if made by
            a machine are kept out of every figure.
    """

    id: str
    receipt: str
    survey: str
    version: int
    item: str
    trigger: str | None
    at: datetime
    channel: str
    language: str
    rating: int | None
    choice: str | None
    text: str
    origin: Origin = Origin.CAMERA
    more: Mapping[str, int | str | tuple[str, ...]] = field(default_factory=dict)
    marks: tuple[str, ...] = ()

    @property
    def aside(self) -> bool:
        """Whether its marks keep it out of every figure."""
        return bool(self.marks) and any(marks <= set(self.marks) for marks in ASIDE)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An advised change; does nothing until a person approves it."""

    id: str
    kind: str
    subject: str
    text: str
    evidence: dict[str, float] = field(default_factory=dict)
    approved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic of open answers. Which answer has which is kept beside; of k answers or more also
    the mean of their vectors, which is nobody's sentence.

    Attributes:
        id: Random hex; stays the same when topics are looked for anew.
        labels: Its most telling words by language, the language it is mostly spoken of in first;
            each stands in at least two of its answers.
        name: What a person called it, or "".
        into: The topic that a person put it into, or None.
        held: Whether a person named, merged or divided it: it is then never divided or joined by
            the program, only added to.
        made_at: UTC.
    """

    id: str
    labels: Mapping[str, str]
    name: str
    into: str | None
    held: bool
    made_at: datetime

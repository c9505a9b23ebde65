"""What pages, reports and exports may show: numbers that have passed the privacy gate.

Every optional number is None when fewer than k visits stand behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aeras.domain.geometry import Box
from aeras.domain.kept import Origin, TriggerState


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with its uncertainty: 95 % interval [low, high] and the n behind it."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """The published numbers of one group.

    Attributes:
        visits, dwells, reaches, takes, put_backs: Counts.
        rejection, hesitation, positive: Shares of handlings.
        unclear: Share of handlings in which the system could not tell.
        coverage: Share of the time in which a face could be read.
        simulated: Share of the events that come from a simulation, in [0, 1]; always given.
        misplaced, knocked_over: Counts of what stands beside the visits' deeds.
    """

    visits: int | None
    dwells: int | None
    reaches: int | None
    takes: int | None
    put_backs: int | None
    rejection: Rate | None
    hesitation: Rate | None
    positive: Rate | None
    unclear: Rate | None
    coverage: float | None
    simulated: float
    misplaced: int | None = None
    knocked_over: int | None = None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item with its numbers; ``sold`` is units from the till, None without a till feed."""

    id: str
    name: str
    category: str
    gtin: str | None
    price: int | None
    numbers: Numbers
    sold: float | None
    open_triggers: int
    answers: int | None


@dataclass(frozen=True, slots=True)
class FacingRow:
    """A facing with its place on the map (xyxy metres) and its numbers."""

    id: str
    fixture: str
    item: str | None
    item_name: str
    on_map: Box
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class TimePoint:
    """One hour or day (its start, UTC)."""

    at: datetime
    numbers: Numbers


@dataclass(frozen=True, slots=True)
class Totals:
    """The whole site, with how many items and facings lie below k."""

    numbers: Numbers
    items_withheld: int
    open_triggers: int
    answers: int | None


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of evidence: the key of its words, and its numbers by name. Names that end in
    ``_share`` are shares of 1, ``window_h`` is hours.
    """

    key: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """A trigger with what it rests on: in English, and as facts for the pages' languages."""

    id: str
    rule: str
    item: str
    item_name: str
    opened_at: datetime
    state: TriggerState
    origin: Origin
    evidence: tuple[str, ...]
    survey: str | None
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What the answers to a trigger's survey say.

    Attributes:
        answers: How many, all settled.
        options: Code and share of each reason, the most frequent first.
        rating: Mean with its interval, None if too few rated.
    """

    answers: int
    options: tuple[tuple[str, Rate], ...] = ()
    rating: Rate | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """What changed after an action, against matched items where nothing was done.

    Attributes:
        measure: Which share (`aeras.domain.evidence.Watched`).
        enough: Whether it can be told at all; if not, only ``needed`` and ``why`` are given.
        change: Difference in differences of the share with its 95 % interval (``n``: handlings of
            the item before and after); below 0 is better. None if it cannot be told.
        before, after: The item's share; None below k.
        controls: How many items it was compared with.
        controls_before, controls_after: Their mean share.
        placebo: The same reckoning between the two halves of the time before, where nothing was
            done: its interval should hold 0. None if there was too little.
        needed: Further handlings needed, None if no number would do.
        why: Key of the reason that it cannot be told, "" if it can.
        selected: The time before includes what opened the trigger: part of a fall may be chance.
    """

    measure: str
    enough: bool
    change: Rate | None = None
    before: Rate | None = None
    after: Rate | None = None
    controls: int = 0
    controls_before: float | None = None
    controls_after: float | None = None
    placebo: Rate | None = None
    needed: int | None = None
    why: str = ""
    selected: bool = False


@dataclass(frozen=True, slots=True)
class SurveySummary:
    """Answers on one item; ``rating`` is the mean on the form's scale with its interval, ``quotes``
    are open answers, given only above k, newest first.
    """

    item: str
    answers: int | None
    asked: int | None
    rating: Rate | None
    ratings: tuple[int, ...] | None
    choices: tuple[tuple[str, int], ...] | None
    quotes: tuple[str, ...]
    simulated: float


@dataclass(frozen=True, slots=True)
class FormAnswers:
    """What was answered to one version of a form, over all items.

    Attributes:
        version: Of the form.
        channels: Answers by channel, None below k.
        refused: How many said no to the question of consent, cut to a multiple of k; None below k.
        summary: Of the answers through all channels; its ``item`` is the form.
        more: Further questions by name: how often each code or rating was given; above k only.
    """

    version: int
    channels: tuple[tuple[str, int | None], ...]
    refused: int | None
    summary: SurveySummary
    more: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """State of one camera: ``up``, ``starting``, ``down`` (with the reason), ``ended``; ``stopped``
    by the stop switch, ``closed`` outside opening hours, or ``uncalibrated`` since it was moved.
    """

    id: str
    role: str
    state: str
    reason: str
    fps: float
    latency_p95_s: float | None
    dropped: int
    simulated: bool

"""What becomes of a trigger: its stages, who may move it on, and what is kept of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from aeras.domain.kept import Trigger, TriggerState
from aeras.domain.published import Effect, Findings, TriggerRow
from aeras.domain.steps import no_step


class Action(StrEnum):
    """What a rule's trigger leads to.

    The first two start by themselves: the rule in the site file is their approval. The others are
    proposed and do nothing until a manager approves them.
    """

    SURVEY = "survey"
    NOTIFY = "notify"
    LABEL = "label_proposal"
    PRICE = "price_proposal"
    STAFF_HELP = "staff_help"


PROPOSABLE = (Action.LABEL, Action.PRICE, Action.STAFF_HELP)


class Stage(StrEnum):
    """Where a trigger stands."""

    OPEN = "open"
    SURVEY = "survey"
    FINDINGS = "findings"
    PROPOSED = "proposed"
    APPROVED = "approved"
    MEASURED = "measured"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {Stage.CLOSED, Stage.DISMISSED, Stage.EXPIRED}


class Deed(StrEnum):
    """What moves a trigger on."""

    OPEN = "open"
    ASK = "ask"
    FIND = "find"
    PROPOSE = "propose"
    APPROVE = "approve"
    MEASURE = "measure"
    CLOSE = "close"
    DISMISS = "dismiss"
    EXPIRE = "expire"


_EARLY = frozenset({Stage.OPEN, Stage.SURVEY, Stage.FINDINGS})
_MOVES: Mapping[Deed, tuple[frozenset[Stage], Stage]] = {
    Deed.ASK: (frozenset({Stage.OPEN}), Stage.SURVEY),
    Deed.FIND: (frozenset({Stage.OPEN, Stage.SURVEY}), Stage.FINDINGS),
    Deed.PROPOSE: (_EARLY | {Stage.PROPOSED}, Stage.PROPOSED),
    Deed.APPROVE: (frozenset({Stage.PROPOSED}), Stage.APPROVED),
    Deed.MEASURE: (frozenset({Stage.APPROVED}), Stage.MEASURED),
    Deed.CLOSE: (frozenset({Stage.MEASURED}), Stage.CLOSED),
    Deed.DISMISS: (_EARLY | {Stage.PROPOSED, Stage.APPROVED, Stage.MEASURED}, Stage.DISMISSED),
    Deed.EXPIRE: (_EARLY, Stage.EXPIRED),
}
BY_HAND = (Deed.FIND, Deed.PROPOSE, Deed.APPROVE, Deed.CLOSE, Deed.DISMISS)
"""Deeds of a manager; the others are the system's own."""


def may(stage: Stage, deed: Deed) -> bool:
    """Whether a trigger at that stage can be moved so."""
    return deed in _MOVES and stage in _MOVES[deed][0]


def after(stage: Stage, deed: Deed) -> Stage:
    """The stage that follows; InputError if the deed does not fit."""
    if not may(stage, deed):
        raise no_step(stage, deed, of="trigger")
    return _MOVES[deed][1]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a trigger's life.

    Attributes:
        n: Its number in this life, from 0 without gaps.
        at: UTC.
        who: A staff account's name, or `aeras.domain.oversight.SYSTEM`.
        deed: What was done.
        stage: Where the trigger stands since.
        about: JSON-ready: ``note``, ``action``, ``from`` ...; findings and effect as kept.
    """

    n: int
    at: datetime
    who: str
    deed: Deed
    stage: Stage
    about: Mapping[str, object] = field(default_factory=dict)


def stage_of(trigger: Trigger, steps: Sequence[Step]) -> Stage:
    """Where a trigger stands; one from before lives were kept has no steps."""
    if steps:
        return steps[-1].stage
    return Stage.OPEN if trigger.state is TriggerState.OPEN else Stage.CLOSED


class LifeBook(Protocol):
    """Steps of triggers' lives; each is durable when the call returns."""

    def add_step(self, trigger: str, step: Step) -> bool:
        """Stores a step, and marks the trigger closed if its stage is final, in one transaction.

        False, and nothing stored, when the life has a step of that number already or none before.
        """

    def steps(self, trigger: str | None = None) -> dict[str, list[Step]]:
        """Steps by trigger, in their order."""

    def unlogged(self) -> list[tuple[str, Step]]:
        """Steps that are not known to be in the audit log."""

    def mark_logged(self, trigger: str, n: int) -> None:
        """Notes that a step is in the audit log."""


@dataclass(frozen=True, slots=True)
class LifeRow:
    """A trigger with its life, ready to be shown.

    Attributes:
        trigger: What it rests on.
        stage: Where it stands.
        steps: So far.
        deeds: What a manager may do now.
        action: What the rule leads to, "" if the rule is gone.
        findings: Summary of the answers, None while there are too few.
        proposal: Kind and text of the proposed action, None before.
        effect: Of the approved action, None before it is measured.
        due: When it will be measured (UTC), None where nothing is.
        follow_up: How long after approval that is.
    """

    trigger: TriggerRow
    stage: Stage
    steps: tuple[Step, ...]
    deeds: tuple[Deed, ...]
    action: str = ""
    findings: Findings | None = None
    proposal: tuple[str, str] | None = None
    effect: Effect | None = None
    due: datetime | None = None
    follow_up: timedelta = timedelta(days=14)


class TriggerDesk(Protocol):
    """Moves triggers on. Methods may be called from any thread."""

    def stages(self) -> dict[str, Stage]:
        """Where each trigger stands, by id."""

    def row(self, trigger: str) -> LifeRow:
        """One; InputError if there is none of that id."""

    def do(
        self, trigger: str, deed: Deed, who: str, *, seen: int, note: str = "", action: str = ""
    ) -> LifeRow:
        """Takes a step by hand.

        Args:
            trigger: Its id.
            deed: One of `BY_HAND`.
            who: The account's name; that it may is for the caller to check.
            seen: Steps that ``who`` had before them: the same step sent twice is taken once.
            note: Reason (dismiss: required) or text of the proposal (required).
            action: Kind of the proposal, one of `PROPOSABLE`.

        Raises:
            InputError: The step does not fit where the trigger stands, or lacks its note.
        """

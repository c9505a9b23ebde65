"""What becomes of a proposal to place items otherwise: its stages, and who may move it on.

shadow -> canary -> approved -> moved -> measured -> kept, or rolled back. In the shadow a proposal
only waits to be judged. As a canary it is ready to be tried on one fixture beside a control.
Nothing on a shelf changes without a person who approves, and one who confirms that it was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from aeras.domain.published import Rate
from aeras.domain.steps import no_step


class Kind(StrEnum):
    """What a proposal is for."""

    MOVE = "move"
    """Arrange a fixture as a policy would."""
    TRIAL = "trial"
    """Show arrangements drawn by lot for some weeks; drawn when it is approved."""
    ROLL_BACK = "roll_back"
    """Put back what an earlier one moved."""


class Stage(StrEnum):
    """Where a proposal stands."""

    SHADOW = "shadow"
    CANARY = "canary"
    APPROVED = "approved"
    MOVED = "moved"
    MEASURED = "measured"
    KEPT = "kept"
    ROLLED_BACK = "rolled_back"
    DISMISSED = "dismissed"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self in {Stage.KEPT, Stage.ROLLED_BACK, Stage.DISMISSED, Stage.EXPIRED}


class Deed(StrEnum):
    """What moves a proposal on."""

    PROPOSE = "propose"
    PASS = "pass"  # noqa: S105 - no password
    APPROVE = "approve"
    CONFIRM = "confirm"
    MEASURE = "measure"
    KEEP = "keep"
    ROLL_BACK = "roll_back"
    DISMISS = "dismiss"
    EXPIRE = "expire"


_WAITING = frozenset({Stage.SHADOW, Stage.CANARY, Stage.APPROVED})
_MOVES: Mapping[Deed, tuple[frozenset[Stage], Stage]] = {
    Deed.PASS: (frozenset({Stage.SHADOW}), Stage.CANARY),
    Deed.APPROVE: (frozenset({Stage.CANARY}), Stage.APPROVED),
    Deed.CONFIRM: (frozenset({Stage.APPROVED}), Stage.MOVED),
    Deed.MEASURE: (frozenset({Stage.MOVED}), Stage.MEASURED),
    Deed.KEEP: (frozenset({Stage.MEASURED}), Stage.KEPT),
    Deed.ROLL_BACK: (frozenset({Stage.MEASURED}), Stage.ROLLED_BACK),
    Deed.DISMISS: (_WAITING, Stage.DISMISSED),
    Deed.EXPIRE: (_WAITING, Stage.EXPIRED),
}
BY_HAND = (Deed.APPROVE, Deed.CONFIRM, Deed.KEEP, Deed.ROLL_BACK, Deed.DISMISS)
"""Deeds of a manager; the others are the system's own."""


def may(stage: Stage, deed: Deed) -> bool:
    """Whether a proposal at that stage can be moved so."""
    return deed in _MOVES and stage in _MOVES[deed][0]


def after(kind: Kind, stage: Stage, deed: Deed) -> Stage:
    """The stage that follows; InputError if the deed does not fit."""
    if not may(stage, deed):
        raise no_step(stage, deed, of="proposal")
    if kind is Kind.ROLL_BACK and deed is Deed.CONFIRM:
        return Stage.ROLLED_BACK
    return _MOVES[deed][1]


@dataclass(frozen=True, slots=True)
class Move:
    """One facing that gets another item, and what speaks for it (None: fewer than k behind it).

    Attributes:
        facing: Where.
        was, item: Item ids before and after.
        looks: Share of the looks at its block that this facing drew; ``n`` are the block's looks.
        handled: Handlings of ``item`` in the weeks behind the proposal.
        taken, positive, rejected: Shares of its handlings that were kept, and of those that could
            be read, that were read as positive or rejected.
        unread: Share of its handlings whose reaction could not be told.
    """

    facing: str
    was: str
    item: str
    looks: Rate | None = None
    handled: int | None = None
    taken: Rate | None = None
    positive: Rate | None = None
    rejected: Rate | None = None
    unread: float | None = None


@dataclass(frozen=True, slots=True)
class Fitness:
    """How the calibrated shop told the last week from those before.

    Attributes:
        off: Mean error of a block's reward, as a share of it.
        bias: The same with its sign: above 0 the model promises too much.
        within: Share of blocks in their 95 % interval.
        scatter: Scatter of the counts over that of chance; 1 is a perfect model.
        blocks, weeks: Behind it.
    """

    off: float
    bias: float
    within: float
    scatter: float
    blocks: int
    weeks: int


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate says of the policy behind a proposal.

    Attributes:
        passed: The lower bound of its gain is above 0.
        why: ``passed``, ``few`` (too little data), ``wide`` (the interval holds 0), ``none`` (no
            gain was seen) or ``zero`` (the log never tries what the policy would do).
        gain: Mean gain over today's plan as a share of what it earned, None without rounds; ``n``
            are the rounds.
        effective: Rounds of the same precision had the policy run itself.
        needed: Further rounds that would probably do.
    """

    passed: bool
    why: str
    gain: Rate | None
    effective: float
    needed: int | None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a move changed: the fixture against its control, by week.

    Attributes:
        change: Of the reward of a visit, as a share, less the control's; None: too few weeks.
            ``n`` are the weeks.
        placebo: The same between the halves of the time before, where nothing was done: its
            interval should hold 0. None if there was too little.
        before, after: Weeks that could be compared.
        needed: Further weeks without which nothing is told.
    """

    change: Rate | None
    placebo: Rate | None
    before: int
    after: int
    needed: int = 0

    @property
    def worse(self) -> bool:
        """Whether it surely earns less."""
        return self.change is not None and self.change.high < 0


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as it was made. All its figures are published ones, or made of such.

    Attributes:
        id: Random hex.
        kind: See `Kind`.
        made_at: UTC.
        fixture: The canary, "" for a trial, which is at several.
        control: The fixture it is compared with, "" if there is none.
        policy: Its name.
        moves: What changes; empty for a trial until its lot is drawn.
        gain: Expected gain of the fixture as a share of its reward today, with the 95 % interval of
            the calibrated shop; ``n`` are the handlings behind it. None where nothing is expected.
        fitness: How far the calibrated shop can be trusted.
        weights: Of the reward: ``margin``, ``positive``, ``rejected``.
        weeks: Weeks behind it.
        simulated: Share of these that come from a simulation.
        reverses: Id of the proposal that it puts back.
    """

    id: str
    kind: Kind
    made_at: datetime
    fixture: str
    control: str
    policy: str
    moves: tuple[Move, ...]
    gain: Rate | None = None
    fitness: Fitness | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    weeks: int = 0
    simulated: float = 0.0
    reverses: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proposal's life: ``n`` from 0 without gaps, ``at`` UTC, ``who`` a staff
    account's name or `aeras.domain.oversight.SYSTEM`.
    """

    n: int
    at: datetime
    who: str
    deed: Deed
    stage: Stage
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """A proposal with all that is stored of it."""

    proposal: Proposal
    steps: tuple[Step, ...]
    judged: Judged | None = None
    measured: Measured | None = None

    @property
    def stage(self) -> Stage:
        """Where it stands."""
        return self.steps[-1].stage

    def when(self, deed: Deed) -> datetime | None:
        """When that was done last (UTC)."""
        return next((step.at for step in reversed(self.steps) if step.deed is deed), None)


@dataclass(frozen=True, slots=True)
class PlacedWeek:
    """A week of the shop under one plan, from published sums.

    Attributes:
        start: UTC.
        plan: Item by facing.
        counts: Of each facing where something happened: dwells, takes, put backs, and handlings by
            reading (positive, hesitant, rejected, neutral, unclear).
        visits: Of the shop.
        available: Share of the time that a facing was not empty, where that is known.
        simulated: Whether any of it comes from a simulation.
    """

    start: datetime
    plan: Mapping[str, str]
    counts: Mapping[str, tuple[int, ...]]
    visits: int
    available: Mapping[str, float]
    simulated: bool


@dataclass(frozen=True, slots=True)
class PlacedRound:
    """An arrangement that was drawn by lot for one block, with the probabilities.

    Attributes:
        id: Random hex.
        proposal: The trial that it belongs to.
        facings: Of the block.
        candidates: Items at these facings; the first is today's arrangement.
        propensity: The lot's probabilities.
        chosen: What was drawn; -1 before, for the lot is drawn when the trial is approved.
        targets: By policy, its own probabilities at that moment.
        predicted: What the calibrated shop of that moment expected of each, a 1000 visits.
        begun, until: First and last moment (UTC) that count; None before it was set up.
        reward: A 1000 visits, None before it is over.
        simulated: Whether it comes from a simulation.
    """

    id: str
    proposal: str
    facings: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...]
    propensity: tuple[float, ...]
    chosen: int
    targets: Mapping[str, tuple[float, ...]]
    predicted: tuple[float, ...]
    begun: datetime | None = None
    until: datetime | None = None
    reward: float | None = None
    simulated: bool = False


class ProposalBook(Protocol):
    """Proposals, their steps, and the weeks and rounds they rest on. Raises StoreError."""

    def add_proposal(self, proposal: Proposal, step: Step, judged: Judged | None) -> None:
        """Stores a proposal with its first step."""

    def add_deed(
        self,
        proposal: str,
        step: Step,
        *,
        measured: Measured | None = None,
        moves: Sequence[Move] | None = None,
    ) -> bool:
        """Stores a step and what came of it; False, and nothing stored, when the life has a step of
        that number already or none before.
        """

    def judge(self, proposal: str, judged: Judged) -> None:
        """Notes what the gate says now."""

    def proposals(self) -> list[Kept]:
        """All, newest first."""

    def unlogged_deeds(self) -> list[tuple[str, Step]]:
        """Steps that are not known to be in the audit log."""

    def mark_deed(self, proposal: str, n: int) -> None:
        """Notes that a step is in the audit log."""

    def add_weeks(self, weeks: Sequence[PlacedWeek]) -> None:
        """Stores weeks; one that begins at the same moment is replaced."""

    def placed_weeks(self) -> list[PlacedWeek]:
        """Oldest first."""

    def add_rounds(self, rounds: Sequence[PlacedRound]) -> None:
        """Stores rounds; one of the same id is replaced."""

    def placed_rounds(self) -> list[PlacedRound]:
        """In order of their beginning."""


@dataclass(frozen=True, slots=True)
class ProposalRow:
    """A proposal ready to be shown; ``deeds`` are the steps that a manager may take now, ``due``
    is when it will be measured at the earliest (UTC).
    """

    kept: Kept
    deeds: tuple[Deed, ...]
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class AdviceState:
    """What the advice rests on.

    Attributes:
        weeks, rounds: Known, and finished.
        looked_at: When proposals were last looked for (UTC).
        outcome: Key of what came of it: ``proposed``, ``judged``, ``waiting`` (one is under way),
            ``nothing`` (no gain expected), ``trouble``; "" before.
        trouble: What was in the way, with what to do.
        trial: Whether arrangements may be proposed by lot.
        weights: Of the reward.
        moves_a_week: Most moves.
        guessed: Items whose margin is not given, so that it is taken from their price.
    """

    weeks: int
    rounds: int
    looked_at: datetime | None
    outcome: str
    trouble: str
    trial: bool
    weights: Mapping[str, float]
    moves_a_week: int
    guessed: int


class AdviceDesk(Protocol):
    """Shows proposals and moves them on. Methods may be called from any thread."""

    def state(self) -> AdviceState:
        """What it rests on."""

    def rows(self) -> list[ProposalRow]:
        """All, newest first."""

    def row(self, proposal: str) -> ProposalRow:
        """One; InputError if there is none of that id."""

    def do(self, proposal: str, deed: Deed, who: str, *, seen: int, note: str = "") -> ProposalRow:
        """Takes a step by hand; the same step sent twice is taken once.

        Args:
            proposal: Its id.
            deed: One of `BY_HAND`.
            who: The account's name; that it may is for the caller to check.
            seen: Steps that ``who`` had before them.
            note: Reason (dismiss: required).

        Raises:
            InputError: The step does not fit where it stands, or the shelf is not as it was.
        """

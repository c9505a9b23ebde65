"""A fake of the desk that keeps proposals for placement."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from aeras.domain.errors import InputError
from aeras.domain.proposals import (
    BY_HAND,
    AdviceState,
    Deed,
    Fitness,
    Judged,
    Kept,
    Kind,
    Measured,
    Move,
    Proposal,
    ProposalRow,
    Stage,
    Step,
    after,
    may,
)
from aeras.domain.published import Rate
from tests.serve.fake import NOW

WEIGHTS = {"margin": 1.0, "positive": 0.1, "rejected": 0.1}
MOVES = (
    Move("dairy-1", "oat-milk", "vegan-salami", Rate(0.31, 0.28, 0.34, 4210), 388,
         Rate(0.52, 0.47, 0.57, 388), Rate(0.41, 0.35, 0.47, 270), Rate(0.1, 0.07, 0.14, 270), 0.3),
    Move("dairy-2", "vegan-salami", "oat-milk"),
)  # fmt: skip
FIT = Fitness(off=0.04, bias=0.01, within=0.8, scatter=1.4, blocks=5, weeks=11)
JUDGED = Judged(
    passed=True, why="passed", gain=Rate(0.09, 0.03, 0.15, 36), effective=8, needed=None
)
FEW = Judged(passed=False, why="few", gain=None, effective=0.0, needed=30)


def kept(name: str, kind: Kind, *stages: Stage, judged: Judged | None = JUDGED) -> Kept:
    gain = Rate(0.18, 0.15, 0.21, 17221) if kind is Kind.MOVE else None
    proposal = Proposal(name, kind, NOW - timedelta(days=9), "dairy", "snacks", "assignment",
                        () if kind is Kind.TRIAL else MOVES, gain, FIT, WEIGHTS,
                        12, 1.0)  # fmt: skip
    deeds = (Deed.PROPOSE, Deed.PASS, Deed.APPROVE, Deed.CONFIRM, Deed.MEASURE)
    steps = tuple(
        Step(n, NOW - timedelta(days=9 - n), "system" if n < 2 else "ann", deed, stage)
        for n, (deed, stage) in enumerate(zip(deeds, stages, strict=False))
    )
    return Kept(proposal, steps, judged)


class FakeAdvice:
    """Proposals in memory; remembers what was done."""

    def __init__(self) -> None:
        s = Stage
        done = kept("p3", Kind.MOVE, s.SHADOW, s.CANARY, s.APPROVED, s.MOVED, s.MEASURED)
        effect = Measured(Rate(0.19, 0.12, 0.26, 16), Rate(0.01, -0.08, 0.1, 11), 11, 5)
        back = kept("p5", Kind.ROLL_BACK, s.CANARY, judged=None)
        self.all = [
            kept("p1", Kind.MOVE, s.SHADOW, s.CANARY),
            kept("p2", Kind.MOVE, s.SHADOW, judged=FEW),
            replace(done, measured=effect),
            kept("p4", Kind.TRIAL, s.CANARY, judged=FEW),
            replace(back, proposal=replace(back.proposal, reverses="p3")),
        ]
        self.done: list[tuple[str, Deed, str, str]] = []
        self.trouble = ""

    def state(self) -> AdviceState:
        outcome = "trouble" if self.trouble else "judged"
        return AdviceState(
            12, 36, NOW - timedelta(hours=9), outcome, self.trouble, True, WEIGHTS, 12, 4
        )

    def rows(self) -> list[ProposalRow]:
        return [self._row(one) for one in self.all]

    def row(self, proposal: str) -> ProposalRow:
        for one in self.all:
            if one.proposal.id == proposal:
                return self._row(one)
        raise InputError(f"there is no proposal {proposal!r}", todo="See /advice")

    def do(self, proposal: str, deed: Deed, who: str, *, seen: int, note: str = "") -> ProposalRow:
        own = self.row(proposal).kept
        stage = after(own.proposal.kind, own.stage, deed)
        self.done.append((proposal, deed, who, note))
        step = Step(len(own.steps), NOW, who, deed, stage, note)
        self.all = [replace(o, steps=(*o.steps, step)) if o is own else o for o in self.all]
        return self.row(proposal)

    def _row(self, one: Kept) -> ProposalRow:
        due = NOW + timedelta(days=20) if one.stage is Stage.MOVED else None
        return ProposalRow(one, tuple(d for d in BY_HAND if may(one.stage, d)), due)

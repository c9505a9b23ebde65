"""Fakes of the desks that move triggers on and keep rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from aeras.domain.errors import InputError
from aeras.domain.life import BY_HAND, Deed, LifeRow, Stage, Step, after, may
from aeras.domain.published import Effect, Findings, Rate
from aeras.domain.rule_desk import Preview, RuleList, RuleSaved
from tests.serve.fake import NOW, FakeBoard

EFFECT = Effect(
    "rejection",
    enough=True,
    change=Rate(-0.21, -0.33, -0.09, 412),
    before=Rate(0.46, 0.39, 0.53, 201),
    after=Rate(0.24, 0.18, 0.30, 211),
    controls=9,
    controls_before=0.16,
    controls_after=0.15,
    placebo=Rate(0.02, -0.12, 0.16, 201),
    needed=120,
    selected=True,
)
FINDINGS = Findings(
    24, (("taste", Rate(0.5, 0.31, 0.69, 24)), ("price", Rate(0.25, 0.12, 0.45, 24))), None
)


class FakeLives:
    """Lives in memory, one step each; tests put them where they want them."""

    def __init__(self, board: FakeBoard) -> None:
        first = Step(0, NOW - timedelta(hours=3), "system", Deed.OPEN, Stage.OPEN)
        self.lives = {
            row.id: LifeRow(row, Stage.OPEN, (first,), (Deed.PROPOSE, Deed.DISMISS))
            for row in board.trigger_rows
        }

    def stages(self) -> dict[str, Stage]:
        return {name: row.stage for name, row in self.lives.items()}

    def row(self, trigger: str) -> LifeRow:
        if trigger not in self.lives:
            raise InputError(f"there is no trigger {trigger!r}")
        return self.lives[trigger]

    def do(
        self, trigger: str, deed: Deed, who: str, *, seen: int, note: str = "", action: str = ""
    ) -> LifeRow:
        row = self.row(trigger)
        stage = after(row.stage, deed)
        step = Step(seen, NOW, who, deed, stage, {"note": note})
        changed = replace(
            row,
            stage=stage,
            steps=(*row.steps, step),
            deeds=tuple(one for one in BY_HAND if may(stage, one)),
            proposal=(action, note) if action else row.proposal,
        )
        self.lives[trigger] = changed
        return changed


class FakeRules:
    """Rules in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, object]] = {
            "often": {"id": "often", "threshold": 5, "window": "2 h"}
        }
        self.by: list[str] = []

    def rules(self) -> RuleList:
        return RuleList(tuple(self.kept.values()), "r1")

    def preview(self, rule: Mapping[str, object], was: str) -> Preview:
        if not rule.get("id"):
            return Preview(("'' is not an id",))
        return Preview((), 30, ("Vegan salami", "Skyr vanilla"), 31)

    def save(self, rule: Mapping[str, object], was: str, revision: str, who: str) -> RuleSaved:
        if not rule.get("id"):
            return RuleSaved(("'' is not an id",))
        self.kept.pop(was, None)
        self.kept[str(rule["id"])] = dict(rule)
        self.by.append(who)
        return RuleSaved((), "r2")

    def delete(self, was: str, revision: str, who: str) -> RuleSaved:
        if self.kept.pop(was, None) is None:
            raise InputError(f"there is no rule {was!r}")
        return RuleSaved((), "r2")

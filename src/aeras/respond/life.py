"""Moves triggers through their lives; implements `aeras.domain.life.TriggerDesk`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import Trigger, TriggerState
from aeras.domain.life import (
    BY_HAND,
    PROPOSABLE,
    Action,
    Deed,
    LifeBook,
    LifeRow,
    Stage,
    Step,
    after,
    may,
    stage_of,
)
from aeras.domain.oversight import SYSTEM, Act, AuditLog
from aeras.domain.ports import Clock, Outbox, TriggerBook
from aeras.domain.published import Effect, Findings, Rate, TriggerRow
from aeras.domain.steps import check_note, moved_on, repeats
from aeras.respond.rules import Rule, Scope

log = structlog.get_logger(__name__)

PATIENCE = 3
"""Times the follow-up after which an effect that cannot be told is left at that."""


class Book(TriggerBook, LifeBook, Protocol):
    """Triggers and their lives, kept together."""


Effects = Callable[[Trigger, Scope, datetime], Effect]
"""What an action that took effect at a moment (UTC) did to a trigger's item."""


Own = tuple[Deed, str, dict[str, object]]
"""A step of the system's own: deed, who, about."""


class Lives:
    """Takes the steps that people ask for, and those that are the system's own.

    What follows from a step (a line in the audit log, a message) is done once the step is stored,
    and again after a restart if it is not known to be done; the messages' names make that harmless.

    Args:
        book: Triggers and steps.
        audit: Where every step is recorded.
        outbox: Takes messages; None where no channel is set up.
        clock: Present moment in UTC.
        row: Makes a trigger ready to be shown.
        findings: Summary of a trigger's answers; None while too few are settled.
        effects: Measures.
        on_step: Told of each trigger that took a step, and where it stands since.
    """

    def __init__(
        self,
        *,
        book: Book,
        audit: AuditLog,
        outbox: Outbox | None,
        clock: Clock,
        row: Callable[[Trigger], TriggerRow],
        findings: Callable[[Trigger], Findings | None],
        effects: Effects,
        on_step: Callable[[Trigger, Stage], None] = lambda trigger, stage: None,
    ) -> None:
        self._book = book
        self._audit = audit
        self._outbox = outbox
        self._clock = clock
        self._row = row
        self._findings = findings
        self._effects = effects
        self._on_step = on_step
        self._rules: dict[str, Scope] = {}

    def take(self, rules: Sequence[Rule]) -> None:
        """Goes on with other rules; a trigger whose rule is gone follows the defaults."""
        self._rules = {rule.id: rule for rule in rules}

    # --- what people see and do ---------------------------------------------------------------

    def stages(self) -> dict[str, Stage]:
        """Where each trigger stands, by id."""
        steps = self._book.steps()
        return {t.id: stage_of(t, steps.get(t.id, [])) for t in self._book.triggers()}

    def row(self, trigger: str) -> LifeRow:
        """One; InputError if there is none of that id."""
        return self._life(*self._read(trigger))

    def do(
        self, trigger: str, deed: Deed, who: str, *, seen: int, note: str = "", action: str = ""
    ) -> LifeRow:
        """See `aeras.domain.life.TriggerDesk.do`."""
        found, steps = self._read(trigger)
        if repeats(steps, seen, deed, who, of="trigger"):
            return self._life(found, steps)
        stage = stage_of(found, steps)
        if deed not in BY_HAND:
            raise InputError(f"{deed.value!r} is no step that is taken by hand")
        after(stage, deed)
        about = self._about(found, deed, note.strip(), action)
        if not self._step(found, steps, deed, who, about):
            raise moved_on("trigger")
        self._follow_up()
        return self.row(trigger)

    def _about(self, trigger: Trigger, deed: Deed, note: str, action: str) -> dict[str, object]:
        check_note(note)
        if deed in {Deed.PROPOSE, Deed.DISMISS} and not note:
            raise InputError("a few words are missing", todo="Say what is proposed, or why not")
        if deed is Deed.PROPOSE:
            if action not in PROPOSABLE:
                raise InputError(
                    f"{action[:32]!r} is nothing that can be proposed",
                    todo=f"Choose one of {', '.join(PROPOSABLE)}",
                )
            return {"action": action, "note": note}
        if deed is Deed.FIND:
            findings = self._findings(trigger)
            if findings is None:
                raise InputError(
                    "there are too few answers to sum up", todo="Wait for more, or dismiss it"
                )
            return {"findings": asdict(findings)}
        return {"note": note} if note else {}

    def _read(self, trigger: str) -> tuple[Trigger, list[Step]]:
        found = next((one for one in self._book.triggers() if one.id == trigger), None)
        if found is None:
            raise InputError(f"there is no trigger {trigger[:64]!r}", todo="See /triggers")
        return found, self._steps(trigger)

    def _steps(self, trigger: str) -> list[Step]:
        return self._book.steps(trigger).get(trigger, [])

    def _life(self, trigger: Trigger, steps: Sequence[Step]) -> LifeRow:
        stage = stage_of(trigger, steps)
        rule = self._rules.get(trigger.rule)
        told = {step.deed: step for step in steps}
        proposed = told.get(Deed.PROPOSE)
        approved = told.get(Deed.APPROVE)
        measured = told.get(Deed.MEASURE)
        follow_up = (rule or Scope()).follow_up
        due = approved.at + follow_up if approved and stage is Stage.APPROVED else None
        return LifeRow(
            trigger=self._row(trigger),
            stage=stage,
            steps=tuple(steps),
            deeds=tuple(deed for deed in BY_HAND if may(stage, deed)) if steps else (),
            action=str(rule.action) if rule else "",
            findings=self._found(trigger, stage, told.get(Deed.FIND)),
            proposal=_proposal(proposed.about) if proposed else None,
            effect=effect_from(measured.about.get("effect")) if measured else None,
            due=due,
            follow_up=follow_up,
        )

    def _found(self, trigger: Trigger, stage: Stage, step: Step | None) -> Findings | None:
        if step:
            return findings_from(step.about.get("findings"))
        return self._findings(trigger) if stage is Stage.SURVEY else None

    # --- what the system does ------------------------------------------------------------------

    def tend(self) -> None:
        """Takes the steps that are due. Call it now and then from one thread."""
        for trigger in self._book.triggers(state=TriggerState.OPEN):
            own = self._steps(trigger.id)
            while (due := self._due(trigger, own)) and self._step(trigger, own, *due):
                own = self._steps(trigger.id)
        self._follow_up()

    def expire(self, trigger: str) -> bool:
        """Closes a trigger whose evidence has faded; False where people have taken it up."""
        found, steps = self._read(trigger)
        if not steps:
            self._step(found, steps, *_begun(found))
            steps = self._steps(trigger)
        if not may(stage_of(found, steps), Deed.EXPIRE):
            return False
        return self._step(found, steps, Deed.EXPIRE, SYSTEM, {})

    def _due(self, trigger: Trigger, steps: Sequence[Step]) -> Own | None:
        """The next step that is the system's own."""
        if not steps:
            return _begun(trigger)
        stage = stage_of(trigger, steps)
        rule = self._rules.get(trigger.rule) or Scope()
        if stage is Stage.OPEN and trigger.survey:
            return Deed.ASK, SYSTEM, {"survey": trigger.survey}
        if stage is Stage.SURVEY:
            findings = self._findings(trigger)
            if findings and findings.answers >= rule.answers:
                return Deed.FIND, SYSTEM, {"findings": asdict(findings)}
        if stage in {Stage.OPEN, Stage.FINDINGS} and rule.action in PROPOSABLE:
            return Deed.PROPOSE, SYSTEM, {"action": str(rule.action), "note": ""}
        if stage is Stage.APPROVED:
            return self._measured(trigger, rule, steps)
        return None

    def _measured(self, trigger: Trigger, rule: Scope, steps: Sequence[Step]) -> Own | None:
        acted = next(step.at for step in reversed(steps) if step.deed is Deed.APPROVE)
        waited = self._clock().astimezone(UTC) - acted
        if waited < rule.follow_up:
            return None
        effect = self._effects(trigger, rule, acted)
        if effect.enough or waited >= PATIENCE * rule.follow_up:
            return Deed.MEASURE, SYSTEM, {"effect": asdict(effect)}
        return None

    # --- steps -----------------------------------------------------------------------------------

    def _step(
        self,
        trigger: Trigger,
        steps: Sequence[Step],
        deed: Deed,
        who: str,
        about: Mapping[str, object],
    ) -> bool:
        if deed is Deed.OPEN:
            step = Step(0, trigger.opened_at, who, deed, Stage.OPEN, about)
        else:
            stage = after(stage_of(trigger, steps), deed)
            step = Step(len(steps), self._clock().astimezone(UTC), who, deed, stage, about)
        taken = self._book.add_step(trigger.id, step)
        if taken and step.n:
            self._on_step(trigger, step.stage)
        return taken

    def _follow_up(self) -> None:
        """What follows from steps: their line in the audit log, and messages."""
        try:
            waiting = self._book.unlogged()
            triggers = {trigger.id: trigger for trigger in self._book.triggers()} if waiting else {}
            for name, step in waiting:
                self._audit.add(
                    Act.TRIGGER,
                    step.who,
                    trigger=name,
                    deed=step.deed.value,
                    stage=step.stage.value,
                    item=triggers[name].item,
                    **{k: str(v) for k, v in step.about.items() if k in {"action", "note", "rule"}},
                )
                if self._outbox is not None:
                    self._tell(self._outbox, triggers[name], step)
                self._book.mark_logged(name, step.n)
        except StoreError as error:  # the step itself is stored: what follows is tried again
            log.warning("steps_wait", reason=str(error))

    def _tell(self, outbox: Outbox, trigger: Trigger, step: Step) -> None:
        topic = "trigger.opened" if step.n == 0 else "trigger.changed"
        if step.stage.final:
            topic = "trigger.closed"
        once = f"{topic}:{trigger.id}" + (f":{step.n}" if topic == "trigger.changed" else "")
        rule = self._rules.get(trigger.rule)
        steps = self._steps(trigger.id)
        proposal = next((_proposal(s.about) for s in reversed(steps) if "action" in s.about), None)
        payload: dict[str, object] = {
            "trigger": trigger.id,
            "rule": trigger.rule,
            "item": trigger.item,
            "item_name": self._row(trigger).item_name,
            "stage": step.stage.value,
            "at": step.at.isoformat(),
            "origin": trigger.origin.value,
            "action": proposal[0] if proposal else str(rule.action if rule else Action.SURVEY),
        }
        if proposal and proposal[1]:
            payload["note"] = proposal[1]
        effect = next((s.about["effect"] for s in steps if "effect" in s.about), None)
        if effect is not None:
            payload["effect"] = effect
        outbox.put(topic, trigger.item, payload, once=once)


def _begun(trigger: Trigger) -> Own:
    return Deed.OPEN, SYSTEM, {"rule": trigger.rule}


def _proposal(about: Mapping[str, object]) -> tuple[str, str]:
    return str(about.get("action", "")), str(about.get("note", ""))


def findings_from(kept: Any) -> Findings | None:
    """Findings as a step keeps them."""
    if not isinstance(kept, Mapping):
        return None
    return Findings(
        answers=int(kept["answers"]),
        options=tuple((str(code), Rate(**rate)) for code, rate in kept["options"]),
        rating=Rate(**kept["rating"]) if kept["rating"] else None,
    )


def effect_from(kept: Any) -> Effect | None:
    """An effect as a step keeps it."""
    if not isinstance(kept, Mapping):
        return None
    rates = ("change", "before", "after", "placebo")
    fields: dict[str, Any] = {k: Rate(**v) if k in rates and v else v for k, v in kept.items()}
    return Effect(**fields)

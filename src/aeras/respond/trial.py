"""Comparing two wordings or two channels: which of them do more people answer?

Chance decides by a hash of the link's own random part, so that nobody is remembered. An invitation
counts when its time to answer is over, so that the arm whose people answer sooner is not
ahead; hours are taken whole. The comparison may be looked at at any time: it ends by itself, once
the confidence sequence of the difference leaves out zero, and all go on with the better arm.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from aeras.domain.asking import AskingBook, HourOfArm
from aeras.domain.ports import Clock, Settings
from aeras.domain.published import Rate
from aeras.respond.channels import Duration, Id
from aeras.respond.rules import HOUR

ARMS = ("a", "b")
_LOOK_EVERY_S = 60.0

Compare = Callable[[Sequence[tuple[int, int, int, int]], float], Rate]
"""Blocks (n_a, x_a, n_b, x_b) and alpha -> the difference with its confidence sequence."""


class Arm(BaseModel):
    """What one half gets: another form, or another channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    survey: str | None = None
    channel: Literal["receipt", "member"] | None = None


class TrialOptions(BaseModel):
    """One comparison.

    Attributes:
        id: Unique among the site's trials.
        survey: The form whose invitations are shared out.
        a, b: What each half gets.
        within: An answer after that does not count.
        alpha: Chance of a wrong end, however often one looks.
        most: Invitations at which it ends undecided.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    id: Id
    survey: str
    a: Arm = Arm()
    b: Arm
    within: Duration = timedelta(hours=24)
    alpha: float = Field(default=0.05, gt=0, le=0.5)
    most: int = Field(default=10_000, ge=100)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.a == self.b:
            raise ValueError("both arms are the same: give one another survey or channel")
        if self.within > timedelta(days=2):
            raise ValueError("within is longer than links can be used (2 d)")
        return self

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return self.a if name == "a" else self.b


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a comparison stands.

    Attributes:
        trial: Its options.
        invited, answered: By arm, of the invitations whose time is over.
        difference: Of the shares that answered, a less b, with its confidence sequence.
        winner: ``a`` or ``b`` once it has ended with one.
        ended: Whether it has ended, also undecided.
    """

    trial: TrialOptions
    invited: Mapping[str, int]
    answered: Mapping[str, int]
    difference: Rate
    winner: str | None
    ended: bool


class Trials:
    """Shares out invitations and tells how the comparisons stand.

    Args:
        trials: Of the site; of several with one survey the first counts.
        book: Counts by hour.
        settings: Remembers which have ended.
        compare: Makes the confidence sequence.
        clock: UTC.
        monotonic: Seconds, for looking again.
    """

    def __init__(
        self,
        trials: Sequence[TrialOptions],
        *,
        book: AskingBook,
        settings: Settings,
        compare: Compare,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials = tuple(trials)
        self._book = book
        self._settings = settings
        self._compare = compare
        self._clock = clock
        self._monotonic = monotonic
        self._looked: dict[str, tuple[float, Verdict]] = {}

    def of(self, survey: str) -> TrialOptions | None:
        """The trial that shares out a survey's invitations."""
        return next((trial for trial in self._trials if trial.survey == survey), None)

    def named(self, trial_id: str) -> TrialOptions | None:
        """The trial of that id."""
        return next((trial for trial in self._trials if trial.id == trial_id), None)

    def draw(self, trial: TrialOptions, nonce: str) -> str:
        """The arm of an invitation: by its hash, or the winner."""
        winner = self._settings.setting(_name(trial))
        if winner in ARMS:
            return str(winner)
        return ARMS[hashlib.sha256(f"{trial.id}:{nonce}".encode()).digest()[0] & 1]

    def verdicts(self) -> list[Verdict]:
        """How each stands now; ends those that are decided."""
        return [self._verdict(trial) for trial in self._trials]

    def _verdict(self, trial: TrialOptions) -> Verdict:
        looked = self._looked.get(trial.id)
        if looked is not None and self._monotonic() < looked[0] + _LOOK_EVERY_S:
            return looked[1]
        verdict = self._look(trial)
        self._looked[trial.id] = (self._monotonic(), verdict)
        return verdict

    def _look(self, trial: TrialOptions) -> Verdict:
        over = self._clock() - trial.within - HOUR
        hours = [hour for hour in self._book.trial_hours(trial.id) if hour.hour <= over]
        blocks = _blocks(hours)
        found = self._compare(blocks, trial.alpha)
        held = self._settings.setting(_name(trial))
        if held is None and blocks:
            held = _decide(found, trial)
            if held is not None:
                self._settings.set_setting(_name(trial), held)
        return Verdict(
            trial=trial,
            invited={arm: sum(h.invited for h in hours if h.arm == arm) for arm in ARMS},
            answered={arm: sum(h.answered for h in hours if h.arm == arm) for arm in ARMS},
            difference=found,
            winner=held if held in ARMS else None,
            ended=held is not None,
        )


def _decide(found: Rate, trial: TrialOptions) -> str | None:
    if found.low > 0:
        return "a"
    if found.high < 0:
        return "b"
    return "none" if found.n >= trial.most else None


def _blocks(hours: Sequence[HourOfArm]) -> list[tuple[int, int, int, int]]:
    by_hour: dict[datetime, dict[str, HourOfArm]] = defaultdict(dict)
    for hour in hours:
        by_hour[hour.hour][hour.arm] = hour
    found = []
    for _, arms in sorted(by_hour.items()):
        counts = [(arms[n].invited, arms[n].answered) if n in arms else (0, 0) for n in ARMS]
        found.append((*counts[0], *counts[1]))
    return found


def _name(trial: TrialOptions) -> str:
    return f"trial:{trial.id}"[:64]

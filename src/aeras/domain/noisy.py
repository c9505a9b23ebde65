"""Tables with noise, and the ledger that says how many of them there may be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

MICRO = 1_000_000
"""Epsilon is counted in millionths, so that sums are exact."""


class NoisyKind(StrEnum):
    """What a table counts. Each deed of a visit falls into at most one cell of it."""

    VISITS = "visits"
    DEEDS = "deeds"
    READINGS = "readings"


COLUMNS: Mapping[NoisyKind, tuple[str, ...]] = {
    NoisyKind.VISITS: ("visits",),
    NoisyKind.DEEDS: ("dwells", "reaches", "takes", "put_backs"),
    NoisyKind.READINGS: ("positive", "hesitant", "rejected", "neutral", "unclear"),
}
"""Fields of `aeras.domain.kept.Tally` that make up the columns."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Epsilon (in millionths) that a table has cost the visits of [since, until), UTC."""

    since: datetime
    until: datetime
    micro: int


@dataclass(frozen=True, slots=True)
class NoisyQuestion:
    """A `NoisyKind` by ``item``, ``facing`` or ``site`` is asked for, over whole days of the site,
    both ends included. Without ``epsilon`` the site's usual one is spent.
    """

    kind: str
    by: str
    first: date
    last: date
    epsilon: float | None = None


@dataclass(frozen=True, slots=True)
class NoisyTable:
    """Counts with noise; a single one may be below zero.

    Attributes:
        kind: What is counted.
        by: ``item``, ``facing`` or ``site``.
        since, until: UTC, half-open.
        epsilon: What it cost each visit in that time.
        margin: With probability 0.95 a count is off by no more than this through the noise.
        rows: Counts by row (id from the site file) and column.
        simulated: Whether simulated records are among what was counted.
    """

    kind: NoisyKind
    by: str
    since: datetime
    until: datetime
    epsilon: float
    margin: float
    rows: Mapping[str, Mapping[str, int]]
    simulated: bool


class NoiseLedger(Protocol):
    """Remembers every table that was given out and what it cost, for ever."""

    def given_out(self, key: str) -> str | None:
        """The answer that was given to the same question, None if it was never asked."""

    def give_out(
        self, key: str, charge: Charge, *, budget: int, at: datetime, draw: Callable[[], str]
    ) -> str | None:
        """Charges and stores a new answer in one transaction, or returns the stored one.

        Args:
            key: The question.
            charge: What it costs.
            budget: Most (in millionths) that any moment may have been charged with afterwards.
            at: UTC, for the record only: what is left does not depend on any clock.
            draw: Makes the answer; called only if the budget holds it.

        Returns:
            None, with nothing charged, when the budget does not hold it.
        """

    def charges(self) -> list[Charge]:
        """All charges, oldest data first."""


def most_charged(charges: Iterable[Charge], since: datetime, until: datetime) -> int:
    """The most that any moment of [since, until) was charged with, in millionths."""
    steps: list[tuple[datetime, int]] = []
    for charge in charges:
        if charge.since < until and charge.until > since:
            steps += [(max(charge.since, since), charge.micro), (charge.until, -charge.micro)]
    most = level = 0
    for _, step in sorted(steps):  # of those at one moment, what ends comes before what begins
        level += step
        most = max(most, level)
    return most


class NoisyDesk(Protocol):
    """Gives out tables with noise, within the site's budget."""

    def table(self, asked: NoisyQuestion, who: str) -> NoisyTable:
        """A table over whole days of the site; the same question again costs nothing.

        Raises InputError for a question that cannot be asked, PrivacyError past the budget.
        """

    def left(self) -> tuple[float, float] | None:
        """(least that is left for any day, budget) in epsilon; None where the site has none."""

"""Tables with noise of one site: counts, noise and ledger put together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from aeras.config import NoiseSection
from aeras.domain.errors import InputError, PrivacyError
from aeras.domain.kept import Tally
from aeras.domain.noisy import (
    COLUMNS,
    MICRO,
    Charge,
    NoiseLedger,
    NoisyKind,
    NoisyQuestion,
    NoisyTable,
    most_charged,
)
from aeras.domain.oversight import Act, AuditLog
from aeras.domain.ports import EventStore
from aeras.domain.shop import Shop
from aeras.privacy.noise import add_noise, margin, micro_of

ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
ROWS = ("item", "facing", "site")


@dataclass(frozen=True, slots=True)
class NoisyTables:
    """Answers for tables with noise; implements `aeras.domain.noisy.NoisyDesk`.

    Attributes:
        shop: The site, whose ids are the rows.
        store: Events.
        ledger: What was given out.
        settings: Budget and usual epsilon; None where the site has none.
        retention: Age at which events go.
        grain: Coarseness of event times.
        audit: The log.
        clock: UTC.
    """

    shop: Shop
    store: EventStore
    ledger: NoiseLedger
    settings: NoiseSection | None
    retention: timedelta
    grain: timedelta
    audit: AuditLog
    clock: Callable[[], datetime]

    def table(self, asked: NoisyQuestion, who: str) -> NoisyTable:
        """A table over whole days of the site; the same question again costs nothing.

        Raises:
            InputError: A kind, row or day that there is none of.
            PrivacyError: The site has no budget, or it does not hold this table.
        """
        settings = _needed(self.settings)
        wanted = self._wanted(asked, settings.epsilon)
        key = _key(wanted, self._rows(wanted.by))
        known = self.ledger.given_out(key)
        if known is None:
            known = self._new(wanted, key, settings, who)
        held = json.loads(known)
        return replace(
            wanted, margin=held["margin"], rows=held["rows"], simulated=held["simulated"]
        )

    def _wanted(self, asked: NoisyQuestion, usual: float) -> NoisyTable:
        """The table that is asked for, still empty."""
        epsilon = usual if asked.epsilon is None else asked.epsilon
        if asked.kind not in list(NoisyKind) or asked.by not in ROWS:
            raise InputError(
                f"there is no table with noise of {asked.kind[:20]!r} by {asked.by[:20]!r}",
                todo=f"Ask for {', '.join(NoisyKind)} by {', '.join(ROWS)}",
            )
        if asked.last < asked.first:
            raise InputError(f"the days end ({asked.last}) before they start ({asked.first})")
        if not 1 / MICRO <= epsilon <= 10:  # noqa: PLR2004 - beyond, it protects nobody
            raise InputError(f"epsilon is {epsilon}, expected above 0 and at most 10")
        zone = ZoneInfo(self.shop.timezone)
        since, until = (
            datetime.combine(day, time(), zone).astimezone(UTC)
            for day in (asked.first, asked.last + timedelta(days=1))
        )
        kind = NoisyKind(asked.kind)
        return NoisyTable(kind, asked.by, since, until, epsilon, 0.0, {}, simulated=False)

    def _new(self, wanted: NoisyTable, key: str, settings: NoiseSection, who: str) -> str:
        now = self.clock()
        if wanted.until > now - self.grain:
            raise InputError(
                "the last day is not over yet, and a table is made once only",
                todo="Ask for days up to yesterday",
            )
        if wanted.since < now - self.retention:
            raise InputError(
                f"events older than {self.retention.days} days have expired",
                todo="Ask for later days",
            )
        cost = Charge(wanted.since, wanted.until, micro_of(wanted.epsilon))
        budget = micro_of(settings.budget)
        answer = self.ledger.give_out(
            key, cost, budget=budget, at=now, draw=lambda: self._draw(wanted)
        )
        if answer is None:
            left = _left(settings, self.ledger.charges(), cost.since, cost.until)
            raise PrivacyError(
                f"this table costs epsilon {wanted.epsilon:g}, and of the {settings.budget:g} that "
                f"all tables together may cost the visits of these days {left:g} are left",
                where="privacy.differential_privacy",
                todo="Ask for other days, for less epsilon, or for a table that was made before",
            )
        self.audit.add(
            Act.EXPORT,
            who,
            what=f"{wanted.kind} by {wanted.by} with noise",
            since=wanted.since.isoformat(),
            until=wanted.until.isoformat(),
            epsilon=f"{wanted.epsilon:g}",
        )
        return answer

    def _draw(self, wanted: NoisyTable) -> str:
        tallies = {
            tally.key: tally
            for tally in self.store.tally_bounded(wanted.by, wanted.since, wanted.until)
        }
        columns, rows = COLUMNS[wanted.kind], self._rows(wanted.by)
        cells = [_count(tallies, row, column) for row in rows for column in columns]
        noisy = iter(add_noise(cells, wanted.epsilon))
        return json.dumps(
            {
                "margin": margin(wanted.epsilon),
                "rows": {row: {column: next(noisy) for column in columns} for row in rows},
                "simulated": any(tally.simulated for tally in tallies.values()),
            }
        )

    def left(self) -> tuple[float, float] | None:
        """(least that is left for any day, budget) in epsilon; None where the site has none."""
        if self.settings is None:
            return None
        return least_left(self.ledger, self.settings), self.settings.budget

    def _rows(self, by: str) -> list[str]:
        """Ids of the site file: which rows there are tells nothing of the data."""
        if by == "item":
            return sorted(item.id for item in self.shop.items)
        if by == "facing":
            return sorted(f.id for fixture in self.shop.fixtures for f in fixture.facings)
        return [self.shop.id]


def _count(tallies: Mapping[str, Tally], row: str, column: str) -> int:
    tally = tallies.get(row)
    return 0 if tally is None else int(getattr(tally, column))


def _key(table: NoisyTable, rows: list[str]) -> str:
    which = hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]
    span = f"{table.since.isoformat()}/{table.until.isoformat()}"
    return f"{table.kind}|{table.by}|{span}|{micro_of(table.epsilon)}|{which}"


def _needed(settings: NoiseSection | None) -> NoiseSection:
    if settings is None:
        raise PrivacyError(
            "this site gives out no tables with noise",
            where="privacy.differential_privacy",
            todo="Set a budget there: {budget: 1, epsilon: 0.25}",
        )
    return settings


def least_left(ledger: NoiseLedger, settings: NoiseSection) -> float:
    """What is left for the day that has least left."""
    return _left(settings, ledger.charges(), *ALWAYS)


def _left(
    settings: NoiseSection, charges: Sequence[Charge], since: datetime, until: datetime
) -> float:
    """What is left for the moment of [since, until) that has least left, in epsilon."""
    return max(0, micro_of(settings.budget) - most_charged(charges, since, until)) / MICRO


def days_left(
    ledger: NoiseLedger,
    settings: NoiseSection | None,
    since: datetime,
    until: datetime,
    timezone: str,
) -> dict[date, float]:
    """What is left for each day of a zone, of those from one moment to another."""
    settings, charges, zone = _needed(settings), ledger.charges(), ZoneInfo(timezone)
    first, last = since.astimezone(zone).date(), until.astimezone(zone).date()
    found = {}
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        begin, end = (datetime.combine(day + timedelta(days=more), time(), zone) for more in (0, 1))
        found[day] = _left(settings, charges, begin, end)
    return found

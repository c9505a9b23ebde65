"""The part of the control database that keeps proposals for placement and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import JSON, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from aeras.domain.proposals import (
    Deed,
    Judged,
    Kept,
    Measured,
    Move,
    PlacedRound,
    PlacedWeek,
    Proposal,
    Stage,
    Step,
)
from aeras.store.part import Part
from aeras.store.tables import Base

_PROPOSAL, _JUDGED, _MEASURED = TypeAdapter(Proposal), TypeAdapter(Judged), TypeAdapter(Measured)
_WEEK, _ROUND = TypeAdapter(PlacedWeek), TypeAdapter(PlacedRound)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


class ProposalRecord(Base):
    """See `aeras.domain.proposals.Proposal`; ``judged`` and ``measured`` are empty before."""

    __tablename__ = "proposals"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    made_at: Mapped[datetime]
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    judged: Mapped[dict[str, Any]] = mapped_column(JSON)
    measured: Mapped[dict[str, Any]] = mapped_column(JSON)


class ProposalStepRecord(Base):
    """See `aeras.domain.proposals.Step`; ``logged`` once it is in the audit log."""

    __tablename__ = "proposal_steps"

    proposal: Mapped[str] = mapped_column(String(32), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    deed: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    note: Mapped[str] = mapped_column(String(500))
    logged: Mapped[bool]


class PlacedWeekRecord(Base):
    """See `aeras.domain.proposals.PlacedWeek`."""

    __tablename__ = "placed_weeks"

    start: Mapped[datetime] = mapped_column(primary_key=True)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)


class PlacedRoundRecord(Base):
    """See `aeras.domain.proposals.PlacedRound`."""

    __tablename__ = "placed_rounds"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    about: Mapped[dict[str, Any]] = mapped_column(JSON)


class Proposals(Part):
    """Implements `aeras.domain.proposals.ProposalBook`; a base of `aeras.store.control.Control`."""

    def add_proposal(self, proposal: Proposal, step: Step, judged: Judged | None) -> None:
        """Stores a proposal with its first step."""
        with self._session() as session:
            session.add(
                ProposalRecord(
                    id=proposal.id,
                    made_at=proposal.made_at,
                    about=_PROPOSAL.dump_python(proposal, mode="json"),
                    judged=_JUDGED.dump_python(judged, mode="json") if judged else {},
                    measured={},
                )
            )
            session.add(ProposalStepRecord(proposal=proposal.id, logged=False, **_columns(step)))

    def add_deed(
        self,
        proposal: str,
        step: Step,
        *,
        measured: Measured | None = None,
        moves: Sequence[Move] | None = None,
    ) -> bool:
        """Stores a step and what came of it, in one transaction.

        False, and nothing stored, when the life has a step of that number already or none before.
        """
        row = {"proposal": proposal, "logged": False, **_columns(step)}
        with self._session() as session:
            if not self._put_step(session, ProposalStepRecord, "proposal", row):
                return False
            record = session.get_one(ProposalRecord, proposal)
            if measured is not None:
                record.measured = _MEASURED.dump_python(measured, mode="json")
            if moves is not None:
                changed = replace(_PROPOSAL.validate_python(record.about), moves=tuple(moves))
                record.about = _PROPOSAL.dump_python(changed, mode="json")
            return True

    def judge(self, proposal: str, judged: Judged) -> None:
        """Notes what the gate says now."""
        with self._session() as session:
            record = session.get_one(ProposalRecord, proposal)
            record.judged = _JUDGED.dump_python(judged, mode="json")

    def proposals(self) -> list[Kept]:
        """All, newest first."""
        steps: dict[str, list[Step]] = {}
        order = select(ProposalStepRecord).order_by(ProposalStepRecord.n)
        newest = select(ProposalRecord).order_by(ProposalRecord.made_at.desc(), ProposalRecord.id)
        with self._session() as session:
            for row in session.scalars(order):
                steps.setdefault(row.proposal, []).append(_step(row))
            return [
                Kept(
                    proposal=_PROPOSAL.validate_python(row.about),
                    steps=tuple(steps[row.id]),
                    judged=_JUDGED.validate_python(row.judged) if row.judged else None,
                    measured=_MEASURED.validate_python(row.measured) if row.measured else None,
                )
                for row in session.scalars(newest)
            ]

    def unlogged_deeds(self) -> list[tuple[str, Step]]:
        """Steps that are not known to be in the audit log, oldest first."""
        query = select(ProposalStepRecord).where(~ProposalStepRecord.logged)
        order = query.order_by(ProposalStepRecord.at, ProposalStepRecord.n)
        with self._session() as session:
            return [(row.proposal, _step(row)) for row in session.scalars(order)]

    def mark_deed(self, proposal: str, n: int) -> None:
        """Notes that a step is in the audit log."""
        which = ProposalStepRecord.proposal == proposal, ProposalStepRecord.n == n
        with self._session() as session:
            session.execute(update(ProposalStepRecord).where(*which).values(logged=True))

    def add_weeks(self, weeks: Sequence[PlacedWeek]) -> None:
        """Stores weeks; one that begins at the same moment is replaced."""
        with self._session() as session:
            for week in weeks:
                about = _WEEK.dump_python(week, mode="json")
                session.merge(PlacedWeekRecord(start=week.start, about=about))

    def placed_weeks(self) -> list[PlacedWeek]:
        """Oldest first."""
        query = select(PlacedWeekRecord).order_by(PlacedWeekRecord.start)
        with self._session() as session:
            return [_WEEK.validate_python(row.about) for row in session.scalars(query)]

    def add_rounds(self, rounds: Sequence[PlacedRound]) -> None:
        """Stores rounds; one of the same id is replaced."""
        with self._session() as session:
            for one in rounds:
                about = _ROUND.dump_python(one, mode="json")
                session.merge(PlacedRoundRecord(id=one.id, about=about))

    def placed_rounds(self) -> list[PlacedRound]:
        """In order of their beginning; those that were not set up come first."""
        with self._session() as session:
            rows = session.scalars(select(PlacedRoundRecord).order_by(PlacedRoundRecord.id))
            found = [_ROUND.validate_python(row.about) for row in rows]
        return sorted(found, key=lambda one: one.begun or _FIRST)


def _columns(step: Step) -> dict[str, Any]:
    return {
        "n": step.n,
        "at": step.at,
        "who": step.who,
        "deed": step.deed.value,
        "stage": step.stage.value,
        "note": step.note,
    }


def _step(row: ProposalStepRecord) -> Step:
    return Step(row.n, row.at, row.who, Deed(row.deed), Stage(row.stage), row.note)

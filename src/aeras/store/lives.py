"""The part of the control database that knows what became of triggers, and when prices changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Connection, String, delete, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from aeras.domain.kept import TriggerState
from aeras.domain.life import Deed, Stage, Step
from aeras.store.part import Part
from aeras.store.tables import Base, TriggerRecord


class StepRecord(Base):
    """See `aeras.domain.life.Step`; ``logged`` once it is in the audit log."""

    __tablename__ = "trigger_steps"

    trigger: Mapped[str] = mapped_column(String(64), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str] = mapped_column(String(64))
    deed: Mapped[str] = mapped_column(String(16))
    stage: Mapped[str] = mapped_column(String(16))
    about: Mapped[dict[str, Any]] = mapped_column(JSON)
    logged: Mapped[bool]


class PriceRecord(Base):
    """The price (minor units, NULL if not known) of an item since a moment."""

    __tablename__ = "prices"

    item: Mapped[str] = mapped_column(String(64), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    price: Mapped[int | None]


class Lives(Part):
    """Implements `aeras.domain.life.LifeBook`; a base of `aeras.store.control.Control`."""

    def add_step(self, trigger: str, step: Step) -> bool:
        """Stores a step, and marks the trigger closed if its stage is final, in one transaction.

        False, and nothing stored, when the life has a step of that number already or none before.
        """
        row = {
            "trigger": trigger,
            "n": step.n,
            "at": step.at,
            "who": step.who,
            "deed": step.deed.value,
            "stage": step.stage.value,
            "about": dict(step.about),
            "logged": False,
        }
        with self._session() as session:
            if not self._put_step(session, StepRecord, "trigger", row):
                return False
            if step.stage.final:
                close = update(TriggerRecord).where(TriggerRecord.id == trigger)
                session.execute(close.values(state=TriggerState.CLOSED.value))
            return True

    def steps(self, trigger: str | None = None) -> dict[str, list[Step]]:
        """Steps by trigger, in their order."""
        query = select(StepRecord).order_by(StepRecord.trigger, StepRecord.n)
        if trigger is not None:
            query = query.where(StepRecord.trigger == trigger)
        found: dict[str, list[Step]] = {}
        with self._session() as session:
            for record in session.scalars(query):
                found.setdefault(record.trigger, []).append(_step(record))
        return found

    def unlogged(self) -> list[tuple[str, Step]]:
        """Steps that are not known to be in the audit log, oldest first."""
        query = select(StepRecord).where(~StepRecord.logged)
        with self._session() as session:
            rows = session.scalars(query.order_by(StepRecord.at, StepRecord.trigger, StepRecord.n))
            return [(record.trigger, _step(record)) for record in rows]

    def mark_logged(self, trigger: str, n: int) -> None:
        """Notes that a step is in the audit log."""
        which = update(StepRecord).where(StepRecord.trigger == trigger, StepRecord.n == n)
        with self._session() as session:
            session.execute(which.values(logged=True))

    def note_prices(self, prices: Mapping[str, int | None], at: datetime) -> None:
        """Keeps the prices that differ from those last kept; the first of an item is no change."""
        kept = select(PriceRecord.item, PriceRecord.price).order_by(PriceRecord.at)

        def work(connection: Connection) -> None:
            last = {row.item: row.price for row in connection.execute(kept)}
            rows = [
                {"item": item, "at": at, "price": price}
                for item, price in prices.items()
                if item not in last or last[item] != price
            ]
            if rows:
                connection.execute(insert(PriceRecord).values(rows).on_conflict_do_nothing())

        self._write(work)

    def price_changes(self) -> list[tuple[str, datetime]]:
        """Item and moment of each change of a price, oldest first."""
        query = select(PriceRecord.item, PriceRecord.at).order_by(PriceRecord.at, PriceRecord.item)
        seen: set[str] = set()
        found = []
        with self._session() as session:
            for item, at in session.execute(query):
                if item in seen:
                    found.append((item, at))
                seen.add(item)
        return found


def drop_lives(session: Session) -> None:
    """Drops the steps of triggers that are gone."""
    session.execute(delete(StepRecord).where(StepRecord.trigger.not_in(select(TriggerRecord.id))))


def lived_since(moment: datetime) -> Any:
    """Condition: the trigger took a step at or after the moment."""
    return TriggerRecord.id.in_(select(StepRecord.trigger).where(StepRecord.at >= moment))


def _step(record: StepRecord) -> Step:
    return Step(
        n=record.n,
        at=record.at,
        who=record.who,
        deed=Deed(record.deed),
        stage=Stage(record.stage),
        about=dict(record.about),
    )

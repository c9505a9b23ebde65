"""The part of the control database that remembers tables with noise and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, Text, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Mapped, mapped_column

from aeras.domain.noisy import Charge, most_charged
from aeras.store.part import Part
from aeras.store.tables import Base


class NoisyTableRecord(Base):
    """A table with noise that was given out: the question, what it cost, the answer. Never
    deleted: what was spent stays spent.
    """

    __tablename__ = "noisy_tables"

    key: Mapped[str] = mapped_column(String(400), primary_key=True)
    since: Mapped[datetime]
    until: Mapped[datetime] = mapped_column(index=True)
    micro: Mapped[int]
    at: Mapped[datetime]
    answer: Mapped[str] = mapped_column(Text)


class Ledger(Part):
    """Implements `aeras.domain.noisy.NoiseLedger`; a base of `aeras.store.control.Control`."""

    def given_out(self, key: str) -> str | None:
        """The answer that was given to the same question, None if it was never asked."""
        with self._session() as session:
            held: str | None = session.scalar(_answer_to(key))
            return held

    def give_out(
        self, key: str, charge: Charge, *, budget: int, at: datetime, draw: Callable[[], str]
    ) -> str | None:
        """Charges and stores a new answer in one transaction that nobody else can write in."""

        def work(connection: Connection) -> str | None:
            known = connection.scalar(_answer_to(key))
            if known is not None:
                return str(known)
            # Overlapping ones only; the others cannot matter.
            query = _charges().where(
                NoisyTableRecord.since < charge.until, NoisyTableRecord.until > charge.since
            )
            spent = [Charge(*row) for row in connection.execute(query)]
            if most_charged(spent, charge.since, charge.until) + charge.micro > budget:
                return None
            answer = draw()
            row = {
                "key": key,
                "since": charge.since,
                "until": charge.until,
                "micro": charge.micro,
                "at": at,
                "answer": answer,
            }
            connection.execute(insert(NoisyTableRecord).values(row))
            return answer

        return self._write(work)

    def charges(self) -> list[Charge]:
        """All charges, oldest data first."""
        with self._session() as session:
            query = _charges().order_by(NoisyTableRecord.since, NoisyTableRecord.until)
            return [Charge(*row) for row in session.execute(query)]


def _answer_to(key: str) -> Any:
    return select(NoisyTableRecord.answer).where(NoisyTableRecord.key == key)


def _charges() -> Any:
    return select(NoisyTableRecord.since, NoisyTableRecord.until, NoisyTableRecord.micro)

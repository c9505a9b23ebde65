"""The part of the control database about asking: consents, response counts, incentive codes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from aeras.domain.asking import Counted, HourOfArm, Limits, Member, NotAsked, Responses
from aeras.store.part import Part
from aeras.store.tables import (
    IncentiveRecord,
    MemberAskRecord,
    MemberRecord,
    MessageRecord,
    RedeemedRecord,
    ResponseRecord,
    TrialHourRecord,
)


class Asking(Part):
    """Implements `aeras.domain.asking.AskingBook`; a base of `aeras.store.control.Control`."""

    # --- members --------------------------------------------------------------------------

    def add_members(self, members: Sequence[Member]) -> int:
        """Stores consents, over earlier ones of the same hash unless those are newer; how many."""
        rows = [
            {"hash": m.hash, "text": m.text, "consented_at": m.consented_at, "source": m.source}
            for m in members
        ]
        put = insert(MemberRecord)
        newer = put.excluded
        put = put.on_conflict_do_update(
            index_elements=["hash"],
            set_={"text": newer.text, "consented_at": newer.consented_at, "source": newer.source},
            where=MemberRecord.consented_at <= newer.consented_at,
        )

        def work(connection: Connection) -> int:
            return sum(int(connection.execute(put, row).rowcount) for row in rows)

        return self._write(work)

    def member(self, hashes: Sequence[str]) -> Member | None:
        """The member who has one of these hashes; one under an earlier key gets the first."""
        with self._session() as session:
            found = session.scalar(select(MemberRecord).where(MemberRecord.hash.in_(hashes)))
            if found is None:
                return None
            member = Member(hashes[0], found.text, found.consented_at, found.source)
            held = found.hash
        if held != hashes[0]:
            self._rename_member(held, hashes[0])
        return member

    def _rename_member(self, old: str, new: str) -> None:
        def work(connection: Connection) -> None:
            row = update(MemberRecord).where(MemberRecord.hash == old)
            connection.execute(row.values(hash=new))
            asks = update(MemberAskRecord).where(MemberAskRecord.member == old)
            connection.execute(asks.values(member=new))

        self._write(work)

    def members(self) -> int:
        """How many consented."""
        with self._session() as session:
            return session.scalar(select(func.count()).select_from(MemberRecord)) or 0

    def remove_member(self, hashes: Sequence[str]) -> bool:
        """Deletes a member, when they were asked, and invitations still on their way."""

        def work(connection: Connection) -> bool:
            gone = connection.execute(delete(MemberRecord).where(MemberRecord.hash.in_(hashes)))
            connection.execute(delete(MemberAskRecord).where(MemberAskRecord.member.in_(hashes)))
            connection.execute(delete(MessageRecord).where(MessageRecord.key.in_(hashes)))
            return bool(gone.rowcount)

        return self._write(work)

    def ask_member(self, member: str, survey: str, at: datetime, limits: Limits) -> NotAsked | None:
        """Notes that the member is asked, unless a limit forbids it: then says which."""
        of_member = MemberAskRecord.member == member
        of_survey = MemberAskRecord.survey == survey
        rules = (
            (NotAsked.COOL_DOWN, of_member, limits.cool_down, 1),
            (NotAsked.CAP, of_member, limits.cap_window, limits.cap),
            (NotAsked.QUOTA, of_survey, limits.quota_window, limits.quota),
        )

        def work(connection: Connection) -> NotAsked | None:
            for why, of, window, most in rules:
                asked = select(func.count()).where(of, MemberAskRecord.at > at - window)
                if (connection.scalar(asked) or 0) >= most:
                    return why
            connection.execute(insert(MemberAskRecord).values(member=member, survey=survey, at=at))
            return None

        return self._write(work)

    def forget_asks(self, before: datetime) -> int:
        """Deletes when members were asked, before the moment; how many."""
        drop = delete(MemberAskRecord).where(MemberAskRecord.at < before)
        return self._write(lambda connection: int(connection.execute(drop).rowcount))

    # --- what came of it ------------------------------------------------------------------

    def responses(self, since: str, until: str) -> list[Responses]:
        """Counts by survey, channel and day, of the days in [since, until)."""
        query = select(ResponseRecord).where(
            ResponseRecord.day >= since, ResponseRecord.day < until
        )
        order = (ResponseRecord.survey, ResponseRecord.channel, ResponseRecord.day)
        with self._session() as session:
            return [
                Responses(r.survey, r.channel, r.day, r.invited, r.opened, r.answered, r.refused)
                for r in session.scalars(query.order_by(*order))
            ]

    def trial_hours(self, trial: str) -> list[HourOfArm]:
        """Counts of a trial's arms by hour, oldest first."""
        query = select(TrialHourRecord).where(TrialHourRecord.trial == trial)
        order = (TrialHourRecord.hour, TrialHourRecord.arm)
        with self._session() as session:
            return [
                HourOfArm(r.arm, r.hour, r.invited, r.answered)
                for r in session.scalars(query.order_by(*order))
            ]

    # --- incentive codes ------------------------------------------------------------------

    def add_codes(self, campaign: str, codes: Sequence[str]) -> int:
        """Stores codes to give away; how many were new."""
        put = insert(IncentiveRecord).on_conflict_do_nothing()

        def work(connection: Connection) -> int:
            rows = [{"campaign": campaign, "code": code} for code in codes]
            return sum(int(connection.execute(put, row).rowcount) for row in rows)

        return self._write(work)

    def codes_left(self, campaign: str) -> int:
        """How many of a campaign's codes were not given."""
        free = select(func.count()).where(
            IncentiveRecord.campaign == campaign, IncentiveRecord.claim.is_(None)
        )
        with self._session() as session:
            return session.scalar(free) or 0

    def claim_code(self, campaign: str, claim: str) -> str | None:
        """Gives a code to a claim, the same one each time; None when there are no more."""
        of_campaign = IncentiveRecord.campaign == campaign
        held = select(IncentiveRecord.code).where(of_campaign, IncentiveRecord.claim == claim)
        free = select(IncentiveRecord.code).where(of_campaign, IncentiveRecord.claim.is_(None))

        def work(connection: Connection) -> str | None:
            code = connection.scalar(held)
            if code is not None:
                return code
            code = connection.scalar(free.limit(1))
            if code is not None:
                give = update(IncentiveRecord).where(IncentiveRecord.code == code)
                connection.execute(give.values(claim=claim))
            return code

        return self._write(work)

    def code_given(self, code: str) -> bool:
        """Whether a code of a list was given to somebody."""
        query = select(IncentiveRecord.claim).where(IncentiveRecord.code == code)
        with self._session() as session:
            return session.scalar(query) is not None

    def redeem_code(self, code_hash: str, until: datetime) -> bool:
        """Notes that a code was used; False if it had been."""
        put = insert(RedeemedRecord).values(hash=code_hash, until=until).on_conflict_do_nothing()
        return self._write(lambda connection: bool(connection.execute(put).rowcount))


def count(connection: Connection, counted: Counted, column: str) -> None:
    """Adds one to a column of the responses, and to the trial's if it has that column."""
    names = ("invited", "opened", "answered", "refused")
    _add(
        connection,
        ResponseRecord,
        {"survey": counted.survey, "channel": counted.channel, "day": counted.day},
        names,
        column,
    )
    if counted.arm is not None and column in {"invited", "answered"}:
        key = {"trial": counted.arm.trial, "arm": counted.arm.arm, "hour": counted.arm.hour}
        _add(connection, TrialHourRecord, key, ("invited", "answered"), column)


def _add(
    connection: Connection, table: Any, key: dict[str, Any], names: tuple[str, ...], column: str
) -> None:
    row = {name: int(name == column) for name in names}
    connection.execute(_grow(table.__table__, tuple(key), column), {**key, **row})


@cache
def _grow(table: Any, key: tuple[str, ...], column: str) -> Any:
    grown = {column: table.c[column] + 1}
    return insert(table).on_conflict_do_update(index_elements=list(key), set_=grown)

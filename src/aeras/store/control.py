"""Triggers, answers, users and settings in one SQLite file, through SQLAlchemy."""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import (
    Connection,
    Engine,
    Text,
    bindparam,
    cast,
    create_engine,
    event,
    func,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from aeras.domain.asking import Counted
from aeras.domain.errors import InputError, StoreError
from aeras.domain.kept import Answer, Origin, Trigger, TriggerState
from aeras.store.asking import Asking, count
from aeras.store.expiry import Expiring, drop_answers
from aeras.store.feeds import Feeds
from aeras.store.forms import Forms
from aeras.store.group import Group
from aeras.store.ledger import Ledger
from aeras.store.lives import Lives
from aeras.store.messages import Messages
from aeras.store.part import LOCK_WAIT_S
from aeras.store.people import People, sha256
from aeras.store.proposals import Proposals
from aeras.store.schema import migrate
from aeras.store.settling import Settling
from aeras.store.tables import (
    AnswerRecord,
    SettingRecord,
    TokenRecord,
    TriggerRecord,
)
from aeras.store.topics import Topics

_OWNER_ONLY = 0o600


class Control(
    Messages, Asking, Lives, People, Forms, Expiring, Settling, Ledger, Topics, Feeds, Proposals
):
    """The control data of one site; implements `TriggerBook`, `AnswerBook` and `Accounts`.

    Every method is one transaction and may be called from any thread. Writes are on disk when
    the method returns (WAL, full synchronisation).

    Args:
        path: Database file; created, readable by its owner only, when missing.
        hasher: Argon2 parameters for passwords.

    Raises:
        StoreError: When the file is no database, is newer than this AERAS, or cannot be written.
    """

    def __init__(self, path: Path, *, hasher: PasswordHasher | None = None) -> None:
        self._path = path
        self._hasher = hasher or PasswordHasher()
        self._nobody = self._hasher.hash(secrets.token_hex(16))
        _create_for_owner(path)
        self._engine = _engine(path)
        self._group = Group(self._engine)
        try:
            with self._translated(), self._engine.connect() as fresh:
                connection = fresh.execution_options(takes_write_lock=True)
                with connection.begin():
                    migrate(connection, where=str(path))
        except StoreError:
            self._engine.dispose()
            raise

    def close(self) -> None:
        """Releases the file; safe to call twice."""
        self._engine.dispose()

    # --- triggers -------------------------------------------------------------------------

    def open_trigger(self, trigger: Trigger) -> None:
        """Stores a new trigger; an id already stored is ignored."""
        row = {
            "id": trigger.id,
            "rule": trigger.rule,
            "item": trigger.item,
            "opened_at": trigger.opened_at,
            "evidence": dict(trigger.evidence),
            "survey": trigger.survey,
            "state": trigger.state.value,
            "origin": trigger.origin.value,
        }
        with self._session() as session:
            session.execute(insert(TriggerRecord).values(row).on_conflict_do_nothing())

    def triggers(self, *, state: TriggerState | None = None) -> list[Trigger]:
        """All triggers, newest first."""
        query = select(TriggerRecord).order_by(TriggerRecord.opened_at.desc(), TriggerRecord.id)
        if state is not None:
            query = query.where(TriggerRecord.state == state.value)
        with self._session() as session:
            return [_trigger(record) for record in session.scalars(query)]

    def last_opened(self, rule: str, item: str) -> datetime | None:
        """When this rule last fired for this item (UTC)."""
        query = select(TriggerRecord.opened_at).where(
            TriggerRecord.rule == rule, TriggerRecord.item == item
        )
        with self._session() as session:
            return session.scalar(query.order_by(TriggerRecord.opened_at.desc()).limit(1))

    def close_trigger(self, trigger_id: str) -> None:
        """Marks a trigger closed; unknown ids raise InputError."""
        change = update(TriggerRecord).where(TriggerRecord.id == trigger_id)
        with self._session() as session:
            result: Any = session.execute(change.values(state=TriggerState.CLOSED.value))
            if result.rowcount == 0:
                raise InputError(f"there is no trigger {trigger_id!r}")

    # --- answers --------------------------------------------------------------------------

    def issue_token(
        self,
        token_hash: str,
        survey: str,
        item: str,
        channel: str,
        *,
        counted: Counted | None = None,
        until: datetime | None = None,
    ) -> None:
        """Remembers an issued token by its hash, and counts the invitation."""
        row = {"hash": token_hash, "survey": survey, "item": item, "channel": channel}
        put = insert(TokenRecord).values(**row, spent=False, until=until)

        def work(connection: Connection) -> None:
            connection.execute(put)
            if counted is not None:
                count(connection, counted, "invited")

        self._write(work)

    def open_token(self, token_hash: str, counted: Counted) -> None:
        """Counts that the form behind a token was opened, once."""
        change = update(TokenRecord).where(TokenRecord.hash == token_hash, ~TokenRecord.opened)

        def work(connection: Connection) -> None:
            if connection.execute(change.values(opened=True)).rowcount:
                count(connection, counted, "opened")

        self._write(work)

    def token_spent(self, token_hash: str) -> bool:
        """Whether the token was used, or never issued here."""
        with self._translated(), self._engine.connect() as connection:
            return connection.scalar(_IS_SPENT, {"token": token_hash}) is not False

    def spend_token(
        self, token_hash: str, answer: Answer | None, counted: Counted | None = None
    ) -> bool:
        """Stores the answer, burns the token and counts what came of it in one transaction.

        Args:
            token_hash: Hash of the token.
            answer: None when consent was refused: the token is burnt and nothing is stored.
            counted: Where it is counted.

        Returns:
            False, with nothing stored, when the token was spent before or never issued.
        """
        row = None if answer is None else _answer_row(answer)

        def work(connection: Connection) -> bool:
            burnt = connection.execute(_BURN, {"token": token_hash, "refusing": row is None})
            if burnt.rowcount == 0:
                return False
            if row is not None:
                connection.execute(_PUT_ANSWER, row)
            if counted is not None:
                count(connection, counted, "refused" if answer is None else "answered")
            return True

        return self._write(work)

    def count_response(self, counted: Counted, column: str) -> None:
        """Counts what came of something that needs no link (a kiosk)."""
        self._write(lambda connection: count(connection, counted, column))

    def trigger_closed(self, trigger_id: str) -> bool:
        """Whether that trigger is closed."""
        with self._translated(), self._engine.connect() as connection:
            return connection.scalar(_STATE, {"trigger": trigger_id}) == TriggerState.CLOSED.value

    def has_answer(self, answer_id: str) -> bool:
        """Whether an answer of this id is stored."""
        with self._session() as session:
            query = select(AnswerRecord.id).where(AnswerRecord.id == answer_id)
            return session.scalar(query) is not None

    def token_refused(self, token_hash: str) -> bool:
        """Whether the token was spent by saying no."""
        query = select(TokenRecord.refused).where(TokenRecord.hash == token_hash)
        with self._session() as session:
            return session.scalar(query) is True

    def add_answer(self, answer: Answer, counted: Counted | None = None) -> bool:
        """Stores an answer that needs no token; False when its id was stored before."""
        row = _answer_row(answer)

        def work(connection: Connection) -> bool:
            if connection.execute(_PUT_NEW_ANSWER, row).rowcount == 0:
                return False
            if counted is not None:
                count(connection, counted, "answered")
            return True

        return self._write(work)

    def add_answers(self, answers: Sequence[Answer]) -> int:
        """Stores many answers in one transaction, except ids already stored; how many were new."""
        rows = [_answer_row(answer) for answer in answers]
        if not rows:
            return 0
        with self._session() as session:
            result: Any = session.connection().execute(_PUT_NEW_ANSWER, rows)
            return int(result.rowcount)

    def answers(
        self, *, item: str | None = None, since: datetime | None = None, aside: bool = False
    ) -> list[Answer]:
        """Answers, newest first, without or only those that are set aside. Their ``receipt`` is "":
        only its hash is known here.
        """
        query = select(*_READ).order_by(_ANSWERS.c.at.desc(), _ANSWERS.c.id)
        if item is not None:
            query = query.where(_ANSWERS.c.item == item)
        if since is not None:
            query = query.where(_ANSWERS.c.at >= since)
        with self._session() as session:  # rows, not objects: four times as quick
            found = [_answer(row) for row in session.execute(query).all()]
        return [answer for answer in found if answer.aside is aside]

    def withdraw(self, receipt: str) -> bool:
        """Deletes the answer with this receipt code; False if there is none."""
        which = AnswerRecord.receipt_hash == receipt_hash(receipt)
        with self._session() as session:
            found = bool(drop_answers(session, which))
        if found:
            self.clear_log()
        return found

    def tokens_issued(self, survey: str) -> int:
        """How many single-use tokens were issued for a survey."""
        query = select(func.count()).select_from(TokenRecord).where(TokenRecord.survey == survey)
        with self._session() as session:
            return session.scalar(query) or 0

    # --- settings -------------------------------------------------------------------------

    def setting(self, name: str) -> str | None:
        """A stored setting, None if it was never set."""
        with self._session() as session:
            return session.scalar(select(SettingRecord.value).where(SettingRecord.name == name))

    def set_setting(self, name: str, value: str) -> None:
        """Stores a setting over any earlier one."""
        put = insert(SettingRecord).values(name=name, value=value)
        put = put.on_conflict_do_update(index_elements=["name"], set_={"value": value})
        with self._session() as session:
            session.execute(put)

    def secret(self, name: str) -> str:
        """A random 256-bit key (hex) of that name, made at its first use and kept since."""
        put = insert(SettingRecord).values(name=f"secret:{name}", value=secrets.token_hex(32))
        with self._session() as session:
            session.execute(put.on_conflict_do_nothing())
        return self.setting(f"secret:{name}") or ""


def receipt_hash(receipt: str) -> str:
    """SHA-256 (hex) of a receipt code; spaces, dashes and case do not matter. Codes are random
    with 80 bits, so that a plain hash cannot be searched.
    """
    return sha256(re.sub(r"[\s-]", "", receipt).upper())


def _create_for_owner(path: Path) -> None:
    """Makes the file before SQLite does, because it holds keys: nobody else may read it. SQLite
    gives its log files the same mode.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _OWNER_ONLY))
        path.chmod(_OWNER_ONLY)
    except OSError as error:
        raise StoreError(
            f"cannot be created or written there ({error.strerror})",
            where=str(path),
            todo="Make the folder, or let the user who runs AERAS write to it",
        ) from error


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": LOCK_WAIT_S})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # We begin transactions, not the driver: see SQLAlchemy's notes on pysqlite and savepoints.
        connection.isolation_level = None
        _write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes_first = connection.get_execution_options().get("takes_write_lock", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes_first else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switches to WAL. SQLite's own timeout does not hold for this: of two that switch a fresh file
    at once, one is refused without waiting.
    """
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _trigger(record: TriggerRecord) -> Trigger:
    return Trigger(
        id=record.id,
        rule=record.rule,
        item=record.item,
        opened_at=record.opened_at,
        evidence=dict(record.evidence),
        survey=record.survey,
        state=TriggerState(record.state),
        origin=Origin(record.origin),
    )


_ANSWER_COLUMNS = (
    "id",
    "survey",
    "version",
    "item",
    "trigger",
    "at",
    "channel",
    "language",
    "rating",
    "choice",
    "text",
)


# Written out once: building them took most of the time of an answer.
_TOKENS: Any = TokenRecord.__table__
_ANSWERS: Any = AnswerRecord.__table__
_READ = (
    *(_ANSWERS.c[name] for name in _ANSWER_COLUMNS),
    _ANSWERS.c.origin,
    cast(_ANSWERS.c.more, Text),
    _ANSWERS.c.marks,
)
_OF_TOKEN = _TOKENS.c.hash == bindparam("token")
_IS_SPENT = select(_TOKENS.c.spent).where(_OF_TOKEN)
_BURN = (
    update(_TOKENS)
    .where(_OF_TOKEN, ~_TOKENS.c.spent)
    .values(spent=True, refused=bindparam("refusing"))
)
_PUT_ANSWER = insert(_ANSWERS)
_PUT_NEW_ANSWER = _PUT_ANSWER.on_conflict_do_nothing()
_STATE = select(TriggerRecord.state).where(TriggerRecord.id == bindparam("trigger"))


def _answer_row(answer: Answer) -> dict[str, Any]:
    row = {name: getattr(answer, name) for name in _ANSWER_COLUMNS}
    return row | {
        "origin": answer.origin.value,
        "receipt_hash": receipt_hash(answer.receipt),
        "more": dict(answer.more),
        "marks": " ".join(answer.marks),
    }


_ORIGINS = {origin.value: origin for origin in Origin}


def _answer(row: Any) -> Answer:
    """From a row of `_READ`; by place, because pages read thousands of them."""
    *values, origin, more, marks = row
    given = {} if more == "{}" else json.loads(more)
    return Answer(
        receipt="",
        origin=_ORIGINS[origin],
        more={k: tuple(v) if isinstance(v, list) else v for k, v in given.items()},
        marks=tuple(marks.split()) if marks else (),
        **dict(zip(_ANSWER_COLUMNS, values, strict=True)),
    )

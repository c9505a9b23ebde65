"""The control database's tables. Times are stored as UTC without zone, which every database keeps
alike, and get their zone back on the way out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    Float,
    Index,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Utc(TypeDecorator[datetime]):
    """A moment in UTC; refuses one without a time zone."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"time {value} has no time zone, expected UTC")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy, never written
        datetime: Utc,
        dict[str, Any]: JSON,
    }


class TriggerRecord(Base):
    """See `aeras.domain.kept.Trigger`."""

    __tablename__ = "triggers"
    __table_args__ = (Index("ix_triggers_rule_item", "rule", "item", "opened_at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule: Mapped[str] = mapped_column(String(64))
    item: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]
    survey: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), index=True)
    origin: Mapped[str] = mapped_column(String(16))


class AnswerRecord(Base):
    """See `aeras.domain.kept.Answer`; the receipt code is kept as its SHA-256 only."""

    __tablename__ = "answers"
    __table_args__ = (Index("ix_answers_item_at", "item", "at"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    receipt_hash: Mapped[str] = mapped_column(String(64), unique=True)
    survey: Mapped[str] = mapped_column(String(64))
    version: Mapped[int]
    item: Mapped[str] = mapped_column(String(64))
    trigger: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(index=True)
    channel: Mapped[str] = mapped_column(String(32))
    language: Mapped[str] = mapped_column(String(35))
    rating: Mapped[int | None]
    choice: Mapped[str | None] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    origin: Mapped[str] = mapped_column(String(16))
    more: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    marks: Mapped[str] = mapped_column(String(64), default="", server_default="")


class FormRecord(Base):
    """See `aeras.domain.forms.FormVersion`."""

    __tablename__ = "form_versions"

    form: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(Text)
    by: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
    published_at: Mapped[datetime | None]


class RefusalRecord(Base):
    """How many said no to a form's question of consent."""

    __tablename__ = "form_refusals"

    form: Mapped[str] = mapped_column(String(64), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    count: Mapped[int]


class TokenRecord(Base):
    """A single-use token that was given out, by its hash, and until when (UTC) it can be used."""

    __tablename__ = "tokens"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    survey: Mapped[str] = mapped_column(String(64), index=True)
    item: Mapped[str] = mapped_column(String(64))
    channel: Mapped[str] = mapped_column(String(32))
    spent: Mapped[bool] = mapped_column(default=False)
    until: Mapped[datetime | None] = mapped_column(index=True)
    opened: Mapped[bool] = mapped_column(default=False, server_default="0")
    refused: Mapped[bool] = mapped_column(default=False, server_default="0")


class UserRecord(Base):
    """A person who may sign in."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(256))
    disabled: Mapped[bool] = mapped_column(default=False, server_default="0")
    totp_secret: Mapped[str | None] = mapped_column(String(64))
    totp_step: Mapped[int] = mapped_column(default=0, server_default="0")


class RecoveryRecord(Base):
    """A code that stands in for a lost second factor, once."""

    __tablename__ = "recovery_codes"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64))


class SessionRecord(Base):
    """Somebody is signed in."""

    __tablename__ = "sessions"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user: Mapped[str] = mapped_column(String(64), index=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class InvitationRecord(Base):
    """A link by which somebody chooses a password; one a name."""

    __tablename__ = "invitations"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    until: Mapped[datetime]


class ApiTokenRecord(Base):
    """A token for a machine."""

    __tablename__ = "api_tokens"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    owner: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(16))
    until: Mapped[datetime]


class AttemptRecord(Base):
    """Somebody tried to sign in: a hash of the name or address, forgotten after a day."""

    __tablename__ = "attempts"
    __table_args__ = (Index("ix_attempts_key", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class SettingRecord(Base):
    """A setting or secret by name."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class MessageRecord(Base):
    """See `aeras.domain.messages.Message`; ``due`` is when it is tried next."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("channel", "once"),
        Index("ix_messages_waiting", "channel", "state", "key", "sequence"),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(String(64), unique=True)
    channel: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64))
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    due: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=0)
    waited_s: Mapped[float] = mapped_column(Float, default=0.0)
    trouble: Mapped[str] = mapped_column(Text, default="")
    once: Mapped[str | None] = mapped_column(String(160))


class MemberRecord(Base):
    """A member who agreed to be asked, under a keyed hash of the membership id."""

    __tablename__ = "members"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    text: Mapped[str] = mapped_column(String(64))
    consented_at: Mapped[datetime]
    source: Mapped[str] = mapped_column(String(64))


class MemberAskRecord(Base):
    """A member was asked: for the cool-down, not which item."""

    __tablename__ = "member_asks"
    __table_args__ = (Index("ix_member_asks_member", "member", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(String(64))
    survey: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class IncentiveRecord(Base):
    """A code from an imported list; ``claim`` is made from the receipt that got it, which is not
    stored, so that it leads to no answer.
    """

    __tablename__ = "incentive_codes"

    code: Mapped[str] = mapped_column(String(64), primary_key=True)
    campaign: Mapped[str] = mapped_column(String(64))
    claim: Mapped[str | None] = mapped_column(String(64), unique=True)


class RedeemedRecord(Base):
    """A code that was used at the till, by its hash, until it would have expired."""

    __tablename__ = "redeemed_codes"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    until: Mapped[datetime]


class ResponseRecord(Base):
    """How many were invited in a way on a day (of the site), and what came of it."""

    __tablename__ = "responses"

    survey: Mapped[str] = mapped_column(String(64), primary_key=True)
    channel: Mapped[str] = mapped_column(String(32), primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)
    invited: Mapped[int] = mapped_column(default=0)
    opened: Mapped[int] = mapped_column(default=0)
    answered: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)


class TrialHourRecord(Base):
    """Invitations of one arm of a comparison in one hour, and how many led to an answer in time."""

    __tablename__ = "trial_hours"

    trial: Mapped[str] = mapped_column(String(64), primary_key=True)
    arm: Mapped[str] = mapped_column(String(16), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    invited: Mapped[int] = mapped_column(default=0)
    answered: Mapped[int] = mapped_column(default=0)

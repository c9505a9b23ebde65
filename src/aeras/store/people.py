"""The part of the control database that knows who may sign in."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import IntegrityError

from aeras.domain.accounts import (
    ABSOLUTE,
    IDLE,
    INVITED,
    TOKEN_ROLES,
    Account,
    ApiToken,
)
from aeras.domain.errors import InputError, StoreError
from aeras.domain.ports import User
from aeras.domain.roles import Role, allows, of_token
from aeras.store.part import Part
from aeras.store.tables import (
    ApiTokenRecord,
    AttemptRecord,
    InvitationRecord,
    RecoveryRecord,
    SessionRecord,
    UserRecord,
)

MIN_PASSWORD = 10
MAX_PASSWORD = 1024
RECOVERY_CODES = 8
TOTP_STEP_S = 30
SEEN_EVERY = timedelta(minutes=1)
"""A session's last use is written down at most this often."""

_NAME = re.compile(r"[\w.@+-]{1,64}")


class People(Part):
    """Implements `aeras.domain.accounts.Accounts`; the base of `aeras.store.control.Control`."""

    _hasher: PasswordHasher
    _nobody: str
    """A hash that no password has, to take as long over an unknown name as over a known one."""

    # --- users ----------------------------------------------------------------------------

    def add_user(self, name: str, password: str, role: str) -> None:
        """Stores a user with an argon2 hash.

        Raises InputError for a name that is taken or unusable, a short password, a role that
        does not exist.
        """
        _check_name(name)
        _check_password(password)
        _check_role(role)
        record = UserRecord(name=name, role=role, password_hash=self._hasher.hash(password))
        try:
            with self._session() as session:
                session.add(record)
        except IntegrityError:
            raise InputError(
                f"there is already a user {name!r}", todo="Choose another name"
            ) from None

    def sign_in(self, name: str, password: str) -> User | None:
        """The user, or None when name or password is wrong or the user is locked out; takes the
        same time each way.
        """
        with self._session() as session:
            record = session.get(UserRecord, name)
            found = (record.password_hash, _user(record)) if record else None
        matches = self._verify(found[0] if found else self._nobody, password[:MAX_PASSWORD])
        return found[1] if found and matches else None

    def user(self, name: str) -> User | None:
        """The user of that name, None if there is none or they are locked out."""
        with self._session() as session:
            record = session.get(UserRecord, name)
            return _user(record) if record else None

    def has_users(self) -> bool:
        """False on first run."""
        with self._session() as session:
            return session.scalar(select(UserRecord.name).limit(1)) is not None

    def accounts(self, now: datetime) -> list[Account]:
        """All users and open invitations, by name."""
        with self._session() as session:
            waiting = {
                record.name: record
                for record in session.scalars(
                    select(InvitationRecord).where(InvitationRecord.until > now)
                )
            }
            found = [
                Account(
                    record.name,
                    record.role,
                    record.disabled,
                    record.totp_secret is not None,
                    waiting[record.name].until if record.name in waiting else None,
                )
                for record in session.scalars(select(UserRecord))
            ]
            known = {account.name for account in found}
            found += [
                Account(name, record.role, invited_until=record.until, joined=False)
                for name, record in waiting.items()
                if name not in known
            ]
        return sorted(found, key=lambda account: account.name)

    def set_role(self, name: str, role: str) -> None:
        """Changes a role and ends that user's sessions."""
        _check_role(role)
        self._change(name, role=role)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Locks a user out, or lets them in again."""
        self._change(name, disabled=disabled)

    def _change(self, name: str, **values: object) -> None:
        with self._session() as session:
            # The write comes first, so that SQLite takes the lock before anything was read.
            change = update(UserRecord).where(UserRecord.name == name).values(**values)
            result: Any = session.execute(change)
            if result.rowcount == 0:
                raise _no_user(name)
            session.execute(delete(SessionRecord).where(SessionRecord.user == name))
            admins = select(func.count()).select_from(UserRecord)
            admins = admins.where(UserRecord.role == Role.ADMIN.value, ~UserRecord.disabled)
            if ("role" in values or values.get("disabled")) and not session.scalar(admins):
                raise InputError(
                    f"{name!r} is the last administrator", todo="Make another one first"
                )

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
        except InvalidHashError as error:
            raise StoreError("a stored password hash is damaged", where=str(self._path)) from error

    # --- invitations ------------------------------------------------------------------------

    def invite(self, name: str, role: str, now: datetime) -> str:
        """Issues a one-time token for a new user, or for a new password of a known one."""
        _check_name(name)
        _check_role(role)
        token = secrets.token_urlsafe(24)
        with self._session() as session:
            session.execute(delete(InvitationRecord).where(InvitationRecord.name == name))
            known = session.get(UserRecord, name)
            session.add(
                InvitationRecord(
                    name=name,
                    hash=sha256(token),
                    role=known.role if known else role,
                    until=now + INVITED,
                )
            )
        return token

    def invitation(self, token: str, now: datetime) -> User | None:
        """Who the invitation is for."""
        query = select(InvitationRecord).where(
            InvitationRecord.hash == sha256(token), InvitationRecord.until > now
        )
        with self._session() as session:
            record = session.scalar(query)
            return User(record.name, record.role) if record else None

    def join(self, token: str, password: str, now: datetime) -> User | None:
        """Spends the invitation and sets the password."""
        _check_password(password)
        hashed = self._hasher.hash(password)
        spend = delete(InvitationRecord).where(
            InvitationRecord.hash == sha256(token), InvitationRecord.until > now
        )
        with self._session() as session:
            spent: Any = session.execute(
                spend.returning(InvitationRecord.name, InvitationRecord.role)
            ).one_or_none()
            if spent is None:
                return None
            name, role = spent
            known = session.get(UserRecord, name)
            if known is None:
                session.add(UserRecord(name=name, role=role, password_hash=hashed))
                return User(name, role)
            known.password_hash, known.totp_secret = hashed, None
            session.execute(delete(RecoveryRecord).where(RecoveryRecord.user == name))
            session.execute(delete(SessionRecord).where(SessionRecord.user == name))
            return _user(known)

    # --- sessions ---------------------------------------------------------------------------

    def start_session(self, name: str, now: datetime) -> str:
        """A new session's token; sessions that ran out are forgotten."""
        token = secrets.token_urlsafe(32)
        with self._session() as session:
            session.execute(delete(SessionRecord).where(_ran_out(now)))
            session.add(SessionRecord(hash=sha256(token), user=name, started_at=now, seen_at=now))
        return token

    def session_user(self, token: str, now: datetime) -> User | None:
        """Whose session that is."""
        with self._session() as session:
            held = session.get(SessionRecord, sha256(token))
            if held is None or now - held.started_at >= ABSOLUTE or now - held.seen_at >= IDLE:
                return None
            unseen = now - held.seen_at >= SEEN_EVERY
            record = session.get(UserRecord, held.user)
            user = _user(record) if record else None
        if unseen:  # not within what was read: SQLite refuses that when another write came between
            with self._session() as session:
                seen = update(SessionRecord).where(SessionRecord.hash == sha256(token))
                session.execute(seen.values(seen_at=now))
        return user

    def end_session(self, token: str) -> None:
        """Ends one session."""
        with self._session() as session:
            session.execute(delete(SessionRecord).where(SessionRecord.hash == sha256(token)))

    def end_sessions(self, name: str) -> None:
        """Ends all sessions of a user."""
        with self._session() as session:
            session.execute(delete(SessionRecord).where(SessionRecord.user == name))

    # --- second factor ------------------------------------------------------------------------

    def set_second_factor(
        self, name: str, secret: str, code: str, now: datetime
    ) -> list[str] | None:
        """Asks for codes from now on; returns new recovery codes, None if the code is wrong."""
        step = _totp_step(secret, _plain(code), now, after=0)
        if step is None:
            return None
        codes = [secrets.token_hex(10) for _ in range(RECOVERY_CODES)]
        with self._session() as session:
            change = update(UserRecord).where(UserRecord.name == name)
            session.execute(change.values(totp_secret=secret, totp_step=step))
            session.execute(delete(RecoveryRecord).where(RecoveryRecord.user == name))
            session.add_all(RecoveryRecord(hash=sha256(code), user=name) for code in codes)
        return ["-".join(code[i : i + 5] for i in range(0, 20, 5)) for code in codes]

    def drop_second_factor(self, name: str) -> None:
        """Asks for no codes any more."""
        with self._session() as session:
            change = update(UserRecord).where(UserRecord.name == name)
            session.execute(change.values(totp_secret=None))
            session.execute(delete(RecoveryRecord).where(RecoveryRecord.user == name))

    def check_code(self, name: str, code: str, now: datetime) -> bool:
        """Whether a code is right: of the present step or its neighbours, or a recovery code."""
        code = _plain(code)
        with self._session() as session:
            spend = delete(RecoveryRecord).where(
                RecoveryRecord.hash == sha256(code), RecoveryRecord.user == name
            )
            spent: Any = session.execute(spend)
            if spent.rowcount:
                return True
            record = session.get(UserRecord, name)
            if record is None or record.totp_secret is None:
                return False
            step = _totp_step(record.totp_secret, code, now, after=record.totp_step)
            if step is None:
                return False
            record.totp_step = step
            return True

    # --- tokens for machines --------------------------------------------------------------------

    def make_token(self, owner: str, name: str, role: str, until: datetime) -> str:
        """A new token for a machine."""
        user = self.user(owner)
        if user is None:
            raise _no_user(owner)
        _check_name(name, "the name of a token")
        if role not in TOKEN_ROLES or not allows(user.role, of_token(role)):
            raise InputError(
                f"a token of {owner} cannot have the role {role[:20]!r}",
                todo=f"Choose one of {', '.join(TOKEN_ROLES)} that its owner has",
            )
        token = f"aeras_{secrets.token_urlsafe(32)}"
        with self._session() as session:
            session.add(
                ApiTokenRecord(
                    id=secrets.token_hex(6),
                    hash=sha256(token),
                    owner=owner,
                    name=name,
                    role=role,
                    until=until,
                )
            )
        return token

    def token_user(self, token: str, now: datetime) -> User | None:
        """The machine behind a token."""
        query = select(ApiTokenRecord).where(
            ApiTokenRecord.hash == sha256(token), ApiTokenRecord.until > now
        )
        with self._session() as session:
            record = session.scalar(query)
            found = session.get(UserRecord, record.owner) if record else None
            owner = _user(found) if found else None
            if record is None or owner is None or not allows(owner.role, of_token(record.role)):
                return None
            return User(f"{record.owner}/{record.name}", record.role)

    def tokens(self, now: datetime) -> list[ApiToken]:
        """All tokens that work."""
        query = select(ApiTokenRecord).where(ApiTokenRecord.until > now)
        with self._session() as session:
            return [
                _token(record)
                for record in session.scalars(
                    query.order_by(ApiTokenRecord.owner, ApiTokenRecord.name)
                )
            ]

    def revoke_token(self, token_id: str) -> ApiToken | None:
        """Ends a token."""
        with self._session() as session:
            end = delete(ApiTokenRecord).where(ApiTokenRecord.id == token_id)
            record = session.scalar(end.returning(ApiTokenRecord))
            return None if record is None else _token(record)

    # --- attempts -------------------------------------------------------------------------------

    def take_attempt(self, key: str, limit: int, window: timedelta, now: datetime) -> float:
        """Counts an attempt if there is room; otherwise the seconds to wait. Attempts that seem to
        lie in the future (the clock was set back) count for nothing.
        """
        key = sha256(key)
        drop = delete(AttemptRecord).where(
            (AttemptRecord.at > now) | (AttemptRecord.at <= now - timedelta(days=1))
        )
        recent = (
            select(AttemptRecord.at)
            .where(AttemptRecord.key == key, AttemptRecord.at > now - window)
            .order_by(AttemptRecord.at.desc())
            .limit(limit)
        )
        with self._session() as session:
            session.execute(drop)
            times = list(session.scalars(recent))
            if len(times) >= limit:
                return (times[-1] + window - now).total_seconds()
            session.add(AttemptRecord(key=key, at=now))
            return 0.0

    def clear_attempts(self, key: str) -> None:
        """Forgets the attempts of a key."""
        with self._session() as session:
            session.execute(delete(AttemptRecord).where(AttemptRecord.key == sha256(key)))


def _user(record: UserRecord) -> User | None:
    """None if the user is locked out."""
    if record.disabled:
        return None
    return User(record.name, record.role, second_factor=record.totp_secret is not None)


def _token(record: ApiTokenRecord) -> ApiToken:
    return ApiToken(record.id, record.owner, record.name, record.role, record.until)


def _ran_out(now: datetime) -> Any:
    return (SessionRecord.started_at <= now - ABSOLUTE) | (SessionRecord.seen_at <= now - IDLE)


def _totp_step(secret: str, code: str, now: datetime, *, after: int) -> int | None:
    """The time step (RFC 6238) that the code belongs to, if it was not used before."""
    present = int(now.timestamp()) // TOTP_STEP_S
    totp = pyotp.TOTP(secret)
    for step in (present, present - 1, present + 1):
        right = totp.generate_otp(step)
        if hmac.compare_digest(right.encode(), code.encode()) and step > after:
            return step
    return None


def _plain(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()


def _no_user(name: str) -> InputError:
    return InputError(f"there is no user {name[:64]!r}", todo="See aeras users list")


def _check_name(name: str, what: str = "a user name") -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{name[:80]!r} cannot be {what}",
            todo="Use 1 to 64 letters, digits, dots, dashes, underscores, + or @",
        )


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InputError(
            f"the password has {len(password)} characters, "
            f"expected {MIN_PASSWORD} to {MAX_PASSWORD}",
            todo="Choose a longer sentence that you can remember",
        )


def _check_role(role: str) -> None:
    if role not in list(Role):
        raise InputError(f"unknown role {role[:40]!r}, expected one of {', '.join(Role)}")


def sha256(text: str) -> str:
    """As hex; of any text, the lone surrogates that a form may send too."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

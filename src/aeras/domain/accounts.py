"""Staff accounts: invitations, sessions, second factors, tokens for machines, counted attempts.

Every secret that is given out (session, invitation, token, recovery code) is random with at least
80 bits and is kept as its SHA-256 only; passwords are kept as argon2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from aeras.domain.ports import User, UserBook
from aeras.domain.roles import BI, Role

IDLE = timedelta(hours=1)
"""A session that is not used for so long ends."""

ABSOLUTE = timedelta(hours=12)
"""Every session ends after this."""

INVITED = timedelta(days=3)
"""How long an invitation can be used."""

TOKEN_ROLES = (Role.VIEWER.value, Role.MANAGER.value, BI)
"""What a machine may be trusted with: users and the officer's duties stay with people."""

MAX_TOKEN_DAYS = 365


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the administrator sees them; ``invited_until`` (UTC) if a link is waiting."""

    name: str
    role: str
    disabled: bool = False
    second_factor: bool = False
    invited_until: datetime | None = None
    joined: bool = True


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token for a machine, without the token itself."""

    id: str
    owner: str
    name: str
    role: str
    until: datetime


class Accounts(UserBook, Protocol):
    """Everything about people and machines that sign in. Moments are UTC."""

    def accounts(self, now: datetime) -> Sequence[Account]:
        """All users and open invitations, by name."""

    def invite(self, name: str, role: str, now: datetime) -> str:
        """Issues a one-time token; for a name that exists it sets a new password and removes the
        second factor. An earlier invitation of that name is void. Raises InputError.
        """

    def invitation(self, token: str, now: datetime) -> User | None:
        """Who the invitation is for, None if it is not valid (any more)."""

    def join(self, token: str, password: str, now: datetime) -> User | None:
        """Spends the invitation and sets the password in one step; None if it is not valid."""

    def set_role(self, name: str, role: str) -> None:
        """Changes a role and ends that user's sessions. Raises InputError for an unknown user and
        for the last administrator.
        """

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Locks a user out, or lets them in again; as `set_role`."""

    def start_session(self, name: str, now: datetime) -> str:
        """A new session's token."""

    def session_user(self, token: str, now: datetime) -> User | None:
        """Whose session that is; None if it ended, was idle for `IDLE` or is older than
        `ABSOLUTE`.
        """

    def end_session(self, token: str) -> None:
        """Ends one session."""

    def end_sessions(self, name: str) -> None:
        """Ends all sessions of a user."""

    def set_second_factor(
        self, name: str, secret: str, code: str, now: datetime
    ) -> list[str] | None:
        """Asks for codes from now on (base32 secret, RFC 6238); returns new recovery codes, None
        with nothing changed if ``code`` is not of that secret.
        """

    def drop_second_factor(self, name: str) -> None:
        """Asks for no codes any more."""

    def check_code(self, name: str, code: str, now: datetime) -> bool:
        """Whether a code is right; each code and each recovery code works once."""

    def make_token(self, owner: str, name: str, role: str, until: datetime) -> str:
        """A new token for a machine; shown once."""

    def token_user(self, token: str, now: datetime) -> User | None:
        """The machine behind a token: ``owner/name`` with the token's role. None if it is revoked
        or expired, or its owner is locked out or no longer has that role.
        """

    def tokens(self, now: datetime) -> Sequence[ApiToken]:
        """All tokens that work, by owner and name."""

    def revoke_token(self, token_id: str) -> ApiToken | None:
        """Ends a token; returns it, None if there is none."""

    def take_attempt(self, key: str, limit: int, window: timedelta, now: datetime) -> float:
        """Counts an attempt if fewer than ``limit`` were made in the window; otherwise the seconds
        to wait.
        """

    def clear_attempts(self, key: str) -> None:
        """Forgets the attempts of a key, after a success."""

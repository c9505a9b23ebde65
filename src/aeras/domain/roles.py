"""Who may do what. Signed-in people have exactly one role; every check goes through `allows`."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What a user is trusted with: viewer < manager < admin; officer stands beside them.

    The privacy officer's duties (approve papers, read the log, resume after a stop) belong to
    nobody else, an administrator included: who runs a system may not sign for its lawfulness
    (GDPR Art. 38(6)). In everything else an officer is a viewer.
    """

    VIEWER = "viewer"
    """Looks at numbers and pages; may stop all reading, as everyone may."""
    MANAGER = "manager"
    """Also sends surveys and decides on what the system finds or proposes."""
    OFFICER = "officer"
    """Looks at everything a viewer does; alone does the privacy duties."""
    ADMIN = "admin"
    """Also manages users, tokens and settings."""


BI = "bi"
"""What a token may be for, and no person: the published tables under ``/api/v1/``, nothing else."""


def of_token(role: str) -> Role:
    """The role that an owner must have for a token of that role."""
    return Role.MANAGER if role == BI else Role(role)


_CLIMB = (Role.VIEWER, Role.MANAGER, Role.ADMIN)


def allows(role: str, needed: Role) -> bool:
    """Whether a user of `role` may do what `needed` is asked for; an unknown role may nothing."""
    if role == Role.OFFICER:
        return needed in (Role.OFFICER, Role.VIEWER)
    return role in _CLIMB and needed in _CLIMB and _CLIMB.index(Role(role)) >= _CLIMB.index(needed)

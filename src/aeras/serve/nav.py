"""The pages of the navigation: those of every day side by side, the others under one heading."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import Request

from aeras.domain.roles import Role, allows


class Entry(NamedTuple):
    """One page of the navigation.

    Attributes:
        key: Name that the page gives as ``nav``; also of its icon.
        path: Where it is.
        word: Key of its name.
        role: Least role that may open it.
        part: Name in the application's state without which the page is off, "" if it is always on.
        dated: Whether it shows the dates of the address.
    """

    key: str
    path: str
    word: str
    role: Role = Role.VIEWER
    part: str = ""
    dated: bool = False


DAILY = (
    Entry("overview", "/", "nav.overview", dated=True),
    Entry("map", "/map", "nav.map", part="maps", dated=True),
    Entry("items", "/items", "nav.items", dated=True),
    Entry("triggers", "/triggers", "nav.triggers", part="lives"),
    Entry("topics", "/topics", "topics.title", part="topics"),
    Entry("surveys", "/surveys", "nav.surveys"),
    Entry("cameras", "/cameras", "nav.cameras"),
)
ON_PHONE = 4
"""So many stand in the bar of a phone; the rest is under the heading there."""

SETTINGS = (
    Entry("advice", "/advice", "advice.title", part="advice"),
    Entry("connectors", "/connectors", "nav.connectors", Role.MANAGER, "feeds"),
    Entry("channels", "/channels", "channels.title", Role.MANAGER, "asking"),
    Entry("rules", "/rules", "rules.title", Role.MANAGER, "rules"),
    Entry("forms", "/forms", "forms.title", part="forms"),
    Entry("planogram", "/planogram", "plano.title", Role.MANAGER, "site_desk"),
    Entry("calibration", "/calibration", "cal.title", Role.MANAGER, "site_desk"),
    Entry("officer", "/privacy/officer", "nav.officer", Role.OFFICER),
    Entry("users", "/users", "users.title", Role.ADMIN),
    Entry("account", "/account", "account.title"),
)


def open_to(entries: tuple[Entry, ...], request: Request, role: str | Role) -> list[Entry]:
    """The entries that are on at this site and open to a role."""
    state = request.app.state
    return [
        entry
        for entry in entries
        if allows(role, entry.role) and (not entry.part or getattr(state, entry.part) is not None)
    ]

"""Invitations to consenting members, pushed by the retailer's own app, membership or till server.

AERAS knows a member by a keyed hash only. The receiver, which holds the same key, finds the member
by the hash and sends the link in its own way: no address of anyone is stored here.
"""

from __future__ import annotations

from typing import Literal

from aeras.respond.channels import Topic
from aeras.respond.channels.webhook import HookOptions


class MemberOptions(HookOptions):
    """Those of a webhook; it gets the invitations."""

    kind: Literal["member"] = "member"
    topics: tuple[Topic, ...] = ("survey.invitation",)

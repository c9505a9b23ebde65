"""Who may say and hear what on the hub's NATS server."""

from __future__ import annotations

STREAM = "AERAS_EVENTS"
CONSUMER = "ingest"
ALL_EVENTS = "aeras.events.*"
PROBE = "aeras.events.~"
"""Where the hub itself sends a message now and then; no shop's id is like that."""
LOST = "Aeras-Lost"
"""Header: how many events the shop's spool had to drop, ever."""
MESSAGE_ID = "Nats-Msg-Id"


def events_of(shop: str) -> str:
    """The one subject that a shop may publish to. A dot would end the subject's part."""
    return f"aeras.events.{shop.replace('.', '~')}"


def shop_of(subject: str) -> str:
    """The shop whose subject it is."""
    return subject.rpartition(".")[2].replace("~", ".")


def inbox_of(shop: str) -> str:
    """Where a shop hears that its message was kept; nobody else may listen there."""
    return f"_INBOX_{shop.replace('.', '~')}"

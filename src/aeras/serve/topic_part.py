"""The topics on an item's page."""

from __future__ import annotations

from fastapi import Request

from aeras.domain.topics import TopicDesk, TopicList


def topics_of_item(request: Request, language: str, item: str) -> TopicList | None:
    """The topics of the answers on an item; None where none are kept."""
    desk: TopicDesk | None = request.app.state.topics
    return desk.topics(language, item) if desk else None

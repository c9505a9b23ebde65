"""A fake of the desk that keeps topics."""

from __future__ import annotations

from datetime import timedelta

from aeras.domain.errors import InputError
from aeras.domain.published import Rate
from aeras.domain.topics import TopicList, TopicRow, WeekShare
from tests.serve.fake import NOW, K, wilson


def row(topic: str, name: str, answers: int, n: int, **more: object) -> TopicRow:
    weeks = tuple(
        WeekShare(NOW - timedelta(days=7 * ago), None if ago == 9 else 0.1 + 0.02 * (ago % 4), 30)
        for ago in range(12, 0, -1)
    )
    share = wilson(answers, n)
    assert share is not None
    facts: dict[str, object] = {
        "named": False,
        "weeks": weeks,
        "change": Rate(-0.02, -0.11, 0.07, 130),
        "rating": Rate(2.4, 1.9, 2.9, 31),
        "quotes": ("Far too expensive for what it is.", "Im Markt nebenan kostet es weniger."),
        "merged": (),
        "simulated": 1.0,
    }
    return TopicRow(topic, name, answers=answers, share=share, **{**facts, **more})  # type: ignore[arg-type]


class FakeTopics:
    """Topics in memory; remembers what was done."""

    def __init__(self, simulated: float = 1.0) -> None:
        self.simulated = simulated
        self.done: list[tuple[str, ...]] = []
        self.rows = (
            row("aa", "expensive, price, cheaper", 61, 180, change=Rate(0.12, 0.03, 0.21, 130)),
            row("bb", "Too sweet", 48, 180, named=True, merged=(("dd", "sugar, syrup"),)),
            row("cc", "", 7, 180, quotes=(), rating=None, change=None),
        )
        self.trouble = ""

    def topics(self, language: str, item: str | None = None) -> TopicList:
        if item == "tea-lights":
            return TopicList(item, None)
        return TopicList(
            item,
            180,
            self.rows,
            other=wilson(52, 180),
            waiting=wilson(12, 180),
            wordless=74,
            grouped_at=NOW - timedelta(hours=9),
            simulated=self.simulated,
            trouble=self.trouble,
        )

    def _known(self, topic: str) -> None:
        if topic not in {"aa", "bb", "cc", "dd"}:
            raise InputError(f"there is no topic {topic!r}", todo="See /topics")

    def rename(self, topic: str, name: str, who: str) -> None:
        self._known(topic)
        self.done.append(("rename", topic, name, who))

    def merge(self, topic: str, into: str, who: str) -> None:
        self._known(topic)
        self._known(into)
        self.done.append(("merge", topic, into, who))

    def release(self, topic: str, who: str) -> None:
        self.done.append(("release", topic, who))

    def split(self, topic: str, who: str) -> None:
        if topic == "cc":
            raise InputError(f"the topic has 3 answers of its own, too few to divide (k is {K})")
        self.done.append(("split", topic, who))

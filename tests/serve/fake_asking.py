"""An `AskDesk` that remembers what it was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aeras.domain.asking import Asked, ChannelRow, ResponseRow, Reward, TrialRow
from aeras.domain.messages import ChannelCounts, Message, MessageState
from aeras.domain.published import Rate
from tests.serve.fake import NOW


class FakeAsking:
    """Two channels, one of them in trouble; a code for every answer."""

    def __init__(self) -> None:
        self.members: list[Mapping[str, str]] = []
        self.retried: list[tuple[str, str | None]] = []
        self.tested: list[str] = []

    def reward(self, token: str, receipt: str, language: str) -> Reward | None:
        return Reward("AAAAA-BBBBB", f"One coffee ({language})")

    def redeem(self, code: str) -> str:
        return "unknown"

    def purchase(
        self, items: Sequence[str], *, member: str | None, language: str, base: str
    ) -> Asked:
        return Asked(items[0], "receipt", f"{base}/s/x", "How is it?\n")

    def add_members(self, rows: Sequence[Mapping[str, str]]) -> int:
        self.members.extend(rows)
        return len(rows)

    def remove_member(self, member_id: str) -> bool:
        return member_id == "known"

    def channels(self) -> list[ChannelRow]:
        trouble = ChannelCounts(3, 40, 1, NOW, "the receiver answers 503")
        return [
            ChannelRow("head-office", "webhook", ("trigger.opened",), trouble),
            ChannelRow("shelf-3", "mqtt", ("survey.prompt",), ChannelCounts(sent=7)),
        ]

    def dead(self) -> list[Message]:
        return [
            Message(
                *("msg_1", 1, "head-office", "trigger.opened", "gum", {}, NOW),
                state=MessageState.DEAD,
                tries=290,
                trouble="the receiver answers 500",
            )
        ]

    def retry(self, channel: str, message_id: str | None = None) -> int:
        self.retried.append((channel, message_id))
        return 1

    def send_test(self, channel: str) -> str:
        self.tested.append(channel)
        return "answered 200"

    def rates(self) -> list[ResponseRow]:
        rate = Rate(0.4, 0.31, 0.5, 100)
        return [
            ResponseRow("put-back", "qr", 100, rate, rate, Rate(0.1, 0.05, 0.17, 100)),
            ResponseRow("put-back", "receipt", None, None, None, None),
        ]

    def trials(self) -> list[TrialRow]:
        rates = (Rate(0.3, 0.25, 0.35, 300), Rate(0.2, 0.16, 0.25, 300))
        gap = Rate(0.1, 0.01, 0.19, 600)
        arms = ("put-back", "price")
        return [
            TrialRow("words", "put-back", arms, (300, 300), rates, gap, 0.05, "a", ended=True),
            TrialRow("new", "taste", ("taste", "fit"), None, None, None, 0.05, None, ended=False),
        ]

    def set_aside(self) -> int | None:
        return None

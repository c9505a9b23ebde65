"""A desk of connectors in memory, for the pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from aeras.domain.errors import InputError
from aeras.domain.feeds import (
    COUNTS,
    DryRun,
    FeedRow,
    FeedState,
    FeedStatus,
    HeldGroup,
    Known,
    Reason,
)
from aeras.domain.kept import Sale
from tests.serve.fake import NOW

MINUTE = timedelta(minutes=1)


class FakeFeeds:
    """Two connectors: one fine, one refused; two groups in quarantine."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.groups = [
            self._group("g1", Reason.UNKNOWN_ITEM, "4711", 12, "<b>no</b>"),
            self._group("g2", Reason.UNREADABLE, "", 1, "the time '31.02.' cannot be read"),
        ]

    def _group(self, key: str, reason: Reason, sku: str, count: int, note: str) -> HeldGroup:
        sample = {"sku": sku, "quantity": "2", "amount": "3.98", "simulated": "1"}
        return HeldGroup(key, "till", reason, sku, count, NOW - MINUTE, NOW, note, sample)

    def feeds(self) -> list[FeedRow]:
        fine = FeedState(
            "till",
            fine_at=NOW - 3 * MINUTE,
            due_at=NOW + MINUTE,
            status=FeedStatus.FINE,
            latest=NOW - 5 * MINUTE,
            counts={"new": 12345, "repeated": 3, "stock": 40, "items": 38},
        )
        refused = FeedState(
            "erp",
            status=FeedStatus.REVOKED,
            trouble="erp.example: the server answers 401: it refuses our key. Renew the key",
        )
        card = ("proven", ("An export",))
        return [
            FeedRow(
                "till", "webhook", "Signed webhook", *card, fine, False, 13, True,
                "/api/public/hooks/till", 180.0,
            ),
            FeedRow("erp", "tryton", "Tryton", *card, refused, False, 0, False, None, None),
        ]  # fmt: skip

    def has(self, source: str) -> bool:
        return source in {"till", "erp"}

    def quarantine(self) -> list[HeldGroup]:
        return self.groups

    def run_now(self, source: str) -> None:
        self._known(source)
        self.asked.append(("run", source))

    def dry_run(self, source: str) -> DryRun:
        self._known(source)
        counts = dict.fromkeys(COUNTS, 0) | {"new": 2, "held": 12}
        sale = Sale("a:0", NOW, "shop", "vegan-salami", 0.452, 316, "EUR")
        known = Known(source, "77", "till.77", "Chewing gum")
        return DryRun(source, counts, 3, True, tuple(self.groups[:1]), (sale,), (known,))

    def retry(self, group: str) -> int:
        self.asked.append(("retry", group))
        return 12

    def discard(self, group: str, who: str) -> int:
        self.asked.append(("discard", group, who))
        return 1

    def push(self, source: str, headers: Mapping[str, str], body: bytes, url: str) -> None:
        if "webhook-signature" not in headers:
            raise InputError("this webhook lacks a header")
        self.asked.append(("push", source, body.decode(), url))

    def _known(self, source: str) -> None:
        if not self.has(source):
            raise InputError(f"there is no connector {source!r}")
